#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm append=psi=0
#
# oc-ctl doctor on machines that lack something, one thing each: what it says is compared with what was
# taken away. The guest has no swap, and its kernel no PSI.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# finding HELPER CHECK: "severity text | remedy"
finding() {
	"$1" oc-ctl doctor --json >found.json || true
	python3 - "$2" <<'END'
import json, sys
for one in json.load(open("found.json"))["findings"]:
    if one["check"] == sys.argv[1]:
        print(one["severity"], one["text"], "|", one["remedy"])
END
}

# says HELPER CHECK SEVERITY PART
says() {
	local said
	said=$(finding "$1" "$2")
	[[ $said == "$3 "* ]] || fail "not $3: $said"
	has "$said" "$4"
}

well() {
	says as_user_login cgroup ok "version 2"
	says as_user_login limits ok "limited by the kernel (user systemd"
	if [ "$OC_SUITE" = bookworm ]; then
		says as_user_login systemd note "it does not know OOMPolicy"
	else
		says as_user_login systemd ok "systemd 2"
	fi
	says as_user_login trial ok "the kernel ended the leak"
	has "$(finding as_user_login trial)" "the command went on"
	says as_root limits ok "limited by the kernel (system systemd"
	says as_root trial ok "the kernel ended the leak"
}

no_swap_no_pressure() {
	says as_user_login swap note "no swap"
	says as_user_login pressure note "psi=1"
}

no_user_manager() {
	stop_user_manager
	says as_user_cron systemd warning "no user manager"
	has "$(finding as_user_cron systemd)" "enable-linger"
	says as_user_cron limits warning "by watching"
	says as_user_cron trial ok "by watching"
}

read_only_container() {
	says in_container_ro limits warning "by watching"
}

limit_above() {
	limited() {
		as_user_login systemd-run --user --quiet --pipe --wait --collect -p MemoryMax=700M "$@"
	}
	says limited outer-limit note "a limit of 700 MiB"
}

few_tasks() {
	limited() {
		as_user_login systemd-run --user --quiet --pipe --wait --collect -p TasksMax=90 "$@"
	}
	says limited outer-limit warning "90 tasks"
}

# Where every unit counts its memory the controller is there without being handed down.
no_delegation() {
	mkdir -p /etc/systemd/system/user@.service.d /etc/systemd/system.conf.d
	printf '[Service]\nDelegate=\nDelegate=pids\n' >/etc/systemd/system/user@.service.d/zz.conf
	printf '[Manager]\nDefaultMemoryAccounting=no\n' >/etc/systemd/system.conf.d/zz.conf
	systemctl daemon-reexec
	stop_user_manager
	start_user_manager
	says as_user_login limits warning "the kernel does not hold memory"
	has "$(finding as_user_login limits)" "systemctl edit user@.service"
}

delegation_again() {
	rm -f /etc/systemd/system/user@.service.d/zz.conf /etc/systemd/system.conf.d/zz.conf
	systemctl daemon-reexec
	stop_user_manager
	start_user_manager
	says as_user_login limits ok "limited by the kernel"
}

inotify_used_up() {
	local before
	before=$(cat /proc/sys/fs/inotify/max_user_instances)
	start_user_manager
	echo 0 >/proc/sys/fs/inotify/max_user_instances
	says as_user_login inotify warning "in use" ||
		{ echo "$before" >/proc/sys/fs/inotify/max_user_instances; return 1; }
	says as_user_login trial ok "the kernel ended the leak"
	echo "$before" >/proc/sys/fs/inotify/max_user_instances
	says as_user_login inotify ok "free"
}

broken_configuration() {
	mkdir -p /home/dev/.config/oc-run
	echo "men = 4G" >/home/dev/.config/oc-run/oc-run.conf
	chown -R dev: /home/dev/.config
	says as_user_login configuration error "oc-run.conf:1"
	says as_user_login trial error "could not be started"
	rm /home/dev/.config/oc-run/oc-run.conf
}

alias_and_none() {
	says as_user_login alias note "no opencode on PATH"
	printf '#!/bin/sh\n' >/usr/local/bin/opencode
	chmod 755 /usr/local/bin/opencode
	says as_user_login alias note "without oc-run"
	echo "alias opencode='oc-run -- opencode'" >>/home/dev/.bashrc
	says as_user_login alias ok "in a session"
	rm /usr/local/bin/opencode
}

t "where all is well nothing is to be done, for a user and for root" well 240
t "no swap and no PSI are notes" no_swap_no_pressure
t "without a user manager it is said how to get one" no_user_manager 240
t "a container with read-only cgroups" read_only_container
t "a limit on the memory from outside" limit_above
t "a limit on the tasks from outside" few_tasks
t "a manager that hands down no memory controller" no_delegation 240
t "and one that does again" delegation_again 240
t "inotify instances that are all in use" inotify_used_up
t "a configuration that can't be read" broken_configuration
t "opencode that starts without oc-run" alias_and_none
