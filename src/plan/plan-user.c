/* SPDX-License-Identifier: MIT */

/* --user: what can't be done for the command of another user, since it would be root's doing or
 * outside of the session's limits. */

#include "plan-internal.h"

/* The restart needs the id of the command's session, for which the command would be asked. */
static int give_up_restart(struct plan *plan, const struct settings *settings)
{
	const struct setting *setting = &settings->values[SETTING_RESTART];

	if (plan->restart == RESTART_NO)
		return 0;
	plan->restart = RESTART_NO;
	/* What stands in a file is a wish for all commands. */
	if (setting->where[0] != '-')
		return 0;
	return plan_warn(plan,
			 "--restart \"%.100s\": the command of another user (--user) is not asked "
			 "which session it had, so it will not be started again",
			 setting->text);
}

static int warn_of_no_cgroup(struct plan *plan, const struct backend_facts *backend)
{
	if (backend->contains)
		return 0;
	return plan_warn(plan,
			 "--user \"%.100s\": there is no cgroup here to hold the command, and it "
			 "can get away from oc-run",
			 plan->user->name);
}

int plan_resolve_user(struct plan *plan, const struct plan_request *request)
{
	int r;

	plan->user = request->user;
	if (!plan->user)
		return 0;
	r = give_up_restart(plan, request->settings);
	return r < 0 ? r : warn_of_no_cgroup(plan, request->backend);
}
