# SPDX-License-Identifier: MIT
"""Builds oc-run in the suite's own root, so that each Debian really compiles it.

The checkout is bound to /src (read only) and a build folder from the cache to /build, in a mount
namespace that vanishes with the build; the root itself stays as it was. The build folder belongs to
one checkout and one image, and is incremental.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess

from . import CHECKOUT, GuestError, cache_folder
from .image import say

SCRIPT = r"""
set -eu
mount --bind "$2" "$1/src"
mount -o remount,bind,ro "$1/src"
mount --bind "$3" "$1/build"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root sh -euc '
	cd /build
	[ -f work/build.ninja ] ||
		meson setup -Dwerror=true --prefix=/usr/local work /src
	ninja -j 2 -C work
	rm -rf out
	DESTDIR=/build/out meson install --quiet --no-rebuild -C work'
"""


class Build:
    """What `ensure()` leaves: `out` (to be laid over /) and `work` (the build folder), held until
    `release()`: another guest of the same checkout would build them anew under one's hands."""

    def __init__(self, image):
        key = hashlib.sha256(f"{CHECKOUT}\0{image.folder}".encode()).hexdigest()[:12]
        self.image = image
        self.lock = None
        self.folder = os.path.join(cache_folder(), f"build-{image.suite}-{key}")
        self.out = os.path.join(self.folder, "out")
        self.work = os.path.join(self.folder, "work")

    def ensure(self):
        os.makedirs(self.folder, exist_ok=True)
        self.lock = open(self.folder + ".lock", "w", encoding="utf-8")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        built, log = self._compile()
        if not built and "rebuilding 'build.ninja'" in log:
            # A changed option can make an old build folder unusable: once afresh.
            shutil.rmtree(self.work, ignore_errors=True)
            built, log = self._compile()
        if not built:
            for line in log.splitlines()[-60:]:
                say(line)
            self.release()
            raise GuestError(f"oc-run does not build on {self.image.suite}; "
                             f"log: {self.folder}/log")
        return self

    def release(self):
        self.lock.close()

    def _compile(self):
        say(f"building oc-run on {self.image.suite}")
        path = os.path.join(self.folder, "log")
        with open(path, "w", encoding="utf-8") as output:
            status = subprocess.run(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "build",
                 self.image.root, CHECKOUT, self.folder],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT).returncode
        with open(path, encoding="utf-8", errors="replace") as output:
            return status == 0, output.read()
