/* SPDX-License-Identifier: MIT */

/* Scripts of the ladder before the wall: what is used at which time, and who is asked to end. */

#include <signal.h>

#include "oc-run/pressure.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define MSEC UINT64_C(1000)
#define SECOND UINT64_C(1000000)

/* Of 1000 MiB; memory.high is off, so that only the ladder answers. */
static const struct pressure_config ladder = {
	.max_bytes = 1000 * MIB,
	.whole_bytes = 1000 * MIB,
	.soft_bytes = LIMIT_UNLIMITED,
	.asks_tool = true,
	.grace_usec = 3 * SECOND,
};

enum {
	AGENT_AT,
	TOOL_AT,
	CHILD_AT,
	PROCESSES
};

struct step {
	const char *name;
	uint64_t at_msec;
	uint64_t agent, tool; /* MiB; a tool of 0 is gone */
	uint64_t stalled_msec;
	/* expected */
	unsigned actions;
	int signal;
};

struct script {
	struct pressure_state pressure;
	struct figures figures;
	struct tree_process processes[PROCESSES];
	struct tree_sample sample;
	struct pressure_look look;
	unsigned samples; /* how often the processes were asked for */
};

static void start(struct script *script, const struct pressure_config *config)
{
	*script = (struct script){ .samples = 0 };
	pressure_init(&script->pressure, config);
	script->look.figures = &script->figures;
	script->processes[AGENT_AT] = (struct tree_process){
		.pid = 10,
		.session = 9,
		.start_ticks = 1,
		.is_agent = true,
		.is_spared = true,
		.state = 'S',
		.name = "opencode",
	};
	script->processes[TOOL_AT] = (struct tree_process){
		.pid = 11,
		.parent = 10,
		.session = 11,
		.start_ticks = 2,
		.state = 'S',
		.name = "bash",
	};
	script->processes[CHILD_AT] = (struct tree_process){
		.pid = 12,
		.parent = 11,
		.session = 11,
		.start_ticks = 3,
		.state = 'S',
		.name = "node",
	};
	script->sample.processes = script->processes;
}

static struct pressure_answer look_at(struct script *script, const struct step *step)
{
	struct pressure_answer answer;

	unit_row = step->name;
	script->figures.at_usec = step->at_msec * MSEC;
	script->figures.counted = true;
	script->figures.unreclaimable_bytes = (step->agent + step->tool) * MIB;
	script->figures.current_bytes = script->figures.unreclaimable_bytes;
	script->figures.memory_pressure.known = true;
	script->figures.memory_pressure.some_total_usec += step->stalled_msec * MSEC;
	script->processes[AGENT_AT].resident_bytes = step->agent * MIB;
	script->processes[CHILD_AT].resident_bytes = step->tool * MIB;
	script->sample.count = step->tool > 0 ? PROCESSES : 1;
	/* As pressure-act.c does it: first without the processes. */
	script->look.sample = NULL;
	answer = pressure_step(&script->pressure, &script->look);
	if (!answer.wants_sample)
		return answer;
	expect_uint(answer.actions, 0);
	script->samples++;
	script->look.sample = &script->sample;
	return pressure_step(&script->pressure, &script->look);
}

static void play(struct script *script, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pressure_answer answer = look_at(script, &steps[i]);

		expect_uint(answer.actions, steps[i].actions);
		expect_int(answer.signal, steps[i].signal);
		expect(!answer.wants_sample);
	}
}

#define TOOL PRESSURE_END_TOOL
#define ASK PRESSURE_END_AGENT

