/* SPDX-License-Identifier: MIT */

/* Looking for a place, and waiting for one: see admission.h. */

#include "oc-run/admission.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <time.h>

#include "admission-queue.h"
#include "oc-run/parse.h"
#include "oc-run/registry.h"
#include "registry-folder.h"

/* An entry or a ticket that goes, and one whose holder dies: then its last writer is closed. */
#define WATCHED (IN_DELETE | IN_MOVED_FROM | IN_CLOSE_WRITE)
/* The kernel tells of the close a moment before it lets go of the lock, and inotify can be had only
 * so often. */
#define LOOK_AGAIN_USEC (2 * USEC_PER_SEC)

struct visit {
	const struct admission_request *request;
	struct queue queue;
	sigset_t signals, mask_before;
	int signal_fd; /* -1: does not wait yet */
	int inotify_fd;
	uint64_t deadline_usec;
	char *who; /* has the places: words of the last look */
};

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* 1: there is one; 0: none, and visit->who has it. Locked. */
static int judge(struct visit *visit, const struct registry_session *sessions, size_t count)
{
	const struct admission_request *request = visit->request;
	size_t ahead;
	int r = queue_ahead(&visit->queue, &ahead);

	if (r < 0)
		return r;
	if (admission_is_inside(sessions, count, registry_outer(request->host)) ||
	    admission_count(sessions, count) + (request->first ? 0 : ahead) < request->max)
		return 1;
	free(visit->who);
	visit->who = admission_words(sessions, count, request->first ? 0 : ahead);
	if (!visit->who)
		return -ENOMEM;
	return visit->signal_fd < 0 ? 0 : queue_take_ticket(&visit->queue, request->first);
}

/* 1: there is a place, and the lock is held; 0: none. */
static int look(struct visit *visit)
{
	struct registry_session *sessions;
	size_t count;
	int r = queue_lock(&visit->queue);

	if (r < 0)
		return r;
	r = registry_list(visit->request->host, &sessions, &count);
	if (r >= 0) {
		r = judge(visit, sessions, count);
		registry_sessions_free(sessions, count);
	}
	if (r > 0)
		queue_drop_ticket(&visit->queue);
	else
		queue_unlock(&visit->queue);
	return r;
}

/* Of no use where inotify can't be had: then it looks all the same, now and then. */
static void watch_folder(int inotify_fd, int folder)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
	(void)inotify_add_watch(inotify_fd, path, WATCHED | IN_ONLYDIR);
}

static int watch(struct visit *visit)
{
	char *paths[REGISTRY_FOLDERS_MAX];
	int r = registry_folder_paths(visit->request->host, paths);

	if (r < 0)
		return r;
	visit->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	watch_folder(visit->inotify_fd, visit->queue.folder);
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		_cleanup_close_ int folder = -1;

		if (paths[i] && registry_folder_open(paths[i], i == 0, &folder, NULL) >= 0)
			watch_folder(visit->inotify_fd, folder);
		free(paths[i]);
	}
	return 0;
}

/* Those that would end oc-run now. What is ignored (nohup) stays so. */
static int take_signals(struct visit *visit)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	sigemptyset(&visit->signals);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (sigismember(&visit->request->signals->ignored, wanted[i]) != 1)
			sigaddset(&visit->signals, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &visit->signals, &visit->mask_before) < 0)
		return -errno;
	visit->signal_fd = signalfd(-1, &visit->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (visit->signal_fd < 0) {
		int error = -errno;

		(void)sigprocmask(SIG_SETMASK, &visit->mask_before, NULL);
		return error;
	}
	return 0;
}

static void drain(int fd)
{
	char buffer[4096] __attribute__((aligned(8)));

	while (fd >= 0 && read(fd, buffer, sizeof(buffer)) > 0)
		;
}

/* Until something has changed. 0: look again; ADMISSION_STOPPED; -ETIMEDOUT. */
static int rest(struct visit *visit)
{
	struct pollfd fds[] = {
		{ .fd = visit->signal_fd, .events = POLLIN },
		{ .fd = visit->inotify_fd, .events = POLLIN },
	};
	uint64_t now = now_usec(), left = LOOK_AGAIN_USEC;

	if (now >= visit->deadline_usec)
		return -ETIMEDOUT;
	if (visit->deadline_usec - now < left)
		left = visit->deadline_usec - now;
	if (poll(fds, ARRAY_SIZE(fds), (int)(left / USEC_PER_MSEC) + 1) < 0)
		return errno == EINTR ? 0 : -errno;
	/* It is left pending: who has the last word decides what comes of it. */
	if (fds[0].revents != 0)
		return ADMISSION_STOPPED;
	/* Before the look, so that nothing after it is lost. */
	drain(visit->inotify_fd);
	return 0;
}

/* ADMISSION_WAITED, ADMISSION_STOPPED or an error. */
static int wait_for_place(struct visit *visit)
{
	bool is_told = false;
	int r;

	for (;;) {
		r = look(visit);
		if (r != 0)
			return r < 0 ? r : ADMISSION_WAITED;
		if (!is_told && visit->request->waits)
			visit->request->waits(visit->who, visit->request->userdata);
		is_told = true;
		r = rest(visit);
		if (r != 0)
			return r;
	}
}

static int start_waiting(struct visit *visit)
{
	uint64_t wait_usec = visit->request->wait_usec;
	int r = watch(visit);

	if (r < 0)
		return r;
	visit->deadline_usec = wait_usec == ADMISSION_NO_END ? UINT64_MAX : now_usec() + wait_usec;
	r = take_signals(visit);
	if (r < 0)
		return r;
	return wait_for_place(visit);
}

static void visit_finish(struct visit *visit)
{
	bool has_signals = visit->signal_fd >= 0;

	queue_finish(&visit->queue);
	cleanup_close(&visit->inotify_fd);
	cleanup_close(&visit->signal_fd);
	cleanup_free(&visit->who);
	/* Last: one that came may end us here and now. */
	if (has_signals)
		(void)sigprocmask(SIG_SETMASK, &visit->mask_before, NULL);
}

static int explain(const struct visit *visit, int error, struct diag *diag)
{
	char time[FORMAT_TEXT_MAX];

	if (error == -EAGAIN)
		return diag_set(diag, error,
				"%s; end one (`oc-ctl stop ID`), allow more, or queue with --wait",
				visit->who);
	if (error != -ETIMEDOUT)
		return diag_set(diag, error, "sessions can't be counted: %s", strerror(-error));
	format_duration(visit->request->wait_usec, time);
	return diag_set(diag, error,
			"no place came free within %s: %s; end one (`oc-ctl stop ID`), or allow "
			"more",
			time, visit->who);
}

int admission_enter(const struct admission_request *request, struct admission *ret,
		    struct diag *diag)
{
	struct visit visit = {
		.request = request,
		.queue = QUEUE_INIT,
		.signal_fd = -1,
		.inotify_fd = -1,
	};
	int r = queue_open(request->host, &visit.queue, diag);

	if (r < 0)
		return r;
	r = look(&visit);
	if (r == 0)
		r = request->wait_usec > 0 ? start_waiting(&visit) : -EAGAIN;
	else if (r > 0)
		r = ADMISSION_AT_ONCE;
	if (r < 0)
		(void)explain(&visit, r, diag);
	else if (r != ADMISSION_STOPPED)
		ret->lock_fd = take_fd(&visit.queue.lock);
	visit_finish(&visit);
	return r;
}

void admission_leave(struct admission *admission)
{
	if (admission)
		cleanup_close(&admission->lock_fd);
}
