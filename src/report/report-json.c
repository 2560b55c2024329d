/* SPDX-License-Identifier: MIT */

/* The record as JSON, schema "oc-run.report.v1" (oc-run(1) documents it: change both). */

#include <stdio.h>
#include <sys/wait.h>

#include "json-build.h"
#include "judgement.h"
#include "report-disk.h"
#include "report-json-parts.h"

#define SCHEMA "oc-run.report.v1"

static void add_command(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *command = json_add_object(json, parent, "command");
	cJSON *argv = json_add_array(json, command, "argv");

	json_add_text(json, command, "name", report_command_name(record));
	json_add_text(json, command, "executable", record->plan->executable);
	for (size_t i = 0; record->plan->command[i]; i++)
		json_append_text(json, argv, record->plan->command[i]);
}

static void add_identity(struct json *json, cJSON *parent, const struct session_record *record)
{
	json_add_text(json, parent, "session", record->plan->id);
	json_add_text(json, parent, "name", record->plan->name);
	add_command(json, parent, record);
	json_add_text(json, parent, "backend", backend_kind_name(record->backend));
	json_add_text(json, parent, "unit",
		      record->backend == BACKEND_SYSTEMD ? record->plan->unit : NULL);
	json_add_text(json, parent, "cgroup", record->cgroup_path);
	json_add_text(json, parent, "systemd_refused",
		      record->systemd_refused[0] ? record->systemd_refused : NULL);
	json_add_time(json, parent, "started", record->started_realtime_usec);
}

static const char *unit_name(enum limit_kind kind)
{
	switch (kind) {
	case LIMIT_KIND_BYTES:
		return "bytes";
	case LIMIT_KIND_COUNT:
		return "tasks";
	case LIMIT_KIND_CPUS:
		return "millicpus";
	case LIMIT_KIND_WEIGHT:
		return "weight";
	}
	return "";
}

static const char *enforced_by(const struct session_record *record, enum limit_id id)
{
	switch (record->plan->limits[id].enforcer) {
	case ENFORCER_KERNEL:
		return report_limit_is_missing(record, id) ? "nobody" : "kernel";
	case ENFORCER_WATCH:
		return "watching";
	case ENFORCER_NONE:
		break;
	}
	return "nobody";
}

void report_json_limits(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *limits = json_add_array(json, parent, "limits");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		const struct plan_limit *limit = &record->plan->limits[id];
		cJSON *item = json_append_object(json, limits);

		json_add_text(json, item, "name", limit_row(id)->key);
		json_add_limit_value(json, item, "value", limit->value);
		json_add_text(json, item, "unit", unit_name(limit_row(id)->kind));
		json_add_bool(json, item, "asked", limit->asked);
		json_add_text(json, item, "where", limit->where);
		json_add_text(json, item, "enforced_by", enforced_by(record, id));
	}
}

static void add_exit(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *ending = json_add_object(json, parent, "exit");

	json_add_number(json, ending, "status", (uint64_t)outcome_exit_status(record));
	if (record->agent_ended && WIFEXITED(record->wait_status))
		json_add_number(json, ending, "code", (uint64_t)WEXITSTATUS(record->wait_status));
	else if (record->agent_ended && WIFSIGNALED(record->wait_status))
		json_add_signal(json, ending, WTERMSIG(record->wait_status));
}

static void add_stop(struct json *json, cJSON *parent, const struct session_record *record)
{
	static const char *const reasons[] = {
		[STOP_NONE] = NULL,	    [STOP_SIGNAL] = "signal", [STOP_HANGUP] = "hangup",
		[STOP_SYSTEMD] = "systemd", [STOP_MEMORY] = "memory", [STOP_SLICE] = "slice",
		[STOP_RESTART] = "restart",
	};
	cJSON *stop;

	if (record->stop_reason == STOP_NONE) {
		json_add_null(json, parent, "stop");
		return;
	}
	stop = json_add_object(json, parent, "stop");
	json_add_text(json, stop, "reason", reasons[record->stop_reason]);
	if (record->stop_signal > 0)
		json_add_signal(json, stop, record->stop_signal);
}

