#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=2G swap=500M
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# --detach where systemd runs: out of the login, out of the session around it, below the same slice.

TREE=/sys/fs/cgroup

# listed AS NAME
listed() {
	$1 oc-ctl list --json | grep -q "\"name\":	\"$2\""
}

gone() {
	! listed "$1" "$2"
}

# field AS NAME FIELD
field() {
	$1 oc-ctl show --json "$2" | python3 -c "import json,sys; print(json.load(sys.stdin)['sessions'][0]['$3'])"
}

# Where the session's oc-run is.
supervisor_cgroup() {
	sed -n 's/^0:://p' "/proc/$(field "$1" "$2" supervisor_pid)/cgroup"
}

# no_units AS MANAGER: services of supervisors that are over are not kept.
no_units() {
	[ -z "$($1 systemctl "$2" list-units --all --no-legend 'oc-run-*')" ]
}

# lives_on AS MANAGER: after the login (or service) that it was started from is over.
lives_on() {
	local as=$1 manager=$2 said id path where
	said=$($as oc-run --detach -n outdoors --mem 200M --pids 50 -- sleep 1000 2>err)
	id=$said
	has "$(cat err)" "oc-ctl stop ${id:0:8}"
	lacks "$(cat err)" "enable-linger"
	sleep 2
	listed "$as" outdoors
	path=$TREE$(field "$as" outdoors cgroup)/payload
	has "$path" "/oc.slice/oc-$id.scope/"
	is "$(cat "$path/memory.max")" $((200 << 20))
	is "$(cat "$path/pids.max")" 50
	where=$(supervisor_cgroup "$as" outdoors)
	has "$where" "/oc-run-"
	has "$where" .service
	lacks "$where" session-
	$as oc-ctl stop outdoors
	gone "$as" outdoors
	eventually 10 no_units "$as" "$manager"
}

user_lives_on() {
	start_user_manager
	lives_on as_user_login --user
}

graphical_lives_on() {
	lives_on as_user_graphical --user
}

su_lives_on() {
	lives_on as_user_su --user
}

root_lives_on() {
	lives_on as_root --system
}

service_lives_on() {
	lives_on as_root_service --system
}

killed_logins() {
	start_user_manager
	mkdir -p /run/systemd/logind.conf.d
	printf '[Login]\nKillUserProcesses=yes\n' >/run/systemd/logind.conf.d/kill.conf
	systemctl restart systemd-logind
	lives_on as_user_login --user
	rm /run/systemd/logind.conf.d/kill.conf
	systemctl restart systemd-logind
}

# What runs must be told to be short-lived, and must not be left behind.
without_linger() {
	stop_user_manager || return
	as_user_login oc-run --detach -n brief -- sleep 1234 2>err
	has "$(cat err)" "loginctl enable-linger"
	eventually 60 test ! -e /run/user/1000
	is "$(pgrep -c -f 'sleep 1234' || true)" 0
}

# outlives AS: the session that it was started from, which ends by itself, or is stopped.
outlives() {
	local as=$1 pid outer
	$as bash -c 'oc-run -q -n outer -- bash -c "oc-run -q --detach -n inner -- sleep 1000"' >id
	eventually 20 gone "$as" outer
	listed "$as" inner
	is "$(field "$as" inner session)" "$(cat id)"
	pid=$(field "$as" inner supervisor_pid)
	lacks "$(tr '\0' '\n' <"/proc/$pid/environ")" OC_RUN_SESSION
	$as oc-ctl stop inner

	$as oc-run -q -n outer -- bash -c 'oc-run -q --detach -n inner -- sleep 1000; sleep 1000' >id &
	eventually 20 listed "$as" inner
	outer=$(field "$as" outer cgroup)
	lacks "$(field "$as" inner cgroup)" "$outer"
	lacks "$(supervisor_cgroup "$as" inner)" "$outer"
	$as oc-ctl kill outer
	eventually 20 gone "$as" outer
	is "$(field "$as" inner state)" running
	$as oc-ctl stop inner
	gone "$as" inner
}

user_outlives() {
	start_user_manager
	outlives as_user_login
}

root_outlives() {
	outlives as_root
}

