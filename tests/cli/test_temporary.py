# SPDX-License-Identifier: MIT
"""The private folder for temporary files that opencode is given, and that it goes."""

import json
import os
import re
import signal
import time

from harness import check, check_equal, read_text, test

TELL = 'echo "folder=$BUN_TMPDIR"; '
LEAVE = 'echo library >"$BUN_TMPDIR/.one.so"; mkdir "$BUN_TMPDIR/more"; : >"$BUN_TMPDIR/more/two"; '


def fake(t, text):
    """A program named opencode."""
    return t.script("bin/opencode", text)


def folder_of(running):
    for line in running.lines:
        if line.startswith("folder="):
            return line[len("folder="):]
    return None


def below_cache(t):
    folder = t.path("home/cache/oc-run/tmp")
    return os.listdir(folder) if os.path.isdir(folder) else []


@test("opencode gets a private folder of its session in BUN_TMPDIR, on the disk of the cache")
def private_folder(t):
    fake(t, TELL + 'stat -c "mode=%a" "$BUN_TMPDIR"; echo "session=$OC_RUN_SESSION"')
    result = t.oc("-q", "--", "opencode")
    session = re.search(r"session=(\w+)", result.out.decode())[1]
    check_equal(folder_of(result), t.path(f"home/cache/oc-run/tmp/{session}"), "BUN_TMPDIR")
    check("mode=700" in result.lines, f"nobody else may look into it: {result.lines}")
    check_equal(below_cache(t), [], "what is left")


@test("what it leaves in the folder is removed, counted, and told with -v and in JSON")
def removed_and_told(t):
    fake(t, TELL + LEAVE + "exit 3")
    result = t.oc("-v", "--report", t.path("report.json"), "--", "opencode")
    check_equal(result.status, 3, "status")
    check_equal(below_cache(t), [], "what is left")
    check(re.search(r"(?m)^  temporary files: 2 removed", result.err.decode()),
          f"-v tells of it: {result.errors}")
    told = json.loads(read_text(t.path("report.json")))["temporary_files"]
    check_equal(told["path"], folder_of(result), "path")
    check_equal((told["count"], told["removed"]), (2, True), "count and removed")
    check(0 < told["bytes"] <= 1 << 20, f"bytes: {told}")


@test("without -v the removal is not worth a word")
def silent(t):
    fake(t, LEAVE)
    result = t.oc("--backend=none", "--", "opencode")
    check("temporary" not in result.err.decode(), f"stderr: {result.errors}")


@test("other commands get no folder and no variable")
def others(t):
    result = t.oc("-v", "--report", t.path("report.json"), "--", "sh", "-c",
                  'echo "${BUN_TMPDIR-unset}"')
    check_equal(result.lines, ["unset"], "BUN_TMPDIR")
    check_equal(json.loads(read_text(t.path("report.json")))["temporary_files"], None, "JSON")
    check("temporary" not in result.err.decode(), f"stderr: {result.errors}")
    check(not os.path.exists(t.path("home/cache/oc-run/tmp")), "nothing was made")


@test("a BUN_TMPDIR of the person's own stays, and so does what is in it")
def chosen(t):
    fake(t, TELL + LEAVE)
    for words, environment in (((), {"BUN_TMPDIR": t.path("mine")}),
                               (("-E", f"BUN_TMPDIR={t.path('mine')}"), {})):
        os.mkdir(t.path("mine"))
        result = t.oc("-q", *words, "--", "opencode", env=environment)
        check_equal(folder_of(result), t.path("mine"), "BUN_TMPDIR")
        check(os.path.exists(t.path("mine/.one.so")), "its file is still there")
        os.unlink(t.path("mine/.one.so"))
        os.unlink(t.path("mine/more/two"))
        os.rmdir(t.path("mine/more"))
        os.rmdir(t.path("mine"))
    check_equal(below_cache(t), [], "what is left")


@test("a session in a session gets a folder of its own")
def nested(t):
    fake(t, TELL + f'[ "$1" ] || "{t.oc_run}" -q -- opencode inner')
    result = t.oc("-q", "--", "opencode")
    folders = [line for line in result.lines if line.startswith("folder=")]
    check_equal(len(set(folders)), 2, f"folders ({folders})")
    check_equal(below_cache(t), [], "what is left")


