# SPDX-License-Identifier: MIT
"""What happened: --report FILE, --json-status-fd N, and the text on stderr."""

import json
import os
import re
import signal

from harness import check, check_equal, read_text, test
from terminal import Terminal
from test_limits import LEAK, SMALL
from test_stdio import fds_seen

FIELDS = ("schema session name command backend unit cgroup started duration_seconds outcome "
          "summary exit stop kills forks_denied escapes limits peaks counters events "
          "events_dropped victims leftovers unkillable terminal_was_reset restart resume "
          "raise next").split()


def load(path):
    with open(path, "rb") as file:
        return json.loads(file.read().decode("utf-8"))


def reported(t, *words, status=None, **more):
    """Runs oc-run with --report; the report."""
    path = t.path("report.json")
    result = t.oc("--report", path, *words, **more)
    if status is not None:
        check_equal(result.status, status, f"status ({result.errors})")
    return load(path)


def status_lines(t, *words, **more):
    """Runs oc-run with --json-status-fd; (result, parsed lines)."""
    path = t.path("status.jsonl")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        result = t.oc(f"--json-status-fd={fd}", *words, pass_fds=(fd,), **more)
    finally:
        os.close(fd)
    return result, [json.loads(line) for line in read_text(path).splitlines()]


@test("--report writes one JSON object with every documented field")
def all_fields(t):
    report = reported(t, "-q", "--", t.payload, "exit", "3", status=3)
    check_equal(report["schema"], "oc-run.report.v1", "schema")
    check_equal([name for name in FIELDS if name not in report], [], "missing fields")
    check_equal(report["exit"], {"status": 3, "code": 3}, "exit")
    check_equal(report["command"]["argv"], [t.payload, "exit", "3"], "argv")
    check_equal(report["command"]["executable"], t.payload, "executable")
    check_equal((report["outcome"], report["stop"], report["leftovers"]["count"]),
                ("clean", None, 0), "outcome, stop, leftovers")
    check(re.fullmatch(r"[0-9a-f]{16}", report["session"]), f"session id {report['session']!r}")
    check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", report["started"]), report["started"])
    check(0 <= report["duration_seconds"] < 3600, f"duration {report['duration_seconds']}")


@test("the report's session id is the one that the command saw")
def session_id(t):
    path = t.path("report.json")
    result = t.oc("-q", "--report", path, "--", t.payload, "env", "OC_RUN_SESSION")
    check_equal(result.lines, [load(path)["session"]], "session id")


@test("the report names each limit, its origin and who enforces it")
def limits(t):
    report = reported(t, "-q", "--mem", "1G", "--pids", "500", "--", "true")
    by_name = {limit["name"]: limit for limit in report["limits"]}
    check_equal(sorted(by_name), sorted(["mem", "high", "swap", "pids", "cpus", "cpu-weight",
                                         "io-weight"]), "names")
    check_equal((by_name["mem"]["value"], by_name["mem"]["unit"], by_name["mem"]["asked"],
                 by_name["mem"]["where"]), (1 << 30, "bytes", True, "--mem"), "mem")
    check_equal((by_name["pids"]["value"], by_name["pids"]["unit"]), (500, "tasks"), "pids")
    check(by_name["mem"]["enforced_by"] in ("kernel", "watching"), by_name["mem"])
    check_equal(by_name["swap"]["asked"], False, "swap was asked for")


@test("a death by signal stands in the report")
def by_signal(t):
    report = reported(t, "-q", "--", t.payload, "killself", "SEGV", status=139)
    check_equal(report["exit"], {"status": 139, "signal": 11, "signal_name": "SIGSEGV"}, "exit")
    check_equal(report["outcome"], "command-died", "outcome")


