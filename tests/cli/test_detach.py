# SPDX-License-Identifier: MIT
"""--detach: a session that outlives the terminal and the session that it was started from."""

import json
import os
import re
import shlex
import signal
import subprocess

from harness import check, check_equal, is_alive, read_text, test
from terminal import Terminal
from test_admission import Alone
from test_exit_status import check_own_failure

NO_SYSTEMD = ("/nowhere" if os.path.isdir("/run/systemd/system") else "/",
              "a service of systemd does not see this test's folder")


class Detached:
    """A session that was started by --detach; stopped at the end of the test."""

    def __init__(self, t, result):
        self.t = t
        check_equal(result.status, 0, f"status ({result.errors})")
        self.id, = result.lines
        check(re.fullmatch("[0-9a-f]{16}", self.id), f"the id: {self.id}")
        self.words = "\n".join(result.errors)
        t.defer(self.stop)

    def listed(self):
        told = json.loads(self.t.ctl("list", "--json").out)
        return next((one for one in told["sessions"] if one["session"] == self.id), None)

    def stop(self):
        self.t.ctl("stop", self.id)
        self.t.poll(lambda: self.listed() is None, "it has ended")

    def output(self):
        place = re.search(r"its output: (.*)", self.words).group(1)
        if place.startswith("/"):
            return read_text(place)
        subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
        return subprocess.run([*shlex.split(place), "-o", "cat", "--no-pager"], errors="replace",
                              capture_output=True, check=False).stdout


def supervisors(t):
    """The pids of their oc-run, of all entries."""
    told = json.loads(t.ctl("list", "--json").out)["sessions"]
    return [one["supervisor_pid"] for one in told]


def detach(t, *words, **more):
    return Detached(t, t.oc("--detach", "-n", t.tag, *words, **more))


def hold(t, name="mark", then="exec sleep 600"):
    """Words of a command that writes its pid."""
    return ("--", "sh", "-c", f"echo $$ > '{t.path(name)}'; {then}")


@test("--detach prints the id and how to stop it, and the command runs on like any other session")
def runs_on(t):
    one = detach(t, *hold(t))
    pid, = t.wait_pids(t.path("mark"))
    check(f"oc-ctl stop {one.id[:8]}" in one.words, f"how to stop it: {one.words}")
    check_equal((one.listed()["name"], one.listed()["state"]), (t.tag, "running"), "in the list")
    check_equal(os.readlink(f"/proc/{pid}/fd/0"), "/dev/null", "stdin")
    one.stop()
    t.poll(lambda: not is_alive(pid), "the command has ended")


@test("with -q only the id is printed")
def quiet(t):
    result = t.oc("-q", "--detach", "--", "true")
    check_equal((result.status, result.errors), (0, []), "status, stderr")
    check_equal(len(result.lines), 1, f"stdout: {result.lines}")


@test("the command has the directory, the umask and the environment of where it was started")
def surroundings(t):
    os.mkdir(t.path("work/deep"))
    odd = "a$HOME ${x} \x1b[1m 'q'\nline"
    t.script("bin/look", 'pwd; umask; printf "%s\\n" "$ODD" "$1"; '
             'grep -c . /proc/$$/status >/dev/null; trap \'echo pipe\' PIPE; kill -PIPE $$; '
             f"echo done > '{t.path('mark')}'\n")
    one = detach(t, "--", "look", "a $PWD é\udcff", cwd=t.path("work/deep"), env={"ODD": odd})
    t.poll(lambda: os.path.exists(t.path("mark")), "it has run")
    t.poll(lambda: one.listed() is None, "it has ended")
    lines = one.output()
    for text in (t.path("work/deep"), "0022", "a$HOME ${x}", "'q'\nline", "a $PWD é", "pipe"):
        check(text in lines, f"{text!r} in {lines!r}")


@test("what command and oc-run say goes to the place that is told, the report too")
def output(t):
    one = detach(t, "-v", "--", "sh", "-c", "echo to out; echo to err >&2; exit 3")
    t.poll(lambda: one.listed() is None, "it has ended")
    t.poll(lambda: "exit status 3" in one.output() or "status 3" in one.output(), "the report")
    for text in ("to out", "to err"):
        check(text in one.output(), f"{text!r} in {one.output()!r}")


@test("a command that can't be run, and wishes that make no sense, fail as without --detach")
def failures(t):
    for words, status, needle in (
            (("--", "no-such-command"), 127, "no-such-command"),
            (("--", "/etc/passwd"), 126, "/etc/passwd"),
            ((), 125, "--detach needs a command"),
            (("--mem", "4X", "--", "true"), 125, "--mem"),
            (("-C", "/nowhere", "--", "true"), 125, "/nowhere"),
            (("--json-status-fd", "2", "--", "true"), 125, "--json-status-fd")):
        result = t.oc("-q", "--detach", *words)
        check_own_failure(result, needle, status=status)
        check_equal(result.out, b"", "stdout")


