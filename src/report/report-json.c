/* SPDX-License-Identifier: MIT */

/*
 * The record as JSON, schema "oc-run.report.v1" (oc-run(1) documents it: change both). cJSON keeps
 * numbers as doubles and prints them in its own way, so that integers go in as raw text: a size is
 * exact to the byte. Names and arguments may hold any bytes; JSON is UTF-8, hence safe_text_utf8().
 *
 * cJSON's adders return NULL when memory runs out; the builders below only note that in
 * json->failed, and nothing is printed then.
 */

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "judgement.h"
#include "report-time.h"
#include "safe-text.h"

#define SCHEMA "oc-run.report.v1"

struct json {
	bool failed;
};

static cJSON *check(struct json *json, cJSON *item)
{
	if (!item)
		json->failed = true;
	return item;
}

static cJSON *add_object(struct json *json, cJSON *parent, const char *name)
{
	return check(json, cJSON_AddObjectToObject(parent, name));
}

static cJSON *add_array(struct json *json, cJSON *parent, const char *name)
{
	return check(json, cJSON_AddArrayToObject(parent, name));
}

static cJSON *append_object(struct json *json, cJSON *array)
{
	cJSON *object = check(json, cJSON_CreateObject());

	if (object && !cJSON_AddItemToArray(array, object)) {
		cJSON_Delete(object);
		json->failed = true;
		return NULL;
	}
	return object;
}

static void add_null(struct json *json, cJSON *parent, const char *name)
{
	(void)check(json, cJSON_AddNullToObject(parent, name));
}

static void add_bool(struct json *json, cJSON *parent, const char *name, bool value)
{
	(void)check(json, cJSON_AddBoolToObject(parent, name, value));
}

/* NULL gives null. */
static void add_text(struct json *json, cJSON *parent, const char *name, const char *text)
{
	_cleanup_free_ char *clean = text ? safe_text_utf8(text) : NULL;

	if (!text)
		add_null(json, parent, name);
	else if (!clean || !cJSON_AddStringToObject(parent, name, clean))
		json->failed = true;
}

static void append_text(struct json *json, cJSON *array, const char *text)
{
	_cleanup_free_ char *clean = safe_text_utf8(text);
	cJSON *item = clean ? cJSON_CreateString(clean) : NULL;

	if (!item || !cJSON_AddItemToArray(array, item)) {
		cJSON_Delete(item);
		json->failed = true;
	}
}

static void add_number(struct json *json, cJSON *parent, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	(void)check(json, cJSON_AddRawToObject(parent, name, text));
}

/* "max" is null. */
static void add_limit_value(struct json *json, cJSON *parent, const char *name, uint64_t value)
{
	if (value == LIMIT_UNLIMITED)
		add_null(json, parent, name);
	else
		add_number(json, parent, name, value);
}

/* Seconds with thousandths, without a detour through floating point and the locale's comma. */
static void add_seconds(struct json *json, cJSON *parent, const char *name, uint64_t usec)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", usec / 1000000,
		       (unsigned)(usec / 1000 % 1000));
	(void)check(json, cJSON_AddRawToObject(parent, name, text));
}

static void add_time(struct json *json, cJSON *parent, const char *name, uint64_t realtime_usec)
{
	char text[REPORT_TIME_MAX];

	report_time_format(realtime_usec, text);
	add_text(json, parent, name, text);
}

static void add_signal(struct json *json, cJSON *parent, int signal_number)
{
	const char *abbreviation = sigabbrev_np(signal_number);
	char name[24];

	add_number(json, parent, "signal", (uint64_t)signal_number);
	(void)snprintf(name, sizeof(name), "SIG%s", abbreviation ? abbreviation : "");
	add_text(json, parent, "signal_name", abbreviation ? name : NULL);
}

static void add_command(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *command = add_object(json, parent, "command");
	cJSON *argv = add_array(json, command, "argv");

	add_text(json, command, "name", report_command_name(record));
	add_text(json, command, "executable", record->plan->executable);
	for (size_t i = 0; record->plan->command[i]; i++)
		append_text(json, argv, record->plan->command[i]);
}

