/* SPDX-License-Identifier: MIT */
#pragma once

/* Folders of oc-run's own below a base that is the person's: what lies in them decides what is
 * removed or believed later, so nobody else may be able to put anything there. Symbolic links are
 * not followed below the base. */

#include <stdbool.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

enum private_base {
	PRIVATE_BASE_CACHE, /* $XDG_CACHE_HOME; for root, if that is not root's, /var/cache; ~/.cache */
	PRIVATE_BASE_STATE, /* $XDG_STATE_HOME; in the same way /var/lib; ~/.local/state */
};

/* The absolute path of the base by the environment; NULL: none, or no memory. Caller frees. */
char *private_base(enum private_base base, uid_t uid);

/* Lets others pass through the folder that is open as @folder, and the "oc-run" above it; they still
 * see no names in them. Negative errno. */
_must_check_ int private_folder_let_pass(int folder);

/* Opens @base/oc-run/@name; makes what is missing if @make, the base too.
 * -EPERM with @diag when it is not ours alone: @loss says what can't be done then. */
_must_check_ int private_folder_open(const char *base, const char *name, bool make,
				     const char *loss, int *ret_fd, struct diag *diag);
