/* SPDX-License-Identifier: MIT */

/*
 * Signals to members, and members brought back.
 *
 * Those that fork as fast as they are killed outrun any list: what helps is that whoever loses its
 * parent becomes our child. SIGKILL to all is therefore followed by SIGKILL to whatever child we
 * have by now, until there is none. That list is at hand (/proc/PID/task/TID/children), short, as
 * the dead are reaped on the way, and its pids are certain, as nobody else reaps them.
 */

#include "tree-internal.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* Scans for SIGKILL to all; for other signals one and one more. */
#define KILL_PASSES 8
/* After each of them, at most. Somebody who hangs in the kernel is not waited for. */
#define CHASE_USEC 20000

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

		if (tree_is_dead(process) || tree->notes[i].round == tree->round ||
		    !is_in_scope(tree, process, scope))
			continue;
		tree->notes[i].round = tree->round;
		count += signal_process(tree, process, signal_number);
	}
	return count;
}

/* The command's status is for the one who waits for it; orphans' is for nobody. */
static bool is_over(const struct tree *tree, pid_t pid)
{
	siginfo_t info = { 0 };
	int options = WEXITED | WNOHANG | (pid == tree->agent ? WNOWAIT : 0);

	return waitid(P_PID, (id_t)pid, &info, options) < 0 || info.si_pid == pid;
}

/* false: it still lives. */
static bool end_child(const struct tree *tree, pid_t pid)
{
	const struct tree_seen *seen;

	if (tree_is_never(tree, pid) || tree_find_seen(tree->inherited, tree->inherited_count, pid))
		return true;
	/* tree_signal() has just scanned, and nobody but us frees the pid for another. */
	seen = tree_find_seen(tree->seen, tree->seen_count, pid);
	if (seen && seen->released)
		return true;
	(void)kill(pid, SIGKILL);
	return is_over(tree, pid);
}

/* How many of our children still live. 0 means that there is nobody below us any more: whoever
 * died has left its children to us before it could be reaped. -1 where there is no such list. */
static int end_children(const struct tree *tree)
{
	_cleanup_close_ int fd = -1;
	char text[4096];
	ssize_t length;
	pid_t pid = 0;
	int alive = 0;

	(void)snprintf(text, sizeof(text), "%d/task/%d/children", (int)tree->self, (int)tree->self);
	fd = openat(tree->proc_fd, text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((length = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < length; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			alive += !end_child(tree, pid);
			pid = 0;
		}
	}
	return alive;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void chase_children(const struct tree *tree)
{
	uint64_t deadline_usec = now_usec() + CHASE_USEC;

	while (end_children(tree) > 0 && now_usec() < deadline_usec)
		/* Those that were killed have to run to their end. */
		(void)sched_yield();
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
		if (signal_number == SIGKILL && scope == TREE_SIGNAL_ALL && tree->agent > 0)
			chase_children(tree);
	}
	return total;
}

int tree_signal_chosen(struct tree *tree,
		       bool (*is_chosen)(const struct tree_process *process, void *userdata),
		       void *userdata, int signal_number)
{
	int count = 0;

	for (size_t i = 0; i < tree->sample.count; i++) {
		const struct tree_process *process = &tree->sample.processes[i];

		if (!tree_is_dead(process) && is_chosen(process, userdata))
			count += signal_process(tree, process, signal_number);
	}
	return count;
}

int tree_recapture(struct tree *tree)
{
	int count = 0;

	if (!tree->payload)
		return 0;
	for (size_t i = 0; i < tree->sample.count; i++) {
		struct tree_process *process = &tree->sample.processes[i];
		struct proc_stat stat;

		if (!process->is_outside || tree_is_dead(process) || !is_same(tree, process, &stat))
			continue;
		if (cgroup_attach(tree->payload, process->pid) < 0)
			continue;
		process->is_outside = false;
		tree->sample.outside--;
		count++;
	}
	return count;
}
