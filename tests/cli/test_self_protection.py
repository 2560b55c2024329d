# SPDX-License-Identifier: MIT
"""oc-run stands on its own feet: what it leans on may be full, silent or used up."""

import os
import shutil
import socket
import subprocess

from harness import Skip, check, check_equal, read_text, test

SECRET = "hunter2-in-the-clear"
NOBODY = 65534


class World:
    """A mount namespace with a /run of its own, and a journal that the test holds."""

    def __init__(self, t):
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            raise Skip("no mount namespace can be had here")
        folder = t.path("journal")
        os.mkdir(folder)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.bind(f"{folder}/socket")
        self.journal.setblocking(False)
        t.defer(self.journal.close)
        self.prefix = ["unshare", "-m", "sh", "-c",
                       "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && "
                       f"mount --bind '{folder}' /run/systemd/journal && exec \"$@\"", "sh"]

    def fill_journal(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"MESSAGE=full\n", self.journal.getsockname())
            except BlockingIOError:
                pass

    def read_journal(self):
        entries = []
        try:
            while True:
                entries.append(self.journal.recv(65536))
        except BlockingIOError:
            return b"".join(entries).decode("utf-8", "replace")


@test("a journal that has stopped reading holds nothing up")
def stuck_journal(t):
    world = World(t)
    world.fill_journal()
    running = t.run([*world.prefix, t.oc_run, "-q", "--", "sh", "-c", "exit 3"])
    check_equal(running.status, 3, "exit status")


@test("the journal gets the session's start and end, and of the command its name alone")
def journal_without_secrets(t):
    world = World(t)
    t.run([*world.prefix, t.oc_run, "-q", "--", "sh", "-c", f": {SECRET}; exit 3"],
          env={"API_KEY": SECRET})
    text = world.read_journal()
    check_equal(text.count("\nSYSLOG_IDENTIFIER=oc-run\n"), 2, "entries")
    check("OC_RUN_COMMAND=sh\n" in text, f"no name of the command: {text}")
    check(SECRET not in text, f"the secret is in the journal: {text}")
