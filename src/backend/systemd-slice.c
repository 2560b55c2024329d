/* SPDX-License-Identifier: MIT */

/*
 * The slice that all sessions share: its cap keeps many sessions together from taking the machine
 * down. The properties are set at run time only (they are gone after a reboot), and only on our own
 * default slice while nobody has made a unit file for it: the limits of a slice that a person set up
 * are that person's. A refusal is no reason not to run: each session has its own limits.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/limits.h"
#include "systemd-impl.h"

#define DEFAULT_SLICE "oc.slice"
#define SLICE_WEIGHT 50
#define SLICE_USEC (2 * UINT64_C(1000000))

int systemd_append_number(sd_bus_message *message, const char *property, uint64_t value)
{
	return sd_bus_message_append(message, "(sv)", property, "t", value);
}

static bool has_unit_file(struct systemd_backend *backend, const char *slice, uint64_t deadline)
{
	_cleanup_free_ char *path = NULL, *fragment = NULL;

	if (sd_bus_path_encode(SYSTEMD_PATH "/unit", slice, &path) < 0)
		return true;
	if (manager_get_string(&backend->manager, path, SYSTEMD_UNIT, "FragmentPath", deadline,
			       &fragment) < 0)
		return false;
	return fragment[0] != '\0';
}

int systemd_set_property(struct systemd_backend *backend, const char *slice, const char *property,
			 uint64_t value, uint64_t deadline)
{
	sd_bus_message *message = NULL;
	int r = manager_message_new(&backend->manager, "SetUnitProperties", &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "sb", slice, true);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(sv)");
	if (r >= 0)
		r = systemd_append_number(message, property, value);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	if (r >= 0)
		r = manager_send(&backend->manager, message, deadline, NULL, NULL);
	(void)sd_bus_message_unref(message);
	return r < 0 ? r : 0;
}

static uint64_t read_limit(struct systemd_backend *backend, const char *path, const char *property,
			   uint64_t deadline)
{
	uint64_t value;

	return manager_get_number(&backend->manager, path, SYSTEMD_SLICE, property, deadline,
				  &value) < 0
		       ? LIMIT_UNLIMITED
		       : value;
}

void systemd_slice(struct backend *base, const char *slice, struct plan_slice *ret)
{
	struct systemd_backend *backend = (struct systemd_backend *)base;
	uint64_t deadline = now_usec() + SLICE_USEC;
	_cleanup_free_ char *path = NULL;

	if ((strcmp(slice, DEFAULT_SLICE) == 0 && !has_unit_file(backend, slice, deadline)) ||
	    sd_bus_path_encode(SYSTEMD_PATH "/unit", slice, &path) < 0)
		return;
	*ret = (struct plan_slice){
		.is_given = true,
		.memory_bytes = read_limit(backend, path, "MemoryMax", deadline),
		.swap_bytes = read_limit(backend, path, "MemorySwapMax", deadline),
		.tasks = read_limit(backend, path, "TasksMax", deadline),
	};
}

static bool cap(struct systemd_backend *backend, const struct plan *plan, uint64_t deadline)
{
	uint32_t controllers = backend->base.facts.controllers;
	const struct {
		const char *property;
		uint64_t value;
		bool use;
	} rows[] = {
		{ "MemoryMax", plan->slice_memory_max, true },
		{ "MemorySwapMax", plan->slice_swap_max, true },
		{ "TasksMax", plan->slice_pids_max, (controllers & CONTROLLER_PIDS) != 0 },
		{ "CPUWeight", SLICE_WEIGHT, (controllers & CONTROLLER_CPU) != 0 },
		{ "IOWeight", SLICE_WEIGHT, (controllers & CONTROLLER_IO) != 0 },
	};
	bool capped = false;

	/* One call each: one that an older systemd does not know must not take the others along. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = rows[i].use ? systemd_set_property(backend, plan->slice, rows[i].property,
							   rows[i].value, deadline)
				    : 0;

		if (i == 0)
			capped = r == 0;
		if (r == -ETIMEDOUT)
			break;
	}
	return capped;
}

bool systemd_slice_cap(struct systemd_backend *backend, const struct plan *plan)
{
	uint64_t deadline = now_usec() + SLICE_USEC;

	if (strcmp(plan->slice, DEFAULT_SLICE) != 0 ||
	    (backend->base.facts.controllers & CONTROLLER_MEMORY) == 0 ||
	    has_unit_file(backend, plan->slice, deadline))
		return false;
	return cap(backend, plan, deadline);
}

int systemd_slice_path(struct backend *backend, const struct plan *plan, char **ret)
{
	const char *slice = plan->slice, *end = strrchr(slice, '.');
	_cleanup_free_ char *path = strdup("");

	(void)backend;
	/* systemd.slice(5): each dash but a first one is a level; "-.slice" is the root. */
	for (const char *dash = slice; path && end && strcmp(slice, "-.slice") != 0;) {
		char *longer;

		dash = strchr(dash + 1, '-');
		if (!dash || dash > end)
			dash = end;
		if (asprintf(&longer, "%s%s%.*s.slice", path, path[0] ? "/" : "",
			     (int)(dash - slice), slice) < 0)
			longer = NULL;
		free(path);
		path = longer;
		if (dash == end)
			break;
	}
	if (!path)
		return -ENOMEM;
	*ret = take_pointer(path);
	return 0;
}
