# SPDX-License-Identifier: MIT
"""What all modules of these tests share.

A test is a function with a title (a sentence) that gets a Case: a private folder, a private
environment, and ways to run programs and to wait. All waits are polls with a generous deadline,
scaled by OC_RUN_TEST_SLOW (a number, 1 by default), so that nothing hangs on the speed of the
machine. Output goes to files, never to pipes: a process that was left behind cannot block a test.

After every test nothing of it may be alive: all that it started carries OC_RUN_TEST_TAG=<unique>
in its environment (or the tag among its arguments) and is looked for in /proc. No cgroup of a
session and no runtime file may remain either.
"""

import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SLOW = float(os.environ.get("OC_RUN_TEST_SLOW", "1"))
DEADLINE = 20 * SLOW        # of one wait; reached only when something is wrong
GONE_WITHIN = 3 * SLOW      # after the end of oc-run
TEST_LIMIT = 150 * SLOW     # of a whole test
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

TESTS = []
LEFT_OUT = []


class Failure(Exception):
    """The test failed; the text says what was seen."""


class Skip(Exception):
    """This machine cannot show it; the text says why."""


def test(title, only_with=None):
    """Registers a function as a test. The title is a sentence.

    only_with=(a path, what its absence means): where the path is missing there is nothing to test,
    which is no skip; the run says so in a comment.
    """
    def register(function):
        area = function.__module__.replace("test_", "")
        if only_with and not os.path.exists(only_with[0]):
            LEFT_OUT.append(f"{area}: {title} ({only_with[1]})")
        else:
            TESTS.append((area, title, function))
        return function
    return register


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(seen, wanted, what):
    if seen != wanted:
        raise Failure(f"{what}: seen {seen!r}, wanted {wanted!r}")


# --- processes ---------------------------------------------------------------------------------

