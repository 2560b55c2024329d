# SPDX-License-Identifier: MIT
"""oc-ctl: steering sessions that run, and removing what crashed ones left."""

import mmap
import os
import shutil
import signal

from harness import cgroup2_mount, check, check_equal, is_alive, read_text, state_of, test
from test_ctl import end, listed, shown, start, state
from test_sudden_death import helpers_of, kill_both

NOBODY = 65534
STUBBORN = "trap '' TERM HUP; echo ready; while :; do sleep 1; done"


def ctl(t, *words):
    result = t.ctl(*words)
    check_equal(result.status, 0, f"status of {words} ({result.errors})")
    return result


def counter(t, *options):
    """A session that counts in a file, as fast as it is let."""
    path = t.path("work/count")
    running = start(t, "i=0; echo ready; while :; do i=$((i + 1)); echo $i >count; sleep 0.01; done",
                    *options)
    t.poll(lambda: read_text(path).strip(), "that it counts")
    return running, path


def goes_on(t, path):
    before = read_text(path)
    t.poll(lambda: read_text(path) not in ("", before), "that it counts on")


def stands_still(t, path):
    """Nothing was written between two looks that a running one could not get through."""
    before = os.stat(path).st_mtime_ns
    t.run(["sleep", "0.5"])
    check_equal(os.stat(path).st_mtime_ns, before, "the last write")


