/* SPDX-License-Identifier: MIT */

/* What a person says about memory running short: see pressure.h for what comes of it. */

#include <string.h>

#include "oc-run/parse.h"
#include "plan-internal.h"

static const unsigned default_steps[] = { 80, 88, 95 };

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* "80, 88,95": rising, each from 1 to 99. */
static int parse_steps(const char *text, struct plan *plan)
{
	unsigned before = 0;

	plan->high_step_count = 0;
	for (const char *at = skip_blanks(text);; at = skip_blanks(at + 1)) {
		unsigned step = 0;

		for (; *at >= '0' && *at <= '9' && step < 100; at++)
			step = step * 10 + (unsigned)(*at - '0');
		if (*at == '%')
			at++;
		at = skip_blanks(at);
		if (step <= before || step > 99 || plan->high_step_count == PLAN_HIGH_STEPS_MAX)
			return -EINVAL;
		plan->high_steps[plan->high_step_count++] = before = step;
		if (!*at)
			return 0;
		if (*at != ',')
			return -EINVAL;
	}
}

static int resolve_steps(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *text = settings->values[SETTING_HIGH_STEPS].text;

	if (text && parse_steps(text, plan) == 0)
		return 0;
	if (text) {
		(void)diag_set(diag, -EINVAL,
			       "is no list of rising percentages of --mem, %d at most; write for "
			       "example 80,88,95",
			       PLAN_HIGH_STEPS_MAX);
		return setting_blame(diag, -EINVAL, settings, SETTING_HIGH_STEPS);
	}
	memcpy(plan->high_steps, default_steps, sizeof(default_steps));
	plan->high_step_count = ARRAY_SIZE(default_steps);
	return 0;
}

static const char *const rung_names[] = { "notice", "tool", "agent" };

/* "notice, tool" or "none". */
static int parse_rungs(const char *text, unsigned *ret)
{
	unsigned rungs = 0;

	if (strcmp(text, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (const char *at = skip_blanks(text);; at = skip_blanks(at + 1)) {
		size_t length = strcspn(at, ", \t"), i = 0;

		while (i < ARRAY_SIZE(rung_names) &&
		       (strlen(rung_names[i]) != length || strncmp(at, rung_names[i], length) != 0))
			i++;
		if (i == ARRAY_SIZE(rung_names))
			return -EINVAL;
		rungs |= 1U << i;
		at = skip_blanks(at + length);
		if (*at && *at != ',')
			return -EINVAL;
		if (!*at)
			break;
	}
	*ret = rungs;
	return 0;
}

static int resolve_rungs(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *text = settings->values[SETTING_PRESSURE].text;

	plan->pressure_rungs = PLAN_RUNG_NOTICE | PLAN_RUNG_TOOL;
	if (!text || parse_rungs(text, &plan->pressure_rungs) == 0)
		return 0;
	(void)diag_set(diag, -EINVAL,
		       "is no list of notice, tool and agent; write for example notice,tool, or "
		       "none");
	return setting_blame(diag, -EINVAL, settings, SETTING_PRESSURE);
}

static bool is_from_command_line(const struct setting *setting)
{
	return setting->text && setting->where[0] == '-';
}

/* One line that stays, or steps: a person who types both means one of them. */
static int check_contradiction(const struct settings *settings, struct diag *diag)
{
	if (!is_from_command_line(&settings->values[SETTING_HIGH]) ||
	    !is_from_command_line(&settings->values[SETTING_HIGH_STEPS]))
		return 0;
	(void)diag_set(diag, -EINVAL,
		       "is a line that stays where it is and --high-steps are for one that moves; "
		       "leave one of them out");
	return setting_blame(diag, -EINVAL, settings, SETTING_HIGH);
}

int plan_resolve_pressure(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	int r = resolve_steps(plan, settings, diag);

	if (r == 0)
		r = check_contradiction(settings, diag);
	if (r == 0)
		r = resolve_rungs(plan, settings, diag);
	plan->livelock_guard = true;
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_LIVELOCK_GUARD, &plan->livelock_guard,
					diag);
	return r;
}
