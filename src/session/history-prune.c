/* SPDX-License-Identifier: MIT */

/* Old histories go: by the time that they were last written, and by their number, the oldest start
 * first, as their names sort. One that is locked is still written and stays. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "history-internal.h"
#include "oc-run/history.h"

#define DAY_SEC (INT64_C(24) * 60 * 60)
/* A file that was to take the place of another is not that for long. */
#define HIDDEN_SEC 60
#define SUFFIX ".jsonl"
#define STAMP "########T######Z-"
#define ID_LENGTH 16

void history_name(uint64_t started_usec, const char *id, char ret_name[HISTORY_NAME_MAX])
{
	time_t seconds = (time_t)(started_usec / 1000000);
	struct tm time;
	char stamp[32] = "";

	if (gmtime_r(&seconds, &time))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &time);
	(void)snprintf(ret_name, HISTORY_NAME_MAX, "%s-%.16s" SUFFIX, stamp, id);
}

bool history_is_name(const char *name)
{
	static const char stamp[] = STAMP;
	const char *id = name + sizeof(stamp) - 1;

	if (strlen(name) != sizeof(stamp) - 1 + ID_LENGTH + strlen(SUFFIX))
		return false;
	for (size_t i = 0; i < sizeof(stamp) - 1; i++)
		if (stamp[i] == '#' ? name[i] < '0' || name[i] > '9' : name[i] != stamp[i])
			return false;
	return strspn(id, "0123456789abcdef") == ID_LENGTH && strcmp(id + ID_LENGTH, SUFFIX) == 0;
}

static void remove_one(int folder, const char *name, int64_t older_than_sec)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid() || (int64_t)status.st_mtime >= older_than_sec ||
	    flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	(void)unlinkat(folder, name, 0);
}

static int select_ours(const struct dirent *entry)
{
	return history_is_name(entry->d_name) ||
	       (entry->d_name[0] == '.' && history_is_name(entry->d_name + 1));
}

/* Hidden ones, whose names begin with a dot, come first. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void history_prune(int folder, const char *own, uint64_t keep, int64_t now_sec)
{
	struct dirent **entries;
	int count = scandirat(folder, ".", &entries, select_ours, compare);
	uint64_t left = 0;

	for (int i = 0; i < count; i++)
		left += entries[i]->d_name[0] != '.';
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		bool is_too_many = keep > 0 && left > keep;

		if (name[0] == '.') {
			remove_one(folder, name, now_sec - HIDDEN_SEC);
		} else if (strcmp(name, own) != 0) {
			remove_one(folder, name,
				   is_too_many ? INT64_MAX : now_sec - HISTORY_DAYS * DAY_SEC);
			left--;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}
