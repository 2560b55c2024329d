# SPDX-License-Identifier: MIT
"""What opencode leaves on the disk, and what is left of that with oc-run."""

import glob
import os

from report import Report
from sandbox import check


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


CASES = [
    native_libraries_do_not_stay,
]
