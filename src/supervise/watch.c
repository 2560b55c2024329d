/* SPDX-License-Identifier: MIT */

/*
 * One row for each file, one fd for each row, one function that reads all of them. What woke us is
 * never looked at: every wake-up reads everything, so merged, late, doubled or lost events
 * (IN_Q_OVERFLOW) make no difference as long as one comes.
 *
 * A file that can't be read any more (ENODEV: its cgroup or controller was taken away) is always
 * ready for epoll, so its source is switched off; its last values stay.
 */

#include "oc-run/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

enum watch_file_id {
	WATCH_EVENTS, /* the first: see read_all() */
	WATCH_MEMORY,
	WATCH_MEMORY_LOCAL,
	WATCH_SWAP,
	WATCH_PIDS,
	WATCH_SCOPE_MEMORY,
	WATCH_SCOPE_MEMORY_LOCAL,
	WATCH_SCOPE_SWAP,
	WATCH_SCOPE_PIDS,
	WATCH_FILE_COUNT,
};

static const struct {
	const char *name;
	bool in_scope;
} rows[WATCH_FILE_COUNT] = {
	[WATCH_EVENTS] = { "cgroup.events", false },
	[WATCH_MEMORY] = { "memory.events", false },
	[WATCH_MEMORY_LOCAL] = { "memory.events.local", false },
	[WATCH_SWAP] = { "memory.swap.events", false },
	[WATCH_PIDS] = { "pids.events", false },
	[WATCH_SCOPE_MEMORY] = { "memory.events", true },
	[WATCH_SCOPE_MEMORY_LOCAL] = { "memory.events.local", true },
	[WATCH_SCOPE_SWAP] = { "memory.swap.events", true },
	[WATCH_SCOPE_PIDS] = { "pids.events", true },
};

struct watch_file {
	int fd;			 /* -1: not there */
	bool ended;		 /* it answered ENODEV */
	sd_event_source *source; /* EPOLLPRI */
};

struct watch {
	struct watch_file files[WATCH_FILE_COUNT];
	int inotify_fd; /* -1: no instance was left */
	sd_event_source *inotify_source;
	struct watch_state state;
	watch_fn changed;
	void *userdata;
};

/* While the kernel reclaims, memory.events moves a hundred times a second: a channel that woke us
 * this often is left alone for the rest of the time. Reading later shows all of it. */
#define WATCH_BURST_USEC (500 * UINT64_C(1000))
#define WATCH_BURST 8

/* The longest of these files has seven short lines. */
#define WATCH_TEXT_MAX 1024

static int read_file(int fd, char text[WATCH_TEXT_MAX])
{
	/* From the start each time: that is also what tells epoll that we have seen it. */
	ssize_t length = pread(fd, text, WATCH_TEXT_MAX - 1, 0);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	return 0;
}

static int parse_file(enum watch_file_id id, const char *text, struct watch_state *state)
{
	struct cgroup_events events;
	int r;

	switch (id) {
	case WATCH_EVENTS:
		r = cgroup_parse_events(text, &events);
		if (r >= 0)
			state->populated = events.populated;
		return r;
	case WATCH_MEMORY:
		return cgroup_parse_memory_events(text, &state->payload.memory);
	case WATCH_MEMORY_LOCAL:
		return cgroup_parse_memory_events(text, &state->payload.memory_local);
	case WATCH_SWAP:
		return cgroup_parse_swap_events(text, &state->payload.swap);
	case WATCH_PIDS:
		return cgroup_parse_pids_events(text, &state->payload.pids);
	case WATCH_SCOPE_MEMORY:
		return cgroup_parse_memory_events(text, &state->scope.memory);
	case WATCH_SCOPE_MEMORY_LOCAL:
		return cgroup_parse_memory_events(text, &state->scope.memory_local);
	case WATCH_SCOPE_SWAP:
		return cgroup_parse_swap_events(text, &state->scope.swap);
	case WATCH_SCOPE_PIDS:
		return cgroup_parse_pids_events(text, &state->scope.pids);
	case WATCH_FILE_COUNT:
		break;
	}
	return -EINVAL;
}

static void end_file(struct watch_file *file)
{
	file->ended = true;
	file->source = sd_event_source_disable_unref(file->source);
}

/* A file that can't be read or understood for once keeps its last values: the session goes on. */
static void read_all(struct watch *watch, struct watch_state *state)
{
	char text[WATCH_TEXT_MAX];

	/* cgroup.events is read first: when it says "populated 0", no process is left that could
	 * move a counter that we read afterwards, so the state that says so is complete. */
	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++) {
		struct watch_file *file = &watch->files[id];
		int r;

		if (file->fd < 0 || file->ended)
			continue;
		r = read_file(file->fd, text);
		if (r == -ENODEV)
			end_file(file);
		else if (r >= 0)
			(void)parse_file(id, text, state);
	}
	if (watch->files[WATCH_EVENTS].ended) {
		state->gone = true;
		state->populated = false;
	}
}