TEST(a_tool_that_will_use_up_the_memory_is_asked_then_killed)
{
	static const struct step steps[] = {
		{ "calm", 10000, 100, 600, 0, 0, 0 },
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "a twentieth is left", 12500, 100, 851, 0, TOOL, SIGTERM },
		{ "it is given time", 13000, 100, 880, 0, 0, 0 },
		{ "more", 15400, 100, 890, 0, 0, 0 },
		{ "it ignores that", 15500, 100, 890, 0, TOOL, SIGKILL },
		{ "on its way", 16000, 100, 500, 0, 0, 0 },
		{ "gone", 16500, 100, 0, 0, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	expect(pressure_is_member(&script.pressure.tool, &script.processes[0]) == false);
	expect_uint(script.pressure.tool.count, 0);
}

TEST(all_its_processes_are_meant_and_nobody_else)
{
	static const struct step steps[] = {
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "short", 12500, 100, 851, 0, TOOL, SIGTERM },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	expect(!pressure_is_member(&script.pressure.tool, &script.processes[AGENT_AT]));
	expect(pressure_is_member(&script.pressure.tool, &script.processes[TOOL_AT]));
	expect(pressure_is_member(&script.pressure.tool, &script.processes[CHILD_AT]));
	expect_uint(script.pressure.tool.bytes, 851 * MIB);
}

TEST(one_that_gives_back_what_it_took_is_not_killed)
{
	static const struct step steps[] = {
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "short", 12500, 100, 851, 0, TOOL, SIGTERM },
		{ "gave back", 13500, 100, 300, 0, 0, 0 },
		{ "grace is over", 15600, 100, 300, 0, 0, 0 },
		{ "and later", 30000, 100, 300, 0, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	expect_uint(script.pressure.tool.count, 0);
}

TEST(what_comes_near_the_limit_and_stays_there_is_left_alone)
{
	static const struct step steps[] = {
		{ "far", 9000, 100, 700, 0, 0, 0 },
		{ "far", 10000, 100, 700, 0, 0, 0 },
		/* 15 MiB a second, and 40 MiB are left. */
		{ "near", 20000, 100, 860, 0, TOOL, SIGTERM },
	};
	static const struct step stays[] = {
		{ "far", 10000, 100, 700, 0, 0, 0 },   { "near", 40000, 100, 860, 0, 0, 0 },
		{ "stays", 41000, 100, 860, 0, 0, 0 }, { "stays", 42000, 100, 861, 0, 0, 0 },
		{ "stays", 50000, 100, 862, 0, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	start(&script, &ladder);
	play(&script, stays, ARRAY_SIZE(stays));
}

TEST(a_burst_is_the_kernels_and_no_rate)
{
	static const struct step steps[] = {
		{ "calm", 10000, 100, 300, 0, 0, 0 },
		{ "a moment later", 10100, 100, 860, 0, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(a_session_that_only_waits_for_memory_is_relieved)
{
	static const struct step steps[] = {
		{ "before", 10000, 100, 750, 0, 0, 0 },
		{ "stalls", 11000, 100, 750, 900, 0, 0 },
		{ "stalls", 13000, 100, 750, 1900, 0, 0 },
		{ "stalls", 19000, 100, 750, 5900, 0, 0 },
		{ "ten seconds", 20000, 100, 750, 900, TOOL, SIGTERM },
	};
	static const struct step recovers[] = {
		{ "before", 10000, 100, 750, 0, 0, 0 },
		{ "stalls", 11000, 100, 750, 900, 0, 0 },
		{ "gets on", 15000, 100, 750, 2000, 0, 0 },
		{ "stalls", 19000, 100, 750, 3900, 0, 0 },
		{ "for four seconds", 20000, 100, 750, 900, 0, 0 },
	};
	static const struct step far[] = {
		{ "before", 10000, 100, 600, 0, 0, 0 },
		{ "stalls", 11000, 100, 600, 900, 0, 0 },
		{ "far from its limit", 30000, 100, 600, 18900, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	start(&script, &ladder);
	play(&script, recovers, ARRAY_SIZE(recovers));
	start(&script, &ladder);
	play(&script, far, ARRAY_SIZE(far));
}

TEST(swap_that_is_free_is_room)
{
	static const struct step steps[] = {
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "in memory there is no room", 13000, 100, 890, 0, 0, 0 },
	};
	struct pressure_config config = ladder;
	struct script script;

	config.swap_bytes = 600 * MIB;
	start(&script, &config);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(a_small_tool_is_not_worth_it)
{
	static const struct step steps[] = {
		{ "grows", 11000, 710, 90, 0, 0, 0 },
		{ "grows", 12000, 810, 90, 0, 0, 0 },
		{ "short", 12500, 870, 90, 0, 0, 0 },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
	expect_uint(script.pressure.tool.count, 0);
}

TEST(the_agent_is_asked_once_when_it_is_the_hog_and_no_tool_is_worth_it)
{
	static const struct step hog[] = {
		{ "grows", 11000, 710, 90, 0, 0, 0 },	{ "grows", 12000, 810, 90, 0, 0, 0 },
		{ "short", 12500, 870, 90, 0, ASK, 0 }, { "once", 13600, 880, 90, 0, 0, 0 },
		{ "once", 14600, 905, 90, 0, 0, 0 },
	};
	static const struct step tool_first[] = {
		{ "grows", 11000, 500, 300, 0, 0, 0 },
		{ "grows", 12000, 600, 300, 0, 0, 0 },
		{ "short", 12500, 660, 300, 0, TOOL, SIGTERM },
		{ "gone", 13000, 700, 0, 0, 0, 0 },
		{ "grows on", 15100, 800, 0, 0, 0, 0 },
		{ "grows on", 16100, 900, 0, 0, 0, 0 },
		{ "short again", 17100, 960, 0, 0, ASK, 0 },
	};
	static const struct step neither[] = {
		{ "grows", 11000, 710, 90, 0, 0, 0 },
		{ "grows", 12000, 810, 90, 0, 0, 0 },
		{ "short", 12500, 870, 90, 0, 0, 0 },
	};
	struct pressure_config config = ladder;
	struct script script;

	config.asks_agent = true;
	start(&script, &config);
	play(&script, hog, ARRAY_SIZE(hog));
	start(&script, &config);
	play(&script, tool_first, ARRAY_SIZE(tool_first));
	config.asks_tool = config.asks_agent = false;
	start(&script, &config);
	play(&script, neither, ARRAY_SIZE(neither));
	expect_uint(script.samples, 0);
}

TEST(without_the_rung_for_tools_the_kernel_takes_them_before_the_agent_is_asked)
{
	static const struct step steps[] = {
		{ "grows", 11000, 500, 300, 0, 0, 0 },
		{ "grows", 12000, 600, 300, 0, 0, 0 },
		{ "short", 12500, 660, 300, 0, 0, 0 },
	};
	struct pressure_config config = ladder;
	struct script script;

	config.asks_tool = false;
	config.asks_agent = true;
	start(&script, &config);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(where_the_agent_goes_first_it_is_asked_whatever_its_size)
{
	static const struct step asked[] = {
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "short", 12500, 100, 860, 0, ASK, 0 },
		{ "once", 13600, 100, 870, 0, 0, 0 },
	};
	static const struct step not_asked[] = {
		{ "grows", 11000, 100, 700, 0, 0, 0 },
		{ "grows", 12000, 100, 800, 0, 0, 0 },
		{ "short", 12500, 100, 860, 0, 0, 0 },
	};
	struct pressure_config config = ladder;
	struct script script;

	config.agent_first = config.asks_agent = true;
	config.asks_tool = false;
	start(&script, &config);
	play(&script, asked, ARRAY_SIZE(asked));
	config.asks_agent = false;
	start(&script, &config);
	play(&script, not_asked, ARRAY_SIZE(not_asked));
}

TEST(one_tool_after_the_other_with_time_to_see_what_it_gave)
{
	static const struct step steps[] = {
		{ "grows", 11000, 400, 400, 0, 0, 0 },
		{ "grows", 12000, 500, 400, 0, 0, 0 },
		{ "short", 12500, 560, 400, 0, TOOL, SIGTERM },
		{ "gone", 13000, 560, 0, 0, 0, 0 },
		/* Another of the same pids takes its place. */
		{ "at once again", 13500, 560, 395, 0, 0, 0 },
		{ "settling", 14900, 560, 400, 0, 0, 0 },
		{ "no rate yet", 15100, 560, 405, 0, 0, 0 },
		{ "grows", 16100, 560, 430, 0, TOOL, SIGTERM },
	};
	struct script script;

	start(&script, &ladder);
	play(&script, steps, ARRAY_SIZE(steps));
}

TEST(near_the_limit_looks_come_twice_a_second)
{
	static const struct step far = { "far", 10000, 100, 700, 0, 0, 0 };
	static const struct step near = { "near", 20000, 100, 800, 0, 0, 0 };
	struct script script;

	start(&script, &ladder);
	expect_uint(look_at(&script, &far).next_look_usec, 0);
	expect_uint(look_at(&script, &near).next_look_usec, 500 * MSEC);
}

UNIT_MAIN("pressure-ladder", where_the_agent_goes_first_it_is_asked_whatever_its_size,
	  a_tool_that_will_use_up_the_memory_is_asked_then_killed,
	  all_its_processes_are_meant_and_nobody_else,
	  one_that_gives_back_what_it_took_is_not_killed,
	  what_comes_near_the_limit_and_stays_there_is_left_alone,
	  a_burst_is_the_kernels_and_no_rate, a_session_that_only_waits_for_memory_is_relieved,
	  swap_that_is_free_is_room, a_small_tool_is_not_worth_it,
	  the_agent_is_asked_once_when_it_is_the_hog_and_no_tool_is_worth_it,
	  without_the_rung_for_tools_the_kernel_takes_them_before_the_agent_is_asked,
	  one_tool_after_the_other_with_time_to_see_what_it_gave,
	  near_the_limit_looks_come_twice_a_second)
