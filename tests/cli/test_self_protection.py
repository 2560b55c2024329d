# SPDX-License-Identifier: MIT
"""oc-run stands on its own feet: what it leans on may be full, silent or used up."""

import os
import re
import shutil
import socket
import subprocess

from harness import Skip, check, check_equal, read_text, test

SECRET = "hunter2-in-the-clear"
VARIABLE = "swordfish-in-the-clear"
# Its tasks are counted by the kernel over all processes: one that nobody else is.
NOBODY = 61000 + os.getpid() % 4000


def as_nobody(t):
    """Words that run a program as a user without rights, at home in the test's folder."""
    if os.getuid() != 0:
        return []
    os.chmod(t.folder, 0o711)
    for name in ("bin", "etc"):
        os.chmod(t.path(name), 0o755)
    for name in ("home", "config", "runtime", "work"):
        os.chown(t.path(name), NOBODY, NOBODY)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def needs_mounts():
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        raise Skip("no mount namespace can be had here")


class World:
    """A mount namespace with a /run of its own, and a journal that the test holds."""

    def __init__(self, t):
        needs_mounts()
        folder = t.path("journal")
        os.mkdir(folder)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.bind(f"{folder}/socket")
        self.journal.setblocking(False)
        t.defer(self.journal.close)
        self.prefix = ["unshare", "-m", "sh", "-c",
                       "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && "
                       f"mount --bind '{folder}' /run/systemd/journal && exec \"$@\"", "sh"]

    def fill_journal(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"MESSAGE=full\n", self.journal.getsockname())
            except BlockingIOError:
                pass

    def read_journal(self):
        entries = []
        try:
            while True:
                entries.append(self.journal.recv(65536))
        except BlockingIOError:
            return b"".join(entries).decode("utf-8", "replace")


@test("a journal that has stopped reading holds nothing up")
def stuck_journal(t):
    world = World(t)
    world.fill_journal()
    running = t.run([*world.prefix, t.oc_run, "-q", "--", "sh", "-c", "exit 3"])
    check_equal(running.status, 3, "exit status")


@test("the journal gets the session's start and end, and of the command its name alone")
def journal_without_secrets(t):
    world = World(t)
    t.run([*world.prefix, t.oc_run, "-q", "--", "sh", "-c", f": {SECRET}; exit 3"],
          env={"API_KEY": SECRET})
    text = world.read_journal()
    check_equal(text.count("\nSYSLOG_IDENTIFIER=oc-run\n"), 2, "entries")
    check("OC_RUN_COMMAND=sh\n" in text, f"no name of the command: {text}")
    check(SECRET not in text, f"the secret is in the journal: {text}")


@test("a limit of 20 open files is raised for oc-run, and the command has its own back")
def few_files_soft(t):
    result = t.run(["prlimit", "--nofile=20:20000", t.oc_run, "--guard=strict", "--", "sh",
                    "-c", "ulimit -Sn; ulimit -Hn; sleep 300 & exit 3"])
    check(not any("files may be open" in line for line in result.errors),
          f"it was not raised: {result.errors}")
    check_equal((result.status, result.lines), (3, ["20", "20000"]), "status and limits")


@test("with 20 open files that nobody may raise a session runs, ends whole, and says what it lacks")
def few_files_hard(t):
    result = t.run([*as_nobody(t), "prlimit", "--nofile=20", t.oc_run, "--", "sh", "-c",
                    "ulimit -Hn; setsid sleep 300 & exit 3"])
    check_equal((result.status, result.lines), (3, ["20"]), "status and limit")
    check(any("only 20 files may be open" in line for line in result.errors),
          f"nothing is said of it: {result.errors}")


FORK_ALL = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    while os.fork() > 0:
        pass
    signal.pause()
except BlockingIOError:
    print("full", flush=True)
    signal.pause()
