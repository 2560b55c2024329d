/* SPDX-License-Identifier: MIT */

#include "oc-run/policy.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000)

static struct tree_sample make_sample(struct tree_process *processes, size_t count)
{
	struct tree_sample sample = { .processes = processes, .count = count };

	for (size_t i = 0; i < count; i++) {
		sample.resident_bytes += processes[i].resident_bytes;
		sample.tasks += processes[i].threads;
	}
	return sample;
}

TEST(a_tool_dies_before_the_agent)
{
	struct tree_process processes[] = {
		{ .pid = 10,
		  .is_spared = true,
		  .resident_bytes = 300 * MIB,
		  .threads = 1,
		  .state = 'S',
		  .start_ticks = 1 },
		{ .pid = 11,
		  .resident_bytes = 200 * MIB,
		  .threads = 1,
		  .state = 'R',
		  .start_ticks = 2 },
		{ .pid = 12,
		  .resident_bytes = 10 * MIB,
		  .threads = 1,
		  .state = 'R',
		  .start_ticks = 3 },
	};
	struct tree_sample sample = make_sample(processes, ARRAY_SIZE(processes));
	const struct policy_limits limits = { 500 * MIB, 100, OOM_TOOL };
	bool condemned[3] = { false };

	expect_int(policy_judge(&limits, &sample, 510 * MIB, condemned), POLICY_KILL_FOR_MEMORY);
	expect(!condemned[0] && condemned[1] && !condemned[2]);
}

TEST(the_agent_dies_when_it_is_the_hog)
{
	struct tree_process processes[] = {
		{ .pid = 10,
		  .is_spared = true,
		  .resident_bytes = 900 * MIB,
		  .threads = 1,
		  .state = 'S' },
		{ .pid = 11, .resident_bytes = 1 * MIB, .threads = 1, .state = 'S' },
		{ .pid = 12, .resident_bytes = 800 * MIB, .threads = 1, .state = 'Z' },
	};
	struct tree_sample sample = make_sample(processes, 2);
	const struct policy_limits limits = { 500 * MIB, 100, OOM_TOOL };
	bool condemned[3] = { false };

	expect_int(policy_judge(&limits, &sample, 901 * MIB, condemned), POLICY_KILL_FOR_MEMORY);
	expect(condemned[0] && !condemned[1] && !condemned[2]);
}

TEST(nobody_dies_at_the_limit_or_below)
{
	struct tree_process process = {
		.pid = 10,
		.resident_bytes = 500 * MIB,
		.threads = 100,
		.state = 'S',
	};
	struct tree_sample sample = make_sample(&process, 1);
	const struct policy_limits limits = { 500 * MIB, 100, OOM_TOOL };

	bool condemned[1] = { false };

	expect_int(policy_judge(&limits, &sample, 500 * MIB, condemned), POLICY_FINE);
	expect(!condemned[0]);
}

TEST(too_many_tasks_cost_the_newest_processes_never_the_agent)
{
	struct tree_process processes[] = {
		{ .pid = 10, .is_spared = true, .threads = 60, .state = 'S', .start_ticks = 9 },
		{ .pid = 11, .threads = 30, .state = 'S', .start_ticks = 5 },
		{ .pid = 12, .threads = 20, .state = 'S', .start_ticks = 7 },
		{ .pid = 13, .threads = 20, .state = 'S', .start_ticks = 8 },
	};
	struct tree_sample sample = make_sample(processes, ARRAY_SIZE(processes));
	const struct policy_limits limits = { LIMIT_UNLIMITED, 100, OOM_TOOL };
	bool condemned[4] = { false }, none[4] = { false };

	expect_int(policy_judge(&limits, &sample, 0, condemned), POLICY_KILL_FOR_TASKS);
	expect(!condemned[0] && !condemned[1] && condemned[2] && condemned[3]);
	processes[1].state = processes[2].state = processes[3].state = 'Z';
	expect_int(policy_judge(&limits, &sample, 0, none), POLICY_FINE);
}

TEST(looks_are_rare_while_nothing_grows_and_close_before_the_limit)
{
	const struct policy_limits limits = { 1000 * MIB, LIMIT_UNLIMITED, OOM_TOOL };
	uint64_t quiet, growing, near, over;

	quiet = policy_next_look_usec(&limits, 100 * MIB, 100 * MIB, SECOND, 10);
	growing = policy_next_look_usec(&limits, 100 * MIB, 500 * MIB, SECOND, 10);
	near = policy_next_look_usec(&limits, 500 * MIB, 900 * MIB, SECOND / 2, 10);
	over = policy_next_look_usec(&limits, 900 * MIB, 1100 * MIB, SECOND / 8, 10);
	expect_uint(quiet, SECOND);
	expect(growing < quiet);
	expect(near < growing);
	expect_uint(over, 20000);
}

TEST(who_goes_first_can_be_chosen)
{
	struct tree_process processes[] = {
		{ .pid = 10,
		  .is_spared = true,
		  .resident_bytes = 90 * MIB,
		  .threads = 1,
		  .state = 'S' },
		{ .pid = 11, .resident_bytes = 200 * MIB, .threads = 1, .state = 'R' },
		{ .pid = 12, .resident_bytes = 0, .threads = 1, .state = 'Z' },
	};
	static const struct {
		const char *name;
		enum oom_choice choice;
		bool agent, tool;
	} rows[] = {
		{ "tool", OOM_TOOL, false, true },
		{ "agent", OOM_AGENT, true, false },
		{ "group", OOM_GROUP, true, true },
	};
	struct tree_sample sample = make_sample(processes, ARRAY_SIZE(processes));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct policy_limits limits = {
			.memory_bytes = 256 * MIB,
			.tasks = LIMIT_UNLIMITED,
			.oom = rows[i].choice,
		};
		bool condemned[3] = { false };

		unit_row = rows[i].name;
		expect_int(policy_judge(&limits, &sample, sample.resident_bytes, condemned),
			   POLICY_KILL_FOR_MEMORY);
		expect_int(condemned[0], rows[i].agent);
		expect_int(condemned[1], rows[i].tool);
		expect(!condemned[2]);
	}
}

UNIT_MAIN("policy", who_goes_first_can_be_chosen, a_tool_dies_before_the_agent,
	  the_agent_dies_when_it_is_the_hog, nobody_dies_at_the_limit_or_below,
	  too_many_tasks_cost_the_newest_processes_never_the_agent,
	  looks_are_rare_while_nothing_grows_and_close_before_the_limit)
