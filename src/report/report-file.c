/* SPDX-License-Identifier: MIT */

/*
 * The JSON report as a file. A regular file is written beside itself and renamed, so that a reader
 * sees the old one or the new one and never half of either; it is readable by its owner only, since
 * it holds the command's arguments. What is no regular file (a pipe, a terminal, one of our own
 * descriptors) is written to as it is.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "oc-run/report.h"

/* Of the reader of a pipe that is full. */
#define PATIENCE_MSEC 5000
/* A pipe that poll(2) calls writable takes this much without blocking (PIPE_BUF). */
#define CHUNK 4096

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		struct pollfd waited = { .fd = fd, .events = POLLOUT };
		int ready = poll(&waited, 1, PATIENCE_MSEC);
		ssize_t written;

		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return -errno;
		written = write(fd, text, left > CHUNK ? CHUNK : left);
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (written > 0) {
			text += written;
			left -= (size_t)written;
		}
	}
	return 0;
}

/* A reader that has gone is an error to report, not a signal to die of. */
static int write_all_quietly(int fd, const char *text)
{
	const struct timespec now = { .tv_sec = 0 };
	sigset_t pipe_set, before, pending;
	bool was_pending;
	int result;

	(void)sigemptyset(&pipe_set);
	(void)sigaddset(&pipe_set, SIGPIPE);
	(void)sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)sigprocmask(SIG_BLOCK, &pipe_set, &before);

	result = write_all(fd, text);

	if (result == -EPIPE && !was_pending)
		(void)sigtimedwait(&pipe_set, NULL, &now);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

/* The descriptor of ours that @path means, or -1. Opening /dev/fd/N would give a new one, with a
 * position of its own (and nothing at all for a socket). */
static int own_descriptor(const char *path)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };

	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t length = strlen(folders[i]);
		const char *number = path + length;
		char *end;
		long fd;

		if (strncmp(path, folders[i], length) != 0 || *number < '0' || *number > '9')
			continue;
		errno = 0;
		fd = strtol(number, &end, 10);
		if (*end == '\0' && errno == 0 && fd <= 1048576)
			return (int)fd;
	}
	return -1;
}

static int write_special(const char *path, const char *text)
{
	_cleanup_close_ int fd = -1;

	/* Not blocking: a pipe that nobody reads answers ENXIO instead of holding us for ever. */
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write_all_quietly(fd, text);
}

static int fill_temporary(int fd, const char *text, const struct stat *old)
{
	int result = write_all(fd, text);

	/* Whoever could read the old report can read the new one. */
	if (result == 0 && old && fchmod(fd, old->st_mode & 0777) < 0)
		result = -errno;
	return result;
}

static int replace(const char *path, const char *text, const struct stat *old)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int result;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;

	result = fill_temporary(fd, text, old);
	if (result == 0 && rename(temporary, path) < 0)
		result = -errno;
	if (result < 0)
		(void)unlink(temporary);
	return result;
}

static int write_text(const char *path, const char *text)
{
	_cleanup_free_ char *target = NULL;
	int fd = own_descriptor(path);
	struct stat status;

	if (fd >= 0)
		return write_all_quietly(fd, text);
	if (stat(path, &status) < 0)
		return errno == ENOENT ? replace(path, text, NULL) : -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return write_special(path, text);

	/* Through a link, the file is replaced and not the link. */
	target = realpath(path, NULL);
	return replace(target ? target : path, text, &status);
}

static bool is_roots_folder(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
	       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Root's alone, from "/" on: nobody else can make the path lead elsewhere. */
static bool is_roots_path(const char *path)
{
	for (size_t length = 1;;) {
		_cleanup_free_ char *part = strndup(path, length);

		if (!part || !is_roots_folder(part))
			return false;
		if (!path[length])
			return true;
		length += path[length] == '/';
		length += strcspn(path + length, "/");
	}
}

static bool lies_with_root(const char *path)
{
	_cleanup_free_ char *copy = strdup(path), *folder = NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;

	if (slash)
		slash[slash == copy] = '\0';
	if (copy)
		folder = realpath(slash ? copy : ".", NULL);
	return folder && is_roots_path(folder);
}

/* Where the user of the session may have laid a link meanwhile, only what that user could write to is
 * written to. */
static int write_beside_user(const struct user_account *user, const char *path, const char *text)
{
	struct owner_rights rights;
	int r;

	if (!user || own_descriptor(path) >= 0 || lies_with_root(path))
		return write_text(path, text);
	r = user_account_borrow_rights(user, &rights, NULL);
	if (r < 0)
		return r;
	r = write_text(path, text);
	owner_rights_return(&rights);
	return r;
}

static const char *advice(int error)
{
	switch (error) {
	case -ENOENT:
		return "; make its folder first";
	case -EISDIR:
		return "; name a file, not a folder";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return "; choose a folder that you may write to";
	case -ENXIO:
	case -ETIMEDOUT:
		return "; nobody reads it";
	case -EBADF:
		return "; that descriptor is not open for writing";
	default:
		return "";
	}
}

int report_write_file(const struct session_record *record, const char *path, struct diag *diag)
{
	_cleanup_free_ char *text = report_json(record);
	int result;

	if (!text)
		return diag_set(diag, -ENOMEM, "can't make the report: out of memory");

	result = write_beside_user(record->plan->user, path, text);
	if (result < 0)
		return diag_set(diag, result, "can't write the report to \"%s\": %s%s", path,
				strerror(-result), advice(result));
	return 0;
}
