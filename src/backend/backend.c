/* SPDX-License-Identifier: MIT */

/*
 * The choice of a member, and what all of them share. AUTO takes the first that works: the systemd
 * manager (the system's for root, since it has all controllers and outlives a login; then the
 * user's), a part of the hierarchy that we may write, none. What is never done by itself: going out
 * of a cgroup that has limits of its own. A person who wants that says --backend=systemd.
 */

#include "oc-run/backend.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaves.h"
#include "oc-run/cgroup-parse.h"
#include "wall.h"

#define ORPHAN_USEC (200 * UINT64_C(1000))

int refuse(struct refusal *refusal, const char *remedy, const char *why_format, ...)
{
	va_list arguments;

	va_start(arguments, why_format);
	(void)vsnprintf(refusal->why, sizeof(refusal->why), why_format, arguments);
	va_end(arguments);
	(void)snprintf(refusal->remedy, sizeof(refusal->remedy), "%s", remedy);
	return -EOPNOTSUPP;
}

int backend_new(const struct backend_ops *ops, enum backend_kind kind, size_t size,
		const struct host *host, struct backend **ret)
{
	struct backend *backend = calloc(1, size);

	if (!backend)
		return -ENOMEM;
	if (host->cgroup_mount) {
		backend->mount = strdup(host->cgroup_mount);
		if (!backend->mount) {
			free(backend);
			return -ENOMEM;
		}
	}
	backend->ops = ops;
	backend->facts.kind = kind;
	backend->facts.manager = "";
	backend->page_bytes = host->page_bytes;
	*ret = backend;
	return 0;
}

void backend_set_parent(struct backend *backend, char *path)
{
	free(backend->parent);
	backend->parent = path;
	backend->facts.parent = path;
}

void backend_set_partial(struct backend *backend, const struct refusal *refusal)
{
	backend->partial = *refusal;
	backend->facts.why = backend->partial.why[0] ? backend->partial.why : NULL;
	backend->facts.remedy = backend->partial.remedy[0] ? backend->partial.remedy : NULL;
}

struct backend *backend_free(struct backend *backend)
{
	if (!backend)
		return NULL;
	backend->ops->finish(backend);
	free(backend->parent);
	free(backend->scope_parent);
	free(backend->mount);
	free(backend);
	return NULL;
}

/* --- the choice --- */

static int refuse_nested(const struct host *host, struct refusal *refusal)
{
	return refuse(refusal, "leave out --backend",
		      "oc-run was started in its session %s, and a scope of its own would lie "
		      "outside of that session's limits",
		      host->outer_session);
}

/* @inside: not when that would lift limits that oc-run was started in. */
static int probe_systemd_one(enum systemd_which which, const struct host *host, bool inside,
			     struct backend **ret, struct refusal *refusal)
{
	struct backend *backend;
	char wall[WALL_TEXT_MAX];
	int r = systemd_probe(which, host, &backend, refusal);

	if (r < 0)
		return r;
	if (inside && host->own_cgroup &&
	    wall_between(backend->mount, host->own_cgroup, backend->facts.parent, wall)) {
		(void)backend_free(backend);
		return refuse(refusal,
			      "start oc-run outside of it, set Delegate=yes for it, or "
			      "give --backend=systemd to leave it",
			      "oc-run was started in the limited cgroup %s, and a scope of "
			      "systemd would lie outside of it",
			      wall);
	}
	*ret = backend;
	return 0;
}

static int probe_systemd(const struct host *host, bool inside, struct backend **ret,
			 struct refusal *refusal)
{
	struct refusal second;
	int r;

	if (host->outer_session)
		return refuse_nested(host, refusal);
	if (host->uid != 0)
		return probe_systemd_one(SYSTEMD_USER, host, inside, ret, refusal);
	r = probe_systemd_one(SYSTEMD_SYSTEM, host, inside, ret, refusal);
	if (r != -EOPNOTSUPP)
		return r;
	return probe_systemd_one(SYSTEMD_USER, host, inside, ret, &second);
}

