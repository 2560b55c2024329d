# SPDX-License-Identifier: MIT
"""oc-ctl top: driven by keys in a real tmux, as a person does."""

import json
import os
import shlex
import shutil
import signal

from harness import check, check_equal, is_alive, state_of, test
from terminal import Bash, Terminal, Tmux

NOBODY = 65534
WAIT = "echo ready; sleep 600 & exec sleep 601"


class Person:
    """Whose sessions are the test's alone: root's are those of the whole machine, and a key that
    ends one should not meet another's."""

    def __init__(self, t):
        self.t, self.prefix = t, []
        self.oc_run, self.oc_ctl = t.oc_run, t.oc_ctl
        if os.getuid() != 0:
            return
        self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.oc_run, self.oc_ctl = (shutil.copy(path, t.path("bin"))
                                    for path in (t.oc_run, t.oc_ctl))
        t.environment["XDG_RUNTIME_DIR"] = t.path("runtime")
        for path in (t.folder, *map(t.path, ("bin", "etc", "config", "home", "work"))):
            os.chmod(path, 0o755)
        os.chown(t.path("runtime"), NOBODY, NOBODY)

    def start(self, name, *options, script=WAIT):
        running = self.t.start([*self.prefix, self.oc_run, "-q", "--name", name, *options, "--",
                                "sh", "-c", script]).wait_line("ready")
        self.t.defer(lambda: running.status is None and (running.signal(signal.SIGTERM),
                                                         running.wait()))
        return running

    def ctl(self, *words):
        result = self.t.run([*self.prefix, self.oc_ctl, *words])
        check_equal(result.status, 0, f"status of {words} ({result.errors})")
        return json.loads(result.out)["sessions"]

    def listed(self):
        return self.ctl("list", "--json")

    def shown(self, name):
        return self.ctl("show", "--json", name)[0]

    def limit(self, name):
        return self.shown(name)["memory_limit_bytes"]

    def state(self, name):
        return self.shown(name)["state"]

    def top(self, *options):
        """top in tmux; after it its status is shown."""
        words = shlex.join([*self.prefix, self.oc_ctl, "top", "--interval", "300ms", *options])
        return Tmux(self.t, f"echo before top; {words}; echo status $?; sleep 600")

    def terminal(self, **env):
        return Terminal(self.t, [*self.prefix, self.oc_ctl, "top"], env={"TERM": "xterm", **env})


def row_of(screen, word):
    """The line of a session or process; "" where there is none."""
    return next((line for line in screen.splitlines()[2:] if word in line.split()), "")


def wait_row(t, screen, word, *texts):
    """The line, once it holds all of the texts."""
    def look():
        row = row_of(screen.screen(), word)
        return row if all(text in row for text in texts) else ""
    return t.poll(look, f"a line of {word} with {texts}")


@test("top shows a session in 24 lines of 80, and its processes when unfolded")
def shows(t):
    person = Person(t)
    person.start("web", "--mem", "4G")
    screen = person.top()
    row = wait_row(t, screen, "web", "running", "4.0G")
    check(row.startswith("+ web"), f"folded: {row!r}")
    lines = screen.screen().splitlines()
    check("1 session" in lines[0] and "? help" in lines[0], f"the head: {lines[0]}")
    for title in ("NAME", "COMMAND", "STATE", "AGE", "NOW", "PEAK", "LIMIT", "TASK", "CPU"):
        check(title in lines[1], f"{title} in {lines[1]!r}")
    pid = str(person.shown("web")["command_pid"])
    screen.tmux("send-keys", "Enter")
    wait_row(t, screen, pid, "sleep")
    check(row_of(screen.screen(), "web").startswith("- web"), "unfolded")
    check_equal(len([1 for line in screen.screen().splitlines() if " sleep " in line[:30]]), 2,
                "its processes")
    screen.tmux("send-keys", "Down")
    screen.wait_screen(f"pid {pid}: sleep 60")
    screen.tmux("send-keys", "Left")
    t.poll(lambda: not row_of(screen.screen(), pid), "folded again")


@test("s sorts, and the selection stays with its session")
def sorts(t):
    person = Person(t)
    person.start("zebra")
    person.start("ape")
    ape = person.listed()[1]
    screen = person.top()
    wait_row(t, screen, "ape", "running")
    for order in ("cpu", "tasks", "age"):
        screen.type("s")
        screen.wait_screen(f"by {order}")
    names = [line.split()[1] for line in screen.screen().splitlines()[2:4]]
    check_equal(names, ["zebra", "ape"], "by age")
    screen.tmux("send-keys", "End")
    screen.wait_screen(f"{ape['session'][:8]}: ")
    screen.type("s")
    screen.wait_screen("by name")
    names = [line.split()[1] for line in screen.screen().splitlines()[2:4]]
    check_equal(names, ["ape", "zebra"], "by name")
    screen.wait_screen(f"{ape['session'][:8]}: ")


@test("f freezes and t thaws the session, from the keyboard")
def freezes(t):
    person = Person(t)
    person.start("web")
    screen = person.top()
    wait_row(t, screen, "web", "running")
    screen.type("f")
    t.poll(lambda: person.state("web") in ("frozen", "stopped"), "that it is frozen")
    wait_row(t, screen, "web", person.state("web"))
    screen.type("t")
    t.poll(lambda: person.state("web") == "running", "that it goes on")
    screen.wait_screen("goes on")


@test("+ and - change the memory limit by a step, and several fast ones add up")
def limits(t):
    person = Person(t)
    person.start("web", "--mem", "1G")
    screen = person.top()
    wait_row(t, screen, "web", "1.0G")
    screen.type("+")
    t.poll(lambda: person.limit("web") == 1152 << 20, "a limit of 1152 MiB")
    wait_row(t, screen, "web", "1.1G")
    screen.tmux("send-keys", "-", "-")
    t.poll(lambda: person.limit("web") == 960 << 20, "a limit of 960 MiB")
    screen.wait_screen("(was 1.0 GiB)")


