/* SPDX-License-Identifier: MIT */

#include "process-order.h"

#include <stdbool.h>
#include <stdlib.h>

#define DEPTH_MAX 20

struct order {
	const struct tree_sample *sample;
	struct process_place *places;
	size_t count;
	bool *placed;
};

static bool has_parent(const struct tree_sample *sample, const struct tree_process *process)
{
	const struct tree_process *parent = tree_sample_find(sample, process->parent);

	return parent && parent != process;
}

static void place(struct order *order, size_t index, unsigned depth)
{
	order->placed[index] = true;
	order->places[order->count++] = (struct process_place){
		.process = &order->sample->processes[index],
		.depth = depth < DEPTH_MAX ? depth : DEPTH_MAX,
	};
}

/* Who comes below @parent (0: below nobody), and below those. Deeper ones than can be shown stay at
 * the last depth. */
static void place_below(struct order *order, pid_t parent, unsigned depth)
{
	for (size_t i = 0; i < order->sample->count; i++) {
		const struct tree_process *process = &order->sample->processes[i];

		if (order->placed[i] ||
		    (parent ? process->parent != parent : has_parent(order->sample, process)))
			continue;
		place(order, i, depth);
		if (depth < 10 * DEPTH_MAX)
			place_below(order, process->pid, depth + 1);
	}
}

struct process_place *process_order(const struct tree_sample *sample)
{
	size_t count = sample->count > 0 ? sample->count : 1;
	_cleanup_free_ bool *placed = calloc(count, sizeof(*placed));
	struct order order = {
		.sample = sample,
		.places = calloc(count, sizeof(*order.places)),
		.placed = placed,
	};

	if (!placed || !order.places) {
		free(order.places);
		return NULL;
	}
	place_below(&order, 0, 0);
	/* A circle, made of pids that were used again between two looks. */
	for (size_t i = 0; i < sample->count; i++)
		if (!placed[i])
			place(&order, i, 0);
	return order.places;
}