@test("stop ends a session politely, and returns when nothing is left")
def stop(t):
    running = start(t, "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    pids = [one["pid"] for one in shown(t)["processes"]]
    result = ctl(t, "stop", t.tag)
    check_equal([pid for pid in pids if is_alive(pid)], [], "alive when it returns")
    check_equal(listed(t), [], "the list when it returns")
    check("ended" in result.lines[0] and t.tag in result.lines[0], f"it says so: {result.lines}")
    check_equal(running.wait(), 7, "status: the command's own end")
    check("asked" in running.lines, "the command was asked")


@test("stop --force does not wait for what ignores it, and the session is gone")
def stop_force(t):
    running = start(t, STUBBORN, "--grace", "60")
    result = t.ctl("stop", "--timeout", "200ms", t.tag)
    check_equal(result.status, 1, "status when it has not ended")
    check("--force" in result.errors[0], f"what to do: {result.errors}")
    check(running.status is None, "it runs")
    ctl(t, "stop", "--force", t.tag)
    running.wait()
    check_equal(listed(t), [], "the list")


@test("stop reaches a stopped session, and a stopped oc-run")
def stop_stopped(t):
    running = start(t)
    os.kill(shown(t)["command_pid"], signal.SIGSTOP)
    running.signal(signal.SIGSTOP)
    t.poll(lambda: state(t) == "stopped", "the state stopped")
    ctl(t, "stop", t.tag)
    running.wait()


@test("stop --force ends a session whose oc-run hangs: its keeper does it")
def stop_hanging(t):
    running = start(t, f"'{t.payload}' ignore TERM '{t.payload}' mark {t.path('pid')} "
                    f"'{t.payload}' wait & echo ready; wait", "--grace", "1")
    pid, = t.wait_pids(t.path("pid"))
    # Whoever is stopped by SIGSTOP again and again handles no signal.
    stopper = t.start(["sh", "-c", f"while kill -STOP {running.pid} 2>/dev/null; do :; done"])
    t.poll(lambda: state_of(running.pid) == "T", "oc-run stands")
    result = t.ctl("stop", "--force", "--timeout", "1", t.tag)
    check_equal(result.status, 0, f"status ({result.errors})")
    running.wait()
    stopper.wait()
    check(not is_alive(pid), "what it left is dead")


@test("stop takes several sessions, and each once")
def stop_several(t):
    runs = [start(t), start(t)]
    words = [one["session"] for one in listed(t)]
    result = ctl(t, "stop", *words, words[0])
    check_equal(len(result.lines), 2, f"each once: {result.lines}")
    for running in runs:
        running.wait()


@test("--all is all sessions of the user")
def stop_all(t):
    # Root's are in /run, with those of others on this machine: another user's, in a folder of the test.
    folder, prefix = t.path("bin"), []
    programs = [shutil.copy(path, folder) for path in (t.oc_run, t.oc_ctl)]
    if os.getuid() == 0:
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for path in (t.folder, *map(t.path, ("bin", "etc", "config", "home", "work"))):
            os.chmod(path, 0o755)
        os.chown(t.path("runtime"), NOBODY, NOBODY)
    env = {"XDG_RUNTIME_DIR": t.path("runtime")}
    runs = [t.start([*prefix, programs[0], "-q", "--backend=none", "--", "sh", "-c",
                     "echo ready; sleep 600"], env=env).wait_line("ready") for _ in range(3)]
    result = t.run([*prefix, programs[1], "stop", "--all"], env=env)
    check_equal((result.status, len(result.lines)), (0, 3), f"status, lines ({result.describe()})")
    for running in runs:
        running.wait()
    result = t.run([*prefix, programs[1], "stop", "--all"], env=env)
    check_equal((result.status, result.errors), (0, ["oc-ctl: no session runs"]), "once more")


@test("one that can't be found stops nothing")
def stop_unknown(t):
    running = start(t)
    result = t.ctl("stop", t.tag, "no-such-session-at-all")
    check_equal(result.status, 1, "status")
    check(running.status is None and state(t) == "running", "the other one runs")
    end(running)


@test("stop does not believe an entry whose oc-run has another start time")
def stop_other_process(t):
    running = start(t)
    bystander = t.start([t.payload, "wait"])
    ident = listed(t)[0]["session"]
    for folder in ("/run", t.path("runtime"), t.path("home/cache")):
        path = os.path.join(folder, "oc-run/sessions", ident)
        if os.path.exists(path):
            break
    text = read_text(path)
    check(f'"pid":{running.pid},' in text, f"the entry: {text}")
    with open(path, "r+", encoding="utf-8") as file:
        file.write(text.replace(f'"pid":{running.pid},', f'"pid":{bystander.pid},').strip() + "   ")
    result = t.ctl("stop", "--timeout", "300ms", ident)
    check_equal(result.status, 1, "status")
    check(is_alive(bystander.pid), "the bystander lives")
    bystander.signal(signal.SIGKILL)
    bystander.wait()
    end(running)


@test("kill ends a session at once, whatever it ignores")
def kill(t):
    running = start(t, f"'{t.payload}' daemon '{t.payload}' ignore all '{t.payload}' mark "
                    f"{t.path('pid')} '{t.payload}' keepforking 3; {STUBBORN}", "--grace", "60")
    t.wait_pids(t.path("pid"))
    result = ctl(t, "kill", t.tag)
    check("killed" in result.lines[0], f"it says so: {result.lines}")
    check_equal(running.wait(), 128 + signal.SIGKILL, "status")
    t.check_all_gone()


@test("without a cgroup kill goes by pid")
def kill_by_pid(t):
    running = start(t, f"'{t.payload}' daemon '{t.payload}' ignore all '{t.payload}' wait; "
                    f"{STUBBORN}", "--grace", "60", "--backend", "none")
    ctl(t, "kill", t.tag)
    check_equal(running.wait(), 128 + signal.SIGKILL, "status")
    t.check_all_gone()


def freeze_and_thaw(t, frozen, *options):
    running, path = counter(t, *options)
    ctl(t, "freeze", t.tag)
    check_equal(state(t), frozen, "state")
    stands_still(t, path)
    ctl(t, "thaw", t.tag)
    t.poll(lambda: state(t) == "running", "the state running")
    goes_on(t, path)
    end(running)


@test("freeze holds a session, thaw lets it go on", only_with=None if cgroup2_mount() else
      ("/nonexistent", "no cgroup v2"))
def freeze(t):
    freeze_and_thaw(t, "frozen")


@test("without a cgroup freeze stops each process, thaw continues them and oc-run")
def freeze_by_signals(t):
    freeze_and_thaw(t, "stopped", "--backend", "none")


@test("a frozen session can be stopped, and killed")
def end_frozen(t):
    for verb in ("stop", "kill"):
        running, _ = counter(t, "--grace", "60")
        ctl(t, "freeze", t.tag)
        ctl(t, verb, t.tag)
        running.wait()
        os.unlink(t.path("work/count"))


@test("a session does not freeze itself")
def freeze_itself(t):
    result = t.oc("-q", "-n", t.tag, "--", t.oc_ctl, "freeze", t.tag)
    check_equal(result.status, 1, "status")
    check("from outside" in result.errors[0], f"it says so: {result.errors}")


def crash(t, *options):
    """A session whose oc-run and keeper were killed; the pid of what it left."""
    running = start(t, f"'{t.payload}' ignore TERM,HUP '{t.payload}' mark {t.path('pid')} "
                    f"'{t.payload}' wait & echo ready; wait", *options)
    pid, = t.wait_pids(t.path("pid"))
    helpers = helpers_of(running, t)
    kill_both(running, t)
    t.poll(lambda: not any(is_alive(helper) for helper in helpers), "that nobody holds its entry")
    check(is_alive(pid), "its process lives")
    return pid


def sweep_shows_and_acts(t, *options):
    pid = crash(t, *options)
    ident = listed(t)[0]["session"]
    result = ctl(t, "sweep")
    words = "\n".join(result.lines)
    check(ident[:8] in words and f"process {pid}, payload" in words, f"it is shown: {words}")
    check("--yes" in result.err.decode(), f"what to do: {result.errors}")
    check(is_alive(pid) and state(t) == "orphaned", "nothing was done")
    for verb in ("stop", "kill", "freeze"):
        refused = t.ctl(verb, t.tag)
        check_equal(refused.status, 1, f"{verb} of it")
        check("sweep --yes" in refused.errors[0], f"what to do: {refused.errors}")
    result = ctl(t, "sweep", "--yes")
    check(any(ident in line and "removed" in line for line in result.lines),
          f"it says so: {result.lines}")
    check(not is_alive(pid), "it is dead")
    check_equal(listed(t), [], "the list")
    t.check_all_gone()
    t.check_world()


@test("sweep shows what a crash left; --yes ends it")
def sweep(t):
    sweep_shows_and_acts(t)


@test("sweep finds it without a cgroup too")
def sweep_by_tag(t):
    sweep_shows_and_acts(t, "--backend", "none")


@test("sweep leaves a live session alone")
def sweep_live(t):
    running = start(t)
    words = b"".join([ctl(t, "sweep").out, ctl(t, "sweep", "--yes").out])
    check(listed(t)[0]["session"][:8].encode() not in words, f"it is not named: {words}")
    check(state(t) == "running" and running.status is None, "it runs")
    end(running)


@test("thaw of a session that runs changes nothing")
def thaw_running(t):
    running, path = counter(t)
    ctl(t, "thaw", t.tag)
    goes_on(t, path)
    end(running)


@test("sweep shows the libraries that opencode left in the folder for temporary files; --yes removes them")
def libraries(t):
    folder = t.path("stray")
    names = [".58ef9d9fc3dbf57f-00000000.so", ".58ef9d9fc3dbf57f-00000001.node",  # away
             ".58ef9d9fefeb9fbb-00000000.so", ".58ef9d9fefeb9fbc-00000000.so",    # young, mapped
             "58ef9d9fefeb9fbb-00000000.so", ".58ef9d9fefeb9fbb-00000000.so.bak", ".other.so"]
    for name in names:
        path = t.write("stray/" + name, "x" * 20000)
        os.utime(path, (0, 0) if name != names[2] else None)
    with open(f"{folder}/{names[3]}", "rb") as file:
        kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    t.defer(kept.close)
    result = t.ctl("sweep", env={"TMPDIR": folder})
    check(any(line.startswith("2 libraries") and folder in line for line in result.lines),
          result.describe())
    check_equal(sorted(os.listdir(folder)), sorted(names), "nothing is removed")
    result = t.ctl("sweep", "--yes", env={"TMPDIR": folder})
    check(any(line.startswith("removed 2 libraries") for line in result.lines), result.describe())
    check_equal(sorted(os.listdir(folder)), sorted(names[2:]), "what is left")
