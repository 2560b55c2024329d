/* SPDX-License-Identifier: MIT */

/* See figures.h. */

#include "oc-run/figures.h"

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

struct figures figures_of_usage(const struct cgroup_usage *usage, uint64_t at_usec)
{
	const struct memory_stat *stat = &usage->stat;

	return (struct figures){
		.at_usec = at_usec,
		.counted = true,
		.unreclaimable_bytes =
			stat->anon + stat->shmem + above(stat->kernel, stat->slab_reclaimable),
		.current_bytes = usage->memory_current,
		.anon_bytes = stat->anon,
		.file_bytes = above(stat->file, stat->shmem),
		.shmem_bytes = stat->shmem,
		.kernel_bytes = stat->kernel,
		.swap_bytes = usage->swap_current,
		.tasks = usage->pids_current,
		.cpu_usec = usage->cpu_usec,
		.memory_pressure = usage->memory_pressure,
	};
}

struct figures figures_of_sample(const struct tree_sample *sample, uint64_t at_usec)
{
	struct figures figures = {
		.at_usec = at_usec,
		.unreclaimable_bytes = sample->resident_bytes,
		.current_bytes = sample->resident_bytes,
		.anon_bytes = sample->resident_bytes,
		.tasks = sample->tasks,
	};

	for (size_t i = 0; i < sample->count; i++)
		figures.swap_bytes += sample->processes[i].swap_bytes;
	return figures;
}
