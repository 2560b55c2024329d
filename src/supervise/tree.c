/* SPDX-License-Identifier: MIT */

#include "tree-internal.h"

#include <stdio.h>
#include <string.h>

static int find_agent(struct tree *tree)
{
	struct proc_stat stat;
	int r;

	if (tree->agent <= 0)
		return 0;
	r = tree_proc_stat(tree->proc_fd, tree->agent, &stat);
	if (r < 0)
		return r;
	tree->agent_start_ticks = stat.start_ticks;
	tree->agent_group = stat.process_group;
	return 0;
}

int tree_new(const struct tree_request *request, struct tree **ret)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int r;

	if (!tree)
		return -ENOMEM;
	(void)snprintf(tree->tag, sizeof(tree->tag), "OC_RUN_SESSION=%s", request->session_id);
	if (request->agent_name)
		(void)snprintf(tree->agent_name, sizeof(tree->agent_name), "%s",
			       request->agent_name);
	if (request->agent_server)
		(void)snprintf(tree->server, sizeof(tree->server), "%s", request->agent_server);
	tree->rule = (struct spared_rule){
		.command = tree->agent_name,
		.server = tree->server[0] ? tree->server : NULL,
	};
	tree->agent = request->agent;
	tree->exclude = request->exclude;
	tree->self = getpid();
	tree->uid = geteuid();
	tree->ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	tree->proc_fd = request->proc_fd;
	if (request->payload && request->payload->dirfd >= 0)
		tree->payload = tree->top = request->payload;
	if (request->scope && request->scope->dirfd >= 0)
		tree->top = request->scope;
	r = find_agent(tree);
	if (r >= 0 && tree->agent > 0)
		r = tree_note_inherited(tree);
	if (r < 0) {
		tree_free(tree);
		return r;
	}
	*ret = tree;
	return 0;
}

void tree_sample_finish(struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++)
		free(sample->processes[i].command);
	free(sample->processes);
	*sample = (struct tree_sample){ 0 };
}

struct tree *tree_free(struct tree *tree)
{
	if (!tree)
		return NULL;
	tree_sample_finish(&tree->sample);
	free(tree->notes);
	free(tree->seen);
	free(tree->inherited);
	free(tree);
	return NULL;
}

int tree_scan(struct tree *tree, unsigned flags, const struct tree_sample **ret)
{
	int r = tree_scan_once(tree, flags);

	if (r >= 0)
		*ret = &tree->sample;
	return r;
}

void tree_set_exclude(struct tree *tree, pid_t exclude)
{
	tree->exclude = exclude;
}

void tree_set_helper(struct tree *tree, pid_t helper)
{
	tree->helper = helper;
}

const struct tree_sample *tree_last(const struct tree *tree)
{
	return &tree->sample;
}

ssize_t tree_find(const struct tree *tree, pid_t pid, uint64_t start_ticks)
{
	const struct tree_process *process = tree_sample_find(&tree->sample, pid);

	return process && process->start_ticks == start_ticks ? process - tree->sample.processes
							      : -1;
}

uint64_t tree_proportional_bytes(struct tree *tree)
{
	uint64_t total = 0;

	for (size_t i = 0; i < tree->sample.count; i++) {
		const struct tree_process *process = &tree->sample.processes[i];
		uint64_t bytes;

		if (tree_is_dead(process))
			continue;
		/* Not ours to look into (setuid, not dumpable), or just gone. */
		if (tree_proc_proportional(tree->proc_fd, process->pid, &bytes) < 0)
			bytes = process->resident_bytes + process->swap_bytes;
		total += bytes;
	}
	return total;
}
