# SPDX-License-Identifier: MIT
"""The command line: help, options, sizes, and where options end."""

import os
import re

from harness import check, check_equal, test
from test_exit_status import check_own_failure

LONG_OPTIONS = ("mem high swap pids cpus cpu-weight io-weight name user chdir setenv slice backend "
                "enforce oom grace restart restart-min-age detach max-sessions wait report notify history history-keep json-status-fd dry-run quiet verbose help version").split()
SHORT_OPTIONS = {"m": "mem", "p": "pids", "n": "name", "C": "chdir", "E": "setenv", "q": "quiet",
                 "v": "verbose", "h": "help"}

GOOD = [
    ("--mem", "4G"), ("--mem", "512M"), ("--mem", "1048576K"), ("--mem", "1T"), ("--mem", "50%"),
    ("--mem", "100%"), ("--mem", "max"), ("--mem", "1073741824"), ("-m", "1G"), ("--high", "1G"),
    ("--high", "max"), ("--swap", "0"), ("--swap", "256M"), ("--swap", "max"), ("--pids", "4096"),
    ("-p", "4096"), ("--pids", "max"), ("--cpus", "1.5"), ("--cpus", "1"), ("--cpu-weight", "50"),
    ("--cpu-weight", "1"), ("--cpu-weight", "10000"), ("--io-weight", "100"),
    ("--name", "night build"), ("-n", "x"), ("-C", "/"), ("--chdir", "/tmp"), ("-E", "A=b"),
    ("--setenv", "A="), ("--backend", "auto"), ("--backend", "none"), ("--enforce", "auto"), ("--oom", "tool"), ("--oom", "agent"), ("--oom", "group"),
    ("--slice", "oc.slice"), ("--grace", "5"), ("--report", "report.json"),
    ("--json-status-fd", "2"), ("--history", "no"), ("--history", "yes"),
    ("--restart", "no"), ("--restart", "on-oom"), ("--restart-min-age", "0"),
    ("--restart-min-age", "5min"), ("--max-sessions", "1"), ("--max-sessions", "max"),
    ("--history-keep", "0"), ("--history-keep", "50"),
]

NONSENSE = [
    ("--mem", text) for text in
    ("4X", "-1", "-1G", "1.5.2G", "G", "4 GB", "0x10", "1e9", "", "101%", "-5%", "%", "4Gi B",
     "4GG", "nan", "inf", "1,5G", "99999999999999999999G", "max1", "G4", "+-4G", "4G4")
] + [
    ("--high", "4X"), ("--high", ""), ("--swap", "-1"), ("--swap", "1.5.2G"), ("--swap", "all"),
    ("--pids", "-1"), ("--pids", "4X"), ("--pids", ""), ("--pids", "1.5"), ("--pids", "many"),
    ("--pids", "0x40"), ("--pids", "1e3"), ("--pids", "99999999999999999999999"),
    ("--cpus", "-1"), ("--cpus", "0"), ("--cpus", "1.5.2"), ("--cpus", ""), ("--cpus", "two"),
    ("--cpu-weight", "0"), ("--cpu-weight", "10001"), ("--cpu-weight", "-5"),
    ("--cpu-weight", "heavy"), ("--cpu-weight", ""), ("--io-weight", "0"),
    ("--io-weight", "10001"), ("--io-weight", ""),
    ("--backend", "docker"), ("--backend", ""), ("--enforce", "perhaps"), ("--enforce", ""),
    ("--oom", "nobody"), ("--oom", ""),
    ("--grace", "-1"), ("--grace", "soon"), ("--grace", ""),
    ("--json-status-fd", "-1"), ("--json-status-fd", "x"), ("--json-status-fd", ""),
    ("--history", "perhaps"), ("--history", ""), ("--history-keep", "-1"),
    ("--history-keep", "many"), ("--history-keep", "1.5"), ("--history-keep", ""),
    ("--restart", "yes"), ("--restart", "on-fire"), ("--restart", ""),
    ("--max-sessions", "0"), ("--max-sessions", "-1"), ("--max-sessions", "many"),
    ("--max-sessions", "1.5"), ("--max-sessions", ""),
    ("--restart-min-age", "-1"), ("--restart-min-age", "soon"), ("--restart-min-age", ""),
    ("--setenv", "=value"), ("--setenv", ""), ("--chdir", ""),
]


@test("--help goes to stdout with status 0 and nothing on stderr")
def help_text(t):
    for option in ("--help", "-h"):
        result = t.oc(option)
        check_equal(result.status, 0, f"status of {option}")
        check_equal(result.err, b"", f"stderr of {option}")
        check(b"oc-run" in result.out, "the help names the program")


@test("--help wins over a command and starts nothing")
def help_starts_nothing(t):
    result = t.oc("--help", "--", "touch", t.path("mark"))
    check_equal(result.status, 0, "status")
    check(not os.path.exists(t.path("mark")), "the command was not started")


@test("--version goes to stdout with status 0 and names a version")
def version(t):
    result = t.oc("--version")
    check_equal(result.status, 0, "status")
    check_equal(result.err, b"", "stderr")
    check(re.match(rb"oc-run \d+\.\d+", result.out), f"stdout is a version: {result.out!r}")


@test("every option has a line in --help")
def options_in_help(t):
    text = t.oc("--help").out.decode()
    missing = [name for name in LONG_OPTIONS if not re.search(rf"--{name}\b", text)]
    check_equal(missing, [], "options without help")
    missing = [name for name, long in SHORT_OPTIONS.items()
               if not re.search(rf"(?m)^\s*-{name}\b.*--{long}\b", text)]
    check_equal(missing, [], "short options without help")


@test("the lines of --help fit into 80 columns")
def help_width(t):
    wide = [line for line in t.oc("--help").lines if len(line) > 80]
    check_equal(wide, [], "lines that are too wide")


