#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie,bookworm
#
# The kernel's event files and its log, with real kills and denied forks. try-watch (tests/sys)
# watches a cgroup and says what it sees; see its head. The cgroups are made by hand: oc-t-watch-X
# stands for the scope and has payload/ in it.
. "$OC_VM/lib.sh"

tests=/usr/local/libexec/oc-run-tests
mount=/sys/fs/cgroup

# make_cgroup: $scope and $payload, paths below the mount point. And a folder of its own.
make_cgroup() {
	cd "$(mktemp -d -p "$PWD")" || exit 1
	chmod 755 .
	scope=/oc-t-watch-$BASHPID
	payload=$scope/payload
	mkdir "$mount$scope"
	# shellcheck disable=SC2064
	trap "remove_cgroup $scope" EXIT
	echo +memory +pids >"$mount$scope/cgroup.subtree_control"
	mkdir "$mount$payload"
	echo 0 >"$mount$payload/memory.swap.max"
	make_enter
}

remove_cgroup() {
	echo 1 >"$mount$1/cgroup.kill"
	eventually 20 grep -q 'populated 0' "$mount$1/cgroup.events"
	rmdir "$mount$1"/*/ "$mount$1" 2>/dev/null || true
}

# watch COMMAND...: COMMAND is try-watch with what it is run by. Its lines go to `seen`.
watch() {
	mkfifo hold
	"$@" <hold >seen 2>&1 &
	watcher=$!
	exec 8>hold
	eventually 10 grep -q ^ready seen
}

# What comes from here on ends when the payload is empty.
watch_ends() {
	eventually 30 grep -q ^end seen || { cat seen; return 1; }
	exec 8>&-
	wait "$watcher"
	cat seen
}

# "$enter" COMMAND...: in the payload, with the pid that the shell had.
enter=./enter

make_enter() {
	printf '#!/bin/sh\necho 0 >"%s/cgroup.procs"\nexec "$@"\n' "$mount$payload" >enter
	chmod 755 enter
}

as_dev_with() {
	setpriv --reuid=1000 --regid=1000 --groups="$1" --inh-caps=-all "${@:2}"
}

saw() {
	grep -Eq "$1" seen || fail "not seen: $1"
}

saw_not() {
	! grep -E "$1" seen || fail "seen: $1"
}

# One process takes more than there is.
kill_one() {
	echo 60M >"$mount$payload/memory.max"
	$enter payload leak max --max 200M >/dev/null 2>&1 &
	victim=$!
	local status=0
	wait "$victim" || status=$?
	is "$status" 137 "status of the victim"
	watch_ends
	saw '^memory.oom_kill 0 1$'
	saw '^local.oom_kill 0 1$'
	saw '^memory.max 0 [1-9]'
	saw '^populated 0$'
	saw 'wakeups_at_rest=0$'
}

root_reads_the_kill_in_kmsg() {
	make_cgroup
	watch "$tests/try-watch" "$payload" "$scope"
	saw '^ready inotify=1 log=kmsg$'
	kill_one
	saw "^killed pid=$victim comm=payload bytes=[0-9]{8} by_cgroup=1 at=1 cgroup=$payload\$"
	saw '^end log=kmsg'
}

epollpri_alone_sees_the_kill() {
	make_cgroup
	watch "$tests/try-watch" --no-inotify "$payload" "$scope"
	saw '^ready inotify=0'
	kill_one
}

user_of_the_journals_group_reads_the_kill_there() {
	make_cgroup
	watch as_dev_with systemd-journal "$tests/try-watch" "$payload" "$scope"
	saw '^ready inotify=1 log=journal$'
	kill_one
	saw "^killed pid=$victim comm=payload bytes=[0-9]{8} by_cgroup=1 at=1 cgroup=$payload\$"
	saw '^end log=journal'
}

plain_user_sees_the_count_and_is_told_that_no_log_can_be_read() {
	make_cgroup
	watch as_dev_with dev "$tests/try-watch" "$payload" "$scope"
	kill_one
	saw '^log: Permission denied$'
	saw '^end log=none'
	saw_not '^killed'
}

# An older kill of the same name is in the log already: it is not told again.
two_kills_are_told_by_two_watches() {
	for group in systemd-journal kmsg; do
		for _ in 1 2; do
			(
				make_cgroup
				if [ $group = kmsg ]; then
					watch "$tests/try-watch" "$payload" "$scope"
				else
					watch as_dev_with $group "$tests/try-watch" "$payload" "$scope"
				fi
				kill_one
				is "$(grep -c ^killed seen)" 1 "number of kills"
				saw "^killed pid=$victim "
			)
		done
	done
}

kills_of_a_whole_group_are_all_told() {
	make_cgroup
	echo 1 >"$mount$payload/memory.oom.group"
	watch "$tests/try-watch" "$payload" "$scope"
	$enter payload hold 5M 600 >held &
	local bystander=$!
	eventually 10 grep -q ready held
	echo 60M >"$mount$payload/memory.max"
	$enter payload leak max --max 200M >/dev/null 2>&1 &
	victim=$!
	wait "$victim" "$bystander" || true
	watch_ends
	saw '^populated 0$'
	# The kernel counts and tells the one that it chose twice: alone, then with its group.
	is "$(awk '$1 == "memory.oom_kill" {kills = $3} END {print kills}' seen)" 3 "kills"
	saw '^memory.oom_group_kill 0 1$'
	# The summary with the cgroup comes once.
	is "$(grep -c "^killed pid=$victim .* cgroup=$payload\$" seen)" 1
	saw "^killed pid=$bystander "
}

limit_of_the_scope_is_seen_at_the_scope() {
	make_cgroup
	watch "$tests/try-watch" "$payload" "$scope"
	echo 60M >"$mount$scope/memory.max"
	$enter payload leak max --max 200M >/dev/null 2>&1 || true
	watch_ends
	saw '^memory.oom_kill 0 1$'
	saw_not '^local.max '
	saw '^scope.local.max 0 [1-9]'
	saw '^scope.memory.oom_kill 0 1$'
	saw "^killed .* cgroup=$payload\$"
}

crossing_memory_high_is_seen() {
	make_cgroup
	watch "$tests/try-watch" "$payload" "$scope"
	echo 20M >"$mount$payload/memory.high"
	$enter payload hold 30M 0 >/dev/null
	watch_ends
	saw '^memory.high 0 [1-9]'
	saw_not oom_kill
}

denied_fork_is_seen() {
	make_cgroup
	watch "$tests/try-watch" "$payload" "$scope"
	echo 5 >"$mount$payload/pids.max"
	$enter payload tasks 20 >/dev/null 2>&1 &
	eventually 20 grep -q '^pids.max 0 [1-9]' seen
	echo 1 >"$mount$payload/cgroup.kill"
	watch_ends
}

# 128 for each user: all in somebody else's hands.
exhausted_inotify_leaves_epollpri() {
	make_cgroup
	mkfifo go
	as_dev_with dev python3 -c '
import ctypes, sys
libc = ctypes.CDLL(None)
while libc.inotify_init1(0) >= 0:
    pass
print("none left", flush=True)
sys.stdin.read()' <go >holder &
	local holder=$!
	exec 7>go
	eventually 10 grep -q none holder
	watch as_dev_with dev "$tests/try-watch" "$payload" "$scope"
	saw '^ready inotify=0'
	kill_one
	exec 7>&-
	wait "$holder"
}

watch_stays_small() {
	make_cgroup
	watch as_dev_with systemd-journal "$tests/try-watch" "$payload" "$scope"
	kill_one
	local kib
	kib=$(sed -n 's/^end .*private_kib=\([0-9]*\).*/\1/p' seen)
	[ "$kib" -lt 1024 ] || fail "$kib KiB of private memory"
	echo "$kib KiB" >"$OC_RESULTS/try-watch-private-$OC_SUITE"
}

