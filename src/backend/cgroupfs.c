/* SPDX-License-Identifier: MIT */

/*
 * The cgroupfs member: directories in a part of the hierarchy that nobody else manages.
 *
 *	<parent>/oc.slice/oc-<id>/{payload,keeper}	controllers: one cap over all sessions
 *	<parent>/oc-<id>/{payload,keeper}		without controllers, or in an outer session
 *
 * In a container all processes usually sit in the root cgroup, and a cgroup with processes cannot
 * hand controllers down (the no-internal-process rule of cgroup v2). Then the cgroup only holds the
 * tree together, unless a person insists: then those processes are moved into a leaf beside the
 * sessions, oc-init/, and stay there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaves.h"
#include "oc-run/limits.h"
#include "place.h"

#define ENTER_USEC (10 * UINT64_C(1000000))
#define ABORT_USEC (3 * UINT64_C(1000000))
#define LEAVE_USEC (2 * UINT64_C(1000000))
#define SLICE_WEIGHT 50
#define SLICE_TRIES 5
#define EVACUATE_PASSES 20
#define PROCS_TEXT_MAX (256 * UINT64_C(1024))
#define INIT_LEAF "oc-init"

struct cgroupfs_backend {
	struct backend base;
	struct cgroup parent;
	bool use_slice; /* a directory with the common cap above the sessions */
	bool evacuate;	/* move the parent's processes into a leaf first */
	char *slice;	/* in use since enter; NULL: none */
};

static struct cgroupfs_backend *cgroupfs_of(struct backend *backend)
{
	return (struct cgroupfs_backend *)backend;
}