@test("it outlives the session that it was started from, however that ends")
def outlives_session(t):
    inner = f"'{t.oc_run}' -q --detach {shlex.join(hold(t, 'inner'))}"
    for backend in ("auto", "none"):
        for ending in ("exit", "stop", "death"):
            mark = t.path("inner")
            if os.path.exists(mark):
                os.unlink(mark)
            then = "exit 0" if ending == "exit" else "echo ready; exec sleep 600"
            outer = t.start_oc("-q", "--backend", backend, "--", "sh", "-c",
                               f"{inner} > '{t.path('id')}' || exit 1; {then}")
            if ending != "exit":
                outer.wait_line("ready")
            if ending == "stop":
                outer.signal(signal.SIGTERM)
            if ending == "death":
                outer.signal(signal.SIGKILL)
            outer.wait()
            t.poll(lambda gone=outer: gone.pid not in supervisors(t), "the outer one is gone")
            ident = read_text(t.path("id")).strip()
            pid, = t.wait_pids(mark)
            check(is_alive(pid), f"alive after {ending} ({backend})")
            told = json.loads(t.ctl("list", "--json").out)["sessions"]
            found = [one["state"] for one in told if one["session"] == ident]
            check_equal(found, ["running"], f"in the list after {ending} ({backend})")
            environment = read_text(f"/proc/{pid}/environ")
            check(f"OC_RUN_SESSION={ident}\0" in environment, "its own tag")
            check("OC_RUN_DETACHED" not in environment, "oc-run's own variable is not handed on")
            t.ctl("stop", ident)
            t.poll(lambda gone=pid: not is_alive(gone), "it has been stopped")


@test("a session that runs on does not see the one that was started from it")
def is_no_member(t):
    outer = t.start_oc("-q", "-n", "outer", "--", "sh", "-c",
                       f"'{t.oc_run}' -q --detach {shlex.join(hold(t, 'inner'))} >id; "
                       "echo ready; exec sleep 600")
    outer.wait_line("ready")
    pid, = t.wait_pids(t.path("inner"))
    told = json.loads(t.ctl("list", "--json").out)["sessions"]
    mine, = [one["session"] for one in told if one["supervisor_pid"] == outer.pid]
    shown, = json.loads(t.ctl("show", "--json", mine).out)["sessions"]
    members = [process["pid"] for process in shown["processes"]]
    check(pid not in members and len(members) == 1, f"members: {shown['processes']}")
    outer.signal(signal.SIGTERM)
    outer.wait()
    t.ctl("stop", read_text(t.path("work/id")).strip())
    t.poll(lambda: not is_alive(pid), "it has been stopped")


@test("its own end takes all it started along, and its limits hold")
def limits(t):
    one = detach(t, "--mem", "100M", "--swap", "0", "--", "sh", "-c",
                 f"'{t.payload}' daemon '{t.payload}' wait; "
                 f"'{t.payload}' leak 200M --max 1G; echo \"leak $?\"")
    t.poll(lambda: one.listed() is None, "it has ended")
    t.check_all_gone()
    text = one.output()
    check("leak 137" in text and "100 MiB" in text, f"the kill is told: {text}")


@test("whoever waits for the end of oc-run's output does not wait for the command")
def holds_no_pipe(t):
    result = t.run(["sh", "-c", f"'{t.oc_run}' --detach -- sleep 600 2>&1 | cat; echo over"])
    one = result.lines
    check_equal(one[-1], "over", "the pipe ended")
    t.ctl("stop", next(line for line in one if re.fullmatch("[0-9a-f]{16}", line)))
    t.check_all_gone()


@test("it outlives the terminal")
def outlives_terminal(t):
    terminal = Terminal(t, ["sh", "-c", f"'{t.oc_run}' --detach -n {t.tag} "
                            f"{shlex.join(hold(t))} >id; sleep 600"])
    pid, = t.wait_pids(t.path("mark"))
    terminal.expect("runs detached")
    terminal.close()
    t.poll(lambda: terminal.running.status is not None, "the terminal's shell has ended")
    check(is_alive(pid), "the command lives")
    t.ctl("stop", read_text(t.path("work/id")).strip())
    t.poll(lambda: not is_alive(pid), "it has been stopped")


@test("Ctrl-C while it waits for a place ends the waiting", only_with=NO_SYSTEMD)
def interrupted(t):
    alone = Alone(t)
    first = alone.hold("-q").wait_line("ready")
    waiting = alone.wait_told(alone.hold("--detach", "--max-sessions", "1", "--wait"))
    check_equal(len(alone.tickets()), 1, "tickets while it waits")
    waiting.signal(signal.SIGINT)
    check_equal(waiting.wait(), -signal.SIGINT, "it died of that signal")
    t.poll(lambda: alone.tickets() == [], "its ticket is gone")
    check_equal(len(alone.ids()), 1, "sessions")
    first.signal(signal.SIGTERM)
    first.wait()


@test("--dry-run says that it would be detached, and does nothing")
def dry_run(t):
    result = t.oc("--dry-run", "--detach", "--", "touch", t.path("mark"))
    check_equal(result.status, 0, "status")
    check("\n  detached    yes" in result.out.decode(), f"{result.out}")
    check(not os.path.exists(t.path("mark")), "nothing was started")


@test("the variable of a supervisor alone makes none")
def variable_alone(t):
    check_own_failure(t.oc("--", "true", env={"OC_RUN_DETACHED": "1"}), "OC_RUN_DETACHED", "unset")
