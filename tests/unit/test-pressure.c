/* SPDX-License-Identifier: MIT */

/* Scripts: what a look shows at which time, and what comes of it. No sleeping, no kernel. */

#include "oc-run/pressure.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define OFF LIMIT_UNLIMITED

#define RAISE PRESSURE_RAISE_HIGH
#define LOWER PRESSURE_LOWER_HIGH
#define LIFT PRESSURE_LIFT_HIGH
#define NOTE PRESSURE_NOTE_HIGH
#define SHORT PRESSURE_SOFT_CROSSED
#define EASED PRESSURE_SOFT_LEFT

/* Of 1000 MiB, so that a MiB is a thousandth. */
static const struct pressure_config staircase = {
	.max_bytes = 1000 * MIB,
	.whole_bytes = 1000 * MIB,
	.steps = { 800 * MIB, 880 * MIB, 950 * MIB },
	.step_count = 3,
	.guards = true,
	.soft_bytes = 800 * MIB,
};

static const struct pressure_config fixed = {
	.max_bytes = 1000 * MIB,
	.whole_bytes = 1000 * MIB,
	.steps = { 500 * MIB },
	.step_count = 1,
	.is_fixed = true,
	.guards = true,
	.soft_bytes = 500 * MIB,
};

struct step {
	const char *name;
	uint64_t at_msec;
	uint64_t used, cache;  /* MiB: what can't be reclaimed, and page cache */
	uint64_t high_events;  /* more than before */
	uint64_t stalled_msec; /* more than before */
	uint64_t kills;
	/* expected */
	unsigned actions;
	uint64_t high; /* as it is afterwards, MiB; OFF */
	uint64_t next_msec;
};

struct script {
	struct pressure_state pressure;
	struct figures figures;
	struct pressure_look look;
	bool without_psi;
	uint64_t grown_kib; /* on top of what the step says */
};

static void start(struct script *script, const struct pressure_config *config)
{
	*script = (struct script){ .without_psi = false };
	pressure_init(&script->pressure, config);
	script->look.figures = &script->figures;
}

static struct pressure_answer look_at(struct script *script, const struct step *step)
{
	struct figures *figures = &script->figures;

	unit_row = step->name;
	figures->at_usec = step->at_msec * MSEC;
	figures->counted = true;
	figures->unreclaimable_bytes = step->used * MIB;
	figures->current_bytes = (step->used + step->cache) * MIB + script->grown_kib * 1024;
	figures->memory_pressure.known = !script->without_psi;
	figures->memory_pressure.some_total_usec += step->stalled_msec * MSEC;
	script->look.high_events += step->high_events;
	script->look.oom_kills += step->kills;
	return pressure_step(&script->pressure, &script->look);
}

static void play(struct script *script, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pressure_answer answer = look_at(script, &steps[i]);
		uint64_t high = pressure_high(&script->pressure);

		expect_uint(answer.actions, steps[i].actions);
		expect_uint(high == OFF ? OFF : high / MIB, steps[i].high);
		expect_uint(answer.next_look_usec / MSEC, steps[i].next_msec);
		if (answer.actions & (RAISE | LOWER | LIFT | NOTE))
			expect_uint(answer.high_bytes, high);
	}
}

