# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For test scripts in the guest (bash, root): `. "$OC_VM/lib.sh"`. Three parts:
#   the harness     t, tap, skip, fail, is, has, lacks, eventually
#   logins          as_user_login, as_user_graphical, as_user_su, as_user_sudo, as_user_cron, as_root,
#                   as_root_service: run a command as each kind of login would; status is passed on
#   containers      in_container_rw, in_container_leaf, in_container_ro
#
# Commands are given as arguments, as with env(1); they get a clean environment, not the script's.
# tests/vm/test-guest.sh checks that each helper is what it says.
set -u
shopt -s extglob

# ---- harness: TAP ----------------------------------------------------------------------------
#
#	limits_hold() { is "$(cat /proc/x)" 5; }
#	t "limits hold" limits_hold        # at most 120 s; or: t "limits hold" limits_hold 300
#
# A test is a function, run with `set -eE` in a subshell and process group of its own: the first
# command that fails fails it. Its output is shown if it fails. Afterwards whatever it started with
# the helpers below is stopped. The script needs no last line; the plan is printed when it ends.

_t_number=0
_t_failed=0
_t_folder=$(mktemp -d /var/tmp/oc-t-XXXXXX)
_t_only=${OC_ONLY:-}

_t_end() {
	local status=$?
	rm -rf "$_t_folder"
	if [ "$status" != 0 ]; then
		_t_number=$((_t_number + 1))
		echo "not ok $_t_number - ${0##*/} reaches its end (status $status)"
		_t_failed=1
	elif [ "$_t_number" = 0 ] && [ -z "$_t_only" ]; then
		_t_number=1
		echo "not ok 1 - ${0##*/} has tests"
		_t_failed=1
	fi
	echo "1..$_t_number"
	[ "$_t_failed" = 0 ] || exit 1
}
trap _t_end EXIT

