# SPDX-License-Identifier: MIT
"""What the guest is handed: one tar, laid over its root before anything runs.

    /opt/oc-run             the checkout (tracked and new files; nothing that git ignores)
    /usr/local/...          what `meson install` put there
    /usr/local/bin/payload  the helper program of the tests, and notify-server beside it
    /usr/local/libexec/oc-run-tests/   programs of tests/sys
    /etc/oc-guest.conf      what to run, as shell assignments

Only files go in, never folders: laying it over the root changes no folder's owner or mode.
"""

import io
import os
import shlex
import subprocess
import tarfile

from . import CHECKOUT, GuestError

GUEST_CHECKOUT = "/opt/oc-run"


def _files_of_checkout():
    git = subprocess.run(["git", "-c", f"safe.directory={CHECKOUT}", "-C", CHECKOUT, "ls-files",
                          "-z", "--cached", "--others", "--exclude-standard"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if git.returncode == 0:
        names = git.stdout.decode().split("\0")
    else:
        names = [os.path.relpath(os.path.join(folder, name), CHECKOUT)
                 for folder, _, found in os.walk(CHECKOUT) for name in found]
        names = [name for name in names if not name.startswith((".git/", "build/"))]
    # A file that was deleted but is still in git's index is listed as well.
    return [name for name in names if name and os.path.lexists(os.path.join(CHECKOUT, name))]


def _owned_by_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _add_text(tar, name, text, mode=0o644):
    member = tarfile.TarInfo(name.lstrip("/"))
    member.size = len(text.encode())
    member.mode = mode
    tar.addfile(member, io.BytesIO(text.encode()))


def _add_build(tar, build):
    for folder, folders, names in os.walk(build.out):
        for name in [*names, *(f for f in folders if os.path.islink(os.path.join(folder, f)))]:
            path = os.path.join(folder, name)
            tar.add(path, os.path.relpath(path, build.out), filter=_owned_by_root)
    tools = os.path.join(build.work, "tests", "tools")
    if os.path.exists(tools):
        for name in ("payload", "notify-server"):
            tar.add(os.path.join(tools, name), f"usr/local/bin/{name}", filter=_owned_by_root)
    sys_tests = os.path.join(build.work, "tests", "sys")
    for name in sorted(os.listdir(sys_tests)) if os.path.isdir(sys_tests) else ():
        path = os.path.join(sys_tests, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            tar.add(path, f"usr/local/libexec/oc-run-tests/{name}", filter=_owned_by_root)


def _place_script(tar, path, number):
    """Where SCRIPT is in the guest; one from outside of the checkout is taken along."""
    real = os.path.realpath(path)
    if not os.path.isfile(real):
        raise GuestError(f"no script '{path}'")
    inside = os.path.relpath(real, os.path.realpath(CHECKOUT))
    if not inside.startswith(".."):
        return os.path.join(GUEST_CHECKOUT, inside)
    place = f"/opt/oc-run-extra/{number}-{os.path.basename(real)}"
    tar.add(real, place.lstrip("/"), filter=_owned_by_root)
    return place


def write(path, build, scripts, command, settings):
    """SETTINGS: more assignments for /etc/oc-guest.conf."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in _files_of_checkout():
            try:
                tar.add(os.path.join(CHECKOUT, name), f"{GUEST_CHECKOUT}/{name}".lstrip("/"),
                        recursive=False, filter=_owned_by_root)
            except FileNotFoundError:
                pass  # somebody is working in the checkout
        if build:
            _add_build(tar, build)
        places = [_place_script(tar, script, number) for number, script in enumerate(scripts)]
        if command:
            _add_text(tar, "/opt/oc-run-extra/command", command + "\n")
            places.append("/opt/oc-run-extra/command")
        lines = [f"scripts=({' '.join(map(shlex.quote, places))})"]
        lines += [f"{name}={shlex.quote(str(value))}" for name, value in settings.items()]
        _add_text(tar, "/etc/oc-guest.conf", "\n".join(lines) + "\n")
