/* SPDX-License-Identifier: MIT */

/*
 * The file of a history. It only grows, by one write(2) for each line, at the end that we know: a
 * line that went in half, because the disk became full, is cut off again. When it has grown too
 * much it is written anew beside itself and renamed, so that there is the old or the new one.
 *
 * A lock (flock(2)) on it says that it is still written. A disk that is full is tried again with
 * each line; until then what must stay waits in memory, and samples are lost.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "history-internal.h"
#include "oc-run/timeline.h"

/* More than this in waiting is events of a session that nobody can want to read. */
#define WAITING_MAX ((size_t)256 * 1024)

static int write_at(int fd, const char *text, size_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t written = pwrite(fd, text, length, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		text += written;
		length -= (size_t)written;
		offset += (uint64_t)written;
	}
	return 0;
}

static int append_text(struct history_file *file, const char *text, size_t length)
{
	int r = write_at(file->fd, text, length, file->bytes);

	if (r < 0) {
		(void)!ftruncate(file->fd, (off_t)file->bytes);
		return r;
	}
	file->bytes += length;
	return 0;
}

static int make_locked(int folder, const char *name)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	/* Nobody else can want it; where there are no locks, its age has to do. */
	(void)!flock(fd, LOCK_EX | LOCK_NB);
	return take_fd(&fd);
}

static int read_all(const struct history_file *file, char **ret_text)
{
	_cleanup_free_ char *text = malloc(file->bytes + 1);
	uint64_t length = 0;

	if (!text)
		return -ENOMEM;
	while (length < file->bytes) {
		ssize_t n = pread(file->fd, text + length, file->bytes - length, (off_t)length);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		length += (uint64_t)n;
	}
	*ret_text = take_pointer(text);
	return 0;
}

static int replace(struct history_file *file, const char *text, size_t length)
{
	char hidden[HISTORY_NAME_MAX + 1];
	_cleanup_close_ int fd = -1;
	int r;

	(void)snprintf(hidden, sizeof(hidden), ".%s", file->name);
	(void)unlinkat(file->folder, hidden, 0);
	fd = make_locked(file->folder, hidden);
	if (fd < 0)
		return fd;
	r = write_at(fd, text, length, 0);
	/* Else a crash of the machine could leave an empty file under the name. */
	if (r == 0 &&
	    (fsync(fd) < 0 || renameat(file->folder, hidden, file->folder, file->name) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlinkat(file->folder, hidden, 0);
		return r;
	}
	(void)close(file->fd);
	file->fd = take_fd(&fd);
	file->bytes = length;
	return 0;
}

/* The file stays as it is when it can't be done. */
static void thin(struct history_file *file)
{
	_cleanup_free_ char *text = NULL, *thinned = NULL;
	size_t length = 0;

	if (read_all(file, &text) == 0 &&
	    history_thin_text(text, file->bytes, &thinned, &length) == 0)
		(void)!replace(file, thinned, length);
	file->thinned_bytes = file->bytes;
}

static int append_waiting(struct history_file *file)
{
	int r;

	if (file->waiting_length == 0)
		return 0;
	r = append_text(file, file->waiting, file->waiting_length);
	if (r == 0) {
		cleanup_free(&file->waiting);
		file->waiting_length = 0;
	}
	return r;
}

/* false: it is lost. */
static bool let_wait(struct history_file *file, const char *text, size_t length)
{
	char *grown;

	if (file->waiting_length + length > WAITING_MAX)
		return false;
	grown = realloc(file->waiting, file->waiting_length + length);
	if (!grown)
		return false;
	(void)mempcpy(grown + file->waiting_length, text, length);
	file->waiting = grown;
	file->waiting_length += length;
	return true;
}

void history_file_append(struct history_file *file, const char *line, size_t length, bool must_stay)
{
	_cleanup_free_ char *text = malloc(length + 1);
	int r = 0;

	if (!text)
		return;
	*(char *)mempcpy(text, line, length) = '\n';
	if (file->fd < 0)
		file->fd = make_locked(file->folder, file->name);
	if (file->fd < 0)
		r = file->fd;
	if (r == 0)
		r = append_waiting(file);
	if (r == 0)
		r = append_text(file, text, length + 1);
	if (r < 0) {
		file->error = -r;
		file->has_lost |= !must_stay || !let_wait(file, text, length + 1);
	}
	if (r == 0 && timeline_is_full(file->bytes, file->thinned_bytes))
		thin(file);
}

void history_file_sync(const struct history_file *file)
{
	if (file->fd >= 0)
		(void)!fdatasync(file->fd);
}

int history_file_lost(const struct history_file *file)
{
	return file->has_lost || file->waiting_length > 0 ? file->error : 0;
}

void history_file_finish(struct history_file *file)
{
	cleanup_close(&file->fd);
	cleanup_free(&file->waiting);
	file->waiting_length = 0;
}
