#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie memory=2G swap=500M
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# oc-ctl where the kernel enforces: a scope of the user's systemd, and one of the system's.

# start AS NAME OPTION... -- COMMAND...: a session in the background
start() {
	local as=$1 name=$2
	shift 2
	$as oc-run -q -n "$name" "$@" >"$name.out" 2>"$name.err" &
	eventually 60 runs "$as" "$name"
}

runs() {
	[ "$(field "$1" "$2" state 2>/dev/null)" = running ]
}

gone() {
	! "$1" oc-ctl list --json | grep -q "\"name\":	\"$2\""
}

# field AS NAME FIELD
field() {
	$1 oc-ctl show --json "$2" | python3 -c "import json,sys; print(json.load(sys.stdin)['sessions'][0]['$3'])"
}

leaf() {
	echo "/sys/fs/cgroup$(field "$1" "$2" cgroup)/payload"
}

raise_and_lower() {
	local as=$1 manager=$2 path unit
	start "$as" moves --mem 200M -- sleep 1000
	path=$(leaf "$as" moves)
	unit=$(field "$as" moves unit)
	is "$(cat "$path/memory.max")" $((200 << 20))
	$as oc-ctl set moves --mem 400M --pids 300 --cpu-weight 20
	is "$(cat "$path/memory.max")" $((400 << 20))
	is "$(cat "$path/pids.max")" 300
	is "$(cat "$path/cpu.weight")" 20
	is "$(cat "$path/memory.high")" $(((400 << 20) / 100 * 80 / 4096 * 4096))
	# systemd's view, with its head-room, and what it wrote.
	is "$($as systemctl $manager show -P MemoryMax "$unit")" $(((400 + 32) << 20))
	is "$($as systemctl $manager show -P TasksMax "$unit")" 316
	is "$(cat "$path/../memory.max")" $(((400 + 32) << 20))
	$as oc-ctl set moves --mem 100M
	is "$(cat "$path/memory.max")" $((100 << 20))
	is "$($as systemctl $manager show -P MemoryMax "$unit")" $(((100 + 32) << 20))
	# Another change of the scope leaves the leaf alone.
	$as systemctl $manager set-property --runtime "$unit" TasksMax=400
	is "$(cat "$path/memory.max")" $((100 << 20))
	$as oc-ctl stop moves
}

user_scope() {
	raise_and_lower as_user_login --user
}

system_scope() {
	raise_and_lower as_root --system
}

page_cache_is_given_back() {
	local path
	start as_user_login cache --mem 600M --swap 0 -- \
		bash -c 'dd if=/dev/zero of=$HOME/big bs=1M count=300 status=none; cat $HOME/big $HOME/big >/dev/null; echo full; sleep 1000'
	eventually 120 grep -q full cache.out
	path=$(leaf as_user_login cache)
	[ "$(cat "$path/memory.current")" -gt $((200 << 20)) ] || fail "no page cache to give back"
	as_user_login oc-ctl set cache --mem 100M
	is "$(cat "$path/memory.max")" $((100 << 20))
	is "$(sed -n 's/^oom_kill //p' "$path/memory.events")" 0
	as_user_login oc-ctl stop cache
}

anonymous_memory_is_not() {
	local path said
	start as_user_login holds --mem 600M --swap 0 -- payload hold 200000000 900
	path=$(leaf as_user_login holds)
	eventually 60 over "$path" 190000000
	said=$(as_user_login oc-ctl set holds --mem 100M 2>&1) && fail "it was not refused: $said"
	has "$said" "can't give back"
	is "$(cat "$path/memory.max")" $((600 << 20))
	is "$(sed -n 's/^oom_kill //p' "$path/memory.events")" 0
	as_user_login oc-ctl stop holds
}

over() {
	[ "$(cat "$1/memory.current")" -gt "$2" ]
}

a_raised_limit_saves() {
	start as_user_login grows --mem 150M --swap 0 --pressure none -- \
		bash -c 'until [ -e $HOME/go ]; do sleep 0.2; done; payload hold 250000000 900'
	as_user_login oc-ctl set grows --mem 500M
	as_user_login touch go
	eventually 60 over "$(leaf as_user_login grows)" 240000000
	is "$(sed -n 's/^oom_kill //p' "$(leaf as_user_login grows)/memory.events")" 0
	as_user_login rm go
	as_user_login oc-ctl stop grows
}

freeze_and_kill() {
	local path
	start as_user_login frozen -- payload hold 1000000 900
	path=$(leaf as_user_login frozen)
	as_user_login oc-ctl freeze frozen
	is "$(sed -n 's/^frozen //p' "$path/cgroup.events")" 1
	is "$(field as_user_login frozen state)" frozen
	as_user_login oc-ctl thaw frozen
	is "$(field as_user_login frozen state)" running
	as_user_login oc-ctl kill frozen
	eventually 20 test ! -e "$path"
}

# keys KEY...: to top, in tmux
keys() {
	as_user_login tmux -L top send-keys "$@"
}

screen() {
	as_user_login tmux -L top capture-pane -p | tee "$OC_RESULTS/top.screen"
}

# shows TEXT: in one line of the screen, with blanks of any length
shows() {
	screen | tr -s ' ' | grep -qF -e "$1"
}

top_steers_through_the_cgroup() {
	local path
	start as_user_login steered --mem 1G -- bash -c 'payload hold 300000000 900 & while :; do :; done'
	path=$(leaf as_user_login steered)
	eventually 60 over "$path" 290000000
	as_user_login tmux -L top -f /dev/null new-session -d -x 80 -y 24 'oc-ctl top; echo "status $?"; sleep 1000'
	eventually 60 shows "+ steered bash running"
	# Now, peak, limit, bar, two tasks and a busy CPU.
	eventually 60 shows "1.0G ##.... 2 "
	eventually 60 shows "% 0%"
	keys Enter
	eventually 60 shows " payload payload ho"
	keys +
	eventually 60 limit_is "$path" 1152
	eventually 60 shows "1.1G"
	keys f
	eventually 60 is_frozen "$path" 1
	eventually 60 shows "steered bash frozen"
	keys t
	eventually 60 is_frozen "$path" 0
	keys K
	eventually 60 shows "y/n"
	test -e "$path"
	keys y
	eventually 60 test ! -e "$path"
	eventually 60 shows "no session runs"
	keys q
	eventually 60 shows "status 0"
	as_user_login tmux -L top kill-server
}

limit_is() {
	[ "$(cat "$1/memory.max")" = $(($2 << 20)) ]
}

is_frozen() {
	[ "$(sed -n 's/^frozen //p' "$1/cgroup.events")" = "$2" ]
}

figures_are_the_kernels() {
	start as_user_login counts --mem 300M -- payload hold 50000000 900
	eventually 60 over "$(leaf as_user_login counts)" 50000000
	is "$(field as_user_login counts counted_by_kernel)" True
	has "$(as_user_login oc-ctl show counts)" "300 MiB, enforced by the kernel"
	as_user_login oc-ctl stop counts
	eventually 20 gone as_user_login counts
}

t "set changes the leaf and systemd's view of a user's scope" user_scope
t "set changes those of a scope of the system" system_scope
t "page cache is given back before the limit comes down" page_cache_is_given_back
t "memory that can't be given back: nothing is changed, nobody killed" anonymous_memory_is_not
t "a limit raised in time saves what grows over the old one" a_raised_limit_saves
t "freeze, thaw and kill through the cgroup" freeze_and_kill
t "figures are the kernel's" figures_are_the_kernels
t "keys of top change the leaf, freeze it and kill what is in it" top_steers_through_the_cgroup 400
