#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=1G
#
# The guard's rows, one by one, for a user and for root: what each refuses succeeds without it. The user
# has the rlimits of an audio workstation, and the kernel lets typing into terminals (TIOCSTI).
# shellcheck disable=SC2016 # much here is for another shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

printf 'dev - %s\n' 'rtprio 50' 'nice -20' 'memlock unlimited' 'core unlimited' \
	>/etc/security/limits.d/oc-run-test.conf
echo 'root - core unlimited' >>/etc/security/limits.d/oc-run-test.conf
sysctl -q dev.tty.legacy_tiocsti=1 2>/dev/null || true # before Linux 6.2 there is no other way
mkdir -p /home/dev/project /root/project
chown dev: /home/dev/project
loginctl enable-linger dev

# attempts HOME SOCKET CGROUP PID: "ROW let through: ..." for each row, in this process's rights.
cat >/usr/local/bin/attempts <<'END'
#!/bin/bash
home=$1 socket=$2 cgroup=$3 pid=$4
for row in $(payload attempts); do
	case $row in
	cgroups) argument=$cgroup ;;
	ptrace | signals) argument=$pid ;;
	writes) argument=$home/.attempt ;;
	abstract-sockets) argument=oc-run-test ;;
	sockets) argument=$socket ;;
	*) argument= ;;
	esac
	echo "$row $(payload attempt "$row" $argument 2>&1)"
done
END
chmod 755 /usr/local/bin/attempts

# A process outside, with an abstract socket.
cat >/usr/local/bin/outside <<'END'
#!/usr/bin/env python3
import os, socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0oc-run-test")
listener.listen(16)
print(os.getpid(), flush=True)
time.sleep(600)
END
chmod 755 /usr/local/bin/outside

# rows AS HOME SOCKET CGROUP: all of them, without and with each level.
rows() {
	local as=$1 home=$2 level outside
	rm -f outside.pid
	$as outside >outside.pid &
	eventually 60 test -s outside.pid
	outside=$(cat outside.pid)
	shift
	$as attempts "$@" "$outside" >free
	for level in off basic strict; do
		$as oc-run "--guard=$level" --dry-run -- true >"table.$level"
		$as oc-run -q -C "$home/project" "--guard=$level" -- attempts "$@" "$outside" >"with.$level"
		compare "$level"
	done
	kill "$outside"
	rm -f "$home/.attempt"
}

# A row that is on refuses; one that is not lets through what was let through without it. At least
# those that a user can feel were let through.
compare() {
	local row on free with wrong=
	while read -r row on; do
		free=$(sed -n "s/^$row //p" free)
		with=$(sed -n "s/^$row //p" "with.$1")
		case $on in
		yes) [[ $with == refused:* ]] || is_beyond "$row" || wrong+="$row: $free -> $with"$'\n' ;;
		*) [ "$with" = "$free" ] || [[ $row == @(rtprio|nice|core|memlock|real-time) ]] ||
			wrong+="$row is off: $free -> $with"$'\n' ;;
		esac
	done < <(sed -nE 's/^  ([a-z0-9-]+) +(always|basic|strict) +(yes|no|-) .*/\1 \3/p' "table.$1")
	[ -z "$wrong" ] || fail "$1: $wrong"
	is "$(wc -l <"with.$1")" "$(payload attempts | wc -l)"
}

# Root locks as much memory as it likes.
is_beyond() {
	[ "$1" = memlock ] && grep -q '^cap-sys-nice let' free
}

of_a_user() {
	local row
	rows as_user_login /home/dev /run/user/1000/systemd/private \
		/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.procs
	for row in rtprio nice memlock core terminal cgroups ptrace sched-attr keys clone3 writes signals \
		abstract-sockets sockets; do
		has "$(grep "^$row " free)" "let through"
	done
}

of_root() {
	local row
	rows as_root /root /run/systemd/private /sys/fs/cgroup/cgroup.procs
	for row in $(payload attempts); do
		has "$(grep "^$row " free)" "let through"
	done
}

sudo_is_the_price() {
	has "$(as_user_login oc-run -q -- sudo -n id -u)" 0
	as_user_login oc-run --guard=basic -- sudo -n id -u >out 2>err && fail "sudo works"
	has "$(cat err)" "the guard (basic) sets no_new_privs: sudo, su"
	has "$(cat err)" "no new privileges"
}

# What the older kernel lacks is told in one line, and nothing else is lost.
gaps_are_told() {
	local said
	said=$(as_user_login oc-run --guard=strict -C /home/dev/project -- true 2>&1)
	case $OC_SUITE in
	bookworm) has "$said" "the guard has gaps, this system lacks Landlock 6 (Linux 6.12) for signals" ;;
	*) lacks "$said" "gaps" ;;
	esac
}