class Process:
    """One line of /proc/PID/stat, and where it can be read the command line."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, tail = file.read().decode("utf-8", "replace").rsplit(")", 1)
        fields = tail.split()
        self.comm = head.split("(", 1)[1]
        self.state = fields[0]
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])

    def __str__(self):
        return f"{self.pid} {self.comm} (state {self.state}, parent {self.parent}): " \
               f"{read_text(f'/proc/{self.pid}/cmdline').replace(chr(0), ' ')}"


def read_text(path, default=""):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return default


def find_process(pid):
    """The process, or None when it is gone."""
    try:
        return Process(pid)
    except (OSError, IndexError, ValueError):
        return None


def all_processes():
    found = (find_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process]


def state_of(pid):
    process = find_process(pid)
    return process.state if process else "gone"


def is_alive(pid):
    return state_of(pid) not in ("gone", "Z", "X")


def tagged_processes(tag):
    """Those with the tag in their environment or among their arguments, zombies left out."""
    needle = tag.encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        for file_name in ("environ", "cmdline"):
            try:
                with open(f"/proc/{name}/{file_name}", "rb") as file:
                    hit = needle in file.read()
            except OSError:
                break
            process = find_process(int(name)) if hit else None
            if process and process.state not in "ZX":
                found.append(process)
                break
    return found


# --- what a session may leave in the world ------------------------------------------------------

def cgroup2_mount():
    """Where a cgroup v2 hierarchy is mounted, or None."""
    for line in read_text("/proc/self/mounts").splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[2] == "cgroup2":
            return fields[1]
    return None


def cgroup_directories():
    """Directories of sessions."""
    mount = cgroup2_mount()
    found = set()
    for path, names, _ in os.walk(mount) if mount else ():
        found.update(os.path.join(path, name) for name in names
                     if re.fullmatch(r"oc-[0-9a-f]{16}(\.scope)?", name))
    return found


def runtime_files(environment):
    """Entries and folders of sessions whose oc-run is gone (nobody holds their lock)."""
    roots = {environment.get("XDG_RUNTIME_DIR"), environment.get("XDG_CACHE_HOME"),
             f"/run/user/{os.getuid()}", "/run"}
    found = set()
    for root in filter(None, roots):
        for path, _, names in os.walk(os.path.join(root, "oc-run", "sessions")):
            found.update(os.path.join(path, name) for name in names
                         if not is_locked(os.path.join(path, name)))
        folder = os.path.join(root, "oc-run", "tmp")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found.update(os.path.join(folder, name) for name in names
                     if not is_locked(os.path.join(folder, name)))
        folder = os.path.join(root, "oc-run", "status")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        found.update(os.path.join(folder, name) for name in names
                     if not is_locked(os.path.join(root, "oc-run", "sessions",
                                                   name.strip(".").removesuffix(".json"))))
    return found


def is_locked(path):
    try:
        fd = os.open(path, os.O_RDONLY)     # of a folder too
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    finally:
        os.close(fd)
    return False


# --- running programs ---------------------------------------------------------------------------

class Running:
    """A program that was started; its output is in files."""

    def __init__(self, case, argv, process, out_path, err_path):
        self.case, self.argv, self.process = case, argv, process
        self.out_path, self.err_path = out_path, err_path
        self.pid = process.pid

    @property
    def out(self):
        with open(self.out_path, "rb") as file:
            return file.read()

    @property
    def err(self):
        with open(self.err_path, "rb") as file:
            return file.read()

    @property
    def lines(self):
        return self.out.decode("utf-8", "replace").splitlines()

    @property
    def errors(self):
        return self.err.decode("utf-8", "replace").splitlines()

    @property
    def status(self):
        """Exit status; negative: died of that signal; None: still running."""
        return self.process.poll()

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, deadline=DEADLINE):
        """Exit status, or a failure when it does not end."""
        self.case.poll(lambda: self.status is not None, f"{self} ends", deadline)
        return self.status

    def wait_line(self, line, count=1):
        """Until the output holds this line that many times."""
        self.case.poll(lambda: self.lines.count(line) >= count or self.status is not None,
                       f"{self} says {line!r}")
        check(self.lines.count(line) >= count,
              f"{self} ended with {self.status} before it said {line!r}")
        return self

    def __str__(self):
        return " ".join(word if isinstance(word, str) else repr(word) for word in self.argv)

    def describe(self):
        return "\n".join([f"$ {self}", f"status {self.status}"] +
                         [f"out| {line}" for line in self.lines[:20]] +
                         [f"err| {line}" for line in self.errors[:20]])


class Case:
    """One test as it runs."""

    def __init__(self, options):
        self.oc_run, self.payload = options.oc_run, options.payload
        self.oc_ctl = options.oc_ctl
        self.tag = f"{os.getpid()}-{random.SystemRandom().getrandbits(48):012x}"
        self.folder = tempfile.mkdtemp(prefix="oc-run-test.")
        self.runs, self.deferred = [], []
        for name in ("bin", "etc", "config", "home", "runtime", "work"):
            os.mkdir(os.path.join(self.folder, name), 0o700)
        self.environment = self._private_environment()
        self._cgroups_before = cgroup_directories()
        self._files_before = runtime_files(self.environment)

    def _private_environment(self):
        environment = {
            "PATH": f"{self.path('bin')}:{STANDARD_PATH}",
            "HOME": self.path("home"),
            "XDG_CONFIG_HOME": self.path("config"),
            "XDG_STATE_HOME": self.path("home/state"),
            "XDG_DATA_HOME": self.path("home/data"),
            "XDG_CACHE_HOME": self.path("home/cache"),
            "OC_RUN_SYSCONFDIR": self.path("etc"),
            "OC_RUN_TEST_TAG": self.tag,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        # With systemd the way to the manager leads through the real folder.
        if os.path.isdir("/run/systemd/system"):
            for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
                if name in os.environ:
                    environment[name] = os.environ[name]
        else:
            environment["XDG_RUNTIME_DIR"] = self.path("runtime")
        return environment

    # files

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def script(self, name, text):
        """An executable shell script below the folder."""
        return self.write(name, "#!/bin/sh\n" + text, 0o755)

    # programs

    def start(self, argv, stdin=None, env=None, cwd=None, pass_fds=(), stdout=None, stderr=None):
        """Starts a program in a session of its own, without a terminal."""
        number = len(self.runs)
        out_path, err_path = self.path(f"out.{number}"), self.path(f"err.{number}")
        environment = dict(self.environment)
        environment.update(env or {})
        environment = {name: value for name, value in environment.items() if value is not None}
        in_path = "/dev/null"
        if stdin is not None:
            in_path = self.path(f"in.{number}")
            with open(in_path, "wb") as file:
                file.write(stdin)
        with open(in_path, "rb") as source, open(out_path, "wb") as out, \
             open(err_path, "wb") as err:
            process = subprocess.Popen(argv, stdin=source, stdout=stdout or out,
                                       stderr=stderr or err, env=environment,
                                       cwd=cwd or self.path("work"), pass_fds=pass_fds,
                                       start_new_session=True)
        running = Running(self, argv, process, out_path, err_path)
        self.runs.append(running)
        return running

    def run(self, argv, deadline=DEADLINE, **more):
        running = self.start(argv, **more)
        running.wait(deadline)
        return running

    def start_oc(self, *words, **more):
        return self.start([self.oc_run, *words], **more)

    def oc(self, *words, **more):
        """Runs oc-run with these words to its end."""
        return self.run([self.oc_run, *words], **more)

    def ctl(self, *words, **more):
        """Runs oc-ctl with these words to its end; without what others left in /tmp."""
        more["env"] = {"TMPDIR": self.folder, **(more.get("env") or {})}
        return self.run([self.oc_ctl, *words], **more)

    # waiting

    def poll(self, condition, what, deadline=DEADLINE):
        """Until condition() is true; its value. Fails with "... never: WHAT"."""
        end = time.monotonic() + deadline
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failure(f"this never came: {what} (waited {deadline:g} s)")
            time.sleep(0.02)

    def wait_pids(self, path, count=1):
        """The pids that `payload mark` wrote into the file."""
        self.poll(lambda: len(read_text(path).split()) >= count, f"{count} pids in {path}")
        return [int(word) for word in read_text(path).split()]

    def others_alive(self):
        return tagged_processes(self.tag)

    def check_all_gone(self, within=GONE_WITHIN):
        """Nothing that carries the tag of this test is alive."""
        self._until_empty(self.others_alive, "still alive", within)

    @staticmethod
    def _until_empty(find, what, within):
        end = time.monotonic() + within
        while True:
            found = find()
            if not found:
                return
            if time.monotonic() > end:
                raise Failure(f"{what}: " + "; ".join(str(one) for one in found))
            time.sleep(0.05)

    def _new_cgroups(self):
        # One with processes is a session of somebody else: ours are known to be dead by now.
        return [path for path in cgroup_directories() - self._cgroups_before
                if "populated 1" not in read_text(os.path.join(path, "cgroup.events"))]

    def check_world(self, within=GONE_WITHIN):
        """No cgroup and no runtime file was left."""
        self._until_empty(self._new_cgroups, "cgroup left", within)
        self._until_empty(lambda: runtime_files(self.environment) - self._files_before,
                          "runtime file left", within)

    # the end

    def defer(self, function):
        """Called at the end of the test, last one first, before the check for what was left."""
        self.deferred.append(function)

    def finish(self, is_failed):
        """Cleans up. Returns what is wrong, or None."""
        errors = []
        if is_failed:
            self._kill_rest()
        for function in reversed(self.deferred):
            self._collect(errors, function)
        if not is_failed:
            self._collect(errors, self._check_programs_ended)
            self._collect(errors, self.check_all_gone)
            self._collect(errors, self.check_world)
        self._kill_rest()
        for running in self.runs:
            running.process.poll()
        shutil.rmtree(self.folder, ignore_errors=True)
        return "; ".join(errors) or None

    @staticmethod
    def _collect(errors, function):
        try:
            function()
        except (Failure, OSError, subprocess.SubprocessError) as error:
            errors.append(str(error))

    def _check_programs_ended(self):
        for running in self.runs:
            check(running.status is not None, f"still running at the end of the test: {running}")

    def _kill_rest(self):
        # Only what carries the tag. By group, at once: a chain of forks outruns a list of pids. The
        # harness is never in such a group, as every program was started in a session of its own.
        for _ in range(200):
            rest = self.others_alive()
            if not rest:
                return
            for group in {process.group for process in rest} - {os.getpgrp(), 0, 1}:
                try:
                    os.killpg(group, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.01)


# --- the run -----------------------------------------------------------------------------------

def _too_long(_number, _frame):
    raise Failure(f"the test took more than {TEST_LIMIT:g} s")


def _run_one(options, function):
    """(verdict, text): "ok", "skip" or "fail"."""
    case = Case(options)
    verdict, text = "ok", None
    signal.setitimer(signal.ITIMER_REAL, TEST_LIMIT)
    try:
        function(case)
    except Skip as skip:
        verdict, text = "skip", str(skip)
    except Exception as error:  # noqa: BLE001: whatever it is, it is this test's failure
        place = traceback.extract_tb(error.__traceback__)
        where = next((f"{os.path.basename(one.filename)}:{one.lineno}" for one in reversed(place)
                      if "test_" in one.filename), "harness")
        kind = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
        verdict, text = "fail", f"{where}: {kind}{error}"
    signal.setitimer(signal.ITIMER_REAL, 0)
    history = "\n".join(running.describe() for running in case.runs[-2:])
    wrong = case.finish(verdict != "ok")
    if wrong and verdict == "ok":
        verdict, text = "fail", wrong
    if verdict == "fail":
        text += "\n" + history
    return verdict, text


def _reset_signals():
    """A harness that was started in the background must not hand on an ignored SIGINT."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            if signal.getsignal(number) == signal.SIG_IGN and number != signal.SIGPIPE:
                signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGALRM, _too_long)


