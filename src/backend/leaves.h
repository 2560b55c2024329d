/* SPDX-License-Identifier: MIT */
#pragma once

/* What is the same below every session's cgroup: the leaves payload/ and keeper/, the controllers,
 * the exact limits and their read-back, and how all of it goes away again. */

#include "backend-impl.h"

/* Enables what of @wanted is not enabled yet for the children of @cgroup, one by one, retrying
 * while the kernel says EBUSY (a process is just being moved out). *ret_enabled: what of @wanted
 * the children have then; what is missing is for the caller to judge. */
_must_check_ int leaves_enable_controllers(const struct cgroup *cgroup, uint32_t wanted,
					   uint64_t deadline, uint32_t *ret_enabled);

/* Controllers that the limits of @plan need, and those whose counters we read in any case. */
uint32_t leaves_wanted_controllers(const struct plan *plan);

/* The value of a limit on the scope: the plan's and a little head-room, so that the exact one of
 * payload/ is met first. false: this limit is not set on the scope. */
bool leaves_scope_value(const struct plan *plan, enum limit_id id, uint64_t *ret_value);

/* Writes the value and reads it back. -ENOENT: this kernel has no such file. -EIO: the kernel took
 * something else. */
_must_check_ int leaves_set_limit(const struct cgroup *cgroup, const struct limit_row *row,
				  uint64_t value, uint64_t page_bytes);

/* Is the process alive and in the cgroup @path? @what: "the command". */
_must_check_ int leaves_check_place(pid_t pid, const char *what, const char *path,
				    struct diag *diag);

/* @cgroup->scope is open. Makes both leaves, moves @child and @keeper (0: none), enables the
 * controllers and sets the limits. On failure the caller removes what is there. */
_must_check_ int leaves_make(struct session_cgroup *cgroup, const struct plan *plan, pid_t child,
			     pid_t keeper, uint64_t page_bytes, uint64_t deadline,
			     struct diag *diag);

/* Kills whatever is still in the scope and waits until it is empty. -EBUSY at the deadline. */
_must_check_ int leaves_empty(const struct session_cgroup *cgroup, uint64_t deadline);

/* Removes every cgroup below the scope, not the scope itself. */
_must_check_ int leaves_remove(const struct session_cgroup *cgroup);

/* The last component of the scope's path. */
const char *leaves_scope_name(const struct session_cgroup *cgroup);

/* Is the directory of the scope gone? */
bool leaves_scope_is_gone(const struct session_cgroup *cgroup);
