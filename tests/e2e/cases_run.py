# SPDX-License-Identifier: MIT
"""`oc-run -- opencode run`: no terminal; the agent's shell tool does the damage."""

import os
import re
import signal
import subprocess

from report import Report
from sandbox import MIB, SLOW, Monitor, check, read, wait_until

LIMIT_MIB = int(os.environ.get("OC_RUN_TEST_MEM", "1536"))

# How far above its limit the tree may be seen. Where the kernel enforces, never; but our samples of
# many processes are not of one moment. Where oc-run enforces by watching, the two hogs grow by
# 160 MiB/s between its looks, and a killed one takes a moment to give its memory back.
TOLERANCE_MIB = {"kernel": 64, "watching": 256}

# For opencode's shell tool, milliseconds.
TOOL_TIMEOUT = int(110000 * SLOW)

LEAK = ("orphans || exit 1; "
        "setsid -w hog child 8 {most} >/dev/null 2>&1 & "
        "hog parent 8 {most}; echo parent ended with $?; wait $!; echo child ended with $?"
        ).format(most=LIMIT_MIB)


def needs_chromium(box):
    box.environment.setdefault("OC_E2E_CHROMIUM", box.find_chromium())


def gone(box, *names):
    for name in names:
        pid = read(box.path(name + ".pid")).strip()
        check(pid, "%s never started" % name)
        check(not os.path.exists("/proc/" + pid) or "Z" in read("/proc/%s/stat" % pid),
              "%s is still alive" % name)


