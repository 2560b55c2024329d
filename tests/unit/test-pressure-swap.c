/* SPDX-License-Identifier: MIT */

/* Scripts: what a look shows at which time, and what becomes of the swap allowance. */

#include "oc-run/pressure.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC UINT64_C(1000)

#define HOLD PRESSURE_HOLD_SWAP
#define FREE PRESSURE_FREE_SWAP

static const struct pressure_config config = {
	.max_bytes = 1000 * MIB,
	.whole_bytes = 1000 * MIB,
	.soft_bytes = LIMIT_UNLIMITED,
	.swap_bytes = 250 * MIB,
	.guards_swap = true,
};

struct step {
	const char *name;
	uint64_t at_msec, swap; /* MiB */
	uint64_t stalled_msec;	/* more than before */
	unsigned actions;
	uint64_t swap_max; /* MiB, with actions */
};

static void run(const struct pressure_config *with, bool has_psi, const struct step *steps,
		size_t count)
{
	struct pressure_state pressure;
	struct figures figures = { .counted = true, .memory_pressure.known = has_psi };
	const struct pressure_look look = { .figures = &figures };

	pressure_init(&pressure, with);
	for (size_t i = 0; i < count; i++) {
		struct pressure_answer answer;

		unit_row = steps[i].name;
		figures.at_usec = steps[i].at_msec * MSEC;
		figures.swap_bytes = steps[i].swap * MIB;
		figures.memory_pressure.some_total_usec += steps[i].stalled_msec * MSEC;
		answer = pressure_step(&pressure, &look);
		expect_uint(answer.actions & (HOLD | FREE), steps[i].actions);
		if (steps[i].actions)
			expect_uint(answer.swap_bytes, steps[i].swap_max * MIB);
	}
}

TEST(slow_swap_is_held_where_it_is_and_given_back_after_a_minute_of_calm)
{
	static const struct step steps[] = {
		{ "calm", 1000, 0, 0, 0, 0 },
		{ "swap is fast", 2000, 100, 100, 0, 0 },
		{ "and slow", 3000, 115, 500, HOLD, 115 },
		{ "held once", 4000, 115, 900, 0, 0 },
		{ "the minute begins", 5000, 110, 900, 0, 0 },
		{ "calm", 30000, 100, 10, 0, 0 },
		{ "nearly a minute", 64900, 100, 0, 0, 0 },
		{ "a minute", 65000, 100, 0, 0, 0 },
		{ "over", 65200, 100, 0, FREE, 250 },
		{ "and slow again", 66200, 130, 800, HOLD, 130 },
	};

	run(&config, true, steps, ARRAY_SIZE(steps));
}

TEST(waiting_for_something_else_holds_no_swap)
{
	static const struct step steps[] = {
		{ "start", 1000, 50, 0, 0, 0 },
		{ "no more is swapped", 2000, 50, 900, 0, 0 },
		{ "less is", 3000, 20, 900, 0, 0 },
		{ "too soon to tell", 3100, 40, 100, 0, 0 },
	};

	run(&config, true, steps, ARRAY_SIZE(steps));
}

TEST(what_a_person_gave_and_what_cannot_be_told_is_left_alone)
{
	static const struct step steps[] = {
		{ "start", 1000, 0, 0, 0, 0 },
		{ "slow", 2000, 50, 900, 0, 0 },
	};
	struct pressure_config given = config;

	given.guards_swap = false;
	run(&given, true, steps, ARRAY_SIZE(steps));
	run(&config, false, steps, ARRAY_SIZE(steps));
}

UNIT_MAIN("pressure-swap", slow_swap_is_held_where_it_is_and_given_back_after_a_minute_of_calm,
	  waiting_for_something_else_holds_no_swap,
	  what_a_person_gave_and_what_cannot_be_told_is_left_alone)
