/* SPDX-License-Identifier: MIT */

/* What the state machine asked for, done. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "session-internal.h"

bool actions_nothing_left(struct session *session)
{
	const struct tree_sample *sample;

	if (session->watch) {
		int r = watch_read(session->watch);

		if (r >= 0 && watch_state(session->watch)->populated)
			return false;
	}
	return tree_scan(session->tree, TREE_SCAN_OUTSIDE, &sample) >= 0 && sample->alive == 0;
}

static bool is_alive(const struct tree_process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

static void note_leftovers(struct session *session)
{
	struct session_record *record = session->record;
	const struct tree_sample *sample;

	if (tree_scan(session->tree, TREE_SCAN_OUTSIDE, &sample) < 0 || record->leftovers ||
	    sample->count == 0)
		return;
	record->leftovers = calloc(sample->count, sizeof(*record->leftovers));
	if (!record->leftovers)
		return;
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];
		struct record_leftover *leftover = &record->leftovers[record->leftover_count];

		if (!is_alive(process) || process->is_agent)
			continue;
		(void)snprintf(leftover->name, sizeof(leftover->name), "%s", process->name);
		leftover->pid = process->pid;
		leftover->bytes = process->resident_bytes;
		leftover->age_usec = process->age_usec;
		leftover->outside = process->is_outside;
		record->leftover_count++;
	}
}

void actions_note_unkillable(struct session *session)
{
	const struct tree_sample *sample = tree_last(session->tree);
	char text[512];
	size_t length = 0;

	for (size_t i = 0; sample && i < sample->count && length < sizeof(text) - 64; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (is_alive(process))
			length +=
				(size_t)snprintf(text + length, sizeof(text) - length,
						 "%s%s (pid %d, state %c)", length ? ", " : "",
						 process->comm, (int)process->pid, process->state);
	}
	if (length > 0)
		session->record->unkillable = strdup(text);
}

static void note_rung(struct session *session, int signal_number, const char *detail)
{
	struct record_event *event = session_note(session, RECORD_LADDER, (uint64_t)signal_number);

	if (event)
		(void)snprintf(event->detail, sizeof(event->detail), "%s", detail);
	session_tell(session, event);
}

static void signal_members(struct session *session, enum tree_signal_scope scope, int signal_number)
{
	/* How many there were is of no use: who is left is looked at afterwards. */
	int r = tree_signal(session->tree, scope, signal_number);

	(void)r;
}

static void terminate_all(struct session *session)
{
	note_rung(session, SIGTERM, "to every process");
	if (session->cgroup.payload.dirfd >= 0) {
		/* A frozen process takes no signal but SIGKILL. */
		int r = cgroup_write(&session->cgroup.payload, "cgroup.freeze", "0");

		(void)r;
	}
	signal_members(session, TREE_SIGNAL_ALL, SIGTERM);
}

static void kill_all(struct session *session)
{
	note_rung(session, SIGKILL, "to every process");
	if (session->cgroup.payload.dirfd >= 0) {
		int r = cgroup_kill_with(&session->cgroup.payload, session->kill_fd);

		(void)r; /* whoever is left is killed by pid below, and again later */
	}
	signal_members(session, TREE_SIGNAL_ALL, SIGKILL);
}

void actions_carry_out(struct session *session, const struct supervisor_answer *answer)
{
	if (answer->actions & SUPERVISOR_LIFT_HIGH) {
		pressure_act_lift(session);
		slice_act_thaw(session);
	}
	if (answer->actions & SUPERVISOR_NOTE_LEFTOVERS)
		note_leftovers(session);
	if (answer->actions & SUPERVISOR_SIGNAL_AGENT) {
		note_rung(session, answer->signal, "to the command");
		signal_members(session, TREE_SIGNAL_AGENT_GROUP, answer->signal);
	}
	if (answer->actions & SUPERVISOR_TERMINATE_ALL)
		terminate_all(session);
	if (answer->actions & SUPERVISOR_KILL_ALL)
		kill_all(session);
	if (answer->actions & SUPERVISOR_FINISH) {
		if (!actions_nothing_left(session))
			actions_note_unkillable(session);
		(void)sd_event_exit(session->event, 0);
	}
}
