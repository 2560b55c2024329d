#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=3G
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# contrib/systemd: systemd understands the files, and they do what their README.md says.

UNITS=$OC_CHECKOUT/contrib/systemd
USERS=/sys/fs/cgroup/user.slice

# memory_share PERCENT: of the machine's RAM, in bytes, as systemd reckons.
memory_share() {
	echo $(($(getconf _PHYS_PAGES) * $(getconf PAGESIZE) * $1 / 100))
}

# near ACTUAL EXPECTED: within a MiB.
near() {
	local distance=$(($1 - $2))
	[ "${distance#-}" -lt $((1 << 20)) ] || fail "$1 is not about $2"
}

install_all() {
	mkdir -p /etc/systemd/user
	cp "$UNITS/user/oc.slice" /etc/systemd/user/
	cp -r "$UNITS/system/." /etc/systemd/system/
	systemctl daemon-reload
	stop_user_manager || return
	start_user_manager
}

remove_all() {
	rm -rf /etc/systemd/{user,system}/oc.slice /etc/systemd/system/{user.slice,user@.service}.d/50-oc-run.conf
	systemctl daemon-reload
	stop_user_manager || return
}

# A mistake in a file is a line on stderr.
verify() {
	local said
	install_all
	said=$(systemd-analyze --man=no verify oc.slice user.slice user@1000.service 2>&1) || fail "$said"
	lacks "$said" oc.slice
	lacks "$said" 50-oc-run
	said=$(as_user_login systemd-analyze --user --man=no verify oc.slice 2>&1) || fail "$said"
	lacks "$said" oc.slice
	has "$(systemctl cat user.slice)" 50-oc-run.conf
	has "$(systemctl cat user@1000.service)" 50-oc-run.conf
	remove_all
}

a_mistake_is_seen() {
	install_all
	echo 'MemoryMaxx=1G' >>/etc/systemd/system/user.slice.d/50-oc-run.conf
	has "$(systemd-analyze --man=no verify user.slice 2>&1)" 50-oc-run
	remove_all
}

limits_of_users() {
	local path=$USERS/user-1000.slice/user@1000.service/oc.slice controllers
	install_all
	near "$(as_user_login systemctl --user show -P MemoryMax oc.slice)" "$(memory_share 75)"
	as_user_login oc-run -q -n held --mem 200M -- sleep 1000 &
	eventually 30 test -e "$path"
	near "$(cat $path/memory.max)" "$(memory_share 75)"
	is "$(cat $path/memory.swap.max)" $((2 << 30))
	is "$(cat $path/pids.max)" 32768
	is "$(cat $path/cpu.weight)" 50
	near "$(cat $USERS/memory.max)" "$(memory_share 90)"
	controllers=$(cat $USERS/user-1000.slice/user@1000.service/cgroup.controllers)
	for controller in cpu cpuset io memory pids; do
		has " $controllers " " $controller "
	done
	eventually 30 held_runs
	as_user_login oc-ctl stop held
	has "$(as_user_login oc-run --dry-run -- true)" "swap: 2.0 GiB, 32768 tasks (by its unit)"
	has "$(as_user_login oc-run --dry-run --mem max -- true)" "oc.slice holds all sessions together to"
	has "$(as_user_login oc-run --dry-run --slice other -- true)" "all together: no limit"
	remove_all
}

held_runs() {
	as_user_login oc-ctl list | grep -q 'held.*running'
}

limits_of_root() {
	local path=/sys/fs/cgroup/oc.slice
	systemctl stop oc.slice
	systemctl revert oc.slice
	install_all
	as_root oc-run -q -n held --mem 200M -- sleep 1000 &
	eventually 30 test -e $path/memory.max
	near "$(cat $path/memory.max)" "$(memory_share 75)"
	is "$(cat $path/pids.max)" 32768
	eventually 30 root_held_runs
	# The cap on all users' slice does not keep root's sessions out of it.
	has "$(as_user_login sudo oc-run -q -- cat /proc/self/cgroup)" "0::/oc.slice/oc-"
	as_root oc-ctl stop held
	remove_all
}

root_held_runs() {
	as_root oc-ctl list | grep -q 'held.*running'
}

t "systemd has nothing to say against the units" verify
t "it would say something of a mistake" a_mistake_is_seen
t "a user's slice, all users' and the delegation are as the files say" limits_of_users
t "root's slice is, too" limits_of_root