static bool memory_is_equal(const struct memory_events *a, const struct memory_events *b)
{
	return a->low == b->low && a->high == b->high && a->max == b->max && a->oom == b->oom &&
	       a->oom_kill == b->oom_kill && a->oom_group_kill == b->oom_group_kill;
}

static bool counters_are_equal(const struct cgroup_counters *a, const struct cgroup_counters *b)
{
	return memory_is_equal(&a->memory, &b->memory) &&
	       memory_is_equal(&a->memory_local, &b->memory_local) &&
	       a->swap.high == b->swap.high && a->swap.max == b->swap.max &&
	       a->swap.fail == b->swap.fail && a->pids.max == b->pids.max;
}

static bool state_is_equal(const struct watch_state *a, const struct watch_state *b)
{
	return counters_are_equal(&a->payload, &b->payload) &&
	       counters_are_equal(&a->scope, &b->scope) && a->populated == b->populated &&
	       a->gone == b->gone;
}

/* Nothing may be touched afterwards: the callback may have freed the watch. */
static bool update(struct watch *watch)
{
	struct watch_state before = watch->state, now = watch->state;

	read_all(watch, &now);
	if (!state_is_equal(&before, &now)) {
		watch->state = now;
		watch->changed(&before, &now, watch->userdata);
	}
	return !now.gone;
}

static int on_file(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	(void)update(userdata);
	return 0;
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length;

	(void)source;
	(void)revents;
	/* Emptied before the files are read: what happens from here on makes a new event. */
	do
		length = read(fd, events, sizeof(events));
	while (length == (ssize_t)sizeof(events));
	(void)update(userdata);
	return 0;
}

static int open_files(struct watch *watch, const struct watch_request *request)
{
	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++) {
		const struct cgroup *cgroup = rows[id].in_scope ? request->scope : request->payload;
		int fd;

		if (!cgroup || cgroup->dirfd < 0)
			continue;
		fd = openat(cgroup->dirfd, rows[id].name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && (errno != ENOENT || id == WATCH_EVENTS))
			return -errno;
		watch->files[id].fd = fd;
	}
	return watch->files[WATCH_EVENTS].fd < 0 ? -EBADF : 0;
}

/* By way of /proc: inotify takes paths only, and ours is an fd. */
static int add_inotify_watches(struct watch *watch, int inotify_fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++) {
		if (watch->files[id].fd < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", watch->files[id].fd);
		if (inotify_add_watch(inotify_fd, path, IN_MODIFY | IN_DELETE_SELF) < 0)
			return -errno;
	}
	return 0;
}

static int add_inotify(struct watch *watch, sd_event *event)
{
	_cleanup_close_ int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = add_inotify_watches(watch, fd);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &watch->inotify_source, fd, EPOLLIN, on_inotify, watch);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(watch->inotify_source, "watch-inotify");
	(void)sd_event_source_set_ratelimit(watch->inotify_source, WATCH_BURST_USEC, WATCH_BURST);
	watch->inotify_fd = take_fd(&fd);
	return 0;
}

static int add_epoll(struct watch *watch, sd_event *event)
{
	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++) {
		struct watch_file *file = &watch->files[id];
		int r;

		if (file->fd < 0)
			continue;
		r = sd_event_add_io(event, &file->source, file->fd, EPOLLPRI, on_file, watch);
		if (r < 0)
			return r;
		(void)sd_event_source_set_description(file->source, rows[id].name);
		(void)sd_event_source_set_ratelimit(file->source, WATCH_BURST_USEC, WATCH_BURST);
	}
	return 0;
}

/* Either channel will do; without one the session could not be told from a quiet one. */
static int add_channels(struct watch *watch, const struct watch_request *request)
{
	int inotify_result =
		request->without_inotify ? -EMFILE : add_inotify(watch, request->event);
	int epoll_result = add_epoll(watch, request->event);

	return inotify_result < 0 && epoll_result < 0 ? epoll_result : 0;
}

int watch_new(const struct watch_request *request, struct watch **ret)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->inotify_fd = -1;
	watch->changed = request->changed;
	watch->userdata = request->userdata;
	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++)
		watch->files[id].fd = -1;
	r = open_files(watch, request);
	if (r >= 0)
		r = add_channels(watch, request);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	/* After the channels stand: what changed in between is in here, what changes later wakes. */
	read_all(watch, &watch->state);
	*ret = watch;
	return 0;
}

int watch_read(struct watch *watch)
{
	return update(watch) ? 0 : -ENODEV;
}

const struct watch_state *watch_state(const struct watch *watch)
{
	return &watch->state;
}

bool watch_uses_inotify(const struct watch *watch)
{
	return watch->inotify_fd >= 0;
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	watch->inotify_source = sd_event_source_disable_unref(watch->inotify_source);
	cleanup_close(&watch->inotify_fd);
	for (enum watch_file_id id = 0; id < WATCH_FILE_COUNT; id++) {
		struct watch_file *file = &watch->files[id];

		file->source = sd_event_source_disable_unref(file->source);
		cleanup_close(&file->fd);
	}
	free(watch);
	return NULL;
}
