/* SPDX-License-Identifier: MIT */

/*
 * The default swap allowance is for memory that nobody needs for a while. On a slow disk (or a busy one)
 * it makes a session that grows stand still for as long as it takes to fill: a gigabyte at 15 MB/s is
 * more than a minute, in which nobody is killed and the disk is everybody's. So it is good for as
 * long as tasks need not wait for it: when they do, no more is swapped out than is already, and after
 * a minute of calm the allowance is given back. What a person gave with --swap is left alone.
 *
 * memory.swap.max below what is in use takes nothing back and does not block
 * (mm/memcontrol.c, swap_max_write).
 */

#include "pressure-internal.h"

#define STALLED_PERCENT 25
/* Less may be chance. */
#define GROWN_BYTES (UINT64_C(1) << 20)
#define CALM_PERCENT 5
#define CALM_USEC (60 * UINT64_C(1000000))

static void hold(struct pressure_state *pressure, const struct figures *figures,
		 struct pressure_answer *answer)
{
	pressure->swap_held_bytes = figures->swap_bytes;
	pressure->swap_calm_usec = figures->at_usec;
	answer->actions |= PRESSURE_HOLD_SWAP;
	answer->swap_bytes = figures->swap_bytes;
}

static void give_back(struct pressure_state *pressure, struct pressure_answer *answer)
{
	pressure->swap_held_bytes = 0;
	answer->actions |= PRESSURE_FREE_SWAP;
	answer->swap_bytes = pressure->config.swap_bytes;
}

void pressure_step_swap(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer)
{
	const struct figures *figures = look->figures;
	const struct pressure_mark now = pressure_mark_of(look), before = pressure->swap_mark;
	unsigned stalled_percent;

	if (!pressure->config.guards_swap || !figures->counted || !figures->memory_pressure.known ||
	    now.at_usec < before.at_usec + PRESSURE_MARK_USEC)
		return;
	stalled_percent = pressure_stalled_percent(&before, &now);
	pressure->swap_mark = now;
	if (pressure->swap_held_bytes == 0) {
		if (stalled_percent >= STALLED_PERCENT &&
		    now.swap_bytes >= before.swap_bytes + GROWN_BYTES)
			hold(pressure, figures, answer);
		return;
	}
	if (stalled_percent > CALM_PERCENT)
		pressure->swap_calm_usec = now.at_usec;
	else if (now.at_usec >= pressure->swap_calm_usec + CALM_USEC)
		give_back(pressure, answer);
}
