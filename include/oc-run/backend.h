/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a session's cgroup comes from. Three members: the systemd manager (user's, or the system's
 * for root) makes a transient scope with Delegate=yes; cgroupfs makes directories in a subtree
 * that we may write; none holds the tree by subreaper and tag alone.
 *
 * All make the same tree, if any:
 *	<scope>/		hard limits and a little head-room, where systemd shows them
 *	<scope>/payload/	the command and all its children; the exact limits
 *	<scope>/keeper/		the keeper
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "oc-run/cgroup.h"
#include "oc-run/host.h"
#include "oc-run/plan.h"

struct backend;

/* What the probe found out; owned by the backend. */
struct backend_facts {
	enum backend_kind kind;
	uint32_t controllers; /* enum controller bits that the kernel will enforce for us */
	bool contains;	      /* a cgroup holds the tree */
	const char *manager;  /* "user systemd", "system systemd", "" */
	const char *parent;   /* cgroup path that sessions lie somewhere below */
	const char *why;      /* why not all controllers, or no cgroup: a clause; or NULL */
	const char *remedy;   /* what to do about it: a clause; or NULL */
};

#define BACKEND_REFUSED_MAX 192

/* The cgroups of a running session. */
struct session_cgroup {
	struct cgroup parent, scope, payload, keeper;
	uint32_t enforced; /* bits 1 << LIMIT_x: set on the payload and read back */
	bool slice_capped; /* the cap over all sessions together stands too */
	/* Properties of the scope that this systemd does not know: "OOMPolicy, Controller"; or "". */
	char refused[BACKEND_REFUSED_MAX];
};

#define SESSION_CGROUP_INIT                                                          \
	{                                                                            \
		.parent = CGROUP_INIT, .scope = CGROUP_INIT, .payload = CGROUP_INIT, \
		.keeper = CGROUP_INIT                                                \
	}

/* Finds the best backend that works, or the one asked for. AUTO never fails: it ends at "none".
 * @insist: --enforce=kernel or --backend=cgroupfs given by a person, so that moving the processes
 * of a container's root cgroup into a leaf is allowed in order to enable controllers.
 * -EOPNOTSUPP with @diag when the one asked for can't be had. */
_must_check_ int backend_probe(enum backend_kind choice, const struct host *host, bool insist,
			       struct backend **ret_backend, struct diag *diag);
const struct backend_facts *backend_facts(const struct backend *backend);

/* The cgroup path of the directory that the session's cgroup ("oc-<id>" or "oc-<id>.scope") will lie
 * in, slice included: what a keeper or a sweep needs to find a session that died half-made. NULL
 * without a cgroup. Owned by the backend; holds until the next call. */
const char *backend_scope_parent(struct backend *backend, const struct plan *plan);

/* The limits of a slice that are not oc-run's to set. @slice: its name, with or without ".slice". */
void backend_slice(struct backend *backend, const char *slice, struct plan_slice *ret);

/* Makes the cgroups, moves the blocked child into payload/ and the keeper into keeper/, sets every
 * limit of the plan on payload/ and reads it back, checks /proc/PID/cgroup of the child. On
 * failure nothing of it is left. Deadline 10 s. */
_must_check_ int backend_enter(struct backend *backend, const struct plan *plan, pid_t child,
			       pid_t keeper, struct session_cgroup *ret, struct diag *diag);

/* Moves a process that was started later into payload/ or keeper/: through cgroup.procs, or through
 * systemd where the kernel wants more rights (from a login's own scope to the user manager's tree). */
_must_check_ int backend_adopt(struct backend *backend, const struct session_cgroup *cgroup,
			       const struct cgroup *leaf, pid_t pid);

/* Sets one limit of a session that runs to what @plan says by now, where the kernel enforces it: on
 * payload/, read back, and with its head-room on the scope. @was: the value before. memory.high of
 * payload/ is left to who moves it. Negative errno with @diag: payload/ has the value it had. */
_must_check_ int backend_change_limit(struct backend *backend, const struct session_cgroup *cgroup,
				      const struct plan *plan, enum limit_id id, uint64_t was,
				      struct diag *diag);

/* The value of a limit on the scope, by the plan; false: it has none there. */
bool backend_scope_value(const struct plan *plan, enum limit_id id, uint64_t *ret);

/* Sets one limit again to what it is to be: @value on payload/, or what the plan says on the scope. */
_must_check_ int backend_restore_limit(struct backend *backend, const struct session_cgroup *cgroup,
				       const struct plan *plan, enum limit_id id, bool in_scope,
				       uint64_t value);

/* Called when somebody asks systemd to stop our scope (Scope.RequestStop). Optional. */
typedef void (*backend_stop_fn)(void *userdata);
_must_check_ int backend_attach(struct backend *backend, sd_event *event, backend_stop_fn stop,
				void *userdata);

/* Once payload/ is empty and the keeper is gone: removes the directories and the unit and waits
 * (2 s at most) until they are away. What is alive in them all the same (a nested session's) is
 * killed. Safe to call again, and half-made. */
_must_check_ int backend_leave(struct backend *backend, struct session_cgroup *cgroup,
			       struct diag *diag);

/* Removes empty cgroups of sessions that nobody looks after any more. systemd may be left with one: if
 * oc-run is killed while its scope is being made, what was to go in is dead before systemd looks, and
 * an empty scope stays, for ever. @is_held: does anybody look after the session @id? */
void backend_sweep(struct backend *backend, const struct plan *plan,
		   bool (*is_held)(const char *id, void *userdata), void *userdata);
struct backend *backend_free(struct backend *backend);
void session_cgroup_finish(struct session_cgroup *cgroup);