void report_json_peaks(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *peaks = json_add_object(json, parent, "peaks");

	json_add_number(json, peaks, "memory_bytes", record->memory_peak_bytes);
	json_add_number(json, peaks, "unreclaimable_bytes", record->unreclaimable_peak_bytes);
	json_add_number(json, peaks, "swap_bytes", record->swap_peak_bytes);
	json_add_number(json, peaks, "tasks", record->tasks_peak);
	json_add_bool(json, peaks, "sampled", record->peak_is_sampled);
}

static void add_memory_events(struct json *json, cJSON *parent, const char *name,
			      const struct memory_events *events)
{
	cJSON *object = json_add_object(json, parent, name);

	json_add_number(json, object, "low", events->low);
	json_add_number(json, object, "high", events->high);
	json_add_number(json, object, "max", events->max);
	json_add_number(json, object, "oom", events->oom);
	json_add_number(json, object, "oom_kill", events->oom_kill);
	json_add_number(json, object, "oom_group_kill", events->oom_group_kill);
}

/* Under the names of the kernel's files. */
static void add_counters(struct json *json, cJSON *parent, const struct session_record *record)
{
	const struct pressure *pressure = &record->usage.memory_pressure;
	cJSON *counters = json_add_object(json, parent, "counters");
	cJSON *object;

	add_memory_events(json, counters, "memory.events", &record->counters.memory);
	add_memory_events(json, counters, "memory.events.local", &record->counters.memory_local);
	object = json_add_object(json, counters, "memory.swap.events");
	json_add_number(json, object, "high", record->counters.swap.high);
	json_add_number(json, object, "max", record->counters.swap.max);
	json_add_number(json, object, "fail", record->counters.swap.fail);
	object = json_add_object(json, counters, "pids.events");
	json_add_number(json, object, "max", record->counters.pids.max);
	json_add_seconds(json, counters, "cpu_seconds", record->usage.cpu_usec);
	if (pressure->known)
		json_add_seconds(json, counters, "memory_stall_seconds", pressure->some_total_usec);
	else
		json_add_null(json, counters, "memory_stall_seconds");
}

static void add_victim(struct json *json, cJSON *object, const struct record_victim *victim)
{
	json_add_number(json, object, "pid", (uint64_t)victim->pid);
	json_add_text(json, object, "name", victim->name);
	json_add_text(json, object, "command", victim->command[0] ? victim->command : NULL);
	if (victim->bytes > 0)
		json_add_number(json, object, "bytes", victim->bytes);
	else
		json_add_null(json, object, "bytes");
	json_add_text(json, object, "source", victim_source_name(victim->source));
	json_add_bool(json, object, "is_command", victim->is_agent);
}

static void add_memory(struct json *json, cJSON *item, const struct record_event *event)
{
	cJSON *memory = json_add_object(json, item, "memory");

	json_add_number(json, memory, "used_bytes", event->memory_bytes);
	json_add_number(json, memory, "unreclaimable_bytes", event->unreclaimable_bytes);
}

static void add_evidence(struct json *json, cJSON *item, const struct pressure_evidence *evidence)
{
	cJSON *object = json_add_object(json, item, "evidence");

	json_add_seconds(json, object, "seconds", evidence->over_usec);
	json_add_number(json, object, "high_bytes", evidence->high_bytes);
	json_add_number(json, object, "used_bytes", evidence->current_bytes);
	json_add_number(json, object, "grown_bytes", evidence->grown_bytes);
	json_add_number(json, object, "high_events", evidence->high_events);
	if (evidence->stall_is_known)
		json_add_number(json, object, "stalled_percent", evidence->stalled_percent);
	else
		json_add_null(json, object, "stalled_percent");
}

