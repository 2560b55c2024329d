# SPDX-License-Identifier: MIT
"""Limits hold, whoever enforces them: the kernel where it can, oc-run by watching elsewhere."""

import os
import re
import shutil
import signal
import tempfile

from harness import Skip, check, check_equal, test
from test_exit_status import check_own_failure

# A watcher needs some time to see it: 1 GiB at this rate takes 5 s.
LEAK = ["leak", "200M", "--max", "1G"]
SMALL = ["--mem", "100M", "--swap", "0"]


def text_of(result):
    return "\n".join(result.errors)


@test("a command that leaks is killed at the limit, with status 137 and a report")
def command_leaks(t):
    result = t.oc(*SMALL, "--", t.payload, *LEAK)
    check_equal((result.status, "leaked all" in result.lines), (137, False), "status, got all")
    check("memory limit" in text_of(result), f"the report names the limit: {result.errors}")
    check(re.search(r"\bpayload\b", text_of(result)), f"and who was killed: {result.errors}")


@test("the report says which limit to raise to what")
def advice(t):
    result = t.oc(*SMALL, "--", t.payload, *LEAK)
    check(re.search(r"--mem \d+[MG]", text_of(result)), f"--mem and a size: {result.errors}")


@test("a tool that leaks is killed and the command goes on")
def tool_leaks(t):
    result = t.oc(*SMALL, "--", "sh", "-c", f"'{t.payload}' {' '.join(LEAK)} >/dev/null; "
                  "echo tool=$?; exit 4")
    check_equal((result.status, result.lines), (4, ["tool=137"]), "status and output")
    check(re.search(r"\bpayload\b", text_of(result)), f"who was killed: {result.errors}")


@test("a large command with a leaking tool: the smaller tool is killed, not the command")
def large_command(t):
    result = t.oc("--mem", "250M", "--swap", "0", "--pressure", "notice", "--", t.payload,
                  "beside", "150M", t.payload,
                  "leak", "50M", "--max", "1G")
    check_equal((result.status, "tool 137" in result.lines), (0, True),
                f"status, tool was killed ({result.lines})")


@test("--oom=agent: the command goes first, and the session ends with it")
def agent_first(t):
    result = t.oc("--mem", "250M", "--swap", "0", "--oom", "agent", "--", t.payload, "beside",
                  "60M", t.payload, "leak", "50M", "--max", "1G")
    check_equal((result.status, "tool 137" in result.lines), (137, False),
                f"status, tool was killed ({result.lines})")
    check("payload was killed" in text_of(result), f"the command is named: {result.errors}")


@test("--oom=group: all of the session goes at once")
def group_at_once(t):
    result = t.oc("--mem", "250M", "--swap", "0", "--oom", "group", "--", "sh", "-c",
                  f"'{t.payload}' {' '.join(LEAK)} >/dev/null; echo tool=$?; exit 4")
    check_equal((result.status, result.lines), (137, []), "status and output")


@test("a leaking daemon that left the command's group is killed as well")
def daemon_leaks(t):
    result = t.oc(*SMALL, "--", "sh", "-c",
                  f"'{t.payload}' daemon sh -c \"'{t.payload}' {' '.join(LEAK)} > {t.path('out')}; "
                  f"echo \\$? > {t.path('tool')}\"; while [ ! -s {t.path('tool')} ]; do "
                  "sleep 0.1; done; exit 4")
    check_equal(result.status, 4, "status")
    check_equal(open(t.path("tool"), encoding="utf-8").read(), "137\n", "status of the daemon")


@test("several processes that are too large together are dealt with")
def sum_counts(t):
    script = "".join(f"'{t.payload}' leak 20M --max 60M >/dev/null & " for _ in range(4)) + \
        "wait; exit 4"
    result = t.oc(*SMALL, "--", "sh", "-c", script)
    check_equal(result.status, 4, "status")
    check("memory limit" in text_of(result), f"the report says so: {result.errors}")


@test("a session below its limits is left alone and nothing is said")
def below(t):
    baseline = t.oc("--mem", "300M", "--", "true").errors
    result = t.oc("--mem", "300M", "--", t.payload, "hold", "100M", "2")
    check_equal((result.status, result.errors), (0, baseline), "status and stderr")


def disk_folder(t):
    """A folder whose files are no memory, as those of a tmpfs are."""
    for folder in (t.folder, "/var/tmp", os.path.expanduser("~")):
        kind = t.run(["stat", "-f", "-c", "%T", folder]).out.decode().strip()
        if kind not in ("tmpfs", "ramfs") and os.access(folder, os.W_OK):
            path = tempfile.mkdtemp(prefix="oc-run-test.", dir=folder)
            t.defer(lambda: shutil.rmtree(path))
            return path
    raise Skip("no folder on a disk that this user may write to")


