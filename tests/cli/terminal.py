# SPDX-License-Identifier: MIT
"""Terminals for the tests: a bare pty, an interactive bash on one, and tmux on a private server."""

import fcntl
import os
import re
import select
import shutil
import struct
import subprocess
import termios
import time

from harness import DEADLINE, Failure, Running, Skip

PROMPT = "oc-prompt> "


class Terminal:
    """A program on a pty of its own, as session leader with that controlling terminal."""

    def __init__(self, case, argv, env=None):
        self.case = case
        self.output = b""
        self.position = 0
        self.master, slave = os.openpty()
        self.resize(24, 80)
        environment = dict(case.environment)
        environment.update(env or {})
        self.termios_before = termios.tcgetattr(self.master)

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                   env=environment, cwd=case.path("work"),
                                   start_new_session=True, preexec_fn=take_terminal)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.running = Running(case, argv, process, os.devnull, os.devnull)
        self.pid = process.pid
        case.runs.append(self.running)
        case.defer(self.close)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def drain(self, seconds=0.0):
        """Takes in what has been written, waiting that long for the first byte."""
        while self.master >= 0 and select.select([self.master], [], [], seconds)[0]:
            try:
                block = os.read(self.master, 65536)
            except OSError:     # EIO: nobody has the other side open
                break
            if not block:
                break
            self.output += block
            seconds = 0.0

    def expect(self, pattern, deadline=DEADLINE):
        """The match of the pattern in what came since the last match."""
        expression = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        end = time.monotonic() + deadline
        while True:
            self.drain(0.05)
            match = expression.search(self.output, self.position)
            if match:
                self.position = match.end()
                return match
            if time.monotonic() > end:
                raise Failure(f"the terminal never showed {pattern!r}; since the last match: "
                              f"{self.output[self.position:][-600:]!r}")

    def since(self):
        """What came since the last match."""
        self.drain()
        return self.output[self.position:]

    def poll(self, condition, what, deadline=DEADLINE):
        """As Case.poll(), while the output is taken in, so that nobody blocks on a full pty."""
        def drained():
            self.drain()
            return condition()
        return self.case.poll(drained, what, deadline)

    def wait(self, deadline=DEADLINE):
        self.poll(lambda: self.running.status is not None, f"{self.running} ends", deadline)
        self.drain(0.05)
        return self.running.status

    def foreground(self):
        return os.tcgetpgrp(self.master)

    def settings(self):
        return termios.tcgetattr(self.master)

    def close(self):
        """Closes the terminal: what is on it gets SIGHUP."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1
        self.case.poll(lambda: self.running.status is not None,
                       f"{self.running} ends when its terminal is closed")


class Bash(Terminal):
    """An interactive bash with job control, without line editing."""

    def __init__(self, case):
        super().__init__(case, ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                         env={"PS1": PROMPT, "TERM": "xterm", "HISTFILE": "", "OC": case.oc_run,
                              "PAYLOAD": case.payload})
        self.prompt()

    def prompt(self):
        return self.expect(re.escape(PROMPT))

    def line(self, text):
        """Types a line."""
        self.send(text + "\n")
        self.expect(re.escape(text) + r"\r\n")

    def command(self, text):
        """Types a line and waits for the next prompt; what was shown in between."""
        self.line(text)
        start = self.position
        end = self.prompt().start()
        return self.output[start:end].decode("utf-8", "replace")

    def close(self):
        if self.master >= 0 and self.running.status is None:
            try:
                self.send("\x03\x15exit\nexit\n")
            except OSError:
                pass
        super().close()


class Tmux:
    """One pane on a private server; tells which modes the terminal is in."""

    def __init__(self, case, command):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed")
        self.case = case
        self.name = f"oc-run-{case.tag}"
        self.environment = dict(case.environment, TMUX_TMPDIR=case.folder)
        case.defer(self.close)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command)

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-L", self.name, *words], env=self.environment,
                              cwd=self.case.path("work"), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=DEADLINE, check=False)
        if done.returncode:
            raise Failure(f"tmux {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "replace")

    def show(self, variables):
        """Values of tmux's variables of the pane, by name."""
        text = self.tmux("display-message", "-p", " ".join(f"#{{{one}}}" for one in variables))
        return dict(zip(variables, text.split()))

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait_screen(self, text):
        return self.case.poll(lambda: text in self.screen() and self.screen(),
                              f"{text!r} on the screen")

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], env=self.environment,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                       check=False)