def run_all(options):
    """Runs the tests that match; TAP on stdout. Exit status."""
    _reset_signals()
    os.umask(0o022)
    chosen = [(f"{area}: {title}", function) for area, title, function in TESTS
              if options.pattern in f"{area}: {title}"]
    counts = {"ok": 0, "skip": 0, "fail": 0}
    print(f"1..{len(chosen)}", flush=True)
    for number, (title, function) in enumerate(chosen, 1):
        started = time.monotonic()
        verdict, text = _run_one(options, function)
        if verdict == "skip" and os.environ.get("OC_RUN_TEST_NO_SKIP"):
            verdict, text = "fail", f"skipped, and OC_RUN_TEST_NO_SKIP is set: {text}"
        counts[verdict] += 1
        print(("not ok" if verdict == "fail" else "ok") + f" {number} - {title}" +
              (f" # SKIP {text}" if verdict == "skip" else ""))
        if options.times:
            print(f"# {time.monotonic() - started:.1f} s")
        for line in (text or "").splitlines() if verdict == "fail" else ():
            print(f"# {line}")
        sys.stdout.flush()
    for line in LEFT_OUT:
        print(f"# left out: {line}")
    print(f"# {counts['ok']} passed, {counts['fail']} failed, {counts['skip']} SKIPPED")
    return 1 if counts["fail"] or not chosen else 0
