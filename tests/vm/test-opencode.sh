#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie with=opencode memory=4G cpus=2 timeout=2400
#
# The real opencode under the kernel's own limits: some of the tests of tests/e2e, as the person who
# uses it (the user's systemd) and as root. On the host the same tests run without controllers.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# tests/e2e/run wants a folder with `versions` and opencode-VERSION.
cache=/var/tmp/opencode-cache
mkdir -p "$cache"
ln -sfn /opt/opencode-versions "$cache/versions"
for folder in /opt/opencode-*.*; do
	ln -sfn "$folder" "$cache/${folder##*/}"
done
old=$(sed -n 1p "$cache/versions")
new=$(sed -n 2p "$cache/versions")

# one LOGIN VERSION TITLE: one test of tests/e2e, which has to run (and not to be skipped).
one() {
	local login=$1 version=$2 title=$3
	shift 3
	"$login" env OC_RUN_TEST_CACHE="$cache" OC_RUN_TEST_SLOW="$OC_RUN_TEST_SLOW" \
		OC_RUN_TEST_NO_SKIP=1 "$@" "$OC_CHECKOUT/tests/e2e/run" \
		--oc-run "$(command -v oc-run)" --opencode "$version" "$title"
}

leak="a leak in a tool"
chromium_bus="DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"

user_leak() { one as_user_graphical "$old" "$leak" "$chromium_bus" OC_E2E_ENFORCER=kernel; }
root_leak() { one as_root_service "$new" "$leak" HOME=/root OC_E2E_ENFORCER=kernel; }
small_tools() { one as_user_login "$old" "npm's own entry"; }
leftovers() { one as_user_login "$new" "background jobs"; }
closed_old() { one as_user_login "$old" "closing the terminal of"; }
closed_new() { one as_user_login "$new" "closing the terminal of"; }
stopped() { one as_user_login "$old" "Ctrl-Z gives"; }
agent_killed() { one as_user_login "$old" "SIGKILL to opencode leaves a sane"; }
libraries() { one as_user_login "$new" "native libraries that stay"; }
snapshots() { one as_user_login "$old" "after a hard kill of opencode and its git"; }
told() { one as_user_login "$new" "why its tool was killed, once" OC_E2E_ENFORCER=kernel; }
restarted() { one as_user_login "$old" "restart=on-oom" OC_E2E_ENFORCER=kernel; }
oc_run_killed() { one as_user_login "$old" "SIGKILL to oc-run ends"; }

t "opencode $old, dev: the kernel ends a leak, opencode lives on, nothing is left" user_leak 900
t "opencode $old, dev: killed by the kernel for memory, its session is on the screen again" restarted 900
if [ -n "${OC_VM_FULL:-}" ]; then
	t "opencode $old, dev: closing the terminal ends a working agent" closed_old 900
	t "opencode $old, dev: SIGKILL to oc-run ends the session" oc_run_killed 900
	t "opencode $new, dev: the plugin tells why the kernel killed a tool" told 900
	t "opencode $new, root service: the kernel ends a leak, nothing is left" root_leak 900
	t "opencode $old, dev: opencode behind npm's entry outlives small tools" small_tools 900
	t "opencode $new, dev: a normal end with background jobs leaves nothing" leftovers 900
	t "opencode $new, dev: closing the terminal ends a working agent" closed_new 900
	t "opencode $old, dev: Ctrl-Z and fg" stopped 900
	t "opencode $new, dev: native libraries do not stay in memory" libraries 900
	t "opencode $old, dev: a killed git leaves no lock in the snapshot store" snapshots 900
	t "opencode $old, dev: SIGKILL to opencode leaves a sane terminal" agent_killed 900
fi
