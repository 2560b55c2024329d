/* SPDX-License-Identifier: MIT */

/* Telling the person: the gate says what and when, the text says it, the journal and the ways of
 * the plan get it. */

#include "oc-run/report.h"
#include "session-internal.h"

/* What is on its way when the session ends may take this long. */
#define SETTLE_USEC (1 * UINT64_C(1000000))

static void on_child(pid_t pid, void *userdata)
{
	struct session *session = userdata;

	if (session->tree)
		tree_set_helper(session->tree, pid);
}

int notify_start(struct session *session)
{
	const struct plan *plan = session->plan;
	const struct notice_limits limits = {
		.swap_max = plan->limits[LIMIT_MEMORY_SWAP_MAX].value,
		.tasks_max = plan->limits[LIMIT_PIDS_MAX].value,
	};
	const struct notices_request request = {
		.host = session->host,
		.ways = plan->notify,
		.event = session->event,
		.child_changed = on_child,
		.userdata = session,
	};

	notice_gate_init(&session->notices.gate, &limits);
	return notices_new(&request, &session->notices.ways);
}

static void tell(struct session *session, const struct notice_subject *subject)
{
	const struct notice_facts facts = {
		.record = session->record,
		.figures = &session->figures,
		.sample = tree_last(session->tree),
		.from_above = session_is_from_above(session, &subject->event),
	};
	struct notice notice = { 0 };

	if (notice_text_make(subject, &facts, &notice) < 0)
		return;
	report_journal_notice(session->record, subject->kind, &notice);
	notices_show(session->notices.ways, &notice);
	notice_finish(&notice);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

/* Without a loop any more notify_finish() tells what matters. */
static void arm(struct session *session)
{
	uint64_t now_usec = session_now_usec();
	uint64_t wake_usec = notice_gate_wake_usec(&session->notices.gate);

	if (wake_usec > 0)
		(void)!session_arm(session, &session->notices.timer,
				   wake_usec > now_usec ? wake_usec - now_usec : 0, on_due);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;
	struct notice_subject subject;

	(void)source;
	(void)usec;
	if (notice_gate_due(&session->notices.gate, session_now_usec(), &subject))
		tell(session, &subject);
	arm(session);
	return 0;
}

void notify_event(struct session *session, const struct record_event *event)
{
	struct notice_subject subject;

	if (!session->notices.ways)
		return;
	if (notice_gate_event(&session->notices.gate, session_now_usec(), event, &subject))
		tell(session, &subject);
	arm(session);
}

void notify_figures(struct session *session)
{
	notice_gate_figures(&session->notices.gate, session_now_usec(), &session->figures);
}

bool notify_reaped(struct session *session, pid_t pid, int wait_status)
{
	return session->notices.ways && notices_reaped(session->notices.ways, pid, wait_status);
}

void notify_finish(struct session *session)
{
	struct session_notices *notices = &session->notices;
	struct notice_subject subject;

	notices->timer = sd_event_source_unref(notices->timer);
	if (!notices->ways)
		return;
	if (notice_gate_end(&notices->gate, &subject))
		tell(session, &subject);
	notices_settle(notices->ways, session_now_usec() + SETTLE_USEC);
	notices->ways = notices_free(notices->ways);
}
