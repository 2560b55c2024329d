/* SPDX-License-Identifier: MIT */

#include "tree-internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* More passes than forked children need; for those that fork as fast as they are killed. */
#define KILL_PASSES 8

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

const struct tree_sample *tree_last(const struct tree *tree)
{
	return &tree->sample;
}

ssize_t tree_find(const struct tree *tree, pid_t pid, uint64_t start_ticks)
{
	size_t low = 0, high = tree->sample.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct tree_process *process = &tree->sample.processes[middle];

		if (process->pid == pid)
			return process->start_ticks == start_ticks ? (ssize_t)middle : -1;
		if (process->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static bool is_dead(const struct tree_process *process)
{
	return process->state == 'Z' || process->state == 'X';
}

/* Is the pid still this process? */
static bool is_same(const struct tree *tree, const struct tree_process *process,
		    struct proc_stat *ret_stat)
{
	return tree_proc_stat(tree->proc_fd, process->pid, ret_stat) >= 0 &&
	       ret_stat->start_ticks == process->start_ticks;
}

static int send_to(int pidfd, pid_t pid, int signal_number)
{
	if (pidfd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0U);
	return kill(pid, signal_number);
}

static bool signal_process(const struct tree *tree, const struct tree_process *process,
			   int signal_number)
{
	/* From here on the pidfd is one process; the start time says whether it is the right one.
	 * Without pidfds (before 5.3, or a container's old seccomp filter) a small race stays. */
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0U);
	struct proc_stat stat;

	if ((pidfd < 0 && errno == ESRCH) || !is_same(tree, process, &stat))
		return false;
	if (send_to(pidfd, process->pid, signal_number) < 0)
		return false;
	/* A stopped process does not get to see it. One that runs is not sent SIGCONT: a TUI takes
	 * that for its return to the foreground and sets up the terminal again. */
	if ((signal_number == SIGTERM || signal_number == SIGHUP) &&
	    is_same(tree, process, &stat) && stat.state == 'T')
		(void)send_to(pidfd, process->pid, SIGCONT);
	return true;
}

static bool is_in_scope(const struct tree *tree, const struct tree_process *process,
			enum tree_signal_scope scope)
{
	switch (scope) {
	case TREE_SIGNAL_AGENT_GROUP:
		return process->process_group == tree->agent_group;
	case TREE_SIGNAL_ALL:
		return true;
	case TREE_SIGNAL_OUTSIDE:
		return process->is_outside;
	}
	return false;
}

/* Those who have not got it in this round yet. */
static int signal_sample(struct tree *tree, enum tree_signal_scope scope, int signal_number)
{
	int count = 0;

	for (size_t i = 0; i < tree->sample.count; i++) {
		const struct tree_process *process = &tree->sample.processes[i];

		if (is_dead(process) || tree->notes[i].round == tree->round ||
		    !is_in_scope(tree, process, scope))
			continue;
		tree->notes[i].round = tree->round;
		count += signal_process(tree, process, signal_number);
	}
	return count;
}

int tree_signal(struct tree *tree, enum tree_signal_scope scope, int signal_number)
{
	int passes = signal_number == SIGKILL ? KILL_PASSES : 2;
	int total = 0;

	tree->round++;
	for (int pass = 0; pass < passes; pass++) {
		int count;

		/* When it can't be had the last sample has to do: ending is not put off. */
		(void)tree_scan_once(tree, TREE_SCAN_OUTSIDE);
		count = signal_sample(tree, scope, signal_number);
		if (count == 0)
			break;
		total += count;
	}
	return total;
}

int tree_recapture(struct tree *tree)
{
	int count = 0;

	if (!tree->payload)
		return 0;
	for (size_t i = 0; i < tree->sample.count; i++) {
		struct tree_process *process = &tree->sample.processes[i];
		struct proc_stat stat;

		if (!process->is_outside || is_dead(process) || !is_same(tree, process, &stat))
			continue;
		if (cgroup_attach(tree->payload, process->pid) < 0)
			continue;
		process->is_outside = false;
		tree->sample.outside--;
		count++;
	}
	return count;
}

uint64_t tree_proportional_bytes(struct tree *tree)
{
	uint64_t total = 0;

	for (size_t i = 0; i < tree->sample.count; i++) {
		const struct tree_process *process = &tree->sample.processes[i];
		uint64_t bytes;

		if (is_dead(process))
			continue;
		/* Not ours to look into (setuid, not dumpable), or just gone. */
		if (tree_proc_proportional(tree->proc_fd, process->pid, &bytes) < 0)
			bytes = process->resident_bytes + process->swap_bytes;
		total += bytes;
	}
	return total;
}
