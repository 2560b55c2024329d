/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * --restart=on-pressure: is this the moment to end the command and start it again with its session, so
 * that what it leaked never reaches the limit? It has to be above the soft line and idle, all of the time
 * for half a minute: no tool runs, hardly any CPU is used, nobody types. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#define IDLE_USEC (30 * UINT64_C(1000000))
/* Of one CPU: a screen that blinks takes some. */
#define IDLE_CPU_PERCENT 10
/* After an answer that helped nothing. */
#define IDLE_AGAIN_USEC (10 * UINT64_C(60000000))

struct idle_look {
	uint64_t at_usec;
	bool is_above_line;
	bool tool_runs;
	uint64_t cpu_usec; /* of the whole session so far; less than before: somebody ended */
	bool has_input;	   /* somebody typed lately */
};

struct idle {
	uint64_t since_usec; /* 0: it is not idle */
	uint64_t last_usec, last_cpu_usec;
	uint64_t not_before_usec;
};

/* true: it is the moment; not told again for IDLE_AGAIN_USEC. */
bool idle_step(struct idle *idle, const struct idle_look *look);
