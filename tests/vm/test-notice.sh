#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm
#
# Telling the person, with the kernel's limits and the buses of real logins: the desktop is
# notify-server (tests/tools) on the session bus of dev's user manager. tests/cli/test_notice.py has
# the rest: markup, tmux, and what hangs.
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

bus=unix:path=/run/user/1000/bus

# desktop: from here on notifications stand in $seen, a line of JSON each.
desktop() {
	folder=$(mktemp -d /var/tmp/oc-t-desktop-XXXXXX)
	chown dev: "$folder"
	seen=$folder/seen
	start_user_manager
	as_user_graphical notify-server "$seen" >"$folder/out" 2>&1 &
	eventually 20 grep -q ready "$folder/out"
}

# count PATTERN: how many notifications have it in their summary.
count() {
	touch "$seen"
	sed 's/,"body":.*//' "$seen" | grep -c "\"summary\":\"[^\"]*$1" || true
}

# The report of the session that has just run, as one line.
report() {
	tr -d '\n\t' <"$folder/report"
}

# notices KIND: the journal's entries about it, their text.
notices() {
	journalctl --sync
	journalctl -o cat --output-fields=MESSAGE OC_RUN_NOTICE="$1" OC_RUN_SESSION="$(session)"
}

session() {
	report | sed 's/.*"session": *"\([0-9a-f]*\)".*/\1/'
}

# A leak that the kernel stops, not a tool that is asked to end before.
small=(--mem 200M --swap 0 --pressure notice)

run() {
	as_user_graphical oc-run --report "$folder/report" "$@"
}

