/* SPDX-License-Identifier: MIT */

/*
 * The memory limit of a cgroup of version 1, which oc-run does not use but may have been started
 * in: containers on hosts of that kind. hierarchical_memory_limit is the tightest of our own and
 * its ancestors' (Documentation/admin-guide/cgroup-v1/memory.rst).
 */

#include "host-v1.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"

#define STAT_MAX 16384
/* No limit is the largest signed number of whole pages, whatever the size of a page. */
#define UNLIMITED_MIN (UINT64_C(1) << 62)

/* Does @name stand in "cpu,cpuacct:"? */
static bool names_have(const char *names, const char *name)
{
	size_t length = strlen(name);

	for (;; names++) {
		size_t part = strcspn(names, ",:");

		if (part == length && strncmp(names, name, length) == 0)
			return true;
		names += part;
		if (*names != ',')
			return false;
	}
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

int host_v1_parse_path(const char *proc_cgroup, const char *controller, char **ret_path)
{
	for (const char *line = proc_cgroup; *line; line = next_line(line)) {
		const char *names = line + strcspn(line, ":\n"), *path;

		if (*names != ':')
			continue;
		names++;
		path = names + strcspn(names, ":\n");
		if (*path != ':' || !names_have(names, controller))
			continue;
		path++;
		*ret_path = strndup(path, strcspn(path, "\n"));
		return *ret_path ? 0 : -ENOMEM;
	}
	return -ENODATA;
}

int host_v1_parse_stat(const char *stat, const char *key, uint64_t *ret_value)
{
	size_t length = strlen(key);

	for (const char *line = stat; *line; line = next_line(line)) {
		char number[32];
		size_t digits;

		if (strncmp(line, key, length) != 0 || line[length] != ' ')
			continue;
		digits = strcspn(line + length + 1, "\n");
		if (digits >= sizeof(number))
			return -EINVAL;
		memcpy(number, line + length + 1, digits);
		number[digits] = '\0';
		return parse_unsigned(number, ret_value);
	}
	return -ENODATA;
}

static int read_stat(const char *folder, const char *path, char text[STAT_MAX])
{
	_cleanup_free_ char *file = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t length;

	if (asprintf(&file, "%s%s/memory.stat", folder, path) < 0)
		return -ENOMEM;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, STAT_MAX - 1);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	return 0;
}

void host_v1_tighten(const char *folder, const char *proc_cgroup, uint64_t *limit)
{
	_cleanup_free_ char *path = NULL;
	char text[STAT_MAX] = "";
	uint64_t value;

	if (host_v1_parse_path(proc_cgroup, "memory", &path) < 0)
		return;
	/* In a container its own cgroup is what is mounted, and the path is the host's. */
	if (strstr(path, "..") || read_stat(folder, path, text) < 0)
		if (read_stat(folder, "", text) < 0)
			return;
	if (host_v1_parse_stat(text, "hierarchical_memory_limit", &value) == 0 &&
	    value < UNLIMITED_MIN && value < *limit)
		*limit = value;
}