static void add_identity(struct json *json, cJSON *parent, const struct session_record *record)
{
	add_text(json, parent, "session", record->plan->id);
	add_text(json, parent, "name", record->plan->name);
	add_command(json, parent, record);
	add_text(json, parent, "backend", backend_kind_name(record->backend));
	add_text(json, parent, "unit",
		 record->backend == BACKEND_SYSTEMD ? record->plan->unit : NULL);
	add_text(json, parent, "cgroup", record->cgroup_path);
	add_time(json, parent, "started", record->started_realtime_usec);
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

static void add_limits(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *limits = add_array(json, parent, "limits");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		const struct plan_limit *limit = &record->plan->limits[id];
		cJSON *item = append_object(json, limits);

		add_text(json, item, "name", limit_row(id)->key);
		add_limit_value(json, item, "value", limit->value);
		add_text(json, item, "unit", unit_name(limit_row(id)->kind));
		add_bool(json, item, "asked", limit->asked);
		add_text(json, item, "where", limit->where);
		add_text(json, item, "enforced_by", enforced_by(record, id));
	}
}

static void add_exit(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *ending = add_object(json, parent, "exit");

	add_number(json, ending, "status", (uint64_t)outcome_exit_status(record));
	if (record->agent_ended && WIFEXITED(record->wait_status))
		add_number(json, ending, "code", (uint64_t)WEXITSTATUS(record->wait_status));
	else if (record->agent_ended && WIFSIGNALED(record->wait_status))
		add_signal(json, ending, WTERMSIG(record->wait_status));
}

static void add_stop(struct json *json, cJSON *parent, const struct session_record *record)
{
	static const char *const reasons[] = {
		[STOP_NONE] = NULL,
		[STOP_SIGNAL] = "signal",
		[STOP_HANGUP] = "hangup",
		[STOP_SYSTEMD] = "systemd",
	};
	cJSON *stop;

	if (record->stop_reason == STOP_NONE) {
		add_null(json, parent, "stop");
		return;
	}
	stop = add_object(json, parent, "stop");
	add_text(json, stop, "reason", reasons[record->stop_reason]);
	if (record->stop_signal > 0)
		add_signal(json, stop, record->stop_signal);
}

static void add_peaks(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *peaks = add_object(json, parent, "peaks");

	add_number(json, peaks, "memory_bytes", record->memory_peak_bytes);
	add_number(json, peaks, "swap_bytes", record->swap_peak_bytes);
	add_number(json, peaks, "tasks", record->tasks_peak);
	add_bool(json, peaks, "sampled", record->peak_is_sampled);
}

static void add_memory_events(struct json *json, cJSON *parent, const char *name,
			      const struct memory_events *events)
{
	cJSON *object = add_object(json, parent, name);

	add_number(json, object, "low", events->low);
	add_number(json, object, "high", events->high);
	add_number(json, object, "max", events->max);
	add_number(json, object, "oom", events->oom);
	add_number(json, object, "oom_kill", events->oom_kill);
	add_number(json, object, "oom_group_kill", events->oom_group_kill);
}

/* Under the names of the kernel's files. */
static void add_counters(struct json *json, cJSON *parent, const struct session_record *record)
{
	const struct pressure *pressure = &record->usage.memory_pressure;
	cJSON *counters = add_object(json, parent, "counters");
	cJSON *object;

	add_memory_events(json, counters, "memory.events", &record->counters.memory);
	add_memory_events(json, counters, "memory.events.local", &record->counters.memory_local);
	object = add_object(json, counters, "memory.swap.events");
	add_number(json, object, "high", record->counters.swap.high);
	add_number(json, object, "max", record->counters.swap.max);
	add_number(json, object, "fail", record->counters.swap.fail);
	object = add_object(json, counters, "pids.events");
	add_number(json, object, "max", record->counters.pids.max);
	add_seconds(json, counters, "cpu_seconds", record->usage.cpu_usec);
	if (pressure->known)
		add_seconds(json, counters, "memory_stall_seconds", pressure->some_total_usec);
	else
		add_null(json, counters, "memory_stall_seconds");
}

