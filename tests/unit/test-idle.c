/* SPDX-License-Identifier: MIT */

/* When a command that is above the line is idle: scripts of looks, one each five seconds. */

#include "oc-run/idle.h"
#include "unit.h"

#define LOOK_USEC (5 * UINT64_C(1000000))
#define LOOKS_MAX 140

enum look_kind {
	IDLE = '.',
	BUSY = 'c',
	TOOL = 't',
	TYPED = 'i',
	BELOW = 'b',
	ENDED = 'e', /* somebody, and its time with it */
};

static const struct {
	const char *name;
	const char *looks; /* a sign for each */
	int at[2];	   /* of the looks at which it is the moment; 0: none */
} scripts[] = {
	{ "idle from the start", ".......", { 6 } },
	{ "not sooner", "......", { 0 } },
	{ "a tool runs", "....t.....", { 0 } },
	{ "after the tool", "....t.....t.......", { 16 } },
	{ "long after the tool", "....t.......", { 10 } },
	{ "CPU is used", "...c...c...c...c...c", { 0 } },
	{ "somebody types", "...i....i....i....i", { 0 } },
	{ "below the line", "bbbbbbbbbbbbbbbb", { 0 } },
	{ "above it for a moment", "bbbb....bbbb", { 0 } },
	{ "one that ended took its time along", "....e.......", { 10 } },
};

static struct idle_look look_of(char kind, size_t number, uint64_t *cpu_usec)
{
	*cpu_usec += kind == BUSY ? LOOK_USEC / 5 : LOOK_USEC / 50;
	if (kind == ENDED)
		*cpu_usec /= 2;
	return (struct idle_look){
		.at_usec = (number + 1) * LOOK_USEC,
		.is_above_line = kind != BELOW,
		.tool_runs = kind == TOOL,
		.has_input = kind == TYPED,
		.cpu_usec = *cpu_usec,
	};
}

TEST(only_what_is_idle_all_the_time_is_started_again)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct idle idle = { 0 };
		uint64_t cpu_usec = LOOK_USEC;

		unit_row = scripts[i].name;
		for (size_t at = 0; scripts[i].looks[at]; at++) {
			struct idle_look look = look_of(scripts[i].looks[at], at, &cpu_usec);

			expect_int(idle_step(&idle, &look),
				   at > 0 && ((int)at == scripts[i].at[0] ||
					      (int)at == scripts[i].at[1]));
		}
	}
}

TEST(what_helped_nothing_is_not_tried_again_soon)
{
	struct idle idle = { 0 };
	uint64_t cpu_usec = LOOK_USEC;
	size_t first = 0, second = 0;

	for (size_t at = 0; at < LOOKS_MAX; at++) {
		struct idle_look look = look_of(IDLE, at, &cpu_usec);

		if (!idle_step(&idle, &look))
			continue;
		if (first == 0)
			first = at;
		else if (second == 0)
			second = at;
	}
	expect_uint(first, 6);
	expect_uint(second, 6 + IDLE_AGAIN_USEC / LOOK_USEC);
}

UNIT_MAIN("idle", only_what_is_idle_all_the_time_is_started_again,
	  what_helped_nothing_is_not_tried_again_soon)
