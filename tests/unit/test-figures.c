/* SPDX-License-Identifier: MIT */

#include "oc-run/figures.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)

TEST(page_cache_and_what_the_kernel_can_drop_are_reclaimable)
{
	const struct cgroup_usage usage = {
		.memory_current = 900 * MIB,
		.stat = { .anon = 100 * MIB,
			  .file = 700 * MIB,
			  .shmem = 50 * MIB,
			  .kernel = 80 * MIB,
			  .slab_reclaimable = 30 * MIB },
	};
	struct figures figures = figures_of_usage(&usage, 7);

	expect_uint(figures.at_usec, 7);
	expect(figures.counted);
	expect_uint(figures.unreclaimable_bytes, 200 * MIB);
	expect_uint(figures.current_bytes, 900 * MIB);
	expect_uint(figures.file_bytes, 650 * MIB);
}

TEST(files_that_were_read_one_after_the_other_may_disagree)
{
	const struct cgroup_usage usage = {
		.stat = { .file = 10 * MIB, .shmem = 11 * MIB, .slab_reclaimable = MIB },
	};
	struct figures figures = figures_of_usage(&usage, 1);

	expect_uint(figures.file_bytes, 0);
	expect_uint(figures.unreclaimable_bytes, 11 * MIB);
}

TEST(without_a_counting_kernel_the_tree_is_summed_up)
{
	struct tree_process processes[] = { { .swap_bytes = MIB }, { .swap_bytes = 2 * MIB } };
	const struct tree_sample sample = {
		.processes = processes,
		.count = 2,
		.resident_bytes = 40 * MIB,
		.tasks = 9,
	};
	struct figures figures = figures_of_sample(&sample, 1);

	expect(!figures.counted);
	expect_uint(figures.unreclaimable_bytes, 40 * MIB);
	expect_uint(figures.swap_bytes, 3 * MIB);
	expect_uint(figures.tasks, 9);
}

UNIT_MAIN("figures", page_cache_and_what_the_kernel_can_drop_are_reclaimable,
	  files_that_were_read_one_after_the_other_may_disagree,
	  without_a_counting_kernel_the_tree_is_summed_up)
