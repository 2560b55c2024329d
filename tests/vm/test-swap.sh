#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: when=full suites=trixie,bookworm memory=1500M swap=800M swap-bps=15M
#
# Swap on a slow disk: the default allowance is held as soon as a session stands still for it.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# leak OPTION...: what the session says on the status fd.
leak() {
	as_root oc-run -q --mem 300M --json-status-fd 3 "$@" -- \
		sh -c 'payload leak 2G >/dev/null; echo tool=$?' 3>&1
}

allowance_is_held() {
	local said
	said=$(leak) || fail "status $?: $said"
	has "$said" '"event":"swap-held"'
	has "$said" "tool=137"
}

what_was_given_is_used() {
	local said
	said=$(leak --swap 60M) || fail "status $?: $said"
	lacks "$said" '"event":"swap-held"'
	has "$said" "tool=137"
}

t "the default allowance is held on a slow disk" allowance_is_held 400
t "an allowance that was given is left alone" what_was_given_is_used 400
