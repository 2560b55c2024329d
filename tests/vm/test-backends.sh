#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=bookworm also=trixie timeout=2400
#
# Where a session's cgroup comes from, in each kind of login and container. try-backend (tests/sys)
# makes a session with a blocked child and a dummy keeper; see its head.
# In single quotes are texts for the shell in the session, with its variables.
# shellcheck disable=SC2016
. "$OC_VM/lib.sh"

try=/usr/local/libexec/oc-run-tests/try-backend
user_root=/user.slice/user-1000.slice/user@1000.service
id_a=00000000aaaaaaaa

# value KEY of the lines in $said
value() {
	sed -n "s/^$1=//p" <<<"$said" | head -n 1
}

says() {
	is "$(value "$1")" "$2" "$1"
}

# run HELPER ARG...: into $said; the status must be 0. run_bad: 1.
run() {
	said=$("$1" "$try" "${@:2}" 2>&1) || fail "status $?: $said"
}

run_bad() {
	local status=0
	said=$("$1" "$try" "${@:2}" 2>&1) || status=$?
	is "$status" 1 "status of '$said'"
}

# Dev without a login, in the service that runs this script.
as_dev() {
	setpriv --reuid=1000 --regid=1000 --init-groups env -i PATH="$PATH" HOME=/home/dev "$@"
}

as_dev_systemctl() {
	_as_dev_manager systemctl --user "$@"
}

# What is left of sessions: cgroups and units.
leftovers() {
	find /sys/fs/cgroup -type d \( -name 'oc-[0-9a-f]*' -o -name 'oc-probe-*' \) \
		-not -name 'oc-t-*' -not -name 'oc-tests*'
	systemctl list-units --all --no-legend --plain 'oc-*.scope'
	[ ! -S /run/user/1000/bus ] || as_dev_systemctl list-units --all --no-legend --plain 'oc-*.scope'
}

nothing_left() {
	is "$(leftovers)" "" "what is left"
}

eventually_nothing_left() {
	# shellcheck disable=SC2016
	eventually 10 bash -c "$(declare -f leftovers as_dev_systemctl _as_dev_manager); [ -z \"\$(leftovers)\" ]" ||
		nothing_left
}

limits_stand() {
	says memory.max "268435456 enforced"
	says memory.high "209715200 enforced"
	says memory.swap.max "67108864 enforced"
	says pids.max "100 enforced"
	says slice_capped 1
	says gone 1
}

# What the session looks like from inside; the values are the plan's and the head-room.
look='cat /proc/$CHILD/cgroup
echo in_payload=$(cat $PAYLOAD/cgroup.procs) in_keeper=$(wc -l <$KEEPER/cgroup.procs) in_scope=$(wc -l <$SCOPE/cgroup.procs)
for f in memory.max memory.high memory.swap.max pids.max cpu.weight memory.oom.group; do
	echo scope.$f=$(cat $SCOPE/$f)
done
echo payload.oom.group=$(cat $PAYLOAD/memory.oom.group)
echo slice.memory.max=$(cat $SCOPE/../memory.max) slice.pids.max=$(cat $SCOPE/../pids.max) slice.cpu.weight=$(cat $SCOPE/../cpu.weight)'

session_looks_right() {
	limits_stand
	has "$said" "0::$(value SCOPE | sed s:^/sys/fs/cgroup::)/payload"
	has "$said" "in_payload=$(value CHILD) in_keeper=1 in_scope=0"
	says scope.memory.max $((268435456 + 33554432))
	says scope.memory.high max
	says scope.memory.swap.max 69120000	# 64 MiB and 3 %, whole pages
	says scope.pids.max 116
	says scope.cpu.weight 50
	says scope.memory.oom.group 0
	says payload.oom.group 0
	has "$said" "slice.memory.max=1073741824 slice.pids.max=5000 slice.cpu.weight=50"
}

# ---- systemd ---------------------------------------------------------------------------------

root_gets_the_system_manager() {
	for helper in as_root as_root_service; do
		run $helper "$look"
		says backend systemd
		says manager "system systemd"
		says controllers "memory pids cpu io "
		says parent /
		has "$(value SCOPE)" "/sys/fs/cgroup/oc.slice/oc-"
		says io.weight "default 50 enforced"
		session_looks_right
		nothing_left
	done
}

