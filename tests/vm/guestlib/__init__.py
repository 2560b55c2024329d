# SPDX-License-Identifier: MIT
"""The parts of tests/vm/guest: image (the root file system), build, payload, machine (QEMU)."""

import os

VM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKOUT = os.path.dirname(os.path.dirname(VM))
SUITES = ("trixie", "bookworm")


class GuestError(Exception):
    """Something that the person who started the guest must read; printed in one line."""


def cache_folder():
    path = os.environ.get("OC_RUN_TEST_CACHE") or os.path.expanduser("~/.cache/oc-run-tests")
    os.makedirs(path, exist_ok=True)
    return path
