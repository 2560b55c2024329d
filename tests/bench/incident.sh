#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie memory=2G cpus=2 swap=1500M swap-bps=15M root-bps=60M timeout=1800
#
# The replay of the incident: a small machine, a slow disk, thirteen sessions, of which one leaks as
# fast as it can, with children in sessions of their own. Beside them a canary. Figures, no verdict:
#
#	tests/vm/guest --memory 2G --cpus 2 --swap 1500M --swap-bps 15M --root-bps 60M \
#		--timeout 1800 tests/bench/incident.sh
#
# stall: growth of "some total" in /proc/pressure/memory; the sessions' own waiting counts there too,
# so the canary's is printed beside it: what others felt. INCIDENT_ONLY is a pattern (bash's =~) of the
# titles of the rows to run.

SECONDS_EACH=${INCIDENT_SECONDS:-60}
QUIET=12
BENCH=$(mktemp -d)

gcc -O2 -o "$BENCH/canary" "$OC_CHECKOUT/tests/bench/canary.c" || exit 1

# A session: "quiet" holds 20 MB and does nothing; "leak" leaks as fast as it can, with three children
# that have set out on their own, and lives on when they are gone.
cat >"$BENCH/quiet" <<'END'
#!/bin/sh
exec payload hold 20971520 900
END
cat >"$BENCH/leak" <<'END'
#!/bin/sh
for i in 1 2 3; do
	setsid payload leak max &
done
payload leak max
sleep 900
END
chmod +x "$BENCH/quiet" "$BENCH/leak"

stall_ms() {
	sed -n 's/^some .*total=//p' "$1" | { read -r usec && echo $((usec / 1000)); }
}

left_over() {
	pgrep -cx payload
}

# run TITLE LEAKING WRAPPER...: LEAKING of the thirteen leak, each started as WRAPPER... PROGRAM.
run() {
	local title=$1 leaking=$2 pids=() bystanders=() i before after alive=0
	[[ $title =~ ${INCIDENT_ONLY:-.} ]] || return 0
	shift 2
	sync
	echo 3 >/proc/sys/vm/drop_caches
	before=$(stall_ms /proc/pressure/memory)
	systemd-run -q --unit=canary-figures --collect --pipe -p OOMScoreAdjust=-900 \
		"$BENCH/canary" "$SECONDS_EACH" sh -c 'git --version >/dev/null' \
		>"$BENCH/figures" </dev/null &
	local canary=$!
	sleep 3
	for i in $(seq 1 $((QUIET + 1))); do
		if [ "$i" -le "$leaking" ]; then
			setsid "$@" "$BENCH/leak" >>"$BENCH/log" 2>&1 </dev/null &
			pids+=($!)
		else
			setsid "$@" "$BENCH/quiet" >>"$BENCH/log" 2>&1 </dev/null &
			bystanders+=($!)
		fi
	done
	wait "$canary"
	after=$(stall_ms /proc/pressure/memory)
	for i in "${bystanders[@]}"; do
		kill -0 "$i" 2>/dev/null && alive=$((alive + 1))
	done
	kill -TERM "${pids[@]}" "${bystanders[@]}" 2>/dev/null
	for i in $(seq 1 30); do
		sleep 1
		kill -0 "${pids[@]}" "${bystanders[@]}" 2>/dev/null || break
	done
	sleep 1
	echo "# $title"
	echo "#   memory stall of the host: $((after - before)) ms in $SECONDS_EACH s"
	sed 's/^/#   canary: /' "$BENCH/figures"
	echo "#   bystanders killed: $((${#bystanders[@]} - alive)) of ${#bystanders[@]}"
	echo "#   processes left: $(left_over)"
	pkill -KILL -x payload
	pkill -KILL -f "$BENCH/leak"
	sleep 2
}

run "idle: thirteen quiet sessions, bare" 0 env
run "oc-run --mem 512M --swap 0, one of thirteen leaks" 1 oc-run -q --mem 512M --swap 0 --
run "oc-run with its defaults, one of thirteen leaks" 1 oc-run -q --
run "oc-run with its defaults, all thirteen leak" 13 oc-run -q --
run "bare, one of thirteen leaks" 1 env
echo "ok 1 - the incident was replayed"
