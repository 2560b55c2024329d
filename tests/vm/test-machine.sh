#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie,bookworm timeout=1800
#
# The tests that also run on any machine (tests/sys, tests/cli), here with systemd, cgroup v2 and its
# controllers: as root, and as a user who is logged in.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# sys LOGIN. Below a user's own manager, as elsewhere a user may write no cgroup. Without the backends,
# whose tests are made for machines without controllers: see test-backends.sh.
sys() {
	local program
	for program in /usr/local/libexec/oc-run-tests/test-sys-*; do
		[[ $program != *-backend ]] || continue
		# Wants mounts of its own.
		[[ $1 == as_root || $program != *-session-tmp-mount ]] || continue
		tap "$1, ${program##*/test-}" "$1" env CK_TAP_LOG_FILE_NAME=- CK_VERBOSITY=silent \
			CK_TIMEOUT_MULTIPLIER="$OC_RUN_TEST_SLOW" "$program"
	done
}

# cli LOGIN [PATTERN]. /tmp is memory on Debian 13, which would count for the session.
cli() {
	tap "$1, cli" "$1" env TMPDIR=/var/tmp OC_RUN_TEST_SLOW="$OC_RUN_TEST_SLOW" \
		/opt/oc-run/tests/cli/run --oc-run /usr/local/bin/oc-run \
		--payload /usr/local/bin/payload "${2:-}"
}

if [ -n "${OC_VM_FULL:-}" ]; then
	sys as_root
	sys as_user_graphical
	cli as_user_login
	cli as_root limits:
	cli as_root leftovers:
	cli as_root detach:
	cli as_root sudden_death:
elif [ "$OC_SUITE" = trixie ]; then
	sys as_user_graphical
	cli as_user_login limits:
	cli as_user_login sudden_death:
else
	sys as_root
fi
