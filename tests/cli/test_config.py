# SPDX-License-Identifier: MIT
"""Configuration files, variables and options: their order, their errors."""

import os
import re

from harness import check, check_equal, test
from test_exit_status import check_own_failure

SYSTEM, USER = "etc/oc-run.conf", "config/oc-run/oc-run.conf"


def plan_line(t, word="memory.max", *options, env=None):
    """The line of --dry-run about one limit."""
    result = t.oc("--dry-run", *options, "--", "true", env=env)
    check_equal(result.status, 0, f"status of --dry-run ({result.errors})")
    lines = [line for line in result.lines if re.search(rf"\b{re.escape(word)}\b", line)]
    check(lines, f"a line about {word}: {result.out.decode()}")
    return lines[0]


def check_plan(line, size, where):
    """Size in GiB (as 3, 3G, 3.0 GiB) and origin stand in the line."""
    check(re.search(rf"\b{size}(\.0)? ?G", line), f"{size} GiB: {line}")
    check(where in line, f"it comes from {where}: {line}")


@test("without any configuration the defaults hold and are called so")
def defaults(t):
    check("default" in plan_line(t), "the origin is a default")


@test("the system's file is read")
def system_file(t):
    t.write(SYSTEM, "# a comment\nmem = 1G\n")
    check_plan(plan_line(t), 1, "oc-run.conf:2")


@test("a drop-in wins over the system's file")
def drop_in(t):
    t.write(SYSTEM, "mem = 1G\n")
    t.write("etc/oc-run.conf.d/10-mem.conf", "mem = 2G\n")
    check_plan(plan_line(t), 2, "10-mem.conf:1")


@test("drop-ins are read in the order of their names")
def drop_in_order(t):
    t.write("etc/oc-run.conf.d/20-b.conf", "mem = 3G\n")
    t.write("etc/oc-run.conf.d/10-a.conf", "mem = 2G\n")
    check_plan(plan_line(t), 3, "20-b.conf:1")


@test("files in the drop-in folder that do not end in .conf are not read")
def drop_in_other(t):
    t.write(SYSTEM, "mem = 1G\n")
    for name in ("20-b.conf.dpkg-old", "20-b.conf~", "README", ".hidden.conf.swp"):
        t.write(f"etc/oc-run.conf.d/{name}", "mem = 3G\n")
    check_plan(plan_line(t), 1, "oc-run.conf:1")


@test("the user's file wins over the system's files")
def user_file(t):
    t.write("etc/oc-run.conf.d/10-mem.conf", "mem = 2G\n")
    t.write(USER, "\nmem = 3G\n")
    check_plan(plan_line(t), 3, "config/oc-run/oc-run.conf:2")


@test("without XDG_CONFIG_HOME the user's file is looked for in ~/.config")
def user_file_home(t):
    t.write("home/.config/oc-run/oc-run.conf", "mem = 3G\n")
    check_plan(plan_line(t, env={"XDG_CONFIG_HOME": None}), 3, ".config/oc-run/oc-run.conf:1")


@test("a variable wins over the files")
def variable(t):
    t.write(SYSTEM, "mem = 1G\n")
    t.write(USER, "mem = 3G\n")
    check_plan(plan_line(t, env={"OC_RUN_MEM": "4G"}), 4, "OC_RUN_MEM")


@test("an option wins over everything")
def option(t):
    t.write(SYSTEM, "mem = 1G\n")
    t.write(USER, "mem = 3G\n")
    check_plan(plan_line(t, "memory.max", "--mem", "5G", env={"OC_RUN_MEM": "4G"}), 5, "--mem")


@test("the last of two equal options wins")
def last_option(t):
    check_plan(plan_line(t, "memory.max", "--mem", "5G", "-m", "6G"), 6, "--mem")


@test("each value keeps its own origin")
def mixed(t):
    t.write(SYSTEM, "mem = 1G\npids = 2000\n")
    t.write(USER, "mem = 3G\n")
    check_plan(plan_line(t, "memory.max"), 3, "config/oc-run/oc-run.conf:1")
    line = plan_line(t, "pids.max")
    check("2000" in line and "oc-run.conf:2" in line, f"pids from the system's file: {line}")


@test("a variable with a dash in its key is written with an underscore")
def variable_with_dash(t):
    line = plan_line(t, "cpu.weight", env={"OC_RUN_CPU_WEIGHT": "33"})
    check("33" in line and "OC_RUN_CPU_WEIGHT" in line, f"33 from the variable: {line}")


@test("an unknown key is an error that names file, line and key")
def unknown_key(t):
    for name in (SYSTEM, "etc/oc-run.conf.d/10-x.conf", USER):
        path = t.write(name, "mem = 1G\n\nmemmory = 2G\n")
        check_own_failure(t.oc("--", "true"), f"{path}:3", "memmory")
        os.unlink(path)


@test("a nonsense value is an error that names file and line")
def nonsense_value(t):
    path = t.write(USER, "pids = 100\nmem = 4X\n")
    check_own_failure(t.oc("--", "true"), f"{path}:2", "4X")


@test("a line that is no setting is an error that names file and line")
def no_setting(t):
    path = t.write(USER, "mem = 1G\nthis is no setting\n")
    check_own_failure(t.oc("--", "true"), f"{path}:2")


@test("a nonsense variable is an error that names it")
def nonsense_variable(t):
    check_own_failure(t.oc("--", "true", env={"OC_RUN_MEM": "4X"}), "OC_RUN_MEM", "4X")


@test("an option repairs what a file or a variable says wrongly only if it is readable")
def option_over_nonsense(t):
    result = t.oc("--dry-run", "--mem", "2G", "--", "true", env={"OC_RUN_MEM": "3G"})
    check_equal(result.status, 0, "status")


@test("keys that make sense on the command line only are refused in a file")
def command_line_only(t):
    for key in ("dry-run", "json-status-fd"):
        path = t.write(USER, f"{key} = 1\n")
        check_own_failure(t.oc("--", "true"), f"{path}:1", key)


@test("a file that everybody may write is refused")
def writable_file(t):
    path = t.write(USER, "mem = 1G\n", 0o666)
    check_own_failure(t.oc("--", "true"), path)


@test("an empty file and one of comments only are fine")
def empty_files(t):
    t.write(SYSTEM, "")
    t.write(USER, "# nothing\n; nothing\n\n")
    check_equal(t.oc("-q", "--", "true").status, 0, "status")


@test("a file with Windows line ends is read")
def windows_lines(t):
    t.write(USER, "mem = 3G\r\n")
    check_plan(plan_line(t), 3, "oc-run.conf:1")


@test("a file that may not be read is an error that names it")
def unreadable(t):
    path = t.write(USER, "mem = 1G\n", 0o000)
    # Root may read everything, but for these two capabilities.
    rights = "-dac_override,-dac_read_search"
    around = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    check_own_failure(t.run([*(around if os.getuid() == 0 else []), t.oc_run, "--", "true"]), path)


@test("settings of a file count in a real session: -C and quiet")
def settings_count(t):
    t.write(USER, f"chdir = {t.path('home')}\nquiet = yes\n")
    result = t.oc("--", "pwd")
    check_equal((result.lines, result.err), ([t.path("home")], b""), "output")
