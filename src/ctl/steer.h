/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs that change a session share. */

#include "view.h"

/* Signals oc-run of the session, through a pidfd and only if it is still that process. -ESRCH: it is
 * gone. One that is stopped is continued as well. */
_must_check_ int ctl_signal_supervisor(const struct registry_session *session, int signal_number);

/* Freezes or thaws the session's cgroup and waits until it is; members outside of it, or all of them
 * where there is none, are stopped or continued by signals. @view: with its tree. -ETIMEDOUT. */
_must_check_ int ctl_set_frozen(struct ctl_view *view, bool frozen);

/* Waits until neither oc-run nor keeper hold it. false: it took longer. */
bool ctl_wait_gone(const struct registry_session *session, uint64_t deadline_usec);
uint64_t ctl_now_usec(void); /* CLOCK_MONOTONIC */
void ctl_rest(void);	     /* between two looks */

bool ctl_supervisor_is_stopped(const struct registry_session *session);

/* Is oc-ctl itself one of the session's processes? */
bool ctl_is_inside(const struct host *host, const struct registry_session *session);

/* The value of --timeout, or the default. -EINVAL with @diag. */
_must_check_ int ctl_timeout(const struct ctl *ctl, uint64_t *ret_usec, struct diag *diag);

/* It says itself what became of the session; a negative result is a failure, with @diag where there
 * is something to say. */
typedef int (*ctl_steer_fn)(struct ctl *ctl, struct ctl_view *view, struct diag *diag);

/* The sessions that the words name; says so if there are none. Free the array only. */
_must_check_ int ctl_steer_begin(struct ctl *ctl, const struct registry_session ***ret,
				 size_t *ret_count, struct diag *diag);
/* Says what is wrong. */
_must_check_ int ctl_steer_one(struct ctl *ctl, const struct registry_session *session,
			       enum ctl_depth depth, ctl_steer_fn steer);
/* All of it; exit status. */
int ctl_steer_each(struct ctl *ctl, enum ctl_depth depth, ctl_steer_fn steer);
