/* SPDX-License-Identifier: MIT */
#pragma once

/* One session from its cgroup to its end. The only place that acts on what plan, policy and
 * supervisor decided. */

#include "oc-run/admission.h"
#include "oc-run/backend.h"
#include "oc-run/host.h"
#include "oc-run/plan.h"
#include "oc-run/restart.h"
#include "oc-run/session-record.h"
#include "oc-run/spawn.h"

/* A session without a person at it. */
struct session_detached {
	int output_fd;			 /* stdout and stderr of the command */
	void (*started)(void *userdata); /* the command runs */
	void *userdata;
};

struct session_request {
	struct plan *plan; /* its limits may be changed from outside while it runs */
	const struct host *host;
	struct backend *backend;
	const struct signal_state *signals;	 /* as oc-run was started */
	const struct restart *restart;		 /* the starts so far */
	const struct session_detached *detached; /* or NULL */
	struct admission *admission; /* let go of once the session is registered; or NULL */
};

enum session_result {
	SESSION_ENDED = 0,	  /* the record tells how */
	SESSION_NO_CGROUP = 1,	  /* the backend failed before the command ran; @diag says why */
	SESSION_NOT_EXECUTED = 2, /* execve(2) refused; @diag, *ret_errno */
};

/* Runs the command of the plan and comes back when nothing of it is left. Negative errno with
 * @diag: oc-run itself failed before the command ran, and nothing is left either. */
_must_check_ int session_run(const struct session_request *request, struct session_record *record,
			     int *ret_errno, struct diag *diag);