@test("x and K ask first: n leaves the session alone, y ends it")
def ends(t):
    person = Person(t)
    for key, verb, done in (("x", "stop", "ended"), ("K", "kill", "killed")):
        running = person.start("web", "--mem", "1G")
        pid = person.shown("web")["command_pid"]
        screen = person.top()
        wait_row(t, screen, "web", "running")
        screen.type(key)
        screen.wait_screen(f"{verb} web")
        screen.type("n")
        t.poll(lambda: "y/n" not in screen.screen(), "that the question is gone")
        check(is_alive(pid) and running.status is None, "it runs")
        screen.tmux("send-keys", "-", key)
        t.poll(lambda: person.limit("web") < 1 << 30, "that an earlier key did its work")
        screen.wait_screen(f"{verb} web")
        screen.type("y")
        running.wait()
        screen.wait_screen("no session runs")
        screen.wait_screen(f": {done}")
        screen.close()


@test("? shows the keys, q gives the terminal back as it was")
def quits(t):
    person = Person(t)
    person.start("web")
    screen = person.top()
    wait_row(t, screen, "web", "running")
    modes = screen.show(["alternate_on", "cursor_flag"])
    check_equal(modes, {"alternate_on": "1", "cursor_flag": "0"}, "modes while it runs")
    screen.type("?")
    screen.wait_screen("raise or lower the memory limit")
    screen.type("q")
    t.poll(lambda: row_of(screen.screen(), "web"), "the sessions again")
    screen.type("q")
    text = screen.wait_screen("status 0")
    check("before top" in text and "web" not in text, f"what was there before: {text}")
    modes = screen.show(["alternate_on", "cursor_flag", "keypad_flag"])
    check_equal(modes, {"alternate_on": "0", "cursor_flag": "1", "keypad_flag": "0"},
                "modes afterwards")


@test("Ctrl-C, SIGTERM and SIGHUP end it, with the terminal as it was")
def signals(t):
    person = Person(t)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        terminal = person.terminal()
        terminal.expect("no session runs")
        check(terminal.settings() != terminal.termios_before, "it has changed the terminal")
        if number == signal.SIGINT:
            terminal.send("\x03")
        else:
            terminal.running.signal(number)
        check_equal(terminal.wait(), 0, f"status after {number}")
        terminal.expect(r"\x1b\[\?1049l")
        check_equal(terminal.settings(), terminal.termios_before, f"settings after {number}")


@test("Ctrl-Z stops it with the terminal as it was, and fg draws it again")
def job(t):
    person = Person(t)
    shell = Bash(t)
    before = shell.settings()
    shell.line(f"TERM=xterm {shlex.join([*person.prefix, person.oc_ctl, 'top'])}")
    shell.expect("no session runs")
    # While it draws, ncurses ignores SIGTSTP.
    t.poll(lambda: state_of(shell.foreground()) == "S", "that it has drawn and waits")
    shell.send("\x1a")
    shell.prompt()
    check_equal(shell.settings(), before, "settings while it is stopped")
    shell.line("fg")
    shell.expect("no session runs")
    shell.send("q")
    shell.prompt()
    check_equal(shell.settings(), before, "settings afterwards")


@test("top ends when its terminal goes away")
def hangs_up(t):
    person = Person(t)
    terminal = person.terminal()
    terminal.expect("no session runs")
    terminal.close()


@test("another size of the terminal is drawn at once, small ones too")
def resizes(t):
    person = Person(t)
    person.start("web", "--mem", "4G")
    screen = person.top()
    wait_row(t, screen, "web", "4.0G")
    for columns, rows, texts in ((120, 40, ("running", "4.0G")), (40, 10, ("4.0G",)),
                                 (16, 3, ()), (80, 24, ("running", "4.0G"))):
        screen.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        wait_row(t, screen, "web", *texts)
        wide = max(map(len, screen.screen().splitlines()))
        check(wide <= columns, f"{wide} columns of {columns}")


@test("NO_COLOR is respected")
def colours(t):
    person = Person(t)
    person.start("web")
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = person.terminal(**env)
        terminal.expect("running")
        check_equal(b"\x1b[32m" in terminal.output, coloured, f"green, with {env}")
        terminal.send("q")
        terminal.wait()


@test("a name can't move the cursor")
def names(t):
    person = Person(t)
    name = "a\033[2J\u202eb"
    os.symlink("/bin/sleep", os.path.join(t.path("bin"), name))
    person.start("evil", script=f"echo ready; {shlex.quote(name)} 600")
    screen = person.top()
    wait_row(t, screen, "evil", "running")
    screen.tmux("send-keys", "Enter", "End")
    screen.wait_screen("a?[2J???b 600")
    row = wait_row(t, screen, "evil", "running")
    check(screen.screen().splitlines()[2] == row, f"its line is where it was: {row}")


@test("without a terminal, or with one that can't be drawn on, it says what to do")
def refuses(t):
    person = Person(t)
    result = t.ctl("top")
    check_equal(result.status, 2, "status without a terminal")
    check("oc-ctl list --json" in result.errors[0], f"what to do: {result.errors}")
    for name, says in (("frobnicator", "not known here"), ("dumb", "can't place its cursor")):
        terminal = person.terminal(TERM=name)
        terminal.expect(says)
        check_equal(terminal.wait(), 2, f"status with TERM={name}")
    result = t.ctl("top", "--interval", "1ms")
    check_equal(result.status, 2, "status of an interval that is too short")
    check("100ms" in result.errors[0], f"the least: {result.errors}")
