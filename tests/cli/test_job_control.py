# SPDX-License-Identifier: MIT
"""A terminal with and without a shell: native job control, resizing, closing, restoring."""

import os
import random
import re
import shutil
import signal
import time

from harness import SLOW, Failure, Skip, check, check_equal, find_process, is_alive, state_of, test
from terminal import Bash, Terminal, Tmux
from test_signals import payload_of

INTERRUPT, QUIT, SUSPEND = "\x03", "\x1c", "\x1a"


def start_sigs(t, *options):
    """oc-run with a payload that prints signals, straight on a pty."""
    terminal = Terminal(t, [t.oc_run, "-q", *options, "--", t.payload, "sigs"])
    terminal.expect("ready")
    return terminal


def count_after_fence(terminal, name):
    """How often the signal was printed, once a later one that was forwarded has been."""
    os.kill(terminal.pid, signal.SIGUSR1)
    terminal.expect("SIGUSR1")
    return terminal.output.count(name.encode() + b"\r\n")


def finish_sigs(t, terminal):
    os.kill(payload_of(t).pid, signal.SIGKILL)
    check_equal(terminal.wait(), 137, "status")


def oc_run_process(t):
    """oc-run is the parent of its command."""
    return find_process(payload_of(t).parent)


@test("Ctrl-C reaches the command exactly once and oc-run stays until the command ends")
def interrupt_once(t):
    terminal = start_sigs(t)
    terminal.send(INTERRUPT)
    terminal.expect("SIGINT")
    check_equal(count_after_fence(terminal, "SIGINT"), 1, "times that SIGINT arrived")
    check(terminal.running.status is None, "oc-run is there")
    finish_sigs(t, terminal)


@test("Ctrl-\\ reaches the command exactly once and oc-run stays until the command ends")
def quit_once(t):
    terminal = start_sigs(t)
    terminal.send(QUIT)
    terminal.expect("SIGQUIT")
    check_equal(count_after_fence(terminal, "SIGQUIT"), 1, "times that SIGQUIT arrived")
    check(terminal.running.status is None, "oc-run is there")
    finish_sigs(t, terminal)


@test("ten times Ctrl-C do not end a session whose command handles it")
def interrupt_often(t):
    terminal = start_sigs(t, "--grace", "1")
    for number in range(1, 11):
        terminal.send(INTERRUPT)
        terminal.poll(lambda: terminal.output.count(b"SIGINT\r\n") >= number, f"SIGINT {number}")
    check_equal(count_after_fence(terminal, "SIGINT"), 10, "times that SIGINT arrived")
    check_equal(terminal.output.count(b"SIGTERM"), 0, "times that SIGTERM arrived")
    finish_sigs(t, terminal)


