#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm
#
# The guest and the helpers of lib.sh are what the other tests take them for.
# shellcheck disable=SC2016 # much here is for another shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

# ---- the harness -----------------------------------------------------------------------------

# What a script with these lines prints, and its status as the last line.
script_says() {
	printf '. "$OC_VM/lib.sh"\n%s\n' "$1" >inner.sh
	bash inner.sh 2>&1 && echo "status 0" || echo "status $?"
}

failing_command_fails_its_test() {
	said=$(script_says 'f() { true; false; echo not here; }; t "a" f; g() { true; }; t "b" g')
	has "$said" "not ok 1 - a"
	has "$said" "line 2 of f: false: status 1"
	has "$said" "ok 2 - b"
	has "$said" "status 1"
	lacks "$said" "not here"
}

failing_comparison_fails_its_test() {
	said=$(script_says 'f() { is 1 2 "number"; }; t "a" f')
	has "$said" "number is '1', expected '2'"
	has "$said" "called from line 2 of f"
	has "$said" "not ok 1"
}

failing_pipeline_in_a_substitution_fails_its_test() {
	said=$(script_says 'f() { local x; x=$(false | cat); }; t "a" f')
	has "$said" "not ok 1"
}

late_test_is_killed() {
	said=$(script_says 'f() { sleep 4321 & sleep 4321; }; t "a" f 2')
	has "$said" "not ok 1 - a"
	has "$said" "killed after 2 s"
	! pgrep -f '^sleep 4321'
}

skip_is_loud() {
	said=$(script_says 'f() { skip no reason; }; t "a" f')
	has "$said" "ok 1 - a # SKIP no reason"
	has "$said" "status 0"
}

status_77_alone_is_no_skip() {
	has "$(script_says 'f() { exit 77; }; t "a" f')" "not ok 1 - a"
}

