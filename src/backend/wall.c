/* SPDX-License-Identifier: MIT */

#include "wall.h"

#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"

/* systemd's slice of all logins. A limit on it is for what users run, and parts them from the system's
 * services; root's sessions, which lie beside it, have a limit of their own. */
#define ALL_USERS "/user.slice"

bool wall_on(const char *mount, const char *path, char text[WALL_TEXT_MAX])
{
	static const enum limit_id ids[] = {
		LIMIT_MEMORY_MAX,
		LIMIT_MEMORY_HIGH,
		LIMIT_MEMORY_SWAP_MAX,
		LIMIT_CPU_MAX,
	};
	struct cgroup cgroup = CGROUP_INIT;
	bool found = false;

	if (cgroup_open(mount, path, &cgroup) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ids) && !found; i++) {
		const struct limit_row *row = limit_row(ids[i]);
		char value_text[512], human[LIMIT_TEXT_MAX];
		uint64_t value;

		if (cgroup_read(&cgroup, row->cgroup_file, value_text, sizeof(value_text)) < 0 ||
		    limit_parse_cgroup(row, value_text, &value) < 0 || value == LIMIT_UNLIMITED)
			continue;
		limit_format_human(row, value, human);
		(void)snprintf(text, WALL_TEXT_MAX, "\"%s\" (%s: %s)", path, row->cgroup_file,
			       human);
		found = true;
	}
	cgroup_finish(&cgroup);
	return found;
}

static bool is_at_or_below(const char *path, const char *ancestor)
{
	size_t length = strlen(ancestor);

	if (strcmp(ancestor, "/") == 0)
		return true;
	return strncmp(path, ancestor, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

bool path_to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || strcmp(path, "/") == 0)
		return false;
	*(slash == path ? slash + 1 : slash) = '\0';
	return true;
}

bool wall_between(const char *mount, const char *own, const char *target, char text[WALL_TEXT_MAX])
{
	_cleanup_free_ char *path = strdup(own);

	if (!path)
		return false;
	while (!is_at_or_below(target, path)) {
		if (strcmp(path, ALL_USERS) != 0 && wall_on(mount, path, text))
			return true;
		if (!path_to_parent(path))
			break;
	}
	return false;
}
