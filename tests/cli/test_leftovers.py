# SPDX-License-Identifier: MIT
"""The end: whatever the command left behind is dead, and named in the report."""

import os
import re
import shutil
import signal

from harness import (Skip, all_processes, cgroup2_mount, check, check_equal, is_alive, read_text,
                     test)
from test_signals import payload_of


def wait_for(file_name, lines=1):
    """Shell: until the file holds that many lines."""
    return f"while [ \"$(cat {file_name} 2>/dev/null | wc -l)\" -lt {lines} ]; do sleep 0.05; done"


def foreign_cgroup(t):
    """A cgroup outside of any session that processes of this user may be moved to."""
    mount = cgroup2_mount()
    uid = os.getuid()
    bases = [mount] if mount else []
    if mount and uid:
        bases = [f"{mount}/user.slice/user-{uid}.slice/user@{uid}.service/app.slice",
                 f"{mount}/user.slice/user-{uid}.slice/user@{uid}.service"]
    for base in bases:
        path = os.path.join(base, f"test-{t.tag}")
        try:
            os.mkdir(path)
        except OSError:
            continue

        def remove():
            t.poll(lambda: "populated 0" in read_text(os.path.join(path, "cgroup.events")),
                   "the other cgroup is empty")
            os.rmdir(path)

        t.defer(remove)
        return path
    raise Skip("no cgroup v2 directory that this user may write to")


def leave_behind(t, commands, count=1, options=("--grace", "1"), before_exit="", env=None):
    """Runs commands (shell, in the background) that mark themselves in a file; the session's
    command then exits with 3. The result, and the pids that were left."""
    mark = t.path("pids")
    script = "\n".join([*(command.replace("MARK", f"'{t.payload}' mark {mark}")
                          .replace("PAYLOAD", f"'{t.payload}'") + " >/dev/null 2>&1 &"
                          for command in commands),
                        wait_for(mark, count), before_exit, "exit 3"])
    result = t.oc(*options, "--", "sh", "-c", script, env=env)
    check_equal(result.status, 3, f"status ({result.errors})")
    pids = t.wait_pids(mark, count)
    check_equal([pid for pid in pids if is_alive(pid)], [], "pids that are alive")
    t.check_all_gone()
    return result


def baseline(t):
    """Lines of a session in which nothing happens."""
    return t.oc("--", "true").errors


def check_reported(t, result, *patterns):
    text = "\n".join(line for line in result.errors if line not in baseline(t))
    check(text, "the report says something")
    for pattern in patterns:
        check(re.search(pattern, text), f"the report has {pattern!r}: {text}")


ARRANGEMENTS = {
    "a child in the command's own group": "MARK PAYLOAD wait",
    "a child in a session of its own": "PAYLOAD setsid MARK PAYLOAD wait",
    "a daemon that forked twice": "PAYLOAD daemon MARK PAYLOAD wait",
    "a child that ignores SIGTERM and SIGHUP": "PAYLOAD ignore TERM,HUP MARK PAYLOAD wait",
    "a daemon that ignores every signal": "PAYLOAD daemon PAYLOAD ignore all MARK PAYLOAD wait",
    "a daemon that blocks every signal":
        "PAYLOAD daemon PAYLOAD block all MARK PAYLOAD wait",
    "a daemon that catches every signal": "PAYLOAD daemon MARK PAYLOAD sigs",
    "a child whose environment was cleared":
        "PAYLOAD daemon env -i $PROGRAM mark $LIST $PROGRAM wait $TAG",
}


def left_behind(name, command):
    @test(f"{name} is ended and reported")
    def ended(t):
        env = {"PROGRAM": t.payload, "LIST": t.path("pids"), "TAG": t.tag}
        check_reported(t, leave_behind(t, [command], env=env), r"\bpayload\b")


for arrangement, shell_command in ARRANGEMENTS.items():
    left_behind(arrangement, shell_command)


@test("a stopped child is ended and reported")
def stopped(t):
    mark = t.path("pids")
    result = leave_behind(t, ["PAYLOAD setsid MARK PAYLOAD stopself"], before_exit="while ! "
                          f"grep -q 'State:.T' /proc/$(cat {mark})/status; do sleep 0.05; done")
    check_reported(t, result, r"\bpayload\b")


