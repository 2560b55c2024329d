# SPDX-License-Identifier: MIT
"""oc-ctl doctor: what is looked at, what is said, and the session that it tries."""

import json
import os
import re

from harness import check, check_equal, test
from test_sudden_death import kill_both


def findings(t, expect=None, **options):
    result = t.ctl("doctor", "--json", **options)
    told = json.loads(result.out)
    check_equal(told["schema"], "oc-ctl.v1", "schema")
    worst = {"ok": 0, "note": 0, "warning": 3, "error": 4}[told["worst"]]
    check_equal(result.status, worst, f"the status goes with {told['worst']}")
    if expect:
        check_equal(result.status, expect, f"status: {told}")
    return {one["check"]: one for one in told["findings"]}


@test("a real session is run, its limit holds, and nothing of it is left")
def trial(t):
    found = findings(t)
    check_equal(found["trial"]["severity"], "ok", f"{found['trial']}")
    check(re.search(r"limit of 64 MiB leaked: .* ended the leak after \d+\.\d\d s at .*, and the "
                    "command went on", found["trial"]["text"]), found["trial"]["text"])
    check_equal(found["leftovers"]["severity"], "ok", "what it leaves")
    sessions = json.loads(t.ctl("list", "--json").out)["sessions"]
    check("doctor" not in [one["name"] for one in sessions], f"its session: {sessions}")
    text = t.ctl("doctor").out.decode()
    check(all(re.match(r"(ok|note|warning|error) |         ", line) for line in text.splitlines()),
          f"a line for each: {text}")
    check("\033" not in text, "no colours where there is no terminal")


@test("a mistake in the configuration is an error, named with file and line")
def configuration(t):
    t.write("config/oc-run/oc-run.conf", "men = 4G\n")
    found = findings(t, expect=4)
    check_equal(found["configuration"]["severity"], "error", "severity")
    check("oc-run.conf:1" in found["configuration"]["text"], found["configuration"]["text"])
    check_equal(found["trial"]["severity"], "error", "no session starts with it")
    check("says why" in found["trial"]["remedy"], found["trial"]["remedy"])


@test("an alias, a shim and neither are told apart")
def alias(t):
    home = t.path("home")
    os.makedirs(home, exist_ok=True)
    path = t.path("bin") + ":" + os.environ["PATH"]
    environment = {"HOME": home, "PATH": path}
    t.script("bin/opencode", "exit 0")
    check_equal(findings(t, env=environment)["alias"]["severity"], "note", "neither")
    t.write("home/.bashrc", "# alias opencode='oc-run -- opencode'\n")
    check_equal(findings(t, env=environment)["alias"]["severity"], "note", "a comment")
    t.write("home/.bashrc", "alias opencode='oc-run -- opencode'\n")
    check_equal(findings(t, env=environment)["alias"]["severity"], "ok", "an alias")
    t.write("home/.bashrc", "")
    t.script("bin/opencode", "exec oc-run -- opencode \"$@\"")
    check_equal(findings(t, env=environment)["alias"]["severity"], "ok", "a shim")


@test("what a crashed session left is told, and gone after the session that is tried")
def leftovers(t):
    running = t.start_oc("-q", "-n", t.tag, "--backend", "none", "--", "sh", "-c",
                         "echo ready; sleep 60")
    running.wait_line("ready")
    kill_both(running, t)
    found = findings(t)["leftovers"]
    check_equal(found["severity"], "note", f"{found}")
    check("1 crashed session had left something" in found["text"], f"{found}")
    check_equal(findings(t)["leftovers"]["severity"], "ok", "afterwards")
    t.check_all_gone()
