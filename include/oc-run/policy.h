/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What to do about memory and tasks while a session runs. Pure: samples in, verdicts out.
 *
 * Two duties. Where the kernel enforces: memory.high is a staircase, not a wall; each crossing
 * raises it a step, ending at "max", so that every stall is bounded (an unreclaimable workload
 * above memory.high is otherwise throttled without end: mm/memcontrol.c, calculate_high_delay).
 * Where it can't: choose who dies when the tree is over its limit, tools before the agent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/limits.h"
#include "oc-run/tree.h"

/* The next step above @high_bytes towards @max_bytes: 88 %, 95 %, then LIMIT_UNLIMITED. */
uint64_t policy_next_high(uint64_t high_bytes, uint64_t max_bytes);

struct policy_limits {
	uint64_t memory_bytes; /* LIMIT_UNLIMITED: not watched */
	uint64_t tasks;
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