# How often the kernel counted memory.high.
crossings() {
	[[ $(report) =~ \"memory.events\":\ *\{[^}]*\"high\":\ *([0-9]+) ]]
	echo "${BASH_REMATCH[1]}"
}

crossing_memory_high_is_one_notification() {
	desktop
	run --mem 300M --swap 0 -- sh -c 'for i in 1 2 3 4 5 6; do payload hold 270M 1; done; exit 4' ||
		is "$?" 4 "status"
	is "$(count .)" 1 "notifications ($(cat "$seen"))"
	is "$(count "sh is running short of memory")" 1 "of them about memory"
	[ "$(crossings)" -gt 0 ] || fail "memory.high was not crossed"
	has "$(cat "$seen")" 'MiB of 300 MiB in use'
	has "$(cat "$seen")" 'Largest: payload 2'
	has "$(cat "$seen")" 'or start with --mem 512M next time.'
	has "$(cat "$seen")" '"hints":{"urgency":1,"transient":true}'
	is "$(notices memory | wc -l)" 1 "entries of the journal"
	has "$(notices memory)" "sh is running short of memory. "
}

a_line_that_is_crossed_all_the_time_is_one_notification() {
	desktop
	run --mem 300M --high 200M --livelock-guard no --swap 0 -- sh -c \
		'for i in 1 2 3 4; do payload hold 204M 1; done; exit 4' || is "$?" 4 "status"
	is "$(count .)" 1 "notifications ($(cat "$seen"))"
	[ "$(crossings)" -gt 10 ] || fail "crossings of memory.high: $(crossings)"
}

page_cache_is_no_notification() {
	desktop
	run "${small[@]}" -- sh -c "payload cache $folder/big 600M; rm $folder/big"
	[ "$(crossings)" -gt 0 ] || fail "memory.high was not crossed"
	is "$(count .)" 0 "notifications"
}

the_kernels_kill_is_a_critical_notification() {
	desktop
	run "${small[@]}" -- sh -c 'payload leak max --max 600M; exit 4' || is "$?" 4 "status"
	is "$(count "sh: payload was killed for memory")" 1 "notifications about it ($(cat "$seen"))"
	grep "was killed" "$seen" >last
	has "$(cat last)" "the session's limit is 200 MiB."
	has "$(cat last)" '--mem 384M next time.'
	has "$(cat last)" '"hints":{"urgency":2}'
	has "$(notices kill)" "payload was killed for memory. It was payload (pid "
}

# Without the kernel's log: who was there and is gone. The command is gone as well, but was not killed.
a_command_that_ends_after_its_tools_kill_is_not_blamed() {
	desktop
	for _ in 1 2 3 4 5 6 7 8; do
		run "${small[@]}" -- sh -c 'payload leak 150M --max 600M; exit 4' || is "$?" 4 "status"
		lacks "$(report)" '"name":"dash"'
		has "$(report)" '"outcome":"tool-killed"'
	done
	is "$(count "sh was killed")" 0 "notifications that blame it"
}

the_killed_command_is_told_as_well() {
	desktop
	run "${small[@]}" -- payload leak max --max 600M || is "$?" 137 "status"
	is "$(count "payload was killed for memory")" 1 "notifications about it ($(cat "$seen"))"
}

a_kill_from_above_is_not_blamed_on_the_session() {
	desktop
	# All sessions together have a cap; here it is below the session's own.
	run --mem 300M --swap 0 -- sh -c '
		systemctl --user set-property --runtime oc.slice MemoryMax=150M MemorySwapMax=0
		payload leak max --max 250M
		systemctl --user set-property --runtime oc.slice MemoryMax=infinity
		exit 4' || is "$?" 4 "status"
	grep "was killed" "$seen" >last
	has "$(cat last)" "the machine, or all sessions together, ran out of memory"
	lacks "$(cat last)" "--mem"
}

denied_forks_are_one_notification() {
	desktop
	run --pids 40 -- sh -c 'for i in 1 2 3; do timeout 3 payload tasks 60; done; exit 4' ||
		is "$?" 4 "status"
	is "$(count "can't start more processes or threads")" 1 "notifications ($(cat "$seen"))"
	has "$(cat "$seen")" "of 40 tasks in use"
	has "$(cat "$seen")" '--pids 80 next time.'
}

a_login_over_ssh_is_told_on_the_same_users_desktop() {
	desktop
	as_user_login oc-run -q "${small[@]}" -- payload leak max --max 600M || is "$?" 137 "status"
	is "$(count "was killed")" 1 "notifications about it"
}

root_does_not_use_the_persons_bus() {
	desktop
	for address in "$bus" ""; do
		as_root env DBUS_SESSION_BUS_ADDRESS="$address" XDG_RUNTIME_DIR=/run/user/1000 DISPLAY=:0 \
			oc-run -q "${small[@]}" -- payload leak max --max 600M || is "$?" 137 "status"
	done
	as_user_graphical sudo --preserve-env=DBUS_SESSION_BUS_ADDRESS,DISPLAY \
		oc-run -q "${small[@]}" -- payload leak max --max 600M || is "$?" 137 "status"
	is "$(count .)" 0 "notifications"
}

t "crossing memory.high is one notification" crossing_memory_high_is_one_notification
t "a --high that is crossed all the time is one notification" \
	a_line_that_is_crossed_all_the_time_is_one_notification 300
t "page cache that crosses memory.high is no notification" page_cache_is_no_notification
t "a kill by the kernel is a critical notification and an entry of the journal" \
	the_kernels_kill_is_a_critical_notification
t "a command that ends after its tool was killed is not told to have been killed" \
	a_command_that_ends_after_its_tools_kill_is_not_blamed 300
t "the command that the kernel killed is told as well" the_killed_command_is_told_as_well
t "a kill by the cap of all sessions is not blamed on the session's limit" \
	a_kill_from_above_is_not_blamed_on_the_session
t "denied forks are one notification" denied_forks_are_one_notification
t "a login over ssh is told on the same user's desktop" \
	a_login_over_ssh_is_told_on_the_same_users_desktop
t "root does not use the bus of the person who became it" root_does_not_use_the_persons_bus
