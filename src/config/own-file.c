/* SPDX-License-Identifier: MIT */

/* See own-file.h. */

#include "own-file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE_MAX_BYTES (1024 * 1024)

/* The owner's private group (same number as the owner, as Debian and Ubuntu make it) is nobody
 * else: there a umask of 002 is usual. */
static bool others_may_write(const struct stat *file)
{
	if (file->st_mode & S_IWOTH)
		return true;
	return (file->st_mode & S_IWGRP) && file->st_gid != file->st_uid;
}

static int check_file(int fd, const char *path, struct diag *diag)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return diag_set(diag, -errno, "cannot look at \"%s\": %s", path, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return diag_set(diag, -EINVAL, "\"%s\" is no regular file", path);
	if (file.st_uid != 0 && file.st_uid != geteuid())
		return diag_set(
			diag, -EPERM,
			"\"%s\" belongs to another user (uid %u); it must be yours or root's", path,
			(unsigned)file.st_uid);
	if (others_may_write(&file))
		return diag_set(diag, -EPERM, "\"%s\" may be written by others; chmod go-w \"%s\"",
				path, path);
	if (file.st_size > SIZE_MAX_BYTES)
		return diag_set(diag, -EFBIG, "\"%s\" is larger than %d KiB; is it the right file?",
				path, SIZE_MAX_BYTES / 1024);
	return 0;
}

static int read_all(int fd, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = malloc(SIZE_MAX_BYTES + 1);
	size_t length = 0;
	char *fitting;

	if (!text)
		return -ENOMEM;
	while (length < SIZE_MAX_BYTES) {
		ssize_t n = read(fd, text + length, SIZE_MAX_BYTES - length);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		length += n > 0 ? (size_t)n : 0;
	}
	text[length] = '\0';
	fitting = realloc(text, length + 1);
	if (fitting)
		text = fitting;
	*ret_text = take_pointer(text);
	*ret_length = length;
	return OWN_FILE_READ;
}

int own_file_read(const char *path, char **ret_text, size_t *ret_length, struct diag *diag)
{
	/* Not to be held up by a FIFO or a terminal of that name. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return OWN_FILE_MISSING;
	if (fd < 0)
		return diag_set(diag, -errno, "cannot read \"%s\": %s", path, strerror(errno));
	r = check_file(fd, path, diag);
	if (r < 0)
		return r;
	r = read_all(fd, ret_text, ret_length);
	if (r == -ENOMEM)
		return diag_set(diag, r, "out of memory");
	if (r < 0)
		return diag_set(diag, r, "cannot read \"%s\": %s", path, strerror(-r));
	return r;
}