static void add_victim(struct json *json, cJSON *object, const struct record_victim *victim)
{
	add_number(json, object, "pid", (uint64_t)victim->pid);
	add_text(json, object, "name", victim->name);
	add_text(json, object, "command", victim->command[0] ? victim->command : NULL);
	if (victim->bytes > 0)
		add_number(json, object, "bytes", victim->bytes);
	else
		add_null(json, object, "bytes");
	add_text(json, object, "source", victim_source_name(victim->source));
	add_bool(json, object, "is_command", victim->is_agent);
}

static void fill_event(struct json *json, cJSON *item, const struct record_event *event)
{
	add_text(json, item, "event", record_event_kind_name(event->kind));
	add_time(json, item, "time", event->realtime_usec);
	add_seconds(json, item, "at_seconds", event->at_usec);
	/* Which limit, by its name: numbers of an enum mean nothing outside. */
	if (event->kind == RECORD_WATCH_KILL && event->value < LIMIT_COUNT)
		add_text(json, item, "limit", limit_row((enum limit_id)event->value)->key);
	else if (event->kind == RECORD_LADDER || event->kind == RECORD_STOP_ASKED)
		add_signal(json, item, (int)event->value);
	else
		add_number(json, item, "count", event->value);
	add_text(json, item, "detail", event->detail[0] ? event->detail : NULL);
	if (event->victim.pid > 0)
		add_victim(json, add_object(json, item, "victim"), &event->victim);
}

static void add_events(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *events = add_array(json, parent, "events");

	for (size_t i = 0; i < record->event_count; i++)
		fill_event(json, append_object(json, events), &record->events[i]);
	add_number(json, parent, "events_dropped", record->events_dropped);
}

static void add_victims(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *victims = add_array(json, parent, "victims");

	for (size_t i = 0; i < record->event_count; i++) {
		const struct record_event *event = &record->events[i];
		cJSON *item;

		if (event->victim.pid <= 0 || (event->kind != RECORD_OOM_KILL &&
					       event->kind != RECORD_WATCH_KILL))
			continue;
		item = append_object(json, victims);
		add_victim(json, item, &event->victim);
		add_text(json, item, "killed_by",
			 event->kind == RECORD_OOM_KILL ? "kernel" : "oc-run");
	}
}

static void add_leftover_groups(struct json *json, cJSON *parent,
				const struct session_record *record)
{
	_cleanup_free_ struct report_group *groups = NULL;
	cJSON *array = add_array(json, parent, "groups");
	size_t count = 0;

	if (report_group(record, REPORT_GROUP_LEFTOVERS, &groups, &count) < 0)
		json->failed = true;
	for (size_t i = 0; i < count; i++) {
		cJSON *item = append_object(json, array);

		add_text(json, item, "name", groups[i].name);
		add_number(json, item, "count", groups[i].count);
		add_number(json, item, "bytes", groups[i].bytes);
	}
}

static void add_leftovers(struct json *json, cJSON *parent, const struct session_record *record,
			  const struct report_tally *tally)
{
	cJSON *leftovers = add_object(json, parent, "leftovers"), *items;

	add_number(json, leftovers, "count", record->leftover_count);
	add_number(json, leftovers, "bytes", tally->leftover_bytes);
	add_leftover_groups(json, leftovers, record);
	items = add_array(json, leftovers, "items");
	for (size_t i = 0; i < record->leftover_count; i++) {
		const struct record_leftover *leftover = &record->leftovers[i];
		cJSON *item = append_object(json, items);

		add_number(json, item, "pid", (uint64_t)leftover->pid);
		add_text(json, item, "name", leftover->name);
		add_number(json, item, "bytes", leftover->bytes);
		add_seconds(json, item, "age_seconds", leftover->age_usec);
		add_bool(json, item, "outside", leftover->outside);
	}
}