void report_json_fill_event(struct json *json, cJSON *item, const struct record_event *event)
{
	json_add_text(json, item, "event", record_event_kind_name(event->kind));
	json_add_time(json, item, "time", event->realtime_usec);
	json_add_seconds(json, item, "at_seconds", event->at_usec);
	/* Which limit, by its name: numbers of an enum mean nothing outside. */
	if (event->kind == RECORD_WATCH_KILL && event->value < LIMIT_COUNT)
		json_add_text(json, item, "limit", limit_row((enum limit_id)event->value)->key);
	else if (event->kind == RECORD_LADDER || event->kind == RECORD_STOP_ASKED ||
		 event->kind == RECORD_TOOL_ENDED)
		json_add_signal(json, item, (int)event->value);
	else
		json_add_number(json, item, "count", event->value);
	json_add_text(json, item, "detail", event->detail[0] ? event->detail : NULL);
	if (event->memory_bytes > 0)
		add_memory(json, item, event);
	if (event->kind == RECORD_LIVELOCK)
		add_evidence(json, item, &event->evidence);
	if (event->victim.pid > 0)
		add_victim(json, json_add_object(json, item, "victim"), &event->victim);
}

static void add_events(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *events = json_add_array(json, parent, "events");

	for (size_t i = 0; i < record->event_count; i++)
		report_json_fill_event(json, json_append_object(json, events), &record->events[i]);
	json_add_number(json, parent, "events_dropped", record->events_dropped);
}

void report_json_victims(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *victims = json_add_array(json, parent, "victims");

	for (size_t i = 0; i < record->event_count; i++) {
		const struct record_event *event = &record->events[i];
		cJSON *item;

		if (event->victim.pid <= 0 ||
		    (event->kind != RECORD_OOM_KILL && event->kind != RECORD_WATCH_KILL))
			continue;
		item = json_append_object(json, victims);
		add_victim(json, item, &event->victim);
		json_add_text(json, item, "killed_by",
			      event->kind == RECORD_OOM_KILL ? "kernel" : "oc-run");
	}
}

static void add_leftover_groups(struct json *json, cJSON *parent,
				const struct session_record *record)
{
	_cleanup_free_ struct report_group *groups = NULL;
	cJSON *array = json_add_array(json, parent, "groups");
	size_t count = 0;

	if (report_group(record, REPORT_GROUP_LEFTOVERS, &groups, &count) < 0)
		json->failed = true;
	for (size_t i = 0; i < count; i++) {
		cJSON *item = json_append_object(json, array);

		json_add_text(json, item, "name", groups[i].name);
		json_add_number(json, item, "count", groups[i].count);
		json_add_number(json, item, "bytes", groups[i].bytes);
	}
}

static void add_leftovers(struct json *json, cJSON *parent, const struct session_record *record,
			  const struct report_tally *tally)
{
	cJSON *leftovers = json_add_object(json, parent, "leftovers"), *items;

	json_add_number(json, leftovers, "count", record->leftover_count);
	json_add_number(json, leftovers, "bytes", tally->leftover_bytes);
	add_leftover_groups(json, leftovers, record);
	items = json_add_array(json, leftovers, "items");
	for (size_t i = 0; i < record->leftover_count; i++) {
		const struct record_leftover *leftover = &record->leftovers[i];
		cJSON *item = json_append_object(json, items);

		json_add_number(json, item, "pid", (uint64_t)leftover->pid);
		json_add_text(json, item, "name", leftover->name);
		json_add_number(json, item, "bytes", leftover->bytes);
		json_add_seconds(json, item, "age_seconds", leftover->age_usec);
		json_add_bool(json, item, "outside", leftover->outside);
	}
}

