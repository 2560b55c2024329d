/* SPDX-License-Identifier: MIT */

/* See history-read.h. A history is below 1 MiB, so each is read whole. */

#include "oc-run/history-read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "history-internal.h"
#include "private-folder.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024)

static int choose(const struct dirent *entry)
{
	return history_is_name(entry->d_name);
}

static int read_file(int fd, size_t size, char **ret_text)
{
	_cleanup_free_ char *text = malloc(size + 1);
	size_t length = 0;

	if (!text)
		return -ENOMEM;
	while (length < size) {
		ssize_t n = pread(fd, text + length, size - length, (off_t)length);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	text[length] = '\0';
	*ret_text = take_pointer(text);
	return 0;
}

static int parse_lines(char *text, cJSON *lines)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cJSON *object = cJSON_Parse(line);

		if (object && (!cJSON_IsObject(object) || !cJSON_AddItemToArray(lines, object)))
			cJSON_Delete(object);
	}
	return 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* 0 and no lines: there is nothing to read in it. */
static int read_one(int folder, const char *file_name, uint64_t since_usec,
		    struct history_read *history)
{
	_cleanup_close_ int fd = openat(folder, file_name,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	const char *dash = strchr(file_name, '-');
	const char *name;
	struct stat status;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    (uint64_t)status.st_size > FILE_MAX ||
	    (uint64_t)status.st_mtim.tv_sec < since_usec / 1000000)
		return 0;
	r = read_file(fd, (size_t)status.st_size, &text);
	if (r < 0)
		return r;
	(void)snprintf(history->id, sizeof(history->id), "%.16s", dash ? dash + 1 : "");
	history->lines = cJSON_CreateArray();
	if (!history->lines)
		return -ENOMEM;
	r = parse_lines(text, history->lines);
	name = text_of(cJSON_GetArrayItem(history->lines, 0), "name");
	history->name = name ? strdup(name) : NULL;
	return name && !history->name ? -ENOMEM : r;
}

static void finish_one(struct history_read *history)
{
	cleanup_free(&history->name);
	cJSON_Delete(history->lines);
	history->lines = NULL;
}

static int read_listed(int folder, struct dirent **names, size_t count, uint64_t since_usec,
		       struct history_read *histories, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		struct history_read *history = &histories[*ret_count];
		int r = read_one(folder, names[i]->d_name, since_usec, history);

		if (r == -ENOMEM) {
			finish_one(history);
			return r;
		}
		if (r == 0 && cJSON_GetArraySize(history->lines) > 0)
			(*ret_count)++;
		else
			finish_one(history);
	}
	return 0;
}

static int read_folder(int folder, uint64_t since_usec, struct history_read **ret,
		       size_t *ret_count)
{
	struct dirent **names = NULL;
	struct history_read *histories;
	int listed = scandirat(folder, ".", &names, choose, alphasort), r;

	if (listed < 0)
		return -errno;
	histories = calloc((size_t)listed + 1, sizeof(*histories));
	r = histories ? read_listed(folder, names, (size_t)listed, since_usec, histories, ret_count)
		      : -ENOMEM;
	for (int i = 0; i < listed; i++)
		free(names[i]);
	free(names);
	if (r < 0)
		history_read_free(histories, *ret_count);
	else
		*ret = histories;
	return r;
}

int history_read_all(uid_t uid, uint64_t since_usec, struct history_read **ret, size_t *ret_count)
{
	_cleanup_free_ char *base = private_base(PRIVATE_BASE_STATE, uid), *path = NULL;
	_cleanup_close_ int folder = -1;

	*ret = NULL;
	*ret_count = 0;
	if (!base)
		return 0;
	if (asprintf(&path, "%s/oc-run/history", base) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOENT ? 0 : -errno;
	return read_folder(folder, since_usec, ret, ret_count);
}

void history_read_free(struct history_read *histories, size_t count)
{
	for (size_t i = 0; histories && i < count; i++)
		finish_one(&histories[i]);
	free(histories);
}
