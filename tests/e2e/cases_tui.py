# SPDX-License-Identifier: MIT
"""opencode's screen in a real terminal: closing it, stopping it, killing it."""

import os
import re
import shlex

from sandbox import Failure, check, read, wait_until, write
from terminal import QUIET, Terminal

SHELL = ["bash", "--norc", "--noprofile", "-i"]
WORK = {"bash": "setsid sleep 1000 >/dev/null 2>&1 & date >>$MARKS/dates; sleep 0.5",
        "times": 500}


def wait_for_screen(terminal, seconds=60):
    terminal.wait_for("Ask anything", seconds)
    wait_until(lambda: terminal.modes()["alternate_on"] == "1", 10, "the alternate screen")


def work(box, terminal):
    """Gives the agent work without end and waits until it is at it."""
    box.script("work", WORK)
    terminal.type("SCENARIO:work")
    terminal.wait_for("SCENARIO:work")
    for _ in range(4):
        # On a slow machine a first Enter may come while the prompt is not ready for it.
        terminal.key("Enter")
        try:
            wait_until(box.provider.requests, 20, "the model to be asked")
            break
        except Failure as failure:
            unasked = failure
    else:
        raise Failure("%s; the screen shows:\n%s" % (unasked, terminal.screen().strip()))
    wait_until(lambda: steps(box) >= 2, 60, "the agent to work")


def steps(box):
    return read(box.path("dates")).count("\n")


def in_plain_shell(box, command):
    """A terminal whose shell puts nothing right by itself (readline would), and says how it went;
    afterwards it echoes lines through cat."""
    write(box.path("pane.sh"), "stty -a >$MARKS/before\n%s\necho status=$? >$MARKS/status\n"
          "stty -a >$MARKS/after\necho \"the shell is back\"\nexec cat\n" %
          " ".join(shlex.quote(word) for word in command))
    terminal = Terminal(box, ["sh", box.path("pane.sh")])
    wait_for_screen(terminal)
    return terminal


def check_terminal_is_sane(box, terminal):
    """What was before, and typing works. Polls: the keeper of a killed oc-run takes a moment, and
    what the shell says meanwhile goes to the screen that is about to be left."""
    wait_until(lambda: read(box.path("after")), 30, "the shell to go on")
    wait_until(lambda: terminal.termios() == read(box.path("before")), 5,
               "the termios of before")
    wait_until(lambda: terminal.modes() == QUIET, 5, "the modes to be off: %s" %
               terminal.modes())
    terminal.enter("typed words")
    wait_until(lambda: terminal.screen().count("typed words") == 2, 5,
               "typed words to be echoed and repeated by cat")
    check(not re.search(r"\d+;\d+;\d+[Mm]|\^\[\[", terminal.screen()),
          "mouse reports or query answers on the screen:\n" + terminal.screen())


def closing_the_terminal_ends_all(box):
    """closing the terminal of a working agent ends everything"""
    terminal = Terminal(box, box.wrapped() + ["opencode"])
    wait_for_screen(terminal)
    work(box, terminal)
    terminal.hang_up()
    box.census.ignored.clear()
    box.check_nothing_left(20)


def bare_it_lives_on(box):
    """CONTROL: bare, the agent lives on and works on after its terminal was closed"""
    terminal = Terminal(box, ["opencode"])
    box.census.ignored.discard(terminal.shell.key)
    wait_for_screen(terminal)
    work(box, terminal)
    terminal.hang_up()
    wait_until(lambda: not os.path.exists(terminal.tty), 5, "the terminal to go")
    before = steps(box)
    wait_until(lambda: steps(box) >= before + 4, 30, "four more steps of the agent")
    check(box.agents(), "no opencode is alive")
    box.expects_leaks = True


def stop_and_continue(box):
    """Ctrl-Z gives the shell back and fg brings the screen back"""
    terminal = Terminal(box, SHELL)
    terminal.enter("PS1='ready:$? '")
    terminal.wait_for(r"^ready:0")
    termios = terminal.termios()
    terminal.enter(" ".join(box.wrapped() + ["opencode"]))
    wait_for_screen(terminal)
    terminal.key("C-z")
    terminal.wait_for(r"^ready:148")
    terminal.check_quiet()
    check(terminal.termios() == termios, "other termios after Ctrl-Z")
    wait_until(lambda: all(p.state == "T" for p in box.agents()), 5, "opencode to be stopped")
    terminal.enter("echo works-$((6 * 7))")
    terminal.wait_for(r"^works-42")
    terminal.enter("fg")
    wait_for_screen(terminal)
    terminal.type("still here")
    terminal.wait_for("still here")
    terminal.key("C-c")
    wait_until(lambda: "still here" not in terminal.screen(), 10, "Ctrl-C to clear the prompt")
    terminal.key("C-c")
    terminal.wait_for(r"^ready:0\s*$", 30, terminal.screen)
    terminal.check_quiet()
    box.check_nothing_left()


