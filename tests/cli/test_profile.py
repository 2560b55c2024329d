# SPDX-License-Identifier: MIT
"""Profiles: which one holds, where it comes from, and what its errors say."""

import os
import re
import shutil
import signal

from harness import check, check_equal, read_text, test
from test_exit_status import check_own_failure

SYSTEM, USER = "etc/oc-run/profiles", "config/oc-run/profiles"


def dry_run(t, *words, env=None):
    """The text of --dry-run for a command named by its path, so that nothing is looked for in PATH."""
    result = t.oc("--dry-run", *words, env=env)
    check_equal(result.status, 0, f"status of --dry-run ({result.errors})")
    return result.out.decode()


def profile_of(t, *words, env=None):
    """(name, where it comes from)"""
    found = re.search(r"(?m)^  profile +(\S+) \((.*)\)$", dry_run(t, *words, env=env))
    check(found, "a line about the profile")
    return found.groups()


def agent(t, name):
    return t.script(f"bin/{name}", "exit 0\n")


@test("a command is known by its base name, any other has the default profile")
def by_name(t):
    for name, profile in (("opencode", "opencode"), ("opencode2", "opencode2"),
                          ("claude", "claude"), ("my-agent", "default")):
        path = agent(t, name)
        check_equal(profile_of(t, "--", path), (profile, "built in"), path)
        check_equal(profile_of(t, "--", name), (profile, "built in"), name)


@test("--profile takes the one of that name, whatever the command is")
def forced(t):
    check_equal(profile_of(t, "--profile", "opencode", "--", "true"), ("opencode", "built in"),
                "forced")
    agent(t, "opencode")
    check_equal(profile_of(t, "--profile=default", "--", "opencode"), ("default", "built in"),
                "forced default")


@test("the profile can be named in a file and by a variable")
def forced_elsewhere(t):
    t.write("etc/oc-run.conf", "profile = opencode\n")
    check_equal(profile_of(t, "--", "true")[0], "opencode", "by the file")
    check_equal(profile_of(t, "--", "true", env={"OC_RUN_PROFILE": "claude"})[0], "claude",
                "by the variable")
    check_equal(profile_of(t, "--profile", "default", "--", "true",
                           env={"OC_RUN_PROFILE": "claude"})[0], "default", "by the option")


@test("a person's file stands before an administrator's, and that before the shipped one")
def precedence(t):
    agent(t, "opencode")
    system = t.write(f"{SYSTEM}/opencode.conf", "commands = opencode\nstop-signal = INT\n")
    check_equal(profile_of(t, "--", "opencode"), ("opencode", system), "the system's")
    check("SIGINT to the command" in dry_run(t, "--", "opencode"), "its signal holds")
    user = t.write(f"{USER}/opencode.conf", "commands = opencode\nstop-signal = QUIT\n")
    check_equal(profile_of(t, "--", "opencode"), ("opencode", user), "the person's")
    check("SIGQUIT to the command" in dry_run(t, "--", "opencode"), "its signal holds")


@test("a person's profile wins by the command it names, whatever it is called")
def precedence_by_command(t):
    agent(t, "opencode")
    t.write(f"{SYSTEM}/aaa.conf", "commands = opencode\n")
    path = t.write(f"{USER}/zzz.conf", "commands = x opencode\n")
    check_equal(profile_of(t, "--", "opencode"), ("zzz", path), "the person's")


@test("a file that replaces a shipped profile replaces what it was for, too")
def replaced(t):
    agent(t, "opencode")
    t.write(f"{USER}/opencode.conf", "commands = other\n")
    check_equal(profile_of(t, "--", "opencode")[0], "default", "opencode has none now")


@test("a person can change the default profile")
def default(t):
    path = t.write(f"{USER}/default.conf", "stop-signal = HUP\n")
    check_equal(profile_of(t, "--", "true"), ("default", path), "the person's")


@test("`like` begins with a shipped profile")
def like(t):
    path = t.write(f"{USER}/oc.conf", "like = opencode\ncommands = oc\n")
    agent(t, "oc")
    check_equal(profile_of(t, "--", "oc"), ("oc", path), "the new one")
    check("SIGHUP to the command" in dry_run(t, "--", "oc"), "opencode's signal")


