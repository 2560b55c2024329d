/* SPDX-License-Identifier: MIT */

/* A session in JSON, schema "oc-ctl.v1" (oc-ctl(1) documents it: change both). */

#include <string.h>

#include "report/json-build.h"
#include "view.h"

static void add_pid(struct json *json, cJSON *object, const char *name,
		    const struct registry_process *process)
{
	if (process->pid > 0)
		json_add_number(json, object, name, (uint64_t)process->pid);
	else
		json_add_null(json, object, name);
}

static void add_identity(struct json *json, cJSON *object, const struct ctl_view *view)
{
	const struct registry_session *session = view->session;

	json_add_text(json, object, "session", session->id);
	json_add_text(json, object, "name", session->name);
	json_add_text(json, object, "command", session->command_name);
	json_add_text(json, object, "directory", session->directory);
	json_add_text(json, object, "state", ctl_state_name(view->state));
	if (session->since_usec > 0)
		json_add_time(json, object, "started", session->since_usec);
	else
		json_add_null(json, object, "started");
	json_add_seconds(json, object, "age_seconds", view->age_usec);
	json_add_text(json, object, "backend", session->backend);
	json_add_text(json, object, "unit",
		      session->backend && strcmp(session->backend, "systemd") == 0 ? session->unit
										   : NULL);
	json_add_text(json, object, "cgroup", session->cgroup);
	add_pid(json, object, "supervisor_pid", &session->supervisor);
	add_pid(json, object, "command_pid", &session->command);
}

static void add_pressure(struct json *json, cJSON *object, const struct pressure *pressure)
{
	cJSON *item;

	if (!pressure->known) {
		json_add_null(json, object, "memory_pressure");
		return;
	}
	item = json_add_object(json, object, "memory_pressure");
	json_add_percent(json, item, "some_avg10_percent", pressure->some_avg10);
	json_add_percent(json, item, "full_avg10_percent", pressure->full_avg10);
}

static void add_limit_value(struct json *json, cJSON *object, const char *name,
			    const struct registry_limit *limit)
{
	if (limit->known)
		json_add_limit_value(json, object, name, limit->value);
	else
		json_add_null(json, object, name);
}

static void add_figures(struct json *json, cJSON *object, const struct ctl_view *view)
{
	const struct figures *figures = &view->figures;

	json_add_bool(json, object, "counted_by_kernel", figures->counted);
	json_add_number(json, object, "memory_bytes", figures->current_bytes);
	json_add_number(json, object, "unreclaimable_bytes", figures->unreclaimable_bytes);
	json_add_number(json, object, "swap_bytes", figures->swap_bytes);
	json_add_number(json, object, "tasks", figures->tasks);
	add_pressure(json, object, &figures->memory_pressure);
}

void ctl_view_json(struct json *json, cJSON *object, const struct ctl_view *view)
{
	static const char *const names[] = {
		"counted_by_kernel", "memory_bytes", "unreclaimable_bytes",
		"swap_bytes",	     "tasks",	     "memory_pressure",
	};

	add_identity(json, object, view);
	if (view->has_figures)
		add_figures(json, object, view);
	for (size_t i = 0; !view->has_figures && i < ARRAY_SIZE(names); i++)
		json_add_null(json, object, names[i]);
	if (view->peak_bytes > 0)
		json_add_number(json, object, "memory_peak_bytes", view->peak_bytes);
	else
		json_add_null(json, object, "memory_peak_bytes");
	add_limit_value(json, object, "memory_limit_bytes", &view->limits[LIMIT_MEMORY_MAX]);
	add_limit_value(json, object, "tasks_limit", &view->limits[LIMIT_PIDS_MAX]);
}

void ctl_view_json_limits(struct json *json, cJSON *object, const struct ctl_view *view)
{
	cJSON *limits = json_add_array(json, object, "limits");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct registry_limit *planned = &view->session->limits[i];
		const struct registry_limit *now = &view->limits[i];
		cJSON *item;

		if (!now->known)
			continue;
		item = json_append_object(json, limits);
		json_add_text(json, item, "name", limit_row((enum limit_id)i)->key);
		json_add_limit_value(json, item, "value", planned->value);
		json_add_limit_value(json, item, "now", now->value);
		json_add_text(json, item, "enforced_by", registry_enforcer_word(now->enforcer));
	}
}

static void add_process(struct json *json, cJSON *array, const struct tree_process *process)
{
	char state[2] = { process->state, '\0' };
	cJSON *item = json_append_object(json, array);

	json_add_number(json, item, "pid", (uint64_t)process->pid);
	json_add_number(json, item, "parent_pid", (uint64_t)process->parent);
	json_add_text(json, item, "name", process->name);
	json_add_text(json, item, "command_line", process->command);
	json_add_text(json, item, "process_state", state);
	json_add_number(json, item, "resident_bytes", process->resident_bytes);
	json_add_number(json, item, "swap_bytes", process->swap_bytes);
	json_add_number(json, item, "threads", process->threads);
	json_add_seconds(json, item, "age_seconds", process->age_usec);
	json_add_bool(json, item, "is_command", process->is_agent);
	json_add_bool(json, item, "outside_cgroup", process->is_outside);
}

void ctl_view_json_processes(struct json *json, cJSON *object, const struct ctl_view *view)
{
	const struct tree_sample *sample = ctl_view_sample(view);
	cJSON *processes = json_add_array(json, object, "processes");

	for (size_t i = 0; sample && i < sample->count; i++)
		add_process(json, processes, &sample->processes[i]);
}
