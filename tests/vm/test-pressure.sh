#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie,bookworm memory=1500M timeout=1200
#
# Memory running short, with real workloads under a real memory.high: the staircase up and down, the
# guard of a person's line. The decisions themselves are tested in tests/unit/test-pressure.c.
. "$OC_VM/lib.sh"

# session OPTION... -- COMMAND...: as the user who is logged in, with a report in `report`, which
# jq-like questions are put to by `events`. Status is that of the session.
session() {
	report=$PWD/report.json
	rm -f "$report"
	chmod 777 "$PWD"
	as_user_login oc-run --report "$report" "$@"
}

# events KIND: how many, then a line for each: its detail.
events() {
	python3 - "$report" "$1" <<'END'
import json, sys
found = [e for e in json.load(open(sys.argv[1]))["events"] if e["event"] == sys.argv[2]]
print(len(found))
for event in found:
    print(f"{event['at_seconds']:.1f} {event['detail']}")
END
}

# Anonymous memory, 80 % to 100 % of the limit and no swap: without the staircase it would be throttled
# for minutes. It ends, and memory.high has gone up.
the_staircase_goes_up() {
	session -m 200M --swap 0 -v -- payload leak max --max 185M
	events memory-high
	has "$(events memory-high)" "memory.high raised to"
	is "$(events livelock | head -n 1)" 0
	is "$(events oom-kill | head -n 1)" 0
	is "$(events memory-short | head -n 1)" 1
}

t "an anonymous workload above the first step runs through" the_staircase_goes_up
