/* SPDX-License-Identifier: MIT */

/*
 * What pressure.c answers, done. Looks are made by the calm timer of sampling.c, when the kernel wakes
 * us because memory.high was crossed or tasks stand still for memory, and by a timer of our own while
 * something presses; these read the cgroup's files only, not the processes.
 *
 * Writing never blocks: raising memory.high only stores a number, and it is lowered only to what all
 * memory in use is well below, so that there is nothing to reclaim for the one who writes (and the
 * file is opened with O_NONBLOCK, which since 6.16 leaves that to the session in any case).
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "session-internal.h"

/* Two seconds is what a kernel takes from an unprivileged user (kernel/sched/psi.c). A tenth of it is
 * what pressure.c calls active. */
#define PSI_WINDOW_USEC (2 * UINT64_C(1000000))
#define PSI_STALLED_USEC (200 * UINT64_C(1000))

static void write_high(struct session *session, uint64_t bytes)
{
	const struct limit_row *row = limit_row(LIMIT_MEMORY_HIGH);
	char text[LIMIT_TEXT_MAX];
	int r;

	if (session->cgroup.payload.dirfd < 0 ||
	    !(session->cgroup.enforced & (1U << LIMIT_MEMORY_HIGH)))
		return;
	limit_format_cgroup(row, bytes, text);
	r = cgroup_write(&session->cgroup.payload, row->cgroup_file, text);
	(void)r; /* it cannot fail but when the cgroup is gone */
}

void pressure_act_lift(struct session *session)
{
	pressure_high_is_off(&session->pressure);
	write_high(session, LIMIT_UNLIMITED);
}

void pressure_act_change(struct session *session)
{
	const struct pressure_config config = pressure_config_of(
		session->plan, session->cgroup.enforced, session->host->swap_bytes);

	pressure_change(&session->pressure, &config);
	write_high(session, pressure_high(&session->pressure));
}

static struct record_event *note(struct session *session, enum record_event_kind kind,
				 uint64_t value)
{
	struct record_event *event = session_note(session, kind, value);

	if (event) {
		event->memory_bytes = session->figures.current_bytes;
		event->unreclaimable_bytes = session->figures.unreclaimable_bytes;
	}
	return event;
}

static void tell_high(struct session *session, enum record_event_kind kind,
		      const struct pressure_answer *answer, const char *words)
{
	struct record_event *event = note(session, kind, answer->high_events);
	char bytes[LIMIT_TEXT_MAX];

	if (!event)
		return;
	limit_format_human(limit_row(LIMIT_MEMORY_HIGH), answer->high_bytes, bytes);
	(void)snprintf(event->detail, sizeof(event->detail), "memory.high %s%s", words,
		       answer->high_bytes == LIMIT_UNLIMITED ? "no limit" : bytes);
	session_tell(session, event);
}

static void tell_livelock(struct session *session, const struct pressure_evidence *evidence)
{
	struct record_event *event = note(session, RECORD_LIVELOCK, evidence->high_events);
	char used[FORMAT_TEXT_MAX], high[FORMAT_TEXT_MAX], stalled[64] = "";

	if (!event)
		return;
	event->evidence = *evidence;
	format_bytes(evidence->current_bytes, used);
	format_bytes(evidence->high_bytes, high);
	if (evidence->stall_is_known)
		(void)snprintf(stalled, sizeof(stalled), "waiting for memory %u %% of the time, ",
			       evidence->stalled_percent);
	/* A sentence that does not fit is cut. */
	if (snprintf(event->detail, sizeof(event->detail),
		     "%" PRIu64 " s at %.16s with memory.high at %.16s, %s%" PRIu64
		     " crossings, nobody killed",
		     evidence->over_usec / USEC_PER_SEC, used, high, stalled,
		     evidence->high_events) < 0)
		event->detail[0] = '\0';
	session_tell(session, event);
}

static void carry_out_high(struct session *session, const struct pressure_answer *answer)
{
	const unsigned writes = PRESSURE_RAISE_HIGH | PRESSURE_LOWER_HIGH | PRESSURE_LIFT_HIGH;

	/* Who has no score yet is still held back by it. */
	if (answer->actions & (PRESSURE_RAISE_HIGH | PRESSURE_LIFT_HIGH))
		newcomers_raise(session);
	if (answer->actions & writes)
		write_high(session, answer->high_bytes);
	if (answer->actions & PRESSURE_RAISE_HIGH)
		tell_high(session, RECORD_HIGH, answer, "raised to ");
	if (answer->actions & PRESSURE_NOTE_HIGH)
		tell_high(session, RECORD_HIGH, answer, "stays at ");
	if (answer->actions & PRESSURE_LOWER_HIGH)
		tell_high(session, RECORD_HIGH_LOWERED, answer, "put back to ");
	if (answer->actions & PRESSURE_LIFT_HIGH)
		tell_livelock(session, &answer->evidence);
}

static bool is_member(const struct tree_process *process, void *userdata)
{
	return pressure_is_member(userdata, process);
}

static void name_tool(const struct session *session, struct record_victim *victim)
{
	const struct pressure_tree *tool = &session->pressure.tool;
	const struct pressure_member *largest = &tool->members[tool->largest];
	const struct tree_sample *sample = tree_last(session->tree);

	victim->pid = largest->pid;
	victim->bytes = tool->bytes;
	victim->source = VICTIM_OWN;
	for (size_t i = 0; sample && i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (process->pid != largest->pid || process->start_ticks != largest->start_ticks)
			continue;
		(void)snprintf(victim->name, sizeof(victim->name), "%s", process->name);
		if (process->command)
			(void)snprintf(victim->command, sizeof(victim->command), "%s",
				       process->command);
	}
}