tap_of_a_command_is_taken_over() {
	said=$(script_says 'f() { printf "TAP version 13\n1..2\nok 1 - x y\nnot ok 2 z\n# why\n"; return 3; }
		t "a" true; tap deep f; g() { echo "1..0 # SKIP none here"; }; tap skipped g')
	has "$said" "ok 1 - a
ok 2 - deep: x y
not ok 3 - deep: z
# why
not ok 4 - deep: status 3
ok 5 - skipped # SKIP none here
1..5
status 1"
}

script_that_breaks_off_fails() {
	said=$(script_says 'f() { true; }; t "a" f; exit 3')
	has "$said" "not ok 2 - inner.sh reaches its end (status 3)"
	has "$(script_says 'true')" "not ok 1 - inner.sh has tests"
}

test_has_stdin_at_its_end_and_a_folder_of_its_own() {
	is "$(cat)" ""
	has "$PWD" /var/tmp/oc-t-
}

# ---- the guest -------------------------------------------------------------------------------

system_is_up_without_failed_units() {
	is "$(systemctl is-system-running --wait)" running "$(systemctl --failed --plain)"
}

cgroup_v2_has_all_controllers_we_limit() {
	is "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs
	for controller in cpu io memory pids; do
		has " $(cat /sys/fs/cgroup/cgroup.controllers) " " $controller "
	done
}

pressure_is_reported() {
	has "$(cat /proc/pressure/memory)" "full avg10"
}

scripts_are_not_favoured_by_the_oom_killer() {
	is "$(cat /proc/self/oom_score_adj)" 0
	as_user_login bash -c '[ "$(cat /proc/self/oom_score_adj)" = 0 ]'
}

dev_may_sudo_without_a_password() {
	is "$(as_user_cron sudo -n id -u)" 0
}

no_root_session_is_there_by_itself() {
	is "$(loginctl list-sessions --no-legend)" ""
}

oc_run_is_installed() {
	is "$(command -v oc-run)" /usr/local/bin/oc-run
	is "$(command -v payload)" /usr/local/bin/payload
}

# ---- logins ----------------------------------------------------------------------------------

# What a login looks like from inside.
show='echo "uid=$(id -u) home=$HOME pwd=$PWD dir=${XDG_RUNTIME_DIR-unset} bus=${DBUS_SESSION_BUS_ADDRESS-unset}"; cat /proc/self/cgroup'

manager_has_memory_and_pids() {
	start_user_manager
	has "$(cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers)" \
		"memory pids"
}

login_is_a_session_with_a_manager() {
	stop_user_manager
	said=$(as_user_login bash -c "$show; loginctl show-session \$XDG_SESSION_ID -p Class -p Active -p Name
		systemctl --user is-active default.target")
	has "$said" "uid=1000 home=/home/dev pwd=/home/dev dir=/run/user/1000 bus=unix:path=/run/user/1000/bus"
	[[ $said =~ 0::/user.slice/user-1000.slice/session-[0-9c]+.scope ]] || fail "$said"
	has "$said" Class=user
	has "$said" Name=dev
	has "$said" "
active"
}

graphical_is_below_app_slice() {
	said=$(as_user_graphical bash -c "$show"'; echo $DISPLAY')
	has "$said" "dir=/run/user/1000 bus=unix:path=/run/user/1000/bus"
	has "$said" "0::/user.slice/user-1000.slice/user@1000.service/app.slice/oc-t-"
	has "$said" ":0"
}

su_has_a_manager_but_no_way_to_it() {
	said=$(as_user_su bash -c "$show; ls /run/user/1000/bus; echo \"\$1\"" x "a  b")
	has "$said" "uid=1000 home=/home/dev pwd=/home/dev dir=unset bus=unset"
	[[ $said =~ 0::/user.slice/user-0.slice/session-[0-9c]+.scope ]] || fail "$said"
	has "$said" /run/user/1000/bus
	has "$said" "a  b"
}

sudo_has_a_manager_but_no_way_to_it() {
	said=$(as_user_sudo bash -c "$show; ls /run/user/1000/bus")
	has "$said" "uid=1000 home=/home/dev pwd=/home/dev dir=unset bus=unset"
	[[ $said =~ 0::/user.slice/user-0.slice/session-[0-9c]+.scope ]] || fail "$said"
}

cron_has_no_manager() {
	start_user_manager
	said=$(as_user_cron bash -c "$show; ls -d /run/user/1000 2>&1; systemctl is-active user@1000.service" || true)
	has "$said" "uid=1000 home=/home/dev pwd=/home/dev dir=unset bus=unset"
	has "$said" "0::/system.slice/oc-t-"
	has "$said" "No such file"
	has "$said" inactive
}

root_is_a_session() {
	said=$(as_root bash -c "$show")
	has "$said" "uid=0 home=/root pwd=/root dir=/run/user/0"
	[[ $said =~ 0::/user.slice/user-0.slice/session-[0-9c]+.scope ]] || fail "$said"
	said=$(as_root_service bash -c "$show")
	has "$said" "uid=0 home= pwd=/root dir=unset"
	has "$said" "0::/system.slice/oc-t-"
}

status_and_streams_are_passed_on() {
	for helper in as_user_login as_user_graphical as_user_su as_user_sudo as_user_cron as_root \
		as_root_service in_container_rw in_container_ro in_container_leaf; do
		status=0
		said=$(echo in | $helper bash -c 'read -r x; echo "$x"; echo err >&2; exit 7' 2>err) ||
			status=$?
		is "$status" 7 "$helper: status"
		is "$said" in "$helper: stdout"
		has "$(cat err)" err
	done
}

dollars_and_percents_stay_as_they_are() {
	for helper in as_user_login as_user_graphical as_user_su as_user_sudo as_user_cron as_root \
		in_container_rw; do
		is "$($helper printf %s '$HOME $$ %h ${x}  "y"')" '$HOME $$ %h ${x}  "y"' "$helper"
	done
}

signal_is_passed_on_as_a_failure() {
	status=0
	as_user_cron bash -c 'kill -KILL $$' || status=$?
	[ "$status" != 0 ]
}

# ---- containers ------------------------------------------------------------------------------

container_is_one() {
	for helper in in_container_rw in_container_leaf in_container_ro; do
		said=$($helper bash -c 'id -u; ls -d /run/systemd/system /run/user 2>&1; systemctl is-active x 2>&1; ps -e | wc -l')
		lacks "$said" "
/run"
		[[ $said == 0* ]] || fail "$helper: $said"
		# pid 1, bash, ps, wc and the heading
		[ "$(tail -n 1 <<<"$said")" -le 6 ] || fail "$helper: $said"
	done
}

rw_container_can_make_cgroups_but_not_pass_controllers_on() {
	said=$(in_container_rw bash -c 'cd /sys/fs/cgroup; cat /proc/self/cgroup cgroup.controllers
		mkdir a && echo made; echo $$ >a/cgroup.procs && cat /proc/self/cgroup
		echo +memory >cgroup.subtree_control' 2>&1 || true)
	has "$said" "0::/
"
	has "$said" "memory pids"
	has "$said" "made
0::/a"
	has "$said" "Device or resource busy"
}

leaf_container_passes_controllers_on() {
	said=$(in_container_leaf bash -c 'cd /sys/fs/cgroup; cat /proc/self/cgroup
		mkdir a && echo 100M >a/memory.max && echo 50 >a/pids.max && cat a/memory.max a/pids.max')
	has "$said" "0::/init"
	has "$said" "104857600
50"
}

ro_container_cannot_write() {
	said=$(in_container_ro bash -c 'cat /proc/self/cgroup; mkdir /sys/fs/cgroup/a' 2>&1 || true)
	has "$said" "0::/
"
	has "$said" "Read-only file system"
}

container_shows_its_own_limit() {
	export OC_CONTAINER_PROPERTIES="MemoryMax=300M TasksMax=200"
	is "$(in_container_ro cat /sys/fs/cgroup/memory.max)" 314572800
	is "$(in_container_rw cat /sys/fs/cgroup/pids.max)" 200
}

nothing_of_a_test_outlives_it() {
	said=$(script_says 'f() { start_user_manager; as_user_graphical sleep 4322 & as_user_login sleep 4322 & eventually 5 pgrep -f "^sleep 4322"; sleep 3; }
		t "a" f; pgrep -fc "^sleep 4322"')
	has "$said" "ok 1 - a"
	eventually 5 bash -c '! pgrep -f "^sleep 4322"'
}

t "a failing command fails its test" failing_command_fails_its_test
t "a failing comparison fails its test" failing_comparison_fails_its_test
t "a failing pipeline in a substitution fails its test" failing_pipeline_in_a_substitution_fails_its_test
t "a late test is killed with its children" late_test_is_killed
t "a skip is printed with its reason" skip_is_loud
t "status 77 alone is no skip" status_77_alone_is_no_skip
t "the TAP of a command is taken over" tap_of_a_command_is_taken_over
t "a script that breaks off or has no tests fails" script_that_breaks_off_fails
t "a test has an empty stdin and a folder of its own" test_has_stdin_at_its_end_and_a_folder_of_its_own
t "the system is up without failed units" system_is_up_without_failed_units
t "cgroup v2 has cpu, io, memory and pids" cgroup_v2_has_all_controllers_we_limit
t "memory pressure is reported" pressure_is_reported
t "scripts run with oom_score_adj 0" scripts_are_not_favoured_by_the_oom_killer
t "dev may sudo without a password" dev_may_sudo_without_a_password
t "no root session is there by itself" no_root_session_is_there_by_itself
t "oc-run and payload are on PATH" oc_run_is_installed
t "dev's user manager has the memory and pids controllers" manager_has_memory_and_pids
t "a login is a session with a user manager" login_is_a_session_with_a_manager
t "a graphical login is below app.slice" graphical_is_below_app_slice
t "su leaves a user manager but no way to it in the environment" su_has_a_manager_but_no_way_to_it
t "sudo leaves a user manager but no way to it in the environment" sudo_has_a_manager_but_no_way_to_it
t "cron has no user manager and no runtime folder" cron_has_no_manager
t "root logs in to a session; a root service has none" root_is_a_session
t "status, stdin, stdout and stderr are passed on" status_and_streams_are_passed_on
t "dollars, percents and quotes in arguments stay as they are" dollars_and_percents_stay_as_they_are
t "death by a signal is passed on as a failure" signal_is_passed_on_as_a_failure
t "a container has its own pids and no systemd" container_is_one
t "a writable container can make cgroups but pass no controllers on" rw_container_can_make_cgroups_but_not_pass_controllers_on
t "a container with a leaf passes controllers on" leaf_container_passes_controllers_on
t "a read-only container cannot write its cgroup" ro_container_cannot_write
t "a container shows its own limit" container_shows_its_own_limit
t "nothing of a test outlives it" nothing_of_a_test_outlives_it
