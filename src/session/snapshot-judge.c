/* SPDX-License-Identifier: MIT */

/* The pure half of snapshot.h: which names, and what becomes of a file. */

#include "oc-run/snapshot.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "oc-run/session-record.h"

/* Names as git 2.39 and 2.47 give them: lockfile.c, object-file.c, pack-write.c, builtin/repack.c.
 * Locks whose absence nothing waits for are left alone. */
static const char *const locks[] = { "index.lock", "config.lock", "gc.pid.lock" };
static const char *const unfinished_packs[] = { "tmp_pack_", "tmp_idx_", "tmp_rev_", "tmp_mtimes_",
						".tmp-" };

static bool is_fan_out(const char *folder)
{
	static const char parent[] = "objects/";
	const char *name = folder + strlen(parent);

	return strncmp(folder, parent, strlen(parent)) == 0 && strlen(name) == 2 &&
	       isxdigit((unsigned char)name[0]) && isxdigit((unsigned char)name[1]);
}

bool snapshot_is_debris_folder(const char *folder)
{
	return folder[0] == '\0' || strcmp(folder, "objects/pack") == 0 || is_fan_out(folder);
}

bool snapshot_is_debris(const char *folder, const char *name)
{
	if (is_fan_out(folder))
		return strncmp(name, "tmp_obj_", strlen("tmp_obj_")) == 0;
	if (folder[0] == '\0') {
		for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
			if (strcmp(name, locks[i]) == 0)
				return true;
		return false;
	}
	if (strcmp(folder, "objects/pack") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(unfinished_packs); i++)
		if (strncmp(name, unfinished_packs[i], strlen(unfinished_packs[i])) == 0)
			return true;
	return false;
}

enum snapshot_verdict snapshot_judge(const struct snapshot_facts *facts)
{
	if (!facts->is_file || !facts->is_own)
		return SNAPSHOT_KEEP_FOREIGN;
	if (facts->written_usec < facts->since_usec)
		return SNAPSHOT_KEEP_OLD;
	if (facts->written_usec > facts->until_usec)
		return SNAPSHOT_KEEP_NEW;
	if (facts->is_held)
		return SNAPSHOT_KEEP_HELD;
	if (facts->is_in_use)
		return SNAPSHOT_KEEP_IN_USE;
	return facts->is_persons ? SNAPSHOT_TELL : SNAPSHOT_REMOVE;
}

bool snapshot_is_due(const struct session_record *record)
{
	if (record->counters.memory.oom_kill > 0)
		return true;
	if (record->agent_ended && WIFSIGNALED(record->wait_status) &&
	    WTERMSIG(record->wait_status) == SIGKILL)
		return true;
	for (size_t i = 0; i < record->event_count; i++) {
		const struct record_event *event = &record->events[i];

		if (event->kind == RECORD_OOM_KILL || event->kind == RECORD_WATCH_KILL ||
		    (event->kind == RECORD_LADDER && event->value == SIGKILL))
			return true;
	}
	return false;
}

void snapshot_result_finish(struct snapshot_result *result)
{
	for (size_t i = 0; i < result->named; i++)
		free(result->removed[i].path);
	free(result->persons_lock);
	*result = (struct snapshot_result){ .named = 0 };
}
