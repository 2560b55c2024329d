/* SPDX-License-Identifier: MIT */

/*
 * When the status file is written: at the start, after each event, and when a look shows figures
 * that differ, every few seconds at most. A look that ends two hundred processes writes it once, as
 * writing waits for the loop to finish what it is at.
 */

#include <stdio.h>

#include "session-internal.h"

#define FIGURES_EVERY_USEC (3 * USEC_PER_SEC)

/* A disk that is full: what was there stays, and the next event tries again. */
static void write_now(struct session *session)
{
	struct session_status *status = &session->status;
	const struct status_facts facts = {
		.record = session->record,
		.figures = &session->figures,
		.log = &status->log,
		.now_realtime_usec = session_realtime_usec(),
	};
	_cleanup_free_ char *text = status_json(&facts);

	status->written_usec = session_now_usec();
	if (text && status_file_write(&status->file, text) >= 0)
		status->told = session->figures;
}

static int on_defer(sd_event_source *source, void *userdata)
{
	(void)source;
	write_now(userdata);
	return 0;
}

static void write_soon(struct session *session)
{
	struct session_status *status = &session->status;
	int r;

	if (status->file.folder_fd < 0)
		return;
	if (!status->defer)
		r = sd_event_add_defer(session->event, &status->defer, on_defer, session);
	else
		r = sd_event_source_set_enabled(status->defer, SD_EVENT_ONESHOT);
	/* Out of memory for a moment; the loop that has ended. */
	if (r < 0)
		write_now(session);
}

void tell_status_begin(struct session *session)
{
	struct diag diag = DIAG_INIT;
	int r = status_file_begin(&session->registry, session->plan->id, &session->status.file,
				  &diag);

	if (r >= 0 && session->plan->user &&
	    status_file_share(&session->status.file, session->plan->user->gid) < 0)
		status_file_finish(&session->status.file);
	if (r == -EPERM && !session->plan->quiet)
		(void)fprintf(stderr, "oc-run: %s\n", diag.text);
}

void tell_status_start(struct session *session)
{
	if (session->status.file.folder_fd >= 0)
		write_now(session);
}

void tell_status_event(struct session *session, const struct record_event *event)
{
	status_log_add(&session->status.log, event, session_is_from_above(session, event));
	write_soon(session);
}

void tell_status_figures(struct session *session)
{
	const struct session_status *status = &session->status;

	if (session_now_usec() < status->written_usec + FIGURES_EVERY_USEC ||
	    !status_is_news(&status->told, &session->figures, session->plan))
		return;
	write_soon(session);
}

void tell_status_finish(struct session *session)
{
	session->status.defer = sd_event_source_unref(session->status.defer);
	status_file_finish(&session->status.file);
}