static void add_raises(struct json *json, cJSON *parent, const struct session_record *record,
		       const struct report_tally *tally)
{
	cJSON *raises = add_array(json, parent, "raise");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		cJSON *item;

		if (!report_wants_raise(record, tally, id))
			continue;
		item = append_object(json, raises);
		add_text(json, item, "limit", limit_row(id)->key);
		add_number(json, item, "to", report_raised_limit(record, id));
	}
}

static void add_next(struct json *json, cJSON *parent, const struct session_record *record)
{
	cJSON *array = add_array(json, parent, "next");
	char **steps;

	if (report_next_steps(record, &steps) < 0) {
		json->failed = true;
		return;
	}
	for (size_t i = 0; steps[i]; i++)
		append_text(json, array, steps[i]);
	report_free_strings(steps);
}

static void add_outcome(struct json *json, cJSON *parent, const struct session_record *record,
			const struct report_tally *tally)
{
	_cleanup_free_ char *headline = report_headline(record);
	cJSON *object;

	if (!headline)
		json->failed = true;
	add_seconds(json, parent, "duration_seconds", record->duration_usec);
	add_text(json, parent, "outcome", outcome_name(outcome_classify(record)));
	add_text(json, parent, "summary", headline);
	add_exit(json, parent, record);
	add_stop(json, parent, record);
	object = add_object(json, parent, "kills");
	add_number(json, object, "count", tally->kills);
	add_number(json, object, "unnamed", tally->kills_unnamed);
	add_bool(json, object, "own_limit", tally->kills > 0 && !tally->from_above);
	add_number(json, parent, "forks_denied", tally->forks_denied);
	object = add_object(json, parent, "escapes");
	add_number(json, object, "count", tally->escapes);
	add_number(json, object, "brought_back", record->recaptured);
}

static void fill_report(struct json *json, cJSON *report, const struct session_record *record)
{
	struct report_tally tally;

	report_tally(record, &tally);
	add_text(json, report, "schema", SCHEMA);
	add_identity(json, report, record);
	add_outcome(json, report, record, &tally);
	add_limits(json, report, record);
	add_peaks(json, report, record);
	add_counters(json, report, record);
	add_events(json, report, record);
	add_victims(json, report, record);
	add_leftovers(json, report, record, &tally);
	add_text(json, report, "unkillable", record->unkillable);
	add_bool(json, report, "terminal_was_reset", record->terminal_was_reset);
	add_text(json, report, "resume", record->resume_command);
	add_raises(json, report, record, &tally);
	add_next(json, report, record);
}

/* Prints and frees @object. */
static char *finish(const struct json *json, cJSON *object, bool indent)
{
	char *text = NULL, *copy = NULL;

	if (object && !json->failed)
		text = indent ? cJSON_Print(object) : cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (text && asprintf(&copy, indent ? "%s\n" : "%s", text) < 0)
		copy = NULL;
	cJSON_free(text);
	return copy;
}

char *report_json(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *report = check(&json, cJSON_CreateObject());

	fill_report(&json, report, record);
	return finish(&json, report, true);
}

char *report_json_started(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *line = check(&json, cJSON_CreateObject());

	add_text(&json, line, "event", "started");
	add_text(&json, line, "schema", SCHEMA);
	add_identity(&json, line, record);
	add_number(&json, line, "pid", (uint64_t)record->agent_pid);
	add_limits(&json, line, record);
	return finish(&json, line, false);
}

char *report_json_event(const struct session_record *record, const struct record_event *event)
{
	struct json json = { .failed = false };
	cJSON *line = check(&json, cJSON_CreateObject());

	fill_event(&json, line, event);
	add_text(&json, line, "session", record->plan->id);
	return finish(&json, line, false);
}

char *report_json_ended(const struct session_record *record)
{
	struct json json = { .failed = false };
	cJSON *line = check(&json, cJSON_CreateObject());

	add_text(&json, line, "event", "ended");
	add_text(&json, line, "session", record->plan->id);
	fill_report(&json, add_object(&json, line, "report"), record);
	return finish(&json, line, false);
}
