#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie
#
# `oc-run --user dev` as root: what the command of dev can do to its limits and to oc-run, tried one
# by one, with dev's user manager and without. Dev has no sudo here.
# shellcheck disable=SC2016 # much here is for another shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

rm -f /etc/sudoers.d/dev

# As dev in a session of root's, limited; options of oc-run in $options.
options=()
inside() {
	as_root oc-run -q --user dev --chdir /home/dev --mem 200M --swap 0 --pids 50 "${options[@]}" \
		-- bash -c "$1"
}

# The same, in the background, until let_go; its first line is in $first, its scope in $scope.
start_inside() {
	rm -f /home/dev/{go,first}
	mkfifo -m 666 /home/dev/go
	inside "$1"$'\necho started >first; read -r line <go' >inside.out 2>&1 &
	eventually 30 grep -q started /home/dev/first || fail "$(cat inside.out)" || return 1
	scope=$(echo /sys/fs/cgroup/oc.slice/oc-*.scope)
	[ -d "$scope" ] || fail "no scope: $scope"
}

let_go() {
	timeout 30 bash -c 'echo >/home/dev/go' || fail "nobody waits for it: $(cat inside.out)" || return 1
	wait
}

nothing_left() {
	local said
	said=$(pgrep -u dev -fa 'sleep 4[0-9][0-9]' || true
		find /sys/fs/cgroup -type d -name 'oc-[0-9a-f]*' -not -name 'oc-t-*'
		find /run/oc-run/{sessions,status,tmp} /var/cache/oc-run/tmp -mindepth 1 2>/dev/null || true)
	[ -z "$said" ] || fail "left: $said"
}

eventually_nothing_left() {
	for _ in {1..50}; do
		nothing_left 2>/dev/null && return
		sleep 0.2
	done
	nothing_left
}

# ---- who it is, and what it knows ---------------------------------------------------------------

it_is_dev() {
	local said
	groupadd -f helpers
	usermod -a -G helpers dev
	said=$(inside 'id -un; id -Gn; cat /proc/self/cgroup; sed -n "s/^Cap...:.//p" /proc/self/status | sort -u')
	has "$said" $'dev\ndev helpers\n0::/oc.slice/oc-'
	has "$said" "/payload"
	is "$(inside 'grep -cE "^Cap(Inh|Prm|Eff|Amb):.0+$" /proc/self/status')" 4 "empty sets of capabilities"
}

environment_with_a_manager() {
	local said
	start_user_manager
	said=$(inside env)
	has "$said" "HOME=/home/dev"
	has "$said" "USER=dev"
	has "$said" "SHELL=/bin/bash"
	has "$said" "XDG_RUNTIME_DIR=/run/user/1000"
	lacks "$said" "/run/user/0"
	lacks "$said" "XDG_SESSION_ID"
	lacks "$said" "/root"
	lacks "$said" "SUDO_"
	has "$(as_root sudo SUDO_TEST=1 oc-run -q --user dev -C / -- env)" "LOGNAME=dev"
	lacks "$(as_root sudo oc-run -q --user dev -C / -- env)" "SUDO_"
}

environment_without() {
	stop_user_manager || return
	lacks "$(inside env)" "XDG_RUNTIME_DIR"
}

agent_of_the_home() {
	local said
	mkdir -p /home/dev/.opencode/bin
	printf '#!/bin/sh\nid -un; echo "$BUN_TMPDIR"; : >"$BUN_TMPDIR/lib.so"; : >"$HOME/made"; stat -c %%U "$HOME/made"\n' \
		>/home/dev/.opencode/bin/opencode
	chmod 755 /home/dev/.opencode/bin/opencode
	said=$(as_root oc-run -q --user dev -C /home/dev -- opencode)
	has "$said" $'dev\n/var/cache/oc-run/tmp/'
	has "$said" $'\ndev'
	rm -r /home/dev/.opencode /home/dev/made
	nothing_left
}

# ---- limits ------------------------------------------------------------------------------------