# ---- limits that somebody else changes ---------------------------------------------------------

raise='
payload=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
scope=${payload%/payload}
echo max >$payload/memory.max
echo max >$scope/memory.max
echo 1000 >$scope/pids.max
echo 1000 >$payload/pids.max
sleep 4
cat $payload/memory.max $scope/memory.max $scope/pids.max | tr "\n" " "'

a_raised_limit_is_put_back() {
	local as said
	for as in as_user_login as_root; do
		said=$($as oc-run --mem 200M --pids 50 -- sh -c "$raise" 2>err)
		[[ $said =~ ^209715200\ [0-9]+\ ([0-9]+)\ $ ]] || fail "$as: the limits are $said"
		[ "${BASH_REMATCH[1]}" -lt 200 ] || fail "$as: the scope's pids.max is ${BASH_REMATCH[1]}"
		has "$(cat err)" "somebody changed a limit: memory.max of its cgroup from 200 MiB to no limit; put back"
		has "$(cat err)" "memory.max of its scope"
		has "$(cat err)" "pids.max of its scope"
	done
}

through_systemd_too() {
	local said
	said=$(as_user_login oc-run --mem 200M -- sh -c '
		unit=$(sed -n "s,^0::.*/\(oc-.*scope\)/.*,\1,p" /proc/self/cgroup)
		systemctl --user set-property --runtime "$unit" MemoryMax=infinity
		sleep 4
		systemctl --user show --property=MemoryMax "$unit"' 2>err)
	lacks "$said" infinity
	has "$said" MemoryMax=
	has "$(cat err)" "memory.max of its scope"
}

where_it_may_stay_it_stays() {
	local said
	said=$(as_user_login oc-run --allow-relimit -n relimit --mem 200M --pids 50 -- sh -c "$raise; oc-ctl show relimit" 2>err)
	has "$said" "max max 1000 "
	lacks "$said" "--mem "
	lacks "$said" "--high "
	has "$said" "1000 tasks"
	has "$(cat err)" "memory.max of its cgroup from 200 MiB to no limit; it stays"
}

# It was made for the limit that was.
the_scope_is_nobodys_change() {
	as_user_login oc-run --allow-relimit --mem 200M --report /tmp/leaf.json -- sh -c '
		echo 260M >/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/memory.max; sleep 4' 2>err
	has "$(cat err)" "memory.max of its cgroup from 200 MiB to 260 MiB; it stays"
	is "$(grep -o '"limit-changed"' /tmp/leaf.json | wc -l)" 1
}

nobody_else_is_nobody() {
	as_user_login oc-run -n ours --mem 200M --report /tmp/ours.json -- sh -c '
		oc-ctl set ours --mem 300M --pids 77; sleep 2
		cat /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/pids.max' >out 2>&1
	has "$(tail -n 1 out)" 77
	lacks "$(cat /tmp/ours.json)" limit-changed
}

# Told once, however often it is done.
a_fight_is_told_once() {
	as_user_login oc-run --mem 200M --report /tmp/fight.json -- sh -c '
		payload=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
		for i in $(seq 300); do echo max >$payload/memory.max; sleep 0.02; done; sleep 2
		cat $payload/memory.max' >out 2>&1
	has "$(cat out)" 209715200
	is "$(grep -o '"limit-changed"' /tmp/fight.json | wc -l)" 1
}

# 4000 writes: each woke it once, when each was listened to.
a_fight_lets_sleep() {
	local wakes
	wakes=$(as_user_login oc-run -q --mem 200M -- bash -c '
		payload=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
		wakes() { sed -n "s/^voluntary_ctxt_switches:\t//p" "/proc/$(pgrep -o -x oc-run)/status"; }
		sleep 2
		before=$(wakes)
		for ((i = 0; i < 2000; i++)); do echo max >$payload/memory.max; echo max >$payload/pids.max; done
		echo $(($(wakes) - before))')
	[ "$wakes" -lt 1000 ] || fail "woken $wakes times"
}

t "each row of a user's guard refuses what goes through without it" of_a_user 600
t "each row of root's guard refuses what goes through without it" of_root 600
t "sudo works without a guard, and is the price of it" sudo_is_the_price
t "what this kernel lacks is told" gaps_are_told
t "a limit that the session raises is put back, and told" a_raised_limit_is_put_back
t "one that is raised through systemd as well" through_systemd_too
t "with --allow-relimit it stays, and is told" where_it_may_stay_it_stays
t "what stays on the cgroup is no change of its scope" the_scope_is_nobodys_change
t "oc-ctl set is nobody else" nobody_else_is_nobody
t "whoever writes without end is told of once" a_fight_is_told_once
t "and does not keep oc-run awake" a_fight_lets_sleep
