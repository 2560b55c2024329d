/* SPDX-License-Identifier: MIT */
#pragma once

/* Files whose words count: configuration and profiles. A file that somebody else could have written
 * is refused, not skipped: limits that silently don't hold are worse than an error. */

#include <stddef.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

enum own_file_result {
	OWN_FILE_READ = 0,
	OWN_FILE_MISSING = 1,
};

/* The whole of it, with a NUL behind. -EPERM: belongs to another user (but root), or others may
 * write to it; @diag names it. Caller frees. */
_must_check_ int own_file_read(const char *path, char **ret_text, size_t *ret_length,
			       struct diag *diag);
