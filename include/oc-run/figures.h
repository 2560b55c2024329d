/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one look at a session showed, in one place for all who use it: decisions about memory,
 * notices, the status file, the history. Where the kernel counts for the session's cgroup, its
 * figures; else the sums of the tree. Plain data, made by pure functions.
 */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/cgroup.h"
#include "oc-run/tree.h"

struct figures {
	uint64_t at_usec; /* since the start of the session; 0: nothing was seen yet */
	bool counted;	  /* by the kernel, for the cgroup; false: summed up over the tree */
	/* What can't be given back without swap or a death: anonymous memory, shmem and what the
	 * kernel holds for the session but can't drop. Decisions go by this, never by page cache. */
	uint64_t unreclaimable_bytes;
	uint64_t current_bytes;					    /* with page cache */
	uint64_t anon_bytes, file_bytes, shmem_bytes, kernel_bytes; /* file: without shmem */
	uint64_t swap_bytes;
	uint64_t tasks;
	uint64_t cpu_usec; /* used so far; 0 where not counted */
	struct pressure memory_pressure;
};

struct figures figures_of_usage(const struct cgroup_usage *usage, uint64_t at_usec);
struct figures figures_of_sample(const struct tree_sample *sample, uint64_t at_usec);
