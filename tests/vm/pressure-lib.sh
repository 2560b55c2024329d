# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For tests/vm/test-pressure*.sh: a session, and what its report says about memory.

# session OPTION... -- COMMAND...: as the user who is logged in, in the test's folder. The report goes
# to $report, what oc-run says to $said; the status is that of the session.
session() {
	report=$PWD/report.json
	said=$PWD/said
	rm -f "$report"
	chmod 777 "$PWD"
	as_user_login env -C "$PWD" oc-run -v --report "$report" "$@" 2>"$said" || {
		local status=$?
		cat "$said" >&2
		return "$status"
	}
	cat "$said" >&2
}

# report_says '["key"]'
report_says() {
	python3 -c 'import json, sys; print(eval("report" + sys.argv[2], {"report": json.load(open(sys.argv[1]))}))' \
		"$report" "$1"
}

# The events of one kind: a line for each, its second and its detail.
events() {
	python3 - "$report" "$1" <<'END'
import json, sys
for event in json.load(open(sys.argv[1]))["events"]:
    if event["event"] == sys.argv[2]:
        print(f"{event['at_seconds']:.1f} {event['detail']}")
END
}

all_events() {
	python3 - "$report" <<'END'
import json, sys
for event in json.load(open(sys.argv[1]))["events"]:
    print(event["at_seconds"], event["event"], event["detail"], event.get("memory"))
END
}

# happened KIND [WORDS]: at least one event of that kind, with these words in one of them.
happened() {
	local found
	found=$(events "$1")
	if [ -z "$found" ] || [[ $found != *"${2:-}"* ]]; then
		all_events
		fail "no event $1 ${2:-}"
	fi
}

happened_not() {
	local found
	found=$(events "$1")
	if [ -n "$found" ] && [[ $found == *"${2:-}"* ]]; then
		all_events
		fail "an event $1 ${2:-}"
	fi
}

# evidence KEY LEAST: 1 if the livelock's figure is at least that.
evidence() {
	python3 - "$report" "$1" "$2" <<'END'
import json, sys
for event in json.load(open(sys.argv[1]))["events"]:
    if event["event"] == "livelock":
        print(int(event["evidence"][sys.argv[2]] >= float(sys.argv[3])))
END
}
