#!/bin/bash
# SPDX-License-Identifier: MIT
# guest: suites=trixie also=bookworm memory=2G swap=500M
#
# What a session leaves on purpose, and what it does not: the journal with its explanations, the
# history with the kernel's own figures, temporary files; for a person and for root, with a home and
# without.
# shellcheck disable=SC2016 # much here is for another shell to expand
# shellcheck source=tests/vm/lib.sh
. "$OC_VM/lib.sh"

journalctl --update-catalog

# ---- the journal -----------------------------------------------------------------------------

explanation() {
	journalctl -x -o short --no-pager -n 1 "$@"
}

# The newest history of those in $1.
newest() {
	find "$1" -name '*.jsonl' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2
}

# Every entry of the catalog is found by its id: one that does not parse would be missing.
every_id_is_explained() {
	local id subject said
	while read -r id; do
		subject=$(sed -n "/^-- $id\$/,/^\$/s/^Subject: //p" "$OC_CHECKOUT/contrib/journal/oc-run.catalog")
		printf 'MESSAGE_ID=%s\nMESSAGE=a test\nSYSLOG_IDENTIFIER=oc-run\n' "$id" | logger --journald
		eventually 20 sh -c "journalctl MESSAGE_ID=$id --no-pager -q | grep -q ."
		said=$(explanation "MESSAGE_ID=$id")
		has "$said" "Subject: $subject"
		has "$said" "Defined-By: oc-run"
	done < <(sed -n 's/^-- //p' "$OC_CHECKOUT/contrib/journal/oc-run.catalog")
}

a_kill_is_explained() {
	local id said
	as_user_login oc-run -q --mem 100M --swap 0 --pressure none -- sh -c 'payload leak 400M; true'
	id=$(journalctl -t oc-run OC_RUN_EVENT=oom-kill -o cat --output-fields=OC_RUN_SESSION --no-pager |
		tail -n 1)
	said=$(journalctl -x -o short --no-pager "OC_RUN_SESSION=$id")
	has "$said" "Session $id started"
	has "$said" "A process of a session was killed for memory"
	has "$said" "(payload,"
	has "$said" "Session $id ended"
	has "$said" "has ended as \"tool-killed\""
	# Whatever could not be filled in would stand there as @NAME@.
	! grep -E '@OC_RUN_(SESSION|COMMAND|OUTCOME|VICTIM_PID|VICTIM_NAME|LIMIT_MEM)@' <<<"$said"
}

# ---- the history -----------------------------------------------------------------------------

history_has_the_kernels_figures() {
	local file
	as_user_login oc-run -q --mem 150M --swap 0 --pressure none -- \
		sh -c 'payload hold 40M 4; sleep 1; payload leak 400M; true'
	file=$(newest /home/dev/.local/state/oc-run/history)
	is "$(stat -c %a:%U "$file")" "600:dev"
	python3 - "$file" <<-'PYTHON'
		import json, sys
		lines = [json.loads(line) for line in open(sys.argv[1])]
		samples = [line for line in lines if "event" not in line]
		events = [line["event"] for line in lines if "event" in line]
		assert events[0] == "started" and events[-1] == "ended", events
		assert "oom-kill" in events, events
		assert max(s["anon"] for s in samples) > 35 << 20, samples
		for sample in samples:
		    for key in ("memory", "unreclaimable", "file", "shmem", "kernel", "swap", "tasks",
		                "cpu_seconds", "some_seconds", "full_seconds"):
		        assert key in sample, (key, sample)
		times = [sample["at_seconds"] for sample in samples]
		assert times == sorted(times), times
		cpu = [s["cpu_seconds"] for s in samples]
		assert cpu == sorted(cpu), cpu
		limits = {limit["name"]: limit for limit in lines[0]["limits"]}
		assert limits["mem"]["value"] == 150 << 20 and limits["mem"]["enforced_by"] == "kernel"
		victim = next(line for line in lines if line.get("event") == "oom-kill")["victim"]
		assert victim["name"] == "payload" and "command" not in victim, victim
		assert lines[-1]["outcome"] == "tool-killed" and lines[-1]["kills"]["count"] == 1
		assert lines[-1]["peaks"]["memory_bytes"] > 100 << 20
	PYTHON
}