a_user_gets_the_users_manager() {
	for helper in as_user_login as_user_graphical as_user_su as_user_sudo; do
		run $helper "$look"
		says backend systemd
		says manager "user systemd"
		says controllers "memory pids cpu "
		says parent "$user_root"
		has "$(value SCOPE)" "/sys/fs/cgroup$user_root/oc.slice/oc-"
		says io.weight -
		says why ""
		session_looks_right
		nothing_left
	done
}

the_unit_has_its_properties() {
	start_user_manager
	run as_user_login --name 'a "b" %h $x' 'systemctl --user show $UNIT'
	says Description "oc-run session $(value UNIT | sed 's/^oc-//; s/\..*//') (a \"b\" %h \$x)"
	says Slice oc.slice
	says Delegate yes
	says CollectMode inactive-or-failed
	says TimeoutStopUSec 15s
	says SendSIGHUP no
	says OOMPolicy continue
	says MemoryMax $((268435456 + 33554432))
	says MemoryHigh infinity
	says TasksMax 116
	[[ $(value Controller) == :1.* ]] || fail "no controller: '$(value Controller)'"
	nothing_left
}

a_name_that_is_no_utf8_is_no_error() {
	start_user_manager
	said=$(as_user_login bash -c "$try --name \"\$(printf 'a\\377b\\033[1m')\" \
		'systemctl --user show -p Description \$UNIT'") || fail "$said"
	has "$(value Description)" "(a?b?[1m)"
	says gone 1
	nothing_left
}

somebody_elses_runtime_folder_is_not_used() {
	start_user_manager
	said=$(as_dev XDG_RUNTIME_DIR=/run/user/0 "$try" 2>&1) || fail "$said"
	says manager "user systemd"
	limits_stand
	nothing_left
}

# In a mount namespace in which nobody listens at the bus's address.
without_bus() {
	unshare --mount bash -c 'mount --bind /dev/null "$0" && exec "$@"' "$@"
}

without_a_bus_daemon_the_private_socket_serves() {
	start_user_manager
	said=$(without_bus /run/user/1000/bus setpriv --reuid=1000 --regid=1000 --init-groups \
		"$try" "$look") || fail "$said"
	says manager "user systemd"
	session_looks_right
	nothing_left
	# The connection is closed meanwhile; what needs it connects anew.
	said=$(without_bus /run/user/1000/bus setpriv --reuid=1000 --regid=1000 --init-groups \
		"$try" --until-stop --wait=1 --adopt) || fail "$said"
	says adopted "0 $(value KEEPER | sed s:^/sys/fs/cgroup::)"
	says stop never
	says gone 1
	nothing_left
}

root_without_a_system_bus_uses_the_private_socket() {
	said=$(without_bus /run/dbus/system_bus_socket "$try" "$look") || fail "$said"
	says manager "system systemd"
	session_looks_right
	nothing_left
}

without_a_user_manager_the_reason_is_told() {
	run as_user_cron --probe
	says backend none
	says contains 0
	says why "no systemd user manager runs for uid 1000 (/run/user/1000/bus is missing)"
	says remedy 'log in through ssh or a console, or run `sudo loginctl enable-linger dev`'
	run_bad as_user_cron --backend=systemd
	has "$(value error)" 'the backend "systemd" cannot be used: no systemd user manager runs'
	has "$(value error)" "enable-linger dev"
	run_bad as_user_cron --backend=cgroupfs
	has "$(value error)" "has not delegated it"
	nothing_left
}

a_manager_that_hangs_is_given_up() {
	start_user_manager
	pid=$(systemctl show -P MainPID user@1000.service)
	kill -STOP "$pid"
	said=$(as_dev timeout 60 "$try" --probe 2>&1) || true
	kill -CONT "$pid"
	says backend none
	has "$(value why)" "does not answer"
}

a_manager_that_hangs_later_leaves_nothing() {
	start_user_manager
	pid=$(systemctl show -P MainPID user@1000.service)
	status=0
	said=$(as_dev timeout 90 "$try" --before "sudo -n kill -STOP $pid" 2>&1) || status=$?
	kill -CONT "$pid"
	is "$status" 1 "$said"
	says error "systemd did not start the unit \"$(value UNIT)\": no answer in time"
	eventually_nothing_left
}

