#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie,bookworm
#
# The demonstration of contrib/quickstart where the kernel holds the limits. On a slow machine the
# tool is seen coming and asked to end, on a fast one it meets the limit first.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

demo_as() {
	local said
	said=$("$1" /opt/oc-run/contrib/quickstart --demo 2>&1) || fail "$said"
	[[ $said == *"memory limit reached (200 MiB)"*"a tool was killed"* ||
		$said == *"memory was about to be used up (200 MiB)"*"a tool was asked to end"* ]] ||
		fail "the limit did not hold: $said"
	[[ $said =~ "the tool died of signal "(9|15)"; I am still here" ]] ||
		fail "the tool is not dead, or the agent is: $said"
	has "$said" "also ended: 3 python3"
	has "$said" "Nothing of the session is left."
	lacks "$said" "by watching"
}

demo_in_a_login() {
	demo_as as_user_login
}

demo_as_root() {
	demo_as as_root
}

t "the demonstration ends by the kernel's limit in a login" demo_in_a_login 300
t "the demonstration ends by the kernel's limit as root" demo_as_root 300
