/* SPDX-License-Identifier: MIT */

/* Scripts: what the sessions below the slice use at which time, and who is asked or held. */

#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/slice-pressure.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC UINT64_C(1000)

enum {
	ASK = SLICE_ASK,
	HOLD = SLICE_HOLD_SWAP,
	FREE = SLICE_FREE_SWAP,
	FREEZE = SLICE_FREEZE,
	THAW = SLICE_THAW
};

enum {
	SESSIONS = 3
};

static const char *const ids[SESSIONS] = { "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb",
					   "cccccccccccccccc" };

struct step {
	const char *name;
	uint64_t at_msec;
	uint64_t used[SESSIONS]; /* MiB; 0: there is no such session */
	uint64_t swap;		 /* MiB, of them all */
	uint64_t stalled_msec;	 /* more than before */
	/* expected */
	unsigned actions;
	int asked;	     /* with ASK: of ids */
	const char *is_held; /* "a", "bc"; NULL: nobody */
};

/* Of 1000 MiB, and 500 of swap. */
static void run_with(bool guards_swap, const struct step *steps, size_t count)
{
	struct slice_pressure pressure;
	uint64_t stalled_usec = 0;

	slice_pressure_init(&pressure, guards_swap);
	for (size_t i = 0; i < count; i++) {
		struct slice_session sessions[SESSIONS];
		struct slice_look look = {
			.at_usec = steps[i].at_msec * MSEC,
			.max_bytes = 1000 * MIB,
			.swap_max_bytes = guards_swap ? 500 * MIB : 0,
			.swap_bytes = steps[i].swap * MIB,
			.sessions = sessions,
		};
		struct slice_answer answer;
		char is_held[SESSIONS + 1] = "";

		unit_row = steps[i].name;
		for (size_t s = 0; s < SESSIONS; s++) {
			if (steps[i].used[s] == 0)
				continue;
			memcpy(sessions[look.count].id, ids[s], SLICE_SESSION_ID_MAX);
			sessions[look.count++].used_bytes = steps[i].used[s] * MIB;
			look.unreclaimable_bytes += steps[i].used[s] * MIB;
		}
		look.unreclaimable_bytes -= look.swap_bytes;
		stalled_usec += steps[i].stalled_msec * MSEC;
		look.stall = (struct pressure){ .known = true, .some_total_usec = stalled_usec };
		answer = slice_pressure_step(&pressure, &look);
		expect_uint(answer.actions, steps[i].actions);
		if (answer.actions & ASK)
			expect_text(answer.session_id, ids[steps[i].asked]);
		for (size_t k = 0; k < pressure.known_count; k++)
			if (pressure.known[k].is_held)
				(void)strncat(is_held, pressure.known[k].id, 1);
		expect_text(is_held, steps[i].is_held ? steps[i].is_held : "");
	}
}

