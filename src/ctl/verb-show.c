/* SPDX-License-Identifier: MIT */

/* oc-ctl show: one session, as far as it can be seen from outside. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "process-order.h"
#include "report/json-build.h"
#include "report/safe-text.h"
#include "table.h"
#include "view.h"

#define LINE_COLUMNS_MAX 1000

static void print_safe(const char *text)
{
	safe_text_print(stdout, text ? text : "?", LINE_COLUMNS_MAX);
}

static void print_head(const struct ctl_view *view)
{
	const struct registry_session *session = view->session;
	const char *style = ctl_has_colours() ? ctl_state_style(view->state) : NULL;
	char age[FORMAT_TEXT_MAX];

	ctl_format_age(view->age_usec, age);
	(void)printf("%s (", session->id);
	print_safe(session->name);
	(void)printf("): %s%s%s%s%s, for %s\n", style ? "\033[" : "", style ? style : "",
		     style ? "m" : "", ctl_state_name(view->state), style ? "\033[0m" : "", age);
	(void)fputs("  command   ", stdout);
	print_safe(session->command_name);
	(void)printf(", pid %d, in ", (int)session->command.pid);
	print_safe(session->directory);
	(void)printf("\n  oc-run    pid %d, backend %s\n", (int)session->supervisor.pid,
		     session->backend ? session->backend : "?");
	if (session->cgroup) {
		(void)fputs("  cgroup    ", stdout);
		print_safe(session->cgroup);
		(void)fputc('\n', stdout);
	}
}

static void print_figures(const struct ctl_view *view)
{
	const struct figures *figures = &view->figures;
	char now[FORMAT_TEXT_MAX], peak[FORMAT_TEXT_MAX], swap[FORMAT_TEXT_MAX];

	if (!view->has_figures)
		return;
	ctl_format_size(figures->current_bytes, now);
	ctl_format_size(view->peak_bytes, peak);
	ctl_format_size(figures->swap_bytes, swap);
	(void)printf("  memory    %s now, %s at most, %s in swap%s\n", now,
		     view->peak_bytes ? peak : "not known", swap,
		     figures->counted ? "" : " (added up by process)");
	(void)printf("  tasks     %" PRIu64 "\n", figures->tasks);
	if (figures->memory_pressure.known) {
		ctl_format_percent(figures->memory_pressure.some_avg10, now);
		ctl_format_percent(figures->memory_pressure.full_avg10, peak);
		(void)printf("  pressure  %s of the last 10 s some of it waited for memory, "
			     "%s all of it\n",
			     now, peak);
	}
}

/* "6.0 GiB", or "3.2 GiB now (4.0 GiB at the start)". */
static void print_limit(const struct ctl_view *view, enum limit_id id)
{
	const struct limit_row *row = limit_row(id);
	const struct registry_limit *now = &view->limits[id];
	uint64_t planned = view->session->limits[id].value;
	char text[LIMIT_TEXT_MAX], before[LIMIT_TEXT_MAX];

	if (!now->known || (now->value == LIMIT_UNLIMITED && planned == LIMIT_UNLIMITED))
		return;
	limit_format_human(row, now->value, text);
	limit_format_human(row, planned, before);
	(void)printf("  --%-12s %s", row->key, text);
	if (strcmp(text, before) != 0)
		(void)printf(" now (set to %s)", before);
	(void)printf(", enforced by %s\n", now->enforcer == ENFORCER_KERNEL  ? "the kernel"
					   : now->enforcer == ENFORCER_WATCH ? "watching"
									     : "nobody");
}

static void print_limits(const struct ctl_view *view)
{
	(void)fputs("limits:\n", stdout);
	for (int i = 0; i < LIMIT_COUNT; i++)
		print_limit(view, (enum limit_id)i);
}

enum column {
	COLUMN_PID,
	COLUMN_SIZE,
	COLUMN_THREADS,
	COLUMN_AGE,
	COLUMN_NAME,
	COLUMN_COUNT,
};

static const struct table_column columns[] = {
	[COLUMN_PID] = { .title = "PID", .is_right = true },
	[COLUMN_SIZE] = { .title = "SIZE", .is_right = true },
	[COLUMN_THREADS] = { .title = "THREADS", .is_right = true, .rank = 1 },
	[COLUMN_AGE] = { .title = "AGE", .is_right = true, .rank = 2 },
	[COLUMN_NAME] = { .title = "PROCESS", .least = 20 },
};

static char *name_of(const struct tree_process *process, unsigned depth)
{
	char *text;
	const char *mark = process->is_outside	   ? "  (outside the cgroup)"
			   : process->state == 'Z' ? "  (dead, not reaped)"
						   : "";

	if (asprintf(&text, "%*s%s%s%s%s", (int)depth * 2, "", process->name, mark,
		     process->command ? "  " : "", process->command ? process->command : "") < 0)
		return NULL;
	return text;
}

