# SPDX-License-Identifier: MIT
"""Exit status: the command's own, 128+n, 126, 127, 125."""

import os
import signal

from harness import check, check_equal, test

# The signals whose default action ends a process, core dump or not.
TERMINATING = ("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU "
               "XFSZ VTALRM PROF POLL PWR SYS").split()


def check_own_failure(result, *needles, status=125):
    """oc-run's own failure: the status, one clear line on stderr, nothing on stdout."""
    check_equal(result.status, status, f"exit status of {result}")
    check_equal(result.out, b"", f"stdout of {result}")
    check_equal(len(result.errors), 1, f"number of lines on stderr of {result}")
    line = result.errors[0]
    check(line.startswith("oc-run: "), f"the line starts with 'oc-run: ': {line!r}")
    for needle in needles:
        check(needle in line, f"the line names {needle!r}: {line!r}")


@test("every exit status of the command from 0 to 255 is handed on")
def every_status(t):
    wrong = {}
    for status in range(256):
        seen = t.oc("-q", "--", t.payload, "exit", str(status)).status
        if seen != status:
            wrong[status] = seen
    check_equal(wrong, {}, "statuses that were changed")


@test("a command that dies of signal n gives 128+n, for each terminating signal")
def every_signal(t):
    wrong = {}
    for name in TERMINATING:
        seen = t.oc("-q", "--", t.payload, "killself", name).status
        if seen != 128 + signal.Signals["SIG" + name]:
            wrong[name] = seen
    check_equal(wrong, {}, "signals with another status")


@test("a command that cannot be found gives 127 and one line that names it")
def not_found(t):
    check_own_failure(t.oc("-q", "--", "no-such-command-here"), "no-such-command-here", status=127)


@test("a path that does not exist gives 127 and one line that names it")
def path_not_found(t):
    check_own_failure(t.oc("-q", "--", "/nowhere/command"), "/nowhere/command", status=127)


@test("a file that may not be executed gives 126 and one line that names it")
def not_executable(t):
    path = t.write("bin/plain-file", "text\n", 0o644)
    check_own_failure(t.oc("-q", "--", path), path, status=126)


@test("a file in PATH that may not be executed gives 126")
def not_executable_in_path(t):
    t.write("bin/plain-file", "text\n", 0o644)
    check_own_failure(t.oc("-q", "--", "plain-file"), "plain-file", status=126)


@test("a directory as command gives 126")
def directory(t):
    check_own_failure(t.oc("-q", "--", t.path("work")), t.path("work"), status=126)


@test("a program of an unknown format gives 126 or is run by the shell, as execvp(3) does")
def unknown_format(t):
    path = t.write("bin/no-magic", "exit 7\n", 0o755)
    check(t.oc("-q", "--", path).status in (7, 126), "status is 7 or 126")


@test("a script whose interpreter is missing fails like a missing command")
def missing_interpreter(t):
    path = t.write("bin/bad-script", "#!/nowhere/interpreter\n", 0o755)
    result = t.oc("-q", "--", path)
    check(result.status in (126, 127), f"status {result.status} is 126 or 127")
    check_equal(len(result.errors), 1, "lines on stderr")


@test("an executable earlier in PATH wins over a file without permission")
def path_goes_on(t):
    t.write("first/tool", "text\n", 0o644)
    t.write("second/tool", "#!/bin/sh\nexit 8\n", 0o755)
    path = f"{t.path('first')}:{t.path('second')}:{t.environment['PATH']}"
    check_equal(t.oc("-q", "--", "tool", env={"PATH": path}).status, 8, "exit status")


@test("a missing working directory is oc-run's own failure")
def missing_directory(t):
    check_own_failure(t.oc("-C", "/nowhere/at/all", "--", "true"), "/nowhere/at/all")


@test("the command was not started when oc-run itself fails")
def nothing_started(t):
    mark = t.path("mark")
    check_own_failure(t.oc("--mem", "nonsense", "--", "touch", mark))
    check(not os.path.exists(mark), "the command did not run")


@test("a core dump flag does not change 128+n")
def core_dump(t):
    result = t.oc("-q", "--", "sh", "-c", "ulimit -c 0; kill -SEGV $$")
    check_equal(result.status, 139, "exit status")
