# SPDX-License-Identifier: MIT
"""The supervisor and the keeper stay small and asleep."""

import re
import time

from harness import check, read_text, test
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
