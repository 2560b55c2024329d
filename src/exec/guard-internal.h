/* SPDX-License-Identifier: MIT */
#pragma once

/* Between the files of the guard. */

#include "oc-run/guard.h"

/* The rows of @choice that are calls, as a filter for the kernel; *ret stays NULL when there are
 * none. libseccomp builds it. Caller frees. */
_must_check_ int guard_filter_build(const struct guard_choice *choice, struct sock_filter **ret,
				    unsigned short *ret_length, struct diag *diag);

/* The version of the kernel's Landlock interface, 0: none. */
int guard_landlock_version(void);

/* The rows of @choice that are Landlock's, as a ruleset; *ret_fd stays -1 when there are none. */
_must_check_ int guard_landlock_build(const struct guard_choice *choice,
				      const struct guard_places *places, const char *more,
				      int *ret_fd, struct diag *diag);
/* System call only. */
_must_check_ int guard_landlock_restrict(int ruleset_fd);

/* Puts empty folders and nothing over guard->hidden, in a mount namespace of our own. System calls
 * only. */
_must_check_ int guard_hide(const struct guard *guard);
/* The maps that a user namespace wants, in @guard, for this user; empty where none is needed. */
void guard_hide_prepare(struct guard *guard, bool is_admin);
/* By trying, in a process of its own. */
bool guard_hide_is_possible(bool is_admin);
