# SPDX-License-Identifier: MIT
"""What the agent is told: contrib/opencode/oc-run.js in the real opencode."""

import json
import os
import shutil
import subprocess

from cases_run import LIMIT_MIB, TOOL_TIMEOUT
from report import Report
from sandbox import Skip, check, write

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = os.path.join(HERE, "..", "..", "contrib", "opencode", "oc-run.js")
# A kill, and not the step before it, at which the whole tool is asked to end.
KILL = ("--mem", "%dM" % LIMIT_MIB, "--pressure", "notice")
LEAK = "hog leaker 40 %d; echo the leak ended with $?" % (2 * LIMIT_MIB)
TASKS = 150
MANY = "for i in $(seq 400); do sleep 15 & done 2>&1 | tail -3; echo the loop ended; sleep 2"


def install(box):
    """As its README says; and as opencode's folder is after a first start with a network: without
    one opencode tries for more than a minute to fetch what its plugins might import."""
    folder = os.path.join(box.environment["XDG_CONFIG_HOME"], "opencode")
    needs = {"dependencies": {"@opencode-ai/plugin": box.version}}
    os.makedirs(os.path.join(folder, "plugins"))
    os.mkdir(os.path.join(folder, "node_modules"))
    write(os.path.join(folder, "package.json"), json.dumps(needs))
    write(os.path.join(folder, "package-lock.json"), json.dumps({"packages": {"": needs}}))
    os.symlink(os.path.realpath(PLUGIN), os.path.join(folder, "plugins", "oc-run.js"))


def told(box, command, *options):
    """The results that the model was sent, of the tool call and of one after it."""
    prompt = box.script("told", {"bash": command, "timeout": TOOL_TIMEOUT}, {"bash": "echo next"})
    done = box.run(box.wrapped(*options) + ["opencode", "run", prompt], 120)
    results = box.provider.tool_results()
    box.note("report:\n%s\nthe model was told: %r" % (done.words, [r[-600:] for r in results]))
    box.check_nothing_left()
    check(done.status == 0, "opencode's status is %d: %s" % (done.status, done.err[-500:]))
    check(len(results) == 2, "the model was sent %d results" % len(results))
    report = Report(done.report)
    for limit in ("mem", "pids"):
        check(report.enforcer(limit) in os.environ.get("OC_E2E_ENFORCER", "kernel watching").split(),
              "--%s is enforced by %s" % (limit, report.enforcer(limit)))
    return results, report


def first_result_sent(box):
    """The tool's result in the very next request after the tool call."""
    for entry in box.provider.requests():
        results = [m for m in entry["body"]["messages"] if m["role"] == "tool"]
        if results:
            return json.dumps(results[0])
    return ""


def tools_offered(box):
    return [tool["function"]["name"] for tool in box.provider.requests()[0]["body"]["tools"]]


def a_kill_is_told(box):
    """with the plugin the model's next request says why its tool was killed, once"""
    install(box)
    (first, second), report = told(box, LEAK, *KILL)
    check("the leak ended with" in first, "the tool's own result is not there: %r" % first)
    check(report.victims(), "nothing was killed")
    check("was killed for memory: this session's limit is" in first_result_sent(box),
          "the next request does not say why: %r" % first)
    check("Run it on less data or in parts" in first, "it does not say what to do: %r" % first)
    check(first.count("oc-run: ") == 1, "it is told %d times: %r" % (first.count("oc-run: "), first))
    check("oc-run: " not in second, "the next result has it again: %r" % second)
    check("session_limits" in tools_offered(box), "the tools are %s" % tools_offered(box))


def a_tool_that_was_asked_to_end_is_told(box):
    """with the plugin the model's next request says why its tool was asked to end"""
    install(box)
    (first, second), _ = told(box, LEAK, "--mem", "%dM" % LIMIT_MIB)
    check("this session's limit is" in first_result_sent(box),
          "the next request does not say why: %r" % first)
    check("Run it on less data or in parts" in first, "it does not say what to do: %r" % first)
    check(first.count("oc-run: ") == 1, "it is told %d times: %r" % (first.count("oc-run: "), first))
    check("oc-run: " not in second, "the next result has it again: %r" % second)


def too_many_tasks_are_told(box):
    """with the plugin the model's next request says that there were too many processes"""
    install(box)
    (first, _), report = told(box, MANY, "--pids", str(TASKS))
    kernel = report.enforcer("pids") == "kernel"
    words = "a new process or thread was denied" if kernel else "was killed"
    check(words in first_result_sent(box) and "this session's limit is %d tasks" % TASKS in first,
          "the next request does not say why: %r" % first)
    check("Run fewer things at once" in first, "it does not say what to do: %r" % first)
    check(first.count("oc-run: ") == 1, "it is told %d times: %r" % (first.count("oc-run: "), first))


def without_it_nothing_is_told(box):
    """CONTROL: without the plugin the model is not told why its tool died"""
    (first, second), report = told(box, LEAK, *KILL)
    check(report.victims(), "nothing was killed")
    check("oc-run: " not in first + second, "it is told: %r" % first)
    check("session_limits" not in tools_offered(box), "the tools are %s" % tools_offered(box))


def outside_it_is_silent(box):
    """bare, the plugin does nothing"""
    install(box)
    prompt = box.script("bare", {"bash": "exit 137"})
    done = box.run(["opencode", "run", prompt])
    results = box.provider.tool_results()
    check(done.status == 0 and len(results) == 1, "status %d, results %r" % (done.status, results))
    check("oc-run" not in results[0], "it says something: %r" % results)
    check("session_limits" not in tools_offered(box), "the tools are %s" % tools_offered(box))


def its_rules_hold(box):
    """the plugin's rules hold, in node"""
    node = shutil.which("node")
    if not node:
        raise Skip("no node here")
    done = subprocess.run([node, os.path.join(HERE, "test-plugin.mjs"), PLUGIN], text=True,
                          capture_output=True, timeout=120, check=False)
    failures = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
    box.note("%d rules" % done.stdout.count("\nok - "))
    check(done.returncode == 0 and not failures, "%s %s" % (failures, done.stderr[-500:]))


CASES = [
    a_kill_is_told,
    a_tool_that_was_asked_to_end_is_told,
    too_many_tasks_are_told,
    without_it_nothing_is_told,
    outside_it_is_silent,
    its_rules_hold,
]
its_rules_hold.only_old = True
