# SPDX-License-Identifier: MIT
"""The command's own arguments and environment go through untouched."""

import os

from harness import check, check_equal, test


def arguments_seen(result):
    return [bytes.fromhex(line) for line in result.lines]


@test("options after the command belong to the command")
def options_after_command(t):
    words = ["--help", "-m", "1G", "--version", "-q", "--no-such-option", "-C", "/"]
    result = t.oc("-q", t.payload, "args", *words)
    check_equal((result.status, arguments_seen(result)), (0, [word.encode() for word in words]),
                "status and arguments")


@test("'--' ends the options and only the first one is taken")
def double_dash(t):
    result = t.oc("-q", "--", t.payload, "args", "--", "a", "--")
    check_equal(arguments_seen(result), [b"--", b"a", b"--"], "arguments")


@test("a command whose name starts with a dash can be run after '--'")
def dash_command(t):
    t.script("bin/--tool", "exit 5\n")
    check_equal(t.oc("-q", "--", "--tool").status, 5, "status")


@test("empty arguments, spaces, newlines and shell characters are kept")
def odd_arguments(t):
    words = ["", " ", "two words", "a\nb", "$HOME", "*", "'\"`\\", "", "\t", "a" * 10000]
    result = t.oc("-q", "--", t.payload, "args", *words)
    check_equal(arguments_seen(result), [word.encode() for word in words], "arguments")


@test("arguments that are no UTF-8 are kept byte for byte")
def bytes_arguments(t):
    words = [b"\xff\xfe", b"caf\xe9", bytes(range(1, 256))]
    result = t.run([t.oc_run, "-q", "--", t.payload, "args", *words])
    check_equal(arguments_seen(result), words, "arguments")


@test("a command line of 100 kB goes through")
def long_arguments(t):
    words = [str(number) for number in range(20000)]
    result = t.oc("-q", "--", "sh", "-c", "echo $#", "sh", *words)
    check_equal(result.lines, ["20000"], "number of arguments")


@test("an empty word as command is not found")
def empty_command(t):
    check_equal(t.oc("-q", "--", "").status, 127, "status")


@test("argv[0] of the command is the word that was given")
def argv0(t):
    script = t.script("bin/tool", "tr '\\0' '\\n' < /proc/$$/cmdline\n")
    check_equal(t.oc("-q", "--", "sh", "-c", "echo $0").lines, ["sh"], "argv[0] of a word")
    check(script in t.oc("-q", "--", "tool").lines, "a script gets its path")


@test("the environment is handed on, with OC_RUN_SESSION added")
def environment(t):
    odd = {"EMPTY": "", "LINES_": "a\nb", "SPACES": " x ", "EQUALS": "a=b"}
    bare = set(t.run(["env", "-0"], env=odd).out.split(b"\0"))
    under = set(t.oc("-q", "--", "env", "-0", env=odd).out.split(b"\0"))
    check_equal(bare - under - {b""}, set(), "variables that got lost or changed")
    added = sorted(line.split(b"=")[0].decode() for line in under - bare if line)
    check("OC_RUN_SESSION" in added, f"OC_RUN_SESSION is among the new ones: {added}")
    check(all(name.startswith("OC_RUN_") for name in added), f"nothing else is new: {added}")


@test("two sessions have different ids")
def session_ids(t):
    seen = {t.oc("-q", "--", t.payload, "env", "OC_RUN_SESSION").out for _ in range(5)}
    check_equal(len(seen), 5, "number of different ids")


@test("a variable that is no UTF-8 is handed on byte for byte")
def bytes_environment(t):
    result = t.oc("-q", "--", t.payload, "env", "ODD", env={"ODD": b"\xff\xe9"})
    check_equal(result.out, b"\xff\xe9\n", "value")


@test("umask, resource limits, nice value and working directory are handed on")
def inherited_state(t):
    script = "umask; ulimit -n; ulimit -s; ulimit -c; nice; pwd"
    around = "umask 027; ulimit -n 333; ulimit -s 4096; ulimit -c 0; exec nice -n 3 \"$@\""
    bare = t.run(["sh", "-c", around, "sh", "sh", "-c", script])
    under = t.run(["sh", "-c", around, "sh", t.oc_run, "-q", "--", "sh", "-c", script])
    check_equal(under.lines, bare.lines, "what the command sees")


@test("oc-run works from a directory that was removed")
def removed_directory(t):
    os.mkdir(t.path("gone"))
    result = t.run(["sh", "-c", f"cd '{t.path('gone')}' && rmdir '{t.path('gone')}' && "
                    f"exec '{t.oc_run}' -q -- '{t.payload}' exit 4"])
    check_equal(result.status, 4, "status")


@test("oc-run works with an empty environment")
def empty_environment(t):
    result = t.run(["env", "-i", f"OC_RUN_TEST_TAG={t.tag}", t.oc_run, "-q", "--", t.payload,
                    "exit", "4"])
    check_equal(result.status, 4, f"status ({result.errors})")
