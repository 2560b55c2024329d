# SPDX-License-Identifier: MIT
"""oc-run itself is killed: the session ends all the same."""

import os
import random
import signal
import time

from harness import SLOW, Failure, all_processes, check, check_equal, is_alive, test
from test_leftovers import foreign_cgroup, wait_for

ROUNDS = 40


def gone_or_swept(t, context):
    """Nothing is left by itself, or at least once the next oc-run has started. True: by itself."""
    try:
        t.check_all_gone()
        t.check_world()
        return True
    except Failure:
        pass
    t.oc("-q", "--", "true")
    try:
        t.check_all_gone()
        t.check_world()
    except Failure as failure:
        raise Failure(f"{context}: left after the next start too: {failure}") from failure
    return False


def busy_script(t, mark):
    """Children of every kind, then a long sleep."""
    return f"""
        '{t.payload}' setsid '{t.payload}' ignore TERM,HUP '{t.payload}' mark {mark} \
            '{t.payload}' wait >/dev/null &
        '{t.payload}' daemon '{t.payload}' mark {mark} '{t.payload}' wait >/dev/null
        '{t.payload}' setsid '{t.payload}' mark {mark} '{t.payload}' stopself >/dev/null &
        {wait_for(mark, 3)}
        echo ready
        sleep 600"""


def start_busy(t, *options):
    mark = t.path(f"pids.{len(t.runs)}")
    running = t.start_oc("-q", *options, "--", "sh", "-c", busy_script(t, mark))
    return running, mark


@test("SIGKILL of oc-run in the middle ends the whole session")
def killed_in_the_middle(t):
    running, mark = start_busy(t)
    running.wait_line("ready")
    pids = t.wait_pids(mark, 3)
    running.signal(signal.SIGKILL)
    running.wait()
    t.poll(lambda: not any(is_alive(pid) for pid in pids), "all children end")
    t.check_all_gone()
    t.check_world()


@test(f"SIGKILL of oc-run at {ROUNDS} random moments leaves nothing")
def killed_at_any_moment(t):
    seed = random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)
    for number in range(ROUNDS):
        delay = chance.uniform(0, 0.4) * min(SLOW, 4)
        running, _ = start_busy(t)
        time.sleep(delay)
        running.signal(signal.SIGKILL)
        running.wait()
        gone_or_swept(t, f"round {number}, killed after {delay * 1000:.0f} ms, seed {seed}")


@test("SIGKILL of oc-run while the session is ending leaves nothing")
def killed_while_ending(t):
    seed = random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)
    for number in range(10):
        running, _ = start_busy(t, "--grace", "1")
        running.wait_line("ready")
        running.signal(signal.SIGTERM)
        delay = chance.uniform(0, 1.5)
        time.sleep(delay)
        if running.status is None:
            running.signal(signal.SIGKILL)
        running.wait()
        gone_or_swept(t, f"round {number}, killed {delay * 1000:.0f} ms into the end, seed {seed}")


@test("SIGKILL of oc-run ends children that moved to another cgroup too")
def killed_with_moved_child(t):
    other = foreign_cgroup(t)
    mark = t.path("pids")
    running = t.start_oc("-q", "--", "sh", "-c",
                         f"'{t.payload}' daemon '{t.payload}' move {other} '{t.payload}' mark "
                         f"{mark} '{t.payload}' wait >/dev/null; {wait_for(mark)}; echo ready; "
                         "sleep 600")
    running.wait_line("ready")
    running.signal(signal.SIGKILL)
    running.wait()
    gone_or_swept(t, "a child in another cgroup")


@test("SIGKILL of oc-run ends a chain of processes that keeps forking")
def killed_with_forking(t):
    running = t.start_oc("-q", "--", t.payload, "keepforking", "3").wait_line("ready")
    running.signal(signal.SIGKILL)
    running.wait()
    gone_or_swept(t, "a chain that keeps forking")


@test("SIGKILL of oc-run with --backend=none leaves nothing once the next one has started")
def killed_without_cgroup(t):
    running, _ = start_busy(t, "--backend=none")
    running.wait_line("ready")
    running.signal(signal.SIGKILL)
    running.wait()
    gone_or_swept(t, "without a cgroup")


def helpers_of(running, t):
    """Processes of oc-run's own besides itself: children or members of its session with its
    program."""
    own = os.path.realpath(t.oc_run)
    found = []
    for process in all_processes():
        if process.pid != running.pid and process.parent == running.pid:
            try:
                if os.path.realpath(f"/proc/{process.pid}/exe") == own:
                    found.append(process.pid)
            except OSError:
                pass
    return found


def kill_both(running, t):
    """oc-run and all of its own beside it. Stopped first, else it starts another keeper."""
    running.signal(signal.SIGSTOP)
    for helper in helpers_of(running, t):
        os.kill(helper, signal.SIGKILL)
    running.signal(signal.SIGKILL)
    running.wait()


@test("the death of the keeper does not disturb the session, and its end is complete")
def keeper_killed(t):
    running, mark = start_busy(t, "--grace", "1")
    running.wait_line("ready")
    pids = t.wait_pids(mark, 3)
    for pid in helpers_of(running, t):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    check(running.status is None and all(is_alive(pid) for pid in pids), "the session goes on")
    running.signal(signal.SIGTERM)
    running.wait()
    check_equal([pid for pid in pids if is_alive(pid)], [], "children that live on")


@test("oc-run and its keeper killed together: the next start removes what was left")
def both_killed(t):
    running, mark = start_busy(t)
    running.wait_line("ready")
    pids = t.wait_pids(mark, 3)
    kill_both(running, t)
    t.oc("-q", "--", "true")
    t.poll(lambda: not any(is_alive(pid) for pid in pids), "all children end")
    t.check_all_gone()
    t.check_world()


@test("the next start leaves a session that is alive alone")
def live_session_untouched(t):
    running, mark = start_busy(t)
    running.wait_line("ready")
    pids = t.wait_pids(mark, 3)
    for _ in range(3):
        t.oc("-q", "--", "true")
    check(running.status is None and all(is_alive(pid) for pid in pids), "the session goes on")
    running.signal(signal.SIGTERM)
    running.signal(signal.SIGTERM)
    running.wait()
