/* SPDX-License-Identifier: MIT */

/* The null member: no cgroup. The tree is held by the subreaper and the tag in the environment, and
 * the supervisor enforces memory and tasks by watching. */

#include <stdlib.h>

#include "backend-impl.h"

static int none_enter(struct backend *backend, const struct plan *plan, pid_t child, pid_t keeper,
		      struct session_cgroup *ret, struct diag *diag)
{
	(void)backend;
	(void)plan;
	(void)child;
	(void)keeper;
	(void)diag;
	*ret = (struct session_cgroup)SESSION_CGROUP_INIT;
	return 0;
}

static int none_attach(struct backend *backend, sd_event *event, backend_stop_fn stop,
		       void *userdata)
{
	(void)backend;
	(void)event;
	(void)stop;
	(void)userdata;
	return 0;
}

static int none_leave(struct backend *backend, struct session_cgroup *cgroup, struct diag *diag)
{
	(void)backend;
	(void)cgroup;
	(void)diag;
	return 0;
}

static void none_finish(struct backend *backend)
{
	(void)backend;
}

int none_new(const struct host *host, const struct refusal *refusal, struct backend **ret)
{
	static const struct backend_ops ops = {
		.enter = none_enter,
		.attach = none_attach,
		.leave = none_leave,
		.finish = none_finish,
	};
	struct backend *backend;
	int r = backend_new(&ops, BACKEND_NONE, sizeof(*backend), host, &backend);

	if (r < 0)
		return r;
	backend_set_partial(backend, refusal);
	*ret = backend;
	return 0;
}
