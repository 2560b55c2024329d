#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=1500M timeout=1200
#
# All sessions together near what their slice may take, each within its own limit. What is decided when
# is tested by scripts in tests/unit/test-slice-pressure.c, the whole incident by tests/bench.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"
# shellcheck source=tests/vm/pressure-lib.sh
. "$OC_VM/pressure-lib.sh"

# quiet NAME: holds 300 MiB, in the background.
quiet() {
	as_user_login oc-run -v -n "$1" --swap 0 -- payload hold 300M 600 >"$1.out" 2>"$1.err" &
	eventually 60 grep -q ready "$1.out"
}

is_quiet() {
	as_user_login oc-ctl show "$1" >/dev/null || fail "$1 is gone: $(cat "$1.err")"
	is "$(field "$1" state)" running
}

field() {
	as_user_login oc-ctl show --json "$1" |
		python3 -c "import json, sys; print(json.load(sys.stdin)['sessions'][0]['$2'])"
}

slice() {
	echo /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/oc.slice
}

grows_and_is_asked() {
	session --swap 0 -- sh -c 'payload leak 15M; echo the agent goes on' >out
	has "$(cat out)" "the agent goes on"
	happened tool-ended "the sessions together ran short of memory"
	happened_not oom-kill
}

# All that the kernel killed below the slice: a test before may have had some of it.
slice_kills() {
	sed -n 's/^oom_kill //p' "$(slice)/memory.events"
}

who_grows_gives_way() {
	local before
	quiet one
	before=$(slice_kills)
	quiet two
	grows_and_is_asked
	is_quiet one
	is_quiet two
	is "$(slice_kills)" "$before" "killed by the kernel"
	as_user_login oc-ctl stop --all
}

the_next_one_leads() {
	quiet first
	quiet second
	kill -KILL "$(field first supervisor_pid)"
	eventually 30 gone first
	quiet third
	grows_and_is_asked
	is_quiet second
	is_quiet third
	as_user_login oc-ctl stop --all
}

gone() {
	! as_user_login oc-ctl list --json | grep -q "\"name\":	\"$1\""
}

# Faster than they can be asked one after the other.
many_at_once() {
	local name
	quiet calm
	chmod 777 .
	for name in a b c; do
		as_user_login env -C "$PWD" oc-run -n "$name" --swap 0 --report "$PWD/$name.json" -- \
			sh -c 'setsid payload leak max & payload leak max; wait; echo the agent goes on' \
			>"$name.out" 2>"$name.err" &
	done
	for name in a b c; do
		eventually 90 grep -q "the agent goes on" "$name.out"
		eventually 30 test -s "$name.json"
	done
	is_quiet calm
	grep -q "the sessions together ran short of memory" ./*.json ||
		fail "nobody was asked: $(cat ./*.err)"
	is "$(cat "$(slice)"/oc-*.scope/cgroup.freeze | sort -u)" 0 "nobody stays frozen"
	as_user_login oc-ctl stop --all
}

t "the session that grows gives way to those that are quiet" who_grows_gives_way 240
t "when the one that leads is killed the next one does" the_next_one_leads 240
t "many that grow at once are held and asked, and a quiet one goes on" many_at_once 240
