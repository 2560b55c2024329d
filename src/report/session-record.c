/* SPDX-License-Identifier: MIT */

/* The table of a session's events, and the end of a record. It only keeps; judging is outcome.c's
 * part, words are report-text.c's. */

#include <string.h>

#include "oc-run/session-record.h"

static bool is_noisy(enum record_event_kind kind)
{
	return kind == RECORD_HIGH || kind == RECORD_MEMORY_MAX || kind == RECORD_FORK_DENIED ||
	       kind == RECORD_SWAP_FULL || kind == RECORD_HIGH_LOWERED ||
	       kind == RECORD_SWAP_HELD || kind == RECORD_SWAP_FREED || kind == RECORD_PRESSURE ||
	       kind == RECORD_PRESSURE_OVER;
}

struct record_event *session_record_add(struct session_record *record, enum record_event_kind kind,
					uint64_t at_usec, uint64_t realtime_usec)
{
	size_t room = is_noisy(kind) ? RECORD_EVENTS_NOISY_MAX : RECORD_EVENTS_MAX;
	struct record_event *event;

	if (record->event_count >= room) {
		record->events_dropped++;
		return NULL;
	}

	event = &record->events[record->event_count++];
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->at_usec = at_usec;
	event->realtime_usec = realtime_usec;
	return event;
}

const char *record_event_kind_name(enum record_event_kind kind)
{
	switch (kind) {
	case RECORD_HIGH:
		return "memory-high";
	case RECORD_HIGH_LOWERED:
		return "memory-high-lowered";
	case RECORD_SWAP_HELD:
		return "swap-held";
	case RECORD_SWAP_FREED:
		return "swap-freed";
	case RECORD_LIVELOCK:
		return "livelock";
	case RECORD_PRESSURE:
		return "memory-short";
	case RECORD_PRESSURE_OVER:
		return "memory-eased";
	case RECORD_TOOL_ENDED:
		return "tool-ended";
	case RECORD_MEMORY_MAX:
		return "memory-max";
	case RECORD_OOM_KILL:
		return "oom-kill";
	case RECORD_WATCH_KILL:
		return "watch-kill";
	case RECORD_FORK_DENIED:
		return "fork-denied";
	case RECORD_SWAP_FULL:
		return "swap-full";
	case RECORD_ESCAPE:
		return "escape";
	case RECORD_LIMIT_CHANGED:
		return "limit-changed";
	case RECORD_STOP_ASKED:
		return "stop-asked";
	case RECORD_LADDER:
		return "ladder";
	case RECORD_EVENT_KIND_COUNT:
		break;
	}
	return "unknown";
}

void session_record_finish(struct session_record *record)
{
	if (!record)
		return;

	free(record->cgroup_path);
	free(record->leftovers);
	free(record->unkillable);
	free(record->resume_id);
	free(record->resume_command);
	free(record->resume_find_command);
	free(record->tmp_path);
	snapshot_result_finish(&record->snapshots);
	memset(record, 0, sizeof(*record));
}
