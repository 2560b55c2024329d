/* SPDX-License-Identifier: MIT */

/* --history and --history-keep. */

#include "oc-run/parse.h"
#include "plan-internal.h"

#define KEEP_DEFAULT 200
#define KEEP_MOST 1000000

int plan_resolve_history(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *keep = settings->values[SETTING_HISTORY_KEEP].text;
	int r;

	plan->history = true;
	plan->history_keep = KEEP_DEFAULT;
	r = plan_resolve_switch(settings, SETTING_HISTORY, &plan->history, diag);
	if (r < 0 || !keep)
		return r;
	if (parse_unsigned(keep, &plan->history_keep) < 0 || plan->history_keep > KEEP_MOST) {
		(void)diag_set(diag, -EINVAL,
			       "is no number of sessions; write for example 200, or 0 for no end");
		return setting_blame(diag, -EINVAL, settings, SETTING_HISTORY_KEEP);
	}
	return 0;
}