@test("without XDG_CONFIG_HOME profiles are looked for in ~/.config")
def in_home(t):
    path = t.write("home/.config/oc-run/profiles/x.conf", "commands = true\n")
    check_equal(profile_of(t, "--", "true", env={"XDG_CONFIG_HOME": None}), ("x", path), "found")


@test("a mistake in any profile is an error that names file, line and key")
def mistakes(t):
    for folder in (SYSTEM, USER):
        for text, line, word in (("commands = x\n\nstop-sginal = HUP\n", 3, "stop-signal"),
                                 ("tasks = many\n", 1, "many"), ("[x]\n", 1, "section"),
                                 ("stop-signal = KILL\n", 1, "KILL"),
                                 ("like = nobody\n", 1, "nobody")):
            path = t.write(f"{folder}/x.conf", text)
            check_own_failure(t.oc("--", "true"), f"{path}:{line}", word)
            os.unlink(path)


@test("a profile that is not looked at may be wrong")
def not_looked_at(t):
    t.write(f"{USER}/x.conf", "nonsense\n")
    check_equal(profile_of(t, "--profile", "default", "--", "true")[0], "default", "named")


@test("an unknown profile is an error that names it and the nearest")
def unknown(t):
    check_own_failure(t.oc("--profile", "opncode", "--", "true"), "--profile", "opncode",
                      "opencode")
    path = t.write("etc/oc-run.conf", "profile = ../x\n")
    check_own_failure(t.oc("--", "true"), f"{path}:1", "../x")


@test("a profile that others may write to, and a name that is none, are refused")
def refused(t):
    path = t.write(f"{USER}/x.conf", "commands = true\n", 0o666)
    check_own_failure(t.oc("--", "true"), path, "written by others")
    os.unlink(path)
    path = t.write(f"{USER}/a b.conf", "commands = true\n")
    check_own_failure(t.oc("--", "true"), path, "no name of a profile")


@test("hidden files and files that do not end in .conf are no profiles")
def other_files(t):
    for name in (".x.conf", "x.conf~", "x.conf.dpkg-old", "README", ".conf"):
        t.write(f"{USER}/{name}", "this is no profile\n")
    check_equal(profile_of(t, "--", "true"), ("default", "built in"), "none of them")


@test("the signal of the profile is the one that the command is sent")
def signal_counts(t):
    t.write(f"{USER}/x.conf", "commands = payload\nstop-signal = USR1\n")
    running = t.start_oc("-q", "--grace", "10s", "--", t.payload, "sigs").wait_line("ready")
    running.signal(signal.SIGTERM)
    running.wait_line("SIGUSR1")
    [payload] = [process for process in t.others_alive() if process.comm == "payload"]
    os.kill(payload.pid, signal.SIGKILL)
    running.wait()
    first = next(line for line in running.lines if line.startswith("SIG"))
    check_equal(first, "SIGUSR1", "the first signal")


@test("variables of the profile are set, but for those that are there already")
def variables(t):
    t.write(f"{USER}/x.conf", "commands = env\nsetenv = AAA=1 2\nsetenv = BBB=3\n"
            "setenv = CCC=4\n")
    result = t.oc("-q", "-E", "CCC=6", "--", "env", env={"BBB": "5"})
    lines = [line for line in result.lines if line[:4] in ("AAA=", "BBB=", "CCC=")]
    check_equal(sorted(lines), ["AAA=1 2", "BBB=5", "CCC=6"], "variables")


@test("the warning about tasks comes from the profile")
def tasks(t):
    t.write(f"{USER}/x.conf", "commands = true\ntasks = 300\ncompany = 20 a friend\n")
    result = t.oc("--pids", "100", "--", "true")
    check(any("too small for true" in line for line in result.errors), f"{result.errors}")
    result = t.oc("--pids", "310", "--", "true")
    check(any("not a friend (20 more)" in line for line in result.errors), f"{result.errors}")
    result = t.oc("--pids", "320", "--", "true")
    check(not any("tasks" in line and "true" in line for line in result.errors),
          f"{result.errors}")


