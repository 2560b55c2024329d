# SPDX-License-Identifier: MIT
"""oc-ctl: what it shows of the sessions that run."""

import json
import os
import re
import signal
import subprocess

from harness import check, check_equal, is_alive, test
from terminal import Terminal
from test_sudden_death import kill_both


def start(t, script="echo ready; sleep 600", *options):
    """A session named after the test; others may run on this machine."""
    return t.start_oc("-q", "-n", t.tag, *options, "--", "sh", "-c", script).wait_line("ready")


def listed(t):
    """The test's sessions, as `oc-ctl list --json` has them."""
    result = t.ctl("list", "--json")
    check_equal(result.status, 0, f"status ({result.errors})")
    told = json.loads(result.out)
    check_equal(told["schema"], "oc-ctl.v1", "schema")
    return [one for one in told["sessions"] if one["name"] == t.tag]


def shown(t, word=None):
    result = t.ctl("show", "--json", word or t.tag)
    check_equal(result.status, 0, f"status ({result.errors})")
    session, = json.loads(result.out)["sessions"]
    return session


def state(t):
    found = listed(t)
    return found[0]["state"] if found else None


def end(running):
    running.signal(signal.SIGTERM)
    running.wait()


@test("list has a line for each session, with what it uses and its limits")
def list_line(t):
    running = start(t, f"'{t.payload}' hold 60000000 600 & echo ready; wait", "--mem", "300M",
                    "--pids", "77")
    t.poll(lambda: listed(t)[0]["memory_bytes"] > 55000000, "the 60 MB in the list")
    one, = listed(t)
    check_equal((one["state"], one["command"], one["supervisor_pid"]),
                ("running", "sh", running.pid), "who it is")
    check_equal(one["directory"], os.path.realpath(t.path("work")), "directory")
    check_equal((one["memory_limit_bytes"], one["tasks_limit"]), (300 << 20, 77), "limits")
    check(one["tasks"] == 2, f"tasks: {one['tasks']}")
    check(0 <= one["age_seconds"] < 600, f"age: {one['age_seconds']}")
    lines = t.ctl("list").lines
    check(re.match(r"ID +NAME +COMMAND +STATE +AGE +MEMORY +PEAK +LIMIT +TASKS +PRESSURE$",
                   lines[0]), f"titles: {lines[0]}")
    line, = [line for line in lines if t.tag in line]
    check(re.match(rf"{one['session'][:8]}\w* +{t.tag} +sh +running .* 300 MiB +2 ", line),
          f"the line: {line}")
    end(running)
    check_equal(listed(t), [], "afterwards")


@test("a session is found by its id, the beginning of it and its name, and only if that is clear")
def found(t):
    running = start(t)
    ident = listed(t)[0]["session"]
    for word in (ident, ident[:10], t.tag):
        check_equal(shown(t, word)["session"], ident, f"by {word}")
    again = start(t)
    result = t.ctl("show", t.tag)
    check_equal(result.status, 1, "status with two of the name")
    check(ident[:12] in result.errors[0] and "several" in result.errors[0],
          f"both are named: {result.errors}")
    result = t.ctl("show", t.tag[:-1] + "_")
    check_equal((result.status, result.out), (1, b""), "status, output")
    check(f'did you mean "{t.tag}"' in result.errors[0], f"the near one: {result.errors}")
    end(running)
    end(again)


@test("show has the processes as a tree, the limits with who enforces them, and the last events")
def show(t):
    running = start(t, f"'{t.payload}' setsid '{t.payload}' wait & echo ready; "
                    f"'{t.payload}' leak 200000000 --max 1000000000; echo on; sleep 600",
                    "--mem", "200M", "--swap", "0")
    running.wait_line("on")
    t.poll(lambda: any(event["event"].endswith("-kill") for event in shown(t)["events"]),
           "the kill among the events")
    session = shown(t)
    limits = {limit["name"]: limit for limit in session["limits"]}
    check_equal(limits["mem"]["value"], 200 << 20, "--mem")
    check(limits["mem"]["enforced_by"] in ("kernel", "watching"), f"by whom: {limits['mem']}")
    names = {process["name"]: process for process in session["processes"]}
    check("payload" in names and "sleep" in names, f"processes: {sorted(names)}")
    command, = [process for process in session["processes"] if process["is_command"]]
    check_equal(names["sleep"]["parent_pid"], command["pid"], "the parent")
    text = t.ctl("show", t.tag)
    words = "\n".join(text.lines)
    for pattern in (rf"{session['session']} \({t.tag}\): running", r"--mem +200 MiB, enforced by",
                    rf"(?m)^ *{command['pid']} .*\d+s  \w+  sh -c",
                    r"(?m)\d+s    sleep  sleep 600$", r"(?s)last events:\n.*limit is 200 MiB"):
        check(re.search(pattern, words), f"{pattern!r} in:\n{words}")
    end(running)


@test("a process without the tag and outside of the command's descent does not belong")
def strangers(t):
    running = start(t)
    other = t.start([t.payload, "wait"])
    check(other.pid not in [one["pid"] for one in shown(t)["processes"]], "a stranger is left out")
    end(running)
    other.signal(signal.SIGKILL)
    other.wait()


@test("stopped and running are told apart")
def stopped(t):
    running = start(t)
    os.kill(shown(t)["command_pid"], signal.SIGSTOP)
    t.poll(lambda: state(t) == "stopped", "the state stopped")
    running.signal(signal.SIGCONT)
    t.poll(lambda: state(t) == "running", "the state running")
    end(running)


