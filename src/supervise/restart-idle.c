/* SPDX-License-Identifier: MIT */

/*
 * --restart=on-pressure, carried out: what idle.h wants to know is gathered at each look; at the moment
 * that it names the command is asked which of its sessions it works on, and only if that is certain to
 * end. main.c then starts it again.
 */

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "oc-run/resume.h"
#include "session-internal.h"

/* Somebody who thinks over a sentence is at work. */
#define TYPING_USEC IDLE_USEC

/* Where no cgroup counts, the sum of those that live. */
static uint64_t cpu_usec(const struct session *session, const struct tree_sample *sample)
{
	uint64_t ticks = 0, per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	if (session->figures.cpu_usec > 0)
		return session->figures.cpu_usec;
	for (size_t i = 0; i < sample->count; i++)
		ticks += sample->processes[i].cpu_ticks;
	return ticks * USEC_PER_SEC / per_second;
}

/* Did somebody type? From the times of the terminal's device, which our input is as well: the kernel
 * keeps them to eight seconds (drivers/tty/tty_io.c), so that nobody learns how fast. */
static bool has_input(uint64_t window_usec)
{
	struct timespec now;
	struct stat info;

	if (!isatty(STDIN_FILENO) || fstat(STDIN_FILENO, &info) < 0)
		return false;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)(now.tv_sec - info.st_atim.tv_sec) * USEC_PER_SEC < window_usec;
}

static bool may_restart(const struct session *session)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return restart_may(session->restart, session->record, session->figures.at_usec,
			   (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
}

void restart_idle_look(struct session *session)
{
	const struct tree_sample *sample = tree_last(session->tree);
	struct idle_look look;

	if (session->plan->restart != RESTART_ON_PRESSURE || !sample ||
	    session->supervisor.state != SUPERVISOR_RUNNING)
		return;
	look = (struct idle_look){
		.at_usec = session->figures.at_usec,
		.is_above_line = session->pressure.is_short && may_restart(session),
		.tool_runs = pressure_tool_runs(sample),
		.cpu_usec = cpu_usec(session, sample),
		.has_input = has_input(TYPING_USEC),
	};
	if (!idle_step(&session->idle, &look) ||
	    resume_find_early(session->record, session->tmp.path) < 0 ||
	    !session->record->resume_id)
		return;
	supervise_stop(session, STOP_RESTART, "memory is short and the command is idle");
}
