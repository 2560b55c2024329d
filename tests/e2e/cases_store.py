# SPDX-License-Identifier: MIT
"""What opencode leaves on the disk, and what is left of that with oc-run."""

import glob
import os
import time

from report import Report
from sandbox import check, wait_until, write

# So many files of random bytes keep the snapshot's git busy for a second or more.
FILES, FILE_BYTES = 3000, 20000


def libraries(box):
    """Native libraries in the folder for temporary files; their names begin with a dot."""
    return glob.glob(box.path("tmp", ".*.so"))


def native_libraries_do_not_stay(box):
    """native libraries that stay in /tmp after a bare run are gone after one with oc-run"""
    prompt = box.script("look", {"bash": "ls -A $BUN_TMPDIR"})
    done = box.run(box.wrapped("-v") + ["opencode", "run", prompt])
    check(done.status == 0, "the status is %d: %s" % (done.status, done.err))
    box.check_nothing_left()
    check(not libraries(box), "left in the temporary folder: %s" % libraries(box))
    check(".so" in "".join(box.provider.tool_results()), "the private folder was not used: %s" %
          box.provider.tool_results())
    folder = Report(done.report).get("temporary_files")
    check(folder["removed"] and folder["bytes"] > 1 << 20, "the report says %s" % folder)
    check(not os.path.exists(folder["path"]), "the folder is still there")
    check("temporary files: " in done.words, "-v does not tell of it: " + done.words)
    box.note("removed: %(count)d files, %(bytes)d bytes" % folder)

    bare = box.run(["opencode", "run", prompt])
    check(bare.status == 0, "bare, the status is %d: %s" % (bare.status, bare.err))
    check(libraries(box), "bare, nothing was left: the test shows nothing")


def fill_project(box):
    for number in range(FILES):
        with open(box.path("project", "f%d" % number), "wb") as file:
            file.write(os.urandom(FILE_BYTES))


def store_locks(box):
    return glob.glob(box.path("home/.local/share/opencode/snapshot/**/index.lock"),
                     recursive=True)


def unfinished(box):
    return glob.glob(box.path("home/.local/share/opencode/snapshot/**/tmp_*"), recursive=True)


def kill_in_snapshot(box, command):
    """Kills opencode and its git while the git holds the lock of the snapshot store. The child."""
    child = box.start(command)
    locks = wait_until(lambda: store_locks(box), 60, "git to take the lock of the store")
    doomed = box.agents() + [p for p in box.members() if p.comm == "git"]
    for process in doomed:
        process.kill()
    box.note("killed: " + "; ".join(str(p) for p in doomed))
    return child, locks[0]


def snapshot_lock_is_removed(box):
    """after a hard kill of opencode and its git the snapshot store has no lock, and snapshots work"""
    fill_project(box)
    own = box.path("project", ".git", "index.lock")
    prompt = box.script("snap", {"bash": "echo hello >a.txt"})
    child, lock = kill_in_snapshot(box, box.wrapped() + ["opencode", "run", prompt])
    write(own, "")
    done = box.finish(child)
    box.note("report:\n" + done.words)
    check(done.status == 137, "the status is %d: %s" % (done.status, done.err))
    check(not store_locks(box), "still locked: %s" % store_locks(box))
    check(not unfinished(box), "still there: %s" % unfinished(box))
    report = Report(done.report)
    check(lock in [item["path"] for item in report.get("snapshot_store", "items")],
          "the report does not name it: %s" % report.get("snapshot_store"))
    check("removed, left by a killed git: " + lock in done.words, "nor do the words")
    # The person's own is told and stays.
    check(os.path.exists(own), "the person's own lock was removed")
    check(report.get("repository_lock") == own and "rm '%s'" % own in done.words,
          "the person's own lock is not told")
    os.unlink(own)
    again = box.run(box.wrapped() + ["opencode", "run", prompt])
    check(again.status == 0, "afterwards the status is %d: %s" % (again.status, again.err))
    indexes = glob.glob(os.path.join(os.path.dirname(lock), "index"))
    check(indexes and not store_locks(box), "no snapshot was made afterwards")
    box.check_nothing_left()


def bare_the_snapshot_lock_stays(box):
    """CONTROL: bare, the same kill leaves the lock"""
    fill_project(box)
    prompt = box.script("snap", {"bash": "echo hello >a.txt"})
    child, lock = kill_in_snapshot(box, ["opencode", "run", prompt])
    child.wait()
    time.sleep(1)
    check(os.path.exists(lock), "the lock is gone: the test shows nothing")
    box.expects_leaks = True


CASES = [
    native_libraries_do_not_stay,
    snapshot_lock_is_removed,
    bare_the_snapshot_lock_stays,
]
