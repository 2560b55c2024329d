#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie
#
# oc-run stands on its own feet under a real systemd: what it leans on hangs or is used up.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

no_session_left() {
	! pgrep -x oc-run-keeper >/dev/null && ! pgrep -fx 'sleep 4321' >/dev/null &&
		[ -z "$(find /sys/fs/cgroup -name 'oc-*.scope')" ]
}

# The end needs no answer of the manager.
a_manager_that_hangs_in_the_middle() {
	start_user_manager
	pid=$(systemctl show -P MainPID user@1000.service)
	as_user_login oc-run -q --grace 300ms -- sh -c 'echo up; sleep 4321' >out &
	eventually 20 grep -q up out
	kill -STOP "$pid"
	supervisor=$(pgrep -o -u dev -x oc-run)
	kill -TERM "$supervisor"
	ended=0
	eventually 60 sh -c "! kill -0 $supervisor 2>/dev/null && ! pgrep -fx 'sleep 4321'" ||
		ended=1
	kill -CONT "$pid"
	is "$ended" 0
	wait || true
	eventually 20 no_session_left
}

few_files_as_a_user() {
	status=0
	said=$(as_user_login prlimit --nofile=20 oc-run -- \
		sh -c 'setsid sleep 4321 & exit 3' 2>&1) || status=$?
	is "$status" 3 "$said"
	has "$said" "only 20 files may be open"
	eventually 20 no_session_left
}

# The kernel's limits hold: root may raise what oc-run itself may open.
few_files_as_root() {
	status=0
	said=$(as_root prlimit --nofile=20 oc-run -- \
		sh -c 'grep 0:: /proc/self/cgroup; setsid sleep 4321 & exit 3' 2>&1) || status=$?
	is "$status" 3 "$said"
	has "$said" "/payload"
	eventually 20 no_session_left
}

every_task_slot_is_taken() {
	as_user_login oc-run -q --pids 64 --grace 300ms -- \
		sh -c "trap : TERM; (trap '' TERM; while :; do sleep 4321 & done) 2>/dev/null; \
			echo full; while :; do read line </dev/zero; done" >out &
	eventually 60 grep -q full out
	kill -TERM "$(pgrep -o -u dev -x oc-run)"
	wait || true
	eventually 20 no_session_left
}

# 128 instances for each user: all in somebody else's hands.
no_inotify_instance() {
	mkfifo go
	setpriv --reuid=1000 --regid=1000 --clear-groups python3 -c '
import ctypes, sys
libc = ctypes.CDLL(None)
while libc.inotify_init1(0) >= 0:
    pass
print("none left", flush=True)
sys.stdin.read()' <go >holder &
	exec 7>go
	eventually 10 grep -q none holder
	status=0
	said=$(as_user_login oc-run -- sh -c 'setsid sleep 4321 & exit 3' 2>&1) || status=$?
	exec 7>&-
	is "$status" 3 "$said"
	eventually 20 no_session_left
}

t "a manager that hangs in the middle does not hold up the end" a_manager_that_hangs_in_the_middle 240
t "with 20 open files a user's session runs and ends whole" few_files_as_a_user
t "with 20 open files root's session has its cgroup" few_files_as_root
t "a session that holds every task slot is ended" every_task_slot_is_taken
t "without an inotify instance a session ends whole" no_inotify_instance
