/* SPDX-License-Identifier: MIT */

/* See others.h. */

#include "oc-run/others.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/registry-list.h"

/* "/.../oc.slice/oc-<id>.scope". */
static bool lies_in(const char *cgroup, const char *slice)
{
	size_t length = strlen(slice);
	const char *end = cgroup ? strrchr(cgroup, '/') : NULL;

	return end && (size_t)(end - cgroup) > length && end[-(ptrdiff_t)length - 1] == '/' &&
	       strncmp(end - length, slice, length) == 0;
}

int others_count(const struct host *host, const char *slice, struct plan_others *ret)
{
	bool is_whole = strlen(slice) > 6 && strcmp(slice + strlen(slice) - 6, ".slice") == 0;
	struct plan_others others = { 0 };
	struct registry_session *sessions;
	_cleanup_free_ char *name = NULL;
	size_t count;
	int r;

	if (asprintf(&name, "%s%s", slice, is_whole ? "" : ".slice") < 0) {
		name = NULL;
		return -ENOMEM;
	}
	r = registry_list(host, &sessions, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		uint64_t memory = sessions[i].limits[LIMIT_MEMORY_MAX].value;

		if (!sessions[i].is_held || !sessions[i].same_boot || sessions[i].is_ending ||
		    !lies_in(sessions[i].cgroup, name))
			continue;
		others.count++;
		if (memory == LIMIT_UNLIMITED || others.memory_bytes > LIMIT_UNLIMITED - memory)
			others.memory_bytes = LIMIT_UNLIMITED;
		else
			others.memory_bytes += memory;
	}
	registry_sessions_free(sessions, count);
	*ret = others;
	return 0;
}
