/* SPDX-License-Identifier: MIT */

/*
 * Who is told of what happens in a session: one place for all who only look on. An observer never
 * fails the session and never blocks it; what it can't do now it leaves.
 */

#include <stdio.h>
#include <string.h>

#include "oc-run/report.h"
#include "session-internal.h"

void session_observe_started(struct session *session)
{
	report_journal_started(session->record);
	if (session->plan->json_status_fd >= 0)
		session_status_line(session, report_json_started(session->record));
	history_started(session->history, session->record);
}

static void end_history(struct session *session)
{
	int r = history_close(session->history);

	if (r < 0 && !session->plan->quiet)
		(void)fprintf(stderr, "oc-run: the history of this session is incomplete: %s\n",
			      strerror(-r));
}

/* The last line of --json-status-fd waits for what main.c adds. */
void session_observe_ended(struct session *session)
{
	report_journal_ended(session->record);
	history_ended(session->history, session->record);
	end_history(session);
}

/* memory.events counts "oom" where the limit stands, and "oom_kill" where the victim was. */
bool session_is_from_above(const struct session *session, const struct record_event *event)
{
	return event->from_above || (event->kind == RECORD_OOM_KILL && session->watch &&
				     watch_state(session->watch)->payload.memory.oom ==
					     session->counters_start.memory.oom);
}

void session_observe_event(struct session *session, const struct record_event *event)
{
	report_journal_event(session->record, event);
	if (session->plan->json_status_fd >= 0)
		session_status_line(session, report_json_event(session->record, event));
	history_event(session->history, event);
	notify_event(session, event);
	tell_status_event(session, event);
}

void session_observe_figures(struct session *session)
{
	history_figures(session->history, &session->figures, tree_last(session->tree));
	notify_figures(session);
	tell_status_figures(session);
}
