/* SPDX-License-Identifier: MIT */

/* See policy.h. Nothing here reads a clock, a file or a process. */

#include "oc-run/policy.h"

#define LOOK_QUIET_USEC UINT64_C(1000000)
/* While it grows at all: what grows may grow faster soon. */
#define LOOK_GROWING_USEC UINT64_C(100000)
#define LOOK_FASTEST_USEC UINT64_C(20000)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_candidate(const struct tree_process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

static bool condemn_all(const struct tree_sample *sample, bool *condemned)
{
	bool any = false;

	for (size_t i = 0; i < sample->count; i++)
		any |= condemned[i] = is_candidate(&sample->processes[i]);
	return any;
}

/* The largest tool that is not condemned yet; the agent only when nothing else is worth it. */
static size_t find_largest(const struct tree_sample *sample, uint64_t excess_bytes,
			   enum oom_choice choice, const bool *condemned)
{
	size_t tool = SIZE_MAX, agent = SIZE_MAX;

	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (!is_candidate(process) || condemned[i])
			continue;
		if (process->is_spared)
			agent = i;
		else if (tool == SIZE_MAX ||
			 process->resident_bytes > sample->processes[tool].resident_bytes)
			tool = i;
	}
	if (agent != SIZE_MAX && choice == OOM_AGENT)
		return agent;
	/* Killing small tools one after the other would not help when the agent is the hog. */
	if (agent != SIZE_MAX &&
	    (tool == SIZE_MAX ||
	     (sample->processes[tool].resident_bytes < excess_bytes / 4 &&
	      sample->processes[agent].resident_bytes > sample->resident_bytes / 2)))
		return agent;
	return tool;
}

static size_t find_newest(const struct tree_sample *sample, const bool *condemned)
{
	size_t newest = SIZE_MAX;

	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (!is_candidate(process) || process->is_spared || condemned[i])
			continue;
		if (newest == SIZE_MAX ||
		    process->start_ticks >= sample->processes[newest].start_ticks)
			newest = i;
	}
	return newest;
}

/* One at a time for memory: what a death gives back is only known afterwards, and a look follows
 * in 20 ms. */
static bool condemn_for_memory(const struct tree_sample *sample, uint64_t excess_bytes,
			       enum oom_choice choice, bool *condemned)
{
	size_t victim;

	if (choice == OOM_GROUP)
		return condemn_all(sample, condemned);
	victim = find_largest(sample, excess_bytes, choice, condemned);
	if (victim == SIZE_MAX)
		return false;
	condemned[victim] = true;
	return true;
}

/* All at once for tasks: a bomb makes more of them between two looks than one by one would end. */
static bool condemn_for_tasks(const struct tree_sample *sample, uint64_t limit, bool *condemned)
{
	uint64_t tasks = sample->tasks;
	bool any = false;

	while (tasks > limit) {
		size_t victim = find_newest(sample, condemned);

		if (victim == SIZE_MAX)
			break;
		condemned[victim] = any = true;
		tasks -= smaller(tasks, sample->processes[victim].threads);
	}
	return any;
}

enum policy_verdict policy_judge(const struct policy_limits *limits,
				 const struct tree_sample *sample, uint64_t memory_bytes,
				 bool *condemned)
{
	if (memory_bytes > limits->memory_bytes &&
	    condemn_for_memory(sample, memory_bytes - limits->memory_bytes, limits->oom, condemned))
		return POLICY_KILL_FOR_MEMORY;
	if (condemn_for_tasks(sample, limits->tasks, condemned))
		return POLICY_KILL_FOR_TASKS;
	return POLICY_FINE;
}

uint64_t policy_next_look_usec(const struct policy_limits *limits, uint64_t memory_before,
			       uint64_t memory_now, uint64_t elapsed_usec, uint64_t tasks_now)
{
	uint64_t look_usec = LOOK_QUIET_USEC;

	if (limits->memory_bytes != LIMIT_UNLIMITED) {
		uint64_t left =
			memory_now < limits->memory_bytes ? limits->memory_bytes - memory_now : 0;
		uint64_t grown = memory_now > memory_before ? memory_now - memory_before : 0;

		/* Half of the time in which it would be reached at the rate just seen. */
		if (left == 0)
			look_usec = LOOK_FASTEST_USEC;
		else if (grown > limits->memory_bytes / 200 && elapsed_usec > 0)
			look_usec = smaller(
				(uint64_t)((double)left / (double)grown * (double)elapsed_usec / 2),
				LOOK_GROWING_USEC);
		else if (left < limits->memory_bytes / 8)
			look_usec = LOOK_QUIET_USEC / 4;
	}
	if (limits->tasks != LIMIT_UNLIMITED && tasks_now > limits->tasks / 2)
		look_usec = smaller(look_usec, LOOK_GROWING_USEC);
	return look_usec < LOOK_FASTEST_USEC ? LOOK_FASTEST_USEC : look_usec;
}
