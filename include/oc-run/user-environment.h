/* SPDX-License-Identifier: MIT */
#pragma once

/* What another user's command is to know of root's environment, and what of its own. Pure. */

#include <stdbool.h>

#include "oc-run/strv.h"
#include "oc-run/user-account.h"

/* Does @entry (NAME=VALUE) speak of root's login, which the command is not to take for its own? */
bool user_environment_is_roots(const char *entry);

/* Where commands are looked for: root's folders, and then those in the user's home that installers
 * choose. @path: root's PATH, or NULL. NULL for no memory. */
char *user_environment_path(const struct user_account *account, const char *path);

/* Appends NAME=VALUE for each variable that su(1) and login(1) would set. -ENOMEM. */
_must_check_ int user_environment_add(const struct user_account *account, const char *path,
				      char ***list);
