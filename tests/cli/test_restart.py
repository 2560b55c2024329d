# SPDX-License-Identifier: MIT
"""--restart: what was killed for memory goes on with the same session, or it is said why not."""

import json
import os
import signal

from harness import check, check_equal, read_text, test

PROFILE = "commands = agent\nsessions = list\nresume = -s {id}\nresume-drops = --prompt\n" \
          "options-with-value = --prompt\n"
SMALL = ["--mem", "256M", "--restart", "on-oom", "--restart-min-age", "0"]
AGAIN = "starting agent again with the same session"


def agent(t, resumed="exit 5", sessions=1, listing=""):
    """A command that fills its memory; what its profile asks for are a list and `-s ID`."""
    t.write("config/oc-run/profiles/agent.conf", PROFILE)
    one = '{\\"id\\":\\"ses_%d\\",\\"directory\\":\\"$PWD\\",\\"updated\\":$(date +%%s%%3N)}'
    items = ",".join(one % number for number in range(1, sessions + 1))
    return t.script("bin/agent", f"""
if [ "$1" = list ]; then
	{listing}
	echo "[{items}]"
	exit 0
fi
echo "$OC_RUN_SESSION $*" >>'{t.path("starts")}'
case "$*" in *-s\ ses_*) {resumed};; esac
exec '{t.payload}' leak 200M --max 1G
""")


def starts(t):
    """(session of oc-run, arguments) of each."""
    return [tuple(line.split(" ", 1)) for line in read_text(t.path("starts")).splitlines()]


def check_refused(t, result, why):
    check_equal([words for _, words in starts(t)], [starts(t)[0][1]], "starts")
    check_equal(result.status, 137, "the status is that of the kill")
    check(any(f"not started again: {why}" in line for line in result.errors), f"says why: {result}")
    check(not any(AGAIN in line for line in result.errors), f"no word of a start: {result}")


@test("a command that was killed for memory is started again with its session")
def again(t):
    agent(t)
    report = t.path("report.json")
    result = t.oc(*SMALL, "--report", report, "--", "agent", "--prompt", "do it", "--fast")
    check_equal([words for _, words in starts(t)], ["--prompt do it --fast", "--fast -s ses_1"],
                "the words of both starts")
    check_equal(result.status, 5, "the status is that of the last one")
    told = [line for line in result.errors if line.startswith("oc-run: ")]
    check_equal(len(told), len(set(told)), f"a warning is said once: {told}")
    check("agent was killed" in told[-2], f"the report of the first: {result}")
    check_equal(told[-1], f"oc-run: {AGAIN} (1 of 2 in 30 minutes)", "the line between")
    check(not any("go on with" in line for line in result.errors), f"no advice: {result}")
    first, second = (session for session, _ in starts(t))
    check(first and second and first != second, f"two ids: {first}, {second}")
    with open(report, encoding="utf-8") as file:
        last = json.load(file)
    check_equal((last["session"], last["restart"]),
                (second, {"after": first, "again": False, "why_not": None}), "the report's end")


@test("at most two in half an hour, and the report then says how to go on")
def twice(t):
    agent(t, resumed=":")
    result = t.oc(*SMALL, "--", "agent")
    check_equal([words for _, words in starts(t)], ["", "-s ses_1", "-s ses_1"], "starts")
    check_equal(result.status, 137, "status")
    text = "\n".join(result.errors)
    check("(1 of 2 in 30 minutes)" in text and "(2 of 2 in 30 minutes)" in text, f"lines: {text}")
    check("not started again: it was started again 2 times in 30 minutes" in text, text)
    check_equal(text.count("go on with `"), 1, f"advice once, at the end: {text}")


@test("the status lines tell of each session")
def status_lines(t):
    agent(t)
    reader, writer = os.pipe()
    result = t.oc(*SMALL, "--json-status-fd", str(writer), "--", "agent", pass_fds=(writer,))
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    kinds = [(line["event"], line["session"]) for line in lines
             if line["event"] in ("started", "ended")]
    ids = [session for session, _ in starts(t)]
    check_equal(kinds, [(event, session) for session in ids for event in ("started", "ended")],
                f"{result}")
    ends = [line["report"]["restart"] for line in lines if line["event"] == "ended"]
    check_equal([end["again"] for end in ends], [True, False], "again")


@test("without --restart it is not started again, and nothing is said of that")
def not_asked(t):
    agent(t)
    result = t.oc("--mem", "256M", "--", "agent")
    check_equal((result.status, len(starts(t))), (137, 1), "status, starts")
    check(not any("again" in line for line in result.errors), f"{result}")


@test("what had run for less than --restart-min-age is not started again")
def young(t):
    agent(t)
    result = t.oc("--mem", "256M", "--restart", "on-oom", "--", "agent")
    check_refused(t, result, "it had run for less than 2 min (--restart-min-age)")
    check(any("go on with `" in line for line in result.errors), f"says how to go on: {result}")