TEST(who_grew_most_is_asked_and_not_who_is_largest)
{
	static const struct step steps[] = {
		{ "a is large", 1000, { 600, 100, 100 }, 0, 0, 0, 0, NULL },
		{ "calm", 6000, { 600, 100, 100 }, 0, 0, 0, 0, NULL },
		{ "b grows", 12000, { 605, 200, 100 }, 0, 0, 0, 0, NULL },
		{ "slowly", 17000, { 605, 240, 100 }, 0, 0, 0, 0, NULL },
		{ "soon used up", 22000, { 605, 265, 100 }, 0, 0, ASK, 1, NULL },
		{ "it settles", 23000, { 605, 268, 100 }, 0, 0, 0, 0, NULL },
		{ "it helped", 26000, { 605, 100, 100 }, 0, 0, 0, 0, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(a_session_that_came_later_grew_from_nothing)
{
	static const struct step steps[] = {
		{ "a and b", 1000, { 450, 330, 0 }, 0, 0, 0, 0, NULL },
		{ "c starts", 6000, { 450, 330, 60 }, 0, 0, 0, 0, NULL },
		{ "soon used up", 11000, { 455, 335, 165 }, 0, 0, ASK, 2, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(one_that_came_to_rest_is_not_asked_while_another_grows)
{
	static const struct step steps[] = {
		{ "begin", 1000, { 100, 300, 100 }, 0, 0, 0, 0, NULL },
		{ "a grew", 30000, { 500, 300, 100 }, 0, 0, 0, 0, NULL },
		{ "now b does", 35000, { 500, 350, 100 }, 0, 0, ASK, 1, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(a_burst_is_held_for_a_second_and_nobody_is_asked)
{
	static const struct step steps[] = {
		{ "begin", 1000, { 300, 50, 100 }, 0, 0, 0, 0, NULL },
		{ "b bursts", 1500, { 300, 350, 100 }, 0, 0, FREEZE, 0, "b" },
		{ "held", 2000, { 300, 350, 100 }, 0, 0, 0, 0, "b" },
		{ "let go", 2600, { 300, 350, 100 }, 0, 0, THAW, 0, NULL },
		{ "it goes on", 2800, { 300, 420, 100 }, 0, 0, FREEZE, 0, "b" },
		{ "let go once more", 3900, { 300, 420, 100 }, 0, 0, THAW, 0, NULL },
		{ "that was it", 4100, { 300, 421, 100 }, 0, 0, 0, 0, NULL },
		{ "and stays", 6000, { 300, 421, 100 }, 0, 0, 0, 0, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(many_that_grow_fast_are_held_and_asked_one_after_the_other)
{
	static const struct step steps[] = {
		{ "begin", 1000, { 50, 50, 100 }, 0, 0, 0, 0, NULL },
		{ "a and b grow", 6000, { 300, 250, 100 }, 0, 0, 0, 0, NULL },
		{ "too fast, nearly full", 6500, { 420, 370, 100 }, 0, 0, FREEZE | ASK, 0, "b" },
		{ "it settles", 7000, { 420, 370, 100 }, 0, 0, 0, 0, "b" },
		{ "nothing came of it", 7600, { 420, 370, 100 }, 0, 0, ASK, 1, NULL },
		{ "there is room", 8000, { 420, 60, 100 }, 0, 0, THAW, 0, NULL },
		{ "calm", 8500, { 420, 60, 100 }, 0, 0, 0, 0, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(who_is_held_is_let_go_when_there_is_room_for_a_while)
{
	/* c grows by 84 MiB a second, a and b by 250. */
	static const struct step steps[] = {
		{ "begin", 1000, { 250, 250, 150 }, 0, 0, 0, 0, NULL },
		{ "all grow", 1500, { 265, 265, 158 }, 0, 0, 0, 0, NULL },
		{ "too fast, nearly full", 2000, { 390, 390, 200 }, 0, 0, FREEZE | ASK, 0, "bc" },
		{ "a gave way", 2300, { 330, 390, 200 }, 0, 0, 0, 0, "bc" },
		{ "a little, b has no room", 3100, { 330, 390, 200 }, 0, 0, ASK, 1, "c" },
		{ "c has", 3500, { 330, 20, 200 }, 0, 0, THAW, 0, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(who_is_held_is_let_go_after_half_a_minute_in_any_case)
{
	static const struct step steps[] = {
		{ "begin", 1000, { 100, 500, 200 }, 0, 0, 0, 0, NULL },
		{ "at the wall", 2000, { 120, 670, 205 }, 0, 900, FREEZE | ASK, 1, "ac" },
		{ "next", 4000, { 120, 670, 205 }, 0, 0, ASK, 0, "c" },
		{ "last", 6000, { 120, 670, 205 }, 0, 0, ASK, 2, NULL },
		{ "nobody is left", 6500, { 120, 670, 205 }, 0, 0, THAW, 0, NULL },
		{ "and not again", 7000, { 122, 672, 206 }, 0, 450, 0, 0, NULL },
	};

	run_with(false, steps, ARRAY_SIZE(steps));
}

TEST(slow_swap_is_held_and_given_back_after_a_minute_of_calm)
{
	static const struct step steps[] = {
		{ "calm", 1000, { 100, 100, 100 }, 0, 0, 0, 0, NULL },
		{ "slow", 2000, { 150, 100, 100 }, 40, 500, HOLD, 0, NULL },
		{ "and more", 3000, { 150, 100, 100 }, 60, 500, HOLD, 0, NULL },
		{ "held", 4000, { 150, 100, 100 }, 60, 500, 0, 0, NULL },
		{ "calm", 5000, { 150, 100, 100 }, 60, 0, 0, 0, NULL },
		{ "nearly", 63000, { 150, 100, 100 }, 60, 0, 0, 0, NULL },
		{ "a minute", 64000, { 150, 100, 100 }, 60, 0, FREE, 0, NULL },
	};

	run_with(true, steps, ARRAY_SIZE(steps));
}

TEST(without_a_limit_nothing_is_decided)
{
	struct slice_pressure pressure;
	const struct slice_look look = { .at_usec = 1, .max_bytes = LIMIT_UNLIMITED };

	slice_pressure_init(&pressure, true);
	expect_uint(slice_pressure_step(&pressure, &look).actions, 0);
}

UNIT_MAIN("slice-pressure", who_grew_most_is_asked_and_not_who_is_largest,
	  a_session_that_came_later_grew_from_nothing,
	  one_that_came_to_rest_is_not_asked_while_another_grows,
	  a_burst_is_held_for_a_second_and_nobody_is_asked,
	  many_that_grow_fast_are_held_and_asked_one_after_the_other,
	  who_is_held_is_let_go_when_there_is_room_for_a_while,
	  who_is_held_is_let_go_after_half_a_minute_in_any_case,
	  slow_swap_is_held_and_given_back_after_a_minute_of_calm,
	  without_a_limit_nothing_is_decided)
