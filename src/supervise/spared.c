/* SPDX-License-Identifier: MIT */

/*
 * See spared.h. A fork that has not called execve(2) yet looks like its parent; a server that would
 * look so is told from it by the parent's own command line, and what remains is right at the next
 * look.
 */

#include "oc-run/spared.h"

#include <string.h>

/* The launcher, what it launched, servers of that. */
#define GENERATIONS 3

static const char *without_dot(const char *name)
{
	return name[0] == '.' ? name + 1 : name;
}

static bool is_called(const struct tree_process *process, const char *name)
{
	return name && name[0] && strcmp(without_dot(process->name), without_dot(name)) == 0;
}

static bool word_ends_with(const char *word, size_t length, const char *name)
{
	size_t name_length = name ? strlen(name) : 0;

	if (name_length == 0 || length < name_length ||
	    strncmp(word + length - name_length, name, name_length) != 0)
		return false;
	return length == name_length || strchr("/.", word[length - name_length - 1]);
}

/* Is @subcommand the word behind the program? Scripts have it behind their interpreter. */
static bool runs(const struct tree_process *process, const struct spared_rule *rule)
{
	const char *word = process->command;

	while (word && *word) {
		size_t length = strcspn(word, " ");
		const char *next = word + length + strspn(word + length, " ");

		if (word_ends_with(word, length, without_dot(process->name)) ||
		    word_ends_with(word, length, rule->command))
			return strncmp(next, rule->server, strlen(rule->server)) == 0 &&
			       strchr(" ", next[strlen(rule->server)]);
		word = next;
	}
	return false;
}

static bool is_launched(const struct spared_rule *rule, const struct tree_process *agent,
			const struct tree_process *process)
{
	return !is_called(agent, rule->command) && is_called(process, rule->command) &&
	       process->parent == agent->pid && process->process_group == agent->process_group;
}

static bool is_server(const struct spared_rule *rule, const struct tree_sample *sample,
		      const struct tree_process *agent, const struct tree_process *process)
{
	const struct tree_process *parent = tree_sample_find(sample, process->parent);

	if (!rule->server || (parent && !parent->is_spared) || runs(agent, rule))
		return false;
	return (is_called(process, agent->name) || is_called(process, rule->command)) &&
	       runs(process, rule);
}

static const struct tree_process *find_agent(const struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->processes[i].is_agent)
			return &sample->processes[i];
	return NULL;
}

void spared_mark(const struct spared_rule *rule, struct tree_sample *sample)
{
	const struct tree_process *agent = find_agent(sample);

	for (size_t i = 0; i < sample->count; i++)
		sample->processes[i].is_spared = sample->processes[i].is_agent;
	if (!agent || !rule->command || !rule->command[0])
		return;
	/* A parent may come after its child in the sample, when pids have gone round. */
	for (int generation = 1; generation < GENERATIONS; generation++) {
		for (size_t i = 0; i < sample->count; i++) {
			struct tree_process *process = &sample->processes[i];

			process->is_spared = process->is_spared ||
					     is_launched(rule, agent, process) ||
					     is_server(rule, sample, agent, process);
		}
	}
}
