/* SPDX-License-Identifier: MIT */

/*
 * Looking at the tree. Where the kernel enforces, its event files wake us, and samples are rare:
 * they serve names and peaks. Where oc-run enforces by watching, the policy says when to look next
 * and who has to go.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/process-scan.h"
#include "session-internal.h"

#define LOOK_SOON_USEC (100 * UINT64_C(1000))
#define LOOK_CALM_USEC (5 * UINT64_C(1000000))
/* From half of memory.max on: who is killed next should have been seen a moment ago. */
#define LOOK_FULL_USEC (1 * UINT64_C(1000000))
/* Looks that list all of /proc for members that left: 0.1 s, 1 s and 3 s after the start, as
 * Chromium leaves while it starts, then every other calm look. */
static const uint64_t first_looks_usec[] = { 100000, 900000, 2000000 };

static bool is_outside(const struct tree_process *process, void *userdata)
{
	(void)userdata;
	return process->is_outside;
}

/* What came of it, for people; or "". */
static const char *treat_escapes(struct session *session, const struct tree_sample *sample)
{
	int count;

	switch (session->plan->escape) {
	case ESCAPE_RECAPTURE:
		count = tree_recapture(session->tree);
		if (count > 0)
			session->record->recaptured += (size_t)count;
		return sample->outside > 0 ? "could not be brought back" : "";
	case ESCAPE_REPORT:
		return "left where it is, until the session ends";
	case ESCAPE_KILL:
		count = tree_signal_chosen(session->tree, is_outside, NULL, SIGKILL);
		return count > 0 ? "killed" : "could not be killed";
	}
	return "";
}

static void tell_escapes(struct session *session, const struct tree_sample *sample)
{
	struct record_event *event;
	const char *words;

	/* One that can't be brought back is seen again at every look, and told once. */
	if (sample->outside <= session->escapes_told) {
		session->escapes_told = sample->outside;
		return;
	}
	session->escapes_told = sample->outside;
	event = session_note(session, RECORD_ESCAPE, sample->outside);
	for (size_t i = 0; event && i < sample->count; i++) {
		if (!sample->processes[i].is_outside || sample->processes[i].state == 'Z')
			continue;
		event->victim.pid = sample->processes[i].pid;
		(void)snprintf(event->victim.name, sizeof(event->victim.name), "%s",
			       sample->processes[i].name);
		break;
	}
	words = treat_escapes(session, sample);
	if (event)
		(void)snprintf(event->detail, sizeof(event->detail), "%s", words);
	session_tell(session, event);
}

static void kill_victim(struct session *session, enum policy_verdict verdict,
			const struct tree_process *process)
{
	bool for_memory = verdict == POLICY_KILL_FOR_MEMORY;
	struct record_event *event = session_note(session, RECORD_WATCH_KILL,
						  for_memory ? LIMIT_MEMORY_MAX : LIMIT_PIDS_MAX);

	if (event) {
		event->victim.pid = process->pid;
		(void)snprintf(event->victim.name, sizeof(event->victim.name), "%s", process->name);
		if (process->command)
			(void)snprintf(event->victim.command, sizeof(event->victim.command), "%s",
				       process->command);
		event->victim.bytes = process->resident_bytes;
		event->victim.source = VICTIM_OWN;
		event->victim.is_agent = process->is_spared;
		(void)snprintf(event->detail, sizeof(event->detail), "%s",
			       for_memory ? "over the memory limit" : "over the limit of tasks");
	}
	if (process_signal(process->pid, SIGKILL) >= 0)
		session_tell(session, event);
}

/* The sum of resident memory counts shared pages once for each process: only when it is over the
 * limit is the true, dearer figure read. */
static uint64_t memory_of(struct session *session, const struct tree_sample *sample)
{
	uint64_t proportional;

	if (sample->resident_bytes <= session->watched.memory_bytes)
		return sample->resident_bytes;
	proportional = tree_proportional_bytes(session->tree);
	return proportional > 0 ? proportional : sample->resident_bytes;
}

static uint64_t enforce(struct session *session, const struct tree_sample *sample)
{
	uint64_t now_usec = session_now_usec();
	uint64_t memory_bytes = memory_of(session, sample);
	_cleanup_free_ bool *condemned = calloc(sample->count + 1, sizeof(*condemned));
	enum policy_verdict verdict = POLICY_FINE;
	uint64_t next_usec =
		policy_next_look_usec(&session->watched, session->looked_bytes, memory_bytes,
				      now_usec - session->looked_usec, sample->tasks);

	if (condemned)
		verdict = policy_judge(&session->watched, sample, memory_bytes, condemned);
	for (size_t i = 0; verdict != POLICY_FINE && i < sample->count; i++) {
		if (condemned[i])
			kill_victim(session, verdict, &sample->processes[i]);
	}
	session->looked_bytes = memory_bytes;
	session->looked_usec = now_usec;
	return next_usec;
}

