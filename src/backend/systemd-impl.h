/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the parts of the systemd member. */

#include "leaves.h"
#include "systemd-bus.h"

extern const struct backend_ops systemd_ops;

struct systemd_backend {
	struct backend base;
	enum systemd_which which;
	struct manager_bus manager;

	/* Of the scope; NULL until there is one. */
	char *unit;
	char *unit_path; /* its object on the bus */

	/* The job that starts it. */
	sd_bus_slot *job_slot;
	char *job_path;	  /* what we wait for */
	char *job_result; /* "done", "failed", ...; NULL while it runs */

	/* Somebody wants it stopped. */
	sd_bus_slot *stop_slot;
	bool stop_asked;
	bool stop_told;
	backend_stop_fn stop;
	void *stop_userdata;
	sd_event_source *stop_source;
};

struct scope_request {
	const struct plan *plan;
	pid_t child, keeper;
	const char *controller; /* our unique name; NULL without a bus daemon */
	uint32_t given_up;	/* bits 1 << SCOPE_x */
};

/* The properties, a(sv). */
_must_check_ int scope_request_append(const struct scope_request *request, sd_bus_message *message);

/* Chooses the property to do without next. false: none is left, or it is not about properties. */
bool scope_request_give_up(struct scope_request *request, const sd_bus_error *error);

/* Those that it went without, by name. */
void scope_request_refused(const struct scope_request *request, char text[BACKEND_REFUSED_MAX]);

/* Starts the scope with both processes in it and opens its cgroup in ret->scope and its slice's in
 * ret->parent, after all checks that it is ours. *ret_started: the unit may exist, also when this
 * fails. */
_must_check_ int systemd_scope_start(struct systemd_backend *backend, const struct plan *plan,
				     pid_t child, pid_t keeper, uint64_t deadline,
				     struct session_cgroup *ret, bool *ret_started,
				     struct diag *diag);

/* Puts the common cap on the slice. true if it stands. */
bool systemd_slice_cap(struct systemd_backend *backend, const struct plan *plan);

/* Its limits, if they are not ours to set. */
void systemd_slice(struct backend *backend, const char *slice, struct plan_slice *ret);

/* SetUnitProperties of one number, until the next boot at most. */
_must_check_ int systemd_set_property(struct systemd_backend *backend, const char *unit,
				      const char *property, uint64_t value, uint64_t deadline);

/* The directories of a slice below the manager's own: "a-b.slice" is "a.slice/a-b.slice". */
_must_check_ int systemd_slice_path(struct backend *backend, const struct plan *plan, char **ret);

/* Appends one (sv) of type t to an a(sv). */
_must_check_ int systemd_append_number(sd_bus_message *message, const char *property,
				       uint64_t value);
