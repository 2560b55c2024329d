# SPDX-License-Identifier: MIT
"""Signals: what the command is started with, what is forwarded, what ends the session."""

import os
import signal

from harness import check, check_equal, find_process, is_alive, state_of, test

# Forwarded whatever they mean: oc-run has no use of its own for any of them.
FORWARDED = ("USR1 USR2 ALRM VTALRM PROF POLL PWR WINCH URG CONT STKFLT XCPU XFSZ PIPE").split()
ENDING = {"HUP": 129, "TERM": 143, "INT": 130, "QUIT": 131}


def number_of(name):
    return signal.Signals["SIG" + name]


def state_lines(result):
    """The lines about masks of `payload sigstate`, without pids."""
    return [line for line in result.lines if line.startswith("Sig")]


def check_same_state(t, *around):
    bare = t.run([*around, t.payload, "sigstate"])
    under = t.run([*around, t.oc_run, "-q", "--", t.payload, "sigstate"])
    check_equal(under.status, 0, f"status with {around[1:-1]}")
    check_equal(state_lines(under), state_lines(bare), f"signal state with {around[1:3]}")


def start_sigs(t, *options, env=None):
    return t.start_oc("-q", *options, "--", t.payload, "sigs", env=env).wait_line("ready")


def finish_sigs(t, running):
    """Ends a payload that catches everything."""
    child = payload_of(t)
    if child:
        os.kill(child.pid, signal.SIGKILL)
    check_equal(running.wait(), 137, "status after SIGKILL of the command")


def payload_of(t, name="payload"):
    """The process of the test with this name in /proc/PID/comm."""
    found = [process for process in t.others_alive() if process.comm == name]
    return found[0] if found else None


@test("mask and dispositions are those that oc-run was started with: nothing special")
def state_plain(t):
    bare = t.run([t.payload, "sigstate"])
    under = t.oc("-q", "--", t.payload, "sigstate")
    check_equal(state_lines(under), state_lines(bare), "signal state")


@test("signals that were ignored stay ignored for the command")
def state_ignored(t):
    for names in ("INT", "INT,QUIT", "HUP", "PIPE", "TERM", "USR1,USR2,WINCH", "CHLD",
                  "TSTP,TTIN,TTOU", "CONT", "ALRM,VTALRM,PROF"):
        check_same_state(t, t.payload, "ignore", names)


@test("signals that were blocked stay blocked for the command")
def state_blocked(t):
    for names in ("USR1", "INT,TERM,HUP,QUIT", "CHLD", "WINCH,CONT", "TSTP,TTOU", "ALRM"):
        check_same_state(t, t.payload, "block", names)


@test("everything ignored and blocked at once is handed on")
def state_all(t):
    check_same_state(t, t.payload, "ignore", "all", t.payload, "block", "all")
    check_same_state(t, t.payload, "ignore", "INT", t.payload, "block", "USR1")


@test("with SIGCHLD ignored or blocked the exit status is still right")
def chld_ignored(t):
    for verb in ("ignore", "block"):
        result = t.run([t.payload, verb, "CHLD", t.oc_run, "-q", "--", t.payload, "exit", "21"])
        check_equal(result.status, 21, f"status with CHLD after {verb}")


@test("the command is in oc-run's own process group and session")
def same_group(t):
    running = t.start_oc("-q", "--", t.payload, "sigstate")
    running.wait()
    seen = dict(line.split(":\t") for line in running.lines if ":\t" in line)
    check_equal((int(seen["pgid"]), int(seen["sid"])), (running.pid, running.pid),
                "process group and session of the command")


@test("every other signal that oc-run gets is forwarded to the command, once")
def forwarded(t):
    running = start_sigs(t)
    missing = []
    for name in FORWARDED:
        before = running.lines.count("SIG" + name)
        running.signal(number_of(name))
        try:
            running.wait_line("SIG" + name, before + 1)
        except Exception:   # noqa: BLE001: collect all of them first
            missing.append(name)
            if running.status is not None:
                break
    check_equal(missing, [], "signals that were not forwarded")
    for name in FORWARDED:
        check_equal(running.lines.count("SIG" + name), 1, f"times that SIG{name} arrived")
    finish_sigs(t, running)


@test("signals that came before the command was there do no harm")
def early_signals(t):
    for number in (signal.SIGUSR1, signal.SIGWINCH, signal.SIGUSR2):
        running = t.run([t.payload, "ignore", "USR1,USR2,WINCH", "sh", "-c",
                         f"(kill -{int(number)} $$; kill -{int(number)} $$) & "
                         f"exec '{t.oc_run}' -q -- '{t.payload}' exit 13"])
        check_equal(running.status, 13, f"status with {number}")


@test("a hundred forwarded signals in a row end nothing and the last one arrives")
def many_signals(t):
    running = start_sigs(t)
    for _ in range(100):
        running.signal(signal.SIGUSR1)
    running.signal(signal.SIGUSR2)
    running.wait_line("SIGUSR2")
    check(running.lines.count("SIGUSR1") >= 1, "SIGUSR1 arrived")
    finish_sigs(t, running)