# Where the test failed, and by which way it came there.
_t_where() {
	local status=$? i
	[ "$BASH_SUBSHELL" = 1 ] || return 0
	echo "line $1 of ${FUNCNAME[1]}: ${2%%$'\n'*}: status $status" >&2
	for ((i = 2; i < ${#FUNCNAME[@]}; i++)); do
		[ "${FUNCNAME[i]}" != _t_in_child ] || break
		echo "called from line ${BASH_LINENO[i - 1]} of ${FUNCNAME[i]}" >&2
	done
}

_t_in_child() {
	trap - EXIT
	set -eEo pipefail
	trap '_t_where "$LINENO" "$BASH_COMMAND"' ERR
	cd "$_t_folder"
	"$1"
}

# t TITLE FUNCTION [SECONDS]. OC_ONLY=TEXT runs only the tests whose title contains it.
t() {
	local title=$1 function=$2 seconds=${3:-120} pid timer status
	local log=$_t_folder.log
	[[ $title == *"$_t_only"* ]] || return 0
	_t_number=$((_t_number + 1))
	rm -f "$_t_folder.skip" "$_t_folder.late"
	set -m
	(_t_in_child "$function") >"$log" 2>&1 </dev/null &
	pid=$!
	(
		trap - EXIT
		sleep "$seconds"
		: >"$_t_folder.late"
		kill -KILL -- "-$pid"
	) >/dev/null 2>&1 &
	timer=$!
	set +m
	wait "$pid" 2>/dev/null
	status=$?
	kill -KILL -- "-$timer" 2>/dev/null
	wait "$timer" 2>/dev/null
	[ ! -e "$_t_folder.late" ] || echo "killed after $seconds s" >>"$log"
	kill -KILL -- "-$pid" 2>/dev/null
	_t_stop_units
	if [ "$status" = 77 ] && [ -s "$_t_folder.skip" ]; then
		echo "ok $_t_number - $title # SKIP $(cat "$_t_folder.skip")"
	elif [ "$status" = 0 ]; then
		echo "ok $_t_number - $title"
	else
		_t_failed=1
		echo "not ok $_t_number - $title"
		sed 's/^/#   /' "$log"
		echo "#   status $status"
	fi
	rm -f "$log" "$_t_folder.skip" "$_t_folder.late"
}

# tap NAME COMMAND...: COMMAND speaks TAP itself; its results become this script's, each with NAME
# before its title. A bad status is a result of its own.
tap() {
	local name=$1 line title
	shift
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			_t_number=$((_t_number + 1))
			title=${line#*ok }
			title=${title##+([0-9])}
			title=${title##*( )?(-)*( )}
			echo "${line%%ok *}ok $_t_number - $name: $title"
			[[ $line == ok* ]] || _t_failed=1
			;;
		"1..0 "*SKIP*)
			_t_number=$((_t_number + 1))
			echo "ok $_t_number - $name # SKIP ${line#*SKIP }"
			;;
		1..* | "TAP version"*) ;;
		"status 0 of tap") ;;
		"status "*" of tap")
			_t_number=$((_t_number + 1))
			_t_failed=1
			echo "not ok $_t_number - $name: ${line% of tap}"
			;;
		*) echo "$line" ;;
		esac
	done < <("$@" 2>&1 </dev/null; echo "status $? of tap")
	_t_stop_units
}

_t_stop_units() {
	systemctl stop 'oc-t-*' 2>/dev/null
	systemctl reset-failed 'oc-t-*' 2>/dev/null
	[ ! -S /run/user/1000/bus ] || _as_dev_manager systemctl --user stop 'oc-t-*' 2>/dev/null
	return 0
}

# skip REASON: the test counts as skipped (and CI takes that for a failure).
skip() {
	echo "$*" >"$_t_folder.skip"
	exit 77
}

fail() {
	echo "$*" >&2
	return 1
}

# is ACTUAL EXPECTED [WHAT]
is() {
	[ "$1" = "$2" ] || fail "${3:-value} is '$1', expected '$2'"
}

# has TEXT PART, lacks TEXT PART
has() {
	[[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}

lacks() {
	[[ $1 != *"$2"* ]] || fail "'$2' in: $1"
}

# eventually SECONDS COMMAND...: waits until COMMAND succeeds. SECONDS are stretched by
# OC_RUN_TEST_SLOW, as software emulation is slow.
eventually() {
	local deadline=$((SECONDS + $1 * ${OC_RUN_TEST_SLOW:-1}))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || fail "still not true: $*" || return 1
		sleep 0.1
	done
}

# ---- logins ----------------------------------------------------------------------------------

unit_name() {
	echo "oc-t-$$-$BASHPID-$RANDOM"
}

# _service OPTION... -- COMMAND...: a transient service that this shell waits for, with this shell's
# stdin, stdout and stderr. systemd would expand `$x` in the command: hence `$$`. With PAM systemd 252
# never sees the exec (its sd-pam process has the pipe as well) and would end the start in 90 s.
_service() {
	_run_service systemd-run "$@"
}

_run_service() {
	local command=()
	while [ "$1" != -- ]; do
		command+=("$1")
		shift
	done
	shift
	"${command[@]}" --quiet --wait --collect --pipe --service-type=exec --unit="$(unit_name)" \
		--property=TimeoutStartSec=infinity --setenv=LC_ALL=C.UTF-8 -- "${@//\$/\$\$}"
}

# _login USER FOLDER COMMAND...: without a terminal pam_systemd would call it a background session.
_login() {
	local user=$1 folder=$2
	shift 2
	_service --uid="$user" --property=PAMName=login --working-directory="$folder" \
		--setenv=XDG_SESSION_TYPE=tty --setenv=XDG_SESSION_CLASS=user -- "$@"
}

_quote() {
	printf '%q ' "$@"
}

# The environment with which dev's own user manager can be asked, and nothing else.
_as_dev_manager() {
	setpriv --reuid=1000 --regid=1000 --init-groups env -i HOME=/home/dev USER=dev LOGNAME=dev \
		SHELL=/bin/bash PATH="$PATH" LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=/run/user/1000 "$@"
}

# Dev has a user manager, also without a login (as after `loginctl enable-linger`).
start_user_manager() {
	loginctl enable-linger dev &&
		systemctl start user@1000.service &&
		eventually 10 test -S /run/user/1000/bus
}

# Dev has none: no login, no /run/user/1000.
stop_user_manager() {
	loginctl disable-linger dev
	loginctl terminate-user dev 2>/dev/null
	systemctl stop user@1000.service user-runtime-dir@1000.service
	eventually 10 test ! -e /run/user/1000
}

# As on the console or over ssh: a logind session of class user; the command runs in
# session-N.scope with XDG_RUNTIME_DIR and a user manager. (For a terminal of its own:
# as_user_login script -qec COMMAND /dev/null, or tmux.)
as_user_login() {
	_login dev /home/dev "$@"
}

# As from a desktop's terminal: below app.slice of the user manager, with the bus and a display in
# the environment.
as_user_graphical() {
	start_user_manager || return
	_run_service _as_dev_manager systemd-run --user --slice=app.slice \
		--working-directory=/home/dev --setenv=DISPLAY=:0 --setenv=XDG_SESSION_TYPE=x11 \
		--setenv=XDG_CURRENT_DESKTOP=test \
		--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus -- "$@"
}

# As after `su - dev` in root's login: the user manager runs, but the environment says nothing of it.
as_user_su() {
	start_user_manager || return
	as_root su - dev -c "$(_quote "$@")"
}

# The same with sudo.
as_user_sudo() {
	start_user_manager || return
	_login root /home/dev sudo --user=dev --set-home -- "$@"
}

# As from cron, or any system service with User=: no user manager, no /run/user/1000.
as_user_cron() {
	stop_user_manager || return
	_service --uid=dev --working-directory=/home/dev -- "$@"
}

# Root, logged in (session-N.scope of root, with root's own user manager).
as_root() {
	_login root /root "$@"
}

# Root, in a system service (which has no HOME).
as_root_service() {
	_service --working-directory=/root -- "$@"
}

# ---- containers ------------------------------------------------------------------------------
#
# A container as docker or podman make it: own cgroup, pid, mount, ipc and uts namespaces, root in
# it, /run of its own (no systemd, no bus), `/sys/fs/cgroup` with the container's cgroup as its root.
#   in_container_rw    writable; all processes in that root, so controllers cannot be passed on as
#                      it stands (--privileged)
#   in_container_leaf  writable; processes in the leaf `init`, controllers passed on (as
#                      docker-in-docker images do)
#   in_container_ro    read-only (docker's default)
# OC_CONTAINER_PROPERTIES="MemoryMax=1G TasksMax=100" limits the container from outside.

_container() {
	local mode=$1 property properties=()
	shift
	for property in ${OC_CONTAINER_PROPERTIES:-}; do
		properties+=("--property=$property")
	done
	_service --slice=machine.slice --property=Delegate=yes "${properties[@]}" \
		--setenv=HOME=/root -- bash "$OC_VM/container-init" "$mode" "$@"
}

in_container_rw() {
	_container rw "$@"
}

in_container_leaf() {
	_container leaf "$@"
}

in_container_ro() {
	_container ro "$@"
}