static int move_one_out(const char *line, const struct cgroup *leaf)
{
	uint64_t pid;
	char number[32];
	size_t length = strcspn(line, "\n");

	if (length == 0 || length >= sizeof(number))
		return -EINVAL;
	memcpy(number, line, length);
	number[length] = '\0';
	if (cgroup_parse_number(number, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		/* 0: of another pid namespace; nobody here can move it. */
		return -EXDEV;
	return cgroup_attach(leaf, (pid_t)pid);
}

/* Only those in the cgroup itself: other sessions live below it. */
static int move_all_out(const struct cgroup *cgroup, const struct cgroup *leaf, char *text)
{
	int result = 0;

	for (int pass = 0; pass < EVACUATE_PASSES; pass++) {
		int r = cgroup_read(cgroup, "cgroup.procs", text, PROCS_TEXT_MAX);

		if (r < 0)
			return r;
		if (text[0] == '\0')
			return 0;
		result = -EBUSY;
		for (const char *line = text; *line != '\0';) {
			r = move_one_out(line, leaf);
			if (r < 0 && r != -ESRCH)
				result = r;
			line += strcspn(line, "\n");
			line += *line == '\n';
		}
	}
	return result;
}

static int evacuate(const struct cgroup *cgroup, struct diag *diag)
{
	_cleanup_free_ char *text = malloc(PROCS_TEXT_MAX);
	struct cgroup leaf = CGROUP_INIT;
	int r = text ? cgroup_make(cgroup, INIT_LEAF, &leaf) : -ENOMEM;

	if (r == -EEXIST)
		r = cgroup_open_child(cgroup, INIT_LEAF, &leaf);
	if (r >= 0)
		r = move_all_out(cgroup, &leaf, text);
	cgroup_finish(&leaf);
	if (r < 0)
		return diag_set(diag, r,
				"could not move the processes of the cgroup \"%s\" into "
				"\"" INIT_LEAF "\": %s",
				cgroup->path, strerror(-r));
	return 0;
}

/* As much of @wanted as there is; whether it is enough is seen where the limits are set. */
static int hand_down(const struct cgroup *cgroup, const struct plan *plan, uint64_t deadline)
{
	uint32_t enabled;

	return leaves_enable_controllers(cgroup, leaves_wanted_controllers(plan), deadline,
					 &enabled);
}

/* A limit that is welcome but not promised: without the controller there is no such file. */
static void try_limit(const struct cgroup *cgroup, enum limit_id id, uint64_t value,
		      uint64_t page_bytes)
{
	best_effort(leaves_set_limit(cgroup, limit_row(id), value, page_bytes));
}

static bool cap_slice(const struct cgroup *slice, const struct plan *plan, uint64_t page_bytes)
{
	bool capped = leaves_set_limit(slice, limit_row(LIMIT_MEMORY_MAX), plan->slice_memory_max,
				       page_bytes) == 0;

	try_limit(slice, LIMIT_MEMORY_SWAP_MAX, plan->slice_swap_max, page_bytes);
	try_limit(slice, LIMIT_PIDS_MAX, plan->slice_pids_max, page_bytes);
	try_limit(slice, LIMIT_CPU_WEIGHT, SLICE_WEIGHT, page_bytes);
	try_limit(slice, LIMIT_IO_WEIGHT, SLICE_WEIGHT, page_bytes);
	return capped;
}

static int make_in_slice(struct cgroupfs_backend *backend, const struct plan *plan,
			 const char *name, uint64_t deadline, struct session_cgroup *cgroup)
{
	int r = cgroup_make(&backend->parent, plan->slice, &cgroup->parent);

	if (r == -EEXIST)
		r = cgroup_open_child(&backend->parent, plan->slice, &cgroup->parent);
	if (r < 0)
		return r;
	r = hand_down(&cgroup->parent, plan, deadline);
	if (r < 0)
		return r;
	cgroup->slice_capped = cap_slice(&cgroup->parent, plan, backend->base.page_bytes);
	return cgroup_make(&cgroup->parent, name, &cgroup->scope);
}

/* The last session to end removes the slice: maybe between our opening it and using it. */
static int make_slice_and_scope(struct cgroupfs_backend *backend, const struct plan *plan,
				const char *name, uint64_t deadline, struct session_cgroup *cgroup)
{
	int r = -ENOENT;

	for (int i = 0; i < SLICE_TRIES && (r == -ENOENT || r == -ENODEV); i++) {
		cgroup_finish(&cgroup->parent);
		r = make_in_slice(backend, plan, name, deadline, cgroup);
	}
	return r;
}

static int make_scope(struct cgroupfs_backend *backend, const struct plan *plan, uint64_t deadline,
		      struct session_cgroup *cgroup, struct diag *diag)
{
	char name[32];
	int r = 0;

	(void)snprintf(name, sizeof(name), "oc-%s", plan->id);
	if (backend->base.facts.controllers != 0)
		r = hand_down(&backend->parent, plan, deadline);
	if (r >= 0 && backend->slice) {
		r = make_slice_and_scope(backend, plan, name, deadline, cgroup);
	} else if (r >= 0) {
		r = cgroup_reopen(&backend->parent, &cgroup->parent);
		if (r >= 0)
			r = cgroup_make(&cgroup->parent, name, &cgroup->scope);
	}
	if (r < 0)
		return diag_set(diag, r, "could not make the cgroup \"%s\" below \"%s\": %s", name,
				backend->parent.path, strerror(-r));
	return 0;
}

/* The second wall: the plan's hard limits and a little head-room, and the weights, which only count
 * against siblings. */
static void limit_scope(const struct session_cgroup *cgroup, const struct plan *plan,
			uint64_t page_bytes)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		uint64_t value;

		if (leaves_scope_value(plan, id, &value))
			try_limit(&cgroup->scope, id, value, page_bytes);
	}
}

static int cgroupfs_leave(struct backend *base, struct session_cgroup *cgroup, struct diag *diag);

static int cgroupfs_enter(struct backend *base, const struct plan *plan, pid_t child, pid_t keeper,
			  struct session_cgroup *ret, struct diag *diag)
{
	struct cgroupfs_backend *backend = cgroupfs_of(base);
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	uint64_t deadline = now_usec() + ENTER_USEC;
	int r = backend->evacuate ? evacuate(&backend->parent, diag) : 0;

	if (r < 0)
		return r;
	cleanup_free(&backend->slice);
	if (backend->use_slice) {
		backend->slice = strdup(plan->slice);
		if (!backend->slice)
			return -ENOMEM;
	}
	r = make_scope(backend, plan, deadline, &cgroup, diag);
	if (r >= 0) {
		limit_scope(&cgroup, plan, base->page_bytes);
		r = leaves_make(&cgroup, plan, child, keeper, base->page_bytes, deadline, diag);
	}
	if (r < 0) {
		best_effort(cgroupfs_leave(base, &cgroup, NULL));
		session_cgroup_finish(&cgroup);
		return r;
	}
	*ret = cgroup;
	return 0;
}

