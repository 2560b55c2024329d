/* SPDX-License-Identifier: MIT */

/*
 * Who is told of what happens in a session: one place for all who only look on. An observer never
 * fails the session and never blocks it; what it can't do now it leaves.
 */

#include "oc-run/report.h"
#include "session-internal.h"

void session_observe_event(struct session *session, const struct record_event *event)
{
	report_journal_event(session->record, event);
	if (session->plan->json_status_fd >= 0)
		session_status_line(session, report_json_event(session->record, event));
	notify_event(session, event);
}

void session_observe_figures(struct session *session)
{
	notify_figures(session);
}
