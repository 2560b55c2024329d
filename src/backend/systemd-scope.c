/* SPDX-License-Identifier: MIT */

/*
 * Starting the scope: StartTransientUnit with both processes named, then waiting for its job.
 *
 * The answer to the call only says that a job was queued. A launcher that went on at that point once
 * set its limits on, and later removed, a cgroup that was somebody else's (containers/crun PR 331).
 * So: the job's result has to be "done", the unit's ControlGroup has to be the one that the kernel
 * says the command is in, and its last component has to be the name that we made up.
 */

#include <errno.h>
#include <string.h>

#include "systemd-impl.h"

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
		r = scope_request_append(request, message);
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
		if (scope_request_give_up(request, &error)) {
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
	int r = sd_bus_match_signal(backend->manager.bus, &backend->job_slot, SYSTEMD_DESTINATION,
				    SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved", on_job_removed,
				    backend);

	if (r < 0)
		return r;
	/* On a bus the manager is silent until somebody subscribes; on its own socket it never is. */
	return backend->manager.direct ? 0 : manager_tell(&backend->manager, "Subscribe");
}

/* A manager with a subscriber announces every change of every unit, for as long as we live. */
static void stop_listening(struct systemd_backend *backend)
{
	backend->job_slot = sd_bus_slot_unref(backend->job_slot);
	if (!backend->manager.direct)
		best_effort(manager_tell(&backend->manager, "Unsubscribe"));
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

static int start_and_wait(struct systemd_backend *backend, struct scope_request *request,
			  uint64_t deadline, bool *ret_started, struct diag *diag)
{
	int r = listen_for_jobs(backend);

	if (r < 0)
		return diag_set(diag, r, "could not listen to systemd: %s", strerror(-r));
	r = start_unit(backend, request, deadline, ret_started, diag);
	if (r < 0)
		return r;
	return wait_for_job(backend, request->plan, deadline, diag);
}

int systemd_scope_start(struct systemd_backend *backend, const struct plan *plan, pid_t child,
			pid_t keeper, uint64_t deadline, struct session_cgroup *ret,
			bool *ret_started, struct diag *diag)
{
	struct scope_request request = { .plan = plan, .child = child, .keeper = keeper };
	int r;

	if (!backend->manager.direct)
		(void)sd_bus_get_unique_name(backend->manager.bus, &request.controller);
	r = start_and_wait(backend, &request, deadline, ret_started, diag);
	stop_listening(backend);
	if (r < 0)
		return r;
	r = find_cgroup(backend, plan, child, deadline, ret, diag);
	if (r >= 0)
		scope_request_refused(&request, ret->refused);
	return r;
}