"""


@test("a session that holds every task its user may have is ended")
def no_fork_left(t):
    running = t.start([*as_nobody(t), "prlimit", "--nproc=60", t.oc_run, "-q", "--grace", "300ms",
                       "--", "/usr/bin/python3", "-c", FORK_ALL])
    running.wait_line("full")
    running.signal(15)
    running.wait()


@test("a full disk costs the history, not the session, and a line says so")
def full_disk(t):
    needs_mounts()
    os.mkdir(t.path("home/state"), 0o700)
    state = t.path("home/state")
    words = ["unshare", "-m", "sh", "-c",
             f"mount -t tmpfs -o size=64k none '{state}' && dd if=/dev/zero of='{state}/fill' "
             "bs=1k 2>/dev/null; exec \"$@\"", "sh", t.oc_run]
    result = t.run([*words, "--", "sh", "-c", "sleep 300 & exit 3"])
    check_equal(result.status, 3, "exit status")
    told = [line for line in result.errors if "history of this session is incomplete" in line]
    check_equal(len(told), 1, f"lines of the history in {result.errors}")
    quiet = t.run([*words, "-q", "--", "sh", "-c", "exit 3"])
    check_equal((quiet.status, quiet.err), (3, b""), "with -q")


@test("without an inotify instance a session runs and ends whole")
def no_inotify(t):
    words = ["unshare", "-U", "-r", "sh", "-c",
             "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"", "sh"]
    if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("no user namespace can be had here")
    result = t.run([*words, t.oc_run, "-q", "--", "sh", "-c", "setsid sleep 300 & exit 3"])
    check_equal(result.status, 3, "exit status")


@test("arguments are in what was asked for alone (--report, --json-status-fd), variables nowhere")
def no_secrets(t):
    running = t.start(["sh", "-c", "exec \"$@\" 7>status", "sh", t.oc_run, "-v",
                       "--json-status-fd=7", f"--report={t.path('report')}", "-E",
                       f"TOKEN={VARIABLE}", "--", "sh", "-c",
                       f": {SECRET}; cat \"$OC_RUN_STATUS\"; echo ready; sleep 300 & "
                       "read line </dev/zero"], cwd=t.folder, env={"API_KEY": VARIABLE})
    running.wait_line("ready")
    session = re.search(r'"session":\s*"([0-9a-f]{16})"', running.out.decode())[1]
    entry = "".join(read_text(f"{root}/oc-run/sessions/{session}")
                    for root in ("/run", t.environment.get("XDG_RUNTIME_DIR")))
    listed = t.ctl("list", "--json").out.decode()
    running.signal(15)
    running.wait()
    texts = {"the entry": entry, "the status file": running.out.decode(), "oc-ctl list": listed,
             "oc-run's lines": running.err.decode(), "the report": read_text(t.path("report")),
             "the status lines": read_text(t.path("status"))}
    for name, text in texts.items():
        check(text, f"{name}: empty")
        check(VARIABLE not in text, f"a variable is in {name}: {text}")
        check(SECRET not in text or name in ("the report", "the status lines"),
              f"an argument is in {name}: {text}")


@test("a bus that accepts and never answers is given up, and the session runs")
def silent_bus(t):
    folder = t.path("runtime")
    os.makedirs(f"{folder}/systemd", exist_ok=True)
    for name in ("bus", "systemd/private"):
        bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bus.bind(f"{folder}/{name}")
        bus.listen(8)
        os.chmod(f"{folder}/{name}", 0o666)
        t.defer(bus.close)
    result = t.run([*as_nobody(t), t.oc_run, "--notify=desktop", "--", "sh", "-c", "exit 3"],
                   env={"XDG_RUNTIME_DIR": folder,
                        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"})
    check_equal(result.status, 3, "exit status")


@test("with the setuid bit it refuses to run")
def setuid(t):
    words = as_nobody(t)
    if not words:
        raise Skip("needs root to make a program of another user")
    program = t.path("bin/oc-run")
    shutil.copy(t.oc_run, program)
    os.chmod(program, 0o4755)
    if os.statvfs(program).f_flag & os.ST_NOSUID:
        raise Skip("the folder's file system knows no setuid bit")
    result = t.run([*words, program, "--", "true"])
    check_equal(result.status, 125, "exit status")
    check("setuid" in " ".join(result.errors), f"no reason: {result.errors}")


@test("a file of settings that belongs to another user is refused")
def foreign_settings(t):
    if os.getuid() != 0:
        raise Skip("needs root to make another user's file")
    os.chown(t.write("config/oc-run/oc-run.conf", "quiet = yes\n"), NOBODY, NOBODY)
    result = t.oc("--", "true")
    check_equal(result.status, 125, "exit status")
    check("belongs to another user" in " ".join(result.errors), f"no reason: {result.errors}")


@test("a folder of sessions that others may write to, or that another user made, is refused")
def foreign_runtime(t):
    words = as_nobody(t)
    if not words:
        raise Skip("needs root to make another user's folder")
    os.makedirs(t.path("runtime/oc-run/sessions"), 0o755)
    for owner, mode in ((0, 0o755), (NOBODY, 0o777)):
        for name in ("runtime/oc-run", "runtime/oc-run/sessions"):
            os.chown(t.path(name), NOBODY, NOBODY)
            os.chmod(t.path(name), 0o700)
        os.chown(t.path("runtime/oc-run/sessions"), owner, owner)
        os.chmod(t.path("runtime/oc-run/sessions"), mode)
        result = t.run([*words, t.oc_run, "--", "sh", "-c", "exit 3"],
                       env={"XDG_RUNTIME_DIR": t.path("runtime"), "XDG_CACHE_HOME": "/nowhere",
                            "HOME": None})
        check_equal(result.status, 3, "exit status")
        check(any("others may write to it" in line for line in result.errors),
              f"owner {owner}, mode {mode:o}: {result.errors}")
