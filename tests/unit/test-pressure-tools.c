/* SPDX-License-Identifier: MIT */

/* Which processes are one tool, and which of the tools is the largest. */

#include "oc-run/pressure.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define ROWS_MAX 10

struct row {
	pid_t pid, parent, session;
	uint64_t mebibytes;
	const char *name;
	enum {
		PLAIN,
		AGENT,
		SPARED,
		ZOMBIE,
		OUTSIDE
	} kind;
	bool expected; /* part of the largest tool */
};

struct sample {
	struct tree_sample tree;
	struct tree_process processes[ROWS_MAX];
};

static void fill(struct sample *sample, const struct row *rows)
{
	*sample = (struct sample){ .tree = { .count = 0 } };
	sample->tree.processes = sample->processes;
	for (; sample->tree.count < ROWS_MAX && rows->pid > 0; rows++) {
		struct tree_process *process = &sample->processes[sample->tree.count++];

		process->pid = rows->pid;
		process->parent = rows->parent;
		process->session = rows->session;
		process->start_ticks = (uint64_t)rows->pid * 10;
		process->resident_bytes = rows->mebibytes * MIB;
		(void)snprintf(process->name, sizeof(process->name), "%s", rows->name);
		process->state = rows->kind == ZOMBIE ? 'Z' : 'S';
		process->is_agent = rows->kind == AGENT;
		process->is_spared = rows->kind == AGENT || rows->kind == SPARED;
		process->is_outside = rows->kind == OUTSIDE;
	}
}

/* In all of them 1 is the agent's parent, which is not in the sample, and 5 is oc-run. */
static const struct {
	const char *name;
	struct row rows[ROWS_MAX + 1];
	uint64_t mebibytes;
} cases[] = {
	{ "nothing but the agent", { { 10, 5, 9, 900, "opencode", AGENT, false } }, 0 },
	{ "a child",
	  { { 10, 5, 9, 900, "opencode", AGENT, false }, { 11, 10, 9, 5, "tsc", PLAIN, true } },
	  5 },
	{ "the largest tree, not the largest process",
	  { { 10, 5, 9, 900, "opencode", AGENT, false },
	    { 11, 10, 11, 1, "bash", PLAIN, true },
	    { 12, 11, 11, 60, "make", PLAIN, true },
	    { 13, 12, 11, 70, "cc1", PLAIN, true },
	    { 20, 10, 9, 100, "tsserver", PLAIN, false } },
	  131 },
	{ "what the agent is the launcher of is no tool, its children are",
	  { { 10, 5, 9, 50, "node", AGENT, false },
	    { 11, 10, 9, 800, "opencode", SPARED, false },
	    { 12, 11, 9, 30, "tsserver", PLAIN, true },
	    { 13, 10, 9, 20, "other", PLAIN, false } },
	  30 },
	{ "an orphan stays with its session's leader",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 10, 11, 1, "bash", PLAIN, true },
	    { 13, 5, 11, 70, "node", PLAIN, true },
	    { 20, 10, 9, 60, "tsserver", PLAIN, false } },
	  71 },
	{ "orphans without a leader stay together",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 13, 5, 11, 40, "node", PLAIN, true },
	    { 14, 5, 11, 40, "node", PLAIN, true },
	    { 20, 10, 9, 60, "tsserver", PLAIN, false } },
	  80 },
	{ "a session below a tool belongs to the tool",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 10, 11, 10, "bash", PLAIN, true },
	    { 12, 11, 12, 40, "browser", PLAIN, true },
	    { 14, 5, 12, 40, "renderer", PLAIN, true },
	    { 20, 10, 9, 60, "tsserver", PLAIN, false } },
	  90 },
	{ "children of the agent in its own session are different tools",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 10, 9, 40, "mcp-a", PLAIN, false },
	    { 12, 10, 9, 50, "mcp-b", PLAIN, true } },
	  50 },
	{ "the agent's own server is no tool, what it runs is",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 5, 11, 700, "opencode", SPARED, false },
	    { 12, 11, 12, 40, "bash", PLAIN, true } },
	  40 },
	{ "a tool of the agent's name is one",
	  { { 10, 5, 9, 1, "bash", AGENT, false }, { 11, 10, 9, 40, "bash", PLAIN, true } },
	  40 },
	{ "the dead and those outside the cgroup have no size",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 10, 9, 500, "a", ZOMBIE, false },
	    { 12, 10, 12, 500, "b", OUTSIDE, false },
	    { 13, 10, 9, 7, "c", PLAIN, true } },
	  7 },
	{ "a circle ends",
	  { { 10, 5, 9, 1, "opencode", AGENT, false },
	    { 11, 12, 11, 5, "a", PLAIN, true },
	    { 12, 11, 11, 5, "b", PLAIN, true } },
	  10 },
	{ "without an agent there is no tool", { { 11, 5, 11, 5, "a", PLAIN, false } }, 0 },
};

TEST(the_largest_tool_is_found_with_all_that_belongs_to_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pressure_tree tree;
		struct sample sample;

		unit_row = cases[i].name;
		fill(&sample, cases[i].rows);
		pressure_find_tool(&sample.tree, &tree);
		expect_uint(tree.bytes, cases[i].mebibytes * MIB);
		for (size_t row = 0; row < sample.tree.count; row++)
			expect_int(pressure_is_member(&tree, &sample.processes[row]),
				   cases[i].rows[row].expected);
	}
}

