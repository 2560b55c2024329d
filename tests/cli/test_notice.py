# SPDX-License-Identifier: MIT
"""Telling the person while the session runs: a real session bus with a desktop that writes down
what it is sent, a real tmux, and both of them hanging. A tool over its limit is what there is to
tell, killed by whoever enforces it here."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess

from harness import DEADLINE, Skip, check, check_equal, read_text, test
from terminal import Terminal, Tmux

# A tool that is asked to end before is a test of its own.
SMALL = ["--mem", "100M", "--swap", "0", "--pressure", "notice"]
# Slow enough to be looked at as it grows: where the kernel's log can't be read, who was killed is
# known from the last look.
LEAK = "leak 60M --max 1G"
NO_WAYS = {name: None for name in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "TMUX",
                                   "TMUX_PANE")}
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Bus:
    """A message bus of its own, and maybe a desktop on it."""

    def __init__(self, case, folder="desktop", owner=None):
        if not shutil.which("dbus-daemon"):
            raise Skip("dbus-daemon is not installed")
        self.case = case
        os.makedirs(case.path(folder + "/services"), 0o700, exist_ok=True)
        self.path = case.path(folder + "/bus")
        self.address = f"unix:path={self.path}"
        self.prefix = []
        if owner:
            # An abstract socket has no owner that could be looked up.
            self.address = f"unix:abstract={self.path}"
            self.prefix = ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups"]
            for path in (case.folder, case.path(folder)):
                os.chown(path, owner, owner)
        self.seen = case.path("notifications")
        self.server = os.path.join(os.path.dirname(case.payload), "notify-server")
        config = case.write(folder + "/bus.conf", BUS_CONFIG.format(folder=case.path(folder),
                                                                    address=self.address))
        # It prints its address once it listens.
        daemon = self._start(["dbus-daemon", "--nofork", "--print-address",
                              f"--config-file={config}"])
        case.poll(lambda: self.address in daemon.out.decode(), "the bus listens")

    def _start(self, argv):
        running = self.case.start([*self.prefix, *argv],
                                  env={"DBUS_SESSION_BUS_ADDRESS": self.address})

        def stop():
            if running.status is None:
                running.signal(signal.SIGKILL)
                running.wait()
        self.case.defer(stop)
        return running

    def desktop(self, *words):
        """The receiving end."""
        self._start([self.server, self.seen, *words]).wait_line("ready")
        return self

    def activatable(self):
        """A desktop that the bus starts when it is called."""
        self.case.write("desktop/services/org.freedesktop.Notifications.service",
                        "[D-BUS Service]\nName=org.freedesktop.Notifications\n"
                        f"Exec={self.server} {self.seen}\n")
        return self

    def notices(self):
        return [json.loads(line) for line in read_text(self.seen).splitlines()]

    def kills(self):
        """Memory that runs short before may be told or not: a kill may be faster."""
        return [notice for notice in self.notices() if "was killed" in notice["summary"]]

    def variables(self, **more):
        return dict(NO_WAYS, DBUS_SESSION_BUS_ADDRESS=self.address, **more)


def leak(t, tool=None):
    # The shell says "Killed".
    return f"{{ {shlex.quote(tool or t.payload)} {LEAK}; }} >/dev/null 2>&1"


def leaking_tool(t, then="exit 4", tool=None):
    """A command with a tool that is killed for memory."""
    return ["--", "sh", "-c", f"{leak(t, tool)}; {then}"]


def hostile_tool(t, name):
    """The tool under a name that is meant to do harm."""
    path = t.path("bin/" + name)
    shutil.copy(t.payload, path)
    return path


# Memory that runs short before a kill may be told or not: a kill may be faster.
ONLY_KILLS = "case \"$*\" in *killed*) ;; *) exit 0;; esac\n"


def fake_tmux(t, text):
    """A program of that name, and the variables of a tmux whose socket is there."""
    t.script("bin/tmux", text)
    path = t.path("tmux.socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
    return dict(NO_WAYS, TMUX=f"{path},1,0", TMUX_PANE="%3", CASE=t.folder)


# --- the desktop ---------------------------------------------------------------------------------

@test("a killed tool is told on the desktop: what, how much, who is left, what to do")
def kill_on_desktop(t):
    bus = Bus(t).desktop()
    result = t.oc("-q", *SMALL, *leaking_tool(t), env=bus.variables())
    check_equal(result.status, 4, "status")
    check_equal(len(bus.kills()), 1, f"notifications: {bus.notices()}")
    notice = bus.kills()[0]
    check_equal(notice["summary"], "sh: payload was killed for memory", "summary")
    check("the session's limit is 100 MiB" in notice["body"], f"how much: {notice['body']}")
    check("--mem " in notice["body"], f"what to do: {notice['body']}")
    check_equal((notice["app"], notice["hints"], notice["expires"]),
                ("oc-run", {"urgency": 2}, -1), "app, hints, expiry")


@test("memory that runs short is told on the desktop, and not for long")
def short_memory(t):
    bus = Bus(t).desktop()
    # Above the soft line for a while, and no kill.
    seen = shlex.quote(bus.seen)
    result = t.oc("-q", "--mem", "200M", "--swap", "0", "--", "sh", "-c",
                  f"'{t.payload}' hold 180M 60 >/dev/null & i=0; while [ ! -s {seen} ] && "
                  "[ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; kill $!; exit 4",
                  env=bus.variables(), deadline=3 * DEADLINE)
    check_equal(result.status, 4, "status")
    check_equal([notice["summary"] for notice in bus.notices()],
                ["sh is running short of memory"], "notifications")
    notice = bus.notices()[0]
    check(re.search(r"1[678]\d(\.\d)? MiB of 200 MiB in use", notice["body"]),
          f"how much: {notice['body']}")
    check(re.search(r"\nLargest: payload 1[678]\d(\.\d)? MiB, ", notice["body"]),
          f"who: {notice['body']}")
    check(re.search(r"\nEnd payload \(pid \d+\) if you do not need it, or start with --mem 384M",
                    notice["body"]), f"what to do: {notice['body']}")
    check_equal(notice["hints"], {"urgency": 1, "transient": True}, "hints")


@test("a tool that is asked to end before memory is used up is told on the desktop")
def ended_tool(t):
    bus = Bus(t).desktop()
    result = t.oc("-q", "--mem", "200M", "--swap", "0", "--pressure", "notice,tool", "--",
                  "sh", "-c", f"'{t.payload}' leak 20M --max 1G >/dev/null 2>&1; exit 4",
                  env=bus.variables(), deadline=3 * DEADLINE)
    check_equal(result.status, 4, "status")
    last = bus.notices()[-1]
    check_equal((last["summary"], last["hints"]),
                ("sh: payload was asked to end, memory is nearly used up", {"urgency": 2}),
                f"the last of {bus.notices()}")


@test("a later notification of a session takes the place of the one before")
def replaced(t):
    bus = Bus(t).desktop()
    t.oc("-q", *SMALL, "--", "sh", "-c", f"{leak(t)}; {leak(t)}; exit 4", env=bus.variables())
    notices = bus.notices()
    check_equal(len(bus.kills()), 2, f"notifications: {notices}")
    check_equal([notice["replaces"] for notice in notices],
                [0, *(notice["id"] for notice in notices[:-1])], "replaced")


@test("a kill that follows another at once is told while the session runs, too")
def two_kills(t):
    bus = Bus(t).desktop()
    seen = shlex.quote(bus.seen)
    both = f"$(grep -c 'was killed' {seen}) -lt 2"
    result = t.oc("-q", *SMALL, "--", "sh", "-c",
                  f"{leak(t)} & {leak(t)}; wait; i=0; while [ {both} ]; do sleep 0.05; "
                  "i=$((i+1)); [ $i -lt 400 ] || exit 5; done; exit 4",
                  env=bus.variables(), deadline=3 * DEADLINE)
    check_equal(result.status, 4, f"status, with {bus.notices()}")


@test("a process's name is no markup in a notification")
def markup(t):
    bus = Bus(t).desktop()
    tool = hostile_tool(t, "<b>&x")
    t.oc("-q", *SMALL, *leaking_tool(t, tool=tool), env=bus.variables())
    notice = bus.kills()[0]
    check("&lt;b&gt;&amp;x (pid " in notice["body"], f"escaped: {notice['body']}")
    check("<" not in notice["body"] + notice["summary"], f"no markup at all: {notice}")


if os.getuid() == 0:
    @test("a bus of another user is not used, even where it would let us in")
    def other_user(t):
        bus = Bus(t, owner=65534).desktop()
        told = t.run(["dbus-send", f"--bus={bus.address}", "--print-reply",
                      "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames"],
                     env=NO_WAYS)
        check("org.freedesktop.Notifications" in told.out.decode(), "it lets us in")
        result = t.oc("-q", *SMALL, "--notify", "desktop", *leaking_tool(t), env=bus.variables())
        check_equal((result.status, bus.notices()), (4, []), "status and notifications")


@test("--notify=off tells the desktop nothing, --notify=tmux neither")
def off(t):
    bus = Bus(t).desktop()
    for way in ("off", "tmux"):
        result = t.oc("-q", *SMALL, "--notify", way, *leaking_tool(t), env=bus.variables())
        check_equal((result.status, bus.notices()), (4, []), f"--notify={way}")


@test("in a graphical session without the variable the usual bus is used, else not")
def usual_bus(t):
    bus = Bus(t, "runtime").desktop()
    plain = dict(NO_WAYS, XDG_RUNTIME_DIR=t.path("runtime"))
    t.oc("-q", *SMALL, *leaking_tool(t), env=plain)
    check_equal(bus.notices(), [], "without a display")
    t.oc("-q", *SMALL, *leaking_tool(t), env=dict(plain, DISPLAY=":0"))
    check_equal(len(bus.kills()), 1, "with one")


@test("a desktop is started for a notice only where there is a display")
def activation(t):
    bus = Bus(t).activatable()
    t.oc("-q", *SMALL, *leaking_tool(t), env=bus.variables())
    check_equal(bus.notices(), [], "without a display")
    # The start of a server takes longer than the end of a session waits.
    seen = shlex.quote(bus.seen)
    wait = f"i=0; while [ ! -s {seen} ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; exit 4"
    result = t.oc("-q", *SMALL, *leaking_tool(t, then=wait),
                  env=bus.variables(WAYLAND_DISPLAY="wayland-0"), deadline=3 * DEADLINE)
    check_equal(result.status, 4, "status")
    check(bus.notices(), "notifications with one")


@test("a desktop that never answers does not hold the session")
def silent_desktop(t):
    bus = Bus(t).desktop("--silent")
    result = t.oc(*SMALL, "--", "sh", "-c", f"{leak(t)}; {leak(t)}; exit 4", env=bus.variables())
    check_equal(result.status, 4, "status")
    check(len(bus.notices()) >= 1, "it was told")
    check(any("payload" in line for line in result.errors), f"the report: {result.errors}")


@test("a bus that never answers does not hold the session")
def silent_bus(t):
    for name, backlog in (("accepting", 5), ("full", 0)):
        path = t.path(name)
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
            server.bind(path)
            server.listen(backlog)
            first.connect(path)     # takes the only place of a backlog of 0
            result = t.oc("-q", *SMALL, *leaking_tool(t),
                          env=dict(NO_WAYS, DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}"))
        check_equal(result.status, 4, f"status ({name})")


@test("no bus is connected to while there is nothing to tell")
def quiet_bus(t):
    path = t.path("bus")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(5)
        server.setblocking(False)
        result = t.oc("--", "true",
                      env=dict(NO_WAYS, DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}"))
        try:
            server.accept()
            check(False, "somebody connected")
        except BlockingIOError:
            pass
    check_equal((result.status, result.errors), (0, result.errors), "status")


@test("an address that would start a program or ask the network is not used")
def other_addresses(t):
    trap = t.script("bin/trap", f"touch {shlex.quote(t.path('trapped'))}\n")
    for address in (f"unixexec:path={trap}", "tcp:host=localhost,port=9", "autolaunch:", "x"):
        result = t.oc("-q", *SMALL, *leaking_tool(t),
                      env=dict(NO_WAYS, DISPLAY=":0", DBUS_SESSION_BUS_ADDRESS=address))
        check_equal(result.status, 4, f"status with {address}")
    check(not os.path.exists(t.path("trapped")), "the program was not started")


# --- tmux ----------------------------------------------------------------------------------------

class TmuxInTmux:
    """A client of a tmux in the pane of another, so that its status line can be read. The command
    runs in the inner one."""

    def __init__(self, case, command):
        self.case = case
        self.inner = f"inner-{case.tag}"
        case.defer(self.close)
        script = case.script("bin/inner", command + "\nsleep 600\n")
        self.outer = Tmux(case, f"env -u TMUX -u TMUX_PANE tmux -L {self.inner} -f /dev/null "
                                f"new-session {script}")

    def inner_tmux(self, *words):
        return subprocess.run(["tmux", "-L", self.inner, *words], env=self.outer.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE,
                              check=False).stdout.decode("utf-8", "replace")

    def messages(self):
        return self.inner_tmux("show-messages")

    def close(self):
        self.inner_tmux("kill-server")


def session_in_tmux(t, tool=None, *options):
    words = [t.oc_run, "-q", *SMALL, *options, *leaking_tool(t, tool=tool)]
    done = t.path("status")
    return f"{shlex.join(words)}; echo $? >{shlex.quote(done)}.new; mv {done}.new {done}"


@test("a killed tool is told in the status line of tmux")
def kill_in_tmux(t):
    tmux = TmuxInTmux(t, session_in_tmux(t))
    tmux.outer.wait_screen("oc-run: sh: payload was killed for memory. It was payload (pid ")
    t.poll(lambda: read_text(t.path("status")) == "4\n", "the session ends with status 4")
    check("the session's limit is 100 MiB." in tmux.messages(), f"the rest: {tmux.messages()}")
    check("--mem " in tmux.messages(), "what to do")


@test("a process's name is no format, no command and no time in tmux")
def tmux_formats(t):
    tool = hostile_tool(t, "#(touch hacked)#{pid}%Y;")
    tmux = TmuxInTmux(t, session_in_tmux(t, tool))
    tmux.outer.wait_screen("oc-run: sh: #(touch hacked)#{pid}%Y; was killed for memory.")
    t.poll(lambda: read_text(t.path("status")) == "4\n", "the session ends with status 4")
    found = [name for _, _, names in os.walk(t.folder) for name in names if name == "hacked"]
    check_equal(found, [], "what the name would have made")


@test("--notify=desktop leaves tmux alone")
def not_in_tmux(t):
    tmux = TmuxInTmux(t, session_in_tmux(t, None, "--notify", "desktop"))
    t.poll(lambda: read_text(t.path("status")) == "4\n", "the session ends")
    check("was killed" not in tmux.messages(), f"messages: {tmux.messages()}")


@test("the socket of a tmux that has gone does not matter")
def tmux_gone(t):
    for socket_path in (t.path("gone"), "/nowhere/at/all"):
        result = t.oc("-q", *SMALL, *leaking_tool(t),
                      env=dict(NO_WAYS, TMUX=f"{socket_path},1,0", TMUX_PANE="%0"))
        check_equal(result.status, 4, f"status with {socket_path}")
    # There when it started, gone when it is needed; nobody listens any more either.
    environment = fake_tmux(t, "exec /usr/bin/tmux \"$@\"\n")
    result = t.oc("-q", *SMALL, *leaking_tool(t, then=f"rm -f {t.path('tmux.socket')}; exit 4"),
                  env=environment)
    check_equal(result.status, 4, "status without a server")


@test("tmux is called with the pane, for a while, and with nothing of the session's terminal")
def tmux_words(t):
    environment = fake_tmux(t, ONLY_KILLS + r"""
