/* SPDX-License-Identifier: MIT */

/* --restart and --restart-min-age: see restart.h for what comes of them. */

#include "oc-run/parse.h"
#include "plan-internal.h"

#define MIN_AGE_DEFAULT_USEC (2 * USEC_PER_MINUTE)

static const char *const restart_names[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_OOM] = "on-oom",
	[RESTART_ON_PRESSURE] = "on-pressure",
};

int plan_resolve_restart(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *age = settings->values[SETTING_RESTART_MIN_AGE].text;
	int r = plan_choose_word(settings, SETTING_RESTART, restart_names,
				 ARRAY_SIZE(restart_names), RESTART_NO, diag);

	if (r < 0)
		return r;
	plan->restart = (enum restart_choice)r;
	plan->restart_min_age_usec = MIN_AGE_DEFAULT_USEC;
	r = age ? parse_duration(age, &plan->restart_min_age_usec, diag) : 0;
	return r < 0 ? setting_blame(diag, r, settings, SETTING_RESTART_MIN_AGE) : 0;
}

int plan_warn_of_restart(struct plan *plan, const struct plan_request *request)
{
	const struct setting *setting = &request->settings->values[SETTING_RESTART];

	/* What stands in a file is a wish for all commands. */
	if (plan->restart == RESTART_NO || setting->where[0] != '-' ||
	    (plan->profile->sessions && plan->profile->resume))
		return 0;
	return plan_warn(plan,
			 "--restart \"%.100s\": the profile %s does not say how a session is "
			 "resumed, so the command will not be started again",
			 setting->text, plan->profile->name);
}