a_later_process_is_adopted_in_every_login() {
	for helper in as_user_login as_user_graphical as_user_su as_root in_container_leaf; do
		run $helper --adopt
		says adopted "0 $(value KEEPER | sed s:^/sys/fs/cgroup::)"
		says gone 1
	done
}

the_parent_of_the_scope_is_foretold() {
	for helper in as_user_login as_root in_container_leaf in_container_rw; do
		run $helper
		is "$(value scope_parent)" "$(dirname "$(value SCOPE)" | sed 's:^/sys/fs/cgroup$:/:; s:^/sys/fs/cgroup/:/:')"
	done
	run as_root --slice=octa-b-c.slice
	says scope_parent /octa.slice/octa-b.slice/octa-b-c.slice
	is "$(value SCOPE)" "/sys/fs/cgroup$(value scope_parent)/$(value UNIT)"
	systemctl stop octa.slice
	nothing_left
}

# ---- what can go wrong while the scope starts ------------------------------------------------

a_refused_property_is_done_without() {
	# 20000 is out of range for systemd and the kernel: the scope starts without CPUWeight.
	run as_user_login --cpu-weight=20000 'systemctl --user show $UNIT'
	says cpu.weight 100
	says CPUWeight "[not set]"
	says OOMPolicy continue
	[[ $(value Controller) == :1.* ]] || fail "controller was given up too"
	limits_stand
	nothing_left
}

a_limit_that_was_asked_for_and_cannot_be_set_is_an_error() {
	for helper in as_user_login as_root; do
		run_bad $helper --cpu-weight=20000 --asked
		has "$(value error)" 'could not set "cpu.weight" of "'
		nothing_left
	done
}

the_name_of_another_unit_is_left_alone() {
	for helper in as_user_login as_root; do
		run $helper --id=$id_a "$try --id=$id_a; echo inner=\$?; cat \$PAYLOAD/cgroup.procs \$PAYLOAD/memory.max"
		has "$said" "error=systemd did not start the unit \"oc-$id_a.scope\": Unit oc-$id_a.scope was already loaded or has a fragment file."
		has "$said" "inner=1
$(value CHILD)
268435456"
		says gone 1
		nothing_left
	done
}

a_dead_command_is_an_error_and_leaves_nothing() {
	for helper in as_user_login as_root; do
		run_bad $helper --dead-child
		has "$(value error)" "it is dead"
		nothing_left
	done
}

a_dead_command_without_a_keeper_leaves_nothing() {
	for helper in as_user_login as_root; do
		run_bad $helper --dead-child --no-keeper
		has "$(value error)" "it is dead"
		nothing_left
	done
}

a_dead_keeper_is_an_error_and_leaves_nothing() {
	run_bad as_user_login --dead-keeper
	has "$(value error)" "could not move the keeper"
	has "$(value error)" "it is dead"
	nothing_left
}

a_slice_that_cannot_start_is_an_error_and_leaves_nothing() {
	mkdir -p /run/systemd/system
	printf '[Unit]\nAssertPathExists=/nothing/here\n' >/run/systemd/system/octbad.slice
	systemctl daemon-reload
	status=0
	said=$(as_root "$try" --slice=octbad.slice 2>&1) || status=$?
	rm /run/systemd/system/octbad.slice
	systemctl daemon-reload
	is "$status" 1 "$said"
	has "$(value error)" 'systemd could not start the unit "oc-'
	has "$(value error)" 'journalctl -b -u oc-'
	nothing_left
}

# ---- slices ----------------------------------------------------------------------------------

a_slice_of_a_person_keeps_its_limits() {
	printf '[Slice]\nMemoryMax=700M\n' >/run/systemd/system/octmine.slice
	systemctl daemon-reload
	run as_root --slice=octmine.slice 'cat $SCOPE/../memory.max; systemctl show -P MemoryMax octmine.slice'
	rm /run/systemd/system/octmine.slice
	systemctl stop octmine.slice
	systemctl daemon-reload
	has "$(value SCOPE)" /sys/fs/cgroup/octmine.slice/
	has "$said" "734003200
734003200"
	says slice_capped 0
	nothing_left
}

our_slice_keeps_the_limits_of_a_unit_file() {
	systemctl stop oc.slice
	systemctl revert oc.slice
	printf '[Slice]\nMemoryMax=600M\n' >/run/systemd/system/oc.slice
	systemctl daemon-reload
	run as_root 'cat $SCOPE/../memory.max'
	rm /run/systemd/system/oc.slice
	systemctl stop oc.slice
	systemctl daemon-reload
	has "$said" "
629145600
"
	says slice_capped 0
	nothing_left
}