printf '%s\n' "$@" >"$CASE/words"
echo NOISE
echo NOISE >&2
sed -n 's/^Sig\(Blk\|Ign\):.*[1-9a-f].*/&/p' /proc/self/status >"$CASE/signals"
readlink /proc/$$/fd/* >"$CASE/fds"
ps -o tty= -p $$ >"$CASE/tty.new"
mv "$CASE/tty.new" "$CASE/tty"
""")
    then = f"while [ ! -e {shlex.quote(t.path('tty'))} ]; do sleep 0.05; done; exit 4"
    inherited = t.write("inherited", "")
    terminal = Terminal(t, ["sh", "-c", f"exec \"$@\" 7<{shlex.quote(inherited)}", "sh",
                            t.oc_run, "-q", *SMALL, *leaking_tool(t, then=then)],
                        env={name: value or "" for name, value in environment.items()})
    check_equal(terminal.wait(), 4, "status")
    words = read_text(t.path("words")).splitlines()
    check_equal(words[:-1], ["-S", t.path("tmux.socket"), "display-message", "-t", "%3", "-d",
                             "5000"], "words")
    check(words[-1].startswith("oc-run: sh: payload was killed"), f"message: {words[-1]}")
    check_equal(terminal.output, b"", "what is on the terminal")
    check_equal(read_text(t.path("signals")), "", "blocked and ignored signals")
    check_equal(read_text(t.path("tty")).strip(), "?", "its terminal")
    check(inherited not in read_text(t.path("fds")), f"open files: {read_text(t.path('fds'))}")


@test("the killed command is told as well, though the session ends with it")
def command_in_tmux(t):
    environment = fake_tmux(t, ONLY_KILLS + "sleep 0.1\nprintf '%s\\n' \"$@\" >\"$CASE/words\"\n")
    result = t.oc("-q", *SMALL, "--", t.payload, *LEAK.split(), env=environment)
    check_equal(result.status, 137, "status")
    check("oc-run: payload was killed for memory. " in read_text(t.path("words")), "message")


@test("a tmux without the option for the time is asked without it")
def old_tmux(t):
    environment = fake_tmux(t, "echo \"$@\" >>\"$CASE/calls\"\n"
                               "case \" $* \" in *\" -d \"*) exit 1;; esac\n")
    t.oc("-q", *SMALL, "--", "sh", "-c", f"{leak(t)}; {leak(t)}; exit 4", env=environment)
    calls = read_text(t.path("calls")).splitlines()
    check(" -d 5000 " in calls[0], f"the first call: {calls}")
    check(len(calls) >= 3 and not any(" -d " in call for call in calls[1:]), f"calls: {calls}")


@test("a tmux that hangs does not hold the session, and is not left behind")
def hanging_tmux(t):
    environment = fake_tmux(t, ONLY_KILLS + "trap '' TERM HUP\necho $$ >\"$CASE/pid\"\n"
                               "while :; do sleep 1; done\n")
    result = t.oc("-q", *SMALL, *leaking_tool(t), env=environment)
    check_equal(result.status, 4, "status")
    check(read_text(t.path("pid")).strip().isdigit(), "it had been started")
    t.check_all_gone()


@test("what shows a notice is no process of the session: not counted, not killed, not reported")
def helper_is_no_member(t):
    # It lives while the session is looked at and killed, and ends once what was left of it is gone.
    environment = fake_tmux(t, ONLY_KILLS + r"""
echo start >"$CASE/helper"
while [ ! -s "$CASE/left" ] || kill -0 "$(cat "$CASE/left")"; do sleep 0.05; done 2>/dev/null
echo end >>"$CASE/helper"
""")
    report, left = t.path("report.json"), shlex.quote(t.path("left"))
    then = f"sleep 600 >/dev/null 2>&1 & echo $! >{left}; i=0; while [ ! -e {t.path('helper')} ] " \
           "&& [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; exit 4"
    result = t.oc("-q", *SMALL, "--report", report, *leaking_tool(t, then=then), env=environment,
                  deadline=3 * DEADLINE)
    check_equal(result.status, 4, "status")
    told = json.loads(read_text(report))
    check_equal(read_text(t.path("helper")), "start\nend\n", "it came to its end")
    check_equal((told["kills"]["count"], told["escapes"]["count"]), (1, 0), "kills and escapes")
    check_equal([group["name"] for group in told["leftovers"]["groups"]], ["sleep"], "leftovers")
    check_equal(told["leftovers"]["count"], 1, "leftovers")


@test("where there is no bus and no tmux notices cost nothing and say nothing")
def nowhere(t):
    result = t.oc("-q", *SMALL, *leaking_tool(t), env=NO_WAYS)
    check_equal((result.status, result.errors), (4, []), "status and errors")


@test("--notify that can't be kept is said in a warning, from a file it is not")
def warning(t):
    nowhere_at_all = dict(NO_WAYS, XDG_RUNTIME_DIR=t.path("runtime"))
    result = t.oc("--notify", "tmux", "--dry-run", "--", "true", env=nowhere_at_all)
    check("not started in a tmux of yours" in result.out.decode(), f"the plan: {result.lines}")
    t.write("config/oc-run/oc-run.conf", "notify = desktop,tmux\n", 0o600)
    result = t.oc("--dry-run", "--", "true", env=nowhere_at_all)
    check("notify" not in result.out.decode(), f"the plan: {result.lines}")
    check("  notices     journal" in result.lines, f"the plan: {result.lines}")
