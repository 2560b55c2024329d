/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The live sessions of this user: one file each, <folder>/<id>, held with flock(2) for as long as
 * oc-run lives, so that a crashed session is told from a live one by the kernel and not by a pid.
 * The keeper shares the lock (it is of the open file, which a fork shares): an entry counts as live
 * until both are gone, so nobody sweeps what a keeper is still cleaning. The stub has a copy until
 * its exec; the command has none.
 *
 * The file is JSON and says what has to be cleaned: id, boot id, cgroup (or where it will be made),
 * unit, backend, pid and start time of oc-run and of the command, the folder for temporary files,
 * the command's snapshot store and since when it is ours to look through. For those who look at
 * sessions from outside (registry-list.h) it also has the command's name and directory, the limits
 * with who enforces them, and whether the session is being ended.
 *
 * Folder: <runtime>/oc-run/sessions, where <runtime> is /run for root, else host.runtime_dir; where
 * that can't be had, $XDG_CACHE_HOME or ~/.cache.
 */

#include "oc-run/cgroup.h"
#include "oc-run/diag.h"
#include "oc-run/host.h"
#include "oc-run/plan.h"

/* What the session may leave on the disk. The texts are borrowed for as long as the entry lives. */
struct registry_disk {
	const char *tmp_path;	    /* session_tmp.path, or NULL */
	const char *snapshot_store; /* of the profile, or NULL */
	uint64_t since_usec;	    /* start of the session, CLOCK_REALTIME */
};

struct registry_entry {
	int fd;	    /* locked; -1: no folder could be had */
	char *path; /* NULL then */
	struct registry_disk disk;
	const char *outer; /* registry_outer(); borrowed from the host or the environment */
	uint32_t enforced; /* session_cgroup.enforced; to be set before registry_update() */
	bool is_ending;	   /* the same */
	/* The last change of limits that was asked for (limit-request.h), and why it was refused. */
	char answered[17];
	char refusal[256];
};

/* Where a change of limits is asked for: the entry's path with this at its end. */
#define REGISTRY_REQUEST_ENDING ".set"

#define REGISTRY_ENTRY_INIT \
	{                   \
		.fd = -1    \
	}

/* The id of the session that this process was started in, by its cgroup, else by its tag; it may be
 * over by now. NULL: none. */
const char *registry_outer(const struct host *host);

/* Makes the entry, before the cgroup is made. @disk: may be NULL. @cgroup_parent: backend_facts.parent, or NULL: where
 * to look if oc-run dies before registry_update().
 * Without a folder to write to: 0 and fd -1. -EPERM with @diag when the folder is somebody else's
 * or others may write to it: say so, and go on without. */
_must_check_ int registry_enter(const struct host *host, const struct plan *plan,
				const char *cgroup_parent, const struct registry_disk *disk,
				struct registry_entry *ret, struct diag *diag);

/* Adds what is known once the session stands, and again when it has changed. @cgroup_path: of the
 * scope, or NULL. */
_must_check_ int registry_update(struct registry_entry *entry, const struct plan *plan,
				 const char *cgroup_path, pid_t child);

/* Removes the entry: the last thing of a session. Safe to call again, and on one without a file. */
void registry_leave(struct registry_entry *entry);

/* Has the session @id an entry that somebody holds the lock of? */
bool registry_is_held(const struct host *host, const char *id);

/* Ends and removes what sessions left whose oc-run and keeper are gone (unlocked entries; same
 * boot: processes by cgroup and tag, cgroups; folders for temporary files, also those of sessions
 * without an entry; what killed gits left in the snapshot store). Never a session that the caller itself runs in.
 * Number of sessions removed. Each removed one goes to @removed (may be NULL). What could not be
 * ended within 2 s keeps its entry. */
_must_check_ int registry_sweep(const struct host *host,
				void (*removed)(const char *id, void *userdata), void *userdata);
