# SPDX-License-Identifier: MIT
"""The history of a session: a file of JSON lines."""

import glob
import json
import os
import re
import signal
import stat
import time

from harness import check, check_equal, read_text, test

FOLDER = "home/state/oc-run/history"


def histories(t):
    return sorted(glob.glob(t.path(FOLDER + "/*")))


def lines_of(path):
    text = read_text(path)
    check(text.endswith("\n"), f"the last line is whole: {text[-80:]!r}")
    return [json.loads(line) for line in text.splitlines()]


def only_one(t):
    found = histories(t)
    check_equal(len(found), 1, f"histories ({found})")
    return found[0]


@test("a session leaves a history: the plan, samples, the end; nobody else may read it")
def one_file(t):
    result = t.oc("-q", "-n", "night build", "--mem", "1G", "--", "sh", "-c", "sleep 2; exit 3")
    check_equal(result.status, 3, "status")
    path = only_one(t)
    check(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{16}\.jsonl", os.path.basename(path)),
          f"the name is {path}")
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the file")
    check_equal(stat.S_IMODE(os.stat(t.path(FOLDER)).st_mode), 0o700, "mode of the folder")
    lines = lines_of(path)
    check_equal((lines[0]["event"], lines[0]["schema"], lines[0]["name"], lines[0]["command"]),
                ("started", "oc-run.history.v1", "night build", "sh"), "the first line")
    check(lines[0]["session"] in path, "the id is in the name")
    limits = {limit["name"]: limit["value"] for limit in lines[0]["limits"]}
    check_equal(limits["mem"], 1 << 30, "the limit on memory")
    check_equal((lines[-1]["event"], lines[-1]["outcome"], lines[-1]["exit"]["status"]),
                ("ended", "clean", 3), "the last line")
    samples = [line for line in lines if "event" not in line]
    check(samples, "there are samples")
    for sample in samples:
        # The last may be of a command that has ended and is not waited for yet.
        dead = sample is samples[-1] and sample["memory"] == 0
        check(sample["tasks"] >= 1 and (sample["memory"] > 0 or dead), f"a sample: {sample}")
    times = [line["at_seconds"] for line in lines]
    check_equal(times, sorted(times), "times of a session in which nothing happened")


@test("neither arguments nor variables of the command are in the history")
def no_secrets(t):
    script = t.script("bin/tool", "sleep 0.5 # hunter2")
    t.oc("-q", "-E", "TOKEN=hunter2", "--", "sh", "-c", f": hunter2; '{script}' hunter2",
         env={"PASSWORD": "hunter2"})
    check("hunter2" not in read_text(only_one(t)), "a secret is in the history")


@test("what happened is in the history as it happens")
def events(t):
    running = t.start_oc("-q", "--grace", "300ms", "--", t.payload, "ignore", "TERM", t.payload,
                         "wait").wait_line("ready")
    running.signal(signal.SIGTERM)
    t.poll(lambda: '"stop-asked"' in read_text(only_one(t)), "the event is there")
    running.wait()
    seen = [line["event"] for line in lines_of(only_one(t)) if "event" in line]
    check_equal((seen[0], seen[-1]), ("started", "ended"), "first and last event")
    check("stop-asked" in seen and "ladder" in seen, f"events: {seen}")


@test("SIGKILL of oc-run: what was written stays, and the last line says so")
def lost(t):
    running = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
    t.poll(lambda: histories(t) and '"memory"' in read_text(only_one(t)), "a sample is there")
    running.signal(signal.SIGKILL)
    running.wait()
    t.poll(lambda: '"lost"' in read_text(only_one(t)), "the last line comes")
    check_equal(lines_of(only_one(t))[-1]["event"], "lost", "the last line")


@test("--history=no, history = no and --dry-run leave no history, nor does what can't be run")
def none(t):
    t.oc("-q", "--history=no", "--", "true")
    t.oc("-q", "--", "true", env={"OC_RUN_HISTORY": "no"})
    t.write("config/oc-run/oc-run.conf", "history = no\n")
    t.oc("-q", "--", "true")
    os.unlink(t.path("config/oc-run/oc-run.conf"))
    t.oc("--dry-run", "--", "true")
    t.oc("-q", "--", t.write("bin/bad", "#!/nowhere/interpreter\n", 0o755))
    check_equal(histories(t), [], "histories")
    t.oc("-q", "--", "true")
    only_one(t)


@test("--history-keep leaves so many, and never removes what is no history or still written")
def keep(t):
    live = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
    t.poll(lambda: histories(t), "the live one has its history")
    first = only_one(t)
    notes = t.write(FOLDER + "/notes.txt", "mine")
    for number in range(5):
        t.write(f"{FOLDER}/2020010{number}T000000Z-000000000000000{number}.jsonl", "{}\n")
    t.oc("-q", "--history-keep=3", "--", "true")
    left = histories(t)
    check(first in left and notes in left, f"the live one and the notes stay: {left}")
    check_equal(len([path for path in left if "/2020" in path]), 1, f"old ones ({left})")
    old = time.time() - 31 * 24 * 3600
    for path in left:
        os.utime(path, (old, old))
    t.oc("-q", "--history-keep=0", "--", "true")
    left = histories(t)
    check(first in left and notes in left, f"the live one and the notes stay: {left}")
    check_equal([path for path in left if "/2020" in path], [], "those older than 30 days")
    live.signal(signal.SIGTERM)
    live.wait()


@test("a folder that others may write to is refused in a line, and the session runs")
def refused(t):
    os.makedirs(t.path(FOLDER))
    os.chmod(t.path(FOLDER), 0o777)
    result = t.oc("--", "true")
    check_equal(result.status, 0, "status")
    check(any("others may write to it" in line and "history" in line for line in result.errors),
          f"a line says so: {result.errors}")
    check_equal(histories(t), [], "histories")
    quiet = t.oc("-q", "--", "true")
    check_equal((quiet.status, quiet.err), (0, b""), "with -q")


@test("where no history can be written the session runs without a word")
def nowhere(t):
    t.write("home/state", "no folder")
    result = t.oc("-q", "--", "sh", "-c", "exit 7")
    check_equal((result.status, result.err), (7, b""), "status and stderr")


@test("the scribe takes no signal, no terminal and no pipe from anybody")
def scribe(t):
    from test_sudden_death import helpers_of  # pylint: disable=import-outside-toplevel
    running = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
    t.poll(lambda: histories(t), "the history is there")
    names = {read_text(f"/proc/{pid}/comm").strip(): pid for pid in helpers_of(running, t)}
    check("oc-run-scribe" in names, f"oc-run's helpers are {names}")
    pid = names["oc-run-scribe"]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTSTP, signal.SIGPIPE):
        os.kill(pid, number)
    time.sleep(0.2)
    check(read_text(f"/proc/{pid}/comm").strip() == "oc-run-scribe", "it is still there")
    fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    check(all(fd == "/dev/null" or fd.startswith("socket:") or FOLDER in fd for fd in fds),
          f"its files are {fds}")
    # oc-run without it goes on.
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    check(running.status is None, "oc-run goes on without its scribe")
    running.signal(signal.SIGTERM)
    running.wait()
