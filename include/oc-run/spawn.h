/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The child is a stub that is blocked on a pipe until its cgroup is right; then it execs. It stays
 * in oc-run's process group (native job control) and gets the signal mask and dispositions that
 * oc-run was started with. If oc-run dies first the pipe ends and the stub exits.
 * Set-up errors come back as {stage, errno}; success is the end of the status pipe.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

/* Mask and ignored signals as oc-run found them, taken first thing in main(). */
struct signal_state {
	sigset_t mask;
	sigset_t ignored;
};

struct spawn_request {
	const char *executable;
	char *const *argv;
	char *const *environment;
	const char *working_directory;		/* or NULL */
	const struct signal_state *signals;
};

struct child {
	pid_t pid;		/* 0: none */
	int pidfd;
	int release_fd;
	int status_fd;
};

#define CHILD_INIT { .pidfd = -1, .release_fd = -1, .status_fd = -1 }

_must_check_ int signal_state_save(struct signal_state *ret);

_must_check_ int spawn_stub(const struct spawn_request *request, struct child *ret,
			    struct diag *diag);

/* Lets it exec and waits for the outcome. On error the errno of the failed stage (-ENOENT,
 * -EACCES, ...) with @diag; the child is reaped then. *ret_is_exec tells a failed execve(2)
 * (126, 127) from other stages (125). */
_must_check_ int spawn_release(struct child *child, bool *ret_is_exec, struct diag *diag);

/* Ends a stub that was not released. */
void spawn_abandon(struct child *child);
void child_finish(struct child *child);
