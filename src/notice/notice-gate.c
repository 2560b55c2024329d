/* SPDX-License-Identifier: MIT */

/* See notice-gate.h. Times are of any one clock, and never 0. */

#include "oc-run/notice-gate.h"

#include "oc-run/limits.h"

#define NOTHING NOTICE_KIND_COUNT

void notice_gate_init(struct notice_gate *gate, const struct notice_limits *limits)
{
	*gate = (struct notice_gate){ .limits = *limits };
}

/* The height of a line, and how high the session stands now. false: not known. */
static bool measure(const struct notice_gate *gate, enum notice_kind kind, uint64_t *ret_line,
		    uint64_t *ret_value)
{
	const struct figures *figures = &gate->figures;

	switch (kind) {
	case NOTICE_MEMORY:
		*ret_line = gate->limits.memory_line;
		*ret_value = figures->unreclaimable_bytes;
		break;
	case NOTICE_SWAP:
		*ret_line = gate->limits.swap_max;
		*ret_value = figures->swap_bytes;
		break;
	case NOTICE_TASKS:
		*ret_line = gate->limits.tasks_max;
		*ret_value = figures->tasks;
		break;
	case NOTICE_ESCAPE:
	case NOTICE_KILL:
	case NOTICE_KIND_COUNT:
		return false;
	}
	return *ret_line != LIMIT_UNLIMITED && figures->at_usec > 0;
}

static bool is_down(const struct notice_gate *gate, enum notice_kind kind, uint64_t now_usec)
{
	uint64_t line, value;

	if (measure(gate, kind, &line, &value))
		return value < line / 4 * 3;
	return now_usec >= gate->lines[kind].told_usec + NOTICE_BLIND_USEC;
}

void notice_gate_figures(struct notice_gate *gate, uint64_t now_usec, const struct figures *figures)
{
	gate->figures = *figures;
	for (int kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
		if (is_down(gate, (enum notice_kind)kind, now_usec))
			gate->lines[kind].is_above = false;
	}
}

/* memory.high and memory.max count page cache too, and a copy of a large file crosses them without
 * being short of anything. */
static bool is_short_of_memory(const struct notice_gate *gate)
{
	uint64_t line, value;

	return !measure(gate, NOTICE_MEMORY, &line, &value) || value >= line / 8 * 7;
}

static enum notice_kind kind_of(const struct notice_gate *gate, const struct record_event *event)
{
	switch (event->kind) {
	case RECORD_HIGH:
	case RECORD_MEMORY_MAX:
		return is_short_of_memory(gate) ? NOTICE_MEMORY : NOTHING;
	case RECORD_PRESSURE:
		return NOTICE_MEMORY;
	case RECORD_OOM_KILL:
	case RECORD_WATCH_KILL:
		return NOTICE_KILL;
	case RECORD_FORK_DENIED:
		return NOTICE_TASKS;
	case RECORD_SWAP_FULL:
		return NOTICE_SWAP;
	case RECORD_ESCAPE:
		/* One that was brought back is limited again: nothing to do about it. */
		return event->detail[0] ? NOTICE_ESCAPE : NOTHING;
	case RECORD_HIGH_LOWERED:
	case RECORD_LIVELOCK:
	case RECORD_PRESSURE_OVER:
	case RECORD_STOP_ASKED:
	case RECORD_LADDER:
	case RECORD_EVENT_KIND_COUNT:
		break;
	}
	return NOTHING;
}

static void gather_kill(struct notice_gate *gate, const struct record_event *event)
{
	struct notice_subject *kills = &gate->kills;

	if (kills->kills == 0)
		*kills = (struct notice_subject){ .kind = NOTICE_KILL, .event = *event };
	else if (event->victim.is_agent ||
		 (!kills->is_command_killed && event->victim.bytes > kills->event.victim.bytes))
		kills->event = *event;
	kills->kills++;
	kills->is_command_killed = kills->is_command_killed || event->victim.is_agent;
}

bool notice_gate_kills(struct notice_gate *gate, uint64_t now_usec, struct notice_subject *ret)
{
	if (gate->kills.kills == 0)
		return false;
	*ret = gate->kills;
	gate->kills = (struct notice_subject){ 0 };
	gate->kills_told_usec = now_usec;
	return true;
}

uint64_t notice_gate_wake_usec(const struct notice_gate *gate)
{
	return gate->kills.kills > 0 ? gate->kills_told_usec + NOTICE_GATHER_USEC : 0;
}

bool notice_gate_event(struct notice_gate *gate, uint64_t now_usec,
		       const struct record_event *event, struct notice_subject *ret)
{
	enum notice_kind kind = kind_of(gate, event);

	if (kind == NOTHING)
		return false;
	if (kind == NOTICE_KILL) {
		gather_kill(gate, event);
		if (gate->kills_told_usec > 0 &&
		    now_usec < gate->kills_told_usec + NOTICE_GATHER_USEC)
			return false;
		return notice_gate_kills(gate, now_usec, ret);
	}
	if (gate->lines[kind].is_above ||
	    (gate->lines[kind].told_usec > 0 &&
	     now_usec < gate->lines[kind].told_usec + NOTICE_AGAIN_USEC))
		return false;
	/* An escape has no height: one that is seen once is told by one event. */
	gate->lines[kind].is_above = kind != NOTICE_ESCAPE;
	gate->lines[kind].told_usec = now_usec;
	*ret = (struct notice_subject){ .kind = kind, .event = *event };
	return true;
}

const char *notice_kind_name(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_MEMORY:
		return "memory";
	case NOTICE_SWAP:
		return "swap";
	case NOTICE_TASKS:
		return "tasks";
	case NOTICE_ESCAPE:
		return "escape";
	case NOTICE_KILL:
		return "kill";
	case NOTICE_KIND_COUNT:
		break;
	}
	return "unknown";
}
