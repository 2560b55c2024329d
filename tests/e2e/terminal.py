# SPDX-License-Identifier: MIT
"""A real terminal: a tmux server of our own, with one pane, driven and looked at from outside."""

import re
import shlex
import shutil
import subprocess

from sandbox import Failure, Process, Skip, check, wait_until

# What a program may have switched on in the terminal, as tmux sees it, and its quiet value.
QUIET = {"alternate_on": "0", "mouse_any_flag": "0", "mouse_button_flag": "0",
         "mouse_standard_flag": "0", "mouse_sgr_flag": "0", "cursor_flag": "1",
         "keypad_cursor_flag": "0", "keypad_flag": "0"}


class Terminal:
    """Runs @command in a pane of a fresh tmux server; its processes are not of the session."""

    def __init__(self, sandbox, command):
        if not shutil.which("tmux"):
            raise Skip("no tmux here: tests/e2e/install gets it")
        self.sandbox = sandbox
        self.name = "oc-e2e-" + sandbox.tag[:12]
        sandbox.closers.append(self.close)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "32", "-s", "main",
                  "-c", sandbox.path("project"), " ".join(shlex.quote(c) for c in command))
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.server = Process(int(self.show("#{pid}")))
        self.shell = Process(int(self.show("#{pane_pid}")))
        self.tty = self.show("#{pane_tty}")
        sandbox.census.ignored |= {self.server.key, self.shell.key}

    def tmux(self, *arguments):
        env = dict(self.sandbox.environment, TMUX_TMPDIR=self.sandbox.path("tmp"))
        done = subprocess.run(["tmux", "-u", "-L", self.name, *arguments], env=env,
                              capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise Failure("tmux %s: %s" % (" ".join(arguments), done.stderr.strip()))
        return done.stdout

    def show(self, form):
        return self.tmux("display-message", "-p", "-t", "main", form).rstrip("\n")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "main")

    def history(self):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "main")

    def type(self, text):
        self.tmux("send-keys", "-t", "main", "-l", text)

    def key(self, *names):
        self.tmux("send-keys", "-t", "main", *names)

    def enter(self, line):
        self.type(line)
        self.key("Enter")

    def wait_for(self, pattern, seconds=30, where=None):
        """Until the words show; fails with the whole screen."""
        look = where or self.screen
        try:
            return wait_until(lambda: re.search(pattern, look(), re.M), seconds, pattern)
        except Failure as failure:
            raise Failure("%s; the screen shows:\n%s" % (failure, look().strip())) from None

    def termios(self):
        done = subprocess.run(["stty", "-a", "-F", self.tty], capture_output=True, text=True,
                              check=True)
        return done.stdout

    def modes(self):
        form = " ".join("#{%s}" % name for name in QUIET)
        return dict(zip(QUIET, self.show(form).split(" ")))

    def check_quiet(self):
        """Main screen, cursor shown, no mouse: nothing of a TUI is left on."""
        modes = self.modes()
        wrong = {name: value for name, value in modes.items() if value != QUIET[name]}
        check(not wrong, "terminal modes are still on: %s" % wrong)

    def hang_up(self):
        """Closes the window, as a click on its cross would."""
        self.tmux("kill-session", "-t", "main")

    def close(self):
        try:
            self.tmux("kill-server")
        except Failure:
            pass
        for process in (self.shell, self.server):
            if process.is_still():
                process.kill()

