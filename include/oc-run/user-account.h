/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The user that a command runs as (--user), when oc-run itself is root's: what the databases of
 * users and groups say of it, asked before anything starts, and the change to it in the stub, which
 * asks and allocates nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/owner-rights.h"

struct user_account {
	uid_t uid;
	gid_t gid;
	char *name, *home, *shell;
	char *runtime_dir; /* /run/user/UID, if it is there and theirs; or NULL */
	gid_t *groups;	   /* all of them, the first among them */
	size_t group_count;
};

/* @text: a name, or else a number. -ENOENT, or the errno of the look-up, with @diag. */
_must_check_ int user_account_find(const char *text, struct user_account *ret, struct diag *diag);
void user_account_finish(struct user_account *account);

/* The user's rights to files for a while: see owner-rights.h. NULL: nobody's, and nothing is done. */
_must_check_ int user_account_borrow_rights(const struct user_account *account,
					    struct owner_rights *ret, struct diag *diag);

/* This process becomes that user, for good: groups, ids, no capability (credentials(7),
 * capabilities(7)), and a session keyring of its own (session-keyring(7)), since whoever has root's
 * may read the keys in it. Then it tries whether there is a way back. For the stub; no allocation,
 * one thread. Negative errno. */
_must_check_ int user_account_become(const struct user_account *account);