def package(t, version, script='echo "$@"\n'):
    """opencode as npm places it, in that version; it prints its arguments."""
    folder = "lib/node_modules/opencode-ai"
    t.write(f"{folder}/package.json", f'{{"name": "opencode-ai", "version": "{version}"}}')
    path = t.script(f"{folder}/bin/opencode", script)
    link = t.path("bin/opencode")
    if not os.path.lexists(link):
        os.symlink(path, link)
    return path


def server(t, name="service.json"):
    """A server that is registered and runs; its pid."""
    running = t.start(["sleep", "1000"])
    t.defer(lambda: (running.signal(signal.SIGKILL), running.wait()))
    t.write(f"home/state/opencode/{name}", f'{{"url": "http://127.0.0.1:9", "pid": {running.pid}}}',
            0o600)
    return running.pid


def warnings_about_server(result):
    return [line for line in result.errors if "share" in line]


@test("opencode 2 is given a server of its own, opencode 1 is not")
def private_server(t):
    package(t, "2.0.18")
    for words, planned in ((["run", "hi"], "run --standalone hi"), ([], "--standalone"),
                           (["/p", "-c"], "--standalone /p -c"), (["serve"], "serve"),
                           (["--standalone"], "--standalone"), (["--version"], "--version")):
        check_equal(t.oc("-q", "--", "opencode", *words).lines, [planned], f"{words}")
    check("opencode --standalone" in dry_run(t, "--", "opencode"), "--dry-run shows it")
    package(t, "1.18.33")
    check_equal(t.oc("-q", "--", "opencode", "run", "hi").lines, ["run hi"], "version 1")


@test("a shared server that runs outside is named in one line, when the session may use it")
def shared_server(t):
    pid = server(t)
    package(t, "2.0.18")
    check_equal(warnings_about_server(t.oc("--", "opencode", "run", "hi")), [], "it has its own")
    result = t.oc("--", "opencode", "acp")
    check_equal(len(warnings_about_server(result)), 1, f"one line: {result.errors}")
    check(f"pid {pid}" in warnings_about_server(result)[0], f"it names it: {result.errors}")
    check_equal(result.lines, ["acp"], "and nothing is added")
    package(t, "1.18.33")
    check_equal(warnings_about_server(t.oc("--", "opencode")), [], "version 1 does not use it")


@test("with --restart a script is asked as well: it matters who uses its server")
def asked_for_restart(t):
    t.script("bin/opencode", 'echo "$@" >>"$HOME/calls"; echo 2.0.18\n')
    t.oc("-q", "--restart", "on-oom", "--", "opencode", "run", "hi")
    check_equal(read_text(t.path("home/calls")), "--version\nrun --standalone hi\n", "asked")


@test("a registration that was left behind is nobody's server")
def dead_server(t):
    package(t, "2.0.18")
    t.write("home/state/opencode/service.json", '{"pid": 999999999}')
    check_equal(warnings_about_server(t.oc("--", "opencode", "acp")), [], "nothing is said")


@test("a program is asked for its version once, and a script only when a shared server runs")
def asked(t):
    shutil.copy("/bin/echo", t.path("bin/opencode"))     # prints its version, or its arguments
    check("is asked at the start" in dry_run(t, "--", "opencode", "run", "hi"), "not yet known")
    check_equal(t.oc("-q", "--", "opencode", "run", "hi").lines, ["run --standalone hi"], "asked")
    check("run --standalone hi" in dry_run(t, "--", "opencode", "run", "hi"), "known now")
    os.unlink(t.path("bin/opencode"))
    t.script("bin/opencode", 'echo "$@" >>"$HOME/calls"; echo 2.0.18\n')
    t.oc("-q", "--", "opencode", "run", "hi")
    check_equal(read_text(t.path("home/calls")), "run hi\n", "the script was not asked")
    server(t)
    t.oc("-q", "--", "opencode", "run", "hi")
    check_equal(read_text(t.path("home/calls")), "run hi\n--version\nrun --standalone hi\n",
                "now it matters")