@test("every option is accepted, as '--option value', '--option=value' and in its short form")
def options_accepted(t):
    for option, value in GOOD:
        forms = [[option, value]]
        forms.append([f"{option}={value}"] if option.startswith("--") else [f"{option}{value}"])
        for form in forms:
            result = t.oc("--dry-run", *form, "--", "true")
            check_equal(result.status, 0, f"status of {form} ({result.errors})")
    for switch in ("-q", "-v", "--quiet", "--verbose", "--allow-relimit"):
        check_equal(t.oc(switch, "--", "true").status, 0, f"status of {switch}")


@test("nonsense values are refused with one line that names option and value")
def nonsense(t):
    for option, value in NONSENSE:
        result = t.oc("--dry-run", option, value, "--", "true")
        needles = [option] + ([value] if value else [])
        check_own_failure(result, *needles)


@test("a half unit is refused: '4 GB', '4GB ' and '1.5.2G' are no sizes")
def half_units(t):
    for value in ("4 GB", "4GB ", " 4G", "1.5.2G", "4G B", "4BG"):
        check_own_failure(t.oc("--dry-run", "--mem", value, "--", "true"), "--mem")


@test("a value with a newline or an escape sequence still gives one harmless line")
def control_characters(t):
    for option in ("--mem", "--pids", "--name", "--backend", "--chdir", "--grace", "--no-such"):
        result = t.oc(f"{option}=x\n\x1b]0;title\x07", "--", "true")
        check_own_failure(result, option)
        bad = [byte for byte in result.err if byte < 32 and byte != 10]
        check_equal(bad, [], f"control characters on stderr for {option}")


@test("a command's name with an escape sequence gives one harmless line")
def control_characters_in_command(t):
    result = t.oc("-q", "--", "x\n\x1b]0;title\x07")
    check_own_failure(result, "x", status=127)
    check_equal([byte for byte in result.err if byte < 32 and byte != 10], [], "control characters")


@test("a status fd that is not open is refused")
def closed_status_fd(t):
    check_own_failure(t.oc("--json-status-fd", "77", "--", "true"), "77")


@test("an unknown option is refused and named")
def unknown_option(t):
    for option in ("--no-such-option", "--memory=4G", "-Z", "--no-such=3"):
        check_own_failure(t.oc(option, "--", "true"), option.split("=")[0])


@test("an option without its argument is refused and named")
def missing_argument(t):
    for option in ("--mem", "-m", "--pids", "--report", "--setenv", "-C"):
        check_own_failure(t.oc(option), option)


@test("a switch with an argument is refused")
def switch_with_argument(t):
    check_own_failure(t.oc("--dry-run=yes", "--", "true"), "--dry-run")


@test("an error does not print the whole help")
def no_help_on_error(t):
    check(len(t.oc("--no-such-option").errors) == 1, "one line only")


@test("a size is exact: 1536M stays 1536 MiB and 1T stays 1 TiB")
def exact_sizes(t):
    text = t.oc("--dry-run", "--mem", "1536M", "--", "true").out.decode()
    check(re.search(r"1536M|1\.5 ?G|1610612736", text), f"1536M in the plan: {text}")


@test("-C runs the command in that directory")
def chdir(t):
    os.mkdir(t.path("elsewhere"))
    result = t.oc("-q", "-C", t.path("elsewhere"), "--", "pwd")
    check_equal(result.lines, [t.path("elsewhere")], "working directory")


@test("-C finds a relative command from the new directory, as env -C does")
def chdir_relative(t):
    t.write("elsewhere/tool", "#!/bin/sh\nexit 6\n", 0o755)
    check_equal(t.oc("-q", "-C", t.path("elsewhere"), "--", "./tool").status, 6, "status")


@test("-C to a file, and to a directory without permission, is oc-run's own failure")
def chdir_to_file(t):
    path = t.write("plain", "text\n")
    check_own_failure(t.oc("-C", path, "--", "true"), path)


@test("-E NAME=VALUE sets a variable, also an empty one and one with '=' in its value")
def setenv(t):
    for given, value in (("A=b", "b"), ("A=", ""), ("A=b=c", "b=c"), ("A=two words", "two words")):
        result = t.oc("-q", "-E", given, "--", t.payload, "env", "A")
        check_equal((result.status, result.out.decode()), (0, value + "\n"), f"-E {given}")


@test("-E wins over the environment and may be repeated")
def setenv_repeated(t):
    result = t.oc("-q", "-E", "A=1", "--setenv=B=2", "-EA=3", "--", "sh", "-c", "echo $A $B",
                  env={"A": "0"})
    check_equal(result.lines, ["3 2"], "values")


@test("-E NAME hands on the variable as it is")
def setenv_pass(t):
    result = t.oc("-q", "-E", "A", "--", t.payload, "env", "A", env={"A": "as it is"})
    check_equal(result.lines, ["as it is"], "value")
    result = t.oc("-q", "-E", "NOT_THERE", "--", t.payload, "env", "NOT_THERE")
    check_equal(result.status, 1, "a variable that is not set stays so")


@test("--enforce=kernel either holds or refuses with 125 and says what to do")
def enforce_kernel(t):
    plan = t.oc("--dry-run", "--", "true").out.decode()
    result = t.oc("--enforce=kernel", "--", "true")
    if "watch" in plan:
        check_own_failure(result)
        check(len(result.errors[0]) > 60, f"the line says what to do: {result.errors[0]}")
    else:
        check_equal(result.status, 0, f"status ({result.errors})")


@test("--backend=none works everywhere")
def backend_none(t):
    check_equal(t.oc("-q", "--backend=none", "--", t.payload, "exit", "9").status, 9, "status")