/* The reason that a person can do most about is told: that of systemd where it runs. */
static int probe_auto(const struct host *host, bool insist, struct backend **ret)
{
	struct refusal by_systemd, by_cgroupfs;
	bool systemd_matters = host->systemd_booted && !host->outer_session;
	int r = probe_systemd(host, true, ret, &by_systemd);

	if (r != -EOPNOTSUPP)
		return r;
	r = cgroupfs_probe(host, insist, ret, &by_cgroupfs);
	if (r != -EOPNOTSUPP)
		return r;
	return none_new(host, systemd_matters ? &by_systemd : &by_cgroupfs, ret);
}

static int choose(enum backend_kind choice, const struct host *host, bool insist,
		  struct backend **ret, struct refusal *refusal)
{
	switch (choice) {
	case BACKEND_AUTO:
		return probe_auto(host, insist, ret);
	case BACKEND_SYSTEMD:
		return probe_systemd(host, false, ret, refusal);
	case BACKEND_CGROUPFS:
		return cgroupfs_probe(host, insist, ret, refusal);
	case BACKEND_NONE:
		(void)refuse(refusal, "leave it out", "--backend=none was given");
		return none_new(host, refusal, ret);
	}
	return -EINVAL;
}

int backend_probe(enum backend_kind choice, const struct host *host, bool insist,
		  struct backend **ret, struct diag *diag)
{
	struct refusal refusal = { "", "" };
	int r = choose(choice, host, insist, ret, &refusal);

	if (r == -EOPNOTSUPP)
		return diag_set(diag, r, "the backend \"%s\" cannot be used: %s; %s",
				choice == BACKEND_SYSTEMD ? "systemd" : "cgroupfs", refusal.why,
				refusal.remedy);
	if (r < 0)
		return diag_set(diag, r, "could not look for a place for the session: %s",
				strerror(-r));
	return 0;
}

const struct backend_facts *backend_facts(const struct backend *backend)
{
	return &backend->facts;
}

void backend_slice(struct backend *backend, const char *slice, struct plan_slice *ret)
{
	static const char suffix[] = ".slice";
	size_t length = strlen(slice), tail = sizeof(suffix) - 1;
	bool is_whole = length > tail && strcmp(slice + length - tail, suffix) == 0;
	_cleanup_free_ char *unit = NULL;

	*ret = (struct plan_slice){ .is_given = false };
	if (!backend->ops->slice || asprintf(&unit, "%s%s", slice, is_whole ? "" : suffix) < 0)
		return;
	backend->ops->slice(backend, unit, ret);
}

const char *backend_scope_parent(struct backend *backend, const struct plan *plan)
{
	_cleanup_free_ char *slice = NULL;
	const char *parent = backend->parent;

	cleanup_free(&backend->scope_parent);
	if (!parent || !backend->ops->slice_path ||
	    backend->ops->slice_path(backend, plan, &slice) < 0)
		return NULL;
	if (slice[0] == '\0')
		return parent;
	if (asprintf(&backend->scope_parent, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
		     slice) < 0)
		backend->scope_parent = NULL;
	return backend->scope_parent;
}

int backend_adopt(struct backend *backend, const struct session_cgroup *cgroup,
		  const struct cgroup *leaf, pid_t pid)
{
	int r = leaf->dirfd < 0 ? -ENODEV : cgroup_attach(leaf, pid);

	if ((r == -EACCES || r == -EPERM) && backend->ops->adopt)
		return backend->ops->adopt(backend, cgroup, leaf, pid);
	return r;
}

int backend_enter(struct backend *backend, const struct plan *plan, pid_t child, pid_t keeper,
		  struct session_cgroup *ret, struct diag *diag)
{
	return backend->ops->enter(backend, plan, child, keeper, ret, diag);
}

static int limit_scope(struct backend *backend, const struct session_cgroup *cgroup,
		       const struct plan *plan, enum limit_id id)
{
	uint64_t value;

	if (!backend->ops->limit_scope || !leaves_scope_value(plan, id, &value))
		return 0;
	return backend->ops->limit_scope(backend, cgroup, id, value);
}

