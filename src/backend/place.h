/* SPDX-License-Identifier: MIT */
#pragma once

/* Where in the hierarchy the cgroupfs member may make its cgroups, found by trying. */

#include "backend-impl.h"

struct place {
	struct cgroup cgroup;
	uint32_t controllers; /* that sessions below it would get */
	uint32_t available;   /* that it has itself */
	bool occupied;	      /* processes of its own keep controllers from being enabled */
	int error;	      /* why no cgroup can be made here; 0: one can */
};

#define PLACE_INIT                    \
	{                             \
		.cgroup = CGROUP_INIT \
	}

/* Memory and tasks: without these two the supervisor has to watch. */
bool place_has_needed(uint32_t controllers);

/* -EOPNOTSUPP with @refusal: there is none. */
_must_check_ int place_find(const struct host *host, struct place *ret, struct refusal *refusal);

/* Why sessions below @place get no controllers, and what to do about it. */
void place_explain(const struct host *host, const struct place *place, struct refusal *refusal);
void place_finish(struct place *place);