def a_leak_is_ended_at_the_limit(box):
    """a leak in a tool is ended at the limit, opencode lives on, and nothing is left"""
    needs_chromium(box)
    prompt = box.script("leak", {"bash": LEAK, "timeout": TOOL_TIMEOUT})
    command = box.wrapped("--mem", "%dM" % LIMIT_MIB) + ["opencode", "run", prompt]
    with Monitor(box.census) as monitor:
        done = box.run(command, 90)
    box.note("largest seen from outside: %d MiB (%s)" %
             (monitor.peak_bytes // MIB, ", ".join(monitor.biggest)))
    results = "\n".join(box.provider.tool_results())
    box.note("report:\n%s\nthe model was told: %r" % (done.words, results))
    box.check_nothing_left()
    gone(box, "parent", "child")

    report = Report(done.report)
    box.note("memory.events: %s" % report.get("counters", "memory.events"))
    how = report.enforcer("mem")
    check(how in os.environ.get("OC_E2E_ENFORCER", "kernel watching").split(),
          "the memory limit is enforced by %s" % how)
    most = (LIMIT_MIB + TOLERANCE_MIB[how]) * MIB
    check(monitor.peak_bytes <= most, "%d MiB were seen, limit %d MiB, enforced by %s" %
          (monitor.peak_bytes // MIB, LIMIT_MIB, how))
    check(LIMIT_MIB * MIB // 2 < report.memory_peak <= most,
          "the report's peak is %d MiB" % (report.memory_peak // MIB))
    ended = report.victims() + report.asked()
    check(any("python" in name or "hog" in name for name in ended),
          "the report says that %s ended, the leak is not among them" % ended)
    report.check_names(done.words, "node", "chrom", "git")
    if report.agent_was_killed():
        check(done.status == 137, "opencode was the victim, but the status is %d" % done.status)
        box.note("opencode was the victim, and the report says so")
        return
    check(done.status == 0, "opencode's status is %d: %s" % (done.status, done.err))
    check(re.search(r"parent ended with (137|143)", results) and "child ended with" in results,
          "the model was not told how the tool ended, but: %r" % results)


def bare_the_leak_passes_the_limit(box):
    """CONTROL: bare, the same leak passes the limit, and node, Chromium and git stay behind"""
    needs_chromium(box)
    prompt = box.script("leak", {"bash": LEAK, "timeout": TOOL_TIMEOUT})
    with Monitor(box.census) as monitor:
        child = box.start(["opencode", "run", prompt])
        wait_until(lambda: monitor.peak_bytes > (LIMIT_MIB + TOLERANCE_MIB["watching"]) * MIB,
                   60, "the leak to pass the limit")
        child.kill()
        child.wait()
    names = " ".join(p.comm for p in box.members())
    check("node" in names or "MainThread" in names, "no node was left: " + names)
    check("chrom" in names and "git" in names, "no browser or git was left: " + names)
    box.expects_leaks = True


def background_jobs_end_with_the_session(box):
    """a normal end with background jobs leaves nothing, and the status is opencode's own"""
    prompt = box.script("jobs", {"bash": "orphans quick; sleep 1000 >/dev/null 2>&1 & echo $!"})
    done = box.run(box.wrapped() + ["opencode", "run", prompt])
    check(not box.members(), "alive after oc-run returned: " +
          "; ".join(str(p) for p in box.members()))
    check(done.status == 0, "the status is %d: %s" % (done.status, done.err))
    check("orphans are up" in "".join(box.provider.tool_results()), "the tool did not run")
    Report(done.report).check_names(done.words, "node", "git", "sleep")


def npm_entry_is_protected(box):
    """started through npm's own entry, opencode outlives small tools that fill the limit"""
    os.unlink(box.path("bin", "opencode"))
    os.symlink(box.npm_entry, box.path("bin", "opencode"))
    limit = LIMIT_MIB * 2 // 3
    # Each of them stays smaller than opencode: going by size alone would hit the wrong one.
    tools = ("for i in 1 2 3 4 5 6; do hog small$i 4 %d & done; "
             "wait -n; echo one ended with $?; kill $(jobs -p); wait" % (limit // 5))
    prompt = box.script("small", {"bash": tools, "timeout": TOOL_TIMEOUT})
    done = box.run(box.wrapped("--mem", "%dM" % limit) + ["opencode", "run", prompt], 90)
    box.check_nothing_left()
    box.note("report:\n" + done.words)
    check(done.status == 0, "the status is %d: %s" % (done.status, done.err))
    results = "\n".join(box.provider.tool_results())
    check(re.search(r"one ended with (137|143)", results), "the tool said %r" % results)


def failures_of_opencode_come_through(box):
    """the status of a failing opencode is the same with oc-run as without"""
    wrong = ["opencode", "run", "--no-such-option-at-all"]
    bare = box.run(wrong)
    done = box.run(box.wrapped() + wrong)
    check(bare.status == done.status, "bare %d, with oc-run %d" % (bare.status, done.status))
    check(bare.status != 0, "opencode did not fail")
    box.check_nothing_left()


def sigterm_ends_the_session(box):
    """SIGTERM to oc-run in the middle of a tool call ends all of it"""
    prompt = box.script("long", {"bash": "orphans quick; touch $MARKS/busy; sleep 1000"})
    child = box.start(box.wrapped() + ["opencode", "run", prompt])
    wait_until(lambda: os.path.exists(box.path("busy")), 60, "the tool call")
    child.send_signal(signal.SIGTERM)
    done = box.finish(child, 30)
    check(not box.members(), "alive after oc-run returned: " +
          "; ".join(str(p) for p in box.members()))
    check(done.status in (128 + signal.SIGHUP, 128 + signal.SIGTERM),
          "the status is %d" % done.status)


def place_of(process):
    return read("/proc/%d/cgroup" % process.pid), read("/proc/%d/oom_score_adj" % process.pid)


def the_persons_own_is_not_touched(box):
    """a browser, an editor, a tmux and an opencode of the person's own live on beside a session"""
    needs_chromium(box)
    tmux = ["tmux", "-L", box.tag, "-f", "/dev/null"]
    browser = [box.environment["OC_E2E_CHROMIUM"], "--headless", "--no-sandbox", "--disable-gpu",
               "--remote-debugging-port=0", "about:blank"]
    box.run(tmux + ["new-session", "-d", "-x", "80", "-y", "24", "nano letter"])
    box.run(tmux + ["new-window", "-d", "opencode"])
    box.expects_leaks = True  # what is outside; it ends with the test
    outside = box.start(browser + ["--user-data-dir=" + box.path("own-profile")])
    wait_until(lambda: {"nano"} <= {p.comm for p in box.members()} and box.agents() and
               any("--type=renderer" in p.command for p in box.members()), 60, "the person's own")
    # Not the short-lived ones that these start for themselves.
    agents = [process.pid for process in box.agents()]
    own = {process: place_of(process) for process in box.members()
           if process.comm in ("nano", "tmux: server") or process.pid in (outside.pid, *agents)}
    check(len(own) >= 4, "the person has %s" % "; ".join(map(str, own)))
    # The same programs inside; then a leak until something of it is killed.
    inside = ("%s --user-data-dir=$TMPDIR/p >/dev/null 2>&1 & tmux -L %s-in -f /dev/null new-session "
              "-d 'nano inside'; opencode --version >/dev/null; sleep 3; hog leak 80 %d & wait $!" %
              (" ".join(browser), box.tag, 2 * LIMIT_MIB))
    done = subprocess.run(box.wrapped("--mem", "%dM" % LIMIT_MIB) + ["bash", "-c", inside],
                          cwd=box.path("project"), env=box.environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=120 * SLOW, check=False)
    box.note(done.stderr)
    report = Report(box.report())
    check(report.victims() + report.asked(), "nothing inside was ended")
    for process, place in own.items():
        check(process.is_still(), "%s is gone" % process)
        check(place_of(process) == place, "%s: %s is now %s" % (process, place, place_of(process)))
    check(outside.poll() is None, "the browser ended")
    left = [p for p in box.members() if "OC_RUN_SESSION=" in read("/proc/%d/environ" % p.pid)]
    check(not left, "of the session are left: %s" % "; ".join(map(str, left)))


CASES = [
    a_leak_is_ended_at_the_limit,
    bare_the_leak_passes_the_limit,
    background_jobs_end_with_the_session,
    npm_entry_is_protected,
    failures_of_opencode_come_through,
    sigterm_ends_the_session,
    the_persons_own_is_not_touched,
]
the_persons_own_is_not_touched.only_newest = True
bare_the_leak_passes_the_limit.only_old = True