TEST(while_little_is_used_nothing_is_done_and_no_look_is_asked_for)
{
	static const struct step steps[] = {
		{ "start", 100, 50, 0, 0, 0, 0, 0, 800, 0 },
		{ "later", 1000, 300, 100, 0, 0, 0, 0, 800, 0 },
		{ "page cache", 6000, 300, 690, 0, 0, 0, 0, 800, 0 },
		{ "an hour", 3600000, 300, 490, 0, 20, 0, 0, 800, 0 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(what_cannot_be_reclaimed_climbs_the_staircase_at_once)
{
	static const struct step steps[] = {
		{ "calm", 1000, 700, 0, 0, 0, 0, 0, 800, 0 },
		{ "first", 3000, 801, 2, 1, 0, 0, RAISE | SHORT, 880, 1000 },
		{ "between", 3010, 840, 2, 3, 0, 0, 0, 880, 1000 },
		{ "second", 3020, 881, 2, 1, 0, 0, RAISE, 950, 1000 },
		{ "third", 3030, 951, 2, 1, 0, 0, RAISE, OFF, 1000 },
		{ "the kernel's part now", 3040, 1000, 0, 0, 9, 0, 0, OFF, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(a_burst_climbs_several_steps_in_one)
{
	static const struct step steps[] = {
		{ "calm", 1000, 400, 0, 0, 0, 0, 0, 800, 0 },
		{ "burst", 2000, 970, 0, 300, 0, 0, RAISE | SHORT, OFF, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(page_cache_that_the_kernel_reclaims_leaves_the_line_where_it_is)
{
	static const struct step steps[] = {
		{ "calm", 1000, 300, 400, 0, 0, 0, 0, 800, 0 },
		{ "crossed", 3000, 300, 501, 50, 0, 0, 0, 800, 250 },
		{ "wake-up", 3100, 300, 501, 50, 0, 0, 0, 800, 150 },
		{ "it copes", 3250, 300, 500, 50, 12, 0, NOTE, 800, 1000 },
		{ "again", 3600, 300, 501, 50, 0, 0, 0, 800, 250 },
		{ "still", 3850, 300, 500, 50, 20, 0, 0, 800, 1000 },
		{ "quiet", 9000, 300, 450, 0, 0, 0, 0, 800, 0 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(the_line_is_raised_when_reclaim_takes_the_sessions_time)
{
	static const struct step steps[] = {
		{ "calm", 1000, 300, 400, 0, 0, 0, 0, 800, 0 },
		{ "crossed", 3000, 300, 501, 17, 0, 0, 0, 800, 250 },
		{ "stalled", 3250, 300, 501, 17, 100, 0, RAISE, 880, 1000 },
		{ "room again", 4250, 300, 560, 0, 0, 0, 0, 880, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(without_psi_a_counter_that_moves_on_is_a_stall)
{
	static const struct step steps[] = {
		{ "calm", 1000, 300, 400, 0, 0, 0, 0, 800, 0 },
		{ "crossed", 3000, 300, 501, 17, 0, 0, 0, 800, 250 },
		{ "moves on", 3250, 300, 501, 17, 0, 0, RAISE, 880, 1000 },
		{ "crossed", 5000, 380, 501, 17, 0, 0, 0, 880, 250 },
		{ "it stands", 5250, 380, 499, 0, 0, 0, NOTE, 880, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	script.without_psi = true;
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(memory_that_can_be_swapped_is_given_time)
{
	static const struct step steps[] = {
		{ "calm", 1000, 700, 0, 0, 0, 0, 0, 800, 0 },
		{ "crossed", 3000, 801, 1, 1, 0, 0, SHORT, 800, 250 },
		{ "swapped out", 3250, 799, 0, 9, 20, 0, NOTE, 800, 1000 },
		{ "slow disk", 8000, 801, 0, 9, 900, 0, 0, 800, 250 },
		{ "and stalls", 8250, 801, 0, 9, 200, 0, RAISE, 880, 1000 },
	};
	struct pressure_config config = staircase;
	struct script script;

	config.swap_bytes = 500 * MIB;
	start(&script, &config);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(swap_that_others_have_filled_is_no_room)
{
	static const struct step calm = { "calm", 1000, 700, 0, 0, 0, 0, 0, 800, 0 };
	static const struct step crossed = {
		"no swap", 3000, 801, 1, 1, 0, 0, RAISE | SHORT, 880, 1000,
	};
	struct pressure_config config = staircase;
	struct script script;

	config.swap_bytes = 500 * MIB;
	start(&script, &config);
	play(&script, &calm, 1);
	script.look.swap_fails = 3;
	play(&script, &crossed, 1);
}

TEST(the_line_comes_down_again_ten_seconds_after_the_memory)
{
	static const struct step steps[] = {
		{ "burst", 2000, 970, 0, 300, 0, 0, RAISE | SHORT, OFF, 1000 },
		{ "given back", 3000, 300, 30, 0, 0, 0, 0, OFF, 1000 },
		{ "not yet", 8000, 300, 30, 0, 0, 0, 0, OFF, 0 },
		{ "now", 13000, 300, 30, 0, 0, 0, LOWER | EASED, 800, 0 },
		{ "and again up", 14000, 801, 0, 3, 0, 0, RAISE | SHORT, 880, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(it_comes_down_no_further_than_what_all_memory_keeps_clear_of)
{
	static const struct step steps[] = {
		{ "burst", 2000, 970, 0, 300, 0, 0, RAISE | SHORT, OFF, 1000 },
		{ "page cache stays", 3000, 300, 520, 0, 0, 0, 0, OFF, 1000 },
		{ "above 880 less 50", 9000, 300, 535, 0, 0, 0, 0, OFF, 0 },
		{ "since 3 s", 13000, 300, 520, 0, 0, 0, LOWER | EASED, 880, 0 },
		{ "at 880 less 50", 30000, 300, 530, 0, 0, 0, 0, 880, 0 },
		{ "too near to 800", 90000, 300, 451, 0, 0, 0, 0, 880, 0 },
		{ "clear of it", 95000, 300, 450, 0, 0, 0, 0, 880, 0 },
		{ "crept up", 100000, 300, 460, 0, 0, 0, 0, 880, 0 },
		{ "clear of it", 105000, 300, 450, 0, 0, 0, 0, 880, 0 },
		{ "ten seconds", 115000, 300, 450, 0, 0, 0, LOWER, 800, 0 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(the_soft_line_is_told_once_until_it_was_left_by_a_margin)
{
	static const struct step steps[] = {
		{ "above", 2000, 800, 0, 0, 0, 0, SHORT, 800, 0 },
		{ "just below", 4000, 799, 0, 0, 0, 0, 0, 800, 0 },
		{ "above again", 6000, 810, 0, 0, 0, 0, 0, 800, 0 },
		{ "left", 8000, 750, 0, 0, 0, 0, 0, 800, 0 },
		{ "back", 13000, 760, 0, 0, 0, 0, 0, 800, 0 },
		{ "left", 14000, 750, 0, 0, 0, 0, 0, 800, 0 },
		{ "ten seconds", 24000, 740, 0, 0, 0, 0, EASED, 800, 0 },
		{ "again", 25000, 800, 0, 0, 0, 0, SHORT, 800, 0 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(page_cache_alone_never_crosses_the_soft_line)
{
	static const struct step steps[] = {
		{ "full of it", 2000, 300, 690, 0, 0, 0, 0, 800, 0 },
		{ "still", 7000, 300, 699, 0, 0, 0, 0, 800, 0 },
	};
	struct script script;

	start(&script, &staircase);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(a_persons_line_stays_when_it_is_crossed)
{
	static const struct step steps[] = {
		{ "crossed", 2000, 510, 0, 17, 0, 0, NOTE | SHORT, 500, 1000 },
		{ "stalled", 3000, 530, 0, 17, 300, 0, 0, 500, 1000 },
		{ "stalled", 4000, 560, 0, 17, 300, 0, 0, 500, 1000 },
		{ "below", 5000, 400, 0, 0, 0, 0, 0, 500, 1000 },
		{ "quiet", 9000, 400, 0, 0, 0, 0, 0, 500, 0 },
	};
	struct script script;

	start(&script, &fixed);
	play(&script, steps, ARRAY_SIZE(steps));
}

/* Looks a second apart, from second @first on, above the line; until it is lifted. */
static unsigned press(struct script *script, unsigned first, unsigned count, uint64_t high_events,
		      uint64_t stalled_msec, uint64_t grow_kib, unsigned kill_at)
{
	unsigned actions = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct step step = {
			.name = "pressed",
			.at_msec = (first + i) * 1000,
			.used = 505,
			.high_events = high_events,
			.stalled_msec = stalled_msec,
			.kills = i == kill_at,
		};
		struct pressure_answer answer;

		script->grown_kib += grow_kib;
		answer = look_at(script, &step);
		actions |= answer.actions;
		if (actions & LIFT)
			break;
	}
	return actions;
}

#define NEVER UINT32_MAX

TEST(a_session_that_stands_still_at_its_line_for_ten_seconds_has_it_lifted)
{
	static const struct {
		const char *name;
		uint64_t high_events, stalled_msec;
		bool without_psi, is_lifted;
	} rows[] = {
		{ "throttled", 17, 900, false, true },
		{ "asleep between two counts", 0, 900, false, true },
		{ "just enough", 17, 400, false, true },
		{ "gets on with it", 17, 390, false, false },
		{ "no stall", 500, 0, false, false },
		{ "no PSI, counts", 17, 0, true, true },
		{ "no PSI, quiet", 0, 0, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static const struct step crossed = { "crossed", 1000, 501,	    0,	 17,
						     0,		0,    NOTE | SHORT, 500, 1000 };
		struct script script;
		unsigned actions;

		start(&script, &fixed);
		script.without_psi = rows[i].without_psi;
		play(&script, &crossed, 1);
		actions =
			press(&script, 2, 10, rows[i].high_events, rows[i].stalled_msec, 0, NEVER);
		unit_row = rows[i].name;
		expect_uint(actions, rows[i].is_lifted ? LIFT : 0);
		expect_uint(pressure_high(&script.pressure), rows[i].is_lifted ? OFF : 500 * MIB);
	}
}

TEST(the_guard_gives_its_evidence_as_numbers)
{
	static const struct step crossed = { "crossed", 1000, 501,	    0,	 17,
					     0,		0,    NOTE | SHORT, 500, 1000 };
	struct script script;
	struct pressure_answer answer = { 0 };

	start(&script, &fixed);
	play(&script, &crossed, 1);
	for (unsigned i = 2; i <= 11; i++) {
		const struct step step = { "pressed", i * 1000, 505, 1, 17, 800, 0, 0, 0, 0 };

		expect_uint(answer.actions, 0);
		answer = look_at(&script, &step);
	}
	expect_uint(answer.actions, LIFT);
	expect_uint(answer.evidence.over_usec, 10 * SECOND);
	expect_uint(answer.evidence.high_bytes, 500 * MIB);
	expect_uint(answer.evidence.current_bytes, 506 * MIB);
	expect_uint(answer.evidence.grown_bytes, 5 * MIB);
	expect_uint(answer.evidence.high_events, 170);
	expect(answer.evidence.stall_is_known);
	expect_uint(answer.evidence.stalled_percent, 80);
}

TEST(one_sample_in_three_may_be_calm)
{
	struct script script;
	unsigned actions = 0;

	start(&script, &fixed);
	for (unsigned i = 1; i < 16; i++) {
		const struct step step = {
			.name = "two of three",
			.at_msec = i * 1000,
			.used = 505,
			.high_events = 17,
			.stalled_msec = i % 3 ? 800 : 100,
		};

		actions |= look_at(&script, &step).actions;
	}
	expect(actions & LIFT);
}

TEST(nothing_is_lifted_while_it_grows_or_the_kernel_kills)
{
	struct script script;

	start(&script, &fixed);
	expect(!(press(&script, 1, 30, 17, 800, 2048, NEVER) & LIFT));
	start(&script, &fixed);
	expect(!(press(&script, 1, 15, 17, 800, 0, 8) & LIFT));
	/* Slower than a MiB a second is no growth. */
	start(&script, &fixed);
	expect(press(&script, 1, 30, 17, 800, 900, NEVER) & LIFT);
}

TEST(without_the_guard_the_line_stays_for_ever)
{
	struct pressure_config config = fixed;
	struct script script;

	config.guards = false;
	start(&script, &config);
	expect(!(press(&script, 1, 600, 17, 900, 0, NEVER) & LIFT));
	expect_uint(pressure_high(&script.pressure), 500 * MIB);
}

TEST(a_line_that_was_lifted_comes_back_later_each_time)
{
	static const struct step back[] = {
		{ "given back", 20000, 100, 0, 0, 0, 0, 0, OFF, 0 },
		{ "not after ten seconds", 31000, 100, 0, 0, 0, 0, EASED, OFF, 0 },
		{ "after twenty", 40000, 100, 0, 0, 0, 0, LOWER, 500, 0 },
	};
	static const struct step again[] = {
		{ "given back", 80000, 100, 0, 0, 0, 0, 0, OFF, 0 },
		{ "the line", 100000, 100, 0, 0, 0, 0, EASED, OFF, 0 },
		{ "after forty", 120000, 100, 0, 0, 0, 0, LOWER, 500, 0 },
	};
	struct script script;

	start(&script, &fixed);
	expect(press(&script, 1, 14, 17, 900, 0, NEVER) & LIFT);
	play(&script, back, ARRAY_SIZE(back));
	expect(press(&script, 60, 14, 17, 900, 0, NEVER) & LIFT);
	play(&script, again, ARRAY_SIZE(again));
}

TEST(calm_looks_are_no_samples_of_the_guard)
{
	struct script script;
	unsigned actions = 0;

	start(&script, &fixed);
	for (unsigned i = 1; i < 20; i++) {
		const struct step step = {
			.name = "every five seconds",
			.at_msec = i * 5000,
			.used = 505,
			.stalled_msec = 4000,
		};

		actions |= look_at(&script, &step).actions;
	}
	expect(!(actions & LIFT));
}

TEST(wake_ups_are_looked_at_less_often_once_the_kernel_copes)
{
	static const struct step crossed = {
		.name = "crossed", .at_msec = 3000, .used = 300, .cache = 501, .high_events = 5
	};
	static const struct step copes = {
		.name = "copes", .at_msec = 3250, .used = 300, .cache = 500, .high_events = 5
	};
	static const struct step later = {
		.name = "later", .at_msec = 3300, .used = 300, .cache = 500, .high_events = 5
	};
	struct script script;

	start(&script, &staircase);
	expect_uint(look_at(&script, &crossed).rest_usec, 50 * MSEC);
	expect_uint(look_at(&script, &copes).actions, NOTE);
	expect_uint(look_at(&script, &later).rest_usec, 500 * MSEC);
}

TEST(once_it_is_taken_away_it_stays_off)
{
	static const struct step steps[] = {
		{ "above", 2000, 850, 0, 9, 0, 0, SHORT, OFF, 1000 },
	};
	struct script script;

	start(&script, &staircase);
	pressure_high_is_off(&script.pressure);
	play(&script, steps, ARRAY_SIZE(steps));
}

/* ---- from a plan ---- */

#define BIT(id) (1U << (id))
#define ALL (BIT(LIMIT_MEMORY_MAX) | BIT(LIMIT_MEMORY_HIGH) | BIT(LIMIT_MEMORY_SWAP_MAX))

static struct plan plan_with(uint64_t max, uint64_t high, bool asked)
{
	struct plan plan = { .pressure_rungs = PLAN_RUNG_NOTICE,
			     .high_steps = { 80, 88, 95 },
			     .high_step_count = 3,
			     .livelock_guard = true };

	plan.limits[LIMIT_MEMORY_MAX].value = max;
	plan.limits[LIMIT_MEMORY_HIGH].value = high;
	plan.limits[LIMIT_MEMORY_HIGH].asked = asked;
	plan.limits[LIMIT_MEMORY_SWAP_MAX].value = 100 * MIB;
	return plan;
}

TEST(the_configuration_follows_the_plan)
{
	static const struct {
		const char *name;
		uint64_t max, high;
		bool asked;
		uint32_t enforced;
		size_t steps;
		bool is_fixed;
		uint64_t first, soft, whole, swap; /* MiB */
	} rows[] = {
		{ "default", 1000, 800, false, ALL, 3, false, 800, 800, 1000, 50 },
		{ "a person's line", 1000, 300, true, ALL, 1, true, 300, 300, 1000, 50 },
		{ "none", 1000, OFF, true, ALL, 0, false, 0, 800, 1000, 50 },
		{ "no wall", OFF, 300, true, ALL & ~BIT(LIMIT_MEMORY_MAX), 1, true, 300, 300, 300,
		  0 },
		{ "nothing", OFF, OFF, false, 0, 0, false, 0, OFF, 0, 0 },
		{ "not held", 1000, 800, false, 0, 0, false, 0, 800, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan plan =
			plan_with(rows[i].max == OFF ? OFF : rows[i].max * MIB,
				  rows[i].high == OFF ? OFF : rows[i].high * MIB, rows[i].asked);
		struct pressure_config config =
			pressure_config_of(&plan, rows[i].enforced, 50 * MIB);

		unit_row = rows[i].name;
		expect_uint(config.step_count, rows[i].steps);
		expect_int(config.is_fixed, rows[i].is_fixed);
		/* In whole pages: a little less. */
		expect_uint((config.steps[0] + 4095) / MIB, rows[i].first);
		if (rows[i].soft == OFF)
			expect_uint(config.soft_bytes, OFF);
		else
			expect_uint((config.soft_bytes + 4095) / MIB, rows[i].soft);
		expect_uint(config.whole_bytes, rows[i].whole * MIB);
		expect_uint(config.swap_bytes, rows[i].swap * MIB);
		expect(config.guards);
	}
}

TEST(rungs_that_are_off_are_off)
{
	struct plan plan = plan_with(1000 * MIB, 800 * MIB, false);
	struct pressure_config config = pressure_config_of(&plan, ALL, 0);

	expect(!config.asks_tool && !config.asks_agent);
	plan.pressure_rungs = PLAN_RUNG_TOOL | PLAN_RUNG_AGENT;
	config = pressure_config_of(&plan, ALL, 0);
	expect(config.asks_tool && config.asks_agent);
	expect_uint(config.soft_bytes, OFF);
	expect_uint(config.step_count, 3);
	plan.oom = OOM_GROUP;
	config = pressure_config_of(&plan, ALL, 0);
	expect(!config.asks_tool && config.asks_agent);
}

UNIT_MAIN("pressure", while_little_is_used_nothing_is_done_and_no_look_is_asked_for,
	  what_cannot_be_reclaimed_climbs_the_staircase_at_once,
	  a_burst_climbs_several_steps_in_one,
	  page_cache_that_the_kernel_reclaims_leaves_the_line_where_it_is,
	  the_line_is_raised_when_reclaim_takes_the_sessions_time,
	  without_psi_a_counter_that_moves_on_is_a_stall, memory_that_can_be_swapped_is_given_time,
	  swap_that_others_have_filled_is_no_room,
	  the_line_comes_down_again_ten_seconds_after_the_memory,
	  it_comes_down_no_further_than_what_all_memory_keeps_clear_of,
	  the_soft_line_is_told_once_until_it_was_left_by_a_margin,
	  page_cache_alone_never_crosses_the_soft_line, a_persons_line_stays_when_it_is_crossed,
	  a_session_that_stands_still_at_its_line_for_ten_seconds_has_it_lifted,
	  the_guard_gives_its_evidence_as_numbers, one_sample_in_three_may_be_calm,
	  nothing_is_lifted_while_it_grows_or_the_kernel_kills,
	  without_the_guard_the_line_stays_for_ever,
	  a_line_that_was_lifted_comes_back_later_each_time, calm_looks_are_no_samples_of_the_guard,
	  wake_ups_are_looked_at_less_often_once_the_kernel_copes,
	  once_it_is_taken_away_it_stays_off, the_configuration_follows_the_plan,
	  rungs_that_are_off_are_off)
