/* SPDX-License-Identifier: MIT */

/*
 * Tools die first: the kernel's OOM killer takes the largest process of the cgroup, which is often
 * the agent, unless the others carry a higher oom_score_adj (0 to 1000, thousandths of the limit;
 * mm/oom_kill.c, oom_badness()). Raising one's own processes' needs no privilege, and children
 * inherit it, so that a tool's whole tree has it once the tool was seen.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "session-internal.h"

/* Enough for a tool with a hundredth of the limit to go before an agent with half of it. */
#define TOOL_SCORE 600

static void raise_score(int proc_fd, pid_t pid)
{
	_cleanup_close_ int fd = -1;
	char path[48], text[16];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
	fd = openat(proc_fd, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	length = pread(fd, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return;
	text[length] = '\0';
	/* Somebody who gave itself up already (Chromium's renderers) keeps its own. */
	if (strtol(text, NULL, 10) >= TOOL_SCORE / 2)
		return;
	length = snprintf(text, sizeof(text), "%d", TOOL_SCORE);
	(void)!write(fd, text, (size_t)length);
}

void oom_score_raise_tools(struct session *session, const struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (!process->is_spared && process->state != 'Z')
			raise_score(session->proc_fd, process->pid);
	}
}