static int cgroupfs_attach(struct backend *base, sd_event *event, backend_stop_fn stop,
			   void *userdata)
{
	(void)base;
	(void)event;
	(void)stop;
	(void)userdata;
	return 0;
}

static int cgroupfs_leave(struct backend *base, struct session_cgroup *cgroup, struct diag *diag)
{
	struct cgroupfs_backend *backend = cgroupfs_of(base);
	int r = 0;

	if (cgroup->scope.dirfd >= 0 && !leaves_scope_is_gone(cgroup)) {
		r = leaves_empty(cgroup, now_usec() + LEAVE_USEC);
		if (r >= 0)
			r = cgroup_remove(&cgroup->parent, leaves_scope_name(cgroup));
	}
	/* Busy while other sessions are in it. */
	if (backend->slice && backend->parent.dirfd >= 0)
		(void)unlinkat(backend->parent.dirfd, backend->slice, AT_REMOVEDIR);
	if (r < 0)
		return diag_set(diag, r, "could not remove the cgroup \"%s\": %s",
				cgroup->scope.path,
				r == -EBUSY ? "processes are still in it" : strerror(-r));
	return 0;
}

static int cgroupfs_slice_path(struct backend *base, const struct plan *plan, char **ret)
{
	char *path = strdup(cgroupfs_of(base)->use_slice ? plan->slice : "");

	if (!path)
		return -ENOMEM;
	*ret = path;
	return 0;
}

static void cgroupfs_finish(struct backend *base)
{
	struct cgroupfs_backend *backend = cgroupfs_of(base);

	cgroup_finish(&backend->parent);
	cleanup_free(&backend->slice);
}

static bool may_evacuate(const struct host *host, const struct place *place, bool insist)
{
	return insist && place->occupied && !host->systemd_booted && !host->outer_session &&
	       place_has_needed(place->available);
}

static void take_place(struct cgroupfs_backend *backend, const struct host *host, bool insist,
		       struct place *place)
{
	struct backend_facts *facts = &backend->base.facts;

	facts->contains = true;
	facts->controllers = place->controllers;
	if (!place_has_needed(place->controllers)) {
		backend->evacuate = may_evacuate(host, place, insist);
		if (backend->evacuate)
			facts->controllers = place->available;
	}
	if (!place_has_needed(facts->controllers)) {
		struct refusal partial;

		place_explain(host, place, &partial);
		backend_set_partial(&backend->base, &partial);
	}
	backend->use_slice = !host->outer_session && (facts->controllers & CONTROLLER_MEMORY) != 0;
	backend->parent = place->cgroup;
	place->cgroup = (struct cgroup)CGROUP_INIT;
}

static int cgroupfs_limit_scope(struct backend *base, const struct session_cgroup *cgroup,
				enum limit_id id, uint64_t value)
{
	int r = leaves_set_limit(&cgroup->scope, limit_row(id), value, base->page_bytes);

	/* The controller ends above: there is no second wall. */
	return r == -ENOENT ? 0 : r;
}

int cgroupfs_probe(const struct host *host, bool insist, struct backend **ret,
		   struct refusal *refusal)
{
	static const struct backend_ops ops = {
		.enter = cgroupfs_enter,
		.attach = cgroupfs_attach,
		.limit_scope = cgroupfs_limit_scope,
		.slice_path = cgroupfs_slice_path,
		.leave = cgroupfs_leave,
		.finish = cgroupfs_finish,
	};
	struct place place = PLACE_INIT;
	struct backend *base;
	char *path;
	int r = place_find(host, &place, refusal);

	if (r < 0)
		return r;
	path = strdup(place.cgroup.path);
	r = path ? backend_new(&ops, BACKEND_CGROUPFS, sizeof(struct cgroupfs_backend), host, &base)
		 : -ENOMEM;
	if (r < 0) {
		free(path);
		place_finish(&place);
		return r;
	}
	backend_set_parent(base, path);
	take_place(cgroupfs_of(base), host, insist, &place);
	*ret = base;
	return 0;
}
