/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The keeper: a tiny fork of oc-run, in a process group and a cgroup of its own, that sleeps on
 * oc-run's pidfd. If oc-run dies it lifts memory.high, ends and kills the payload, puts the
 * terminal right, removes the cgroups and the files of the session. Ends when it is dismissed.
 *
 * It stays in the session of the terminal, in a background group: a process of another session may
 * set termios, but not the foreground group. It ignores every signal that can be ignored, so
 * neither Ctrl-C (other group) nor the closing of the terminal (SIGHUP) reaches it.
 */

#include <sys/types.h>

#include "oc-run/backend.h"
#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/terminal.h"

struct keeper {
	pid_t pid;  /* 0: none */
	int pidfd;  /* readable when the keeper is gone: a session without a net */
	int socket; /* to the keeper */
};

#define KEEPER_INIT                       \
	{                                 \
		.pidfd = -1, .socket = -1 \
	}

struct keeper_request {
	const char *session_id;
	const struct terminal *terminal; /* put right if oc-run dies; or NULL */
	/* Where the session's cgroup will be made, for a death before the hand-over. */
	const char *cgroup_mount;  /* host.cgroup_mount, or NULL */
	const char *cgroup_parent; /* backend_facts.parent, or NULL */
	/* The keeper keeps the lock of the entry too, so that nobody sweeps while it still works,
	 * and removes the file when nothing of the session is left. */
	const char *registry_path; /* or NULL */
	int registry_fd;	   /* or -1 */
	/* The folder for temporary files, removed at the end too; or -1. */
	int tmp_parent_fd, tmp_fd;
	/* Called in the keeper when all of the session has ended and before its entry goes; or NULL.
	 * All fds of oc-run are closed then. */
	void (*tidy)(void *userdata);
	void *userdata;
};

/* Forks it, before the cgroup and the stub exist. From here on it can act: until the hand-over it
 * finds the cgroup through its own /proc/self/cgroup or below @cgroup_parent, and members by the
 * tag OC_RUN_SESSION=<id>. */
_must_check_ int keeper_start(const struct keeper_request *request, struct keeper *ret,
			      struct diag *diag);

/* Gives it the open directories of the session's cgroups (dirfd -1: there is none) and the
 * command's pid, and waits until it has them: release the command after that. -EPIPE when the
 * keeper is gone, -ETIMEDOUT after 5 s. */
_must_check_ int keeper_hand_over(struct keeper *keeper, const struct session_cgroup *cgroup,
				  pid_t child);

/* Ends it and reaps it. Safe to call again. */
void keeper_dismiss(struct keeper *keeper);