TEST(the_largest_process_of_the_tool_is_known)
{
	struct pressure_tree tree;
	struct sample sample;

	fill(&sample, cases[2].rows);
	pressure_find_tool(&sample.tree, &tree);
	expect_int(tree.members[tree.largest].pid, 13);
}

TEST(a_pid_that_was_used_again_is_no_member)
{
	struct pressure_tree tree;
	struct sample sample;

	fill(&sample, cases[1].rows);
	pressure_find_tool(&sample.tree, &tree);
	sample.processes[1].start_ticks++;
	expect(!pressure_is_member(&tree, &sample.processes[1]));
}

TEST(what_a_tool_started_since_belongs_to_it)
{
	static const struct row before[ROWS_MAX + 1] = {
		{ 10, 5, 9, 1, "opencode", AGENT, false },
		{ 11, 10, 11, 1, "bash", PLAIN, true },
		{ 12, 11, 11, 50, "make", PLAIN, true },
		{ 20, 10, 9, 3, "tsserver", PLAIN, false },
	};
	/* The shell has gone; make has a child in a session of its own, which has one. */
	static const struct row after[ROWS_MAX + 1] = {
		{ 10, 5, 9, 1, "opencode", AGENT, false },
		{ 12, 5, 11, 50, "make", PLAIN, true },
		{ 20, 10, 9, 3, "tsserver", PLAIN, false },
		{ 29, 30, 30, 5, "grandchild", PLAIN, true },
		{ 30, 12, 30, 5, "child", PLAIN, true },
		{ 31, 5, 11, 5, "orphan", PLAIN, true },
		{ 32, 20, 9, 5, "another tool's", PLAIN, false },
	};
	struct pressure_tree tree;
	struct sample sample;

	fill(&sample, before);
	pressure_find_tool(&sample.tree, &tree);
	fill(&sample, after);
	pressure_gather(&sample.tree, &tree);
	for (size_t row = 0; row < sample.tree.count; row++) {
		unit_row = after[row].name;
		expect_int(pressure_is_member(&tree, &sample.processes[row]), after[row].expected);
	}
}

TEST(a_tree_of_thousands_is_cut_and_does_no_harm)
{
	static struct tree_process processes[3000];
	struct tree_sample sample = { .processes = processes, .count = ARRAY_SIZE(processes) };
	struct pressure_tree tree;

	for (size_t i = 0; i < ARRAY_SIZE(processes); i++) {
		processes[i] = (struct tree_process){
			.pid = (pid_t)(10 + i),
			.parent = (pid_t)(i == 0 ? 5 : 10),
			.session = (pid_t)(i == 0 ? 9 : 1000000),
			.resident_bytes = MIB,
			.state = 'S',
			.is_agent = i == 0,
			.is_spared = i == 0,
		};
	}
	pressure_find_tool(&sample, &tree);
	expect_uint(tree.count, PRESSURE_MEMBERS_MAX);
	expect_uint(tree.bytes, (ARRAY_SIZE(processes) - 1) * MIB);
	pressure_gather(&sample, &tree);
	expect_uint(tree.count, PRESSURE_MEMBERS_MAX);
}

static char a_line[] = "/bin/bash -c make", a_login_line[] = "zsh -lc make",
	    a_script[] = "bash ./make";

static const struct {
	const char *name;
	char *command;
	uint64_t mebibytes;
	bool expected;
} shells[] = {
	{ "the shell of the tool is left to tell the agent how it went", a_line, 1, false },
	{ "however it was told to run a line", a_login_line, 1, false },
	{ "one that is the hog itself is not", a_line, 200, true },
	{ "a script is a tool as any", a_script, 1, true },
	{ "what nothing is known of is as well", NULL, 1, true },
};

TEST(the_shell_that_the_agent_waits_for_is_left)
{
	static const struct row more[ROWS_MAX + 1] = {
		{ 10, 5, 9, 900, "opencode", AGENT, false },
		{ 11, 10, 11, 1, "bash", PLAIN, false },
		{ 14, 11, 14, 60, "make", PLAIN, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		struct pressure_tree tree;
		struct sample sample;

		unit_row = shells[i].name;
		fill(&sample, cases[2].rows);
		sample.processes[1].command = shells[i].command;
		sample.processes[1].resident_bytes = shells[i].mebibytes * MIB;
		if (shells[i].command == a_login_line)
			(void)snprintf(sample.processes[1].name, sizeof(sample.processes[1].name),
				       "zsh");
		pressure_find_tool(&sample.tree, &tree);
		expect_int(pressure_is_member(&tree, &sample.processes[1]), shells[i].expected);
		expect(pressure_is_member(&tree, &sample.processes[2]));
		expect(pressure_is_member(&tree, &sample.processes[3]));
		fill(&sample, more);
		sample.processes[1].command = shells[i].command;
		pressure_gather(&sample.tree, &tree);
		expect_int(pressure_is_member(&tree, &sample.processes[1]), shells[i].expected);
		expect(pressure_is_member(&tree, &sample.processes[2]));
	}
}

UNIT_MAIN("pressure-tools", the_shell_that_the_agent_waits_for_is_left,
	  the_largest_tool_is_found_with_all_that_belongs_to_it,
	  the_largest_process_of_the_tool_is_known, a_pid_that_was_used_again_is_no_member,
	  what_a_tool_started_since_belongs_to_it, a_tree_of_thousands_is_cut_and_does_no_harm)
