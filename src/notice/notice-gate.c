/* SPDX-License-Identifier: MIT */

/* See notice-gate.h. Times are of any one clock, and never 0. */

#include "oc-run/notice-gate.h"

#include <signal.h>

#include "oc-run/limits.h"

#define NOTHING NOTICE_KIND_COUNT

void notice_gate_init(struct notice_gate *gate, const struct notice_limits *limits)
{
	*gate = (struct notice_gate){ .limits = *limits };
}

static bool is_down(uint64_t value, uint64_t line, uint64_t told_usec, uint64_t now_usec)
{
	if (line != LIMIT_UNLIMITED)
		return value < line / 4 * 3;
	return now_usec >= told_usec + NOTICE_BLIND_USEC;
}

static void leave(struct notice_line *line)
{
	line->is_above = line->is_due = false;
}

void notice_gate_figures(struct notice_gate *gate, uint64_t now_usec, const struct figures *figures)
{
	struct notice_line *swap = &gate->lines[NOTICE_SWAP], *tasks = &gate->lines[NOTICE_TASKS];

	if (is_down(figures->swap_bytes, gate->limits.swap_max, swap->told_usec, now_usec))
		leave(swap);
	if (is_down(figures->tasks, gate->limits.tasks_max, tasks->told_usec, now_usec))
		leave(tasks);
}

static enum notice_kind kind_of(const struct record_event *event)
{
	switch (event->kind) {
	case RECORD_PRESSURE:
		return NOTICE_MEMORY;
	case RECORD_LIVELOCK:
		return NOTICE_STANDSTILL;
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
	case RECORD_TOOL_ENDED:
		/* SIGKILL follows where SIGTERM did not help: the same tool. */
		return event->value == SIGKILL ? NOTHING : NOTICE_TOOL_ENDED;
	case RECORD_STOP_ASKED:
		return event->reason == STOP_MEMORY || event->reason == STOP_SLICE
			       ? NOTICE_COMMAND_ENDED
			       : NOTHING;
	case RECORD_HIGH: /* page cache alone does that, and is no shortage */
	case RECORD_HIGH_LOWERED:
	case RECORD_SWAP_HELD:
	case RECORD_SWAP_FREED:
	case RECORD_MEMORY_MAX:
	case RECORD_PRESSURE_OVER:
	case RECORD_LIMIT_CHANGED:
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

/* 0: there is nothing to wait for. */
static uint64_t kills_due_usec(const struct notice_gate *gate)
{
	if (gate->kills.kills == 0)
		return 0;
	/* The first at once. */
	return gate->kills_told_usec > 0 ? gate->kills_told_usec + NOTICE_GATHER_USEC : 1;
}

static uint64_t line_due_usec(const struct notice_line *line)
{
	if (!line->is_due)
		return 0;
	return line->told_usec > 0 ? line->told_usec + NOTICE_AGAIN_USEC : 1;
}

uint64_t notice_gate_wake_usec(const struct notice_gate *gate)
{
	uint64_t wake_usec = kills_due_usec(gate);

	for (size_t i = 0; i < NOTICE_KIND_COUNT; i++) {
		uint64_t due_usec = line_due_usec(&gate->lines[i]);

		if (due_usec > 0 && (wake_usec == 0 || due_usec < wake_usec))
			wake_usec = due_usec;
	}
	return wake_usec;
}

bool notice_gate_end(struct notice_gate *gate, struct notice_subject *ret)
{
	if (gate->kills.kills == 0)
		return false;
	*ret = gate->kills;
	gate->kills = (struct notice_subject){ 0 };
	return true;
}

static bool is_due(uint64_t due_usec, uint64_t now_usec)
{
	return due_usec > 0 && now_usec >= due_usec;
}

bool notice_gate_due(struct notice_gate *gate, uint64_t now_usec, struct notice_subject *ret)
{
	if (is_due(kills_due_usec(gate), now_usec)) {
		gate->kills_told_usec = now_usec;
		return notice_gate_end(gate, ret);
	}
	for (int kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
		struct notice_line *line = &gate->lines[kind];

		if (!is_due(line_due_usec(line), now_usec))
			continue;
		line->is_due = false;
		line->told_usec = now_usec;
		*ret = (struct notice_subject){ .kind = (enum notice_kind)kind,
						.event = line->event };
		return true;
	}
	return false;
}

bool notice_gate_event(struct notice_gate *gate, uint64_t now_usec,
		       const struct record_event *event, struct notice_subject *ret)
{
	enum notice_kind kind = kind_of(event);

	if (event->kind == RECORD_PRESSURE_OVER)
		leave(&gate->lines[NOTICE_MEMORY]);
	if (kind == NOTHING)
		return false;
	if (kind == NOTICE_TOOL_ENDED || kind == NOTICE_COMMAND_ENDED) {
		*ret = (struct notice_subject){ .kind = kind, .event = *event };
		return true;
	}
	if (kind == NOTICE_KILL) {
		gather_kill(gate, event);
	} else if (!gate->lines[kind].is_above) {
		/* An escape and a standstill are no states that are left: each is told for itself. */
		gate->lines[kind].is_above = kind != NOTICE_ESCAPE && kind != NOTICE_STANDSTILL;
		gate->lines[kind].is_due = true;
		gate->lines[kind].event = *event;
	}
	return notice_gate_due(gate, now_usec, ret);
}

const char *notice_kind_name(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_MEMORY:
		return "memory";
	case NOTICE_STANDSTILL:
		return "standstill";
	case NOTICE_SWAP:
		return "swap";
	case NOTICE_TASKS:
		return "tasks";
	case NOTICE_ESCAPE:
		return "escape";
	case NOTICE_TOOL_ENDED:
		return "tool-ended";
	case NOTICE_COMMAND_ENDED:
		return "command-ended";
	case NOTICE_KILL:
		return "kill";
	case NOTICE_KIND_COUNT:
		break;
	}
	return "unknown";
}
