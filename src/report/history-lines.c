/* SPDX-License-Identifier: MIT */

/* The lines of a history, schema "oc-run.history.v1" (oc-run(1) documents it: change both). What a
 * process was called with may hold secrets and never stands here. */

#include "oc-run/history.h"

#include <stdio.h>

#include "build-config.h"
#include "oc-run/parse.h"
#include "report-json-parts.h"

#define SCHEMA "oc-run.history.v1"

char *history_line_started(const struct session_record *record)
{
	const struct plan *plan = record->plan;
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	json_add_text(&json, line, "event", "started");
	json_add_text(&json, line, "schema", SCHEMA);
	json_add_seconds(&json, line, "at_seconds", 0);
	json_add_time(&json, line, "time", record->started_realtime_usec);
	json_add_text(&json, line, "version", OC_RUN_VERSION);
	json_add_text(&json, line, "session", plan->id);
	json_add_text(&json, line, "name", plan->name);
	json_add_text(&json, line, "command", report_command_name(record));
	json_add_text(&json, line, "profile", plan->profile ? plan->profile->name : NULL);
	json_add_number(&json, line, "pid", (uint64_t)record->agent_pid);
	json_add_text(&json, line, "backend", backend_kind_name(record->backend));
	json_add_text(&json, line, "unit", record->backend == BACKEND_SYSTEMD ? plan->unit : NULL);
	json_add_text(&json, line, "cgroup", record->cgroup_path);
	json_add_number(&json, line, "ram_bytes", record->ram_bytes);
	report_json_limits(&json, line, record);
	return json_finish(&json, line, false);
}

int history_names_of(const struct tree_sample *sample, struct history_names *ret)
{
	_cleanup_free_ struct report_group *groups = NULL;
	struct history_names names = { .count = 0 };
	size_t count = 0;
	int r = sample ? report_group_sample(sample, 0, REPORT_GROUP_BY_BYTES, &groups, &count) : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && i < HISTORY_NAMES_MAX; i++) {
		if (groups[i].bytes < MEBIBYTE)
			break;
		(void)snprintf(names.items[i].name, sizeof(names.items[i].name), "%.*s",
			       (int)sizeof(names.items[i].name) - 1, groups[i].name);
		names.items[i].bytes = groups[i].bytes;
		names.count++;
	}
	*ret = names;
	return 0;
}

static void add_names(struct json *json, cJSON *line, const struct history_names *names)
{
	cJSON *array;

	if (names->count == 0)
		return;
	array = json_add_array(json, line, "by_name");
	for (size_t i = 0; i < names->count; i++) {
		cJSON *item = json_append_object(json, array);

		json_add_text(json, item, "name", names->items[i].name);
		json_add_number(json, item, "bytes", names->items[i].bytes);
	}
}

char *history_line_sample(const struct figures *figures, const struct history_names *names)
{
	const struct pressure *pressure = &figures->memory_pressure;
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	json_add_seconds(&json, line, "at_seconds", figures->at_usec);
	json_add_number(&json, line, "unreclaimable", figures->unreclaimable_bytes);
	json_add_number(&json, line, "memory", figures->current_bytes);
	if (figures->counted) {
		json_add_number(&json, line, "anon", figures->anon_bytes);
		json_add_number(&json, line, "file", figures->file_bytes);
		json_add_number(&json, line, "shmem", figures->shmem_bytes);
		json_add_number(&json, line, "kernel", figures->kernel_bytes);
	}
	json_add_number(&json, line, "swap", figures->swap_bytes);
	json_add_number(&json, line, "tasks", figures->tasks);
	if (figures->counted)
		json_add_seconds(&json, line, "cpu_seconds", figures->cpu_usec);
	if (pressure->known) {
		json_add_seconds(&json, line, "some_seconds", pressure->some_total_usec);
		json_add_seconds(&json, line, "full_seconds", pressure->full_total_usec);
	}
	add_names(&json, line, names);
	return json_finish(&json, line, false);
}

char *history_line_event(const struct record_event *event)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	report_json_fill_event(&json, line, event);
	cJSON_DeleteItemFromObject(cJSON_GetObjectItem(line, "victim"), "command");
	return json_finish(&json, line, false);
}

char *history_line_lost(uint64_t at_usec, uint64_t realtime_usec)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	json_add_text(&json, line, "event", "lost");
	json_add_seconds(&json, line, "at_seconds", at_usec);
	json_add_time(&json, line, "time", realtime_usec);
	return json_finish(&json, line, false);
}

char *history_line_ended(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json), *victim;
	struct report_tally tally;

	report_tally(record, &tally);
	json_add_text(&json, line, "event", "ended");
	json_add_seconds(&json, line, "at_seconds", record->duration_usec);
	json_add_time(&json, line, "time", record->started_realtime_usec + record->duration_usec);
	report_json_outcome(&json, line, record, &tally);
	report_json_peaks(&json, line, record);
	report_json_victims(&json, line, record);
	cJSON_ArrayForEach(victim, cJSON_GetObjectItem(line, "victims"))
		cJSON_DeleteItemFromObject(victim, "command");
	json_add_number(&json, line, "leftovers", record->leftover_count);
	json_add_number(&json, line, "events_dropped", record->events_dropped);
	return json_finish(&json, line, false);
}
