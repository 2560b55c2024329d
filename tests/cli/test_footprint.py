# SPDX-License-Identifier: MIT
"""The supervisor and the keeper stay small and asleep."""

import os
import re
import resource
import time

from harness import all_processes, check, check_equal, read_text, test
from test_sudden_death import helpers_of

MEBIBYTE_KB = 1024


def private_kb(pid):
    """Pages that are its own: clean ones of a library depend on who else maps it."""
    return int(re.search(r"(?m)^Private_Dirty:\s+(\d+) kB",
                         read_text(f"/proc/{pid}/smaps_rollup"))[1])


def switches(pid):
    """How often it went to sleep: each is a wake-up that was over."""
    return int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)",
                         read_text(f"/proc/{pid}/status"))[1])


def quiet_session(t):
    """A session in which nothing happens; pids of oc-run and of its keeper."""
    running = t.start_oc("-q", "--", t.payload, "wait").wait_line("ready")
    time.sleep(4)       # the looks at the start are over
    return running, [running.pid, *helpers_of(running, t)]


@test("oc-run and its keeper have less than 1 MiB of private memory each")
def private_memory(t):
    running, pids = quiet_session(t)
    large = {pid: f"{private_kb(pid)} kB" for pid in pids if private_kb(pid) >= MEBIBYTE_KB}
    running.signal(15)
    running.wait()
    check(not large, f"{large}, of {pids}")


@test("oc-run and its keeper sleep while nothing happens: no timer faster than a second")
def asleep(t):
    running, pids = quiet_session(t)
    before = {pid: switches(pid) for pid in pids}
    began = time.monotonic()
    time.sleep(6)
    seconds = time.monotonic() - began
    # Reading /proc may sleep on a lock: twice what a timer each second would give is still fine.
    busy = {pid: switches(pid) - before[pid] for pid in pids
            if switches(pid) - before[pid] > 2 * seconds + 2}
    running.signal(15)
    running.wait()
    check(not busy, f"wake-ups in {seconds:.0f} s: {busy}")


@test("oc-run and its keeper keep their pages in memory where they may, the command does not")
def locked(t):
    running, pids = quiet_session(t)
    command = t.poll(lambda: [process.pid for process in all_processes()
                              if process.parent == running.pid and process.comm == "payload"],
                     "the command is there")[0]
    kib = {pid: [int(re.search(rf"(?m)^{field}:\s+(\d+) kB", read_text(f"/proc/{pid}/status"))[1])
                 for field in ("VmLck", "VmSize")] for pid in [*pids, command]}
    keeper = next(pid for pid in pids
                  if read_text(f"/proc/{pid}/comm").strip() == "oc-run-keeper")
    running.signal(15)
    running.wait()
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if os.getuid() != 0 and limit != resource.RLIM_INFINITY and \
            kib[running.pid][1] * 1024 > limit:
        check_equal(kib[running.pid][0], 0, "KiB that oc-run has locked beyond its limit")
        return
    check(kib[running.pid][0] > 0, f"oc-run has nothing locked: {kib}")
    check(kib[keeper][0] > 0, f"its keeper has nothing locked: {kib}")
    check_equal(kib[command][0], 0, "KiB that the command has locked")
