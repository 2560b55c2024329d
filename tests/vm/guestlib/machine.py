# SPDX-License-Identifier: MIT
"""Boots an image in QEMU and carries the guest's output and results back.

Data never goes over the serial console: the kernel writes there too, and it is slow.
  in   virtio disk `payload`: a tar
  out  virtio-serial port `oc.out`: live output, which QEMU copies to its stdout
  out  virtio disk `results`: a tar, written at the end, with the file `status` in it
The console goes to a file, whose end is shown when the guest dies. `panic=-1` with `-no-reboot` turns
a kernel panic into the end of QEMU; a guest that ends without results has failed.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading

from . import GuestError

RESULTS_SIZE = 256 << 20  # sparse


def have_kvm():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = file.read()
    return bool(re.search(r"\b(vmx|svm)\b", flags)) and os.access("/dev/kvm", os.W_OK)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


class Machine:
    def __init__(self, image, work, options):
        self.image = image
        self.work = work
        self.options = options
        self.payload = os.path.join(work, "payload.tar")
        self.results = os.path.join(work, "results.img")
        self.console = os.path.join(work, "console.log")
        self.timed_out = False

    def _disk(self, name, path, bps=None, **drive):
        settings = {"if": "none", "id": name, "file": path, "format": "raw", **drive}
        if bps:
            settings["throttling.bps-total"] = bps
        return ["-drive", ",".join(f"{key}={value}" for key, value in settings.items()),
                "-device", f"virtio-blk-pci,drive={name},serial={name}"]

    def _command(self):
        options = self.options
        kernel = "root=LABEL=root rw console=ttyS0 panic=-1 quiet"
        if not options.shell:
            kernel += " systemd.mask=serial-getty@ttyS0.service"  # no root session of its own
        accel = ["-accel", "kvm", "-cpu", "host"] if have_kvm() else \
                ["-accel", "tcg,thread=multi", "-cpu", "max"]
        command = ["qemu-system-x86_64", *accel, "-M", "q35", "-no-reboot", "-nodefaults",
                   "-display", "none", "-nic", "none",
                   "-smp", str(options.cpus), "-m", options.memory,
                   "-kernel", self.image.kernel, "-initrd", self.image.initrd,
                   "-append", f"{kernel} {options.append}",
                   "-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        command += self._disk("root", self.image.disk, options.root_bps, snapshot="on",
                              cache="unsafe")
        command += self._disk("payload", self.payload, readonly="on")
        command += self._disk("results", _sparse(self.results, RESULTS_SIZE), cache="unsafe")
        if options.swap:
            swap = _sparse(os.path.join(self.work, "swap.img"), options.swap)
            command += self._disk("swap", swap, options.swap_bps, cache="none")
        if options.shell:
            command += ["-serial", "mon:stdio"]
        else:
            command += ["-serial", f"file:{self.console}",
                        "-chardev", "stdio,id=out,signal=off",
                        "-device", "virtserialport,chardev=out,name=oc.out"]
        return command

    def run(self, on_line):
        """Runs to the end; ON_LINE gets each line of output. The status that the guest handed back."""
        command = self._command()
        # QEMU puts the throw-away overlay there.
        environment = {**os.environ, "TMPDIR": self.work}
        if self.options.shell:
            with subprocess.Popen(command, env=environment, preexec_fn=_die_with_parent) as qemu:
                qemu.wait()
            return self._status(qemu.returncode)
        # At the end of its stdin QEMU would take the port for closed, and the guest's writes would
        # wait for ever: an open pipe that nobody writes to.
        qemu = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=_die_with_parent)
        timer = threading.Timer(self.options.timeout, self._expire, [qemu])
        errors = []
        reader = threading.Thread(target=lambda: errors.extend(qemu.stderr), daemon=True)
        try:
            timer.start()
            reader.start()
            for line in qemu.stdout:
                on_line(line.decode(errors="replace").rstrip("\r\n"))
            qemu.wait()
        finally:
            timer.cancel()
            qemu.kill()
            qemu.wait()
        reader.join()
        for line in errors:
            on_line("# qemu: " + line.decode(errors="replace").rstrip())
        return self._status(qemu.returncode)

    def _expire(self, qemu):
        self.timed_out = True
        qemu.kill()

    def _status(self, qemu_status):
        try:
            with tarfile.open(self.results) as tar:
                return int(tar.extractfile("./status").read())
        except (tarfile.TarError, KeyError, ValueError):
            raise GuestError(self._cause_of_death(qemu_status)) from None

    def _cause_of_death(self, qemu_status):
        console = self.console_tail(4000)
        if self.timed_out:
            return f"the guest did not finish in {self.options.timeout} s"
        if "Kernel panic" in "\n".join(console):
            return "the guest's kernel panicked"
        return f"the guest ended without results (qemu status {qemu_status})"

    def console_tail(self, lines):
        try:
            with open(self.console, encoding="utf-8", errors="replace") as file:
                return [line.rstrip() for line in file.readlines()[-lines:]]
        except FileNotFoundError:
            return []

    def extract_results(self, folder):
        os.makedirs(folder, exist_ok=True)
        # tar(1) rather than tarfile: what came out of the guest is not unpacked outside of FOLDER.
        if subprocess.run(["tar", "-xf", self.results, "-C", folder],
                          stderr=subprocess.DEVNULL).returncode:
            print(f"# no results to unpack into {folder}", file=sys.stderr)
