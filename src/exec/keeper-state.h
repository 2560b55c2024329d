/* SPDX-License-Identifier: MIT */
#pragma once

/* What the keeper knows; shared by its two halves, the sleep (keeper.c) and the end of a session
 * whose oc-run died (keeper-end.c). One static object, so that nothing need be allocated. */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "oc-run/cgroup.h"
#include "oc-run/terminal.h"

#define KEEPER_SCOPE_NAME_MAX 64

struct keeper_state {
	char session_id[17];
	char cgroup_mount[PATH_MAX];  /* "" if there is none */
	char cgroup_parent[PATH_MAX]; /* "" if not known */
	char registry_path[PATH_MAX]; /* "" if there is none */
	int registry_fd;	      /* only held, for its lock */
	int tmp_parent_fd, tmp_fd;    /* folder for temporary files, or -1 */
	void (*tidy)(void *userdata); /* of the request */
	void *userdata;
	int supervisor_fd; /* pidfd of oc-run */
	int socket;
	int born_fd;  /* cgroup.procs of the cgroup we were born in, or -1 */
	int child_fd; /* pidfd of the command, or -1 */
	int kill_fd;  /* cgroup.kill of the payload, open since the hand-over; or -1 */
	struct cgroup parent, scope, payload;	/* dirfds only; path is not used */
	char scope_name[KEEPER_SCOPE_NAME_MAX]; /* "oc-<id>.scope" or "oc-<id>" */
	struct terminal terminal;
};

/* oc-run is dead: ends the session and removes what is left of it. Takes as long as it takes. */
void keeper_end_session(struct keeper_state *state);
