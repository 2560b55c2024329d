#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: when=full suites=trixie memory=3G cpus=2 timeout=1800
#
# What comes of attempts to get out of a session, or round its limits, at each level of the guard. The
# table of oc-run(1) is what this test saw: it is written to $OC_RESULTS/escapes.scd, and compared.
# shellcheck disable=SC2016 # the attempts are for the session's shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

loginctl enable-linger dev
mkdir -p /home/dev/project
chown dev: /home/dev/project
work=/tmp/escapes
scope_of() { echo "/sys/fs/cgroup$(cat "$1/cgroup")"; }

# Where the limits of the attempt's session are; in the session, and outside of it.
prologue='
self=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
scope=${self%/payload}
echo "${scope#/sys/fs/cgroup}" >$W/cgroup
unit=${scope##*/}
manager=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
supervisor=$PPID
keeper=$(pgrep -P $PPID -f "oc-run" | grep -vx $$ | head -n 1)
out="payload mark $W/pid payload wait"
'

# name, what is tried, the script; told apart by how it is looked at: a process, a limit, the session.
names=() titles=() kinds=() scripts=()
attempt() {
	names+=("$1") titles+=("$2") kinds+=("$3") scripts+=("$4")
}

attempt fork "double fork" process 'payload daemon $out'
attempt setsid "setsid" process 'setsid $out &'
attempt environment "double fork with an empty environment" process \
	'env -i PATH="$PATH" payload daemon $out'
attempt service "systemd-run, as a service of the user" process 'systemd-run --user -q $out'
attempt own-scope "systemd-run --scope" process 'systemd-run --user --scope -q $out &'
attempt system "systemd-run, as a service of the system" process \
	'systemd-run --system --no-ask-password -q $out'
attempt self-scope "StartTransientUnit on itself, as Chromium does" process '
	$out &
	until [ -s $W/pid ]; do sleep 0.1; done
	busctl --user call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
		org.freedesktop.systemd1.Manager StartTransientUnit "ssa(sv)a(sa(sv))" \
		app-$$.scope fail 1 PIDs au 1 $(cat $W/pid) 0'
attempt sibling "another cgroup of the same user" process '
	mkdir -p $manager/attempt-$$ && payload move $manager/attempt-$$ $out &'
attempt namespace "a cgroup namespace of its own" process \
	'unshare --user --map-root-user --cgroup payload move $manager $out &'
attempt mount "cgroups mounted once more" process \
	'unshare --user --map-root-user --mount sh -c "
		mount -t cgroup2 none /mnt && payload move /mnt/${manager#/sys/fs/cgroup/} $out" &'
attempt keeper "SIGKILL to the keeper" session 'kill -KILL $keeper'
attempt supervisor "SIGKILL to oc-run" session 'kill -KILL $supervisor'
attempt stop "SIGSTOP to oc-run, SIGCONT later" session 'kill -STOP $supervisor'
attempt tasks "all task slots taken" session 'payload tasks 200 & sleep 2; true'
attempt files "its runtime files deleted" session \
	'rm -r ${XDG_RUNTIME_DIR:-/run/user/1000}/oc-run/sessions'
attempt raise "its limit raised in the cgroup's file" limit 'echo max >$self/memory.max'
attempt raise-scope "the same, of the scope" limit 'echo max >$scope/memory.max'
attempt raise-bus "its limit raised through systemd" limit \
	'systemctl --user set-property --runtime $unit MemoryMax=infinity'
attempt nested "more memory through a session within" limit \
	'oc-run -q --mem 2G -- payload leak max --max 600M; [ $? != 0 ] || exit 1; false'

# start LEVEL I OPTION...: the I-th attempt in a session of its own, in the background.
start() {
	local level=$1 i=$2 W=$work/$1/${names[$2]} as=as_user_login
	shift 2
	[ "$level" != user ] || as=as_root
	mkdir -p "$W"
	chmod 1777 "$W"
	$as oc-run "$@" -q -n "$level-${names[i]}" --mem 200M --swap 0 --pids 60 --grace 1s \
		-C /home/dev/project --report "$W/report" -- bash -c "W=$W; $prologue
		( ${scripts[i]} ) >$W/said 2>&1; echo \$? >$W/status
		until [ -e $W/go ]; do sleep 0.3; done" >"$W/out" 2>&1 &
}

is_alive() {
	[ -d "/proc/$1" ] && ! grep -q '^State:.[XZ]' "/proc/$1/status"
}

# What came of a process that tried to get out.
look_at_process() {
	local W=$1 pid place
	eventually 30 test -e "$W/status" || return
	sleep 6
	if [ ! -s "$W/pid" ]; then
		echo refused
		touch "$W/go"
		return
	fi
	pid=$(cat "$W/pid")
	place=out
	grep -q "$(cat "$W/cgroup")" "/proc/$pid/cgroup" && place=in
	touch "$W/go"
	for _ in {1..60}; do
		[ -e "$(scope_of "$W")" ] || break
		sleep 0.5
	done
	sleep 1
	if is_alive "$pid"; then
		kill -KILL "$pid"
		echo "gets out"
	elif [ "$place" = in ] && [ "$(cat "$W/status")" != 0 ]; then
		echo refused
	else
		echo "ends with it"
	fi
}

# Of an attempt on the session itself: whatever it was, the session ends, and nothing of it is left.
look_at_session() {
	local W=$1 refused=
	eventually 30 test -e "$W/status"
	[ "$(cat "$W/status")" = 0 ] || refused=yes
	sleep 3
	[ "${W##*/}" != stop ] || pkill -CONT -f " -n [a-z]*-stop " || true
	touch "$W/go"
	for _ in {1..60}; do
		[ -e "$(scope_of "$W")" ] || break
		sleep 0.5
	done
	if [ -e "$(scope_of "$W")" ]; then
		echo "is left"
	elif [ -n "$refused" ]; then
		echo refused
	else
		echo "it ends all the same"
	fi
}

look_at_limit() {
	local W=$1 answer=refused file
	eventually 60 test -e "$W/status"
	sleep 4
	if [ "$(cat "$W/status")" = 0 ]; then
		answer="put back"
	fi
	for file in "$(scope_of "$W")/memory.max" "$(scope_of "$W")/payload/memory.max"; do
		[ "$(cat "$file")" != max ] || answer="is raised"
	done
	touch "$W/go"
	echo "$answer"
}

# all LEVEL OPTION...: every attempt, some side by side; what came of each in $work/LEVEL/NAME/result.
all() {
	local level=$1 i
	shift
	for i in "${!names[@]}"; do
		one "$level" "$i" "$@" &
		[ $((i % AT_ONCE)) != $((AT_ONCE - 1)) ] || wait
	done
	wait
	for i in "${!names[@]}"; do
		echo "$level ${names[i]}: $(cat "$work/$level/${names[i]}/result") ($(tr '\n' ' ' \
			<"$work/$level/${names[i]}/said" | head -c 200))" >>"$OC_RESULTS/escapes.log"
		has "$(cat "$work/$level/${names[i]}/cgroup")" "/oc-"
	done
}

AT_ONCE=5

one() {
	local place=$work/$1/${names[$2]}
	start "$@"
	"look_at_${kinds[$2]}" "$place" >"$place/result"
}

levels=(off basic strict user)

at_off() { all off --guard=off; }
at_basic() { all basic --guard=basic; }
at_strict() { all strict --guard=strict; }
at_user() { all user --user dev --guard=strict; }

result() {
	cat "$work/$1/$2/result"
}

write_table() {
	local i level
	printf '[[ *What is tried*\n:- *off*\n:- *basic*\n:- *strict*\n:- *strict*, by root with *--user*\n'
	for i in "${!names[@]}"; do
		printf '|  %s\n' "${titles[i]}"
		for level in "${levels[@]}"; do
			printf ':  %s\n' "$(result "$level" "${names[i]}")"
		done
	done
}

the_table_is_that_of_the_page() {
	write_table >"$OC_RESULTS/escapes.scd"
	sed -n '/^\[\[ \*What is tried/,/^$/p' "$OC_CHECKOUT/man/oc-run.1.scd" | sed '/^$/d' >documented
	diff documented "$OC_RESULTS/escapes.scd" || fail "oc-run(1) has another table"
}

no_cgroup_is_left() {
	[ -z "$(find /sys/fs/cgroup -type d -name 'oc-*')" ]
}

nothing_is_left_of_any() {
	local level name
	for level in "${levels[@]}"; do
		for name in "${names[@]}"; do
			lacks "$(result "$level" "$name")" "left"
		done
	done
	eventually 20 no_cgroup_is_left
}

t "attempts without a guard" at_off 600
t "attempts under --guard=basic" at_basic 600
t "attempts under --guard=strict" at_strict 600
t "attempts of a user whom root gave a session" at_user 600
t "whatever was tried, nothing is left of any session" nothing_is_left_of_any 300
t "the table of oc-run(1) says what was seen" the_table_is_that_of_the_page
