/* SPDX-License-Identifier: MIT */

/*
 * Where the output of a detached command goes: to the journal, where there is one that the person
 * can read (a user's own needs a journal on disk, journald.conf(5), SplitMode=), else to a file in
 * the state folder.
 */

#include "oc-run/detach-output.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "private-folder.h"

#define FOLDER "output"
#define SUFFIX ".log"
#define FILES_KEPT 50

/* The name without what a shell would take for something else: people type it. */
static void identifier_of(const char *name, char text[DETACH_NAME_MAX])
{
	(void)snprintf(text, DETACH_NAME_MAX, "%s", name);
	for (char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-+", *c))
			*c = '_';
	if (text[0] == '-')
		text[0] = '_';
}

static int open_journal(const char *name, uid_t uid, char words[DETACH_WORDS_MAX])
{
	char identifier[DETACH_NAME_MAX];
	int fd;

	if (uid != 0 && access("/var/log/journal", F_OK) < 0)
		return -ENOENT;
	identifier_of(name, identifier);
	fd = sd_journal_stream_fd(identifier, LOG_INFO, false);
	if (fd >= 0)
		(void)snprintf(words, DETACH_WORDS_MAX, "journalctl %s-t %s",
			       uid == 0 ? "" : "--user ", identifier);
	return fd;
}

static int is_log(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), tail = sizeof(SUFFIX) - 1;

	return length > tail && strcmp(entry->d_name + length - tail, SUFFIX) == 0;
}

/* The oldest first, as their names sort. One that is still written to is locked. */
static void prune(int folder)
{
	struct dirent **entries;
	int count = scandirat(folder, ".", &entries, is_log, alphasort);

	for (int i = 0; i < count; i++) {
		if (i + FILES_KEPT < count) {
			_cleanup_close_ int fd =
				openat(folder, entries[i]->d_name,
				       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

			if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
				(void)unlinkat(folder, entries[i]->d_name, 0);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static int make_file(int folder, const char *id, char name[64])
{
	_cleanup_close_ int fd = -1;
	time_t now = time(NULL);
	char stamp[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	(void)snprintf(name, 64, "%s-%s" SUFFIX, stamp, id);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	(void)flock(fd, LOCK_SH | LOCK_NB);
	return take_fd(&fd);
}

static int open_file(const char *id, uid_t uid, char words[DETACH_WORDS_MAX], struct diag *diag)
{
	_cleanup_free_ char *base = private_base(PRIVATE_BASE_STATE, uid);
	_cleanup_close_ int folder = -1;
	char name[64];
	int fd, r;

	r = base ? private_folder_open(base, FOLDER, true,
				       "the command's output can't be kept there", &folder, diag)
		 : -ENOENT;
	if (r == -EPERM)
		return r;
	fd = r < 0 ? r : make_file(folder, id, name);
	if (fd < 0)
		return diag_set(diag, fd,
				"there is no place for the command's output: no journal, and no "
				"file in \"%s/oc-run/" FOLDER "\" (%s); set XDG_STATE_HOME",
				base ? base : "", strerror(-fd));
	prune(folder);
	(void)snprintf(words, DETACH_WORDS_MAX, "%s/oc-run/" FOLDER "/%s", base, name);
	return fd;
}

int detach_output_open(const struct plan *plan, uid_t uid, char words[DETACH_WORDS_MAX],
		       struct diag *diag)
{
	int fd = open_journal(plan->name, uid, words);

	return fd >= 0 ? fd : open_file(plan->id, uid, words, diag);
}
