/* SPDX-License-Identifier: MIT */

/* See idle.h. */

#include "oc-run/idle.h"

static bool is_quiet(const struct idle *idle, const struct idle_look *look)
{
	uint64_t elapsed_usec = look->at_usec - idle->last_usec;

	/* The first look has nothing to compare with. */
	if (idle->last_usec == 0 || look->cpu_usec < idle->last_cpu_usec)
		return false;
	return look->cpu_usec - idle->last_cpu_usec <= elapsed_usec / 100 * IDLE_CPU_PERCENT;
}

bool idle_step(struct idle *idle, const struct idle_look *look)
{
	bool is_idle =
		look->is_above_line && !look->tool_runs && !look->has_input && is_quiet(idle, look);

	if (!is_idle)
		idle->since_usec = 0;
	else if (idle->since_usec == 0)
		idle->since_usec = idle->last_usec;
	idle->last_usec = look->at_usec;
	idle->last_cpu_usec = look->cpu_usec;
	if (!is_idle || look->at_usec < idle->since_usec + IDLE_USEC ||
	    look->at_usec < idle->not_before_usec)
		return false;
	idle->not_before_usec = look->at_usec + IDLE_AGAIN_USEC;
	return true;
}
