/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes of a session as a tree: in which order they are shown, and how far indented. Pure. */

#include <stddef.h>

#include "oc-run/tree.h"

struct process_place {
	const struct tree_process *process; /* borrowed from the sample */
	unsigned depth;			    /* 0: below nobody who is shown; 20 at most */
};

/* One place for each process of @sample, in an array to free(); NULL: no memory. */
struct process_place *process_order(const struct tree_sample *sample);
