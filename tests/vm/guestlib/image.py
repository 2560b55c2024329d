# SPDX-License-Identifier: MIT
"""Root file systems: a Debian suite plus layers, made with mmdebstrap and kept in the cache.

An image is a folder `CACHE/image-SUITE[-LAYER...]-HASH` with `root/` (unpacked: oc-run is built in
it), `disk.img` (the same as ext4), `vmlinuz` and `initrd`. HASH covers everything the image is made
from, so an edit of a layer makes a new image; the old one of the same name is removed then. A guest
never writes to an image: it runs on a throw-away overlay.

A layer NAME is `layers/NAME.list` (packages, one a line, # comments) and, if there,
`layers/NAME.sh`, called on the host as `NAME.sh ROOT` once the packages are in. The layer `base` is
in every image. `files/` is copied over the root.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys

from . import VM, GuestError, cache_folder

DISK_SIZE = "12G"  # sparse


def say(text):
    print(f"# {text}", file=sys.stderr, flush=True)


class Image:
    def __init__(self, suite, layers=()):
        self.suite = suite
        self.layers = ["base", *sorted(set(layers))]
        self.name = "-".join(["image", suite, *self.layers[1:]])
        for layer in self.layers:
            if not os.path.exists(self._layer_file(layer, "list")):
                raise GuestError(f"no layer '{layer}': tests/vm/layers/{layer}.list is not there")
        self.folder = os.path.join(cache_folder(), f"{self.name}-{self._recipe_hash()}")
        self.root = os.path.join(self.folder, "root")
        self.disk = os.path.join(self.folder, "disk.img")
        self.kernel = os.path.join(self.folder, "vmlinuz")
        self.initrd = os.path.join(self.folder, "initrd")

    @staticmethod
    def _layer_file(layer, kind):
        return os.path.join(VM, "layers", f"{layer}.{kind}")

    def _ingredients(self):
        for layer in self.layers:
            yield from filter(os.path.exists,
                              (self._layer_file(layer, kind) for kind in ("list", "sh")))
        yield from sorted(filter(os.path.isfile,
                                 glob.glob(os.path.join(VM, "files", "**"), recursive=True)))
        yield os.path.abspath(__file__)

    def _recipe_hash(self):
        digest = hashlib.sha256()
        for path in self._ingredients():
            with open(path, "rb") as file:
                digest.update(os.path.relpath(path, VM).encode() + b"\0" + file.read())
        return digest.hexdigest()[:12]

    def _packages(self):
        packages = []
        for layer in self.layers:
            with open(self._layer_file(layer, "list"), encoding="utf-8") as file:
                packages += [line.split("#")[0].strip() for line in file]
        return [package for package in packages if package]

    def ensure(self):
        """Makes the image unless it is there. Two callers at once: the second one waits."""
        with open(os.path.join(cache_folder(), f"{self.name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(self.folder):
                self._remove_older()
                self._make()
        return self

    def _remove_older(self):
        # Names can be prefixes of each other (image-trixie, image-trixie-opencode): the hash has
        # a fixed length.
        for old in glob.glob(os.path.join(cache_folder(), f"{self.name}-" + "[0-9a-f]" * 12)):
            shutil.rmtree(old, ignore_errors=True)  # somebody may be at work in it

    def _make(self):
        say(f"making {self.name} with mmdebstrap (about a minute; kept in {self.folder})")
        half = self.folder + ".half"
        shutil.rmtree(half, ignore_errors=True)
        os.mkdir(half)
        root = os.path.join(half, "root")
        self._bootstrap(root, os.path.join(half, "mmdebstrap.log"))
        for link, target in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
            found = sorted(glob.glob(os.path.join(root, "boot", target)))
            if not found:
                raise GuestError(f"no /boot/{target} in the new root")
            shutil.copy(found[-1], os.path.join(half, link))
        disk = os.path.join(half, "disk.img")
        self._run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, disk, DISK_SIZE],
                  os.path.join(half, "mke2fs.log"))
        os.rename(half, self.folder)

    def _bootstrap(self, root, log):
        # The first hook runs before the kernel's package, which makes the initrd.
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
                   f"--include={','.join(self._packages())}",
                   f"--essential-hook=cp -r '{VM}/files/.' \"$1\""]
        for layer in self.layers:
            hook = self._layer_file(layer, "sh")
            if os.path.exists(hook):
                command.append(f"--customize-hook=sh '{hook}' \"$1\"")
        self._run([*command, self.suite, root], log)

    @staticmethod
    def _run(command, log):
        with open(log, "w", encoding="utf-8") as output:
            try:
                status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output,
                                        stderr=subprocess.STDOUT).returncode
            except FileNotFoundError:
                raise GuestError(f"'{command[0]}' is not installed") from None
        if status:
            with open(log, encoding="utf-8", errors="replace") as output:
                sys.stderr.writelines(output.readlines()[-40:])
            raise GuestError(f"'{command[0]}' failed with status {status} (log: {log})")
