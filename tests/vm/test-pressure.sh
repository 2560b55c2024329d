#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=1500M timeout=1200
#
# Memory running short, with real workloads under the kernel's limits: memory.high up and down, the
# guard of a person's line, the ladder before the wall. What is decided when is tested by scripts in
# tests/unit/test-pressure*.c; test-pressure-long.sh has what takes long.
# In single quotes are texts for the shell in the session, with its variables.
# shellcheck disable=SC2016
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"
# shellcheck source=tests/vm/pressure-lib.sh
. "$OC_VM/pressure-lib.sh"

# Anonymous memory above the first step, below the limit, and no swap: above a line that stays it
# would be throttled for minutes.
the_staircase_goes_up() {
	session -m 200M --swap 0 -- payload leak max --max 185M
	happened memory-high "memory.high raised to"
	happened memory-short
	happened_not oom-kill
	happened_not livelock
}

the_staircase_comes_down() {
	session -m 200M --swap 0 -- sh -c '
		high=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/memory.high
		first=$(cat $high)
		payload hold 185M 2
		echo then $(cat $high)
		for i in $(seq 100); do
			[ $(cat $high) = $first ] && break
			sleep 0.5
		done
		echo last $(cat $high)' >out
	cat out
	lacks "$(cat out)" "then $((160 << 20))"
	has "$(cat out)" "last $((160 << 20))"
	happened memory-high-lowered "put back to 160 MiB"
	happened memory-eased
}

# What the line is for: the kernel reclaims page cache early, and memory is not short.
page_cache_is_no_shortage() {
	head -c 400M /dev/zero >file
	chmod 644 file
	sync
	echo 3 >/proc/sys/vm/drop_caches
	session -m 200M --swap 0 -- cat file >/dev/null
	happened memory-high "memory.high stays at"
	happened_not memory-short
	happened_not tool-ended
}

# Four threads that nothing can be taken from, above a person's line: they stand still until the guard
# lifts it, and then they get done.
a_line_that_holds_the_session_still_is_lifted() {
	session -m 300M --high 100M --swap 0 -- payload leak max --threads 4 --max 180M
	happened livelock "with memory.high at 100 MiB"
	is "$(evidence stalled_percent 40)" 1 "stalled for 40 % at least"
	is "$(evidence seconds 10)" 1 "for ten seconds at least"
	is "$(evidence high_events 1)" 1 "crossings"
	happened_not oom-kill
	has "$(cat "$said")" "memory.high was lifted"
}

# A large agent and a tool that grows: the tool gets SIGTERM, with all its processes, and removes its
# lock; the agent lives on.
a_growing_tool_is_asked_to_end() {
	printf '%s\n' '#!/bin/sh' ': >lock' 'trap "rm lock; exit 143" TERM' \
		'payload leak 4M --max 1G &' wait >tool
	chmod 755 tool
	session -m 200M --swap 0 -- payload beside 120M ./tool >out
	cat out
	has "$(cat out)" "tool 143"
	[ ! -e lock ] || fail "the lock is left"
	happened tool-ended "SIGTERM to the 2 processes"
	happened_not tool-ended SIGKILL
	happened_not oom-kill
	is "$(report_says '["outcome"]')" tool-ended
	has "$(cat "$said")" "asked to end: payload (pid"
}

each_step_can_be_off() {
	# A child of the agent's own name counts as the agent.
	cp "$(command -v payload)" tool
	session -m 100M --swap 0 --pressure none -- payload beside 60M ./tool leak 4M --max 1G >out
	has "$(cat out)" "tool 137"
	happened_not memory-short
	happened_not tool-ended
	happened oom-kill
}

t "an anonymous workload above the first step runs through" the_staircase_goes_up
t "memory.high comes down when less is used" the_staircase_comes_down 240
t "page cache alone is no shortage" page_cache_is_no_shortage
t "a person's line is lifted when the session stands still at it" \
	a_line_that_holds_the_session_still_is_lifted 240
t "a growing tool is asked to end and removes its lock" a_growing_tool_is_asked_to_end 240
t "each step can be off, and the kernel's kill stands behind" each_step_can_be_off 240