# ---- stopping --------------------------------------------------------------------------------

a_stop_comes_as_a_request_and_kills_nobody() {
	run as_user_login --until-stop '(sleep 1; systemctl --user --no-block stop $UNIT) >/dev/null 2>&1 &'
	says stop asked
	says loop 0
	says gone 1
	run as_root --until-stop '(sleep 1; systemctl --no-block stop $UNIT; sleep 1; kill -0 $CHILD && echo child=alive >child) >/dev/null 2>&1 &'
	says stop asked
	nothing_left
}

a_stop_that_came_early_is_not_lost() {
	run as_user_login --until-stop 'systemctl --user --no-block stop $UNIT; sleep 1; kill -0 $CHILD; echo alive=$?'
	says alive 0
	says stop asked
	says gone 1
	nothing_left
}

a_bus_that_goes_away_is_no_error() {
	start_user_manager
	run as_user_sudo --until-stop --wait=5 'sudo -n pkill -KILL -u dev dbus-daemon; sleep 1'
	says stop never
	says gone 1
	lacks "$said" error=
	eventually 10 test -S /run/user/1000/bus
	nothing_left
}

leaving_a_full_session_ends_what_is_in_it() {
	for helper in as_user_graphical as_root in_container_leaf; do
		run $helper --leave-full 'mkdir $PAYLOAD/deep $PAYLOAD/deep/er $SCOPE/other
			sh -c "echo \$\$ >$SCOPE/other/cgroup.procs && : >/tmp/moved && exec sleep 4321" >/dev/null 2>&1 &
			while [ ! -e /tmp/moved ]; do sleep 0.1; done; rm /tmp/moved'
		says gone 1
		nothing_left
	done
	eventually 5 bash -c '! pgrep -f "^sleep 4321"'
}

