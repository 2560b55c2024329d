/* SPDX-License-Identifier: MIT */

/*
 * Starting the scope: StartTransientUnit with both processes named, then waiting for its job.
 *
 * A property that this systemd does not know or want makes the whole call fail, so each that is not
 * essential is given up on the way: the one that the error names, else the next in the order of the
 * table. What is given up on the scope costs little: the exact limits stand on payload/.
 *
 * The answer to the call only says that a job was queued. A launcher that went on at that point once
 * set its limits on, and later removed, a cgroup that was somebody else's (containers/crun PR 331).
 * So: the job's result has to be "done", the unit's ControlGroup has to be the one that the kernel
 * says the command is in, and its last component has to be the name that we made up.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"
#include "systemd-impl.h"

#define STOP_USEC (15 * UINT64_C(1000000))

/* In the order in which they are given up when the error names none. */
enum scope_property {
	SCOPE_OOM_POLICY,
	SCOPE_CONTROLLER,
	SCOPE_IO_WEIGHT,
	SCOPE_CPU_WEIGHT,
	SCOPE_CPU_QUOTA,
	SCOPE_MEMORY_SWAP_MAX,
	SCOPE_COLLECT_MODE,
	SCOPE_TIMEOUT_STOP,
	SCOPE_TASKS_MAX,
	SCOPE_MEMORY_MAX,
	SCOPE_OPTIONAL_COUNT,
};

static const char *const property_names[SCOPE_OPTIONAL_COUNT] = {
	[SCOPE_OOM_POLICY] = "OOMPolicy",	  [SCOPE_CONTROLLER] = "Controller",
	[SCOPE_IO_WEIGHT] = "IOWeight",		  [SCOPE_CPU_WEIGHT] = "CPUWeight",
	[SCOPE_CPU_QUOTA] = "CPUQuotaPerSecUSec", [SCOPE_MEMORY_SWAP_MAX] = "MemorySwapMax",
	[SCOPE_COLLECT_MODE] = "CollectMode",	  [SCOPE_TIMEOUT_STOP] = "TimeoutStopUSec",
	[SCOPE_TASKS_MAX] = "TasksMax",		  [SCOPE_MEMORY_MAX] = "MemoryMax",
};

struct scope_request {
	const struct plan *plan;
	pid_t child, keeper;
	const char *controller; /* our unique name; NULL without a bus daemon */
	uint32_t given_up;	/* bits 1 << SCOPE_x */
};

static int append_limit(sd_bus_message *message, const struct plan *plan, enum limit_id id)
{
	const struct limit_row *row = limit_row(id);
	uint64_t value;

	/* Without a word systemd would set its DefaultTasksMax, a limit that nobody asked for. */
	if (!leaves_scope_value(plan, id, &value)) {
		if (id != LIMIT_PIDS_MAX)
			return 0;
		value = LIMIT_UNLIMITED;
	}
	return systemd_append_number(message, row->systemd_property,
				     limit_systemd_value(row, value));
}

static int append_text(sd_bus_message *message, const char *property, const char *value)
{
	return sd_bus_message_append(message, "(sv)", property, "s", value);
}

static int append_optional(sd_bus_message *message, enum scope_property property,
			   const struct scope_request *request)
{
	switch (property) {
	case SCOPE_OOM_POLICY:
		return append_text(message, "OOMPolicy", "continue");
	case SCOPE_CONTROLLER:
		return request->controller ? append_text(message, "Controller", request->controller)
					   : 0;
	case SCOPE_COLLECT_MODE:
		return append_text(message, "CollectMode", "inactive-or-failed");
	case SCOPE_TIMEOUT_STOP:
		return systemd_append_number(message, "TimeoutStopUSec", STOP_USEC);
	case SCOPE_IO_WEIGHT:
		return append_limit(message, request->plan, LIMIT_IO_WEIGHT);
	case SCOPE_CPU_WEIGHT:
		return append_limit(message, request->plan, LIMIT_CPU_WEIGHT);
	case SCOPE_CPU_QUOTA:
		return append_limit(message, request->plan, LIMIT_CPU_MAX);
	case SCOPE_MEMORY_SWAP_MAX:
		return append_limit(message, request->plan, LIMIT_MEMORY_SWAP_MAX);
	case SCOPE_TASKS_MAX:
		return append_limit(message, request->plan, LIMIT_PIDS_MAX);
	case SCOPE_MEMORY_MAX:
		return append_limit(message, request->plan, LIMIT_MEMORY_MAX);
	case SCOPE_OPTIONAL_COUNT:
		break;
	}
	return 0;
}