# Those that need no controller, here on this kernel: as root with cgroups, as a user without.
sys_tests_pass() {
	for name in tree tree-cgroup watch watch-cgroup; do
		env OC_RUN_TESTS_NO_SKIP=1 CK_TAP_LOG_FILE_NAME=- CK_VERBOSITY=silent \
			"$tests/test-sys-$name"
	done
	for name in tree watch; do
		as_dev_with dev env CK_TAP_LOG_FILE_NAME=- CK_VERBOSITY=silent \
			"$tests/test-sys-$name"
	done
}

t "root reads who was killed in /dev/kmsg" root_reads_the_kill_in_kmsg
t "EPOLLPRI alone sees a kill" epollpri_alone_sees_the_kill
t "a user of the journal's group reads it there" user_of_the_journals_group_reads_the_kill_there
t "a plain user sees the count and is told that no log can be read" \
	plain_user_sees_the_count_and_is_told_that_no_log_can_be_read
t "kills before the watch are not told" two_kills_are_told_by_two_watches 300
t "kills of a whole group are all told" kills_of_a_whole_group_are_all_told
t "the scope's own limit is seen at the scope" limit_of_the_scope_is_seen_at_the_scope
t "crossing memory.high is seen" crossing_memory_high_is_seen
t "a denied fork is seen" denied_fork_is_seen
t "when no inotify instance is left EPOLLPRI takes over" exhausted_inotify_leaves_epollpri
t "the watch stays below 1 MiB, after a kill too" watch_stays_small
t "the tests of watch and tree pass on this kernel" sys_tests_pass 600
