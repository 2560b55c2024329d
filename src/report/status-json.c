/* SPDX-License-Identifier: MIT */

/* The status file's text, and when a new one is worth writing. See status.h. */

#include "oc-run/status.h"

#include <string.h>

#include "json-build.h"
#include "judgement.h"
#include "report-json-parts.h"

#define SCHEMA "oc-run.status.v1"
#define NEWS_PARTS 50 /* 2 % */
/* Below this it is never news: half a step of a small limit is noise. */
#define NEWS_BYTES_MIN (UINT64_C(4) << 20)
#define NEWS_TASKS_MIN 2

static bool is_kill(enum record_event_kind kind)
{
	return kind == RECORD_OOM_KILL || kind == RECORD_WATCH_KILL;
}

static void drop(struct status_log *log, size_t index)
{
	log->count--;
	memmove(&log->events[index], &log->events[index + 1],
		(log->count - index) * sizeof(log->events[0]));
}

static void make_room(struct status_log *log, enum record_event_kind kind)
{
	for (size_t i = 0; i < log->count && !is_kill(kind); i++) {
		if (log->events[i].event.kind == kind) {
			drop(log, i);
			return;
		}
	}
	if (log->count == STATUS_EVENTS_MAX)
		drop(log, 0);
}

void status_log_add(struct status_log *log, const struct record_event *event, bool from_above)
{
	make_room(log, event->kind);
	log->events[log->count++] = (struct status_event){
		.sequence = ++log->last_sequence,
		.event = *event,
		.from_above = from_above,
	};
	if (is_kill(event->kind))
		log->kills++;
	else if (event->kind == RECORD_FORK_DENIED)
		log->forks_denied += event->value;
}

static void add_pressure(struct json *json, cJSON *parent, const struct pressure *pressure)
{
	cJSON *object;

	if (!pressure->known) {
		json_add_null(json, parent, "memory_pressure");
		return;
	}
	object = json_add_object(json, parent, "memory_pressure");
	json_add_percent(json, object, "some_avg10_percent", pressure->some_avg10);
	json_add_percent(json, object, "full_avg10_percent", pressure->full_avg10);
}

static void add_figures(struct json *json, cJSON *parent, const struct figures *figures)
{
	cJSON *object;

	if (figures->at_usec == 0) {
		json_add_null(json, parent, "now");
		return;
	}
	object = json_add_object(json, parent, "now");
	json_add_seconds(json, object, "at_seconds", figures->at_usec);
	json_add_bool(json, object, "counted_by_kernel", figures->counted);
	json_add_number(json, object, "unreclaimable_bytes", figures->unreclaimable_bytes);
	json_add_number(json, object, "memory_bytes", figures->current_bytes);
	json_add_number(json, object, "cache_bytes", figures->file_bytes);
	json_add_number(json, object, "swap_bytes", figures->swap_bytes);
	json_add_number(json, object, "tasks", figures->tasks);
	add_pressure(json, object, &figures->memory_pressure);
}

static void add_peaks(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *object = json_add_object(json, parent, "peaks");

	json_add_number(json, object, "memory_bytes", record->memory_peak_bytes);
	json_add_number(json, object, "unreclaimable_bytes", record->unreclaimable_peak_bytes);
	json_add_number(json, object, "tasks", record->tasks_peak);
}

static void add_words(struct json *json, cJSON *item, const struct status_event *event,
		      const struct session_record *record)
{
	struct status_words words;

	if (status_words_make(event, record, &words) < 0) {
		json->failed = true;
		return;
	}
	json_add_text(json, item, "sentence", words.sentence);
	json_add_text(json, item, "advice", words.advice);
	status_words_finish(&words);
}

static void add_event(struct json *json, cJSON *array, const struct status_event *event,
		      const struct session_record *record)
{
	cJSON *item = json_append_object(json, array);

	json_add_number(json, item, "sequence", event->sequence);
	json_add_number(json, item, "time_msec", event->event.realtime_usec / 1000);
	report_json_fill_event(json, item, &event->event);
	if (is_kill(event->event.kind))
		json_add_bool(json, item, "own_limit", !event->from_above);
	add_words(json, item, event, record);
}

char *status_json(const struct status_facts *facts)
{
	const struct session_record *record = facts->record;
	struct json json = { .failed = false };
	cJSON *status = json_new_object(&json), *events;

	json_add_text(&json, status, "schema", SCHEMA);
	json_add_text(&json, status, "session", record->plan->id);
	json_add_text(&json, status, "name", record->plan->name);
	json_add_number(&json, status, "pid", (uint64_t)record->agent_pid);
	json_add_number(&json, status, "started_msec", record->started_realtime_usec / 1000);
	json_add_number(&json, status, "written_msec", facts->now_realtime_usec / 1000);
	report_json_limits(&json, status, record);
	add_figures(&json, status, facts->figures);
	add_peaks(&json, status, record);
	json_add_number(&json, status, "kills", facts->log->kills);
	json_add_number(&json, status, "forks_denied", facts->log->forks_denied);
	json_add_number(&json, status, "last_sequence", facts->log->last_sequence);
	events = json_add_array(&json, status, "events");
	for (size_t i = 0; i < facts->log->count; i++)
		add_event(&json, events, &facts->log->events[i], record);
	return json_finish(&json, status, true);
}

/* Both are told apart by more than a part of the limit, or of the larger one. */
static bool is_far(uint64_t a, uint64_t b, uint64_t limit, uint64_t least)
{
	uint64_t difference = a > b ? a - b : b - a, larger = a > b ? a : b;
	uint64_t step = (limit == LIMIT_UNLIMITED ? larger : limit) / NEWS_PARTS;

	return difference >= (step > least ? step : least);
}

bool status_is_news(const struct figures *told, const struct figures *now, const struct plan *plan)
{
	uint64_t memory = plan->limits[LIMIT_MEMORY_MAX].value;

	if (now->at_usec == 0)
		return false;
	return told->at_usec == 0 ||
	       is_far(told->unreclaimable_bytes, now->unreclaimable_bytes, memory,
		      NEWS_BYTES_MIN) ||
	       is_far(told->current_bytes, now->current_bytes, memory, NEWS_BYTES_MIN) ||
	       is_far(told->swap_bytes, now->swap_bytes, memory, NEWS_BYTES_MIN) ||
	       is_far(told->tasks, now->tasks, plan->limits[LIMIT_PIDS_MAX].value, NEWS_TASKS_MIN);
}