def control_c_quits(box):
    """oc-run alone starts opencode, and Ctrl-C on an empty prompt quits it with status 0"""
    terminal = in_plain_shell(box, box.wrapped()[:-1])
    terminal.key("C-c")
    check_terminal_is_sane(box, terminal)
    check(read(box.path("status")) == "status=0\n", "it is " + read(box.path("status")))
    check(read(box.path("after")) == read(box.path("before")), "oc-run left other termios")
    box.check_nothing_left()


def kill_agent(box, terminal):
    agents = box.agents()
    check(agents, "no opencode was found")
    for agent in agents:
        agent.kill()
    return terminal


def killed_agent_leaves_a_clean_screen(box):
    """SIGKILL to opencode leaves a sane terminal and a readable report"""
    terminal = in_plain_shell(box, box.wrapped() + ["opencode"])
    work(box, terminal)
    kill_agent(box, terminal)
    check_terminal_is_sane(box, terminal)
    check(read(box.path("status")) == "status=137\n", "it is " + read(box.path("status")))
    check(read(box.path("after")) == read(box.path("before")), "oc-run left other termios")
    check(re.search(r"^oc-run: .*(SIGKILL|signal 9|[Kk]illed)", terminal.history(), re.M),
          "no report on the main screen:\n" + terminal.history())
    box.note("screen:\n" + terminal.screen().strip())
    box.check_nothing_left()


def bare_a_killed_agent_leaves_a_mess(box):
    """CONTROL: bare, SIGKILL to opencode leaves the alternate screen, the mouse and raw mode on"""
    box.expects_leaks = True    # it starts `npm list` by itself
    terminal = in_plain_shell(box, ["opencode"])
    kill_agent(box, terminal)
    wait_until(lambda: read(box.path("after")), 10, "the shell")
    modes = terminal.modes()
    check(modes["alternate_on"] == "1" and modes["mouse_any_flag"] == "1",
          "the modes are quiet: %s" % modes)
    check(read(box.path("after")) != read(box.path("before")), "the termios are as before")


def killed_oc_run_takes_all_along(box):
    """SIGKILL to oc-run ends the whole session and leaves a sane terminal"""
    terminal = in_plain_shell(box, box.wrapped() + ["opencode"])
    work(box, terminal)
    supervisors = [p for p in box.members() if p.parent == terminal.shell.pid]
    check(len(supervisors) == 1, "the shell has %d children" % len(supervisors))
    check(supervisors[0].executable == os.path.realpath(box.oc_run), "it is no oc-run")
    supervisors[0].kill()
    box.check_nothing_left()
    check_terminal_is_sane(box, terminal)
    check(read(box.path("status")) == "status=137\n", "it is " + read(box.path("status")))


def killed_oc_run_leaves_a_usable_shell(box):
    """SIGKILL to oc-run in an interactive shell leaves a shell that can be used"""
    terminal = Terminal(box, SHELL)
    terminal.enter("PS1='ready:$? '")
    terminal.wait_for(r"^ready:0")
    termios = terminal.termios()
    terminal.enter(" ".join(box.wrapped() + ["opencode"]))
    wait_for_screen(terminal)
    work(box, terminal)
    [supervisor] = [p for p in box.members() if p.parent == terminal.shell.pid]
    supervisor.kill()
    box.check_nothing_left()
    wait_until(lambda: terminal.modes() == QUIET, 5, "the modes to be off: %s" %
               terminal.modes())
    terminal.enter("echo works-$((6 * 7))")
    terminal.wait_for(r"^works-42")
    terminal.wait_for(r"^ready:0")
    check(terminal.termios() == termios, "other termios at the prompt than before")
    check(terminal.screen().count("echo works-") == 1,
          "typed words are echoed twice, or not at all:\n" + terminal.screen())


CASES = [
    closing_the_terminal_ends_all,
    bare_it_lives_on,
    stop_and_continue,
    control_c_quits,
    killed_agent_leaves_a_clean_screen,
    bare_a_killed_agent_leaves_a_mess,
    killed_oc_run_takes_all_along,
    killed_oc_run_leaves_a_usable_shell,
]
bare_it_lives_on.only_old = True
bare_a_killed_agent_leaves_a_mess.only_old = True
