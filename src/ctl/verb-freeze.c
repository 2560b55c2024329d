/* SPDX-License-Identifier: MIT */

/* oc-ctl freeze, thaw: holds a session where it is, and lets it go on. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "steer.h"

static int freeze_one(struct ctl *ctl, struct ctl_view *view, struct diag *diag)
{
	bool contained = view->payload.dirfd >= 0;
	char label[CTL_LABEL_MAX];
	int r;

	/* It would hold itself, before it could say so. */
	if (ctl_is_inside(&ctl->host, view->session))
		return diag_set(diag, -EDEADLK,
				"oc-ctl runs in this session itself; freeze it from outside");
	if (view->state == CTL_STATE_ENDING)
		return diag_set(diag, -ESRCH, "is just being ended");
	r = ctl_set_frozen(view, true);
	if (r == -ETIMEDOUT)
		return diag_set(
			diag, r,
			"some of it is still running after 3 s, waiting in the kernel; it will "
			"freeze when it gets on");
	if (r < 0)
		return diag_set(diag, r, "cannot be frozen: %s", strerror(-r));
	ctl_label(view->session, label);
	ctl_tell("%s: %s", label, contained ? "frozen" : "stopped (without a cgroup: by SIGSTOP)");
	return 0;
}

int ctl_freeze(struct ctl *ctl)
{
	return ctl_steer_each(ctl, CTL_LOOK_TREE, freeze_one);
}

static int thaw_one(struct ctl *ctl, struct ctl_view *view, struct diag *diag)
{
	char label[CTL_LABEL_MAX];
	int r = ctl_set_frozen(view, false);

	(void)ctl;
	if (r < 0)
		return diag_set(diag, r, "cannot be thawed: %s", strerror(-r));
	/* oc-run has stopped itself with the command, as for Ctrl-Z. */
	if (view->payload.dirfd < 0)
		(void)!ctl_signal_supervisor(view->session, SIGCONT);
	ctl_label(view->session, label);
	ctl_tell("%s: goes on", label);
	return 0;
}

int ctl_thaw(struct ctl *ctl)
{
	return ctl_steer_each(ctl, CTL_LOOK_TREE, thaw_one);
}
