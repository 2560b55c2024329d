/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finds the program that a command word means, without running into oc-run itself again: an alias
 * is no danger, but a shim of the same name that runs oc-run may come first in PATH.
 *
 * Passed by, in favour of the next in PATH:
 *  - oc-run itself under another name (a link to this file, or to one named oc-run);
 *  - a script whose first 4 KiB run oc-run;
 *  - what slipped through that look and has run us: oc-run notes in OC_RUN_RESOLVED what it ran,
 *    and as which process. A shell script that stands there and is our own process (it exec'ed us)
 *    or our parent (it waits for us) is a shim. A program is not: `sh -c 'oc-run -- sh ...'` is
 *    what it looks like. Only the sixteenth time over it is.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

#define COMMAND_GUARD_NAME "OC_RUN_RESOLVED"

enum command_result {
	COMMAND_FOUND = 0,
	/* A shim ran us that an oc-run of ours had run: there is a session already. The caller execs
	 * the path at once, with the guard in its environment. */
	COMMAND_EXEC_DIRECTLY = 1,
};

struct command_request {
	const char *word;	       /* argv[0] of the command */
	const char *path_variable;     /* PATH; NULL: /usr/local/bin:/usr/bin:/bin */
	const char *working_directory; /* of --chdir; NULL: ours */
	const char *guard;	       /* value of OC_RUN_RESOLVED as we found it; or NULL */
	pid_t pid, parent;	       /* getpid(), getppid() */
};

struct command_resolved {
	char *path;  /* absolute, unless the working directory is gone; owned */
	char *guard; /* "OC_RUN_RESOLVED=<pid>:<path>[:<path>...]"; owned. With COMMAND_FOUND the
			 * pid is 0000000000 until the child stamps its own */
};

/* COMMAND_FOUND, COMMAND_EXEC_DIRECTLY; -ENOENT (exit status 127), -EACCES (126), with @diag. */
_must_check_ int command_resolve(const struct command_request *request,
				 struct command_resolved *ret, struct diag *diag);
void command_resolved_finish(struct command_resolved *resolved);

/* In the child, before exec: writes @pid into the guard of @environment, if there is one. No
 * allocation, no system call. */
void command_stamp_guard(char *const *environment, pid_t pid);