static void end_tool(struct session *session, int signal_number)
{
	struct record_event *event = note(session, RECORD_TOOL_ENDED, (uint64_t)signal_number);
	struct pressure_tree *tool = &session->pressure.tool;

	/* A handler that is throttled takes seconds. */
	pressure_act_lift(session);
	if (event) {
		name_tool(session, &event->victim);
		(void)snprintf(event->detail, sizeof(event->detail),
			       "%s to the %zu process%s of a tool",
			       signal_number == SIGKILL ? "SIGKILL" : "SIGTERM", tool->count,
			       tool->count == 1 ? "" : "es");
	}
	(void)tree_signal_chosen(session->tree, is_member, tool, signal_number);
	session_tell(session, event);
}

static void carry_out_swap(struct session *session, const struct pressure_answer *answer)
{
	bool is_held = answer->actions & PRESSURE_HOLD_SWAP;
	const struct limit_row *row = limit_row(LIMIT_MEMORY_SWAP_MAX);
	struct record_event *event;
	char text[LIMIT_TEXT_MAX];

	if (!(answer->actions & (PRESSURE_HOLD_SWAP | PRESSURE_FREE_SWAP)))
		return;
	limit_format_cgroup(row, answer->swap_bytes, text);
	/* Fails when the cgroup is gone, and only then. */
	if (cgroup_write(&session->cgroup.payload, row->cgroup_file, text) < 0)
		return;
	event = note(session, is_held ? RECORD_SWAP_HELD : RECORD_SWAP_FREED, answer->swap_bytes);
	if (!event)
		return;
	limit_format_human(row, answer->swap_bytes, text);
	(void)snprintf(event->detail, sizeof(event->detail),
		       is_held ? "swap is slow: no more than %s for now"
			       : "swap of up to %s may be used again",
		       text);
	session_tell(session, event);
}

static void carry_out(struct session *session, const struct pressure_answer *answer)
{
	carry_out_swap(session, answer);
	carry_out_high(session, answer);
	/* Whoever looks on, and whoever names who is killed next, wants to know who is how large. */
	if (answer->actions & (PRESSURE_RAISE_HIGH | PRESSURE_NOTE_HIGH | PRESSURE_SOFT_CROSSED))
		sampling_look_soon(session);
	if (answer->actions & PRESSURE_SOFT_CROSSED)
		session_tell(session, note(session, RECORD_PRESSURE, 0));
	if (answer->actions & PRESSURE_SOFT_LEFT)
		session_tell(session, note(session, RECORD_PRESSURE_OVER, 0));
	if (answer->actions & PRESSURE_END_TOOL)
		end_tool(session, answer->signal);
	if (answer->actions & PRESSURE_END_AGENT)
		supervise_stop(session, STOP_MEMORY, "memory was about to be used up");
}

static uint64_t since(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static int on_pressure_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	(void)usec;
	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return 0;
	sampling_figures(session);
	return pressure_act_look(session, false);
}

static void read_counters(const struct session *session, struct pressure_look *look)
{
	const struct cgroup_counters *start = &session->counters_start, *now = start;

	if (session->watch)
		now = &watch_state(session->watch)->payload;
	look->high_events = since(start->memory.high, now->memory.high);
	look->oom_kills = since(start->memory.oom_kill, now->memory.oom_kill);
	look->swap_fails = since(start->swap.fail, now->swap.fail);
}

int pressure_act_look(struct session *session, bool has_sample)
{
	struct pressure_look look = { .figures = &session->figures };
	struct pressure_answer answer;

	if (session->supervisor.state != SUPERVISOR_RUNNING || session->figures.at_usec == 0)
		return 0;
	read_counters(session, &look);
	if (has_sample)
		look.sample = tree_last(session->tree);
	answer = pressure_step(&session->pressure, &look);
	carry_out(session, &answer);
	if (answer.wants_sample) {
		sampling_look(session, 0);
		look.sample = tree_last(session->tree);
		answer = pressure_step(&session->pressure, &look);
		carry_out(session, &answer);
	}
	session->pressure_rest_until_usec = session_now_usec() + answer.rest_usec;
	if (answer.next_look_usec == 0)
		return 0;
	return session_arm(session, &session->pressure_timer, answer.next_look_usec,
			   on_pressure_look);
}

int pressure_act_wake(struct session *session)
{
	uint64_t now_usec = session_now_usec();

	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return 0;
	newcomers_raise(session);
	if (now_usec < session->pressure_rest_until_usec)
		return session_arm(session, &session->pressure_timer,
				   session->pressure_rest_until_usec - now_usec, on_pressure_look);
	sampling_figures(session);
	return pressure_act_look(session, false);
}

static void on_psi(void *userdata)
{
	struct session *session = userdata;

	(void)!pressure_act_wake(session);
}

int pressure_act_start(struct session *session)
{
	const struct pressure_config config = pressure_config_of(
		session->plan, session->cgroup.enforced, session->host->swap_bytes);
	const struct psi_request request = {
		.event = session->event,
		.dirfd = session->cgroup.payload.dirfd,
		.file = "memory.pressure",
		.stalled_usec = PSI_STALLED_USEC,
		.window_usec = PSI_WINDOW_USEC,
		.woken = on_psi,
		.userdata = session,
	};
	int r;

	pressure_init(&session->pressure, &config);
	if (session->cgroup.payload.dirfd < 0)
		return 0;
	r = psi_new(&request, &session->psi);
	/* Without it memory.events and the calm looks have to do. */
	return r == -ENOMEM ? r : 0;
}