sessions_side_by_side_do_not_disturb_each_other() {
	for helper in as_user_sudo as_root in_container_leaf; do
		said=$($helper bash -c "for i in 1 2 3 4 5; do
				(for j in 1 2 3; do $try true || echo broken; done) & done; wait" 2>&1)
		is "$(grep -c '^gone=1$' <<<"$said")" 15 "$said"
		lacks "$said" broken
		lacks "$said" error=
		nothing_left
	done
}

# ---- inside limits ---------------------------------------------------------------------------

a_limited_cgroup_is_not_left() {
	limited="env XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --quiet --pipe --wait --collect
		-p MemoryMax=500M --unit oc-t-limited"
	# shellcheck disable=SC2086
	said=$(as_user_sudo $limited "$try" --probe)
	says backend none
	has "$(value why)" 'oc-run was started in the limited cgroup "/user.slice/'
	has "$(value why)" '(memory.max: 500 MiB)'
	has "$(value remedy)" "--backend=systemd to leave it"
	# shellcheck disable=SC2086
	said=$(as_user_sudo $limited "$try" --backend=systemd)
	says backend systemd
	limits_stand
	nothing_left
}

a_limit_on_the_user_as_a_whole_is_no_hindrance() {
	systemctl set-property --runtime user-1000.slice MemoryMax=1500M
	run as_user_login --probe
	systemctl revert user-1000.slice
	says manager "user systemd"
	says why ""
}

a_delegated_service_with_a_limit_is_used_from_inside() {
	cat >in-sub <<-'END'
		cd "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)" && mkdir sub &&
			echo $$ >sub/cgroup.procs && exec "$0" "$look"
	END
	said=$(systemd-run --quiet --pipe --wait --collect -p MemoryMax=500M -p Delegate=yes \
		--unit oc-t-delegated --setenv=look="$look" bash -c "$(sed 's/\$/$$/g' in-sub)" "$try")
	says backend cgroupfs
	says parent /system.slice/oc-t-delegated.service
	has "$(value SCOPE)" /system.slice/oc-t-delegated.service/oc.slice/oc-
	session_looks_right
	nothing_left
}

a_service_that_is_not_delegated_is_left_alone() {
	said=$(systemd-run --quiet --pipe --wait --collect -p MemoryMax=500M --unit oc-t-plain \
		"$try" --probe)
	says backend none
	has "$(value why)" "limited cgroup"
	said=$(systemd-run --quiet --pipe --wait --collect --unit oc-t-plain "$try" \
		--backend=cgroupfs || true)
	has "$(value error)" 'systemd manages the cgroup "/system.slice/oc-t-plain.service" and has not delegated it'
	nothing_left
}

# ---- in a session ----------------------------------------------------------------------------

nested='echo $$ >$PAYLOAD/cgroup.procs; exec '

a_session_in_a_session_stays_in_its_scope() {
	for helper in as_root as_user_graphical in_container_leaf; do
		run $helper --id=$id_a "$nested $try '
			echo inner=\$SCOPE; cat \$PAYLOAD/pids.max \$SCOPE/pids.max; cat /proc/\$CHILD/cgroup'"
		outer=$(value SCOPE)
		has "$said" "backend=cgroupfs"
		has "$said" "inner=$outer/oc-"
		has "$said" "
100
116
0::${outer#/sys/fs/cgroup}/oc-"
		is "$(grep -c '^gone=1$' <<<"$said")" 2 "$said"
		nothing_left
	done
}

a_session_in_a_session_is_never_a_scope() {
	run as_root --id=$id_a "$nested $try --backend=systemd"
	has "$said" 'error=the backend "systemd" cannot be used: oc-run was started in its session'
	nothing_left
}

an_outer_session_takes_a_crashed_inner_one_along() {
	run as_user_graphical --id=$id_a "$nested $try 'kill -9 \$PPID; sleep 1' & sleep 3"
	says gone 1
	nothing_left
}

# ---- containers ------------------------------------------------------------------------------

a_container_with_processes_in_its_root_only_holds_together() {
	run in_container_rw 'cat /proc/$CHILD/cgroup; ls /sys/fs/cgroup | grep ^oc'
	says backend cgroupfs
	says contains 1
	says controllers ""
	has "$(value why)" 'other processes are in the cgroup "/"'
	has "$(value remedy)" "--backend=cgroupfs or --enforce=kernel"
	has "$said" "0::/oc-"
	lacks "$said" "
oc-init"
	lacks "$said" " enforced"
	says gone 1
}

a_container_makes_room_when_a_person_insists() {
	# The second session finds the controllers on and has no need to insist.
	said=$(in_container_rw bash -c "$try --insist '$look'; cat /proc/self/cgroup; sleep 1 & $try '$look'
		wait; echo left=\$(ls /sys/fs/cgroup | grep ^oc | tr '\n' ' '); cat /proc/1/cgroup")
	says controllers "memory pids cpu "
	session_looks_right
	is "$(grep -c '^gone=1$' <<<"$said")" 2 "$said"
	is "$(grep -c '^memory.max=268435456 enforced$' <<<"$said")" 2 "$said"
	has "$said" "0::/oc-init"
	has "$said" "left=oc-init"
}

a_container_that_hands_controllers_down_needs_nothing() {
	run in_container_leaf "$look"
	says controllers "memory pids cpu "
	says parent /
	session_looks_right
	said=$(in_container_leaf bash -c "$try >/dev/null; ls /sys/fs/cgroup | grep ^oc; true")
	is "$said" ""
}

a_clash_of_names_in_a_container_leaves_the_first_alone() {
	run in_container_leaf --id=$id_a "$try --id=$id_a; echo inner=\$?; cat \$PAYLOAD/cgroup.procs"
	has "$said" "error=could not make the cgroup \"oc-$id_a\" below \"/\": File exists"
	has "$said" "inner=1
$(value CHILD)"
	says gone 1
}

a_dead_command_in_a_container_leaves_nothing() {
	said=$(in_container_leaf bash -c "$try --dead-child; echo status=\$?; ls /sys/fs/cgroup | grep ^oc; echo end")
	has "$said" "it is dead"
	has "$said" "status=1
end"
}

a_read_only_container_has_no_cgroup() {
	run in_container_ro
	says backend none
	says why '"/sys/fs/cgroup" is mounted read-only here'
	has "$(value remedy)" "writable"
	run_bad in_container_ro --backend=cgroupfs
	has "$(value error)" "read-only"
}

a_limited_container_is_not_left() {
	export OC_CONTAINER_PROPERTIES="MemoryMax=400M TasksMax=300"
	run in_container_leaf "$look"
	session_looks_right
	says parent /
}

an_unprivileged_user_in_a_container_is_told() {
	said=$(in_container_leaf setpriv --reuid=1000 --regid=1000 --clear-groups "$try" --probe)
	says backend none
	has "$(value why)" "uid 1000 may not make cgroups"
}

a_manager_outside_of_the_container_is_not_asked() {
	# As in containers that are given the host's runtime folder: pids would mean other processes.
	start_user_manager
	said=$(unshare --pid --fork --mount-proc setpriv --reuid=1000 --regid=1000 --init-groups \
		"$try" --probe)
	says backend none
	has "$(value why)" "runs outside of this container"
}

t "root gets a scope of the system manager" root_gets_the_system_manager 300
t "a user gets a scope of the user's manager" a_user_gets_the_users_manager 300
t "the scope has its properties" the_unit_has_its_properties
t "a name that is no UTF-8 is no error" a_name_that_is_no_utf8_is_no_error
t "somebody else's runtime folder is not used" somebody_elses_runtime_folder_is_not_used
t "without a bus daemon the user manager's private socket serves" without_a_bus_daemon_the_private_socket_serves
t "without a system bus root uses the private socket" root_without_a_system_bus_uses_the_private_socket
t "without a user manager the reason and the remedy are told" without_a_user_manager_the_reason_is_told
t "a manager that hangs is given up" a_manager_that_hangs_is_given_up
t "a manager that hangs while the scope starts leaves nothing" a_manager_that_hangs_later_leaves_nothing 300
t "a process that was started later is adopted in every login" a_later_process_is_adopted_in_every_login 300
t "the scope's folder is known beforehand" the_parent_of_the_scope_is_foretold
t "a property that systemd refuses is done without" a_refused_property_is_done_without
t "a limit that was asked for and cannot be set is an error" a_limit_that_was_asked_for_and_cannot_be_set_is_an_error
t "another unit of the same name is left alone" the_name_of_another_unit_is_left_alone
t "a command that died before it was moved leaves nothing" a_dead_command_is_an_error_and_leaves_nothing
t "a dead command without a keeper leaves nothing" a_dead_command_without_a_keeper_leaves_nothing
t "a keeper that died before it was moved leaves nothing" a_dead_keeper_is_an_error_and_leaves_nothing
t "a start job that fails leaves nothing" a_slice_that_cannot_start_is_an_error_and_leaves_nothing
t "a person's slice keeps its limits" a_slice_of_a_person_keeps_its_limits
t "our slice keeps the limits of a unit file" our_slice_keeps_the_limits_of_a_unit_file
t "a stop comes as a request and kills nobody" a_stop_comes_as_a_request_and_kills_nobody
t "a stop that came early is not lost" a_stop_that_came_early_is_not_lost
t "a bus that goes away is no error" a_bus_that_goes_away_is_no_error
t "leaving a full session ends what is in it" leaving_a_full_session_ends_what_is_in_it
t "sessions side by side do not disturb each other" sessions_side_by_side_do_not_disturb_each_other 300
t "a limited cgroup is not left" a_limited_cgroup_is_not_left
t "a limit on the user as a whole is no hindrance" a_limit_on_the_user_as_a_whole_is_no_hindrance
t "a delegated service with a limit is used from inside" a_delegated_service_with_a_limit_is_used_from_inside
t "a service that is not delegated is left alone" a_service_that_is_not_delegated_is_left_alone
t "a session in a session stays in its scope" a_session_in_a_session_stays_in_its_scope 300
t "a session in a session is never a scope" a_session_in_a_session_is_never_a_scope
t "an outer session takes a crashed inner one along" an_outer_session_takes_a_crashed_inner_one_along
t "a container with processes in its root only holds together" a_container_with_processes_in_its_root_only_holds_together
t "a container makes room when a person insists" a_container_makes_room_when_a_person_insists
t "a container that hands controllers down needs nothing" a_container_that_hands_controllers_down_needs_nothing
t "a clash of names in a container leaves the first alone" a_clash_of_names_in_a_container_leaves_the_first_alone
t "a dead command in a container leaves nothing" a_dead_command_in_a_container_leaves_nothing
t "a read-only container has no cgroup" a_read_only_container_has_no_cgroup
t "a limited container is not left" a_limited_container_is_not_left
t "a user in a container is told" an_unprivileged_user_in_a_container_is_told
t "a manager outside of the container is not asked" a_manager_outside_of_the_container_is_not_asked