# Somebody has made a session's environment that of the manager.
imported_environment() {
	local pid
	start_user_manager
	as_user_login oc-run -q -n outer -- bash -c \
		'systemctl --user import-environment OC_RUN_SESSION; oc-run -q --detach -n inner -- sleep 1000; sleep 1' >id
	listed as_user_login inner
	pid=$(field as_user_login inner supervisor_pid)
	lacks "$(tr '\0' '\n' <"/proc/$pid/environ")" OC_RUN_SESSION
	as_user_login systemctl --user unset-environment OC_RUN_SESSION
	as_user_login oc-ctl stop inner
}

# shellcheck disable=SC2016
output_is_in_the_journal() {
	local as=$1
	$as oc-run --detach -n 'noisy one' --mem 100M --swap 0 -- \
		bash -c 'echo "to out $HOME"; echo to err >&2; payload leak 200M --max 1G' 2>err
	eventually 30 gone "$as" noisy
	has "$(cat err)" 'its output: journalctl '
	journalctl --sync
	$as bash -c "$(sed -n 's/.*its output: //p' err) --no-pager -o cat" >said
	has "$(cat said)" "to out /"
	has "$(cat said)" "to err"
	# The report of the end, too.
	has "$(cat said)" "100 MiB"
}

user_output() {
	start_user_manager
	output_is_in_the_journal as_user_login
}

root_output() {
	output_is_in_the_journal as_root
}

cannot_run() {
	local status=0
	start_user_manager
	as_user_login oc-run --detach -- no-such-command 2>err || status=$?
	is "$status" 127
	has "$(cat err)" no-such-command
	eventually 10 no_units as_user_login --user
}

# shellcheck disable=SC2016
interrupted_while_waiting() {
	local pid
	start_user_manager
	as_user_login oc-run -q --detach -n first -- sleep 1000
	as_user_login bash -c 'echo $$ >"$1"; exec oc-run --detach -n second --max-sessions 1 --wait -- sleep 1000' \
		_ /var/tmp/second.pid 2>err &
	eventually 20 grep -q "waits for a place" err
	pid=$(cat /var/tmp/second.pid)
	kill -INT "$pid"
	eventually 10 no_second
	as_user_login oc-ctl stop first
	sleep 3
	gone as_user_login second
	rm /var/tmp/second.pid
}

# One service is the first one's.
no_second() {
	[ "$(as_user_login systemctl --user list-units --all --no-legend 'oc-run-*' | wc -l)" = 1 ]
}

cron_is_refused() {
	local status=0
	as_user_cron oc-run --detach -- sleep 1000 2>err || status=$?
	is "$status" 125
	has "$(cat err)" "loginctl enable-linger"
	is "$(wc -l <err)" 1
}

# In containers without systemd: out of the outer session's cgroup, to where its oc-run is.
# shellcheck disable=SC2016
in_container() {
	"$1" bash -c '
		set -e
		oc-run -q -n outer -- bash -c "oc-run -q --detach -n inner -- bash -c \"echo \\\$\\\$ >/tmp/pid; exec sleep 1000\"" >id
		sleep 1
		oc-ctl list
		kill -0 "$(cat /tmp/pid)"
		echo "inner is in $(sed -n s/^0:://p "/proc/$(cat /tmp/pid)/cgroup")"
		[ "$(oc-ctl list | grep -c running)" = 1 ]
		oc-ctl stop inner
		[ "$(oc-ctl list 2>&1 | grep -c running)" = 0 ]
	' >said 2>&1 || fail "$(cat said)"
}

container_leaf() {
	in_container in_container_leaf
	has "$(cat said)" "inner is in /"
}

container_ro() {
	in_container in_container_ro
}

t "a detached session outlives the login, with its limits in the same slice" user_lives_on
t "the same from a desktop" graphical_lives_on
t "the same after su" su_lives_on
t "the same for root" root_lives_on
t "the same from a system service" service_lives_on
t "also where logind kills what a login leaves" killed_logins
t "without linger it is said that it ends with the last login, and it does" without_linger 180
t "it outlives the session that it was started from" user_outlives
t "the same for root's session" root_outlives
t "a session's variable in the manager's environment does no harm" imported_environment
t "its output and report are where it is told" user_output
t "the same for root's session, in the system's journal" root_output
t "a command that can't be run leaves no unit" cannot_run
t "Ctrl-C while it waits for a place ends the waiting" interrupted_while_waiting
t "where nothing would keep it alive it is refused" cron_is_refused
t "in a container with cgroups it leaves the session around it" container_leaf
t "in a container without it does, too" container_ro