static int limit_leaf(struct backend *backend, const struct session_cgroup *cgroup,
		      enum limit_id id, uint64_t value)
{
	if (id == LIMIT_MEMORY_HIGH)
		return 0;
	return leaves_set_limit(&cgroup->payload, limit_row(id), value, backend->page_bytes);
}

int backend_change_limit(struct backend *backend, const struct session_cgroup *cgroup,
			 const struct plan *plan, enum limit_id id, uint64_t was, struct diag *diag)
{
	const char *file = limit_row(id)->cgroup_file;
	uint64_t value = plan->limits[id].value;
	int r;

	/* The wall outside has to be the larger one at every moment. */
	if (value > was) {
		r = limit_scope(backend, cgroup, plan, id);
		if (r < 0)
			return diag_set(diag, r, "could not raise \"%s\" of \"%s\": %s", file,
					cgroup->scope.path, strerror(-r));
	}
	r = limit_leaf(backend, cgroup, id, value);
	if (r < 0)
		return diag_set(diag, r, "could not set \"%s\" of \"%s\": %s", file,
				cgroup->payload.path,
				r == -EIO ? "the kernel kept another value" : strerror(-r));
	/* A wall that stays where it was, further out, is no failure. */
	if (value < was)
		best_effort(limit_scope(backend, cgroup, plan, id));
	return 0;
}

bool backend_scope_value(const struct plan *plan, enum limit_id id, uint64_t *ret)
{
	return leaves_scope_value(plan, id, ret);
}

int backend_restore_limit(struct backend *backend, const struct session_cgroup *cgroup,
			  const struct plan *plan, enum limit_id id, bool in_scope, uint64_t value)
{
	if (in_scope)
		return limit_scope(backend, cgroup, plan, id);
	return leaves_set_limit(&cgroup->payload, limit_row(id), value, backend->page_bytes);
}

int backend_attach(struct backend *backend, sd_event *event, backend_stop_fn stop, void *userdata)
{
	return backend->ops->attach(backend, event, stop, userdata);
}

int backend_leave(struct backend *backend, struct session_cgroup *cgroup, struct diag *diag)
{
	return backend->ops->leave(backend, cgroup, diag);
}

static bool is_empty_below(const struct cgroup *parent, const char *name)
{
	struct cgroup cgroup = CGROUP_INIT;
	bool populated = true;

	if (cgroup_open_child(parent, name, &cgroup) < 0)
		return false;
	if (cgroup_is_populated(&cgroup, &populated) < 0)
		populated = true;
	cgroup_finish(&cgroup);
	return !populated;
}

/* Who makes a session and has another registry than we fills its cgroup in less than that. */
static void drop_orphan(struct backend *backend, const struct cgroup *parent, const char *name)
{
	pause_usec(ORPHAN_USEC);
	if (!is_empty_below(parent, name))
		return;
	if (backend->ops->drop)
		backend->ops->drop(backend, name);
	/* Where that was of no use. */
	best_effort(cgroup_remove(parent, name));
}

void backend_sweep(struct backend *backend, const struct plan *plan,
		   bool (*is_held)(const char *id, void *userdata), void *userdata)
{
	const char *path = backend_scope_parent(backend, plan);
	struct cgroup parent = CGROUP_INIT;
	struct dirent *entry;
	DIR *directory;
	int fd;

	if (!path || !backend->mount || cgroup_open(backend->mount, path, &parent) < 0)
		return;
	fd = openat(parent.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory)
		cleanup_close(&fd);
	while (directory && (entry = readdir(directory))) {
		char id[17];
		size_t length;

		if (cgroup_path_session(entry->d_name, id, &length) &&
		    entry->d_name[length] == '\0' && is_empty_below(&parent, entry->d_name) &&
		    !is_held(id, userdata))
			drop_orphan(backend, &parent, entry->d_name);
	}
	if (directory)
		(void)closedir(directory);
	cgroup_finish(&parent);
}

void session_cgroup_finish(struct session_cgroup *cgroup)
{
	if (!cgroup)
		return;
	cgroup_finish(&cgroup->keeper);
	cgroup_finish(&cgroup->payload);
	cgroup_finish(&cgroup->scope);
	cgroup_finish(&cgroup->parent);
}