@test("a kill for memory stands in the report with its victim and what to raise")
def memory_kill(t):
    report = reported(t, "-q", *SMALL, "--", "sh", "-c",
                      f"'{t.payload}' {' '.join(LEAK)} >/dev/null; sleep 3; exit 4", status=4)
    check_equal(report["outcome"], "tool-killed", "outcome")
    check(report["kills"]["count"] >= 1 and report["kills"]["own_limit"], report["kills"])
    check_equal([victim["name"] for victim in report["victims"]], ["payload"], "victims")
    check_equal(report["victims"][0]["is_command"], False, "the victim is the command")
    check("mem" in [raise_["limit"] for raise_ in report["raise"]], report["raise"])
    check(report["peaks"]["memory_bytes"] > 50 << 20, report["peaks"])
    check({"oom-kill", "watch-kill"} & {event["event"] for event in report["events"]},
          report["events"])
    check(report["next"], "there is a next step")


@test("leftovers stand in the report, one by one and in groups")
def leftovers(t):
    daemon = f"'{t.payload}' daemon '{t.payload}' ignore TERM,HUP '{t.payload}' wait >/dev/null"
    report = reported(t, "-q", "--grace", "1", "--", "sh", "-c", f"{daemon}; {daemon}; sleep 0.5; "
                      "exit 3", status=3)
    check_equal((report["outcome"], report["leftovers"]["count"]), ("leftovers", 2),
                "outcome and count")
    check_equal([(group["name"], group["count"]) for group in report["leftovers"]["groups"]],
                [("payload", 2)], "groups")
    check_equal(len(report["leftovers"]["items"]), 2, "items")


@test("who told the session to stop stands in the report: a signal")
def stopped_by_signal(t):
    path = t.path("report.json")
    running = t.start_oc("-q", "--report", path, "--", t.payload, "wait").wait_line("ready")
    running.signal(signal.SIGTERM)
    running.wait()
    report = load(path)
    check_equal(report["outcome"], "stopped", "outcome")
    check_equal(report["stop"], {"reason": "signal", "signal": 15, "signal_name": "SIGTERM"},
                "stop")


@test("who told the session to stop stands in the report: the terminal")
def stopped_by_hangup(t):
    path = t.path("report.json")
    terminal = Terminal(t, [t.oc_run, "--report", path, "--", t.payload, "wait"])
    terminal.expect("ready")
    terminal.close()
    t.poll(lambda: os.path.exists(path), "a report")
    check_equal(load(path)["stop"]["reason"], "hangup", "reason")


@test("arguments that are no UTF-8 and control characters keep the report valid")
def odd_arguments(t):
    path = t.path("report.json")
    result = t.run([t.oc_run, "-q", "--report", path, "--name", "a\"b\\c\u00e9", "--", t.payload,
                    "args", b"\xff\xfe", "\x1b[31m", "\"quoted\""])
    check_equal(result.status, 0, "status")
    report = load(path)
    check_equal((len(report["command"]["argv"]), report["name"]), (5, "a\"b\\c\u00e9"),
                "argv, name")


@test("nothing that a process chose can act on the terminal")
def safe_text(t):
    name = "a\x1b]0;title\x07b"
    os.symlink(t.payload, t.path(f"bin/{name}"))
    result = t.oc("--grace", "1", "--", "sh", "-c", f"'{t.payload}' daemon \"$0\" wait >/dev/null; "
                  "sleep 0.3; exit 3", t.path(f"bin/{name}"))
    check_equal(result.status, 3, "status")
    bad = [byte for byte in result.err if byte < 32 and byte != 10]
    check_equal(bad, [], "control characters on stderr")


@test("an older report is replaced as a whole")
def replaced(t):
    path = t.write("report.json", "x" * 100000)
    check_equal(reported(t, "-q", "--", "true")["schema"], "oc-run.report.v1", "schema")
    check(os.path.getsize(path) < 100000, "nothing of the old one is left")
    others = [name for name in os.listdir(t.folder) if "report" in name]
    check_equal(others, ["report.json"], "no temporary file is left")


@test("--report to a path that cannot be written is one clear line, and the status is not lost")
def unwritable_report(t):
    result = t.oc("-q", "--report", "/nowhere/report.json", "--", t.payload, "exit", "3")
    lines = [line for line in result.errors if "/nowhere/report.json" in line or
             "/nowhere" in line]
    check_equal(len(lines), 1, f"lines that name the path {result.errors}")
    check(result.status in (3, 125), f"status {result.status}")


