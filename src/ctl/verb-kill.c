/* SPDX-License-Identifier: MIT */

/* oc-ctl kill: all processes of a session at once. oc-run, which is none of them, then tells what
 * happened and cleans up. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "steer.h"

static int kill_one(struct ctl *ctl, struct ctl_view *view, struct diag *diag)
{
	char label[CTL_LABEL_MAX];
	uint64_t timeout_usec;
	int r = ctl_timeout(ctl, &timeout_usec, diag);

	if (r < 0)
		return r;
	/* The kernel's own way first: nobody can fork away from it. Then those outside, and all where
	 * there is no cgroup. */
	if (view->payload.dirfd >= 0)
		r = cgroup_kill(&view->payload);
	if (view->tree)
		(void)!tree_signal(view->tree, TREE_SIGNAL_ALL, SIGKILL);
	else if (r >= 0 && view->payload.dirfd < 0)
		r = -ESRCH;
	if (r < 0 && r != -ENODEV && r != -ENOENT)
		return diag_set(diag, r, "cannot be killed: %s", strerror(-r));
	/* One that is stopped could not clean up. */
	(void)!ctl_signal_supervisor(view->session, SIGCONT);
	if (!ctl_wait_gone(view->session, ctl_now_usec() + timeout_usec))
		return diag_set(
			diag, -ETIMEDOUT,
			"has been killed, but is not gone yet; `oc-ctl show %.8s` shows what "
			"is left",
			view->session->id);
	ctl_label(view->session, label);
	ctl_tell("%s: killed", label);
	return 0;
}

int ctl_kill(struct ctl *ctl)
{
	struct diag diag = DIAG_INIT;
	uint64_t timeout_usec;

	if (ctl_timeout(ctl, &timeout_usec, &diag) < 0)
		return ctl_usage(&diag);
	return ctl_steer_each(ctl, CTL_LOOK_TREE, kill_one);
}
