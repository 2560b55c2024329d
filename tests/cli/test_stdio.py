# SPDX-License-Identifier: MIT
"""stdin, stdout, stderr, pipelines, silence, and which fds the command gets."""

import os

from harness import check, check_equal, read_text, test


def fds_seen(text):
    """{number: target} of `payload fds`."""
    return {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in text.splitlines()}


@test("stdin, stdout and stderr pass through")
def pass_through(t):
    data = bytes(range(256)) * 4000
    result = t.oc("-q", "--", "sh", "-c", "cat; echo to stderr >&2", stdin=data)
    check_equal(result.out == data, True, "stdout is what went in")
    check_equal(result.err, b"to stderr\n", "stderr")


@test("the command gets the very same files for 0, 1 and 2")
def same_files(t):
    bare = t.run([t.payload, "fds"])
    under = t.oc("-q", "--", t.payload, "fds")
    check_equal(sorted(fds_seen(under.out.decode())), sorted(fds_seen(bare.out.decode())), "fds")
    check_equal(fds_seen(under.out.decode())[1], under.out_path, "target of 1")


@test("the command gets no fd of oc-run, and every one that was inherited")
def no_extra_fds(t):
    first, second = os.pipe()
    t.defer(lambda: (os.close(first), os.close(second)))
    seen = fds_seen(t.oc("-q", "--", t.payload, "fds", pass_fds=(first, second)).out.decode())
    check_equal(sorted(seen), sorted({0, 1, 2, first, second}), "fds of the command")


@test("a high inherited fd survives")
def high_fd(t):
    result = t.run(["bash", "-c", f"exec 200</dev/null; exec '{t.oc_run}' -q -- "
                    f"'{t.payload}' fds"])
    check(200 in fds_seen(result.out.decode()), "fd 200 is there")


@test("with 0, 1 and 2 closed the command still runs and gets nothing of oc-run's")
def closed_stdio(t):
    listing = t.path("listing")
    result = t.run([t.payload, "closefds", t.oc_run, "-q", "--", "sh", "-c",
                    f"'{t.payload}' fds '{listing}'; exit 11"])
    check_equal(result.status, 11, "status")
    odd = {number: target for number, target in fds_seen(read_text(listing)).items()
           if target != "/dev/null" and target != listing}
    check_equal(odd, {}, "fds that are not /dev/null")


@test("each of 0, 1 and 2 closed alone leaves the other two in place")
def one_closed(t):
    for closed in ("0<&-", "1>&-", "2>&-"):
        listing = t.path("listing")
        result = t.run(["sh", "-c", f"exec '{t.oc_run}' -q -- '{t.payload}' fds '{listing}' "
                        f"{closed}"])
        check_equal(result.status, 0, f"status with {closed}")
        seen = fds_seen(read_text(listing))
        kept = {0, 1, 2} - {int(closed[0])}
        check(kept <= set(seen), f"{kept} are there with {closed}: {seen}")
        check_equal({number for number in seen if number > 2 and seen[number] != listing}, set(),
                    f"more fds with {closed}")
        check(seen.get(int(closed[0]), "/dev/null") in ("/dev/null", listing),
              f"{closed} is not filled with a file of oc-run's: {seen}")


@test("oc-run works with everything on /dev/null and without a terminal")
def no_terminal(t):
    result = t.run(["sh", "-c", f"exec setsid --wait '{t.oc_run}' -q -- sh -c 'exit 12' "
                    "</dev/null >/dev/null 2>&1"])
    check_equal(result.status, 12, "status")


@test("a reader that goes away gives the command SIGPIPE")
def broken_pipe(t):
    result = t.run(["bash", "-c", f"'{t.oc_run}' -q -- yes | head -n1; "
                    "echo ${PIPESTATUS[0]}"])
    check_equal(result.lines, ["y", "141"], "output and status")


@test("a pipeline of three sessions hands the data on")
def pipeline(t):
    oc = f"'{t.oc_run}' -q --"
    result = t.run(["bash", "-c", f"{oc} seq 1000 | {oc} grep 7 | {oc} wc -l"])
    check_equal(result.lines, ["271"], "output")


@test("the end of stdin is seen by the command, and oc-run holds no end of a pipe open")
def end_of_pipe(t):
    # cat ends only when every writer has closed; the first session still runs then.
    result = t.run(["bash", "-c", f"'{t.oc_run}' -q -- sh -c 'echo one; exec >&-; sleep 1' | "
                    "cat"])
    check_equal(result.lines, ["one"], "output")


@test("what the command leaves unread on stdin stays there")
def stdin_untouched(t):
    result = t.run(["sh", "-c", f"'{t.oc_run}' -q -- sh -c 'read a; echo \"$a\"'; cat"],
                   stdin=b"first\nsecond\n")
    check_equal(result.lines, ["first", "second"], "lines")


@test("-q says nothing at all when nothing happened")
def quiet(t):
    result = t.oc("-q", "--", "true")
    check_equal((result.status, result.out, result.err), (0, b"", b""), "status, stdout, stderr")


@test("without -q nothing is said when nothing happened, but for a limit that is not enforced")
def silence(t):
    result = t.oc("--", "true")
    check_equal((result.status, result.out), (0, b""), "status and stdout")
    plan = t.oc("--dry-run", "--", "true").out.decode()
    wanted = 1 if "watch" in plan else 0
    check_equal(len(result.errors), wanted, "lines on stderr")
    check(all(line.startswith("oc-run: ") for line in result.errors), "they start with 'oc-run: '")


@test("a failing command is no event: nothing is said about it")
def silence_on_failure(t):
    baseline = t.oc("--", "true").errors
    check_equal(t.oc("--", t.payload, "exit", "3").errors, baseline, "stderr after exit 3")


@test("-v says something, on stderr only")
def verbose(t):
    result = t.oc("-v", "--", "echo", "x")
    check_equal(result.out, b"x\n", "stdout")
    check(len(result.errors) > len(t.oc("--", "true").errors), "more is said than without -v")


@test("a full or closed stderr does not change the exit status")
def stderr_unwritable(t):
    result = t.run(["sh", "-c", f"exec '{t.oc_run}' -v -- '{t.payload}' exit 5 2>/dev/full"])
    check_equal(result.status, 5, "status")
    result = t.run(["bash", "-c", f"'{t.oc_run}' -v -- '{t.payload}' exit 5 "
                    "2> >(exec true); echo $?"])
    check_equal(result.lines, ["5"], "status with a broken pipe on stderr")
