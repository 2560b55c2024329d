/* SPDX-License-Identifier: MIT */

/*
 * Who goes first: the kernel's OOM killer takes the largest process of the cgroup, which is often the
 * agent, unless another carries a higher oom_score_adj (0 to 1000, thousandths of the limit;
 * mm/oom_kill.c, oom_badness()). Raising one's own processes' needs no privilege, and neither does
 * going back to what it was before (fs/proc/base.c, __set_oom_adj()).
 *
 * Children inherit it, so that a tool's whole tree has it once the tool has. newcomers.c sees to it
 * that new ones get it in time.
 *
 * A child that shares the agent's memory for as long as it takes to call execve(2) (vfork) is no
 * danger to it: the score is that of the one process (it alone, as vfork_done is set), and the OOM
 * killer passes over it until it has memory of its own (oom_badness(), in_vfork()).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "session-internal.h"
#include "tree-internal.h"

/* The score counts as this many thousandths of the limit on top of what the process takes. Tools keep
 * their order among each other (Chromium's renderers give themselves up with 300), and any of them
 * goes before an agent with less than four fifths of the limit. */
#define TOOL_SCORE 800
#define TOOL_SCORE_MAX 999
#define AGENT_SCORE 1000

static long wanted_score(long score, bool is_agent, enum oom_choice choice, long own)
{
	if (choice == OOM_AGENT) {
		if (is_agent)
			return AGENT_SCORE;
		return score == AGENT_SCORE ? own : score; /* inherited from the agent */
	}
	if (is_agent)
		return score >= TOOL_SCORE ? own : score;
	if (score >= TOOL_SCORE)
		return score;
	return score <= 0 ? TOOL_SCORE : TOOL_SCORE + score * (TOOL_SCORE_MAX - TOOL_SCORE) / 1000;
}

struct score {
	enum oom_choice choice;
	long own; /* what the session was started with */
};

static int open_score(int proc_fd, pid_t pid)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
	return openat(proc_fd, path, O_RDWR | O_CLOEXEC);
}

static void adjust(int fd, bool is_agent, const struct score *score)
{
	char text[16];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	long before, wanted;

	if (length <= 0)
		return;
	text[length] = '\0';
	before = strtol(text, NULL, 10);
	wanted = wanted_score(before, is_agent, score->choice, score->own);
	if (wanted == before)
		return;
	length = snprintf(text, sizeof(text), "%ld", wanted);
	(void)!write(fd, text, (size_t)length);
}

/* Ours is what the session was started with. */
static struct score score_of(int proc_fd, enum oom_choice choice)
{
	_cleanup_close_ int fd = openat(proc_fd, "self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd >= 0 && pread(fd, text, sizeof(text) - 1, 0) <= 0)
		text[0] = '\0';
	return (struct score){ .choice = choice, .own = strtol(text, NULL, 10) };
}

void oom_score_adjust(int proc_fd, const struct tree_sample *sample, enum oom_choice choice)
{
	const struct score score = score_of(proc_fd, choice);

	for (size_t i = 0; choice != OOM_GROUP && i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];
		_cleanup_close_ int fd = -1;

		if (process->state == 'Z')
			continue;
		fd = open_score(proc_fd, process->pid);
		if (fd >= 0)
			adjust(fd, process->is_spared, &score);
	}
}

void oom_score_adjust_tool(int proc_fd, pid_t pid, enum oom_choice choice)
{
	const struct score score = score_of(proc_fd, choice);
	_cleanup_close_ int fd = choice == OOM_GROUP ? -1 : open_score(proc_fd, pid);

	if (fd >= 0)
		adjust(fd, false, &score);
}

void oom_score_adjust_child(int proc_fd, pid_t parent, pid_t pid, enum oom_choice choice)
{
	const struct score score = score_of(proc_fd, choice);
	_cleanup_close_ int fd = choice == OOM_GROUP ? -1 : open_score(proc_fd, pid);
	struct proc_stat stat;

	/* What is open stays that process's, whoever gets its pid after this. */
	if (fd >= 0 && tree_proc_stat(proc_fd, pid, &stat) >= 0 && stat.parent == parent)
		adjust(fd, false, &score);
}