limits_hold() {
	local status=0 said
	said=$(as_root oc-run --user dev -C /home/dev --mem 200M --swap 0 -- payload leak 1G 2>&1) || status=$?
	is "$status" 137 "status"
	has "$said" "memory limit reached"
	said=$(inside 'python3 -c "
import os, signal
count = 0
try:
    while count < 200:
        if os.fork() == 0:
            signal.pause()
        count += 1
except BlockingIOError as error:
    print(count, error)"')
	has "$said" "Resource temporarily unavailable"
	[ "${said%% *}" -lt 50 ] || fail "$said"
	nothing_left
}

no_file_can_be_written() {
	local said
	start_user_manager
	said=$(inside '
		payload=/sys/fs/cgroup$(sed s/^0:://p -n /proc/self/cgroup) scope=${payload%/*}
		find "$scope" "$scope/.." -maxdepth 2 -writable
		for file in "$scope"/{,payload/,keeper/}{memory.max,memory.high,memory.swap.max,pids.max,cgroup.freeze,cgroup.kill}; do
			{ echo max >"$file"; } 2>/dev/null && echo "wrote $file"
		done
		for folder in "$scope" "$payload" "$scope/.."; do
			mkdir "$folder/mine" 2>/dev/null && echo "made $folder/mine"
			rmdir "$folder"/* 2>/dev/null && echo "removed in $folder"
			chmod 777 "$folder" 2>/dev/null && echo "opened $folder"
		done
		find /sys/fs/cgroup -name cgroup.procs | while read -r procs; do
			{ echo $BASHPID >"$procs"; } 2>/dev/null && echo "moved to $procs"
		done
		[ "/sys/fs/cgroup$(sed s/^0:://p -n /proc/self/cgroup)" = "$payload" ] || echo moved
		stat -c "%U %a" "$scope" "$payload" "$payload/cgroup.procs" "$payload/memory.max"
		echo over') || fail "status $?: $said"
	is "$said" $'root 755\nroot 755\nroot 644\nroot 644\nover'
}

nor_from_namespaces() {
	local said
	said=$(inside '
		payload=/sys/fs/cgroup$(sed s/^0:://p -n /proc/self/cgroup)
		unshare -UrCm bash -c "
			mount -t cgroup2 none /mnt 2>/dev/null || mount --rbind /sys/fs/cgroup /mnt
			for file in $payload/memory.max /mnt/memory.max /mnt/pids.max /mnt/cgroup.procs; do
				{ echo max >\$file; } 2>/dev/null && echo wrote \$file
			done
			mkdir /mnt/mine 2>/dev/null && echo made
			echo inside"
		echo over')
	has "$said" over
	lacks "$said" wrote
	lacks "$said" made
}

nor_through_systemd() {
	local said
	start_user_manager
	said=$(inside '
		id=$OC_RUN_SESSION unit=oc-$OC_RUN_SESSION.scope
		manager="org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
		try() { timeout 20 "$@" >/dev/null 2>&1 && echo "did: $*"; }
		try systemctl --no-ask-password set-property --runtime $unit MemoryMax=infinity
		try systemctl --no-ask-password set-property --runtime oc.slice MemoryMax=infinity
		try systemctl --no-ask-password stop $unit
		try systemctl --no-ask-password kill -s KILL $unit
		try systemctl --no-ask-password freeze $unit
		try busctl call $manager SetUnitProperties "sba(sv)" $unit true 1 MemoryMax t 18446744073709551615
		try busctl call $manager AttachProcessesToUnit ssau user@1000.service /x 1 $$
		try busctl call $manager AttachProcessesToUnit ssau ssh.service "" 1 $$
		try busctl call $manager StartTransientUnit "ssa(sv)a(sa(sv))" mine.scope fail 1 PIDs au 1 $$ 0
		try systemd-run --no-ask-password --scope true
		try loginctl --no-ask-password terminate-user root
		cat /proc/self/cgroup
		cat /sys/fs/cgroup/oc.slice/$unit/payload/memory.max')
	lacks "$said" "did:"
	has "$said" "0::/oc.slice/oc-"
	has "$said" $'/payload\n209715200'
}

# ---- oc-run and its keeper ---------------------------------------------------------------------

out_of_reach() {
	local said
	said=$(inside '
		payload=/sys/fs/cgroup$(sed s/^0:://p -n /proc/self/cgroup)
		for pid in $PPID $(cat ${payload%/*}/keeper/cgroup.procs); do
			[ "$(stat -c %U /proc/$pid)" = root ] || echo "not of root: $pid"
			for signal in KILL STOP TERM INT; do # CONT the kernel lets pass in one session
				kill -$signal $pid 2>/dev/null && echo "signal $signal"
			done
			for file in environ mem maps fd/0 cwd/. root/. syscall; do
				cat /proc/$pid/$file >/dev/null 2>&1 && echo "read $file"
			done
			timeout 5 strace -p $pid -o /dev/null 2>&1 | grep -q "not permitted" || echo "traced $pid"
			{ echo 1000 >/proc/$pid/oom_score_adj; } 2>/dev/null && echo scored
			renice 19 $pid 2>/dev/null && echo niced
			prlimit --pid $pid --nofile=1:1 2>/dev/null && echo limited
			echo looked at one
		done
		{ echo -1000 >/proc/self/oom_score_adj; } 2>/dev/null && echo spared
		ls /run/oc-run/sessions /run/oc-run/status /var/lib/oc-run /var/cache/oc-run 2>/dev/null
		oc-ctl kill all 2>/dev/null; oc-ctl stop all 2>/dev/null; oc-ctl set --mem max all 2>/dev/null
		echo over') || fail "status $?: $said"
	is "$said" $'looked at one\nlooked at one\nover'
}

only_root_lists_it() {
	options=(-n held)
	start_inside ''
	lacks "$(as_user_login oc-ctl list 2>&1)" held
	has "$(as_root oc-ctl list)" held
	as_root oc-ctl set held --mem 300M
	is "$(cat "$scope/payload/memory.max")" $((300 << 20)) "the limit, changed by root"
	let_go
	eventually_nothing_left
}

# ---- leaving -----------------------------------------------------------------------------------

# The pid of dev's "sleep N", by whatever path it was started.
sleeper() {
	pgrep -u dev -xf "(/usr)?(/bin/)?sleep $1"
}

in_payload() {
	local pid
	pid=$(sleeper "$1") && grep -q '/oc.slice/oc-.*/payload$' "/proc/$pid/cgroup"
}

# Dev's own manager asks the system's for it, which lets a user move processes of that user.
a_scope_is_recaptured() {
	start_user_manager
	options=(--report /root/report.json)
	start_inside '
		systemd-run --user --scope --quiet --unit=oc-t-tagged sleep 401 &
		systemd-run --user --scope --quiet --unit=oc-t-bare env -i sleep 402 &
		(setsid systemd-run --user --scope --quiet --unit=oc-t-daemon env -i sleep 403 >/dev/null 2>&1 &)'
	# It is exec'ed when it has been moved.
	for number in 401 402 403; do
		eventually 8 sleeper $number || fail "$(cat inside.out)" || return 1
	done
	for number in 401 402 403; do
		eventually 8 in_payload $number || fail "$number: $(cat "/proc/$(sleeper $number)/cgroup" inside.out)" ||
			return 1
	done
	let_go
	[ "$(python3 -c 'import json; print(json.load(open("/root/report.json"))["escapes"]["brought_back"])')" -ge 3 ] ||
		fail "$(grep -A3 escapes /root/report.json)"
	eventually_nothing_left
}

# A service of the user's manager is no process of the session: the manual says so. A strict guard
# hides the manager.
a_service_is_not_in_it() {
	local said
	start_user_manager
	inside 'systemd-run --user --quiet --unit=oc-t-away sleep 404'
	eventually 20 sleeper 404 || fail "the manual says that this works"
	_as_dev_manager systemctl --user stop oc-t-away
	options=(--guard=strict)
	mkdir -p /home/dev/project
	chown dev: /home/dev/project
	said=$(as_root oc-run -q --user dev --chdir /home/dev/project --guard=strict -- bash -c '
		for scope in "" --scope; do
			timeout 20 systemd-run --user $scope --quiet sleep 405 2>&1 && echo started
		done
		grep NoNewPrivs /proc/self/status') || fail "$said"
	lacks "$said" started
	has "$said" $'NoNewPrivs:\t1'
	stop_user_manager || return
	options=()
	said=$(inside 'systemd-run --user --quiet sleep 406 2>&1 || echo refused')
	has "$said" refused
	nothing_left
}

nothing_is_left() {
	inside '
		sleep 410 &
		(setsid sleep 411 >/dev/null 2>&1 &)
		(setsid env -i bash -c "trap \"\" TERM HUP INT; sleep 412; sleep 413" >/dev/null 2>&1 &)
		sleep 0.5'
	eventually_nothing_left
}

nothing_is_left_when_oc_run_is_killed() {
	start_inside '
		sleep 420 &
		(setsid env -i sleep 421 >/dev/null 2>&1 &)'
	pgrep -u root -x oc-run | while read -r pid; do
		grep -q /keeper "/proc/$pid/cgroup" || kill -KILL "$pid"
	done
	eventually_nothing_left
	wait
}

# The folder is the user's while the session runs, and what is in it at the end may change meanwhile.
the_private_folder_leads_nowhere() {
	mkdir -p /root/victim /home/dev/.opencode/bin
	: >/root/victim/file
	cat >/home/dev/.opencode/bin/opencode <<'AGENT'
#!/bin/bash
cd "$BUN_TMPDIR" || exit 1
ln -s /root/victim link
ln -s /etc/passwd file
mkdir swapped
for i in {1..200}; do mkdir -p "deep/$i" && : >"deep/$i/file"; done
chmod 0 deep/7
AGENT
	chmod 755 /home/dev/.opencode/bin/opencode
	# From outside of the session dev swaps a folder and a link as fast as it goes.
	setpriv --reuid=1000 --regid=1000 --init-groups bash -c '
		until cd /var/cache/oc-run/tmp/*/ 2>/dev/null || [ -e /home/dev/stop ]; do :; done
		while [ ! -e /home/dev/stop ]; do
			ln -sfn /root/victim swap; mv -T swap swapped; rm -f swapped; mkdir swapped
		done' >/dev/null 2>&1 &
	for _ in {1..3}; do
		as_root oc-run -q --user dev -C / -- opencode
	done
	: >/home/dev/stop
	wait
	rm -r /home/dev/stop /home/dev/.opencode
	[ -f /root/victim/file ] || fail "the file behind the link is gone"
	[ -s /etc/passwd ] || fail "what a link named is gone"
	rm -rf /var/cache/oc-run/tmp/* # what dev added behind the removal's back
}

t "the command is dev with dev's groups, no capability, in root's scope" it_is_dev
t "the environment is dev's, with the runtime folder of a login" environment_with_a_manager
t "without a login there is no runtime folder" environment_without
t "opencode is found in dev's home, and its private folder is dev's" agent_of_the_home
t "limits on memory and tasks hold" limits_hold
t "no file of a cgroup can be written, and no process moved" no_file_can_be_written
t "nor from namespaces of dev's own" nor_from_namespaces
t "nor through systemd, whose manager refuses" nor_through_systemd
t "oc-run and its keeper can be neither signalled nor read nor traced" out_of_reach
t "oc-ctl shows the session to root and not to dev, and root changes its limits" only_root_lists_it
t "scopes of dev's own manager are recaptured, also without the tag" a_scope_is_recaptured 300
t "a service of dev's manager is not in it, and a strict guard hides the manager" a_service_is_not_in_it
t "nothing is left at the end" nothing_is_left
t "nothing is left when oc-run is killed" nothing_is_left_when_oc_run_is_killed
t "root's removal of the private folder follows nothing, while dev swaps links in it" the_private_folder_leads_nowhere 300
