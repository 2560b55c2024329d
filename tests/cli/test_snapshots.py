# SPDX-License-Identifier: MIT
"""What a killed git leaves: removed from opencode's own store, only told of in the person's
repository."""

import json
import os
import signal
import time

from harness import check, check_equal, read_text, test

STORE = "home/data/opencode/snapshot/0123456789012345678901234567890123456789"
LOCK = STORE + "/index.lock"
PACK = STORE + "/objects/pack/tmp_pack_Abc123"


def fake(t, text):
    """A program named opencode that leaves what a git killed in its store leaves."""
    os.makedirs(t.path(STORE + "/objects/pack"))
    for name in ("HEAD", "index", "objects/pack/pack-1.pack"):
        t.write(f"{STORE}/{name}", "x")
    # oc-run asks it for its sessions afterwards.
    return t.script("bin/opencode", f"""
        [ "$1" != session ] || exit 0
        echo lock >'{t.path(LOCK)}'; echo half >'{t.path(PACK)}'
        {text}""")


def repository(t, age=0):
    """The person's own, with a lock that is so many seconds old when the session starts."""
    os.makedirs(t.path("work/.git"))
    t.write("work/.git/HEAD", "ref: refs/heads/main\n")
    if age:
        os.utime(t.write("work/.git/index.lock", ""), (time.time() - age, time.time() - age))
    return t.path("work/.git/index.lock")


def report_of(t):
    return json.loads(read_text(t.path("report.json")))


@test("after a hard kill the store is clean, and the report names what was removed")
def removed(t):
    fake(t, "kill -KILL $$")
    result = t.oc("--report", t.path("report.json"), "--", "opencode")
    check_equal(result.status, 137, "status")
    check(not os.path.exists(t.path(LOCK)), "the lock is gone")
    check(not os.path.exists(t.path(PACK)), "the unfinished pack is gone")
    for name in ("HEAD", "index", "objects/pack/pack-1.pack"):
        check(os.path.exists(t.path(f"{STORE}/{name}")), f"{name} is still there")
    for name in (LOCK, PACK):
        check(any("removed" in line and t.path(name) in line for line in result.errors),
              f"{name} is named: {result.errors}")
    told = report_of(t)["snapshot_store"]
    check_equal(told["count"], 2, "count")
    check_equal({item["path"] for item in told["items"]}, {t.path(LOCK), t.path(PACK)}, "items")


@test("without a hard kill nothing is touched")
def untouched(t):
    fake(t, "exit 0")
    result = t.oc("-v", "--report", t.path("report.json"), "--", "opencode")
    check_equal(result.status, 0, "status")
    check(os.path.exists(t.path(LOCK)) and os.path.exists(t.path(PACK)), "both are still there")
    check_equal(report_of(t)["snapshot_store"]["count"], 0, "count")


@test("a lock that somebody outside holds open stays")
def held(t):
    fake(t, "echo ready; sleep 600")
    running = t.start_oc("-q", "--report", t.path("report.json"), "--", "opencode")
    running.wait_line("ready")
    with open(t.path(LOCK), "rb"):
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGTERM)
        running.wait()
        check(os.path.exists(t.path(LOCK)), "the held lock is still there")


@test("a lock in the person's repository is told with the command that removes it, and stays")
def persons(t):
    lock = repository(t)
    fake(t, f"touch '{lock}'; kill -KILL $$")
    result = t.oc("--report", t.path("report.json"), "--", "opencode")
    check(os.path.exists(lock), "the lock is still there")
    check(f"`rm '{lock}'`" in result.err.decode(), f"the command is told: {result.errors}")
    check_equal(report_of(t)["repository_lock"], lock, "repository_lock")
    check(any(f"rm '{lock}'" in step for step in report_of(t)["next"]), "it is a next step")


@test("a lock in the person's repository from before the session is not worth a word")
def persons_old(t):
    lock = repository(t, age=3600)
    fake(t, "kill -KILL $$")
    result = t.oc("--report", t.path("report.json"), "--", "opencode")
    check(os.path.exists(lock), "the lock is still there")
    check(lock not in result.err.decode(), f"stderr: {result.errors}")
    check_equal(report_of(t)["repository_lock"], None, "repository_lock")


@test("SIGKILL of oc-run: its keeper cleans the store")
def keeper_cleans(t):
    fake(t, "echo ready; sleep 600")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    running.signal(signal.SIGKILL)
    running.wait()
    t.poll(lambda: not os.path.exists(t.path(LOCK)), "the lock goes")
    t.poll(lambda: not os.path.exists(t.path(PACK)), "the unfinished pack goes")


@test("oc-run and its keeper killed together: the next start cleans the store")
def sweep_cleans(t):
    from test_sudden_death import kill_both  # pylint: disable=import-outside-toplevel
    fake(t, "echo ready; sleep 600")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    kill_both(running, t)
    check(os.path.exists(t.path(LOCK)), "nobody was there to remove the lock")
    t.oc("-q", "--", "true")
    check(not os.path.exists(t.path(LOCK)), "the lock is gone")
    check(not os.path.exists(t.path(PACK)), "the unfinished pack is gone")
