# SPDX-License-Identifier: MIT
"""--max-sessions and --wait: how many run at once, and who waits."""

import glob
import json
import os
import re
import signal
import subprocess

from harness import Skip, check, check_equal, is_alive, read_text, test
from test_exit_status import check_own_failure
from test_sudden_death import helpers_of


class Alone:
    """oc-run and oc-ctl that see the sessions of this test only."""

    def __init__(self, t):
        self.t, self.prefix = t, []
        self.folder = t.path("alone")
        os.mkdir(self.folder, 0o700)
        if os.getuid() != 0:
            t.environment["XDG_RUNTIME_DIR"] = self.folder
            self.folder = os.path.join(self.folder, "oc-run")
            return
        os.makedirs("/run/oc-run", mode=0o700, exist_ok=True)
        self.prefix = ["unshare", "-m", "sh", "-c", f"mount --bind '{self.folder}' /run/oc-run && "
                       'exec "$@"', "sh"]
        if subprocess.run([*self.prefix, "true"], capture_output=True, check=False).returncode != 0:
            raise Skip("no mount namespace can be had here")

    def start(self, *words, **more):
        return self.t.start([*self.prefix, self.t.oc_run, *words], **more)

    def run(self, *words, **more):
        return self.t.run([*self.prefix, self.t.oc_run, *words], **more)

    def hold(self, *words):
        """A session that runs until it is told to stop."""
        return self.start(*words, "--", "sh", "-c", "echo ready; exec sleep 600")

    def ids(self):
        told = self.t.run([*self.prefix, self.t.oc_ctl, "list", "--json"])
        return [one["session"] for one in json.loads(told.out)["sessions"]]

    def tickets(self):
        return [name for name in glob.glob(self.folder + "/queue/*")
                if os.path.basename(name) != "lock"]

    def wait_told(self, running):
        """Until it says that it waits."""
        self.t.poll(lambda: any("waits for a place" in line for line in running.errors),
                    f"{running} waits")
        return running


def end(*all_running):
    for running in all_running:
        running.signal(signal.SIGTERM)
    for running in all_running:
        running.wait()


@test("above --max-sessions a start is refused, and told which run and what to do")
def refused(t):
    alone = Alone(t)
    first = alone.hold("-q", "-n", "night build").wait_line("ready")
    second = alone.hold("-q").wait_line("ready")
    result = alone.run("--max-sessions", "2", "--", "true")
    check_own_failure(result, '--max-sessions "2"', "2 sessions run", '"night build"', '"sh"',
                      "oc-ctl stop", "--wait")
    for ident in alone.ids():
        check(ident[:8] in result.errors[0], f"{ident} is named in {result.errors}")
    check_equal(alone.run("-q", "--max-sessions", "3", "--", "true").status, 0, "with one more")
    end(first)
    check_equal(alone.run("-q", "--max-sessions", "2", "--", "true").status, 0, "after an end")
    end(second)


@test("of six that start at once, two run and four are refused")
def six_refused(t):
    alone = Alone(t)
    runs = [alone.hold("-q", "--max-sessions", "2") for _ in range(6)]
    t.poll(lambda: [one.status for one in runs].count(125) == 4, "four refusals")
    running = [one.wait_line("ready") for one in runs if one.status is None]
    check_equal(len(running), 2, "those that run")
    end(*running)


@test("of six that start at once and wait, never more than two run, and all do")
def six_wait(t):
    alone = Alone(t)
    os.mkdir(t.path("on"))
    script = t.script("turn", 'cd "$1"; : > on/$$; ls on | wc -l >> counts; sleep 0.3; '
                      "ls on | wc -l >> counts; rm on/$$\n")
    runs = [alone.start("--max-sessions", "2", "--wait", "--", script, t.folder)
            for _ in range(6)]
    check_equal([one.wait() for one in runs], [0] * 6, "all end well")
    counts = [int(word) for word in read_text(t.path("counts")).split()]
    check_equal((len(counts), max(counts)), (12, 2), f"how many ran at once: {counts}")
    told = [sum("waits for a place" in line for line in one.errors) for one in runs]
    check_equal(max(told), 1, f"each is told once: {told}")
    check_equal(alone.tickets(), [], "tickets left")


@test("who waits is told for whom, and comes first who came first")
def in_order(t):
    alone = Alone(t)
    words = ("--max-sessions", "1", "--wait")
    first = alone.hold(*words, "-n", "long one").wait_line("ready")
    second = alone.wait_told(alone.hold(*words))
    third = alone.wait_told(alone.hold(*words))
    check(re.search(r'Ctrl-C.*1 session runs: [0-9a-f]{8} "long one"$', second.errors[0]),
          f"the line: {second.errors}")
    check("1 session runs and 1 waits already" in third.errors[0], f"the line: {third.errors}")
    check_own_failure(alone.run("--max-sessions", "2", "--", "true"), "2 wait already")
    end(first)
    second.wait_line("ready")
    check_equal((third.status, third.lines), (None, []), "the third still waits")
    end(second)
    third.wait_line("ready")
    end(third)


@test("Ctrl-C ends the waiting, and nothing of it is left")
def interrupted(t):
    alone = Alone(t)
    first = alone.hold("-q").wait_line("ready")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        waiting = alone.wait_told(alone.hold("--max-sessions", "1", "--wait"))
        check_equal(len(alone.tickets()), 1, "tickets while it waits")
        waiting.signal(number)
        check_equal(waiting.wait(), -number, "it died of that signal")
        check_equal((alone.tickets(), waiting.lines), ([], []), "tickets, output")
    check_equal(len(alone.ids()), 1, "sessions")
    end(first)


