/* SPDX-License-Identifier: MIT */

/* oc-run's side of history.h: it starts the scribe and sends lines. A line is one message; if the
 * scribe does not keep up, samples stop coming while there is room left for events. */

#include "oc-run/history.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "history-internal.h"
#include "oc-run/spawn.h"
#include "oc-run/timeline.h"
#include "private-folder.h"

/* Of what may wait in the socket (200 KiB by default), for samples. */
#define SAMPLES_QUEUE_BYTES (64 * 1024)
#define END_MSEC 3000

struct history {
	struct history_scribe scribe;
	int socket, pidfd;
	pid_t pid;
	struct timeline_gate gate;
	struct history_names pending_names; /* of what waits in the gate */
};

static int open_folder(const struct history_request *request, int *ret_fd, struct diag *diag)
{
	_cleanup_free_ char *base = request->base ? strdup(request->base)
						  : private_base(PRIVATE_BASE_STATE, request->uid);

	if (!base)
		return -ENOENT;
	return private_folder_open(base, "history", true, "no history of sessions is kept", ret_fd,
				   diag);
}

/* Before oc-run's other forks: whoever is younger than the command counts as its child. */
static int start_scribe(struct history *history, int folder)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	history->scribe.folder = folder;
	history->scribe.socket = theirs;
	history->pid = signal_state_fork();
	if (history->pid < 0)
		return -errno;
	if (history->pid == 0)
		history_scribe_run(&history->scribe);
	/* Only for waiting at the end: without it there is no wait. */
	history->pidfd = pidfd_open(history->pid, 0);
	history->socket = take_fd(&ours);
	return 0;
}

int history_new(const struct history_request *request, struct history **ret, struct diag *diag)
{
	_cleanup_close_ int folder = -1;
	struct history *history;
	int r = open_folder(request, &folder, diag);

	if (r == -EPERM)
		return r;
	if (r == -ENOSPC || r == -EDQUOT)
		return diag_set(diag, r, "no history of this session is kept: %s", strerror(-r));
	*ret = NULL;
	if (r < 0)
		return 0;
	history = calloc(1, sizeof(*history));
	if (!history)
		return diag_set(diag, -ENOMEM, "out of memory");
	history->socket = history->pidfd = -1;
	history->scribe.keep = request->keep;
	history_name(request->started_usec, request->id, history->scribe.name);
	if (start_scribe(history, folder) < 0)
		history = history_free(history);
	*ret = history;
	return 0;
}

/* Takes over @line. */
static void send_line(struct history *history, enum history_message kind, char *line)
{
	_cleanup_free_ char *text = line;
	char first = (char)kind;
	struct iovec parts[] = {
		{ .iov_base = &first, .iov_len = 1 },
		{ .iov_base = text, .iov_len = text ? strlen(text) : 0 },
	};
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	int queued;

	if (!text)
		return;
	if (kind == HISTORY_SAMPLE && ioctl(history->socket, SIOCOUTQ, &queued) == 0 &&
	    queued > SAMPLES_QUEUE_BYTES)
		return;
	(void)!sendmsg(history->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void history_started(struct history *history, const struct session_record *record)
{
	if (history)
		send_line(history, HISTORY_STARTED, history_line_started(record));
}

void history_figures(struct history *history, const struct figures *figures,
		     const struct tree_sample *sample)
{
	struct history_names now;
	struct figures chosen;

	if (!history || history_names_of(sample, &now) < 0)
		return;
	if (timeline_offer(&history->gate, figures, &chosen)) {
		bool is_now = chosen.at_usec == figures->at_usec;

		send_line(history, HISTORY_SAMPLE,
			  history_line_sample(&chosen, is_now ? &now : &history->pending_names));
	}
	if (history->gate.pending.at_usec == figures->at_usec)
		history->pending_names = now;
}

/* The sample that waits was before it. */
static void send_pending(struct history *history)
{
	struct figures chosen;

	if (timeline_flush(&history->gate, &chosen))
		send_line(history, HISTORY_SAMPLE,
			  history_line_sample(&chosen, &history->pending_names));
}

void history_event(struct history *history, const struct record_event *event)
{
	if (!history)
		return;
	send_pending(history);
	send_line(history, HISTORY_EVENT, history_line_event(event));
}

void history_ended(struct history *history, const struct session_record *record)
{
	if (!history)
		return;
	send_pending(history);
	send_line(history, HISTORY_ENDED, history_line_ended(record));
}

int history_close(struct history *history)
{
	struct pollfd gone;
	int status = 0;

	if (!history || history->pid <= 0)
		return 0;
	cleanup_close(&history->socket);
	gone = (struct pollfd){ .fd = history->pidfd, .events = POLLIN };
	/* One that hangs on its disk is left behind: it ends by itself. */
	if (history->pidfd < 0 || poll(&gone, 1, END_MSEC) <= 0 ||
	    waitpid(history->pid, &status, WNOHANG) != history->pid)
		status = 0;
	history->pid = 0;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

struct history *history_free(struct history *history)
{
	if (!history)
		return NULL;
	(void)!history_close(history);
	cleanup_close(&history->socket);
	cleanup_close(&history->pidfd);
	free(history);
	return NULL;
}
