/* SPDX-License-Identifier: MIT */

/*
 * The scribe: a fork of oc-run that writes the history and does nothing else. It sleeps in recv()
 * until there is a line, and ends with the socket. If that ends without the session's end having
 * been told, oc-run was killed: that is the last line then. Its exit status is the errno that lines
 * were lost for.
 *
 * It is in a process group of its own, has all signals blocked (as oc-run had when it forked) and
 * holds nothing of oc-run's open, so that nobody waits for it.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "history-internal.h"
#include "oc-run/close-fds.h"
#include "oc-run/history.h"

struct scribe {
	struct history_file file;
	const struct history_scribe *request;
	uint64_t started_usec; /* CLOCK_MONOTONIC; 0: not yet */
	bool ended;	       /* the last line is written */
	bool is_dirty;	       /* an event is not on the disk yet */
};

static uint64_t now_usec(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void settle(const struct history_scribe *request)
{
	int keep[] = { request->folder, request->socket };

	(void)prctl(PR_SET_NAME, "oc-run-scribe");
	(void)setpgid(0, 0);
	close_all_but(keep, ARRAY_SIZE(keep));
	/* A folder that somebody works in can't be unmounted. */
	(void)!chdir("/");
}

static void take(struct scribe *scribe, const char *message, size_t length)
{
	bool is_sample = message[0] == HISTORY_SAMPLE;

	history_file_append(&scribe->file, message + 1, length - 1, !is_sample);
	scribe->is_dirty |= !is_sample;
	if (message[0] == HISTORY_ENDED)
		scribe->ended = true;
	if (message[0] != HISTORY_STARTED)
		return;
	scribe->started_usec = now_usec(CLOCK_MONOTONIC);
	history_prune(scribe->request->folder, scribe->request->name, scribe->request->keep,
		      (int64_t)time(NULL));
}

/* The length of the next message, waiting for it; what is on its way to the disk goes there before
 * a sleep. -1: there will be none. */
static ssize_t next_length(struct scribe *scribe)
{
	const int flags = MSG_PEEK | MSG_TRUNC;
	ssize_t length = recv(scribe->request->socket, NULL, 0, flags | MSG_DONTWAIT);

	if (length < 0 && errno == EAGAIN) {
		if (scribe->is_dirty)
			history_file_sync(&scribe->file);
		scribe->is_dirty = false;
		length = recv(scribe->request->socket, NULL, 0, flags);
	}
	return length > 0 ? length : -1;
}

static void write_lines(struct scribe *scribe)
{
	ssize_t length;

	while ((length = next_length(scribe)) > 0) {
		_cleanup_free_ char *message = malloc((size_t)length);
		char byte;

		if (!message)
			(void)!recv(scribe->request->socket, &byte, 1, 0);
		else if (recv(scribe->request->socket, message, (size_t)length, 0) == length)
			take(scribe, message, (size_t)length);
	}
}

static void write_lost(struct scribe *scribe)
{
	uint64_t at_usec = now_usec(CLOCK_MONOTONIC) - scribe->started_usec;
	_cleanup_free_ char *line = history_line_lost(at_usec, now_usec(CLOCK_REALTIME));

	if (line)
		history_file_append(&scribe->file, line, strlen(line), true);
}

void history_scribe_run(const struct history_scribe *request)
{
	struct scribe scribe = {
		.request = request,
		.file = { .folder = request->folder, .fd = -1, .name = request->name },
	};

	settle(request);
	write_lines(&scribe);
	if (scribe.started_usec > 0 && !scribe.ended)
		write_lost(&scribe);
	history_file_sync(&scribe.file);
	_exit(history_file_lost(&scribe.file));
}