@test("under nohup a hangup does not end the waiting")
def hangup_ignored(t):
    alone = Alone(t)
    first = alone.hold("-q").wait_line("ready")
    waiting = t.start(["nohup", *alone.prefix, t.oc_run, "--max-sessions", "1", "--wait", "--",
                       "echo", "turn"])
    alone.wait_told(waiting).signal(signal.SIGHUP)
    end(first)
    check_equal((waiting.wait(), waiting.lines), (0, ["turn"]), "status, output")


@test("--wait=TIME waits no longer than that")
def wait_is_over(t):
    alone = Alone(t)
    first = alone.hold("-q").wait_line("ready")
    result = alone.run("-q", "--max-sessions", "1", "--wait=300ms", "--", "true")
    check_own_failure(result, "no place came free within 300 ms", "1 session runs", "oc-ctl stop")
    check_equal(alone.tickets(), [], "tickets")
    end(first)


@test("one that is killed while it waits holds nobody up")
def killed_waiter(t):
    alone = Alone(t)
    words = ("--max-sessions", "1", "--wait")
    first = alone.hold("-q").wait_line("ready")
    second = alone.wait_told(alone.hold(*words))
    third = alone.wait_told(alone.hold(*words))
    second.signal(signal.SIGKILL)
    second.wait()
    end(first)
    third.wait_line("ready")
    check_equal(alone.tickets(), [], "tickets")
    end(third)


@test("a session whose oc-run and keeper were killed has no place any more")
def crashed(t):
    alone = Alone(t)
    first = alone.hold("-q").wait_line("ready")
    waiting = alone.wait_told(alone.hold("--max-sessions", "1", "--wait"))
    helpers = helpers_of(first, t)
    os.kill(first.pid, signal.SIGSTOP)
    for pid in [*helpers, first.pid]:
        os.kill(pid, signal.SIGKILL)
    first.wait()
    waiting.wait_line("ready")
    t.poll(lambda: not any(is_alive(pid) for pid in helpers), "the keeper has gone")
    end(waiting)


@test("a session inside of another needs no place, and takes none")
def inside(t):
    alone = Alone(t)
    inner = f"'{t.oc_run}' -q --max-sessions 1 -- sh -c 'echo inner; exec sleep 600'"
    first = alone.start("-q", "--max-sessions", "1", "--", "sh", "-c", inner).wait_line("inner")
    check_equal(len(alone.ids()), 2, "sessions")
    check_own_failure(alone.run("--max-sessions", "1", "--", "true"), "1 session runs")
    check_equal(alone.run("-q", "--max-sessions", "2", "--", "true").status, 0, "beside it")
    end(first)


@test("one that is started again asks for its place anew, waits for it if it must, and gets it")
def started_again(t):
    alone = Alone(t)
    t.write("config/oc-run/profiles/agent.conf",
            "commands = agent\nsessions = list\nresume = -s {id}\n")
    os.mkdir(t.path("on"))
    turn = t.script("turn", f"cd '{t.folder}'; : > on/$$; ls on | wc -l >> counts; sleep 0.3; "
                    "rm on/$$\n")
    t.script("bin/agent", f"""
case "$*" in
list) echo "[{{\\"id\\":\\"ses_1\\",\\"directory\\":\\"$PWD\\",\\"updated\\":$(date +%s%3N)}}]"; exit;;
-s*) exec '{turn}';;
esac
echo ready
until [ -e '{t.path("go")}' ]; do sleep 0.05; done
exec '{t.payload}' leak 200M --max 1G
""")
    cap = ("--max-sessions", "1")
    first = alone.start(*cap, "--mem", "256M", "--restart", "on-oom", "--restart-min-age", "0",
                        "--", "agent").wait_line("ready")
    waiting = [alone.wait_told(alone.start(*cap, "--wait", "--", turn)) for _ in range(2)]
    t.write("go", "")
    check_equal([one.wait() for one in (first, *waiting)], [0, 0, 0], "all end well")
    check_equal(read_text(t.path("counts")).split(), ["1"] * 3, "how many ran at once")


@test("max-sessions and wait come from files and variables, too, and --dry-run shows them")
def settings(t):
    t.write("etc/oc-run.conf", "max-sessions = 3\nwait = 10min\n")
    for environment, words, line in (
            ({}, (), "at most 3 at once; otherwise waits, 10 min at most"),
            ({"OC_RUN_MAX_SESSIONS": "7", "OC_RUN_WAIT": "yes"}, (),
             "at most 7 at once; otherwise waits"),
            ({}, ("--wait=no", "--max-sessions=1"), "at most 1 at once; otherwise refused"),
            ({}, ("--wait",), "at most 3 at once; otherwise waits"),
            ({}, ("--max-sessions", "max"), None)):
        found = [text.split(maxsplit=1)[1]
                 for text in t.oc("--dry-run", *words, "--", "true", env=environment).lines
                 if text.startswith("  sessions ")]
        check_equal(found, [line] if line else [], f"{environment} {words}")


@test("a file is named where its max-sessions refuses a start")
def file_is_named(t):
    alone = Alone(t)
    t.write("etc/oc-run.conf", "max-sessions = 1\n")
    first = alone.hold("-q").wait_line("ready")
    check_own_failure(alone.run("--", "true"), 'oc-run.conf:1: max-sessions "1": 1 session runs')
    end(first)


@test("--wait without --max-sessions is told to be of no use, and starts")
def wait_alone(t):
    result = t.oc("--wait", "--", "true")
    check_equal(result.status, 0, "status")
    check("--max-sessions" in "".join(result.errors), f"the warning: {result.errors}")
