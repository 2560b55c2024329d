# SPDX-License-Identifier: MIT
"""A world of its own for each test: home, project, provider, and a mark on every process.

Everything a test starts carries OC_E2E_TAG=<tag> in its environment, has the sandbox in its command
line, or works below its folder (Chromium overwrites its environment with its title). Who shows any
of the three, or descends from one who did, is of the test. Nothing is found by a process's name.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

from provider import MODEL, Provider

SLOW = float(os.environ.get("OC_RUN_TEST_SLOW", "1"))
TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools")
MIB = 1 << 20


class Failure(Exception):
    """The test's claim does not hold."""


class Skip(Exception):
    """The test cannot be made here."""


def check(condition, claim):
    if not condition:
        raise Failure(claim)


def wait_until(probe, seconds, what):
    """Polls until @probe() is true and returns that; the deadline stretches on slow machines."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure("waited %g s in vain for %s" % (seconds * SLOW, what))
        time.sleep(0.05 * min(SLOW, 5))


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


class Process:
    """One process as /proc showed it; (pid, start) names it."""

    def __init__(self, pid):
        stat = read("/proc/%d/stat" % pid)
        head, _, rest = stat.rpartition(")")
        fields = rest.split()
        self.pid = pid
        self.comm = head.partition("(")[2]
        self.state = fields[0] if fields else "X"
        self.parent = int(fields[1]) if fields else 0
        self.start = int(fields[19]) if fields else 0

    @property
    def alive(self):
        return self.state not in "XZ"

    @property
    def key(self):
        return self.pid, self.start

    @property
    def command(self):
        return read("/proc/%d/cmdline" % self.pid).replace("\0", " ").strip()

    @property
    def executable(self):
        try:
            return os.readlink("/proc/%d/exe" % self.pid)
        except OSError:
            return ""

    @property
    def own_bytes(self):
        """Its share (PSS) of memory that is no file's: what a limit can't get back by reclaim."""
        found = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB",
                           read("/proc/%d/smaps_rollup" % self.pid), re.M)
        return sum(int(size) for size in found) * 1024

    def is_still(self):
        now = Process(self.pid)
        return now.alive and now.start == self.start

    def kill(self, number=signal.SIGKILL):
        if self.is_still():
            os.kill(self.pid, number)

    def __str__(self):
        return "%d %s [%s] %s" % (self.pid, self.comm, self.state, self.command[:100])


def unified_mount():
    """Where cgroup v2 is mounted, or None."""
    found = re.search(r"^\S+ (\S+) cgroup2 ", read("/proc/mounts"), re.M)
    return found.group(1) if found else None


class Census:
    """Who is of this test. Remembers members, so that one that hides its mark later stays known."""

    def __init__(self, tag, folder):
        self.marks = [("OC_E2E_TAG=%s\0" % tag), folder]
        self.known = set()
        self.strangers = set()  # with comm, which changes when a child of ours execs
        self.born = Process(os.getpid()).start
        self.sessions = set()   # every OC_RUN_SESSION that was seen
        self.cgroups = set()    # every cgroup v2 that a member was seen in
        self.ignored = set()    # by key: the terminal's own processes
        self.lock = threading.Lock()

    def shows_mark(self, process):
        base = "/proc/%d/" % process.pid
        try:
            if os.readlink(base + "cwd").startswith(self.marks[1]):
                return True
        except OSError:
            pass
        return self.marks[0] in read(base + "environ") or self.marks[1] in read(base + "cmdline")

    def members(self):
        everyone = [Process(int(name)) for name in os.listdir("/proc") if name.isdigit()]
        everyone = [p for p in everyone
                    if p.alive and p.start >= self.born and p.pid != os.getpid()]
        with self.lock:
            known_pids = {pid for pid, _ in self.known}
            for process in sorted(everyone, key=lambda p: p.start):
                if process.key in self.known or (*process.key, process.comm) in self.strangers:
                    continue
                if process.parent in known_pids or self.shows_mark(process):
                    self.known.add(process.key)
                    known_pids.add(process.pid)
                else:
                    self.strangers.add((*process.key, process.comm))
            members = [p for p in everyone if p.key in self.known]
        self.remember_traces(members)
        return [p for p in members if p.key not in self.ignored]

    def remember_traces(self, members):
        for process in members:
            self.sessions |= set(re.findall(r"(?:^|\0)OC_RUN_SESSION=([\w-]+)",
                                            read("/proc/%d/environ" % process.pid)))
            self.cgroups |= set(re.findall(r"^0::(.*)$", read("/proc/%d/cgroup" % process.pid),
                                           re.M))

    def traces(self):
        """What sessions left behind that is no process: their cgroups and registry files."""
        runtime = "/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/nowhere")
        files = [os.path.join(runtime, "oc-run/sessions", name) for name in self.sessions]
        # Ours, and the terminal's: tmux gives each pane a scope of its own.
        own = [path for pid in [os.getpid(), *(pid for pid, _ in self.ignored)]
               for path in re.findall(r"^0::(.*)$", read("/proc/%d/cgroup" % pid), re.M)]
        folders = [unified_mount() + path for path in self.cgroups
                   if not any(mine == path or mine.startswith(path.rstrip("/") + "/")
                              for mine in own)]
        return [path for path in files + folders if os.path.exists(path)]


class Monitor:
    """Watches from outside how large the whole tree becomes, while a `with` block runs."""

    def __init__(self, census):
        self.census = census
        self.peak_bytes = 0
        self.biggest = []
        self.samples = 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.done.wait(0.1 * SLOW):
            sizes = [(p.own_bytes, p) for p in self.census.members()]
            total = sum(size for size, _ in sizes)
            self.samples += 1
            if total > self.peak_bytes:
                self.peak_bytes = total
                self.biggest = ["%d MiB %s" % (size // MIB, p.comm) for size, p in
                                sorted(sizes, key=lambda pair: -pair[0])[:6]]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class Outcome:
    """What a finished command left: status as a shell shows it, words, report."""

    def __init__(self, status, out, err, report):
        self.status = 128 - status if status < 0 else status
        self.out, self.err, self.report = out, err, report
        self.words = spoken_by_oc_run(err)


def spoken_by_oc_run(text):
    """The lines of oc-run: those with its name, and the indented ones that follow. The name need
    not be at the start: opencode ends its own words without a newline when it has no terminal."""
    return "\n".join(re.findall(r"oc-run: .*(?:\n  .*)*", text))


class Sandbox:
    def __init__(self, program, version, oc_run):
        self.tag = uuid.uuid4().hex
        self.root = tempfile.mkdtemp(prefix="oc-e2e-")
        self.opencode = program
        self.version = version
        self.oc_run = oc_run
        self.notes = []
        self.closers = []
        self.expects_leaks = False      # a control, whose point is what is left
        for name in ("home", "project", "tmp", "bin"):
            os.mkdir(self.path(name))
        os.symlink(program, self.path("bin", "opencode"))
        self.census = Census(self.tag, self.root)
        self.provider = Provider({}, self.path("requests.jsonl")).start()
        self.closers.append(self.provider.stop)
        self.write_config()
        self.environment = self.make_environment()
        for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "start"]):
            subprocess.run(["git", "-c", "user.name=e2e", "-c", "user.email=e2e@localhost"] +
                           command, cwd=self.path("project"), env=self.environment, check=True)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def note(self, words):
        """A line of diagnostics that is shown with the test's result."""
        self.notes.append(words)

    def write_config(self):
        model = {"name": "Scripted", "tool_call": True, "limit": {"context": 100000,
                                                                 "output": 10000}}
        config = {
            "autoupdate": False, "share": "disabled", "enabled_providers": ["fake"],
            "permission": {"*": "allow"}, "model": "fake/" + MODEL,
            "small_model": "fake/" + MODEL,
            "provider": {"fake": {"npm": "@ai-sdk/openai-compatible", "name": "Fake",
                                  "options": {"baseURL": self.provider.url, "apiKey": "none"},
                                  "models": {MODEL: model}}},
        }
        write(self.path("opencode.json"), json.dumps(config))

    def make_environment(self):
        kept = ("LANG", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
                "OC_E2E_CHROMIUM")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        home = self.path("home")
        env.update({
            "OC_E2E_TAG": self.tag, "HOME": home, "TMPDIR": self.path("tmp"),
            "XDG_CONFIG_HOME": home + "/.config", "XDG_DATA_HOME": home + "/.local/share",
            "XDG_CACHE_HOME": home + "/.cache", "XDG_STATE_HOME": home + "/.local/state",
            "PATH": ":".join([self.path("bin"), TOOLS,
                              "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]),
            "TERM": "xterm-256color", "SHELL": "/bin/bash", "LANG": "C.UTF-8",
            "OPENCODE_CONFIG": self.path("opencode.json"),
            "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost", "MARKS": self.path(),
        })
        for name in ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "SHARE",
                     "EXTERNAL_SKILLS"):
            env["OPENCODE_DISABLE_" + name] = "1"
        return env

    def script(self, name, *turns):
        """Teaches the provider a scenario; returns the prompt that plays it."""
        self.provider.scripts[name] = list(turns)
        return "SCENARIO:%s" % name

    def wrapped(self, *options, report=True):
        """The beginning of a command line: oc-run with @options, up to the dashes."""
        command = [self.oc_run, *options]
        if report:
            command += ["--report", self.path("report.json")]
        return command + ["--"]

    def report(self):
        text = read(self.path("report.json"))
        return json.loads(text) if text else None

    def start(self, command, **options):
        """A child without a terminal, its output in files."""
        out, err = open(self.path("out"), "wb"), open(self.path("err"), "wb")
        return subprocess.Popen(command, cwd=self.path("project"), env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)

    def finish(self, child, seconds=60):
        try:
            status = child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            everyone = "; ".join(str(p) for p in self.members())
            raise Failure("still running after %g s: %s; stderr: %s" %
                          (seconds * SLOW, everyone, read(self.path("err"))[-500:]))
        return Outcome(status, read(self.path("out")), read(self.path("err")), self.report())

    def run(self, command, seconds=60):
        return self.finish(self.start(command), seconds)

    def members(self):
        return self.census.members()

    def agents(self):
        """The opencode processes themselves, told by their executable."""
        real = os.path.realpath(self.opencode)
        return [p for p in self.members() if p.executable == real]

    @property
    def npm_entry(self):
        """opencode as npm installs it: in 1.1.56 a script that runs the program as its child."""
        place = os.path.dirname(os.path.dirname(os.path.abspath(self.opencode)))
        return os.path.realpath(os.path.join(place, "npm", "opencode"))

    @staticmethod
    def find_chromium():
        for name in ("chromium-headless-shell", "chromium", "chromium-browser"):
            if shutil.which(name):
                return name
        raise Skip("no Chromium here: tests/e2e/install gets it")

    def check_nothing_left(self, seconds=5):
        """Polls: a process that was just killed may take a moment to go."""
        start = time.monotonic()
        try:
            wait_until(lambda: not self.members(), seconds, "the end of all processes")
        except Failure as failure:
            raise Failure("%s: left are: %s" %
                          (failure, "; ".join(str(p) for p in self.members()))) from None
        try:
            wait_until(lambda: not self.census.traces(), seconds, "the end of all traces")
        except Failure as failure:
            raise Failure("%s: left are: %s" % (failure, self.census.traces())) from None
        self.note("nothing left after %.1f s" % (time.monotonic() - start))

    def leaks(self):
        """What the test left behind; ends it."""
        left = []
        for _ in range(20):
            members = self.members()
            if not members:
                break
            left += [str(p) for p in members]
            for process in members:
                process.kill()
            time.sleep(0.1)
        return sorted(set(left))

    def close(self):
        for closer in reversed(self.closers):
            closer()
        left = self.leaks()
        if os.environ.get("OC_E2E_KEEP"):
            self.note("kept: " + self.root)
        else:
            shutil.rmtree(self.root, ignore_errors=True)
        return left
