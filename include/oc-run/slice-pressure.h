/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What to do when all sessions together run short, though each is within its own limits. Pure: what
 * a look at the slice and at the sessions below it showed goes in, what is to be done comes out;
 * slice-act.c does it, in the one oc-run that leads the slice. Time is that of the looks.
 *
 * When what the slice may take will be used up in a moment, or its tasks stand still near it, the
 * session that grew most in the last three minutes, of those that still grow, is asked to give way,
 * and then, if that was not enough, the next one: one at a time, with a pause in which the effect
 * may show.
 *
 * Many that grow at once are faster than that, and at the slice's memory.max the kernel does not kill
 * as long as it finds a page of a program to drop: all of them stand still, and the disk is busy. So
 * those that grow are frozen meanwhile: what is frozen neither grows nor waits for memory. With room
 * left they are let go after a second, as it may have been a burst that ends by itself; then nobody is
 * asked. Nearly full they are let go when others have given way, or after half a minute in any case.
 *
 * The slice's swap is held in the same way as that of a session (pressure-swap.c): thirteen sessions
 * may each be within their own allowance, and the disk is everybody's all the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cgroup-parse.h"

#define SLICE_SESSION_ID_MAX 17
/* More are not looked at: the kernel has to do. */
#define SLICE_SESSIONS_MAX 64
/* Three minutes of growth, a look each fifteen seconds. */
#define SLICE_PAST_MAX 12
#define SLICE_PAST_USEC (15 * UINT64_C(1000000))

struct slice_session {
	char id[SLICE_SESSION_ID_MAX];
	uint64_t used_bytes; /* what can't be reclaimed, and swap */
};

struct slice_look {
	uint64_t at_usec; /* not 0 */
	uint64_t max_bytes, swap_max_bytes;
	uint64_t unreclaimable_bytes, swap_bytes;
	struct pressure stall;
	const struct slice_session *sessions;
	size_t count;
};

enum slice_action {
	SLICE_ASK = 1 << 0,	  /* the session session_id to give way */
	SLICE_HOLD_SWAP = 1 << 1, /* the slice's memory.swap.max to swap_bytes */
	SLICE_FREE_SWAP = 1 << 2, /* ... : given back */
	SLICE_FREEZE = 1 << 3,	  /* those of known[] that are held; more of them than before */
	SLICE_THAW = 1 << 4,	  /* all */
};

struct slice_answer {
	unsigned actions; /* enum slice_action */
	char session_id[SLICE_SESSION_ID_MAX];
	uint64_t grown_bytes; /* by which it is the one */
	uint64_t swap_bytes;
	uint64_t next_look_usec; /* from now; 0: it is calm */
};

struct slice_known {
	char id[SLICE_SESSION_ID_MAX];
	uint64_t past_bytes[SLICE_PAST_MAX]; /* a ring */
	size_t past_count;
	uint64_t past_usec;  /* when the last was added */
	uint64_t last_bytes; /* at the look before */
	uint64_t rate_usec, rate_from_bytes;
	uint64_t bytes_per_sec; /* as it grew when it last ran */
	bool is_growing;	/* since then */
	bool is_held;
	uint64_t asked_usec; /* 0: never */
};

struct slice_pressure {
	bool guards_swap; /* the limits of the slice are oc-run's own */
	struct slice_known known[SLICE_SESSIONS_MAX];
	size_t known_count;
	bool has_looked;
	uint64_t asked_usec; /* the last time; 0: never */
	uint64_t settles_usec;
	uint64_t held_since_usec; /* 0: nobody is frozen */
	uint64_t released_usec;	  /* the last time; 0: never */
	uint64_t may_hold_usec;	  /* not again before */
	uint64_t growth_usec[2],
		growth_bytes[2]; /* the last part of a second, and the one before */
	uint64_t mark_usec, mark_stalled_usec, mark_swap_bytes;
	uint64_t stalled_since_usec; /* 0: not */
	bool swap_is_held;
	uint64_t swap_held_bytes;
	uint64_t swap_given_bytes; /* before it was held */
	uint64_t swap_calm_usec;
};

void slice_pressure_init(struct slice_pressure *pressure, bool guards_swap);
struct slice_answer slice_pressure_step(struct slice_pressure *pressure,
					const struct slice_look *look);
