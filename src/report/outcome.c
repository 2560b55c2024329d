/* SPDX-License-Identifier: MIT */

/*
 * The judgement of a session, from its record alone. What counts is proof: a kill for memory is one
 * that the kernel counted or that oc-run did; an exit status of 137 proves nothing.
 */

#include <signal.h>
#include <sys/wait.h>

#include "oc-run/parse.h"

#include "judgement.h"
#include "report-disk.h"
#include "safe-text.h"

/* A command that ends within this time of a kill is taken to have ended because of it. */
#define AFTERMATH_USEC (2 * USEC_PER_SEC)

static bool names_agent(const struct session_record *record, const struct record_victim *victim)
{
	return victim->is_agent || (victim->pid > 0 && victim->pid == record->agent_pid);
}

static bool agent_died_of(const struct session_record *record, int signal_number)
{
	return record->agent_ended && WIFSIGNALED(record->wait_status) &&
	       WTERMSIG(record->wait_status) == signal_number;
}

static void tally_kill(const struct session_record *record, const struct record_event *event,
		       struct report_tally *tally, uint64_t *named)
{
	if (event->kind == RECORD_WATCH_KILL)
		tally->by_watching = true;
	if (event->kind == RECORD_WATCH_KILL && event->value == LIMIT_PIDS_MAX)
		tally->kill_limit = LIMIT_PIDS_MAX;
	if (tally->first_kill_usec == 0)
		tally->first_kill_usec = event->at_usec;
	tally->last_kill_usec = event->at_usec;
	if (event->victim.pid > 0)
		*named += 1;
	if (names_agent(record, &event->victim))
		tally->agent_killed = true;
}

bool report_is_repeated_escape(const struct session_record *record, size_t index)
{
	const struct record_event *event = &record->events[index];

	for (size_t i = 0; i < index; i++) {
		if (record->events[i].kind == RECORD_ESCAPE &&
		    record->events[i].victim.pid == event->victim.pid)
			return true;
	}
	return false;
}

/* One that can't be brought back is found outside again and again: it has still left once. */
static void tally_escape(const struct session_record *record, size_t index,
			 struct report_tally *tally, uint64_t *at_once)
{
	const struct record_event *event = &record->events[index];

	if (event->value > *at_once)
		*at_once = event->value;
	if (!report_is_repeated_escape(record, index))
		tally->escapes++;
}

struct counted {
	uint64_t oom_kills, watch_kills, denied, named, escapes_at_once;
	uint64_t short_since_usec; /* 0: it is not */
};

