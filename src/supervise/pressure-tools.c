/* SPDX-License-Identifier: MIT */

/*
 * Which processes are one tool: see pressure_find_tool(). From each process one goes up, by its parent
 * or, where that is gone, by the leader of its kernel session, until the next step would be the agent
 * or nobody of the sample; where one arrives is the tool's root. Orphans whose leader is gone as well
 * are held together by the number of their session.
 */

#include <string.h>

#include "pressure-internal.h"

static bool is_alive(const struct tree_process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

static const struct tree_process *find_agent(const struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->processes[i].is_agent)
			return &sample->processes[i];
	return NULL;
}

static const struct tree_process *step_up(const struct tree_sample *sample,
					  const struct tree_process *agent,
					  const struct tree_process *process)
{
	const struct tree_process *parent = tree_sample_find(sample, process->parent), *leader;

	if (parent)
		return parent->is_spared ? NULL : parent;
	if (process->session == agent->session || process->session == process->pid)
		return NULL;
	leader = tree_sample_find(sample, process->session);
	return leader && !leader->is_spared ? leader : NULL;
}

/* A number that all processes of a tool have, and no others. */
static pid_t key_of(const struct tree_sample *sample, const struct tree_process *agent,
		    const struct tree_process *process)
{
	const struct tree_process *above;

	/* Pids that were used again may make a circle of a sample. */
	for (size_t steps = 0; steps < sample->count; steps++) {
		above = step_up(sample, agent, process);
		if (!above)
			break;
		process = above;
	}
	return process->session == agent->session ? process->pid : process->session;
}

static uint64_t bytes_of(const struct tree_process *process)
{
	return process->is_outside ? 0 : process->resident_bytes + process->swap_bytes;
}

static uint64_t sum_of(const struct tree_sample *sample, const pid_t *keys, pid_t key)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < sample->count; i++)
		if (keys[i] == key)
			bytes += bytes_of(&sample->processes[i]);
	return bytes;
}

static pid_t find_largest(const struct tree_sample *sample, const pid_t *keys, uint64_t *ret_bytes)
{
	pid_t largest = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < sample->count; i++) {
		uint64_t bytes;

		/* A process as large as the rest of its tree is common: begin with what has some. */
		if (keys[i] == 0 || keys[i] == largest || bytes_of(&sample->processes[i]) == 0)
			continue;
		bytes = sum_of(sample, keys, keys[i]);
		if (bytes > *ret_bytes) {
			*ret_bytes = bytes;
			largest = keys[i];
		}
	}
	return largest;
}

static bool has_session(const struct pressure_tree *tree, pid_t session)
{
	for (size_t i = 0; i < tree->session_count; i++)
		if (tree->sessions[i] == session)
			return true;
	return false;
}

static void add_member(struct pressure_tree *tree, const struct tree_process *agent,
		       const struct tree_process *process)
{
	if (tree->count == PRESSURE_MEMBERS_MAX)
		return;
	tree->members[tree->count++] = (struct pressure_member){
		.pid = process->pid,
		.start_ticks = process->start_ticks,
	};
	if (process->session != agent->session && !has_session(tree, process->session) &&
	    tree->session_count < PRESSURE_SESSIONS_MAX)
		tree->sessions[tree->session_count++] = process->session;
}

static bool is_same(const struct pressure_member *member, const struct tree_process *process)
{
	return member->pid == process->pid && member->start_ticks == process->start_ticks;
}

bool pressure_is_member(const struct pressure_tree *tree, const struct tree_process *process)
{
	for (size_t i = 0; i < tree->count; i++)
		if (is_same(&tree->members[i], process))
			return true;
	return false;
}

/* `sh -c` and its like; agents write -l and -i into the same word. */
static bool runs_a_line(const struct tree_process *process)
{
	static const char *const shells[] = {
		"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox"
	};
	const char *words = process->command ? strchr(process->command, ' ') : NULL;

	if (!words || words[1] != '-')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (strcmp(process->name, shells[i]) == 0)
			return words[1 + strcspn(words + 1, " ") - 1] == 'c' ||
			       strstr(words, " -c ");
	return false;
}

bool pressure_tool_runs(const struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];
		const struct tree_process *parent = tree_sample_find(sample, process->parent);

		if (is_alive(process) && !process->is_spared && parent && parent->is_spared &&
		    (process->session == process->pid || runs_a_line(process)))
			return true;
	}
	return false;
}

static bool is_agents_shell(const struct tree_sample *sample, const struct tree_process *process,
			    uint64_t tool_bytes)
{
	const struct tree_process *parent = tree_sample_find(sample, process->parent);

	return parent && parent->is_spared && runs_a_line(process) &&
	       bytes_of(process) < tool_bytes / 2;
}

void pressure_find_tool(const struct tree_sample *sample, struct pressure_tree *ret)
{
	const struct tree_process *agent = find_agent(sample);
	_cleanup_free_ pid_t *keys = calloc(sample->count + 1, sizeof(*keys));
	uint64_t largest_bytes = 0;
	pid_t key;

	*ret = (struct pressure_tree){ .count = 0 };
	if (!agent || !keys)
		return;
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (is_alive(process) && !process->is_spared)
			keys[i] = key_of(sample, agent, process);
	}
	key = find_largest(sample, keys, &ret->bytes);
	for (size_t i = 0; i < sample->count && key > 0; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (keys[i] != key)
			continue;
		if (is_agents_shell(sample, process, ret->bytes)) {
			ret->shell.pid = process->pid;
			ret->shell.start_ticks = process->start_ticks;
			continue;
		}
		if (bytes_of(process) > largest_bytes) {
			largest_bytes = bytes_of(process);
			ret->largest = ret->count < PRESSURE_MEMBERS_MAX ? ret->count : 0;
		}
		add_member(ret, agent, process);
	}
}

static bool belongs(const struct tree_sample *sample, const struct pressure_tree *tree,
		    const struct tree_process *process)
{
	const struct tree_process *parent = tree_sample_find(sample, process->parent);

	if (is_same(&tree->shell, process))
		return false;
	return (parent && (is_same(&tree->shell, parent) || pressure_is_member(tree, parent))) ||
	       has_session(tree, process->session);
}

void pressure_gather(const struct tree_sample *sample, struct pressure_tree *tree)
{
	const struct tree_process *agent = find_agent(sample);
	size_t before;

	if (!agent)
		return;
	do {
		before = tree->count;
		for (size_t i = 0; i < sample->count; i++) {
			const struct tree_process *process = &sample->processes[i];

			if (is_alive(process) && !process->is_spared &&
			    !pressure_is_member(tree, process) && belongs(sample, tree, process))
				add_member(tree, agent, process);
		}
	} while (tree->count > before);
}
