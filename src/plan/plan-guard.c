/* SPDX-License-Identifier: MIT */

/* The level of the guard, and what its price and its gaps are. */

#include <string.h>

#include "plan-internal.h"

static const char *const level_names[] = {
	[GUARD_OFF] = "off",
	[GUARD_BASIC] = "basic",
	[GUARD_STRICT] = "strict",
};

int plan_guard_choice(const struct settings *settings, const struct guard_facts *facts,
		      enum guard_level *ret_level, struct diag *diag)
{
	enum guard_level free_of_charge =
		facts->no_new_privs && !facts->is_admin ? GUARD_BASIC : GUARD_OFF;
	int choice = plan_choose_word(settings, SETTING_GUARD, level_names, ARRAY_SIZE(level_names),
				      (int)free_of_charge, diag);

	if (choice < 0)
		return choice;
	*ret_level = (enum guard_level)choice;
	return 0;
}

static const char *choose_where(const struct plan *plan, const struct setting *setting)
{
	if (setting->text)
		return setting->where;
	return plan->guard.level == GUARD_OFF ? "default" : "default: no_new_privs is set already";
}

static int warn_of_gaps(struct plan *plan)
{
	_cleanup_free_ char *gaps = guard_lack_sentence(&plan->guard);

	if (!gaps || plan->guard.level == GUARD_OFF)
		return 0;
	return plan_warn(plan, "the guard has gaps, this system lacks %s", gaps);
}

static int warn_of_home(struct plan *plan)
{
	const char *project = plan->guard_places ? plan->guard_places->project : NULL;

	if (plan->guard.level != GUARD_STRICT || !plan->guard_places || project)
		return 0;
	return plan_warn(plan,
			 "the guard lets nothing be written in the present directory, which "
			 "is a whole home or more; start in the project's folder, or name one "
			 "with --guard-writes");
}

int plan_resolve_guard(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct setting *setting = &request->settings->values[SETTING_GUARD];
	static const struct guard_facts nothing;
	const struct guard_facts *facts = request->guard_facts ? request->guard_facts : &nothing;
	enum guard_level level;
	int r = plan_guard_choice(request->settings, facts, &level, diag);

	if (r < 0)
		return r;
	guard_choose(level, facts, &plan->guard);
	plan->guard.asked = setting->text != NULL;
	plan->guard_where = choose_where(plan, setting);
	plan->guard_places = request->guard_places;
	if (plan->guard.sets_no_new_privs)
		r = plan_warn(
			plan,
			"the guard (%s) sets no_new_privs: sudo, su and other setuid programs "
			"do not work in this session",
			level_names[level]);
	if (r == 0)
		r = warn_of_gaps(plan);
	if (r == 0)
		r = warn_of_home(plan);
	return r;
}
