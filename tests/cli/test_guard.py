# SPDX-License-Identifier: MIT
"""The guard: for each row of its table an attempt that succeeds without it and fails with it."""

import os
import re
import signal
import socket
import subprocess

from harness import Skip, check, check_equal, test

LEVELS = ("off", "basic", "strict")


def text(result):
    return "\n".join(result.errors)


def folder_elsewhere(t):
    """Not below /tmp, where all may write."""
    folder = "/var/lib/oc-run-test-" + t.tag
    os.mkdir(folder)
    t.defer(lambda: subprocess.run(["rm", "-rf", folder], check=True))
    return folder


def table(t, level):
    """name -> (from which level on, is it on) as --dry-run prints it."""
    lines = t.oc(f"--guard={level}", "--dry-run", "--", "true").lines
    rows = (re.match(r"  ([a-z0-9-]+) +(always|basic|strict) +(yes|no|-) ", line) for line in lines)
    return {row[1]: (row[2], row[3] == "yes") for row in rows if row}


def end(running):
    running.signal(signal.SIGKILL)
    running.wait()


def outside(t):
    """What a session may not reach: row -> argument of its attempt."""
    bystander = t.start(["sleep", "600"])
    t.defer(lambda: end(bystander))
    abstract = socket.socket(socket.AF_UNIX)
    name = f"oc-run-test-{os.getpid()}-{id(t)}"
    abstract.bind("\0" + name)
    abstract.listen()
    t.defer(abstract.close)
    folder = t.path("tmux")
    os.mkdir(folder)
    os.mkdir(f"{folder}/tmux-{os.getuid()}")
    path = f"{folder}/tmux-{os.getuid()}/default"
    tmux = socket.socket(socket.AF_UNIX)
    tmux.bind(path)
    tmux.listen()
    t.defer(tmux.close)
    home = t.path("elsewhere")
    os.mkdir(home)
    mounts = subprocess.run(["findmnt", "-rnt", "cgroup2,cgroup", "-o", "TARGET"],
                            stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    if not mounts:
        raise Skip("no file system of cgroups is mounted")
    return {"ptrace": bystander.pid, "signals": bystander.pid, "abstract-sockets": name,
            "sockets": path, "cgroups": f"{mounts[-1]}/cgroup.procs",
            "writes": "/var/lib/oc-run-test-" + t.tag}, {"TMUX_TMPDIR": folder}


def attempt(t, words, row, argument, environment):
    words = ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", *words]
    result = t.run([*words, t.payload, "attempt", row, *([str(argument)] if argument else [])],
                   env=environment)
    check(result.status in (0, 1, 2), f"{row}: {result}")
    return result.status == 1, " ".join(result.lines)


@test("what each row refuses succeeds without the guard, and fails with it")
def rows(t):
    arguments, environment = outside(t)
    names = t.run([t.payload, "attempts"]).lines
    check_equal(set(names), set(table(t, "strict")), "rows and attempts")
    t.defer(lambda: os.path.exists(arguments["writes"]) and os.unlink(arguments["writes"]))
    shown = {level: table(t, level) for level in LEVELS}
    wrong = []
    for row in names:
        free, said = attempt(t, [], row, arguments.get(row), environment)
        for level in LEVELS:
            _, is_on = shown[level][row]
            words = [t.oc_run, "-q", f"--guard={level}", "--"]
            refused, with_it = attempt(t, words, row, arguments.get(row), environment)
            # A limit of zero, or a right that this user has not got, is no work of the guard.
            if refused != (is_on or free) and not (is_on and is_beyond(row)):
                wrong.append(f"{row} at {level} (on: {is_on}): {said} -> {with_it}")
    check(not wrong, "\n".join(wrong))


def is_beyond(row):
    """Root locks as much memory as it likes."""
    return row == "memlock" and os.getuid() == 0


@test("an unknown level is an error that names the others")
def unknown(t):
    result = t.oc("--guard=hard", "--", "true")
    check_equal(result.status, 125, "status")
    check("--guard \"hard\": is not one of off, basic or strict" in text(result), result.describe())


@test("--guard-writes adds a folder, and wants one that is there")
def writes(t):
    folder = folder_elsewhere(t)
    words = ["-q", "--guard=strict", "--", "sh", "-c", f"echo x > {folder}/file"]
    check(t.oc(*words).status != 0, "without it nothing is written")
    check_equal(t.oc("--guard-writes", folder, *words).status, 0, "with it")
    result = t.oc("--guard-writes", folder + "/none", *words)
    check_equal(result.status, 125, "status")
    check(f'there is no "{folder}/none"; make it first' in text(result), result.describe())


@test("under a strict guard the project, a worktree's repository and temporary folders are written")
def project(t):
    elsewhere = folder_elsewhere(t)
    main, tree, home = (f"{elsewhere}/{name}" for name in ("main", "tree", "home"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    os.mkdir(home)
    for words in (["init", "-q", main], ["-C", main, "commit", "-q", "--allow-empty", "-m", "one"],
                  ["-C", main, "worktree", "add", "-q", tree]):
        check_equal(t.run([*git, *words]).status, 0, " ".join(words))
    os.mkdir(tree + "/deep")
    script = f"set -e; echo x > ../file; git add -A; {' '.join(git)} commit -q -m two; git gc -q; " \
        "mv ../file moved; mkdir -p a/b; mv moved a/b; echo x > $(mktemp); echo x > /dev/null"
    result = t.oc("-q", "--guard=strict", "--", "sh", "-c", script, cwd=tree + "/deep")
    check_equal((result.status, text(result)), (0, ""), "work in the project")
    for path in (home + "/.profile", elsewhere + "/beside", main + "/file"):
        result = t.oc("-q", "--guard=strict", "--", "sh", "-c", f"echo x > {path}",
                      cwd=tree + "/deep", env={"HOME": home})
        check(result.status != 0 and not os.path.exists(path), f"{path} is not written")


@test("the command's own state is written, and made at the first start")
def state(t):
    home = folder_elsewhere(t)
    environment = {"HOME": home, **{f"XDG_{name}_HOME": None for name in ("DATA", "STATE", "CACHE")}}
    write = "mkdir -p $HOME/.local/share/opencode/log && echo x > $HOME/.local/share/opencode/log/x"
    words = ["-q", "--guard=strict", "--", "sh", "-c", write]
    check(t.oc(*words, env=environment).status != 0, "not by another command")
    check_equal(t.oc("--profile=opencode", *words, env=environment).status, 0, "by opencode")


@test("a whole home is no project, and that is said")
def whole_home(t):
    home = folder_elsewhere(t)
    result = t.oc("--guard=strict", "--", "sh", "-c", "echo x > file", cwd=home, env={"HOME": home})
    check(result.status != 0, "nothing is written")
    check("which is a whole home or more" in text(result), result.describe())


@test("a user is told that sudo will not work, and root is not")
def price(t):
    said = t.oc("--guard=basic", "--", "sed", "-n", "s/^NoNewPrivs:.//p", "/proc/self/status")
    is_user = os.getuid() != 0
    check_equal(said.lines, ["1" if is_user else "0"], "no_new_privs")
    check_equal("sudo" in text(said), is_user, "the line")


@test("where no_new_privs is set already, basic is the default")
def free_of_charge(t):
    if os.getuid() != 0:
        raise Skip("needs root to become another user")
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
             t.oc_run, "--dry-run", "--", "true"]
    result = t.run(words, env={name: None for name in t.environment if name != "PATH"})
    check(any(re.match(r"  guard +basic$", line) for line in result.lines), result.describe())