@test("a session that is being ended says so")
def ending(t):
    running = start(t, "trap '' TERM HUP; echo ready; while :; do sleep 1; done", "--grace", "30")
    running.signal(signal.SIGTERM)
    t.poll(lambda: state(t) == "ending", "the state ending")
    running.signal(signal.SIGTERM)
    t.poll(lambda: running.status is not None or running.signal(signal.SIGTERM), "its end")


@test("a session whose oc-run and keeper were killed is orphaned, not running")
def orphaned(t):
    running = start(t, f"'{t.payload}' ignore TERM,HUP '{t.payload}' mark {t.path('pid')} "
                    f"'{t.payload}' wait & echo ready; wait", "--backend", "none")
    pid, = t.wait_pids(t.path("pid"))
    kill_both(running, t)
    check(is_alive(pid), "its process lives")
    check_equal(state(t), "orphaned", "state")
    check("oc-ctl sweep" in t.ctl("show", t.tag).err.decode(), "what to do is said")
    t.oc("-q", "--", "true")
    t.check_all_gone()
    check_equal(listed(t), [], "after the next start")


@test("list while sessions start and end never shows a wrong one")
def many(t):
    def batch(size):
        return [t.start_oc("-q", "-n", t.tag, "--", "sh", "-c", f"sleep 0.{number % 4}")
                for number in range(size)]

    rounds, seen = 20, set()  # 200 sessions
    for _ in range(rounds):
        runs = batch(10)
        pids = {running.pid for running in runs}
        while any(running.status is None for running in runs):
            for one in listed(t):
                seen.add(one["state"])
                check(one["supervisor_pid"] in pids, f"it is one of ours: {one}")
                check(one["state"] in ("starting", "running", "ending"), f"its state: {one}")
        check_equal(listed(t), [], "afterwards")
    check("running" in seen, f"states that were seen: {seen}")


@test("on a terminal the table fits its width and has colours, unless NO_COLOR is set")
def terminal(t):
    running = start(t)
    for columns, env in ((80, {}), (50, {}), (80, {"NO_COLOR": "1"}), (80, {"TERM": "dumb"})):
        pty = Terminal(t, ["sh", "-c", f"sleep 0.2; exec '{t.oc_ctl}' list"], env=env)
        pty.resize(24, columns)
        pty.running.wait()
        pty.drain(0.2)
        text = pty.output.decode()
        check("running" in text, f"the session: {text!r}")
        check_equal("\033[" in text, not env, f"colours with {env}")
        plain = re.sub(r"\033\[[0-9;]*m", "", text)
        widest = max(len(line) for line in plain.splitlines())
        check(widest <= columns, f"{widest} of {columns} columns: {plain}")
    end(running)


@test("what others chose reaches no terminal raw: names, folders, command lines")
def escape(t):
    name, folder = f"\u202e{t.tag}", t.path("work/\033[2Jfolder")
    os.mkdir(folder)
    running = t.start_oc("-q", "-n", name, "--", "sh", "-c", "echo ready; sleep 600; : '\033[2J'",
                         cwd=folder).wait_line("ready")
    for words in (["list"], ["show", name], ["show", "x" + name], ["--sessions"]):
        result = t.ctl(*words)
        said = result.out + result.err
        check(t.tag.encode() in said, f"oc-ctl {words} shows it: {result.describe()}")
        check(b"\033" not in said and b"\xe2\x80\xae" not in said,
              f"oc-ctl {words}: {result.describe()}")
    end(running)


@test("a mistake on the command line is told with what to do, status 2")
def usage(t):
    for words, says in ((["lst"], "oc-ctl list"), (["list", "--jsno"], "--json"),
                        (["show"], "oc-ctl list"), (["list", "x"], "one word too many")):
        result = t.ctl(*words)
        check_equal((result.status, result.out), (2, b""), f"{words}: status, output")
        check(says in result.errors[0] and len(result.errors) == 1, f"{words}: {result.errors}")


def completed(t, shell, line):
    """What a shell offers for the last word of the line."""
    completions = os.path.join(os.path.dirname(__file__), "../../contrib/completions")
    if shell == "bash":
        script = f"""source '{completions}/oc-ctl.bash'; COMP_WORDS=({line} ''); [[ '{line}' == *' ' ]] ||
            unset 'COMP_WORDS[-1]'; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _oc_ctl
            printf '%s\\n' "${{COMPREPLY[@]}}\""""
        argv = ["bash", "-c", script]
    else:
        argv = ["fish", "--no-config", "-c",
                f"source '{completions}/oc-ctl.fish'; complete -C '{line}'"]
    environment = {**t.environment, "PATH": os.path.dirname(t.oc_ctl) + ":" + t.environment["PATH"]}
    out = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    return {word.split("\t")[0] for word in out.stdout.splitlines()}


def check_completions(t, shell):
    running = start(t)
    ident = listed(t)[0]["session"]
    for line, there, not_there in (
            ("oc-ctl ", {"list", "show"}, {ident}), ("oc-ctl sh", {"show"}, {"list"}),
            ("oc-ctl show ", {ident, t.tag}, {"list"}), ("oc-ctl show --j", {"--json"}, {ident}),
            ("oc-ctl list ", set(), {ident, t.tag})):
        words = completed(t, shell, line)
        check(there <= words and not there & not_there and not words & not_there,
              f"{shell}: {line!r} gives {sorted(words)}")
    end(running)


@test("bash completes verbs, options, and ids and names of live sessions")
def bash(t):
    check_completions(t, "bash")


@test("fish completes them too", only_with=("/usr/bin/fish", "there is no fish here"))
def fish(t):
    check_completions(t, "fish")
