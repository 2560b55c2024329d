/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Limits that oc-run holds itself, where the kernel can't: who dies when the tree is over its limit,
 * tools before the agent, and when to look again. Pure: samples in, verdicts out. (What is done
 * before memory runs out is pressure.h's part, whoever enforces.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/limits.h"
#include "oc-run/tree.h"

/* Who goes first when memory runs out. */
enum oom_choice {
	OOM_TOOL,  /* the largest tool; the agent when there is none worth it */
	OOM_AGENT, /* the agent, with which the session ends */
	OOM_GROUP, /* everybody at once (memory.oom.group) */
};

struct policy_limits {
	uint64_t memory_bytes; /* LIMIT_UNLIMITED: not watched */
	uint64_t tasks;
	enum oom_choice oom; /* for memory */
};

enum policy_verdict {
	POLICY_FINE,
	POLICY_KILL_FOR_MEMORY,
	POLICY_KILL_FOR_TASKS,
};

/* Marks in @condemned (one for each process of the sample, all false) who has to go so that the
 * tree is below its limits again, and says for which limit. @memory_bytes: what the tree really
 * takes (proportional size), at most the sample's sum. */
enum policy_verdict policy_judge(const struct policy_limits *limits,
				 const struct tree_sample *sample, uint64_t memory_bytes,
				 bool *condemned);

/* When to look again, where oc-run enforces by watching: from one second while nothing grows down
 * to 20 ms when the limit would be reached soon. */
uint64_t policy_next_look_usec(const struct policy_limits *limits, uint64_t memory_before,
			       uint64_t memory_now, uint64_t elapsed_usec, uint64_t tasks_now);
