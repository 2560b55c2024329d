/* SPDX-License-Identifier: MIT */

/*
 * See timeline.h.
 *
 * The slots of level n are 2^n seconds long and begin at multiples of that, so that each lies in
 * one of the level above. A slot is ripe when all of it is older than DENSE * 2^(n-1) seconds. What
 * lies in a ripe slot of a level lies in ripe ones of all levels below; so the largest ripe slot
 * that a sample lies in is the same for all in it, and grows only. The best of a slot is the best of
 * the best of its parts: thinning in steps ends where thinning at once does.
 *
 * Each level covers the ages from DENSE/2 * 2^n to DENSE * 2^n seconds, so DENSE/2 slots and one or
 * two more: a week is 13 levels, a year 18.
 */

#include "oc-run/timeline.h"

#include "oc-run/parse.h"

#define DENSE_SLOTS 128
#define LEVELS_MAX 40

#define WRITE_SOONEST_USEC USEC_PER_SEC
#define WRITE_LATEST_USEC (15 * USEC_PER_SEC)
/* A change that is worth a line before that: two per cent, and not less than this. */
#define CHANGE_DIVISOR 50
#define CHANGE_BYTES MEBIBYTE
#define CHANGE_TASKS 1

#define FULL_BYTES (640 * KIBIBYTE)
#define GROWTH_BYTES (128 * KIBIBYTE)

/* ---- is it written? ---- */

static bool differs(uint64_t a, uint64_t b, uint64_t least)
{
	uint64_t larger = a > b ? a : b, difference = a > b ? a - b : b - a;

	return difference >= least && difference > larger / CHANGE_DIVISOR;
}

static uint64_t stall_usec(const struct figures *figures)
{
	return figures->memory_pressure.known ? figures->memory_pressure.some_total_usec : 0;
}

static bool is_news(const struct figures *before, const struct figures *now)
{
	return differs(before->unreclaimable_bytes, now->unreclaimable_bytes, CHANGE_BYTES) ||
	       differs(before->current_bytes, now->current_bytes, CHANGE_BYTES) ||
	       differs(before->swap_bytes, now->swap_bytes, CHANGE_BYTES) ||
	       differs(before->tasks, now->tasks, CHANGE_TASKS) ||
	       stall_usec(now) > stall_usec(before) + (now->at_usec - before->at_usec) / 100;
}

static void remember(struct timeline_gate *gate, const struct figures *figures)
{
	if (gate->pending.at_usec == 0 ||
	    figures->unreclaimable_bytes > gate->pending.unreclaimable_bytes)
		gate->pending = *figures;
}

static void take(struct timeline_gate *gate, const struct figures *figures, struct figures *ret)
{
	if (figures->unreclaimable_bytes > gate->peak_bytes)
		gate->peak_bytes = figures->unreclaimable_bytes;
	gate->written = *figures;
	gate->pending = (struct figures){ .at_usec = 0 };
	*ret = *figures;
}

/* The one that waits was higher than all that stand in the file, or notably higher than now. */
static bool is_pending_better(const struct timeline_gate *gate, const struct figures *figures)
{
	const struct figures *pending = &gate->pending;

	if (pending->at_usec == 0 || pending->unreclaimable_bytes <= figures->unreclaimable_bytes)
		return false;
	return pending->unreclaimable_bytes > gate->peak_bytes ||
	       differs(figures->unreclaimable_bytes, pending->unreclaimable_bytes, CHANGE_BYTES);
}

bool timeline_offer(struct timeline_gate *gate, const struct figures *figures,
		    struct figures *ret_figures)
{
	uint64_t passed_usec = figures->at_usec - gate->written.at_usec;

	if (gate->written.at_usec == 0) {
		take(gate, figures, ret_figures);
		return true;
	}
	if (passed_usec < WRITE_SOONEST_USEC) {
		remember(gate, figures);
		return false;
	}
	if (passed_usec < WRITE_LATEST_USEC && !is_news(&gate->written, figures) &&
	    !(gate->pending.at_usec > 0 && is_news(&gate->written, &gate->pending))) {
		remember(gate, figures);
		return false;
	}
	if (is_pending_better(gate, figures)) {
		const struct figures pending = gate->pending;

		take(gate, &pending, ret_figures);
		remember(gate, figures);
		return true;
	}
	take(gate, figures, ret_figures);
	return true;
}

bool timeline_flush(struct timeline_gate *gate, struct figures *ret_figures)
{
	if (gate->pending.at_usec == 0)
		return false;
	*ret_figures = gate->pending;
	take(gate, ret_figures, ret_figures);
	return true;
}

/* ---- does it stay? ---- */

bool timeline_is_full(uint64_t bytes, uint64_t thinned_bytes)
{
	return bytes >= FULL_BYTES && bytes >= thinned_bytes + GROWTH_BYTES;
}

struct slot {
	unsigned level;
	uint64_t number;
};

static bool is_ripe(unsigned level, uint64_t second, uint64_t now_second)
{
	uint64_t end = ((second >> level) + 1) << level;

	return level == 0 || now_second >= end + ((uint64_t)DENSE_SLOTS / 2 << level);
}

static struct slot slot_of(uint64_t at_usec, uint64_t now_usec)
{
	uint64_t second = at_usec / USEC_PER_SEC, now_second = now_usec / USEC_PER_SEC;
	unsigned level = 0;

	while (level < LEVELS_MAX && is_ripe(level + 1, second, now_second))
		level++;
	return (struct slot){ .level = level, .number = second >> level };
}

/* The first of the highest. */
static size_t find_peak(const struct timeline_sample *samples, size_t count,
			uint64_t (*value)(const struct timeline_sample *sample))
{
	size_t peak = 0;

	for (size_t i = 1; i < count; i++)
		if (value(&samples[i]) > value(&samples[peak]))
			peak = i;
	return peak;
}

static uint64_t memory_of(const struct timeline_sample *sample)
{
	return sample->memory_bytes;
}

static uint64_t current_of(const struct timeline_sample *sample)
{
	return sample->current_bytes;
}

static uint64_t swap_of(const struct timeline_sample *sample)
{
	return sample->swap_bytes;
}

static uint64_t tasks_of(const struct timeline_sample *sample)
{
	return sample->tasks;
}

static void keep_best_of_slots(const struct timeline_sample *samples, size_t count,
			       uint64_t now_usec, bool *keep)
{
	struct slot slot = slot_of(samples[0].at_usec, now_usec);
	size_t best = 0;

	for (size_t i = 1; i < count; i++) {
		struct slot next = slot_of(samples[i].at_usec, now_usec);

		if (next.level != slot.level || next.number != slot.number) {
			keep[best] = true;
			best = i;
		} else if (samples[i].memory_bytes > samples[best].memory_bytes) {
			best = i;
		}
		slot = next;
	}
	keep[best] = true;
}

size_t timeline_thin(const struct timeline_sample *samples, size_t count, uint64_t now_usec,
		     bool *ret_keep)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		ret_keep[i] = false;
	if (count == 0)
		return 0;
	keep_best_of_slots(samples, count, now_usec, ret_keep);
	ret_keep[0] = true;
	ret_keep[find_peak(samples, count, memory_of)] = true;
	ret_keep[find_peak(samples, count, current_of)] = true;
	ret_keep[find_peak(samples, count, swap_of)] = true;
	ret_keep[find_peak(samples, count, tasks_of)] = true;
	for (size_t i = 0; i < count; i++)
		kept += ret_keep[i];
	return kept;
}