@test("Ctrl-C ends a command that does not handle it, with status 130")
def interrupt_default(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", t.payload, "wait"])
    terminal.expect("ready")
    terminal.send(INTERRUPT)
    check_equal(terminal.wait(), 130, "status")


@test("a resize of the terminal reaches the command exactly once")
def resize_once(t):
    terminal = start_sigs(t)
    terminal.resize(30, 100)
    terminal.expect("SIGWINCH")
    check_equal(count_after_fence(terminal, "SIGWINCH"), 1, "times that SIGWINCH arrived")
    finish_sigs(t, terminal)


@test("SIGWINCH sent to oc-run by a program is forwarded")
def winch_by_kill(t):
    terminal = start_sigs(t)
    os.kill(terminal.pid, signal.SIGWINCH)
    terminal.expect("SIGWINCH")
    finish_sigs(t, terminal)


@test("Ctrl-Z stops the job, fg continues it")
def suspend_and_continue(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD wait; echo status=$?")
    shell.expect("ready")
    shell.send(SUSPEND)
    shell.expect("Stopped")
    shell.prompt()
    child, launcher = payload_of(t), oc_run_process(t)
    check_equal((state_of(child.pid), state_of(launcher.pid)), ("T", "T"),
                "states of the command and of oc-run")
    check("Stopped" in shell.command("jobs"), "the shell lists the job as stopped")
    shell.line("fg")
    shell.poll(lambda: state_of(child.pid) == "S" and state_of(launcher.pid) != "T", "both run")
    shell.send(INTERRUPT)
    shell.prompt()
    check_equal(shell.command("echo status=$?").strip(), "status=130", "status of fg")


def runs(pid, program):
    try:
        return os.path.samefile(f"/proc/{pid}/exe", program)
    except OSError:
        return False


@test("Ctrl-Z at 20 random moments of the start stops the job")
def suspend_at_the_start(t):
    shell = Bash(t)
    own = shell.foreground()
    seed = random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)
    for number in range(20):
        delay = chance.uniform(0, 0.03) * SLOW
        shell.line("$OC -q -- $PAYLOAD wait")
        # Before its exec the job is bash, which ignores the key.
        shell.poll(lambda: shell.foreground() != own and runs(shell.foreground(), t.oc_run),
                   "oc-run is in the foreground")
        time.sleep(delay)
        shell.send(SUSPEND)
        try:
            shell.expect("Stopped")
        except Failure as failure:
            raise Failure(f"round {number}, after {delay * 1000:.1f} ms, seed {seed}: {failure}") \
                from failure
        shell.prompt()
        shell.line("fg")
        shell.poll(lambda: shell.foreground() != own, "the job is in the foreground again")
        shell.send(INTERRUPT)
        shell.prompt()


@test("Ctrl-Z and bg let the job run on, fg brings it back")
def suspend_and_background(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD wait")
    shell.expect("ready")
    shell.send(SUSPEND)
    shell.expect("Stopped")
    shell.prompt()
    child = payload_of(t)
    shell.command("bg")
    shell.poll(lambda: state_of(child.pid) == "S", "the command runs")
    check("Running" in shell.command("jobs"), "the shell lists the job as running")
    shell.line("fg")
    shell.expect("wait")
    shell.poll(lambda: shell.foreground() == child.group, "the job is in the foreground")
    shell.send(INTERRUPT)
    shell.prompt()


@test("ten rounds of Ctrl-Z and fg lose nothing")
def suspend_often(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD wait")
    shell.expect("ready")
    child, launcher = payload_of(t), oc_run_process(t)
    for _ in range(10):
        shell.send(SUSPEND)
        shell.expect("Stopped")
        shell.prompt()
        shell.line("fg")
        shell.poll(lambda: state_of(child.pid) == "S" and state_of(launcher.pid) != "T",
                   "both run")
        shell.poll(lambda: shell.foreground() == child.group, "the job is in the foreground")
    shell.send(INTERRUPT)
    shell.prompt()


@test("a command that stops itself with SIGSTOP stops the job, fg continues it")
def stopself(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD stopself")
    shell.expect("Stopped")
    shell.prompt()
    check_equal(state_of(payload_of(t).pid), "T", "state of the command")
    shell.line("fg")
    shell.expect("continued")
    shell.prompt()
    check_equal(shell.command("echo status=$?").strip(), "status=0", "status")


@test("a command that stops its whole group, as opencode does on Ctrl-Z, comes back with fg")
def stop_group(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD stopself TSTP")
    shell.expect("Stopped")
    shell.prompt()
    shell.line("fg")
    shell.expect("continued")
    shell.prompt()


@test("without a shell a command that stops its whole group goes on, and the terminal is alive")
def stop_group_orphaned(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", t.payload, "stopself", "TSTP"])
    terminal.expect("ready")
    terminal.expect("continued")
    check_equal(terminal.wait(), 0, "status")


@test("SIGTSTP sent to oc-run alone stops the command as well, SIGCONT continues both")
def tstp_to_oc_run(t):
    shell = Bash(t)
    shell.line("$OC -q -- $PAYLOAD wait &")
    shell.expect("ready")
    child, launcher = payload_of(t), oc_run_process(t)
    os.kill(launcher.pid, signal.SIGTSTP)
    shell.poll(lambda: (state_of(child.pid), state_of(launcher.pid)) == ("T", "T"),
               "both are stopped")
    os.kill(launcher.pid, signal.SIGCONT)
    shell.poll(lambda: "T" not in (state_of(child.pid), state_of(launcher.pid)), "both run")
    os.kill(launcher.pid, signal.SIGTERM)
    shell.poll(lambda: not is_alive(child.pid), "the command ends")


@test("a session in the background runs and leaves the terminal to the shell")
def background(t):
    shell = Bash(t)
    mark = t.path("pids")
    shell.command(f"$OC -q -- $PAYLOAD mark {mark} $PAYLOAD wait >/dev/null &")
    shell.poll(lambda: os.path.exists(mark), "the command runs")
    check("Running" in shell.command("jobs"), "the shell lists the job as running")
    check_equal(shell.foreground(), shell.pid, "foreground process group")
    shell.command("kill %1; wait")
    check_equal(shell.command("echo alive").strip(), "alive", "the shell answers")


@test("a session that dies hard in the background does not touch the terminal")
def background_hard_death(t):
    shell = Bash(t)
    mark = t.path("pids")
    shell.command(f"$OC -q -- $PAYLOAD mark {mark} $PAYLOAD wait >/dev/null &")
    shell.poll(lambda: os.path.exists(mark), "the command runs")
    start = len(shell.output)
    shell.command(f"kill -9 $(cat {mark})")
    shell.command("wait")
    check("Stopped" not in shell.command("jobs"), "oc-run was not stopped by the terminal")
    check(b"\x1b[?1049l" not in shell.output[start:], "no mode was reset")


@test("the command may read from the terminal")
def read_terminal(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", "sh", "-c", "read a; echo got $a"])
    terminal.send("hello\n")
    terminal.expect("got hello")
    check_equal(terminal.wait(), 0, "status")


@test("an interactive shell below oc-run has job control of its own")
def shell_below(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", "bash", "--norc", "--noprofile", "--noediting",
                            "-i"], env={"PS1": "inner> "})
    terminal.expect("inner> ")
    check(b"no job control" not in terminal.output, "bash has job control")
    terminal.send(f"{t.payload} wait\n")
    terminal.expect("ready")
    terminal.send(SUSPEND)
    terminal.expect("Stopped")
    terminal.expect("inner> ")
    check(terminal.running.status is None, "oc-run is there")
    terminal.send("fg\n")
    terminal.poll(lambda: state_of(payload_of(t).pid) == "S", "the inner job runs")
    terminal.send(INTERRUPT)
    terminal.expect("inner> ")
    terminal.send("exit 5\n")
    check_equal(terminal.wait(), 5, "status")


@test("the foreground is handed back after a shell with job control was killed")
def foreground_back(t):
    # sh has no job control here: only oc-run can give the terminal back to its group.
    terminal = Terminal(t, ["sh", "-c", f"'{t.oc_run}' -q -- bash --norc --noprofile --noediting "
                            "-i; echo after=$?; read a; echo got $a"], env={"PS1": "inner> "})
    terminal.expect("inner> ")
    inner = payload_of(t, "bash")
    check_equal(terminal.foreground(), inner.pid, "the inner shell is in the foreground")
    os.kill(inner.pid, signal.SIGKILL)
    terminal.expect("after=137")
    terminal.send("hello\n")
    terminal.expect("got hello")
    check_equal(terminal.wait(), 0, "status")


@test("less at the end of a pipeline shows the output and hands the terminal back")
def less(t):
    if not shutil.which("less"):
        raise Skip("less is not installed")
    shell = Bash(t)
    shell.line("$OC -q -- seq 1000 | less")
    shell.expect("20\r\n")
    shell.send("q")
    shell.prompt()
    check_equal(shell.command("echo alive").strip(), "alive", "the shell answers")


@test("a closed terminal ends the session and everything in it")
def terminal_closed(t):
    mark = t.path("pids")
    terminal = Terminal(t, [t.oc_run, "--grace", "1", "--", "sh", "-c",
                            f"trap '' HUP TERM; '{t.payload}' setsid '{t.payload}' mark {mark} "
                            f"'{t.payload}' wait & '{t.payload}' ignore HUP,TERM,INT "
                            f"'{t.payload}' mark {mark} '{t.payload}' wait"])
    pids = t.wait_pids(mark, 2)
    terminal.close()
    t.poll(lambda: not any(is_alive(pid) for pid in pids), "all of it ends")


@test("a closed terminal with a shell in between ends the session")
def terminal_closed_under_shell(t):
    mark = t.path("pids")
    shell = Bash(t)
    shell.line(f"$OC -q --grace 1 -- $PAYLOAD ignore HUP,TERM $PAYLOAD mark {mark} $PAYLOAD wait")
    shell.expect("ready")
    child = t.wait_pids(mark)[0]
    os.close(shell.master)
    shell.master = -1
    t.poll(lambda: not is_alive(child), "the command ends")


@test("a closed terminal while the job is stopped ends the session")
def terminal_closed_while_stopped(t):
    shell = Bash(t)
    shell.line("$OC -q --grace 1 -- $PAYLOAD ignore HUP $PAYLOAD wait")
    shell.expect("ready")
    shell.send(SUSPEND)
    shell.expect("Stopped")
    child = payload_of(t)
    os.close(shell.master)
    shell.master = -1
    t.poll(lambda: not is_alive(child.pid), "the command ends")


RAW_MODES = ("alternate_on", "mouse_any_flag", "mouse_sgr_flag", "cursor_flag")
CLEAN = {"alternate_on": "0", "mouse_any_flag": "0", "mouse_sgr_flag": "0", "cursor_flag": "1"}


@test("after SIGKILL of a full-screen program tmux shows a clean terminal")
def modes_restored(t):
    before, after = t.path("before"), t.path("after")
    tmux = Tmux(t, f"sh -c '{t.payload} tty-state > {before}; {t.oc_run} -q -- {t.payload} "
                f"tty-raw; echo status=$?; {t.payload} tty-state > {after}; read x'")
    tmux.wait_screen("raw")
    child = t.poll(lambda: payload_of(t), "the command")
    check_equal(tmux.show(RAW_MODES)["alternate_on"], "1", "alternate screen while it runs")
    os.kill(child.pid, signal.SIGKILL)
    tmux.wait_screen("status=137")
    check_equal(tmux.show(RAW_MODES), CLEAN, "modes afterwards")
    t.poll(lambda: os.path.exists(after) and open(after, "rb").read(), "state afterwards")
    check_equal(open(after, "rb").read(), open(before, "rb").read(), "termios afterwards")


@test("after SIGKILL of oc-run itself tmux shows a clean terminal")
def modes_restored_by_keeper(t):
    tmux = Tmux(t, f"sh -c '{t.oc_run} -q -- {t.payload} tty-raw; echo status=$?; read x'")
    tmux.wait_screen("raw")
    t.poll(lambda: payload_of(t), "the command")
    launcher = oc_run_process(t)
    child = payload_of(t)
    os.kill(launcher.pid, signal.SIGKILL)
    t.poll(lambda: not is_alive(child.pid), "the command ends")
    t.poll(lambda: tmux.show(RAW_MODES) == CLEAN, "a clean terminal")


@test("the modes are reset in the right order and termios is put back")
def reset_order(t):
    terminal = Terminal(t, ["sh", "-c", f"'{t.oc_run}' -q -- '{t.payload}' tty-raw; "
                            "echo status=$?; read a; echo got $a"])
    terminal.expect("ready")
    before = terminal.termios_before
    check(terminal.settings()[3] != before[3], "the terminal is raw while it runs")
    start = terminal.position
    os.kill(payload_of(t).pid, signal.SIGKILL)
    terminal.expect("status=137")
    text = terminal.output[start:]
    leave = text.find(b"\x1b[?1049l")
    check(leave >= 0, f"the alternate screen is left: {text!r}")
    for sequence in (b"\x1b[?1003l", b"\x1b[?1000l", b"\x1b[?1006l", b"\x1b[<u", b"\x1b[?2004l"):
        place = text.find(sequence)
        check(0 <= place < leave, f"{sequence!r} comes before the alternate screen is left")
    for sequence in (b"\x1b[?1004l", b"\x1b[?2031l"):
        check(sequence in text, f"{sequence!r} is sent")
    check(text.rfind(b"\x1b[?25h") >= 0, "the cursor is shown")
    check_equal(terminal.settings(), before, "termios")
    terminal.send("hello\n")
    terminal.expect("got hello")


@test("after a clean exit no mode is reset: the command has done it")
def clean_exit_untouched(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", "echo", "done"])
    terminal.expect("done")
    check_equal(terminal.wait(), 0, "status")
    check(b"\x1b" not in terminal.output, f"no sequence was written: {terminal.output!r}")


@test("a command without full screen that is killed leaves no sequence on the screen")
def killed_plain_command(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", t.payload, "wait"])
    terminal.expect("ready")
    os.kill(payload_of(t).pid, signal.SIGKILL)
    check_equal(terminal.wait(), 137, "status")
    check(b"\x1b[?1049l" not in terminal.output, f"no 1049: {terminal.output!r}")


@test("type-ahead for a shell survives a session that ends cleanly")
def type_ahead(t):
    shell = Bash(t)
    shell.send("$OC -q -- sh -c 'echo start; sleep 0.5'\necho typed ahead\n")
    shell.expect("start\r\n")
    match = shell.expect(r"typed ahead\r\n(?!.*echo)")
    check(bool(match), "the line was run")
    check(find_process(shell.pid), "the shell is there")
    shell.prompt()


@test("nothing is written to the terminal while the command has it")
def nothing_on_screen(t):
    terminal = Terminal(t, [t.oc_run, "-q", "--", "sh", "-c",
                            f"'{t.payload}' setsid '{t.payload}' wait >/dev/null & sleep 1.5"])
    check_equal(terminal.wait(), 0, "status")
    check_equal(re.sub(rb"(?s)oc-run: .*", b"", terminal.output), b"", "what was written")
