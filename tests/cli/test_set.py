# SPDX-License-Identifier: MIT
"""oc-ctl set: other limits for sessions that run."""

import json
import os
import signal

from harness import check, check_equal, is_alive, read_text, test
from test_ctl import end, listed, shown, start
from test_status import TELL, path_of
from test_steer import ctl

MIB = 1 << 20


def limit(t, name):
    return next(one for one in shown(t)["limits"] if one["name"] == name)


def when_told(t, command, go="go"):
    """Shell: waits for the file, then runs the command."""
    return f"echo ready; while ! [ -e {t.path(go)} ]; do sleep 0.05; done; {command}\necho on; sleep 600"


@test("a raised --mem holds: what would have been killed lives")
def raised(t):
    running = start(t, when_told(t, f"'{t.payload}' hold 220000000 600 &"),
                    "--mem", "150M", "--swap", "0")
    result = ctl(t, "set", t.tag, "--mem", "400M")
    check("400 MiB (was 150 MiB)" in result.lines[0], f"it says so: {result.lines}")
    check_equal((limit(t, "mem")["value"], limit(t, "high")["value"]),
                (400 * MIB, 400 * MIB // 100 * 80 // 4096 * 4096), "limits: high moves along")
    t.write("go", "")
    running.wait_line("on")
    t.poll(lambda: shown(t)["memory_bytes"] > 215000000, "220 MB in use")
    t.run(["sleep", "1"])
    check_equal([event for event in shown(t)["events"] if "kill" in event["event"]], [], "kills")
    end(running)


@test("a lowered --mem holds: what is over it is killed, and told with the new limit")
def lowered(t):
    running = start(t, when_told(t, f"'{t.payload}' leak 200000000 --max 1000000000"),
                    "--mem", "800M", "--swap", "0")
    ctl(t, "set", t.tag, "--mem", "160M")
    t.write("go", "")
    running.wait_line("on")
    t.poll(lambda: any(event["event"].endswith("-kill") and "limit is 160 MiB" in event["sentence"]
                       for event in shown(t)["events"]), "the kill, with the new limit")
    end(running)


@test("a limit below what is in use is refused, and nothing changes")
def refused(t):
    running = start(t, f"'{t.payload}' hold 120000000 600 & '{t.payload}' wait & echo ready; wait",
                    "--mem", "400M", "--pids", "50")
    t.poll(lambda: listed(t)[0]["memory_bytes"] > 115000000, "120 MB in use")
    pids = [one["pid"] for one in shown(t)["processes"]]
    for words, says in ((["--mem", "100M"], "--mem 100 MiB"), (["--pids", "2"], "3 tasks")):
        result = t.ctl("set", t.tag, *words)
        check_equal(result.status, 1, f"status of {words}")
        check(says in result.errors[0] and "oc-ctl show" in result.errors[0],
              f"it says why: {result.errors}")
    check_equal((limit(t, "mem")["value"], limit(t, "pids")["value"]), (400 * MIB, 50), "limits")
    check_equal([pid for pid in pids if not is_alive(pid)], [], "killed")
    end(running)


@test("a new limit of tasks holds")
def tasks(t):
    running = start(t, when_told(t, "for i in 1 2 3 4 5 6 7 8 9; do sleep 600 & done"), "--pids", "99")
    ctl(t, "set", t.tag, "--pids", "6")
    t.write("go", "")
    t.poll(lambda: shown(t)["events"], "an event")
    t.poll(lambda: shown(t)["tasks"] <= 6, "6 tasks at most")
    ctl(t, "kill", t.tag)
    running.wait()


@test("those in the session read the new limit in the status file, and the next list shows it")
def told(t):
    running = start(t, TELL + "echo ready; sleep 600", "--mem", "300M")
    ctl(t, "set", t.tag, "--mem", "512M")
    status = json.loads(read_text(path_of(running)))
    check_equal([one["value"] for one in status["limits"] if one["name"] == "mem"], [512 * MIB],
                "in the status file")
    check_equal(listed(t)[0]["memory_limit_bytes"], 512 * MIB, "in the list")
    end(running)


@test("what can't be done is said, with nothing changed")
def impossible(t):
    running = start(t, "echo ready; sleep 600", "--backend", "none", "--mem", "300M")
    for words, status, says in ((["--cpu-weight", "20"], 1, "nobody enforces --cpu-weight"),
                                (["--mem", "lots"], 2, '--mem "lots"'), ([], 2, "--mem 6G"),
                                (["--mem", "3"], 2, "--mem")):
        result = t.ctl("set", t.tag, *words)
        check_equal(result.status, status, f"status of {words} ({result.errors})")
        check(says in result.errors[0], f"it says so: {result.errors}")
    running.signal(signal.SIGSTOP)
    result = t.ctl("set", t.tag, "--mem", "600M")
    check_equal(result.status, 1, "status while oc-run is stopped")
    check("stopped" in result.errors[0], f"it says so: {result.errors}")
    running.signal(signal.SIGCONT)
    t.poll(lambda: shown(t)["state"] == "running", "it runs again")
    check_equal(limit(t, "mem")["value"], 300 * MIB, "the limit")
    end(running)


@test("a request that makes no sense does not disturb the session")
def nonsense(t):
    running = start(t, "echo ready; sleep 600", "--mem", "300M")
    ident = listed(t)[0]["session"]
    entry = next(path for path in (os.path.join(folder, "oc-run/sessions", ident)
                                   for folder in ("/run", t.path("runtime"), t.path("home/cache")))
                 if os.path.exists(path))
    for text in ("", "{", "[]", '{"token":"x","limits":{}}', "\0" * 2000,
                 '{"token":"00c0ffee00c0ffee","limits":{"mem":"-1"}}',
                 '{"token":"00c0ffee00c0ffee","limits":{"no-such":"1G"}}',
                 '{"token":"00c0ffee00c0ffee","limits":{"mem":{"a":1}}}'):
        with open(entry + ".set", "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(entry)
        t.run(["sleep", "0.1"])
        check_equal((running.status, limit(t, "mem")["value"]), (None, 300 * MIB), f"after {text[:60]!r}")
        if os.path.exists(entry + ".set"):
            os.unlink(entry + ".set")
    ctl(t, "set", t.tag, "--mem", "310M")
    check_equal(limit(t, "mem")["value"], 310 * MIB, "a good one afterwards")
    end(running)
    check(not os.path.exists(entry + ".set"), "no request is left")
