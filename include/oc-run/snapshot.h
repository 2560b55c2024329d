/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a git that was killed hard leaves in opencode's own snapshot store,
 * $XDG_DATA_HOME/opencode/snapshot: a lock file, with which every later snapshot fails, and
 * unfinished objects, which nothing ever removes. The store holds git directories named after the
 * project: <project> in 1.1.56, <project>/<work tree> in 1.18.33.
 *
 * Removed is what git names so, is a file of ours, was written while the session ran, is held open
 * by nobody, and lies where no git works now. The same lock in the person's own repository is found
 * by the same rule and never touched: it may stand for work of theirs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"

/* Pure: snapshot-judge.c */

/* Is a file of this name, in this folder of a git directory ("", "objects/pack", "objects/3f"), one
 * that only a git at work has? */
bool snapshot_is_debris(const char *folder, const char *name);

/* Can such a file be in this folder? */
bool snapshot_is_debris_folder(const char *folder);

struct snapshot_facts {
	bool is_file;			 /* a regular one */
	bool is_own;			 /* of our user */
	bool is_held;			 /* somebody has it open */
	bool is_in_use;			 /* a git works in its git directory */
	bool is_persons;		 /* lies in the person's repository */
	uint64_t written_usec;		 /* st_mtime */
	uint64_t since_usec, until_usec; /* start and end of the session; all CLOCK_REALTIME */
};

enum snapshot_verdict {
	SNAPSHOT_REMOVE,
	SNAPSHOT_TELL,	       /* is as dead, but not ours to remove */
	SNAPSHOT_KEEP_FOREIGN, /* no file of ours */
	SNAPSHOT_KEEP_OLD,     /* from before the session */
	SNAPSHOT_KEEP_NEW,     /* from after it */
	SNAPSHOT_KEEP_HELD,
	SNAPSHOT_KEEP_IN_USE,
};

enum snapshot_verdict snapshot_judge(const struct snapshot_facts *facts);

struct session_record;

/* Was something in the session killed that could not clean up after itself? */
bool snapshot_is_due(const struct session_record *record);

#define SNAPSHOT_NAMES_MAX 32

struct snapshot_file {
	char *path; /* absolute */
	uint64_t bytes;
};

struct snapshot_result {
	struct snapshot_file removed[SNAPSHOT_NAMES_MAX]; /* the first ones */
	size_t named;
	uint64_t count, bytes; /* of all that were removed */
	char *persons_lock;    /* absolute; or NULL: there is none */
};

void snapshot_result_finish(struct snapshot_result *result);

/* System: snapshot-clean.c */

struct snapshot_request {
	const char *store;	       /* .../opencode/snapshot; or NULL: not looked at */
	const char *working_directory; /* of the command, for the person's repository; or NULL */
	int proc_fd;		       /* /proc */
	uint64_t since_usec, until_usec;
};

/* -EWOULDBLOCK: another oc-run is at it. A store that is not there is no error. */
_must_check_ int snapshot_clean(const struct snapshot_request *request,
				struct snapshot_result *ret);
