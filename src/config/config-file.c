/* SPDX-License-Identifier: MIT */

/*
 * One configuration file. inih takes the lines apart; the reader function hands them to it one by
 * one, so that each error has its line. A file that somebody else could have written is refused,
 * not skipped: limits that silently don't hold are worse than an error.
 *
 * What inih would take in its stride is an error here: a section (there are none), a line that goes
 * on (it would become part of the value before it), a line longer than its buffer.
 */

#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config-file.h"

struct reading {
	FILE *file;
	const char *path;
	char *line; /* the current one; owned */
	size_t capacity;
	unsigned number;
	struct settings *settings;
	struct diag *diag;
	int error; /* the first one ends it */
};

static void fail(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void fail(struct reading *reading, const char *format, ...)
{
	char text[DIAG_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	reading->error =
		diag_set(reading->diag, -EINVAL, "%s:%u: %s", reading->path, reading->number, text);
}

/* The next line without what surrounds it; NULL at the end. */
static char *next_line(struct reading *reading, size_t *ret_length)
{
	ssize_t length = getline(&reading->line, &reading->capacity, reading->file);
	char *start = reading->line;

	if (length < 0)
		return NULL;
	reading->number++;
	if (memchr(start, '\0', (size_t)length)) {
		fail(reading, "has a NUL character in it; this is no text");
		return NULL;
	}
	while (length > 0 && strchr(" \t\r\n", start[length - 1]))
		start[--length] = '\0';
	start += strspn(start, " \t");
	*ret_length = strlen(start);
	return start;
}

/* inih's reader. A blank line stands for what it need not see. */
static char *read_line(char *buffer, int size, void *stream)
{
	struct reading *reading = stream;
	size_t length;
	char *line;

	line = reading->error ? NULL : next_line(reading, &length);
	if (!line)
		return NULL;
	if (!*line || *line == '#' || *line == ';') {
		*buffer = '\0';
		return buffer;
	}
	if (*line == '[')
		fail(reading, "there are no sections in this file; remove \"%.60s\"", line);
	else if (!strpbrk(line, "=:"))
		fail(reading, "\"%.60s\" is no setting; write \"key = value\"", line);
	else if (length >= (size_t)size)
		fail(reading, "is longer than %d characters", size - 1);
	if (reading->error)
		return NULL;
	memcpy(buffer, line, length + 1);
	return buffer;
}

static void fail_unknown(struct reading *reading, const char *key)
{
	const char *nearest = setting_key_nearest(key, true);

	if (nearest)
		fail(reading, "unknown key \"%.60s\"; did you mean \"%s\"?", key, nearest);
	else
		fail(reading, "unknown key \"%.60s\"; oc-run.conf(5) lists those that there are",
		     key);
}

/* inih's handler: 1 is fine, 0 is not. */
static int take_setting(void *userdata, const char *section, const char *key, const char *value)
{
	struct reading *reading = userdata;
	const struct setting_row *row = setting_row_by_key(key);
	char where[PATH_MAX + 16];

	(void)section;
	if (!row) {
		fail_unknown(reading, key);
	} else if (!row->in_config) {
		fail(reading, "\"%s\" can only be given on the command line, as --%s", key, key);
	} else if (!*value) {
		fail(reading, "\"%s\" has no value; write \"%s = %s\"", key, key,
		     row->metavar ? row->metavar : "yes");
	} else {
		(void)snprintf(where, sizeof(where), "%s:%u", reading->path, reading->number);
		reading->error = settings_set(reading->settings, setting_row_id(row), value, where);
	}
	return reading->error == 0;
}

/* The owner's private group (same number as the owner, as Debian and Ubuntu make it) is nobody
 * else: there a umask of 002 is usual. */
static bool others_may_write(const struct stat *file)
{
	if (file->st_mode & S_IWOTH)
		return true;
	return (file->st_mode & S_IWGRP) && file->st_gid != file->st_uid;
}

static int check_owner(int fd, const char *path, struct diag *diag)
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
	return 0;
}

static int read_settings(struct reading *reading)
{
	int r = ini_parse_stream(read_line, reading, take_setting, reading);

	if (reading->error == -ENOMEM || (reading->error == 0 && r == -2))
		return diag_set(reading->diag, -ENOMEM, "out of memory");
	if (reading->error < 0)
		return reading->error;
	if (ferror(reading->file))
		return diag_set(reading->diag, -EIO, "cannot read \"%s\": %s", reading->path,
				strerror(EIO));
	if (r > 0)
		return diag_set(reading->diag, -EINVAL,
				"%s:%d: this is no setting; write \"key = value\"", reading->path,
				r);
	return 0;
}

int config_file_load(const char *path, struct settings *settings, struct diag *diag)
{
	/* Not to be held up by a FIFO or a terminal of that name. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_fclose_ FILE *file = NULL;
	struct reading reading = { .path = path, .settings = settings, .diag = diag };
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return diag_set(diag, -errno, "cannot read \"%s\": %s", path, strerror(errno));
	r = check_owner(fd, path, diag);
	if (r < 0)
		return r;
	file = fdopen(fd, "r");
	if (!file)
		return diag_set(diag, -errno, "cannot read \"%s\": %s", path, strerror(errno));
	(void)take_fd(&fd);
	reading.file = file;
	r = read_settings(&reading);
	free(reading.line);
	return r;
}
