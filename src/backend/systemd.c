/* SPDX-License-Identifier: MIT */

/*
 * The systemd member: a transient scope, oc-<id>.scope, with Delegate=yes, of the user's manager or
 * (root) of the system's.
 *
 * systemd owns the scope's own directory and we own what is below it. So the scope is never
 * removed by hand while systemd works: once it is empty systemd sees that in cgroup.events, drops
 * the unit and removes the directory. A directory that vanished under systemd's feet would leave it
 * waiting for an event that cannot come any more.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "systemd-impl.h"

#define ENTER_USEC (10 * UINT64_C(1000000))
#define ABORT_USEC (3 * UINT64_C(1000000))
#define LEAVE_USEC (2 * UINT64_C(1000000))
#define POLL_MIN_USEC (2 * UINT64_C(1000))
#define POLL_MAX_USEC (50 * UINT64_C(1000))

static struct systemd_backend *systemd_of(struct backend *backend)
{
	return (struct systemd_backend *)backend;
}

/* --- the connection --- */

static void detach(struct systemd_backend *backend)
{
	backend->stop = NULL;
	backend->stop_source = sd_event_source_unref(backend->stop_source);
	if (backend->manager.bus)
		(void)sd_bus_detach_event(backend->manager.bus);
}

/* The bus daemon was started anew, or we had closed the manager's own socket. Whoever connects again
 * is not the scope's controller any more. */
static int reconnect(struct systemd_backend *backend, uint64_t deadline)
{
	if (backend->manager.bus && sd_bus_is_ready(backend->manager.bus) > 0)
		return 0;
	detach(backend);
	backend->stop_slot = sd_bus_slot_unref(backend->stop_slot);
	return manager_bus_ensure(&backend->manager, deadline);
}

/* On its own socket the manager tells each change of each unit, and never asks us to stop. */
static void close_if_direct(struct systemd_backend *backend)
{
	if (!backend->manager.direct)
		return;
	backend->stop_slot = sd_bus_slot_unref(backend->stop_slot);
	manager_bus_close(&backend->manager);
}

/* --- making --- */

static int systemd_leave(struct backend *base, struct session_cgroup *cgroup, struct diag *diag);

/* systemd sees an empty cgroup by itself; a unit that failed before (or a systemd older than
 * CollectMode), or whose cgroup was never filled, needs a word. Abandoned first, as "stop" would else
 * be a request to the scope's controller: to us. */
static void drop_named(struct systemd_backend *backend, const char *unit, uint64_t deadline)
{
	if (reconnect(backend, deadline) < 0)
		return;
	best_effort(manager_unit_call(&backend->manager, "AbandonScope", unit, NULL, deadline));
	best_effort(manager_unit_call(&backend->manager, "StopUnit", unit, "replace", deadline));
	best_effort(manager_unit_call(&backend->manager, "ResetFailedUnit", unit, NULL, deadline));
}

static void drop_unit(struct systemd_backend *backend, uint64_t deadline)
{
	if (backend->unit)
		drop_named(backend, backend->unit, deadline);
}

static void systemd_drop(struct backend *base, const char *name)
{
	struct systemd_backend *backend = systemd_of(base);

	drop_named(backend, name, now_usec() + LEAVE_USEC);
	close_if_direct(backend);
}

static void kill_unit(struct systemd_backend *backend, uint64_t deadline)
{
	sd_bus_message *message = NULL;
	int r = manager_message_new(&backend->manager, "KillUnit", &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "ssi", backend->unit, "all", SIGKILL);
	if (r >= 0)
		best_effort(manager_send(&backend->manager, message, deadline, NULL, NULL));
	(void)sd_bus_message_unref(message);
}

static bool unit_is_loaded(struct systemd_backend *backend, uint64_t deadline)
{
	return manager_unit_call(&backend->manager, "GetUnit", backend->unit, NULL, deadline) == 0;
}

