/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The keeper: a tiny fork of oc-run, in a session and cgroup of its own, that sleeps on oc-run's
 * pidfd. If oc-run dies it lifts memory.high, ends and kills the payload, removes the cgroups and
 * the files of the session, and restores nothing else. Ends when it is dismissed.
 */

#include <sys/types.h>

#include "oc-run/backend.h"
#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/terminal.h"

struct keeper {
	pid_t pid;
	int pidfd;
	int socket;		/* to the keeper */
};

#define KEEPER_INIT { .pidfd = -1, .socket = -1 }

struct keeper_request {
	const char *session_id;
	const char *registry_file;		/* removed at the end of a session without oc-run; or NULL */
	const struct terminal *terminal;	/* put right if oc-run dies; or NULL */
};

/* Forks it. From here on it can act: before the hand-over it finds the cgroup from its own
 * /proc/self/cgroup, and members by the tag OC_RUN_SESSION=<id>. */
_must_check_ int keeper_start(const struct keeper_request *request, struct keeper *ret,
			      struct diag *diag);

/* Gives it the open directories of the session's cgroups and the command's pid. */
_must_check_ int keeper_hand_over(struct keeper *keeper, const struct session_cgroup *cgroup,
				  pid_t child);

/* Ends it and reaps it. Safe to call again. */
void keeper_dismiss(struct keeper *keeper);