def end_by(name):
    @test(f"SIG{name} to oc-run ends the command with the same signal")
    def ends(t):
        running = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
        running.signal(number_of(name))
        check_equal(running.wait(), ENDING[name], "status")

    @test(f"SIG{name} ends a session whose command ignores it")
    def ends_ignoring(t):
        running = t.start_oc("-q", "--grace", "1", "--", t.payload, "ignore", "HUP,TERM,INT,QUIT",
                             t.payload, "wait").wait_line("ready")
        running.signal(number_of(name))
        check_equal(running.wait(), 137, "status")

    @test(f"SIG{name} ends the children that left the command's group as well")
    def ends_children(t):
        mark = t.path("pids")
        running = t.start_oc("-q", "--grace", "1", "--", "sh", "-c",
                             f"'{t.payload}' setsid '{t.payload}' mark {mark} '{t.payload}' wait & "
                             f"'{t.payload}' daemon '{t.payload}' mark {mark} '{t.payload}' wait; "
                             "wait")
        pids = t.wait_pids(mark, 2)
        running.signal(number_of(name))
        running.wait()
        check_equal([pid for pid in pids if is_alive(pid)], [], "children that live on")


for ending in ENDING:
    end_by(ending)


@test("a command that ends by itself when asked keeps its own exit status")
def graceful_status(t):
    running = t.start_oc("-q", "--", "sh", "-c",
                         "trap 'exit 7' TERM HUP; echo ready; while :; do sleep 0.1; done")
    running.wait_line("ready")
    running.signal(signal.SIGTERM)
    check_equal(running.wait(), 7, "status")


@test("opencode is asked to end with SIGHUP, whatever oc-run was sent")
def opencode_gets_hup(t):
    t.script("bin/opencode", "trap 'exit 8' HUP; trap 'exit 9' TERM\necho ready\n"
             "while :; do sleep 0.1; done\n")
    running = t.start_oc("-q", "--", "opencode").wait_line("ready")
    running.signal(signal.SIGTERM)
    check_equal(running.wait(), 8, "status")


@test("a second signal skips to the next step, a third one kills")
def second_signal(t):
    running = start_sigs(t, "--grace", "600")
    running.signal(signal.SIGINT)
    running.wait_line("SIGINT")
    check_equal(running.lines.count("SIGTERM"), 0, "SIGTERM before the second signal")
    running.signal(signal.SIGINT)
    running.wait_line("SIGTERM")
    check(running.status is None, "it still runs after the second one")
    running.signal(signal.SIGINT)
    check_equal(running.wait(), 137, "status")


@test("without a second signal the grace period is kept: the command may take its time")
def grace_is_kept(t):
    running = t.start_oc("-q", "--grace", "600", "--", "sh", "-c",
                         "trap 'sleep 1; echo cleaned; exit 4' TERM; echo ready; "
                         "while :; do sleep 0.1; done")
    running.wait_line("ready")
    running.signal(signal.SIGTERM)
    check_equal(running.wait(), 4, "status")
    check("cleaned" in running.lines, "the handler of the command ran to its end")


@test("nohup: an ignored SIGHUP does not end the session")
def nohup(t):
    running = t.start([t.payload, "ignore", "HUP", t.oc_run, "-q", "--", t.payload, "sigs"])
    running.wait_line("ready")
    running.signal(signal.SIGHUP)
    running.signal(signal.SIGUSR1)
    running.wait_line("SIGUSR1")
    check(running.status is None and payload_of(t), "the session goes on")
    running.signal(signal.SIGTERM)
    running.wait_line("SIGTERM")
    finish_sigs(t, running)


@test("a signal to the command alone does not end oc-run before the command ends")
def signal_to_command(t):
    running = start_sigs(t)
    os.kill(payload_of(t).pid, signal.SIGTERM)
    running.wait_line("SIGTERM")
    running.signal(signal.SIGUSR1)
    running.wait_line("SIGUSR1")
    check(running.status is None, "oc-run is there")
    finish_sigs(t, running)


@test("a signal to the whole group reaches the command and ends the session")
def signal_to_group(t):
    running = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
    os.killpg(running.pid, signal.SIGTERM)
    check_equal(running.wait(), 143, "status")


@test("a stopped command is woken and ended by SIGTERM to oc-run")
def term_wakes_stopped(t):
    running = t.start_oc("-q", "--grace", "1", "--", t.payload, "wait").wait_line("ready")
    child = payload_of(t)
    os.kill(child.pid, signal.SIGSTOP)
    t.poll(lambda: state_of(child.pid) == "T", "the command is stopped")
    running.signal(signal.SIGTERM)
    # oc-run may have stopped itself together with its command, as a job does.
    running.signal(signal.SIGCONT)
    check(running.wait() in (143, 137), f"status {running.status} is 143 or 137")


@test("in an orphaned group a command that stops itself can be continued")
def orphaned_group(t):
    running = t.start_oc("-q", "--", t.payload, "stopself").wait_line("ready")
    t.poll(lambda: running.status is not None or
           (payload_of(t) and state_of(payload_of(t).pid) == "T"), "the command is stopped")
    if running.status is None:
        check(find_process(running.pid).state != "T", "oc-run is not stopped without a shell")
        running.signal(signal.SIGCONT)
    check_equal((running.wait(), running.lines), (0, ["ready", "continued"]), "status and output")


@test("oc-run that was stopped with SIGSTOP and continued still hands on the status")
def stop_and_continue(t):
    running = t.start_oc("-q", "--", "sh", "-c", "echo ready; sleep 1; exit 6").wait_line("ready")
    running.signal(signal.SIGSTOP)
    t.poll(lambda: state_of(running.pid) == "T", "oc-run is stopped")
    running.signal(signal.SIGCONT)
    check_equal(running.wait(), 6, "status")
