/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which samples of a session are kept in its history, so that a session of any length fits into a
 * file of bounded size. Pure.
 *
 * Two questions. When a sample is taken: is it written at all? At most one a second is, and while
 * nothing changes one each quarter of a minute; the highest of those in between is not lost. When
 * the file has grown: which lines stay? Time is cut into slots that grow with age, one sample for
 * each second of the last two minutes and one for each two hours after a week, and of each slot
 * the sample with the most memory stays; besides the very first one, and the highest of all in
 * each figure. What is thinned out stays out: to thin twice is to thin once, later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"
#include "oc-run/figures.h"

/* ---- is it written? ---- */

/* Zeroed: nothing was written yet. */
struct timeline_gate {
	struct figures written; /* the last one; at_usec 0: none */
	struct figures pending; /* the highest since then; at_usec 0: none */
	uint64_t peak_bytes;	/* highest memory that was written */
};

/* true: write *ret_figures, which may be an earlier and higher one than @figures. */
bool timeline_offer(struct timeline_gate *gate, const struct figures *figures,
		    struct figures *ret_figures);

/* At the end, and before an event: true: write *ret_figures too. */
bool timeline_flush(struct timeline_gate *gate, struct figures *ret_figures);

/* ---- does it stay? ---- */

struct timeline_sample {
	uint64_t at_usec;	/* since the start of the session, rising */
	uint64_t memory_bytes;	/* what can't be reclaimed: by this a slot's best is chosen */
	uint64_t current_bytes; /* with page cache */
	uint64_t swap_bytes, tasks;
};

/* Is a file of @bytes, which had @thinned_bytes after it was thinned the last time (0: never), to be
 * thinned again? */
bool timeline_is_full(uint64_t bytes, uint64_t thinned_bytes);

/* Sets keep[i] for those of the @count samples that stay at @now_usec, which is not before the last
 * of them. Their number: a few thousand at most, whatever @count is. */
size_t timeline_thin(const struct timeline_sample *samples, size_t count, uint64_t now_usec,
		     bool *ret_keep);