@test("a chain of processes that keeps forking is ended")
def keep_forking(t):
    leave_behind(t, ["PAYLOAD setsid MARK PAYLOAD keepforking 3"])


@test("a chain that keeps forking and ignores every signal is ended")
def keep_forking_ignoring(t):
    leave_behind(t, ["PAYLOAD daemon PAYLOAD ignore all MARK PAYLOAD keepforking 5"])


@test("without a cgroup a daemon that ignores every signal is ended by its pid")
def ignoring_without_cgroup(t):
    leave_behind(t, ["PAYLOAD daemon PAYLOAD ignore all MARK PAYLOAD wait"],
                 options=("--grace", "1", "--backend=none"))


@test("a tree of 155 processes is ended")
def whole_tree(t):
    result = leave_behind(t, ["PAYLOAD setsid MARK PAYLOAD tree 3 5"],
                          before_exit="sleep 1")
    check_reported(t, result, r"\b\d+ (x )?payload\b")


@test("a child that moved to another cgroup is ended and reported")
def moved(t):
    other = foreign_cgroup(t)
    result = leave_behind(t, [f"PAYLOAD setsid PAYLOAD move {other} MARK PAYLOAD wait"])
    check_reported(t, result, r"\bpayload\b")


@test("--escape: one that moved is brought back, left there, or killed, and none outlives the session")
def choices(t):
    other = foreign_cgroup(t)
    name = os.path.basename(other)
    for choice in ("recapture", "report", "kill"):
        mark, done = t.path(choice), t.path(choice + "-done")
        running = t.start_oc("--escape", choice, "--grace", "1", "--", "sh", "-c",
                             f"'{t.payload}' setsid '{t.payload}' move {other} '{t.payload}' mark "
                             f"{mark} '{t.payload}' wait & while [ ! -e {done} ]; do sleep 0.1; done")
        pid, = t.wait_pids(mark)
        if choice == "kill":
            t.poll(lambda: not is_alive(pid), "it is killed")
        elif choice == "recapture":
            t.poll(lambda: name not in read_text(f"/proc/{pid}/cgroup"), "it is brought back")
        else:
            # The looks of 0.1, 1 and 3 s have gone by then.
            t.run(["sleep", "4"])
            check(name in read_text(f"/proc/{pid}/cgroup"), "it is left where it is")
        check(running.status is None, "the session goes on")
        t.write(choice + "-done", "")
        running.wait()
        check(not is_alive(pid), f"{choice}: it has ended")
        said = {"recapture": "brought back", "report": "ended with the session", "kill": "killed"}
        check(any(f"; {said[choice]}" in line for line in running.errors), f"{choice}: {running}")


@test("a daemon that moved to another cgroup, ignores signals and cleared its environment is ended")
def moved_and_disguised(t):
    other = foreign_cgroup(t)
    command = f"PAYLOAD daemon PAYLOAD move {other} PAYLOAD ignore all env -i $PROGRAM " \
              "mark $LIST $PROGRAM wait $TAG"
    env = {"PROGRAM": t.payload, "LIST": t.path("pids"), "TAG": t.tag}
    leave_behind(t, [command], env=env)


@test("children of a process that moved to another cgroup are ended")
def moved_tree(t):
    other = foreign_cgroup(t)
    leave_behind(t, [f"PAYLOAD daemon PAYLOAD move {other} MARK PAYLOAD keepforking 2"])


@test("a child in a frozen cgroup of its own is ended")
def frozen(t):
    mount = cgroup2_mount()
    if not mount:
        raise Skip("no cgroup v2")
    mark = t.path("pids")
    script = f"""
        own={mount}$(sed -n 's/^0:://p' /proc/self/cgroup)
        case $own in */oc-*) ;; *) exit 77;; esac
        mkdir $own/inner || exit 77
        '{t.payload}' daemon '{t.payload}' move $own/inner '{t.payload}' mark {mark} \
            '{t.payload}' wait >/dev/null
        {wait_for(mark)}
        echo 1 > $own/inner/cgroup.freeze
        while ! grep -q 'frozen 1' $own/inner/cgroup.events; do sleep 0.05; done
        exit 3"""
    result = t.oc("--grace", "1", "--", "sh", "-c", script)
    if result.status == 77:
        raise Skip("the session has no cgroup of its own that the command may divide")
    check_equal(result.status, 3, f"status ({result.errors})")
    check_equal([pid for pid in t.wait_pids(mark) if is_alive(pid)], [], "pids that are alive")


