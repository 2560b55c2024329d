/* SPDX-License-Identifier: MIT */
#pragma once

/* The parts of snapshot-clean.c: what was listed, and who uses it. */

#include <limits.h>
#include <sys/types.h>

#include "oc-run/snapshot.h"

struct snapshot_folder { /* a git directory */
	int fd;
	char *path; /* absolute, as it was reached */
	char *real; /* the same without links; or NULL */
	bool is_persons;
	bool is_in_use;
};

struct snapshot_debris {
	size_t folder;	/* index in folders */
	char name[320]; /* relative to it: "objects/pack/tmp_pack_x1Y2z3" */
	dev_t device;
	ino_t inode;
	uint64_t written_usec, bytes;
	bool is_file, is_own, is_held;
};

struct snapshot_list {
	struct snapshot_folder *folders;
	size_t folder_count;
	struct snapshot_debris *debris;
	size_t count;
};

/* snapshot-use.c: looks through /proc and sets is_held and is_in_use. What can't be looked at for
 * certain counts as used. */
void snapshot_mark_use(struct snapshot_list *list, int proc_fd);

/* snapshot-repository.c: the git directory of the repository that @directory lies in, as git finds
 * it. NULL: in none. Caller frees. */
char *snapshot_find_repository(const char *directory);