@test("links, deep trees and locked folders in it do no harm and do not stay")
def hostile(t):
    os.mkdir(t.path("precious"))
    t.write("precious/file", "precious")
    fake(t, f"""cd "$BUN_TMPDIR" || exit 1
        ln -s '{t.path("precious")}' link; ln -s .. up; ln '{t.path("precious/file")}' hard
        i=0; while [ $i -lt 200 ]; do mkdir -p deep && cd deep || exit 1; i=$((i + 1)); done
        ln -s '{t.path("precious")}' link; mkfifo pipe; chmod 0 .
        cd "$BUN_TMPDIR" || exit 1
        cp -r '{t.path("precious")}' copy; chmod 0 copy""")
    result = t.oc("-q", "--", "opencode")
    check_equal(result.status, 0, f"status ({result.errors})")
    check_equal(below_cache(t), [], "what is left")
    check_equal(read_text(t.path("precious/file")), "precious", "the file outside")


@test("a link put in the folder's place is not followed")
def swapped(t):
    os.mkdir(t.path("precious"))
    t.write("precious/file", "precious")
    fake(t, TELL + f'mv "$BUN_TMPDIR" "{t.path("moved")}"; ln -s "{t.path("precious")}" '
         '"$BUN_TMPDIR"')
    result = t.oc("-q", "--", "opencode")
    check(not os.path.lexists(folder_of(result)), "the link is gone")
    check_equal(read_text(t.path("precious/file")), "precious", "the file outside")


@test("SIGKILL of oc-run: its keeper removes the folder")
def keeper_removes(t):
    fake(t, TELL + LEAVE + "echo ready; sleep 600")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    check_equal(len(below_cache(t)), 1, "folders of live sessions")
    running.signal(signal.SIGKILL)
    running.wait()
    t.poll(lambda: not below_cache(t), "the folder goes")
    t.check_all_gone()
    t.check_world()


@test("oc-run and its keeper killed together: the next start removes the folder with the entry")
def sweep_removes(t):
    from test_sudden_death import kill_both  # pylint: disable=import-outside-toplevel
    fake(t, TELL + LEAVE + "echo ready; sleep 600")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    kill_both(running, t)
    check_equal(len(below_cache(t)), 1, "folders of dead sessions")
    t.oc("-q", "--", "true")
    t.poll(lambda: not below_cache(t), "the folder goes")
    t.check_all_gone()
    t.check_world()


@test("a folder that a crash of the machine left is removed, one of a live session is not")
def orphans(t):
    fake(t, TELL + LEAVE + "echo ready; sleep 600")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    live = folder_of(running)
    dead = os.path.join(os.path.dirname(live), "0123456789abcdef")
    os.mkdir(dead, 0o700)
    t.write(os.path.relpath(os.path.join(dead, "file"), t.folder), "x")
    for folder in (live, dead):
        os.utime(folder, (time.time() - 7200, time.time() - 7200))
    t.oc("-q", "--", "true")
    check_equal([os.path.exists(folder) for folder in (live, dead)], [True, False],
                "the live one, the dead one")
    running.signal(signal.SIGTERM)
    running.wait()


@test("a folder of another user is refused in a line, and the session runs without")
def refused(t):
    os.makedirs(t.path("home/cache/oc-run/tmp"))
    os.chmod(t.path("home/cache/oc-run"), 0o777)
    fake(t, 'echo "${BUN_TMPDIR-unset}"')
    # A second place that will do would be taken instead.
    result = t.oc("--backend=none", "--", "opencode", env={"XDG_RUNTIME_DIR": None})
    check_equal(result.status, 0, "status")
    if result.lines == ["unset"]:
        check("oc-run\" in \"" in result.err.decode(), f"a line says so: {result.errors}")
    else:
        check("/run/" in result.lines[0], f"another place was taken: {result.lines}")
    check_equal(os.listdir(t.path("home/cache/oc-run/tmp")), [], "nothing was put there")
