/* SPDX-License-Identifier: MIT */

/*
 * The files of the queue. "lock" is held for moments only. Each other name is a ticket, 16 hex
 * digits, made, looked at and removed while "lock" is held, so that its own lock can be tried
 * without disturbing anybody. All are opened for reading where that will do: that an open file for
 * writing is closed wakes those who wait.
 */

#include "admission-queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "private-folder.h"
#include "registry-folder.h"

#define FOLDER "queue"
#define LOCK_NAME "lock"
/* In the middle, so that there are numbers before it. */
#define FIRST_NUMBER (UINT64_C(1) << 62)

int queue_open(const struct host *host, struct queue *ret, struct diag *diag)
{
	char *paths[REGISTRY_FOLDERS_MAX];
	int folder = -1, r = registry_folder_paths(host, paths);

	if (r < 0)
		return diag_set(diag, r, "out of memory");
	r = -ENOENT;
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		if (paths[i] && folder < 0 && r != -EPERM)
			r = private_folder_open(paths[i], FOLDER, true,
						"sessions can't be counted there", &folder, diag);
		free(paths[i]);
	}
	if (folder < 0)
		return r == -EPERM
			       ? r
			       : diag_set(diag, r,
					  "sessions can't be counted: no folder for their entries "
					  "can be had (%s); set XDG_RUNTIME_DIR",
					  strerror(-r));
	*ret = (struct queue)QUEUE_INIT;
	ret->folder = folder;
	return 0;
}

void queue_finish(struct queue *queue)
{
	queue_drop_ticket(queue);
	queue_unlock(queue);
	cleanup_close(&queue->folder);
}

int queue_lock(struct queue *queue)
{
	_cleanup_close_ int fd =
		openat(queue->folder, LOCK_NAME, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (r < 0)
		return -errno;
	queue->lock = take_fd(&fd);
	return 0;
}

void queue_unlock(struct queue *queue)
{
	cleanup_close(&queue->lock);
}

static bool is_ticket(const char *name)
{
	return strlen(name) == QUEUE_TICKET_DIGITS &&
	       strspn(name, "0123456789abcdef") == QUEUE_TICKET_DIGITS;
}

/* Does somebody hold it? */
static bool is_live(const struct queue *queue, const char *name)
{
	_cleanup_close_ int fd = openat(queue->folder, name,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

struct tally {
	size_t ahead;
	uint64_t lowest, highest; /* of those that wait */
};

static void count_ticket(const struct queue *queue, const char *name, struct tally *tally)
{
	uint64_t number = strtoull(name, NULL, 16);

	if (queue->ticket >= 0 && strcmp(name, queue->name) == 0)
		return;
	if (!is_live(queue, name)) {
		(void)unlinkat(queue->folder, name, 0);
		return;
	}
	/* All have the same length: their order is that of their numbers. */
	if (queue->ticket < 0 || strcmp(name, queue->name) < 0)
		tally->ahead++;
	if (number < tally->lowest)
		tally->lowest = number;
	if (number > tally->highest)
		tally->highest = number;
}

static int count_tickets(const struct queue *queue, struct tally *ret)
{
	struct tally tally = { .lowest = FIRST_NUMBER, .highest = FIRST_NUMBER };
	int fd = openat(queue->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *item;

	if (!directory) {
		int error = -errno;

		if (fd >= 0)
			(void)close(fd);
		return error;
	}
	while ((item = readdir(directory)))
		if (is_ticket(item->d_name))
			count_ticket(queue, item->d_name, &tally);
	(void)closedir(directory);
	*ret = tally;
	return 0;
}

int queue_ahead(struct queue *queue, size_t *ret)
{
	struct tally tally;
	int r = count_tickets(queue, &tally);

	if (r < 0)
		return r;
	*ret = tally.ahead;
	return 0;
}

int queue_take_ticket(struct queue *queue, bool first)
{
	_cleanup_close_ int fd = -1;
	struct tally tally;
	int r;

	if (queue->ticket >= 0)
		return 0;
	r = count_tickets(queue, &tally);
	if (r < 0)
		return r;
	(void)snprintf(queue->name, sizeof(queue->name), "%016" PRIx64,
		       first ? tally.lowest - 1 : tally.highest + 1);
	fd = openat(queue->folder, queue->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		(void)unlinkat(queue->folder, queue->name, 0);
		return r;
	}
	queue->ticket = take_fd(&fd);
	return 0;
}

void queue_drop_ticket(struct queue *queue)
{
	if (queue->ticket >= 0)
		(void)unlinkat(queue->folder, queue->name, 0);
	cleanup_close(&queue->ticket);
}