/* D-Bus takes valid UTF-8 only, and a terminal shows this in `systemctl status`. */
static void describe(const struct plan *plan, char *text, size_t size)
{
	(void)snprintf(text, size, "oc-run session %s (%s)", plan->id,
		       plan->name ? plan->name : "");
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
}

static int append_pids(sd_bus_message *message, const struct scope_request *request)
{
	if (request->keeper <= 0)
		return sd_bus_message_append(message, "(sv)", "PIDs", "au", 1,
					     (uint32_t)request->child);
	return sd_bus_message_append(message, "(sv)", "PIDs", "au", 2, (uint32_t)request->child,
				     (uint32_t)request->keeper);
}

static int append_properties(sd_bus_message *message, const struct scope_request *request)
{
	char description[256];
	int r = sd_bus_message_open_container(message, 'a', "(sv)");

	describe(request->plan, description, sizeof(description));
	if (r >= 0)
		r = append_text(message, "Description", description);
	if (r >= 0)
		r = append_text(message, "Slice", request->plan->slice);
	if (r >= 0)
		r = append_pids(message, request);
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "Delegate", "b", true);
	for (int i = 0; i < SCOPE_OPTIONAL_COUNT && r >= 0; i++)
		if ((request->given_up & (UINT32_C(1) << i)) == 0)
			r = append_optional(message, (enum scope_property)i, request);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Does @text have @word, and not as a part of a longer word? */
static bool names_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = strstr(text, word); c; c = strstr(c + 1, word))
		if ((c == text || !isalnum((unsigned char)c[-1])) &&
		    !isalnum((unsigned char)c[length]))
			return true;
	return false;
}

static bool is_about_properties(const sd_bus_error *error)
{
	static const char *const names[] = {
		"org.freedesktop.DBus.Error.PropertyReadOnly", /* "... or unknown property." */
		"org.freedesktop.DBus.Error.UnknownProperty",
		"org.freedesktop.DBus.Error.InvalidArgs",
		"org.freedesktop.DBus.Error.NotSupported",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (sd_bus_error_has_name(error, names[i]))
			return true;
	return false;
}

/* Chooses the property to do without next. false: none is left, or it is not about properties. */
static bool give_up_one(struct scope_request *request, const sd_bus_error *error)
{
	uint32_t all = (UINT32_C(1) << SCOPE_OPTIONAL_COUNT) - 1;

	if (!is_about_properties(error))
		return false;
	for (int i = 0; i < SCOPE_OPTIONAL_COUNT; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if ((request->given_up & bit) == 0 && error->message &&
		    names_word(error->message, property_names[i])) {
			request->given_up |= bit;
			return true;
		}
	}
	if (request->given_up == all)
		return false;
	request->given_up |= ~request->given_up & (request->given_up + 1);
	return true;
}

static int start_once(struct systemd_backend *backend, const struct scope_request *request,
		      uint64_t deadline, sd_bus_error *error)
{
	sd_bus_message *message = NULL, *reply = NULL;
	const char *job;
	int r = manager_message_new(&backend->manager, "StartTransientUnit", &message);

	/* "fail": a unit of that name is never replaced. */
	if (r >= 0)
		r = sd_bus_message_append(message, "ss", request->plan->unit, "fail");
	if (r >= 0)
		r = append_properties(message, request);
	if (r >= 0)
		r = sd_bus_message_append(message, "a(sa(sv))", 0);
	if (r >= 0)
		r = manager_send(&backend->manager, message, deadline, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job);
	if (r >= 0) {
		backend->job_path = strdup(job);
		r = backend->job_path ? 0 : -ENOMEM;
	}
	(void)sd_bus_message_unref(reply);
	(void)sd_bus_message_unref(message);
	return r;
}

static int start_error(const struct plan *plan, int result, const sd_bus_error *error,
		       struct diag *diag)
{
	const char *cause = error->message ? error->message : strerror(-result);

	if (result == -ETIMEDOUT)
		cause = "no answer in time";
	return diag_set(diag, result, "systemd did not start the unit \"%s\": %s", plan->unit,
			cause);
}

static bool may_exist_after(int result, const sd_bus_error *error)
{
	/* An answer with an error is a clear no. Without an answer nobody knows. */
	return !sd_bus_error_is_set(error) || result == -ETIMEDOUT ||
	       sd_bus_error_has_name(error, "org.freedesktop.DBus.Error.NoReply");
}

static int start_unit(struct systemd_backend *backend, struct scope_request *request,
		      uint64_t deadline, bool *ret_started, struct diag *diag)
{
	for (;;) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		int r = start_once(backend, request, deadline, &error);

		if (r == 0) {
			*ret_started = true;
			sd_bus_error_free(&error);
			return 0;
		}
		if (give_up_one(request, &error)) {
			sd_bus_error_free(&error);
			continue;
		}
		*ret_started = may_exist_after(r, &error);
		r = start_error(request->plan, r, &error, diag);
		sd_bus_error_free(&error);
		return r;
	}
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct systemd_backend *backend = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (backend->job_path && !backend->job_result && strcmp(path, backend->job_path) == 0)
		backend->job_result = strdup(result);
	return 0;
}

