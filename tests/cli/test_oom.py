# SPDX-License-Identifier: MIT
"""Who has which oom_score_adj while a session runs: tools a high one, what is the agent its own."""

import os
import shutil
import time

from harness import check, check_equal, read_text, test

TOOL = 800      # the least that a tool has


def score_of(pid):
    return int(read_text(f"/proc/{pid}/oom_score_adj", "-1"))


def own_score():
    return score_of("self")


def children_of(pid):
    return [int(word) for word in read_text(f"/proc/{pid}/task/{pid}/children").split()]


def the_child(t, pid):
    """Of one that has one, or will have."""
    t.poll(lambda: children_of(pid), f"{pid} has a child")
    return children_of(pid)[0]


def name_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).lstrip(".")
    except OSError:
        return ""


def agent_of(t, running, name):
    def find():
        return [pid for pid in children_of(running.pid) if name_of(pid) == name]
    t.poll(find, f"{name} runs")
    return find()[0]


def end(running):
    running.signal(15)
    running.wait()


def check_agent(t, pid, what):
    """A fork has a tool's score until the next look shows what it is."""
    time.sleep(3)       # the looks at the start are over
    t.poll(lambda: score_of(pid) == own_score(), f"{what} has its own score")


def program(t, name):
    """The payload by another name."""
    os.makedirs(t.path("bin"), exist_ok=True)
    path = t.path(f"bin/{name}")
    shutil.copy(t.payload, path)
    return path


@test("a tool gets its score when it starts, however long the session has been calm")
def tool_is_raised(t):
    running = t.start_oc("-q", "--", "sh", "-c", "sleep 4; sleep 100; exit 0")
    agent = agent_of(t, running, os.path.basename(os.path.realpath("/bin/sh")))
    first = the_child(t, agent)
    t.poll(lambda: score_of(first) >= TOOL, "the first has its score")
    t.poll(lambda: children_of(agent) not in ([first], []), "the second runs")
    second = children_of(agent)[0]
    t.poll(lambda: score_of(second) >= TOOL, "the second has its score")
    check_equal(score_of(agent), own_score(), "the agent's")
    end(running)


@test("what a tool starts has its score, too")
def tree_is_raised(t):
    running = t.start_oc("-q", "--", t.payload, "beside", "1M", "sh", "-c", "sleep 1; sleep 100; :")
    tool = the_child(t, agent_of(t, running, "payload"))
    t.poll(lambda: score_of(tool) >= TOOL, "the tool has its score")
    t.poll(lambda: all(score_of(pid) >= TOOL for pid in children_of(tool)), "so have its children")
    end(running)


@test("npm's launcher: the program that it runs is the agent, what that runs is a tool")
def launcher(t):
    real = program(t, ".opencode")
    t.write("bin/opencode", f"#!/bin/sh\n'{real}' beside 1M '{t.payload}' wait\nexit 0\n", 0o755)
    running = t.start_oc("-q", "--", t.path("bin/opencode"))
    agent = the_child(t, agent_of(t, running, os.path.basename(os.path.realpath("/bin/sh"))))
    tool = the_child(t, agent)
    t.poll(lambda: score_of(tool) >= TOOL, "the tool has its score")
    check_agent(t, agent, "the agent")
    end(running)


@test("opencode 2: its server is the agent, too, and another opencode that it runs is a tool")
def server(t):
    opencode = program(t, "opencode")
    running = t.start_oc("-q", "--", opencode, "beside", "1M", opencode, "serve")
    child = the_child(t, agent_of(t, running, "opencode"))
    check_agent(t, child, "the server")
    end(running)
    running = t.start_oc("-q", "--", opencode, "beside", "1M", opencode, "wait")
    child = the_child(t, agent_of(t, running, "opencode"))
    t.poll(lambda: score_of(child) >= TOOL, "the tool has its score")
    end(running)


@test("--oom=agent: the agent has the highest score, its tools their own")
def agent_first(t):
    running = t.start_oc("-q", "--oom=agent", "--", t.payload, "beside", "1M", t.payload, "wait")
    agent = agent_of(t, running, "payload")
    t.poll(lambda: score_of(agent) == 1000, "the agent has its score")
    tool = the_child(t, agent)
    t.poll(lambda: score_of(tool) == own_score(), "the tool has its own")
    end(running)


@test("--oom=group: nobody's score is touched")
def group(t):
    running = t.start_oc("-q", "--oom=group", "--", "sh", "-c", "sleep 2; echo seen; sleep 100; :")
    running.wait_line("seen")   # the looks at the start are over
    agent = agent_of(t, running, os.path.basename(os.path.realpath("/bin/sh")))
    tool = the_child(t, agent)
    check_equal((score_of(agent), score_of(tool)), (own_score(), own_score()), "agent, tool")
    end(running)


@test("a tool that chose to go first keeps its place before the others")
def renderers(t):
    running = t.start_oc("-q", "--", t.payload, "beside", "1M", "sh", "-c",
                         "echo 300 >/proc/self/oom_score_adj; sleep 100; :")
    tool = the_child(t, agent_of(t, running, "payload"))
    sleeper = the_child(t, tool)
    t.poll(lambda: score_of(sleeper) > TOOL + 30, "raised above an ordinary tool's")
    check(score_of(sleeper) < 1000, "and not to the highest")
    end(running)