@test("leftovers are grouped by name with their number")
def grouped(t):
    for name in ("fake-chrome", "fake-node"):
        shutil.copy(t.payload, t.path(f"bin/{name}"))
    mark = t.path("pids")
    result = leave_behind(t, [f"PAYLOAD setsid {name} mark {mark} {name} wait" for name in
                              ("fake-chrome", "fake-chrome", "fake-chrome", "fake-node")], 4)
    check_reported(t, result, r"\b3 (x )?fake-chrome\b", r"\bfake-node\b")


@test("leftovers that end when asked are not killed: they may clean up")
def leftovers_clean_up(t):
    cleaned, ready = t.path("cleaned"), t.path("ready")
    t.script("bin/tidy", f"trap 'echo yes > {cleaned}; exit 0' TERM\necho > {ready}\n"
             "while :; do sleep 0.1; done\n")
    result = t.oc("--grace", "600", "--", "sh", "-c",
                  f"'{t.payload}' setsid tidy >/dev/null 2>&1 & {wait_for(ready)}; exit 3")
    check_equal(result.status, 3, "status")
    check_equal(read_text(cleaned), "yes\n", "what the handler wrote")


@test("a process that is no part of the session is left alone, whatever its name")
def bystander(t):
    mark = t.path("bystander")
    other = t.start([t.payload, "setsid", t.payload, "mark", mark, t.payload, "wait"])
    pid = t.wait_pids(mark)[0]
    leave_behind_result = t.oc("--", "sh", "-c", f"'{t.payload}' setsid '{t.payload}' wait & "
                               "sleep 0.3; exit 3")
    check_equal(leave_behind_result.status, 3, "status")
    check(is_alive(pid), "the bystander lives")
    os.kill(pid, signal.SIGKILL)
    other.wait()


@test("two sessions side by side end only their own")
def two_sessions(t):
    first = t.start_oc("-q", "--", "sh", "-c", f"'{t.payload}' setsid '{t.payload}' sigs & "
                       "echo ready; sleep 600").wait_line("ready", 2)
    second = t.oc("-q", "--", "sh", "-c", f"'{t.payload}' setsid '{t.payload}' wait & "
                  "sleep 0.3; exit 3")
    check_equal(second.status, 3, "status of the second one")
    check(first.status is None and payload_of(t), "the first one and its child live")
    first.signal(signal.SIGTERM)
    first.wait()


@test("zombies do not pile up while the session runs")
def zombies(t):
    running = t.start_oc("-q", "--", t.payload, "zombies", "300").wait_line("ready")

    def count():
        return sum(process.state == "Z" and process.parent == running.pid
                   for process in all_processes())

    t.poll(lambda: count() == 0, "no zombie below oc-run")
    check(running.status is None, "the session runs")
    orphan_parent = payload_of(t)
    check(orphan_parent, "the command lives")
    running.signal(signal.SIGTERM)
    running.wait()


@test("orphans become children of the session, not of init")
def subreaper(t):
    mark = t.path("pids")
    running = t.start_oc("-q", "--", "sh", "-c", f"'{t.payload}' daemon '{t.payload}' mark {mark} "
                         f"'{t.payload}' wait; sleep 600")
    pid = t.wait_pids(mark)[0]
    parents = {process.pid: process.parent for process in all_processes()}
    t.poll(lambda: {process.pid: process.parent for process in all_processes()}.get(pid) ==
           running.pid, f"oc-run is the parent (was {parents.get(pid)})")
    running.signal(signal.SIGTERM)
    running.wait()


@test("a command that exits at once leaves nothing, fifty times")
def short_sessions(t):
    for _ in range(50):
        check_equal(t.oc("-q", "--", "true").status, 0, "status")
    t.check_all_gone()
    t.check_world()


@test("four sessions at a time, forty in all, leave nothing")
def parallel_sessions(t):
    for _ in range(10):
        batch = [t.start_oc("-q", "--", "sh", "-c", f"'{t.payload}' daemon '{t.payload}' wait "
                            f">/dev/null; exit {number}") for number in range(4)]
        check_equal([running.wait() for running in batch], [0, 1, 2, 3], "statuses")
    t.check_all_gone()
    t.check_world()
