# SPDX-License-Identifier: MIT
"""What the world looks like: --dry-run changes nothing, a session leaves nothing."""

import os
import re
import subprocess

from harness import cgroup_directories, check, check_equal, runtime_files, test


def files_below(folder):
    return sorted(os.path.join(path, name) for path, folders, names in os.walk(folder)
                  for name in folders + names)


@test("--dry-run starts nothing and creates nothing")
def dry_run(t):
    before = files_below(t.folder)
    cgroups, files = cgroup_directories(), runtime_files(t.environment)
    result = t.oc("--dry-run", "--report", t.path("report.json"), "--", "touch", t.path("mark"))
    check_equal(result.status, 0, f"status ({result.errors})")
    new = set(files_below(t.folder)) - set(before) - {result.out_path, result.err_path}
    check_equal(sorted(new), [], "new files")
    check_equal(cgroup_directories() - cgroups, set(), "new cgroups")
    check_equal(runtime_files(t.environment) - files, set(), "new runtime files")


@test("--dry-run works for a command that does not exist, or says 127")
def dry_run_missing(t):
    result = t.oc("--dry-run", "--", "no-such-command-here")
    check(result.status in (0, 127), f"status {result.status}")


@test("--dry-run names every limit, the backend and the session's cgroup")
def dry_run_names(t):
    text = t.oc("--dry-run", "--", "true").out.decode()
    for word in ("memory.max", "memory.high", "memory.swap.max", "pids.max", "backend"):
        check(word in text, f"{word!r} is in the plan: {text}")
    check(re.search(r"oc-[0-9a-f]{16}|no cgroup", text), f"a cgroup, or that there is none: {text}")


@test("no cgroup, no runtime file and no process is left after a session with leftovers")
def session_leaves_nothing(t):
    t.oc("-q", "--grace", "1", "--", "sh", "-c", f"'{t.payload}' daemon '{t.payload}' ignore all "
         f"'{t.payload}' wait >/dev/null")
    t.check_all_gone()
    t.check_world()


@test("no cgroup and no runtime file is left when the command cannot be run")
def failed_exec_leaves_nothing(t):
    path = t.write("bin/bad", "#!/nowhere/interpreter\n", 0o755)
    t.oc("-q", "--", path)
    t.check_world()


@test("a session lies in a cgroup of its own, or the plan says that it does not")
def own_cgroup(t):
    result = t.oc("-q", "--", "sed", "-n", "s/^0:://p", "/proc/self/cgroup")
    outside = t.run(["sed", "-n", "s/^0:://p", "/proc/self/cgroup"])
    if result.lines == outside.lines:
        plan = t.oc("--dry-run", "--", "true").out.decode()
        check("none" in plan, f"the plan says that no cgroup holds the session: {plan}")
    else:
        check("/oc-" in result.lines[0], f"its name is ours: {result.lines}")


@test("oc-run itself stays where it was started")
def stays_outside(t):
    result = t.oc("-q", "--", "sh", "-c", "sed -n 's/^0:://p' /proc/$PPID/cgroup")
    outside = t.run(["sed", "-n", "s/^0:://p", "/proc/self/cgroup"])
    check_equal(result.lines, outside.lines, "cgroup of oc-run")


@test("no systemd unit of a session is left",
      only_with=("/run/systemd/system", "no systemd is running"))
def no_units(t):
    manager = [] if os.getuid() == 0 else ["--user"]
    t.oc("-q", "--", "true")
    t.oc("-q", "--", "sh", "-c", f"'{t.payload}' daemon '{t.payload}' wait >/dev/null; exit 3")

    def units():
        done = subprocess.run(["systemctl", *manager, "list-units", "--all", "--plain",
                               "--no-legend", "oc-*.scope"], capture_output=True, check=False,
                              env=t.environment)
        return done.stdout.decode().split()

    t.poll(lambda: not units(), "no unit oc-*.scope is loaded")


@test("no stopped, unreaped or idle process of oc-run's own is left")
def no_own_process(t):
    result = t.oc("-q", "--", "true")
    check_equal(result.status, 0, "status")
    check_equal([str(process) for process in t.others_alive()], [], "processes right after the end")