/* Ends a unit whose cgroup could not be told for sure: by name, which nobody else has. */
static void abort_unit(struct systemd_backend *backend, uint64_t deadline)
{
	uint64_t pause = POLL_MIN_USEC;

	kill_unit(backend, deadline);
	drop_unit(backend, deadline);
	while (time_left(deadline) > 0 && unit_is_loaded(backend, deadline)) {
		pause_usec(pause);
		if (pause < POLL_MAX_USEC)
			pause *= 2;
	}
}

/* Ends what a failed start left. The command and the keeper die with it, if they had been moved:
 * the caller gives both up. */
static void abort_scope(struct systemd_backend *backend, struct session_cgroup *cgroup)
{
	uint64_t deadline = now_usec() + ABORT_USEC;

	if (cgroup->scope.dirfd < 0)
		abort_unit(backend, deadline);
	else
		best_effort(leaves_empty(cgroup, deadline));
	best_effort(systemd_leave(&backend->base, cgroup, NULL));
}

static int on_request_stop(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct systemd_backend *backend = userdata;

	(void)message;
	(void)error;
	backend->stop_asked = true;
	if (backend->stop && !backend->stop_told) {
		backend->stop_told = true;
		backend->stop(backend->stop_userdata);
	}
	return 0;
}

static int name_unit(struct systemd_backend *backend, const char *unit)
{
	int r;

	backend->unit = strdup(unit);
	if (!backend->unit)
		return -ENOMEM;
	r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &backend->unit_path);
	if (r < 0)
		return r;
	/* Comes to the Controller of the scope only. */
	return sd_bus_match_signal(backend->manager.bus, &backend->stop_slot, SYSTEMD_DESTINATION,
				   backend->unit_path, SYSTEMD_SCOPE, "RequestStop",
				   on_request_stop, backend);
}

static void forget_unit(struct systemd_backend *backend)
{
	backend->stop_slot = sd_bus_slot_unref(backend->stop_slot);
	backend->job_slot = sd_bus_slot_unref(backend->job_slot);
	cleanup_free(&backend->unit);
	cleanup_free(&backend->unit_path);
	cleanup_free(&backend->job_path);
	cleanup_free(&backend->job_result);
	backend->stop_asked = false;
}

static int systemd_enter(struct backend *base, const struct plan *plan, pid_t child, pid_t keeper,
			 struct session_cgroup *ret, struct diag *diag)
{
	struct systemd_backend *backend = systemd_of(base);
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	uint64_t deadline = now_usec() + ENTER_USEC;
	bool started = false;
	int r;

	forget_unit(backend);
	r = name_unit(backend, plan->unit);
	if (r < 0)
		return diag_set(diag, r, "could not listen to systemd: %s", strerror(-r));
	cgroup.slice_capped = systemd_slice_cap(backend, plan);
	r = systemd_scope_start(backend, plan, child, keeper, deadline, &cgroup, &started, diag);
	if (r >= 0)
		r = leaves_make(&cgroup, plan, child, keeper, base->page_bytes, deadline, diag);
	if (r < 0) {
		if (started)
			abort_scope(backend, &cgroup);
		session_cgroup_finish(&cgroup);
		return r;
	}
	*ret = cgroup;
	return 0;
}

/* --- running --- */

static int on_late_stop(sd_event_source *source, void *userdata)
{
	struct systemd_backend *backend = userdata;

	(void)source;
	if (backend->stop_asked && backend->stop && !backend->stop_told) {
		backend->stop_told = true;
		backend->stop(backend->stop_userdata);
	}
	return 0;
}