@test("the page cache does not kill: a large file may be written below a small limit")
def page_cache(t):
    result = t.oc(*SMALL, "--", t.payload, "cache", os.path.join(disk_folder(t), "file"), "300M")
    check_equal(result.status, 0, f"status ({result.errors})")


def is_watched(t):
    """Does oc-run itself hold the limits here, by watching?"""
    return bool(re.search(r"pids\.max.*watching", t.oc("--dry-run", "--", "true").out.decode()))


@test("the task limit holds a fork bomb, and the report says so")
def fork_bomb(t):
    running = t.start_oc("--pids", "50", "--grace", "1", "--", "sh", "-c",
                         f"'{t.payload}' forkbomb 400; exit 4")
    t.poll(lambda: "ready" in running.lines or running.status is not None, "the bomb went off")
    t.poll(lambda: len(t.others_alive()) < 60, "not many more than 50 processes")
    if running.status is None:
        running.signal(signal.SIGTERM)
    running.wait()
    check(re.search(r"task limit|fork denied", text_of(running)), f"report: {running.errors}")


@test("the task limit holds a bomb whose children fork as well")
def fork_bomb_of_forks(t):
    script = "i=0; while [ $i -lt 8 ]; do '{0}' tree 3 6 >/dev/null & i=$((i+1)); done; wait; " \
        "exit 4"
    running = t.start_oc("--pids", "60", "--grace", "1", "--", "sh", "-c",
                         script.format(t.payload))
    t.poll(lambda: len(t.others_alive()) > 40 or running.status is not None or
           b"cannot fork" in running.err, "it went off")
    t.poll(lambda: len(t.others_alive()) < 70, "not many more than 60 processes")
    if running.status is None:
        running.signal(signal.SIGTERM)
    running.wait()
    check(re.search(r"task limit|fork denied", text_of(running)), f"report: {running.errors}")


@test("the task limit counts threads")
def threads(t):
    running = t.start_oc("--pids", "50", "--grace", "1", "--", "sh", "-c",
                         f"'{t.payload}' tasks 200; exit 4")
    t.poll(lambda: "ready" in running.lines or running.status is not None, "the threads stand")
    if is_watched(t):
        check_equal(running.wait(), 4, "status, once the process with the threads was killed")
    else:
        check("made 200 denied 0" not in running.lines, f"some were denied: {running.lines}")
        running.signal(signal.SIGTERM)
        running.wait()
    check(re.search(r"task limit|fork denied", text_of(running)), f"report: {running.errors}")


@test("--pids 64 -- opencode runs, after exactly one warning line that says what will not fit")
def pids_too_small(t):
    t.script("bin/opencode", "echo runs\nexit 42\n")
    baseline = t.oc("--", "opencode").errors
    result = t.oc("--pids", "64", "--", "opencode")
    check_equal((result.status, result.lines), (42, ["runs"]), "status and output")
    more = [line for line in result.errors if line not in baseline]
    check_equal(len(more), 1, f"number of warning lines {more}")
    check(more[0].startswith("oc-run: ") and "64" in more[0], f"it names the value: {more[0]}")


@test("enough --pids for opencode: no warning")
def pids_enough(t):
    t.script("bin/opencode", "exit 42\n")
    baseline = t.oc("--", "opencode").errors
    check_equal(t.oc("--pids", "4096", "--", "opencode").errors, baseline, "stderr")


@test("the warning about --pids is for commands that are known, not for others")
def pids_other_command(t):
    baseline = t.oc("--", "true").errors
    check_equal(t.oc("--pids", "64", "--", "true").errors, baseline, "stderr")


@test("-q keeps the report of a kill away, the status stays")
def quiet(t):
    result = t.oc("-q", *SMALL, "--", t.payload, *LEAK)
    check_equal((result.status, result.err), (137, b""), "status and stderr")


@test("a limit that the kernel does not enforce is said in one line and in the plan")
def said_aloud(t):
    plan = t.oc("--dry-run", "--", "true").out.decode()
    check(re.search(r"kernel|watch", plan), f"the plan says who enforces: {plan}")
    if "watch" in plan:
        errors = t.oc("--", "true").errors
        check_equal(len(errors), 1, f"lines on stderr {errors}")


@test("--backend=none enforces by watching")
def backend_none(t):
    result = t.oc("--backend=none", *SMALL, "--", t.payload, *LEAK)
    check_equal((result.status, "leaked all" in result.lines), (137, False), "status, got all")


@test("--backend=none with --enforce=kernel is refused")
def none_and_kernel(t):
    check_own_failure(t.oc("--backend=none", "--enforce=kernel", "--", "true"))


@test("an inner session may not have more than the outer one")
def nested_limit(t):
    result = t.oc("-q", *SMALL, "--", "sh", "-c", f"'{t.oc_run}' -q --mem 2G -- '{t.payload}' "
                  f"{' '.join(LEAK)} >/dev/null; echo inner=$?; exit 4")
    check_equal((result.status, result.lines), (4, ["inner=137"]), "status and output")