static void note_peaks(struct session *session, const struct tree_sample *sample)
{
	struct session_record *record = session->record;

	if (sample->resident_bytes > record->memory_peak_bytes)
		record->memory_peak_bytes = sample->resident_bytes;
	if (sample->tasks > record->tasks_peak)
		record->tasks_peak = sample->tasks;
}

static bool read_figures(struct session *session)
{
	bool is_counted =
		session->cgroup.enforced & (1U << LIMIT_MEMORY_MAX | 1U << LIMIT_MEMORY_HIGH);
	struct cgroup_usage usage;

	if (!is_counted || cgroup_read_usage(&session->cgroup.payload, &usage) < 0)
		return false;
	session->figures = figures_of_usage(&usage, session_now_usec() - session->started_usec);
	return true;
}

static void note_figures(struct session *session)
{
	uint64_t *peak_bytes = &session->record->unreclaimable_peak_bytes;

	if (session->figures.unreclaimable_bytes > *peak_bytes)
		*peak_bytes = session->figures.unreclaimable_bytes;
	session_observe_figures(session);
}

void sampling_figures(struct session *session)
{
	if (read_figures(session))
		note_figures(session);
	else
		sampling_look(session, 0);
}

void sampling_look(struct session *session, unsigned flags)
{
	const struct tree_sample *sample;

	if (tree_scan(session->tree, flags, &sample) < 0)
		return; /* the last one stands; the next look comes */
	if (!read_figures(session))
		session->figures =
			figures_of_sample(sample, session_now_usec() - session->started_usec);
	note_figures(session);
	note_peaks(session, sample);
	oom_score_adjust(session->proc_fd, sample, session->plan->oom);
	newcomers_note(session, sample);
	if (session->watch)
		tell_escapes(session, sample);
}

void sampling_look_soon(struct session *session)
{
	uint64_t now_usec = session_now_usec();

	if (now_usec < session->looked_soon_usec + LOOK_SOON_USEC)
		return;
	session->looked_soon_usec = now_usec;
	sampling_look(session, 0);
}

/* Of what can't be reclaimed: page cache alone brings nobody near the limit. */
static bool is_half_full(const struct session *session)
{
	return session->figures.unreclaimable_bytes >
	       session->plan->limits[LIMIT_MEMORY_MAX].value / 2;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;
	uint64_t next_usec = LOOK_CALM_USEC;
	unsigned look = session->looks++;
	int r;

	(void)source;
	(void)usec;
	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return 0;
	noisy_tell(session);
	sampling_look(session,
		      look < ARRAY_SIZE(first_looks_usec) || look % 2 == 0 ? TREE_SCAN_OUTSIDE : 0);
	if (look + 1 < ARRAY_SIZE(first_looks_usec))
		next_usec = first_looks_usec[look + 1];
	else if (is_half_full(session))
		next_usec = LOOK_FULL_USEC;
	if (session->watches_limits && tree_last(session->tree)) {
		uint64_t enforce_usec = enforce(session, tree_last(session->tree));

		next_usec = enforce_usec < next_usec ? enforce_usec : next_usec;
	}
	r = pressure_act_look(session, true);
	if (r >= 0)
		r = slice_act_look(session);
	if (r < 0)
		return r;
	restart_idle_look(session);
	if (session->relimit.is_blind)
		relimit_look(session);
	return session_arm(session, &session->look_timer, next_usec, on_look);
}

void sampling_watch_limits(struct session *session)
{
	const struct plan_limit *limits = session->plan->limits;

	session->watched.memory_bytes = limits[LIMIT_MEMORY_MAX].enforcer == ENFORCER_WATCH
						? limits[LIMIT_MEMORY_MAX].value
						: LIMIT_UNLIMITED;
	session->watched.tasks = limits[LIMIT_PIDS_MAX].enforcer == ENFORCER_WATCH
					 ? limits[LIMIT_PIDS_MAX].value
					 : LIMIT_UNLIMITED;
	session->watched.oom = session->plan->oom;
	session->watches_limits = session->watched.memory_bytes != LIMIT_UNLIMITED ||
				  session->watched.tasks != LIMIT_UNLIMITED;
}

int sampling_start(struct session *session)
{
	sampling_watch_limits(session);
	session->looked_usec = session_now_usec();
	return session_arm(session, &session->look_timer,
			   session->watches_limits ? LOOK_SOON_USEC / 5 : LOOK_SOON_USEC, on_look);
}

void sampling_peaks(struct session *session)
{
	struct session_record *record = session->record;
	struct cgroup_usage usage;

	record->peak_is_sampled = true;
	if (session->cgroup.payload.dirfd < 0 ||
	    cgroup_read_usage(&session->cgroup.payload, &usage) < 0)
		return;
	record->usage = usage;
	if (usage.memory_peak > 0) {
		record->memory_peak_bytes = usage.memory_peak;
		record->peak_is_sampled = false;
	}
	record->swap_peak_bytes = usage.swap_peak;
	if (usage.pids_peak > record->tasks_peak)
		record->tasks_peak = usage.pids_peak;
}