static void end_shortage(struct report_tally *tally, struct counted *counted, uint64_t at_usec)
{
	if (counted->short_since_usec > 0 && at_usec > counted->short_since_usec)
		tally->short_usec += at_usec - counted->short_since_usec;
	counted->short_since_usec = 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void tally_event(const struct session_record *record, size_t index,
			struct report_tally *tally, struct counted *counted)
{
	const struct record_event *event = &record->events[index];

	switch (event->kind) {
	case RECORD_OOM_KILL:
		counted->oom_kills += event->value > 0 ? event->value : 1;
		tally_kill(record, event, tally, &counted->named);
		break;
	case RECORD_WATCH_KILL:
		counted->watch_kills++;
		tally_kill(record, event, tally, &counted->named);
		break;
	case RECORD_FORK_DENIED:
		counted->denied += event->value;
		break;
	case RECORD_ESCAPE:
		tally_escape(record, index, tally, &counted->escapes_at_once);
		break;
	case RECORD_LIVELOCK:
		tally->has_livelock = true;
		break;
	case RECORD_LIMIT_CHANGED:
		tally->has_changed_limit = true;
		break;
	case RECORD_PRESSURE:
		if (tally->first_short_usec == 0)
			tally->first_short_usec = event->at_usec;
		counted->short_since_usec = event->at_usec;
		break;
	case RECORD_PRESSURE_OVER:
		end_shortage(tally, counted, event->at_usec);
		break;
	case RECORD_TOOL_ENDED:
		if (event->value != SIGKILL)
			tally->tools_ended++;
		if (tally->first_ended_usec == 0) {
			tally->first_ended_usec = event->at_usec;
			tally->ended_from_above = event->from_above;
		}
		tally->last_kill_usec = larger(tally->last_kill_usec, event->at_usec);
		break;
	case RECORD_HIGH:
	case RECORD_HIGH_LOWERED:
	case RECORD_SWAP_HELD:
	case RECORD_SWAP_FREED:
	case RECORD_MEMORY_MAX:
	case RECORD_SWAP_FULL:
	case RECORD_STOP_ASKED:
	case RECORD_LADDER:
	case RECORD_EVENT_KIND_COUNT:
		break;
	}
}

/* The kernel's counters say how many; events, which may have been dropped, say who and when. */
void report_tally(const struct session_record *record, struct report_tally *ret)
{
	const struct cgroup_counters *counters = &record->counters;
	struct report_tally tally = { .kill_limit = LIMIT_MEMORY_MAX };
	struct counted counted = { 0 };

	for (size_t i = 0; i < record->event_count; i++)
		tally_event(record, i, &tally, &counted);
	end_shortage(&tally, &counted, record->duration_usec);

	if (counters->memory.oom_kill > 0)
		counted.oom_kills = counters->memory.oom_kill;
	tally.kills = larger(counted.oom_kills + counted.watch_kills, counted.named);
	tally.kills_unnamed = tally.kills - counted.named;
	tally.forks_denied = larger(counters->pids.max, counted.denied);
	tally.escapes = larger(tally.escapes, larger(counted.escapes_at_once, record->recaptured));

	/* memory.events: "oom" is counted where the limit stands and above, "oom_kill" where the
	 * victim was (mm/memcontrol.c, mem_cgroup_oom). A kill without the first was decided
	 * further up. */
	tally.from_above = counters->memory.oom_kill > 0 && counters->memory.oom == 0;

	if (tally.kills_unnamed > 0 && record->stop_reason == STOP_NONE &&
	    agent_died_of(record, SIGKILL))
		tally.agent_killed = true;
	for (size_t i = 0; i < record->leftover_count; i++)
		tally.leftover_bytes += record->leftovers[i].bytes;
	*ret = tally;
}

bool report_agent_went_on(const struct session_record *record, const struct report_tally *tally)
{
	uint64_t end_usec =
		record->agent_ended_usec > 0 ? record->agent_ended_usec : record->duration_usec;

	if (tally->agent_killed)
		return false;
	if (record->agent_ended && WIFEXITED(record->wait_status) &&
	    WEXITSTATUS(record->wait_status) == 0)
		return true;
	return end_usec > tally->last_kill_usec + AFTERMATH_USEC;
}

bool report_limit_is_missing(const struct session_record *record, enum limit_id id)
{
	const struct plan_limit *limit = &record->plan->limits[id];

	if (limit->value == LIMIT_UNLIMITED)
		return false;
	if (limit->enforcer == ENFORCER_KERNEL)
		return !(record->enforced & (UINT32_C(1) << id));
	return limit->enforcer == ENFORCER_NONE && limit->asked;
}

/* Signals by which commands end in everyday use: Ctrl-C, Ctrl-\, and a reader that went away. */
static bool is_everyday_signal(int signal_number)
{
	return signal_number == SIGINT || signal_number == SIGQUIT || signal_number == SIGPIPE;
}

static bool was_ended_for_memory(const struct session_record *record)
{
	return record->stop_reason == STOP_MEMORY || record->stop_reason == STOP_SLICE;
}

enum outcome outcome_classify(const struct session_record *record)
{
	struct report_tally tally;

	report_tally(record, &tally);
	if (tally.agent_killed)
		return OUTCOME_AGENT_KILLED;
	if (tally.kills > 0)
		return OUTCOME_TOOL_KILLED;
	if (record->stop_reason == STOP_NONE && record->agent_ended &&
	    WIFSIGNALED(record->wait_status) && !is_everyday_signal(WTERMSIG(record->wait_status)))
		return OUTCOME_AGENT_DIED;
	if (tally.tools_ended > 0 && !was_ended_for_memory(record))
		return OUTCOME_TOOL_ENDED;
	if (tally.forks_denied > 0)
		return OUTCOME_FORKS_DENIED;
	if (record->stop_reason != STOP_NONE)
		return OUTCOME_STOPPED;
	if (record->leftover_count > 0 || record->unkillable)
		return OUTCOME_LEFTOVERS;
	return OUTCOME_CLEAN;
}

int outcome_exit_status(const struct session_record *record)
{
	if (record->agent_ended && WIFEXITED(record->wait_status))
		return WEXITSTATUS(record->wait_status);
	if (record->agent_ended && WIFSIGNALED(record->wait_status))
		return 128 + WTERMSIG(record->wait_status);
	return 125;
}

bool report_is_needed(const struct session_record *record)
{
	struct report_tally tally;

	switch (outcome_classify(record)) {
	case OUTCOME_TOOL_KILLED:
	case OUTCOME_TOOL_ENDED:
	case OUTCOME_AGENT_KILLED:
	case OUTCOME_AGENT_DIED:
	case OUTCOME_FORKS_DENIED:
	case OUTCOME_LEFTOVERS:
		return true;
	case OUTCOME_CLEAN:
	case OUTCOME_STOPPED:
		break;
	}

	report_tally(record, &tally);
	if (tally.escapes > 0 || record->leftover_count > 0 || record->unkillable ||
	    tally.has_livelock || tally.has_changed_limit || was_ended_for_memory(record) ||
	    record->stop_reason == STOP_RESTART || report_disk_is_news(record))
		return true;
	for (int id = 0; id < LIMIT_COUNT; id++) {
		if (report_limit_is_missing(record, (enum limit_id)id))
			return true;
	}
	return false;
}

const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_CLEAN:
		return "clean";
	case OUTCOME_TOOL_KILLED:
		return "tool-killed";
	case OUTCOME_TOOL_ENDED:
		return "tool-ended";
	case OUTCOME_AGENT_KILLED:
		return "command-killed";
	case OUTCOME_AGENT_DIED:
		return "command-died";
	case OUTCOME_FORKS_DENIED:
		return "forks-denied";
	case OUTCOME_LEFTOVERS:
		return "leftovers";
	case OUTCOME_STOPPED:
		return "stopped";
	}
	return "unknown";
}

const char *victim_source_name(enum victim_source source)
{
	switch (source) {
	case VICTIM_UNKNOWN:
		return "unknown";
	case VICTIM_KERNEL_LOG:
		return "kernel-log";
	case VICTIM_SAMPLE:
		return "last-sample";
	case VICTIM_OWN:
		return "own";
	}
	return "unknown";
}

const char *report_command_name(const struct session_record *record)
{
	return safe_text_base_name(record->plan->command[0]);
}
