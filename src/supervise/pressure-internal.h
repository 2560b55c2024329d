/* SPDX-License-Identifier: MIT */
#pragma once

/* Between the parts of pressure.h. Pure. */

#include "oc-run/pressure.h"

uint64_t pressure_above(uint64_t a, uint64_t b); /* a - b, or 0 */
struct pressure_mark pressure_mark_of(const struct pressure_look *look);
/* How much of the time between the two some task stood still for memory; 0 to 100. */
unsigned pressure_stalled_percent(const struct pressure_mark *from, const struct pressure_mark *to);
/* Since the look before (of at least 0.2 s ago): for @percent of the time; or, where the kernel
 * can't tell, at all. */
bool pressure_is_stalled(const struct pressure_state *pressure, const struct pressure_look *look,
			 unsigned percent);
/* How much more can be swapped out. */
uint64_t pressure_swap_room(const struct pressure_state *pressure,
			    const struct pressure_look *look);

/* Differences over less than this are noise. */
#define PRESSURE_MARK_USEC (200 * UINT64_C(1000))

/* pressure-high.c */
void pressure_step_high(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer);

/* pressure-swap.c */
void pressure_step_swap(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer);

/* pressure-ladder.c */
void pressure_step_ladder(struct pressure_state *pressure, const struct pressure_look *look,
			  struct pressure_answer *answer);
