/* SPDX-License-Identifier: MIT */

/*
 * oc-ctl stop: asks oc-run to end the session, as SIGTERM does, and waits until it is gone. What
 * follows is the ladder of oc-run itself; --force climbs it quickly, a rung for each SIGTERM. All are
 * asked before the first is waited for.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "steer.h"

/* Between two signals with --force: one that is still pending would swallow the next. */
#define FORCE_STEP_USEC (2 * USEC_PER_SEC)
#define FORCE_SIGNALS 3
/* What the keeper is given for ending a session in the place of an oc-run that did not. */
#define KEEPER_USEC (15 * USEC_PER_SEC)

static int ask(struct ctl *ctl, struct ctl_view *view, struct diag *diag)
{
	int r;

	(void)ctl;
	/* Frozen processes can't be asked for anything. */
	if (view->state == CTL_STATE_FROZEN && ctl_set_frozen(view, false) < 0)
		ctl_say("%.8s: cannot be thawed: it will be killed", view->session->id);
	r = ctl_signal_supervisor(view->session, SIGTERM);
	/* Its keeper is at work: wait for that. */
	if (r < 0 && r != -ESRCH)
		return diag_set(diag, r, "cannot ask its oc-run to end it: %s", strerror(-r));
	return 0;
}

/* Waits, and with --force climbs. */
static bool wait_for(const struct registry_session *session, bool force, uint64_t deadline_usec)
{
	for (int i = 1; force && i < FORCE_SIGNALS; i++) {
		uint64_t next_usec = ctl_now_usec() + FORCE_STEP_USEC;

		if (ctl_wait_gone(session, next_usec < deadline_usec ? next_usec : deadline_usec))
			return true;
		(void)!ctl_signal_supervisor(session, SIGTERM);
	}
	if (ctl_wait_gone(session, deadline_usec))
		return true;
	if (!force)
		return false;
	/* oc-run itself hangs: its keeper does it in its place. */
	(void)!ctl_signal_supervisor(session, SIGKILL);
	return ctl_wait_gone(session, ctl_now_usec() + KEEPER_USEC);
}

static int wait_for_one(const struct registry_session *session, bool force, uint64_t timeout_usec)
{
	char label[CTL_LABEL_MAX], waited[FORMAT_TEXT_MAX];

	ctl_label(session, label);
	if (!wait_for(session, force, ctl_now_usec() + timeout_usec)) {
		format_duration(timeout_usec, waited);
		ctl_say("%s: has not ended within %s; `oc-ctl %s %.8s` %s", label, waited,
			force ? "kill" : "stop --force", session->id,
			force ? "kills it" : "is not so patient");
		return -ETIMEDOUT;
	}
	ctl_tell("%s: ended", label);
	return 0;
}

int ctl_stop(struct ctl *ctl)
{
	_cleanup_free_ const struct registry_session **chosen = NULL;
	_cleanup_free_ bool *asked = NULL;
	struct diag diag = DIAG_INIT;
	uint64_t timeout_usec;
	int status = CTL_OK;
	size_t count;

	if (ctl_timeout(ctl, &timeout_usec, &diag) < 0)
		return ctl_usage(&diag);
	if (ctl_steer_begin(ctl, &chosen, &count, &diag) < 0)
		return ctl_fail(&diag);
	asked = calloc(count + 1, sizeof(*asked));
	for (size_t i = 0; asked && i < count; i++)
		asked[i] = ctl_steer_one(ctl, chosen[i], CTL_LOOK_FIGURES, ask) >= 0;
	for (size_t i = 0; i < count; i++)
		if (!asked || !asked[i] ||
		    wait_for_one(chosen[i], ctl->options[CTL_FORCE], timeout_usec) < 0)
			status = CTL_FAILED;
	return status;
}
