# SPDX-License-Identifier: MIT
"""--restart: opencode is killed for memory, and the same session is on the screen again."""

import re
import time

from cases_tui import check_terminal_is_sane, in_plain_shell
from report import Report
from sandbox import Failure, check, read, wait_until

FIRST_WORDS = "Violets are purple here"
# Larger than what opencode needs by itself: 1.18.33 is 700 MiB, and for moments twice that.
LIMIT_MIB = 2000


def prompt(box, terminal, words, asked):
    """Types a prompt and waits until the model was asked so many times. On a slow machine a first
    Enter may come while the prompt is not ready for it."""
    terminal.type(words)
    terminal.wait_for(re.escape(words))
    for _ in range(4):
        terminal.key("Enter")
        try:
            wait_until(lambda: len(box.provider.requests()) >= asked, 20, "the model to be asked")
            return
        except Failure as failure:
            unasked = failure
    raise Failure("%s; the screen shows:\n%s" % (unasked, terminal.screen().strip()))


def the_same_session_is_on_the_screen_again(box):
    """killed for memory, with --restart=on-oom the same session is on the screen again"""
    options = ["--mem", "%dM" % LIMIT_MIB, "--oom", "agent", "--pressure", "notice", "--restart",
               "on-oom", "--restart-min-age", "0"]
    terminal = in_plain_shell(box, box.wrapped(*options) + ["opencode"])
    prompt(box, terminal, box.script("talk", {"text": FIRST_WORDS}), 1)
    terminal.wait_for(FIRST_WORDS)
    before = min(box.agents(), key=lambda agent: agent.start)
    prompt(box, terminal, box.script("leak", {"bash": "hog leak 40 4000", "timeout": 100000}), 2)
    wait_until(lambda: not before.is_still(), 60, "the first opencode to be killed")
    wait_until(lambda: box.agents() and terminal.modes()["alternate_on"] == "1", 60,
               "the second opencode")
    terminal.wait_for(FIRST_WORDS, 60)
    box.note("screen after the restart:\n" + terminal.screen().strip())
    first = Report(box.report())
    check(first.get("restart", "again") is True, "the first report: %s" % first.get("restart"))

    # It is alive: the conversation goes on, and the model is sent what was said before.
    asked = len(box.provider.requests())
    prompt(box, terminal, box.script("more", {"text": "Roses are grey"}), asked + 1)
    terminal.wait_for("Roses are grey")
    sent = str(box.provider.requests()[-1]["body"]["messages"])
    check(FIRST_WORDS in sent and "SCENARIO:talk" in sent, "the history is not sent: " + sent)

    terminal.key("C-c")
    check_terminal_is_sane(box, terminal)
    check(read(box.path("status")) == "status=0\n", "it is " + read(box.path("status")))
    words = terminal.history()
    box.note("main screen at the end:\n" + words.strip())
    check(re.search(r"^oc-run: .*memory.*opencode.* killed", words, re.M), "no report:\n" + words)
    check("oc-run: starting opencode again with the same session (1 of 2 in 30 minutes)" in words,
          "no line between the two:\n" + words)
    last = Report(box.report())
    check(last.get("restart", "after") == first.get("session"), "the last report: %s" %
          last.get("restart"))
    box.check_nothing_left()


def an_idle_one_is_restarted_in_time(box):
    """idle above the soft line, with --restart=on-pressure the same session is on the screen again"""
    options = ["--high", "100M", "--livelock-guard", "no", "--restart", "on-pressure",
               "--restart-min-age", "0"]
    terminal = in_plain_shell(box, box.wrapped(*options) + ["opencode"])
    prompt(box, terminal, box.script("talk", {"text": FIRST_WORDS}), 1)
    terminal.wait_for(FIRST_WORDS)
    before = min(box.agents(), key=lambda agent: agent.start)
    time.sleep(12)
    terminal.type("half a sentence")
    time.sleep(22)
    check(before.is_still(), "it was ended under the fingers of a person")
    terminal.key("C-c")
    wait_until(lambda: not before.is_still(), 90, "the first opencode to be ended")
    wait_until(lambda: box.agents() and terminal.modes()["alternate_on"] == "1", 60,
               "the second opencode")
    terminal.wait_for(FIRST_WORDS, 60)
    terminal.key("C-c")
    check_terminal_is_sane(box, terminal)
    words = terminal.history()
    box.note("main screen at the end:\n" + words.strip())
    check("oc-run: memory was short while it was idle; opencode ended" in words,
          "no report:\n" + words)
    check("oc-run: starting opencode again with the same session (1 of 2 in 30 minutes)" in words,
          "no line between the two:\n" + words)
    box.check_nothing_left()


CASES = [the_same_session_is_on_the_screen_again, an_idle_one_is_restarted_in_time]
an_idle_one_is_restarted_in_time.only_old = True
