/* SPDX-License-Identifier: MIT */

#include "oc-run/tree.h"

const struct tree_process *tree_sample_find(const struct tree_sample *sample, pid_t pid)
{
	size_t from = 0, to = sample->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (sample->processes[middle].pid == pid)
			return &sample->processes[middle];
		if (sample->processes[middle].pid < pid)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}
