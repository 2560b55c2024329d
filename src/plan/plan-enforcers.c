/* SPDX-License-Identifier: MIT */

/*
 * Who enforces what. The kernel wherever it can; where it can't, oc-run holds memory and tasks by
 * watching the tree. memory.high is nothing without the kernel's reclaim, and a limit on swap
 * cannot be held from outside: what is swapped out counts as memory then. Half a limit is never
 * silent: one line says what is missing, why, and what to do; --enforce=kernel refuses.
 */

#include <stdio.h>
#include <string.h>

#include "plan-internal.h"

#define NAMES_MAX 128

static uint32_t bit(enum limit_id id)
{
	return UINT32_C(1) << id;
}

static enum enforcer choose(const struct plan_limit *limit, enum limit_id id, uint32_t controllers)
{
	if (limit->value == LIMIT_UNLIMITED && !limit->asked)
		return ENFORCER_NONE;
	if (controllers & (uint32_t)limit_row(id)->controller)
		return ENFORCER_KERNEL;
	if (limit->value != LIMIT_UNLIMITED && (id == LIMIT_MEMORY_MAX || id == LIMIT_PIDS_MAX))
		return ENFORCER_WATCH;
	return ENFORCER_NONE;
}

/* "--mem, --high and --pids". */
static void list_names(uint32_t limits, char text[NAMES_MAX])
{
	size_t length = 0;
	const char *separator = "";

	text[0] = '\0';
	for (int id = 0; id < LIMIT_COUNT; id++) {
		uint32_t rest = limits >> id;

		if (!(rest & 1))
			continue;
		length += (size_t)snprintf(text + length, NAMES_MAX - length, "%s--%s", separator,
					   limit_row((enum limit_id)id)->key);
		/* The last one gets "and". */
		rest >>= 1;
		separator = rest & (rest - 1) ? ", " : " and ";
	}
}

static const char *why(const struct backend_facts *facts)
{
	return facts->why ? facts->why : "no cgroup controller can be had";
}

/* "; enable it" or "". */
static const char *remedy(const struct backend_facts *facts)
{
	return facts->remedy ? facts->remedy : "";
}

static int refuse(const struct plan_request *request, uint32_t limits, struct diag *diag)
{
	const struct backend_facts *facts = request->backend;
	char names[NAMES_MAX];

	list_names(limits, names);
	(void)diag_set(
		diag, -EOPNOTSUPP,
		"the kernel does not enforce %s here: %s; %s%swithout --enforce=kernel oc-run "
		"holds memory and tasks by watching",
		names, why(facts), remedy(facts), facts->remedy ? "; " : "");
	return setting_blame(diag, -EOPNOTSUPP, request->settings, SETTING_ENFORCE);
}

static int warn_watched(struct plan *plan, uint32_t watched, const struct backend_facts *facts)
{
	bool both = watched == (bit(LIMIT_MEMORY_MAX) | bit(LIMIT_PIDS_MAX));
	const char *subject = both				? "limits are"
			      : watched & bit(LIMIT_MEMORY_MAX) ? "the memory limit is"
								: "the limit of tasks is";

	return plan_warn(plan, "%s enforced by watching, not by the kernel: %s%s%s", subject,
			 why(facts), facts->remedy ? "; " : "", remedy(facts));
}

/* The why is in the line above it, if there is one. */
static int warn_unheld(struct plan *plan, uint32_t unheld, bool is_explained,
		       const struct backend_facts *facts)
{
	bool one = (unheld & (unheld - 1)) == 0;
	char names[NAMES_MAX];

	list_names(unheld, names);
	if (is_explained)
		return plan_warn(plan, "%s cannot be held without the kernel and %s no effect",
				 names, one ? "has" : "have");
	return plan_warn(plan, "%s cannot be held here and %s no effect: %s%s%s", names,
			 one ? "has" : "have", why(facts), facts->remedy ? "; " : "",
			 remedy(facts));
}

/* What a person counts on when asking for the kernel: the four limits, defaults included, and
 * whatever else was asked for. */
static bool counts(const struct plan_limit *limit, enum limit_id id)
{
	return limit->value != LIMIT_UNLIMITED && (limit->asked || id <= LIMIT_PIDS_MAX);
}

int plan_resolve_enforcers(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct backend_facts *facts = request->backend;
	uint32_t watched = 0, unheld = 0, missing = 0;
	int r = 0;

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		struct plan_limit *limit = &plan->limits[id];

		limit->enforcer = choose(limit, id, facts->controllers);
		if (limit->enforcer == ENFORCER_WATCH)
			watched |= bit(id);
		if (limit->enforcer == ENFORCER_NONE && limit->asked &&
		    limit->value != LIMIT_UNLIMITED)
			unheld |= bit(id);
		if (limit->enforcer != ENFORCER_KERNEL && counts(limit, id))
			missing |= bit(id);
	}
	if (plan->enforce == ENFORCE_KERNEL && missing)
		return refuse(request, missing, diag);
	if (watched)
		r = warn_watched(plan, watched, facts);
	if (r == 0 && unheld)
		r = warn_unheld(plan, unheld, watched, facts);
	return r;
}
