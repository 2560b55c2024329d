/* SPDX-License-Identifier: MIT */

/*
 * A tool has its oom_score_adj before it can matter. The calm looks of sampling.c are seconds apart,
 * and a leak can fill a cgroup within one. So:
 *
 *	forks	whatever the agent itself starts is told by the kernel (fork-watch.h) and gets its
 *		score in less than a millisecond, without a look. What that starts inherits it; who was
 *		forked before the score was there is found a tenth of a second later, once for all
 *		forks in between.
 *	tasks	where the kernel tells nothing of forks, the number of tasks is read once a second, and
 *		who is new is looked for when it has changed.
 *	high	before memory.high goes up: until then whoever grows is held back by it, so that
 *		nobody is without a score when the limit is reached.
 *
 * Here only the pids of the cgroup are listed and scores written: no file that could make us wait
 * (cmdline) is read, and who turns out to belong to the agent gets its own score back at the next
 * look.
 */

#include <stdlib.h>
#include <string.h>

#include "session-internal.h"

#define AGAIN_USEC (100 * UINT64_C(1000))
#define TASKS_USEC (1 * UINT64_C(1000000))

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static int raise_newcomer(pid_t pid, void *userdata)
{
	struct session *session = userdata;

	if (pid != session->child.pid && !tree_sample_find(tree_last(session->tree), pid))
		oom_score_adjust_tool(session->proc_fd, pid, session->plan->oom);
	return 0;
}

void newcomers_raise(struct session *session)
{
	if (session->cgroup.payload.dirfd >= 0 && session->plan->oom != OOM_GROUP)
		(void)!cgroup_for_each_pid(&session->cgroup.payload, raise_newcomer, session);
}

static uint64_t count_tasks(const struct session *session)
{
	char text[32];

	if (session->cgroup.payload.dirfd < 0 ||
	    cgroup_read(&session->cgroup.payload, "pids.current", text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;
	struct newcomers *newcomers = &session->newcomers;
	bool is_told = fork_watch_works(newcomers->forks);
	uint64_t tasks = is_told ? 0 : count_tasks(session);

	(void)source;
	(void)usec;
	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return 0;
	if (newcomers->again || tasks != newcomers->tasks)
		newcomers_raise(session);
	newcomers->again = false;
	newcomers->tasks = tasks;
	return is_told ? 0 : session_arm(session, &newcomers->timer, TASKS_USEC, on_timer);
}

static void on_forked(pid_t parent, pid_t child, void *userdata)
{
	struct session *session = userdata;
	struct newcomers *newcomers = &session->newcomers;

	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return;
	if (child > 0)
		oom_score_adjust_child(session->proc_fd, parent, child, session->plan->oom);
	else
		newcomers_raise(session);
	if (!newcomers->again && session->cgroup.payload.dirfd >= 0)
		newcomers->again =
			session_arm(session, &newcomers->timer, AGAIN_USEC, on_timer) >= 0;
}

void newcomers_note(struct session *session, const struct tree_sample *sample)
{
	struct newcomers *newcomers = &session->newcomers;
	pid_t parents[FORK_WATCH_MAX];
	size_t count = 0;

	for (size_t i = 0; i < sample->count && count < FORK_WATCH_MAX; i++)
		if (sample->processes[i].is_spared && sample->processes[i].state != 'Z')
			parents[count++] = sample->processes[i].pid;
	if (!newcomers->forks || count == 0 ||
	    (count == newcomers->parent_count &&
	     memcmp(parents, newcomers->parents, count * sizeof(*parents)) == 0))
		return;
	if (fork_watch_follow(newcomers->forks, parents, count) < 0)
		return;
	memcpy(newcomers->parents, parents, count * sizeof(*parents));
	newcomers->parent_count = count;
}

int newcomers_start(struct session *session)
{
	struct newcomers *newcomers = &session->newcomers;
	const struct fork_watch_request request = {
		.event = session->event,
		.forked = on_forked,
		.userdata = session,
	};
	int r;

	if (session->plan->oom == OOM_GROUP)
		return 0; /* scores decide nothing then */
	r = fork_watch_new(&request, &newcomers->forks);
	if (r >= 0)
		r = fork_watch_follow(newcomers->forks, &session->child.pid, 1);
	if (r < 0)
		newcomers->forks = fork_watch_free(newcomers->forks);
	/* Without a cgroup there is no list that is cheap, and looks are a second apart at most. */
	if (session->cgroup.payload.dirfd < 0)
		return 0;
	/* That the command calls execve(2) is told before this timer ends, if anything ever is. */
	return session_arm(session, &newcomers->timer, TASKS_USEC, on_timer);
}

void newcomers_finish(struct session *session)
{
	session->newcomers.forks = fork_watch_free(session->newcomers.forks);
	session->newcomers.timer = sd_event_source_unref(session->newcomers.timer);
}
