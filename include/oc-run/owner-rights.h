/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * As root in folders that a user can change under our hands: with that user's rights to files
 * (setfsuid(2)) for a while, so that no link, and no folder that was swapped, leads to anything the
 * user could not have reached alone. The process stays root's all the same: nobody can signal or
 * trace it. Without root there is nothing to borrow and nothing is done.
 *
 * Only for file systems: access(2) asks for the real user, and must be faccessat(AT_EACCESS).
 * No allocation; one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

#define OWNER_RIGHTS_GROUPS_MAX 1024

struct owner_rights {
	bool is_borrowed;
	gid_t groups[OWNER_RIGHTS_GROUPS_MAX]; /* ours, to be put back */
	int group_count;
};

/* Negative errno: nothing has changed, and what was to be done with it must not be. */
_must_check_ int owner_rights_borrow(uid_t uid, gid_t gid, const gid_t *groups, size_t count,
				     struct owner_rights *ret);
/* Those of the owner of what is open as @fd, in no further group. */
_must_check_ int owner_rights_borrow_of(int fd, struct owner_rights *ret);
/* Safe to call again. Ends the process when it can't be done, which no kernel does. */
void owner_rights_return(struct owner_rights *rights);
