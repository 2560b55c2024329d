# SPDX-License-Identifier: MIT
"""oc-ctl log: what happened in sessions that have ended, and in those that run."""

import json

from harness import check, check_equal, test


def events(t, *words):
    result = t.ctl("log", "--json", *words)
    check_equal(result.status, 0, f"status ({result.errors})")
    told = json.loads(result.out)
    check_equal(told["schema"], "oc-ctl.v1", "schema")
    return told["events"]


@test("a session that ended is told from its start to its end, and no secret of its command line")
def ended(t):
    t.oc("-q", "-n", "first", "--mem", "256M", "--", "sh", "-c",
         f": hunter2; '{t.payload}' leak 100M --max 1G; exit 3")
    t.oc("-q", "-n", "second", "--", "true")
    kinds = [event["event"] for event in events(t, "first")]
    check_equal((kinds[0], kinds[-1]), ("started", "ended"), "first and last")
    check({"watch-kill", "oom-kill", "tool-ended"} & set(kinds), f"the kill: {kinds}")
    check_equal({event["name"] for event in events(t)}, {"first", "second"}, "without a word: all")
    told = t.ctl("log", "first")
    text = "\n".join(told.lines)
    check("first" in text and "payload (pid" in text, f"who was ended: {text}")
    check("hunter2" not in text and "hunter2" not in json.dumps(events(t)), "a secret")
    times = [event["time"] for event in events(t)]
    check_equal(times, sorted(times), "the order")


@test("a session that runs is in the log")
def running(t):
    session = t.start_oc("-q", "-n", t.tag, "--", "sh", "-c", "echo ready; sleep 60").wait_line("ready")
    kinds = t.poll(lambda: [event["event"] for event in events(t, t.tag)], "its start in the log")
    check_equal(kinds, ["started"], "events")
    session.signal(15)
    session.wait()


@test("--since leaves out what is older, nonsense and strangers are named")
def since(t):
    t.oc("-q", "-n", "old", "--", "true")
    check_equal(len(events(t, "--since", "1h", "old")), 2, "of the last hour")
    t.run(["sleep", "1.1"])
    result = t.ctl("log", "--since", "1s")
    check_equal((result.status, result.lines), (0, []), "nothing")
    check("nothing happened" in result.errors[0], f"{result.errors}")
    result = t.ctl("log", "nobody")
    check_equal(result.status, 1, "a name that is none")
    check("nobody" in result.errors[0], f"{result.errors}")
    kinds = [event["event"] for event in events(t, "--event", "ended,lost", "old")]
    check_equal(kinds, ["ended"], "of these kinds")
    result = t.ctl("log", "--event", "ended,oomkill")
    check_equal(result.status, 2, "a kind that is none")
    check('--event: "oomkill" is no kind' in result.errors[0], f"{result.errors}")
    result = t.ctl("log", "--since", "2026-13-77")
    check_equal(result.status, 2, "a date that is none")
    check("--since" in result.errors[0] and "2h" in result.errors[0], f"{result.errors}")
