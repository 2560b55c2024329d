/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A cgroup of version 2 by its open directory. Everything goes through the fd: the path may be
 * made anew by somebody else, the fd can't. A removed cgroup is -ENODEV, except in cgroup_read(),
 * cgroup_write(), cgroup_make() and cgroup_open_child(), which cannot tell: -ENOENT.
 * No function allocates where the comment says "no allocation": those are used to end a session.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cgroup-parse.h"
#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

struct cgroup {
	int dirfd;  /* -1: not open */
	char *path; /* as in /proc/PID/cgroup: "/user.slice/..."; owned */
};

#define CGROUP_INIT         \
	{                   \
		.dirfd = -1 \
	}

/* Every counter that is read at the start, at each event and at the end. */
struct cgroup_counters {
	struct memory_events memory;	   /* hierarchical */
	struct memory_events memory_local; /* of this cgroup's own limit */
	struct swap_events swap;
	struct pids_events pids;
};

struct cgroup_usage {
	uint64_t memory_current, memory_peak; /* bytes; peak 0 where the kernel has none (< 5.19) */
	uint64_t swap_current, swap_peak;
	uint64_t pids_current, pids_peak;
	struct memory_stat stat;
	struct pressure memory_pressure;
	uint64_t cpu_usec; /* cpu.stat usage_usec */
};

/* @path as in /proc/PID/cgroup, below the mount point. -EXDEV: it lies outside of our cgroup
 * namespace ("/../x"). */
_must_check_ int cgroup_open(const char *mount, const char *path, struct cgroup *ret);
_must_check_ int cgroup_open_child(const struct cgroup *parent, const char *name,
				   struct cgroup *ret);
/* mkdir and open. -EEXIST when it is there already. */
_must_check_ int cgroup_make(const struct cgroup *parent, const char *name, struct cgroup *ret);
/* The same cgroup through a descriptor of its own. */
_must_check_ int cgroup_reopen(const struct cgroup *cgroup, struct cgroup *ret);
void cgroup_finish(struct cgroup *cgroup);

/* @size with the closing NUL; -EFBIG when the file is longer. No allocation. */
_must_check_ int cgroup_read(const struct cgroup *cgroup, const char *file, char *text,
			     size_t size);
/* One write(2): one order to the kernel. No allocation. */
_must_check_ int cgroup_write(const struct cgroup *cgroup, const char *file, const char *text);

/* Moves a process (all its threads). Writes cgroup.procs; never CLONE_INTO_CGROUP. */
_must_check_ int cgroup_attach(const struct cgroup *cgroup, pid_t pid);

/* Path in the "0::" line of /proc/PID/cgroup. -ESRCH: no such process. Caller frees. */
_must_check_ int cgroup_of_process(pid_t pid, char **ret_path);

/* Gives each pid in the cgroup and all cgroups below it to @callback, and returns how many those
 * were. A negative result of the callback ends the walk and is returned. Processes of other pid
 * namespaces, which have no pid here, are left out. No allocation. */
typedef int (*cgroup_pid_callback)(pid_t pid, void *userdata);
_must_check_ int cgroup_for_each_pid(const struct cgroup *cgroup, cgroup_pid_callback callback,
				     void *userdata);

_must_check_ int cgroup_is_populated(const struct cgroup *cgroup, bool *ret_populated);

/* SIGKILL to all below: cgroup.kill (5.14), else freeze, kill by pid, thaw. Asynchronous: wait for
 * "populated 0", write again if it does not come within a second. No allocation. */
_must_check_ int cgroup_kill(const struct cgroup *cgroup);

/* Opens cgroup.kill, so that the kill itself needs no further descriptor, which may not be had by then.
 * -1: it can't be opened, or this kernel has none. */
int cgroup_kill_prepare(const struct cgroup *cgroup);
/* cgroup_kill(), through @kill_fd where it is not -1. No allocation. */
_must_check_ int cgroup_kill_with(const struct cgroup *cgroup, int kill_fd);

/* The second way of cgroup_kill() alone, for the tests. */
_must_check_ int cgroup_kill_by_pid(const struct cgroup *cgroup);

/* Removes the cgroup named @name below @parent with all cgroups below it. -EBUSY while populated.
 * -ENOENT is success. No allocation. */
_must_check_ int cgroup_remove(const struct cgroup *parent, const char *name);

/* A file that this kernel or cgroup does not have leaves its fields at 0. -ENODEV: removed. */
_must_check_ int cgroup_read_counters(const struct cgroup *cgroup, struct cgroup_counters *ret);
_must_check_ int cgroup_read_usage(const struct cgroup *cgroup, struct cgroup_usage *ret);
