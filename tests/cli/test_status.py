# SPDX-License-Identifier: MIT
"""The status file of a session: OC_RUN_STATUS, for those inside."""

import json
import os
import shutil
import signal
import stat

from harness import check, check_equal, test

NOBODY = 65534
TELL = 'echo "status=$OC_RUN_STATUS"; '


def path_of(running):
    for line in running.lines:
        if line.startswith("status="):
            return line[len("status="):]
    return None


def read_status(running):
    """What the file says now; None: it is not there (yet)."""
    try:
        with open(path_of(running), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def kills_in(running):
    return [event for event in read_status(running)["events"] if event["event"].endswith("-kill")]


@test("the command finds its limits and what it uses in the file that OC_RUN_STATUS names")
def found(t):
    result = t.oc("-q", "-n", "work", "--mem", "300M", "--pids", "70", "--", "sh", "-c",
                  TELL + 'stat -c "mode=%a" "$OC_RUN_STATUS"; cat "$OC_RUN_STATUS"')
    check_equal(result.status, 0, f"status ({result.errors})")
    check("mode=600" in result.lines, f"nobody else may read it: {result.lines}")
    told = json.loads("\n".join(result.lines[2:]))
    check_equal(told["schema"], "oc-run.status.v1", "schema")
    check_equal(os.path.basename(path_of(result)), told["session"] + ".json", "its name")
    check_equal((told["name"], told["events"], told["last_sequence"]), ("work", [], 0), "content")
    limits = {limit["name"]: limit for limit in told["limits"]}
    check_equal((limits["mem"]["value"], limits["pids"]["value"]), (300 << 20, 70), "limits")
    check(limits["mem"]["enforced_by"] in ("kernel", "watching"), f"who enforces: {limits['mem']}")
    check(not os.path.exists(path_of(result)), "the file goes with the session")


@test("a kill for memory is in the file while the session goes on, in words and figures")
def killed(t):
    running = t.start_oc("-q", "--mem", "200M", "--swap", "0", "--", "sh", "-c",
                         TELL + f"'{t.payload}' leak 200000000 --max 1000000000; echo on; "
                         "exec sleep 600").wait_line("on")
    t.poll(lambda: kills_in(running), "a kill in the file")
    told, event = read_status(running), kills_in(running)[-1]
    check_equal((told["kills"], event["own_limit"]), (1, True), "kills")
    check(0 < event["sequence"] <= told["last_sequence"], f"numbers: {event}")
    check("payload (" in event["sentence"] and "limit is 200 MiB" in event["sentence"],
          f"the sentence: {event['sentence']}")
    check("--mem 384M" in event["advice"], f"the advice: {event['advice']}")
    check_equal(event["victim"]["name"], "payload", "the victim")
    check(told["started_msec"] <= event["time_msec"] <= told["written_msec"], "its time")
    running.signal(signal.SIGTERM)
    running.wait()


@test("what a session uses is written anew while it runs")
def figures(t):
    running = t.start_oc("-q", "--mem", "400M", "--", "sh", "-c",
                         TELL + f"exec '{t.payload}' hold 100000000 600")

    def uses():
        told = path_of(running) and read_status(running)
        return told and told["now"] and told["now"]["unreclaimable_bytes"] > 90000000

    t.poll(uses, "the 100 MB in the file")
    check_equal(stat.S_IMODE(os.stat(path_of(running)).st_mode), 0o600, "its mode")
    running.signal(signal.SIGTERM)
    running.wait()
    check(not os.path.exists(path_of(running)), "the file goes with the session")


@test("a session in a session has a file of its own")
def nested(t):
    result = t.oc("-q", "--", "sh", "-c", TELL + f'"{t.oc_run}" -q -- sh -c \'{TELL}\'')
    paths = {line for line in result.lines if line.startswith("status=/")}
    check_equal(len(paths), 2, f"files ({paths})")


@test("SIGKILL of oc-run: its keeper removes the file")
def keeper_removes(t):
    running = t.start_oc("-q", "--", "sh", "-c", TELL + "echo ready; sleep 600").wait_line("ready")
    check(os.path.exists(path_of(running)), "it is there")
    running.signal(signal.SIGKILL)
    running.wait()
    t.poll(lambda: not os.path.exists(path_of(running)), "the file goes")
    t.check_all_gone()
    t.check_world()


@test("oc-run and its keeper killed together: the next start removes the file")
def sweep_removes(t):
    from test_sudden_death import kill_both  # pylint: disable=import-outside-toplevel
    running = t.start_oc("-q", "--", "sh", "-c", TELL + "echo ready; sleep 600").wait_line("ready")
    kill_both(running, t)
    check(os.path.exists(path_of(running)), "it is there")
    t.oc("-q", "--", "true")
    t.poll(lambda: not os.path.exists(path_of(running)), "the file goes")
    t.check_all_gone()
    t.check_world()


@test("a folder that others may write to is refused in a line, and the session runs without a file")
def refused(t):
    runtime, program = t.path("runtime"), shutil.copy(t.oc_run, t.path("bin/oc-run"))
    argv = [program, "--backend=none", "--", "sh", "-c", TELL]
    os.makedirs(os.path.join(runtime, "oc-run/status"), mode=0o700)
    os.chmod(os.path.join(runtime, "oc-run/status"), 0o777)
    if os.getuid() == 0:
        # Root's own folder is /run, and not this test's to spoil.
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
        for folder in (t.folder, *map(t.path, ("bin", "etc", "config", "home", "work"))):
            os.chmod(folder, 0o755)
        for folder in ("", "oc-run", "oc-run/status"):
            os.chown(os.path.join(runtime, folder), NOBODY, NOBODY)
    result = t.run(argv, env={"XDG_RUNTIME_DIR": runtime, "OC_RUN_STATUS": "/of/an/outer/session"})
    check_equal((result.status, path_of(result)), (0, ""), "status, OC_RUN_STATUS")
    check('"status" in "' in result.err.decode(), f"a line says so: {result.errors}")
    check_equal(os.listdir(os.path.join(runtime, "oc-run/status")), [], "nothing was put there")