root_without_a_home_has_one_too() {
	local before after
	mkdir -p /var/lib/oc-run/history && chmod 700 /var/lib/oc-run/history
	before=$(find /var/lib/oc-run/history -name '*.jsonl' | wc -l)
	as_root_service oc-run -q -- true
	after=$(find /var/lib/oc-run/history -name '*.jsonl' | wc -l)
	is "$after" $((before + 1)) "histories of root"
	is "$(stat -c %a /var/lib/oc-run/history)" 700
}

cron_has_one_too() {
	rm -rf /home/dev/.local/state/oc-run
	as_user_cron oc-run -q -- true
	[ -n "$(newest /home/dev/.local/state/oc-run/history)" ]
}

a_full_home_does_not_matter() {
	mount -t tmpfs -o size=100k,uid=1000,mode=700 tmpfs /home/dev/.local/state
	trap 'umount /home/dev/.local/state' EXIT
	head -c 200k /dev/zero >/home/dev/.local/state/ballast || true
	is "$(as_user_login oc-run -q -- sh -c 'sleep 1; echo went on; exit 3' || echo "status $?")" \
		$'went on\nstatus 3'
}

# ---- temporary files -------------------------------------------------------------------------

fake_opencode() {
	cat >/usr/local/bin/opencode <<-'SH'
		#!/bin/sh
		echo "folder=$BUN_TMPDIR"
		echo "type=$(stat -f -c %T "$BUN_TMPDIR")"
		head -c 5M /dev/zero >"$BUN_TMPDIR/.library.so"
		mkdir -p "$BUN_TMPDIR/a/b" && chmod 0 "$BUN_TMPDIR/a"
	SH
	chmod 755 /usr/local/bin/opencode
	trap 'rm /usr/local/bin/opencode' EXIT
}

temporary_files_are_on_a_disk_and_go() {
	local login said folder
	fake_opencode
	for login in as_user_login as_user_su as_user_cron as_root as_root_service in_container_rw; do
		said=$($login oc-run -v -- opencode 2>&1)
		folder=$(sed -n 's/^folder=//p' <<<"$said")
		echo "$login: $said"
		case $login in
		as_user*) has "$folder" /home/dev/.cache/oc-run/tmp/ ;;
		*) has "$folder" /var/cache/oc-run/tmp/ ;;
		esac
		lacks "$said" type=tmpfs
		has "$said" "temporary files: 1 removed, 5 MiB"
		[ ! -e "$folder" ] || fail "$login: $folder is still there"
	done
}

# A crash of the machine, as far as the disk can tell: entry and processes gone, the folder not.
a_crash_leaves_nothing_for_long() {
	local folder=/home/dev/.cache/oc-run/tmp/0123456789abcdef
	as_user_login mkdir -p "$folder/inner"
	touch -d '2 hours ago' "$folder"
	as_user_login oc-run -q -- true
	[ ! -e "$folder" ]
}

t "every id of the catalog is explained by journalctl -x" every_id_is_explained 300
t "a memory kill is explained by journalctl -x" a_kill_is_explained
t "the history has the kernel's figures, the kill and the end" history_has_the_kernels_figures
t "root in a service without a home has a history" root_without_a_home_has_one_too
t "a job of cron has a history" cron_has_one_too
t "a home that is full does not matter" a_full_home_does_not_matter
t "temporary files are on a disk and go with the session, for every login" \
	temporary_files_are_on_a_disk_and_go 300
t "a folder that a crash left goes at the next start" a_crash_leaves_nothing_for_long
