#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: when=full suites=bookworm append=systemd.unified_cgroup_hierarchy=0
#
# A machine on which the controllers belong to cgroup version 1 and version 2 only holds processes
# together, as the boot parameter still makes it on Debian 12.
# In single quotes are texts for the shell in the session, with its variables.
# shellcheck disable=SC2016
. "$OC_VM/lib.sh"

try=/usr/local/libexec/oc-run-tests/try-backend

value() {
	sed -n "s/^$1=//p" <<<"$said" | head -n 1
}

the_machine_is_hybrid() {
	is "$(stat -f -c %T /sys/fs/cgroup)" tmpfs
	is "$(stat -f -c %T /sys/fs/cgroup/unified)" cgroup2fs
}

a_scope_holds_together_without_limits() {
	for helper in as_root as_root_service as_user_login as_user_graphical as_user_su; do
		said=$($helper "$try" 'cat /proc/$CHILD/cgroup; cat $PAYLOAD/cgroup.procs' 2>&1) ||
			fail "$helper: $said"
		is "$(value backend)" systemd
		is "$(value contains)" 1
		is "$(value controllers)" ""
		is "$(value why)" "the kernel's memory and pids controllers belong to cgroup version 1 on this machine"
		has "$(value remedy)" "systemd.unified_cgroup_hierarchy=1"
		has "$said" "0::$(value SCOPE | sed s:^/sys/fs/cgroup/unified::)/payload"
		has "$said" "
$(value CHILD)
"
		lacks "$said" " enforced"
		is "$(value gone)" 1
		is "$(find /sys/fs/cgroup/ -name 'oc-*.scope')" "" "what is left"
	done
}

t "the machine is hybrid" the_machine_is_hybrid
t "a scope holds the tree together without limits" a_scope_holds_together_without_limits 300
