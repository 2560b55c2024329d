#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm
#
# Who goes first when memory runs out, under the kernel's limits: an agent that is larger than its
# leaking tool, twenty times.
# shellcheck disable=SC2016 # much here is for another shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# An agent of 120 MiB starts a tool that takes up to 1 GiB as fast as it can; says how the tool ended.
agent="payload beside 120M payload leak 1G"

agent_survives() {
	local said round
	for round in {1..20}; do
		said=$(as_root oc-run -q --mem 200M --swap 0 -- $agent 2>&1) ||
			fail "round $round: status $?: $said" || return 1
		has "$said" "tool 137" || return 1
	done
}


# The control: with every score as it was the kernel takes the largest, which is the agent.
without_scores_the_agent_dies() {
	local said
	said=$(as_root systemd-run --scope --quiet -p MemoryMax=200M -p MemorySwapMax=0 -p OOMPolicy=continue \
		$agent 2>&1) && fail "the agent lived: $said"
	lacks "$said" "tool 137"
}

agent_goes_first() {
	local said
	said=$(as_root oc-run --mem 200M --swap 0 --oom agent -- payload beside 20M payload leak 1G 2>&1) &&
		fail "the agent lived: $said"
	lacks "$said" "tool 137"
	has "$said" "; payload "
}

all_go_at_once() {
	local said
	said=$(as_root oc-run --mem 200M --swap 0 --oom group -- sh -c 'payload leak 1G; echo alive' 2>&1) &&
		fail "the command lived: $said"
	lacks "$said" $'\nalive'
	has "$said" "killed: payload (pid"
	has "$said" "memory limit reached"
}

t "an agent larger than its leaking tool survives the kernel's kill, 20 of 20" agent_survives 900
[ "$OC_SUITE" = bookworm ] || # no OOMPolicy for scopes there
	t "without scores the agent dies" without_scores_the_agent_dies
t "--oom=agent: the agent goes first" agent_goes_first
t "--oom=group: all go at once" all_go_at_once