static void add_raises(struct json *json, cJSON *parent, const struct session_record *record,
		       const struct report_tally *tally)
{
	cJSON *raises = json_add_array(json, parent, "raise");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		cJSON *item;

		if (!report_wants_raise(record, tally, id))
			continue;
		item = json_append_object(json, raises);
		json_add_text(json, item, "limit", limit_row(id)->key);
		json_add_number(json, item, "to", report_raised_limit(record, id));
	}
}

static void add_next(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *array = json_add_array(json, parent, "next");
	char **steps;

	if (report_next_steps(record, &steps) < 0) {
		json->failed = true;
		return;
	}
	for (size_t i = 0; steps[i]; i++)
		json_append_text(json, array, steps[i]);
	report_free_strings(steps);
}

void report_json_outcome(struct json *json, cJSON *parent, const struct session_record *record,
			 const struct report_tally *tally)
{
	_cleanup_free_ char *headline = report_headline(record);
	cJSON *object;

	if (!headline)
		json->failed = true;
	json_add_seconds(json, parent, "duration_seconds", record->duration_usec);
	json_add_text(json, parent, "outcome", outcome_name(outcome_classify(record)));
	json_add_text(json, parent, "summary", headline);
	add_exit(json, parent, record);
	add_stop(json, parent, record);
	object = json_add_object(json, parent, "kills");
	json_add_number(json, object, "count", tally->kills);
	json_add_number(json, object, "unnamed", tally->kills_unnamed);
	json_add_bool(json, object, "own_limit", tally->kills > 0 && !tally->from_above);
	json_add_number(json, parent, "tools_ended", tally->tools_ended);
	json_add_number(json, parent, "forks_denied", tally->forks_denied);
	object = json_add_object(json, parent, "escapes");
	json_add_number(json, object, "count", tally->escapes);
	json_add_number(json, object, "brought_back", record->recaptured);
}

static void add_restart(struct json *json, cJSON *parent, const struct session_record *record)
{
	const struct record_restart *restart = &record->restart;
	cJSON *object = json_add_object(json, parent, "restart");

	json_add_text(json, object, "after", restart->after[0] ? restart->after : NULL);
	json_add_bool(json, object, "again", restart->again);
	json_add_text(json, object, "why_not", restart->why_not[0] ? restart->why_not : NULL);
}

static void fill_report(struct json *json, cJSON *report, const struct session_record *record)
{
	struct report_tally tally;

	report_tally(record, &tally);
	json_add_text(json, report, "schema", SCHEMA);
	add_identity(json, report, record);
	report_json_outcome(json, report, record, &tally);
	report_json_limits(json, report, record);
	report_json_peaks(json, report, record);
	add_counters(json, report, record);
	add_events(json, report, record);
	report_json_victims(json, report, record);
	add_leftovers(json, report, record, &tally);
	json_add_text(json, report, "unkillable", record->unkillable);
	report_disk_json(json, report, record);
	json_add_bool(json, report, "terminal_was_reset", record->terminal_was_reset);
	json_add_text(json, report, "resume", record->resume_command);
	add_restart(json, report, record);
	add_raises(json, report, record, &tally);
	add_next(json, report, record);
}

char *report_json(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *report = json_new_object(&json);

	fill_report(&json, report, record);
	return json_finish(&json, report, true);
}

char *report_json_started(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	json_add_text(&json, line, "event", "started");
	json_add_text(&json, line, "schema", SCHEMA);
	add_identity(&json, line, record);
	json_add_number(&json, line, "pid", (uint64_t)record->agent_pid);
	report_json_limits(&json, line, record);
	return json_finish(&json, line, false);
}

char *report_json_event(const struct session_record *record, const struct record_event *event)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	report_json_fill_event(&json, line, event);
	json_add_text(&json, line, "session", record->plan->id);
	return json_finish(&json, line, false);
}

char *report_json_ended(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *line = json_new_object(&json);

	json_add_text(&json, line, "event", "ended");
	json_add_text(&json, line, "session", record->plan->id);
	fill_report(&json, json_add_object(&json, line, "report"), record);
	return json_finish(&json, line, false);
}