@test("two sessions that fit are none: it is not started again")
def uncertain(t):
    agent(t, sessions=2)
    check_refused(t, t.oc(*SMALL, "--", "agent"),
                  "which of its sessions it worked on is not certain")


@test("a subcommand is not started again")
def subcommand(t):
    agent(t)
    check_refused(t, t.oc(*SMALL, "--", "agent", "run"),
                  "how this command line is resumed is not known")


@test("a signal between two sessions ends it all")
def signal_between(t):
    agent(t, listing=f"echo x >>'{t.path('asked')}'; sleep 300")
    running = t.start_oc(*SMALL, "--", "agent")
    t.poll(lambda: read_text(t.path("asked")), "the question for its sessions")
    os.kill(running.process.pid, signal.SIGTERM)
    running.wait()
    check_refused(t, running, "it was told to stop")


@test("a command that takes longer than a report's eight seconds for its sessions is waited for")
def slow_answer(t):
    agent(t, listing="sleep 9")
    result = t.oc(*SMALL, "--", "agent")
    check_equal([words for _, words in starts(t)], ["", "-s ses_1"], f"starts: {result}")
    check(any("asking it which session that was" in line for line in result.errors),
          f"what it waits for is said: {result}")


@test("a command that dies of something else is not started again")
def other_death(t):
    agent(t)
    t.script("bin/agent", f"""
if [ "$1" = list ]; then echo '[]'; exit; fi
echo "x $*" >>'{t.path("starts")}'
kill -KILL $$
""")
    result = t.oc(*SMALL, "--", "agent")
    check_equal((result.status, len(starts(t))), (137, 1), "status, starts")
    check(not any("again" in line for line in result.errors), f"{result}")


@test("a command whose profile can't resume is named at the start")
def no_profile(t):
    result = t.oc("--restart", "on-oom", "--", "true")
    check(any("the profile default does not say how" in line for line in result.errors),
          f"{result}")
    result = t.oc("--", "true", env={"OC_RUN_RESTART": "on-oom"})
    check(not any("restart" in line for line in result.errors),
          f"a variable is a wish for all commands: {result}")


@test("--dry-run shows that it would be started again")
def dry_run(t):
    agent(t)
    plan = t.oc("--dry-run", "--restart", "on-oom", "--", "agent").out.decode()
    check("with the same session after a kill for memory, if it ran for 2 min" in plan, plan)
    check("a kill for memory" not in t.oc("--dry-run", "--", "agent").out.decode(), "not without")


IDLE = ["--mem", "256M", "--swap", "0", "--restart", "on-pressure", "--restart-min-age", "0"]


def idler(t, more="", sessions=1):
    """A command that takes most of its memory, does nothing, and ends when it is asked to."""
    agent(t, sessions=sessions)
    path = t.path("bin/agent")
    hold = f"{more}\nexec '{t.payload}' hold 225M 300"
    t.write("bin/agent", read_text(path).replace(f"exec '{t.payload}' leak 200M --max 1G", hold))
    os.chmod(path, 0o755)


@test("--restart=on-pressure: idle above the soft line, it is asked to end and goes on")
def pressure(t):
    idler(t)
    report = t.path("report.json")
    running = t.start_oc(*IDLE, "--report", report, "--", "agent", "--fast")
    t.poll(lambda: len(starts(t)) == 2, "the second start", 90)
    check_equal(running.wait(), 5, "status")
    check_equal([words for _, words in starts(t)], ["--fast", "--fast -s ses_1"], "the words")
    text = "\n".join(running.errors)
    check("memory was short while it was idle; agent ended" in text, f"the first's report: {text}")
    check(AGAIN + " (1 of 2 in 30 minutes)" in text, f"the line between: {text}")


@test("--restart=on-pressure leaves alone what a tool runs in, what is busy and what is uncertain")
def pressure_not_idle(t):
    # Three that would be started again in the same time as the one above, beside each other.
    tool = "setsid sleep 300 &"
    busy = "(while :; do :; done) &"
    sessions = []
    for name, more, count in (("tool", tool, 1), ("busy", busy, 1), ("two", "", 2)):
        os.makedirs(t.path(f"work/{name}"), exist_ok=True)
        idler(t, more, count)
        os.rename(t.path("bin/agent"), t.path(f"bin/{name}"))
    t.write("config/oc-run/profiles/agent.conf",
            PROFILE.replace("commands = agent", "commands = tool busy two"))
    for name in ("tool", "busy", "two"):
        sessions.append(t.start_oc(*IDLE, "--", name, cwd=t.path(f"work/{name}")))
    t.poll(lambda: len(starts(t)) == 3, "all to start")
    t.run(["sleep", "45"], deadline=90)
    check_equal(len(starts(t)), 3, "starts")
    for running in sessions:
        check(running.status is None, f"it runs: {running.errors}")
        running.signal(signal.SIGTERM)
        running.wait()