static void add_process(struct table *table, const struct tree_process *process, unsigned depth)
{
	_cleanup_free_ char *name = name_of(process, depth);
	size_t row = table_add_row(table);
	char text[FORMAT_TEXT_MAX];

	table->failed |= !name;
	(void)snprintf(text, sizeof(text), "%d", (int)process->pid);
	table_set(table, row, COLUMN_PID, text);
	ctl_format_size(process->resident_bytes + process->swap_bytes, text);
	table_set(table, row, COLUMN_SIZE, text);
	(void)snprintf(text, sizeof(text), "%u", process->threads);
	table_set(table, row, COLUMN_THREADS, text);
	ctl_format_age(process->age_usec, text);
	table_set(table, row, COLUMN_AGE, text);
	table_set(table, row, COLUMN_NAME, name);
	if (process->is_outside)
		table_set_style(table, row, COLUMN_NAME, "31");
}

static int print_processes(const struct ctl_view *view)
{
	const struct tree_sample *sample = ctl_view_sample(view);
	struct table table = { .columns = columns, .column_count = COLUMN_COUNT };
	_cleanup_free_ struct process_place *places = NULL;
	int r;

	if (!sample || sample->count == 0) {
		(void)fputs("processes: none\n", stdout);
		return 0;
	}
	places = process_order(sample);
	if (!places)
		return -ENOMEM;
	(void)printf("processes: %zu, %zu of them outside the cgroup\n", sample->alive,
		     sample->outside);
	for (size_t i = 0; i < sample->count; i++)
		add_process(&table, places[i].process, places[i].depth);
	r = table_print(&table, stdout, ctl_width(), ctl_has_colours());
	table_finish(&table);
	return r;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static const cJSON *events_of(const struct ctl_view *view)
{
	return cJSON_GetObjectItemCaseSensitive(view->status, "events");
}

static void print_event(const cJSON *event)
{
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(event, "time_msec");
	time_t seconds = cJSON_IsNumber(at) ? (time_t)(at->valuedouble / 1000) : 0;
	struct tm local;
	char text[32] = "?";

	if (seconds > 0 && localtime_r(&seconds, &local))
		(void)strftime(text, sizeof(text), "%F %T", &local);
	(void)printf("  %s  ", text);
	print_safe(text_of(event, "sentence"));
	(void)fputc('\n', stdout);
}

static void print_events(const struct ctl_view *view)
{
	const cJSON *event;

	if (cJSON_GetArraySize(events_of(view)) == 0)
		return;
	(void)fputs("last events:\n", stdout);
	cJSON_ArrayForEach(event, events_of(view))
		print_event(event);
}

static int print_text(const struct ctl_view *view)
{
	int r;

	print_head(view);
	print_figures(view);
	print_limits(view);
	r = print_processes(view);
	print_events(view);
	if (view->state == CTL_STATE_ORPHANED)
		ctl_say("oc-run was killed there; `oc-ctl sweep` shows what is left");
	return r;
}

static int print_json(const struct ctl_view *view)
{
	struct json json = { 0 };
	cJSON *object = json_new_object(&json), *session, *events;

	json_add_text(&json, object, "schema", CTL_SCHEMA);
	session = json_append_object(&json, json_add_array(&json, object, "sessions"));
	ctl_view_json(&json, session, view);
	ctl_view_json_limits(&json, session, view);
	ctl_view_json_processes(&json, session, view);
	events = events_of(view) ? cJSON_Duplicate(events_of(view), true) : cJSON_CreateArray();
	if (!events || !cJSON_AddItemToObject(session, "events", events))
		json.failed = true;
	return ctl_print(json_finish(&json, object, true)) == CTL_OK ? 0 : -EIO;
}

int ctl_show(struct ctl *ctl)
{
	struct diag diag = DIAG_INIT;
	struct ctl_view view;
	size_t index;
	int r = ctl_load_sessions(ctl, &diag);

	if (r >= 0)
		r = ctl_find(ctl->sessions, ctl->session_count, ctl->words[0], &index, &diag);
	if (r < 0)
		return ctl_fail(&diag);
	r = ctl_view_open(&ctl->host, &ctl->sessions[index], CTL_LOOK_TREE, &view);
	if (r < 0) {
		(void)diag_set(&diag, r, "cannot look at session %s: %s", ctl->sessions[index].id,
			       strerror(-r));
		return ctl_fail(&diag);
	}
	r = ctl->options[CTL_JSON] ? print_json(&view) : print_text(&view);
	ctl_view_finish(&view);
	return r < 0 ? CTL_FAILED : CTL_OK;
}
