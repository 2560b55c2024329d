/* SPDX-License-Identifier: MIT */

/* See restart.h: the pure half. */

#include "oc-run/restart.h"

#include <inttypes.h>
#include <stdio.h>

#include "oc-run/parse.h"
#include "oc-run/profile-command.h"
#include "oc-run/report.h"

/* The watch kills for tasks as well, which a new start would not help. */
static bool was_for_tasks(const struct session_record *record)
{
	for (size_t i = 0; i < record->event_count; i++)
		if (record->events[i].kind == RECORD_WATCH_KILL &&
		    record->events[i].value == LIMIT_PIDS_MAX && record->events[i].victim.is_agent)
			return true;
	return false;
}

static bool was_told_to_stop(const struct session_record *record)
{
	switch (record->stop_reason) {
	case STOP_SIGNAL:
	case STOP_HANGUP:
	case STOP_SYSTEMD:
		return true;
	case STOP_NONE:
	case STOP_MEMORY:
	case STOP_SLICE:
	case STOP_RESTART:
		break;
	}
	return false;
}

void restart_facts_of(const struct session_record *record, char *const *command,
		      struct restart_facts *ret)
{
	const struct plan *plan = record->plan;
	const struct profile *profile = plan->profile;

	*ret = (struct restart_facts){
		.choice = plan->restart,
		.killed_for_memory =
			outcome_classify(record) == OUTCOME_AGENT_KILLED && !was_for_tasks(record),
		.ended_for_it = record->stop_reason == STOP_RESTART,
		.told_to_stop = was_told_to_stop(record),
		.has_way = profile && profile->sessions && profile->resume &&
			   profile_subcommand(profile, command) == 0,
		.server_is_own = plan->server_is_own,
		.is_certain = record->resume_id != NULL,
		.ran_usec = record->agent_ended_usec > 0 ? record->agent_ended_usec
							 : record->duration_usec,
		.min_age_usec = plan->restart_min_age_usec,
	};
}

unsigned restart_count(const struct restart *restart, uint64_t now_usec)
{
	unsigned count = 0;

	for (size_t i = 0; i < RESTARTS_MAX && i < restart->count; i++)
		count += now_usec - restart->at_usec[i] < RESTART_WINDOW_USEC;
	return count;
}

void restart_note(struct restart *restart, uint64_t now_usec)
{
	restart->at_usec[restart->count++ % RESTARTS_MAX] = now_usec;
}

enum restart_verdict restart_decide(const struct restart *restart,
				    const struct restart_facts *facts)
{
	if (facts->choice == RESTART_NO || !(facts->killed_for_memory || facts->ended_for_it))
		return RESTART_NOTHING;
	if (facts->told_to_stop)
		return RESTART_STOPPED;
	if (!facts->has_way)
		return RESTART_NO_WAY;
	if (!facts->server_is_own)
		return RESTART_SHARED_SERVER;
	if (facts->ran_usec < facts->min_age_usec)
		return RESTART_TOO_YOUNG;
	if (restart_count(restart, facts->now_usec) >= RESTARTS_MAX)
		return RESTART_TOO_OFTEN;
	return facts->is_certain ? RESTART_AGAIN : RESTART_NOT_CERTAIN;
}

bool restart_may(const struct restart *restart, const struct session_record *record,
		 uint64_t ran_usec, uint64_t now_usec)
{
	struct restart_facts facts;

	restart_facts_of(record, record->plan->command, &facts);
	facts.ended_for_it = true;
	facts.is_certain = true;
	facts.ran_usec = ran_usec;
	facts.now_usec = now_usec;
	return restart_decide(restart, &facts) == RESTART_AGAIN;
}

bool restart_needs_id(const struct restart *restart, const struct session_record *record,
		      char *const *command, uint64_t now_usec)
{
	struct restart_facts facts;

	restart_facts_of(record, command, &facts);
	facts.now_usec = now_usec;
	return restart_decide(restart, &facts) == RESTART_NOT_CERTAIN;
}

void restart_why_not(enum restart_verdict verdict, const struct restart_facts *facts,
		     char text[RESTART_TEXT_MAX])
{
	char age[FORMAT_TEXT_MAX];

	text[0] = '\0';
	switch (verdict) {
	case RESTART_NOTHING:
	case RESTART_AGAIN:
		break;
	case RESTART_STOPPED:
		(void)snprintf(text, RESTART_TEXT_MAX, "it was told to stop");
		break;
	case RESTART_NO_WAY:
		(void)snprintf(text, RESTART_TEXT_MAX,
			       "how this command line is resumed is not known");
		break;
	case RESTART_SHARED_SERVER:
		(void)snprintf(text, RESTART_TEXT_MAX,
			       "other sessions may work through the same server");
		break;
	case RESTART_TOO_YOUNG:
		format_duration(facts->min_age_usec, age);
		(void)snprintf(text, RESTART_TEXT_MAX,
			       "it had run for less than %s (--restart-min-age)", age);
		break;
	case RESTART_TOO_OFTEN:
		(void)snprintf(text, RESTART_TEXT_MAX,
			       "it was started again %d times in %" PRIu64 " minutes", RESTARTS_MAX,
			       RESTART_WINDOW_USEC / USEC_PER_MINUTE);
		break;
	case RESTART_NOT_CERTAIN:
		(void)snprintf(text, RESTART_TEXT_MAX,
			       "which of its sessions it worked on is not certain");
		break;
	}
}