@test("--report is relative to where oc-run was started, also with -C")
def relative_report(t):
    result = t.oc("-q", "--report", "here.json", "-C", "/", "--", "true")
    check_equal(result.status, 0, f"status ({result.errors})")
    check_equal(load(t.path("work/here.json"))["outcome"], "clean", "outcome")


@test("--json-status-fd gives one JSON object a line: started, then ended with the report")
def status_fd(t):
    result, lines = status_lines(t, "-q", "--", t.payload, "exit", "3")
    check_equal(result.status, 3, "status")
    check_equal([line["event"] for line in lines], ["started", "ended"], "events")
    check_equal(len({line["session"] for line in lines}), 1, "one session id")
    check(lines[0]["pid"] > 1 and lines[0]["limits"], "started names pid and limits")
    check_equal(lines[1]["report"]["exit"], {"status": 3, "code": 3}, "exit")


@test("--json-status-fd tells of a kill while the session goes on")
def status_fd_kill(t):
    _, lines = status_lines(t, "-q", *SMALL, "--", "sh", "-c",
                            f"'{t.payload}' {' '.join(LEAK)} >/dev/null; sleep 2")
    events = [line["event"] for line in lines]
    check_equal((events[0], events[-1]), ("started", "ended"), "first and last event")
    check({"oom-kill", "watch-kill"} & set(events), f"a kill is among them: {events}")


@test("'started' says the pid of the command")
def status_fd_pid(t):
    result, lines = status_lines(t, "-q", "--", "sh", "-c", "echo $$")
    check_equal(result.lines, [str(lines[0]["pid"])], "pid")


@test("a command that cannot be run is never 'started'")
def status_fd_not_found(t):
    for command in ("no-such-command-here", t.path("work")):
        result, lines = status_lines(t, "-q", "--", command)
        check(result.status in (126, 127), f"status {result.status}")
        check("started" not in [line["event"] for line in lines], f"lines {lines}")


@test("the status fd is not handed on to the command")
def status_fd_private(t):
    result, _ = status_lines(t, "-q", "--", t.payload, "fds")
    check_equal(sorted(fds_seen(result.out.decode())), [0, 1, 2], "fds of the command")


@test("a status fd whose reader is gone does not disturb the session")
def status_fd_broken(t):
    reader, writer = os.pipe()
    os.close(reader)
    t.defer(lambda: os.close(writer))
    result = t.oc("-q", f"--json-status-fd={writer}", "--", t.payload, "exit", "3",
                  pass_fds=(writer,))
    check_equal(result.status, 3, "status")


@test("a status fd whose reader does not read does not disturb the session")
def status_fd_full(t):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    t.defer(lambda: (os.close(reader), os.close(writer)))
    result = t.oc("-q", f"--json-status-fd={writer}", "--", t.payload, "exit", "3",
                  pass_fds=(writer,))
    check_equal(result.status, 3, "status")


@test("the text report starts with 'oc-run: ' and indents the rest")
def text_form(t):
    result = t.oc("--grace", "1", "--", "sh", "-c", f"'{t.payload}' daemon '{t.payload}' wait "
                  ">/dev/null; sleep 0.3; exit 3")
    wrong = [line for line in result.errors if not re.match(r"oc-run: |  ", line)]
    check_equal(wrong, [], "lines of another form")
    check(any("exit status 3" in line for line in result.errors), f"status: {result.errors}")


@test("a session that was told to stop by a signal is no event of its own")
def stop_is_silent(t):
    baseline = t.oc("--", "true").errors
    running = t.start_oc("--", t.payload, "wait").wait_line("ready")
    running.signal(signal.SIGTERM)
    running.wait()
    check_equal(running.errors, baseline, "stderr")


@test("the resident memory of the report's peak is not the virtual size")
def not_virtual(t):
    report = reported(t, "-q", "--", t.payload, "hold", "50M", "2")
    check(20 << 20 < report["peaks"]["memory_bytes"] < 500 << 20, report["peaks"])
