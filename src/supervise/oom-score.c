/* SPDX-License-Identifier: MIT */

/*
 * Who goes first: the kernel's OOM killer takes the largest process of the cgroup, which is often the
 * agent, unless another carries a higher oom_score_adj (0 to 1000, thousandths of the limit;
 * mm/oom_kill.c, oom_badness()). Raising one's own processes' needs no privilege, and neither does
 * going back to what it was before (fs/proc/base.c, __set_oom_adj()).
 *
 * Children inherit it, so that a tool's whole tree has it once the tool was seen. Nothing tells us
 * of a new tool: it is seen by the next look, and by the one that memory.high wakes us for, which
 * the kernel slows down whoever grows for.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "session-internal.h"

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

static void adjust(int proc_fd, const struct tree_process *process, enum oom_choice choice,
		   long own)
{
	_cleanup_close_ int fd = -1;
	char path[48], text[16];
	long score, wanted;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)process->pid);
	fd = openat(proc_fd, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	length = pread(fd, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return;
	text[length] = '\0';
	score = strtol(text, NULL, 10);
	wanted = wanted_score(score, process->is_spared, choice, own);
	if (wanted == score)
		return;
	length = snprintf(text, sizeof(text), "%ld", wanted);
	(void)!write(fd, text, (size_t)length);
}

/* Ours is what the session was started with. */
static long own_score(int proc_fd)
{
	_cleanup_close_ int fd = openat(proc_fd, "self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd >= 0 && pread(fd, text, sizeof(text) - 1, 0) <= 0)
		text[0] = '\0';
	return strtol(text, NULL, 10);
}

void oom_score_adjust(int proc_fd, const struct tree_sample *sample, enum oom_choice choice)
{
	long own = choice == OOM_GROUP ? 0 : own_score(proc_fd);

	for (size_t i = 0; choice != OOM_GROUP && i < sample->count; i++)
		if (sample->processes[i].state != 'Z')
			adjust(proc_fd, &sample->processes[i], choice, own);
}
