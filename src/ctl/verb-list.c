/* SPDX-License-Identifier: MIT */

/* oc-ctl list: a line for each session. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/json-build.h"
#include "table.h"
#include "view.h"

enum column {
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_COMMAND,
	COLUMN_STATE,
	COLUMN_AGE,
	COLUMN_MEMORY,
	COLUMN_PEAK,
	COLUMN_LIMIT,
	COLUMN_TASKS,
	COLUMN_PRESSURE,
	COLUMN_COUNT,
};

static const struct table_column columns[] = {
	[COLUMN_ID] = { .title = "ID" },
	[COLUMN_NAME] = { .title = "NAME", .least = 10 },
	[COLUMN_COMMAND] = { .title = "COMMAND", .least = 8, .rank = 3 },
	[COLUMN_STATE] = { .title = "STATE" },
	[COLUMN_AGE] = { .title = "AGE", .is_right = true, .rank = 1 },
	[COLUMN_MEMORY] = { .title = "MEMORY", .is_right = true },
	[COLUMN_PEAK] = { .title = "PEAK", .is_right = true, .rank = 5 },
	[COLUMN_LIMIT] = { .title = "LIMIT", .is_right = true, .rank = 2 },
	[COLUMN_TASKS] = { .title = "TASKS", .is_right = true, .rank = 4 },
	[COLUMN_PRESSURE] = { .title = "PRESSURE", .is_right = true, .rank = 6 },
};

static void fill_figures(struct table *table, size_t row, const struct ctl_view *view)
{
	const struct registry_limit *limit = &view->limits[LIMIT_MEMORY_MAX];
	char text[FORMAT_TEXT_MAX];

	if (view->has_figures) {
		ctl_format_size(view->figures.current_bytes, text);
		table_set(table, row, COLUMN_MEMORY, text);
		(void)snprintf(text, sizeof(text), "%" PRIu64, view->figures.tasks);
		table_set(table, row, COLUMN_TASKS, text);
	}
	if (view->figures.memory_pressure.known) {
		ctl_format_percent(view->figures.memory_pressure.some_avg10, text);
		table_set(table, row, COLUMN_PRESSURE, text);
	}
	if (view->peak_bytes > 0) {
		ctl_format_size(view->peak_bytes, text);
		table_set(table, row, COLUMN_PEAK, text);
	}
	if (limit->known) {
		format_bytes(limit->value, text);
		table_set(table, row, COLUMN_LIMIT, text);
	}
}

static void fill_row(struct table *table, const struct ctl_view *view, size_t id_length)
{
	const struct registry_session *session = view->session;
	size_t row = table_add_row(table);
	char text[FORMAT_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%.*s", (int)id_length, session->id);
	table_set(table, row, COLUMN_ID, text);
	table_set(table, row, COLUMN_NAME, session->name);
	table_set(table, row, COLUMN_COMMAND, session->command_name);
	table_set(table, row, COLUMN_STATE, ctl_state_name(view->state));
	table_set_style(table, row, COLUMN_STATE, ctl_state_style(view->state));
	if (view->age_usec > 0) {
		ctl_format_age(view->age_usec, text);
		table_set(table, row, COLUMN_AGE, text);
	}
	fill_figures(table, row, view);
}

/* Gives each session's view to @each. */
static int for_each_view(struct ctl *ctl, void (*each)(const struct ctl_view *view, void *userdata),
			 void *userdata, struct diag *diag)
{
	for (size_t i = 0; i < ctl->session_count; i++) {
		struct ctl_view view;
		int r = ctl_view_open(&ctl->host, &ctl->sessions[i], CTL_LOOK_FIGURES, &view);

		if (r < 0)
			return diag_set(diag, r, "cannot look at session %s: %s",
					ctl->sessions[i].id, strerror(-r));
		each(&view, userdata);
		ctl_view_finish(&view);
	}
	return 0;
}

struct rows {
	struct table table;
	size_t id_length;
	bool has_orphans;
};

static void add_row(const struct ctl_view *view, void *userdata)
{
	struct rows *rows = userdata;

	fill_row(&rows->table, view, rows->id_length);
	rows->has_orphans |= view->state == CTL_STATE_ORPHANED;
}

static int print_table(struct ctl *ctl, struct diag *diag)
{
	struct rows rows = {
		.table = { .columns = columns, .column_count = COLUMN_COUNT },
		.id_length = ctl_id_length(ctl->sessions, ctl->session_count),
	};
	int r = for_each_view(ctl, add_row, &rows, diag);

	if (r >= 0 && table_print(&rows.table, stdout, ctl_width(), ctl_has_colours()) < 0)
		r = diag_set(diag, -ENOMEM, "out of memory");
	table_finish(&rows.table);
	if (r >= 0 && rows.has_orphans)
		ctl_say("orphaned: oc-run was killed there; `oc-ctl sweep` shows what is left, and "
			"the next oc-run removes it");
	return r;
}

struct objects {
	struct json json;
	cJSON *array;
};

static void add_object(const struct ctl_view *view, void *userdata)
{
	struct objects *objects = userdata;

	ctl_view_json(&objects->json, json_append_object(&objects->json, objects->array), view);
}

static int print_json(struct ctl *ctl, struct diag *diag)
{
	struct objects objects = { 0 };
	cJSON *object = json_new_object(&objects.json);
	int r;

	json_add_text(&objects.json, object, "schema", CTL_SCHEMA);
	objects.array = json_add_array(&objects.json, object, "sessions");
	r = for_each_view(ctl, add_object, &objects, diag);
	if (r < 0) {
		cJSON_Delete(object);
		return r;
	}
	if (ctl_print(json_finish(&objects.json, object, true)) != CTL_OK)
		return diag_set(diag, -EIO, "cannot write the list");
	return 0;
}

int ctl_list(struct ctl *ctl)
{
	struct diag diag = DIAG_INIT;
	int r = ctl_load_sessions(ctl, &diag);

	if (r >= 0 && ctl->options[CTL_JSON])
		r = print_json(ctl, &diag);
	else if (r >= 0 && ctl->session_count == 0)
		ctl_say("no session runs");
	else if (r >= 0)
		r = print_table(ctl, &diag);
	return r < 0 ? ctl_fail(&diag) : CTL_OK;
}
