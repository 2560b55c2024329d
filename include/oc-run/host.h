/* SPDX-License-Identifier: MIT */
#pragma once

/* Facts of the machine that the plan needs, gathered once. host_gather() reads them; everybody
 * else gets them as an argument. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

struct host {
	uint64_t ram_bytes;
	uint64_t swap_bytes;
	uint64_t page_bytes;
	unsigned cpus;	     /* those this process may run on */
	uid_t uid;	     /* effective */
	bool systemd_booted; /* /run/systemd/system is there */
	char *runtime_dir;   /* $XDG_RUNTIME_DIR, or /run/user/UID when ours, or NULL */
	char *cgroup_mount;  /* mount point of cgroup2, or NULL */
	char *own_cgroup;    /* the "0::" line of /proc/self/cgroup, or NULL */
	char *outer_session; /* id of the oc-run session we were started in, or NULL */
	char *outer_scope;   /* that session's cgroup (parent of its payload), or NULL */
	/* By which ways a person can be told while the session runs; from the environment that oc-run
	 * was started with, and only where the socket is ours: after `su` or `sudo -E` the variables
	 * name another user's, whose server could do as it likes with us. */
	char *session_bus;	   /* D-Bus address, or NULL */
	bool session_bus_is_named; /* by $DBUS_SESSION_BUS_ADDRESS; else it is the usual one */
	bool is_graphical;	   /* $DISPLAY or $WAYLAND_DISPLAY is set */
	char *tmux_socket;	   /* of $TMUX, or NULL */
	char *tmux_pane;	   /* $TMUX_PANE, or NULL */
	/* The tightest limits of our own cgroup and its ancestors (for memory also those of version 1);
	 * LIMIT_UNLIMITED if none. */
	uint64_t outer_memory_max;
	uint64_t outer_swap_max;
	uint64_t outer_pids_max;
};

/* Where to look; injectable for the tests. */
struct host_roots {
	const char *proc;      /* "/proc" */
	const char *run;       /* "/run" */
	const char *memory_v1; /* "/sys/fs/cgroup/memory" */
};

/* What can't be read counts as not there, except the size of RAM, without which nothing can be
 * worked out. Also reads $XDG_RUNTIME_DIR. */
_must_check_ int host_gather(struct host *ret_host, struct diag *diag);
_must_check_ int host_gather_from(const struct host_roots *roots, struct host *ret_host,
				  struct diag *diag);
void host_finish(struct host *host);
