/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Native libraries that Bun's programs (opencode among them) unpack into the folder for temporary files
 * at each start and never remove: ".<16 hex digits>-<8 hex digits>.so" (or ".node"), 4 to 19 MB each.
 * A session of oc-run has a folder of its own for them; these are of starts without.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"

struct stray_libraries {
	char *folder; /* where they lie */
	size_t count;
	uint64_t bytes;
};

/* Only those that are this user's, are not younger than ten minutes, and that no process of this user
 * maps. @removes: they are removed as well, and counted is what was. -ENOMEM; a folder that can't be read
 * has none. @folder: absolute. */
_must_check_ int stray_libraries_look(const char *folder, bool removes,
				      struct stray_libraries *ret);
void stray_libraries_finish(struct stray_libraries *strays);
