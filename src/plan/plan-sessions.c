/* SPDX-License-Identifier: MIT */

/* --max-sessions and --wait: see admission.h for what comes of them. */

#include <string.h>

#include "oc-run/parse.h"
#include "plan-internal.h"

#define SESSIONS_MOST 1000000

static int resolve_max(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *text = settings->values[SETTING_MAX_SESSIONS].text;

	plan->max_sessions = LIMIT_UNLIMITED;
	if (!text || strcmp(text, "max") == 0)
		return 0;
	if (parse_unsigned(text, &plan->max_sessions) < 0 || plan->max_sessions == 0 ||
	    plan->max_sessions > SESSIONS_MOST) {
		(void)diag_set(
			diag, -EINVAL,
			"is no number of sessions; write for example 4, or max for no limit");
		return setting_blame(diag, -EINVAL, settings, SETTING_MAX_SESSIONS);
	}
	return 0;
}

/* A bare number is seconds: so "1" is no "yes". */
static int resolve_wait(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *text = settings->values[SETTING_WAIT].text;
	bool wait = false;

	plan->wait_usec = 0;
	if (!text || parse_duration(text, &plan->wait_usec, NULL) >= 0)
		return 0;
	if (parse_switch(text, &wait, NULL) < 0) {
		(void)diag_set(diag, -EINVAL, "is no time; write for example 10min, yes or no");
		return setting_blame(diag, -EINVAL, settings, SETTING_WAIT);
	}
	plan->wait_usec = wait ? LIMIT_UNLIMITED : 0;
	return 0;
}

int plan_resolve_sessions(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const struct setting *wait = &settings->values[SETTING_WAIT];
	int r = resolve_max(plan, settings, diag);

	if (r == 0)
		r = resolve_wait(plan, settings, diag);
	/* In a file it is a wish for the day on which there is a number. */
	if (r == 0 && plan->wait_usec > 0 && plan->max_sessions == LIMIT_UNLIMITED &&
	    wait->where[0] == '-')
		r = plan_warn(plan, "--wait has nothing to wait for: --max-sessions is not given");
	return r;
}