static int wait_for_job(struct systemd_backend *backend, const struct plan *plan, uint64_t deadline,
			struct diag *diag)
{
	while (!backend->job_result) {
		int r = manager_process(&backend->manager, deadline);

		if (r < 0)
			return diag_set(diag, r,
					"the connection to systemd broke while the unit "
					"\"%s\" was starting: %s",
					plan->unit, strerror(-r));
		if (r == 0)
			return diag_set(diag, -ETIMEDOUT,
					"systemd did not finish starting the "
					"unit \"%s\" in time",
					plan->unit);
	}
	if (strcmp(backend->job_result, "done") == 0)
		return 0;
	return diag_set(diag, -EIO,
			"systemd could not start the unit \"%s\" (result \"%s\"); "
			"look at `journalctl %s-b -u %s`",
			plan->unit, backend->job_result,
			backend->which == SYSTEMD_USER ? "--user " : "", plan->unit);
}

static bool path_ends_with(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return slash && strcmp(slash + 1, name) == 0;
}

static int check_cgroup(const struct plan *plan, const char *path, pid_t child, struct diag *diag)
{
	if (!path_ends_with(path, plan->unit))
		return diag_set(diag, -EIO,
				"systemd says that the unit \"%s\" has the cgroup "
				"\"%s\", which is not its own",
				plan->unit, path);
	return leaves_check_place(child, "the command", path, diag);
}

static int open_cgroups(struct systemd_backend *backend, const char *path,
			struct session_cgroup *ret, struct diag *diag)
{
	_cleanup_free_ char *parent = strdup(path);
	char *slash;
	int r;

	if (!parent)
		return -ENOMEM;
	slash = strrchr(parent, '/');
	*(slash == parent ? slash + 1 : slash) = '\0';
	r = cgroup_open(backend->base.mount, parent, &ret->parent);
	if (r >= 0)
		r = cgroup_open(backend->base.mount, path, &ret->scope);
	if (r < 0)
		return diag_set(diag, r, "could not open the cgroup \"%s\": %s", path,
				strerror(-r));
	return 0;
}

/* Made before the call, so that the job cannot end unseen. */
static int listen_for_jobs(struct systemd_backend *backend)
{
	sd_bus_message *message = NULL;
	int r = sd_bus_match_signal(backend->manager.bus, &backend->job_slot, SYSTEMD_DESTINATION,
				    SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved", on_job_removed,
				    backend);

	if (r < 0)
		return r;
	/* On a bus the manager is silent until somebody subscribes; on its own socket it never is.
	 * Messages keep their order: there is no need to wait for the answer. */
	if (backend->manager.direct)
		return 0;
	r = manager_message_new(&backend->manager, "Subscribe", &message);
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(message, false);
	if (r >= 0)
		r = sd_bus_send(backend->manager.bus, message, NULL);
	(void)sd_bus_message_unref(message);
	return r < 0 ? r : 0;
}

static int find_cgroup(struct systemd_backend *backend, const struct plan *plan, pid_t child,
		       uint64_t deadline, struct session_cgroup *ret, struct diag *diag)
{
	_cleanup_free_ char *path = NULL;
	int r = manager_get_string(&backend->manager, backend->unit_path, SYSTEMD_SCOPE,
				   "ControlGroup", deadline, &path);

	if (r < 0)
		return diag_set(diag, r, "could not learn the cgroup of the unit \"%s\": %s",
				plan->unit, strerror(-r));
	r = check_cgroup(plan, path, child, diag);
	if (r < 0)
		return r;
	return open_cgroups(backend, path, ret, diag);
}

int systemd_scope_start(struct systemd_backend *backend, const struct plan *plan, pid_t child,
			pid_t keeper, uint64_t deadline, struct session_cgroup *ret,
			bool *ret_started, struct diag *diag)
{
	struct scope_request request = { .plan = plan, .child = child, .keeper = keeper };
	int r = listen_for_jobs(backend);

	if (r < 0)
		return diag_set(diag, r, "could not listen to systemd: %s", strerror(-r));
	if (!backend->manager.direct)
		(void)sd_bus_get_unique_name(backend->manager.bus, &request.controller);
	r = start_unit(backend, &request, deadline, ret_started, diag);
	if (r < 0)
		return r;
	r = wait_for_job(backend, plan, deadline, diag);
	if (r < 0)
		return r;
	return find_cgroup(backend, plan, child, deadline, ret, diag);
}
