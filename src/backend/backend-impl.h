/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the members of the backend: the vtable, and why a member cannot be used. */

#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include "oc-run/backend.h"

/* Two clauses for a person: "<why>; <remedy>". */
struct refusal {
	char why[400];
	char remedy[400];
};

struct backend_ops {
	int (*enter)(struct backend *backend, const struct plan *plan, pid_t child, pid_t keeper,
		     struct session_cgroup *ret, struct diag *diag);
	int (*attach)(struct backend *backend, sd_event *event, backend_stop_fn stop,
		      void *userdata);
	/* NULL: cgroup.procs is the only way. */
	int (*adopt)(struct backend *backend, const struct session_cgroup *cgroup,
		     const struct cgroup *leaf, pid_t pid);
	/* A limit of the scope, which exists; NULL: there is none. */
	int (*limit_scope)(struct backend *backend, const struct session_cgroup *cgroup,
			   enum limit_id id, uint64_t value);
	/* Writes the path of the directory that the scope will lie in below facts.parent, "" for
	 * facts.parent itself; NULL: there is no cgroup. */
	int (*slice_path)(struct backend *backend, const struct plan *plan, char **ret);
	/* NULL: all limits of slices are ours. */
	void (*slice)(struct backend *backend, const char *slice, struct plan_slice *ret);
	/* Makes a manager forget an empty cgroup of ours; NULL: there is no manager. */
	void (*drop)(struct backend *backend, const char *name);
	int (*leave)(struct backend *backend, struct session_cgroup *cgroup, struct diag *diag);
	void (*finish)(struct backend *backend); /* all but the struct itself */
};

/* First field of each member's own struct. */
struct backend {
	const struct backend_ops *ops;
	struct backend_facts facts;
	struct refusal partial; /* what facts.why and facts.remedy point to */
	char *parent;		/* what facts.parent points to; or NULL */
	char *scope_parent;	/* last answer of backend_scope_parent() */
	char *mount;		/* mount point of cgroup2; or NULL */
	uint64_t page_bytes;
};

/* Takes over what every member needs of @host. @size: of the member's own struct. */
_must_check_ int backend_new(const struct backend_ops *ops, enum backend_kind kind, size_t size,
			     const struct host *host, struct backend **ret);
void backend_set_parent(struct backend *backend, char *path); /* takes @path */
void backend_set_partial(struct backend *backend, const struct refusal *refusal);

enum systemd_which {
	SYSTEMD_USER,
	SYSTEMD_SYSTEM,
};

/* 0 with a backend; -EOPNOTSUPP with @refusal; or another error that has nothing to do with the
 * host (no memory). */
_must_check_ int systemd_probe(enum systemd_which which, const struct host *host,
			       struct backend **ret, struct refusal *refusal);
_must_check_ int cgroupfs_probe(const struct host *host, bool insist, struct backend **ret,
				struct refusal *refusal);
_must_check_ int none_new(const struct host *host, const struct refusal *refusal,
			  struct backend **ret);

/* Writes both clauses and returns -EOPNOTSUPP. */
int refuse(struct refusal *refusal, const char *remedy, const char *why_format, ...)
	__attribute__((format(printf, 3, 4)));

/* For what is welcome but not needed: says so where it is called. */
static inline void best_effort(int result)
{
	(void)result;
}

static inline uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void pause_usec(uint64_t usec)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(usec / 1000000),
		.tv_nsec = (long)(usec % 1000000) * 1000,
	};

	(void)nanosleep(&pause, NULL);
}

static inline uint64_t time_left(uint64_t deadline)
{
	uint64_t now = now_usec();

	return deadline > now ? deadline - now : 0;
}
