/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file in which those in a session read its status: <base>/oc-run/status/<id>.json, mode 0600,
 * where <base> is that of the session's registry entry. It is replaced as a whole, so a reader never
 * sees half of one, and never synced: it is mostly in memory, and means nothing after a crash.
 *
 * It lives no longer than the entry: whatever is there without an entry was left by a crash.
 */

#include "oc-run/diag.h"
#include "oc-run/registry.h"

struct status_file {
	int folder_fd; /* -1: there is no file */
	char id[17];
	char *path; /* NULL then */
	bool is_shared;
	gid_t gid; /* of those who may read it too */
};

#define STATUS_FILE_INIT        \
	{                       \
		.folder_fd = -1 \
	}

/* Prepares it; the first write makes it. Without an entry: 0 and no file. -EPERM with @diag: the
 * folder is somebody else's, or others may write to it. Other errors: it can't be had. */
_must_check_ int status_file_begin(const struct registry_entry *entry, const char *id,
				   struct status_file *ret, struct diag *diag);

/* Before the first write: the command runs as another user, of this group, and is to read it. The
 * folders let pass who knows a name. Negative errno. */
_must_check_ int status_file_share(struct status_file *file, gid_t gid);

/* On an error (-ENOSPC, -EDQUOT) what was there stays. Without a file: 0. */
_must_check_ int status_file_write(const struct status_file *file, const char *text);

/* Removes the file. Safe to call again. */
void status_file_finish(struct status_file *file);

/* Removes the files below @base whose sessions have no entry there. */
void status_file_sweep(const char *base);