static int systemd_attach(struct backend *base, sd_event *event, backend_stop_fn stop,
			  void *userdata)
{
	struct systemd_backend *backend = systemd_of(base);
	int r;

	close_if_direct(backend);
	if (!backend->manager.bus)
		return 0;
	backend->stop = stop;
	backend->stop_userdata = userdata;
	/* A bus that is gone already only means that nobody can ask us to stop through it. */
	r = sd_bus_attach_event(backend->manager.bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r == -ENOTCONN || r == -ECONNRESET ? 0 : r;
	/* One that came while the scope was being made. */
	return sd_event_add_defer(event, &backend->stop_source, on_late_stop, backend);
}

static int attach_process(struct systemd_backend *backend, const char *subgroup, pid_t pid)
{
	uint64_t deadline = now_usec() + SYSTEMD_CALL_USEC;
	sd_bus_message *message = NULL;
	int r = reconnect(backend, deadline);

	if (r >= 0)
		r = manager_message_new(&backend->manager, "AttachProcessesToUnit", &message);
	if (r >= 0)
		r = sd_bus_message_append(message, "ssau", backend->unit, subgroup, 1,
					  (uint32_t)pid);
	if (r >= 0)
		r = manager_send(&backend->manager, message, deadline, NULL, NULL);
	(void)sd_bus_message_unref(message);
	close_if_direct(backend);
	return r;
}

/* Over the bus only: a file of the scope is systemd's, and written over with the next change. */
static int systemd_limit_scope(struct backend *base, const struct session_cgroup *cgroup,
			       enum limit_id id, uint64_t value)
{
	struct systemd_backend *backend = systemd_of(base);
	const struct limit_row *row = limit_row(id);
	uint64_t deadline = now_usec() + SYSTEMD_CALL_USEC;
	int r = reconnect(backend, deadline);

	(void)cgroup;
	if (r >= 0)
		r = systemd_set_property(backend, backend->unit, row->systemd_property,
					 limit_systemd_value(row, value), deadline);
	close_if_direct(backend);
	return r;
}

static int systemd_adopt(struct backend *base, const struct session_cgroup *cgroup,
			 const struct cgroup *leaf, pid_t pid)
{
	struct systemd_backend *backend = systemd_of(base);
	_cleanup_free_ char *path = NULL;
	int r;

	if (!backend->unit)
		return -EACCES;
	r = attach_process(backend, leaf->path + strlen(cgroup->scope.path), pid);
	if (r >= 0)
		r = cgroup_of_process(pid, &path);
	if (r < 0)
		return r;
	return strcmp(path, leaf->path) == 0 ? 0 : -EIO;
}

/* --- leaving --- */

static bool wait_gone(const struct session_cgroup *cgroup, uint64_t deadline)
{
	uint64_t pause = POLL_MIN_USEC;

	while (!leaves_scope_is_gone(cgroup)) {
		if (time_left(deadline) == 0)
			return false;
		pause_usec(pause);
		if (pause < POLL_MAX_USEC)
			pause *= 2;
	}
	return true;
}

static int systemd_leave(struct backend *base, struct session_cgroup *cgroup, struct diag *diag)
{
	struct systemd_backend *backend = systemd_of(base);
	uint64_t start = now_usec(), deadline = start + LEAVE_USEC;
	int r = 0;

	detach(backend);
	if (cgroup->scope.dirfd >= 0 && !leaves_scope_is_gone(cgroup)) {
		r = leaves_empty(cgroup, start + LEAVE_USEC / 2);
		if (r >= 0)
			r = leaves_remove(cgroup);
		if (!wait_gone(cgroup, r < 0 ? start : start + LEAVE_USEC / 2)) {
			drop_unit(backend, deadline);
			if (r >= 0 && !wait_gone(cgroup, deadline))
				/* systemd is gone or stuck: this name is ours alone. */
				r = cgroup_remove(&cgroup->parent, leaves_scope_name(cgroup));
		}
	}
	forget_unit(backend);
	if (r < 0)
		return diag_set(diag, r, "could not remove the cgroup \"%s\": %s",
				cgroup->scope.path,
				r == -EBUSY ? "processes are still in it" : strerror(-r));
	return 0;
}

static void systemd_finish(struct backend *base)
{
	struct systemd_backend *backend = systemd_of(base);

	detach(backend);
	forget_unit(backend);
	manager_bus_close(&backend->manager);
}

const struct backend_ops systemd_ops = {
	.enter = systemd_enter,
	.attach = systemd_attach,
	.adopt = systemd_adopt,
	.limit_scope = systemd_limit_scope,
	.slice_path = systemd_slice_path,
	.slice = systemd_slice,
	.drop = systemd_drop,
	.leave = systemd_leave,
	.finish = systemd_finish,
};
