#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie,bookworm
#
# The demonstration of contrib/quickstart where the kernel holds the limits.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

demo_as() {
	local said
	said=$("$1" /opt/oc-run/contrib/quickstart --demo 2>&1) || fail "$said"
	has "$said" "memory limit reached (200 MiB)"
	has "$said" "a tool was killed"
	has "$said" "the tool died of signal 9; I am still here"
	has "$said" "also ended: 3 python3"
	has "$said" "Nothing of the session is left."
	# By the kernel, not by oc-run watching.
	lacks "$said" "by watching"
	lacks "$said" ", by oc-run"
}

demo_in_a_login() {
	demo_as as_user_login
}

demo_as_root() {
	demo_as as_root
}

t "the demonstration ends by the kernel's limit in a login" demo_in_a_login 300
t "the demonstration ends by the kernel's limit as root" demo_as_root 300
