/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What to do as memory runs short, before the kernel has to kill. Pure: what a look at the session
 * showed goes in, what is to be done comes out; actions.c does it. Time is that of the figures.
 *
 * memory.high is a staircase, not a wall. An unreclaimable workload above it is throttled without
 * end and never killed (mm/memcontrol.c, calculate_high_delay: 64 s times the square of the
 * overage, at most 2 s, for each 256 KiB), so it goes up a step as soon as reclaim does not help,
 * and down again once less is used. A person's own line is left where it is; the guard lifts it when
 * the session stands still at it.
 *
 * Decided by what can't be reclaimed, never by page cache, except where it is the kernel that goes
 * by the sum: whether memory.high is crossed, and how far it may come down.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/figures.h"
#include "oc-run/plan.h"

struct pressure_config {
	uint64_t max_bytes;   /* the wall, or LIMIT_UNLIMITED */
	uint64_t whole_bytes; /* what margins are parts of; 0: nothing is ever decided */
	/* Where memory.high may stand, rising; above the last it is off. None: it stays off. */
	uint64_t steps[PLAN_HIGH_STEPS_MAX];
	size_t step_count;
	bool is_fixed;	     /* one step, a person's: no staircase */
	bool guards;	     /* lift memory.high when the session stands still at it */
	uint64_t soft_bytes; /* the soft line; LIMIT_UNLIMITED: none */
	uint64_t swap_bytes; /* what the session may swap at most */
};

/* By what the guard was convinced: over that time, in which nobody was killed. */
struct pressure_evidence {
	uint64_t over_usec;
	uint64_t high_bytes;	/* memory.high, and what was used (page cache included) */
	uint64_t current_bytes;
	uint64_t grown_bytes;
	uint64_t high_events;	/* of memory.events */
	bool stall_is_known;	/* this kernel has PSI for the cgroup */
	unsigned stalled_percent; /* of the time some task waited for memory */
};

enum pressure_action {
	PRESSURE_RAISE_HIGH = 1 << 0,	/* memory.high to high_bytes: reclaim does not help */
	PRESSURE_LOWER_HIGH = 1 << 1,	/* ... : less is used again */
	PRESSURE_LIFT_HIGH = 1 << 2,	/* ... : a livelock; evidence */
	PRESSURE_NOTE_HIGH = 1 << 3,	/* crossed, and left where it is: the kernel reclaims */
	PRESSURE_SOFT_CROSSED = 1 << 4, /* what can't be reclaimed is above the soft line */
	PRESSURE_SOFT_LEFT = 1 << 5,	/* and below it again, by some margin, for some time */
};

struct pressure_look {
	const struct figures *figures;
	/* Counters of the session's cgroup, since the session started. */
	uint64_t high_events, oom_kills, swap_fails;
};

struct pressure_answer {
	unsigned actions; /* enum pressure_action */
	uint64_t high_bytes;
	uint64_t high_events; /* since memory.high was last raised or noted */
	struct pressure_evidence evidence;
	uint64_t next_look_usec; /* from now; 0: it is calm, no look is needed for this */
	uint64_t rest_usec;	 /* a wake-up by memory.high need not be looked at sooner */
};

/* Numbers at a moment, to take differences from. */
struct pressure_mark {
	uint64_t at_usec;
	uint64_t stalled_usec, high_events, oom_kills, current_bytes;
};

struct pressure_state {
	struct pressure_config config;
	size_t level; /* of config.steps; step_count: off */
	struct pressure_mark last;	 /* the look before, or the one before that */
	uint64_t last_high_events;	 /* of the look before */
	uint64_t last_swap_fails;
	uint64_t swap_is_full_until_usec;
	uint64_t high_events_told;
	uint64_t active_usec; /* of the last look at which anything pressed */
	uint64_t crossed_usec; /* the kernel is given time to reclaim since; 0: it is not */
	uint64_t below_usec;   /* memory.high could come down since; 0: it could not */
	bool crossing_is_told;
	unsigned lifts;
	/* the guard */
	struct pressure_mark second;  /* the last of its samples, a second apart */
	struct pressure_mark held_up; /* where the time began that is judged; at_usec 0: none */
	unsigned held_up_samples;     /* the last three, as bits */
	/* the soft line */
	bool is_short;
	uint64_t relieved_usec; /* 0: not */
};

/* @enforced: bits 1 << LIMIT_x that the kernel holds for the session. @swap_bytes: of the machine. */
struct pressure_config pressure_config_of(const struct plan *plan, uint32_t enforced,
					  uint64_t swap_bytes);

void pressure_init(struct pressure_state *pressure, const struct pressure_config *config);
struct pressure_answer pressure_step(struct pressure_state *pressure, const struct pressure_look *look);

/* memory.high as it should be now; LIMIT_UNLIMITED: off. */
uint64_t pressure_high(const struct pressure_state *pressure);
/* Somebody else took memory.high away: it stays off until it may come down. */
void pressure_high_is_off(struct pressure_state *pressure);
