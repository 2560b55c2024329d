# SPDX-License-Identifier: MIT
"""The ways a person makes `opencode` mean `oc-run -- opencode`, and sessions inside sessions."""

import os

from sandbox import SLOW, check, read, write
from terminal import Terminal

SHELL = ["bash", "--norc", "--noprofile", "-i"]


def place_shim(box):
    """A script named opencode, first in PATH; returns its path."""
    os.mkdir(box.path("shim"))
    shim = box.path("shim", "opencode")
    write(shim, '#!/bin/sh\necho shim >>"$MARKS/shim.log"\nexec "%s" -- opencode "$@"\n' %
          box.oc_run, 0o755)
    box.environment["PATH"] = "%s:%s" % (box.path("shim"), box.environment["PATH"])
    return shim


def alias_is_enough(box):
    """alias opencode='oc-run -- opencode' works in an interactive shell"""
    terminal = Terminal(box, SHELL)
    terminal.enter("PS1='ready:$? '; alias opencode='%s -- opencode'" % box.oc_run)
    terminal.wait_for(r"^ready:0")
    terminal.enter("clear; opencode --version")
    terminal.wait_for(r"^%s\s*\n(.*\n)*ready:0" % box.version.replace(".", r"\."))
    prompt = box.script("who", {"bash": "echo ${OC_RUN_SESSION:+inside}"})
    terminal.enter("clear; opencode run %s </dev/null" % prompt)
    terminal.wait_for(r"^Done\.\s*\n(.*\n)*ready:0", where=terminal.history)
    check("inside" in "".join(box.provider.tool_results()),
          "the tool was not inside a session: %s" % box.provider.tool_results())
    box.check_nothing_left()


def shim_does_not_recurse(box):
    """a script named opencode that execs oc-run, first in PATH, finds the real opencode"""
    shim = place_shim(box)
    done = box.run(["opencode", "--version"])
    check(done.status == 0 and done.out.strip() == box.version,
          "status %d, %r, %r" % (done.status, done.out, done.err))
    again = box.run(box.wrapped() + ["opencode", "--version"])
    check(again.status == 0 and again.out.strip() == box.version,
          "oc-run before the shim: status %d, %r, %r" % (again.status, again.out, again.err))
    by_path = box.run(box.wrapped() + [shim, "--version"])
    check(by_path.status == 0 and by_path.out.strip() == box.version,
          "the shim by its path: status %d, %r, %r" % (by_path.status, by_path.out, by_path.err))
    box.check_nothing_left()


def sessions_nest(box):
    """opencode inside oc-run inside oc-run runs"""
    twice = box.wrapped() + box.wrapped(report=False) + ["opencode", "--version"]
    done = box.run(twice)
    check(done.status == 0 and done.out.strip() == box.version,
          "status %d, %r, %r" % (done.status, done.out, done.err))
    box.check_nothing_left()


def agent_starts_another_agent(box):
    """the end of an agent's agent takes along its own jobs and spares those of the outer one"""
    inner = box.script("inner", {"bash": "sleep 1000 >/dev/null 2>&1 & echo $! >$MARKS/inner"})
    tool = ("setsid sleep 1000 >/dev/null 2>&1 & outer=$!; "
            "%s -- opencode run %s </dev/null >$MARKS/inner.log 2>&1; echo inner status $?; "
            "kill -0 $outer && echo outer job lives; "
            "kill -0 $(cat $MARKS/inner) || echo inner job is gone" % (box.oc_run, inner))
    outer = box.script("outer", {"bash": tool, "timeout": int(100000 * SLOW)},
                       {"bash": "echo outer goes on"})
    done = box.run(box.wrapped() + ["opencode", "run", outer], 90)
    check(done.status == 0, "the status is %d: %s" % (done.status, done.err))
    said = "\n".join(box.provider.tool_results())
    for words in ("inner status 0", "outer job lives", "inner job is gone", "outer goes on"):
        check(words in said, "not said: %s; but %r; inner: %s" %
              (words, said, read(box.path("inner.log"))))
    box.check_nothing_left()


CASES = [alias_is_enough, shim_does_not_recurse, sessions_nest, agent_starts_another_agent]
