/* SPDX-License-Identifier: MIT */

/* The limits of a plan: what was asked for, else the default for this machine, never more than the
 * cgroup that oc-run itself was started in. Pure. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan-internal.h"

#define DEFAULT_MEMORY_TOP (8 * GIBIBYTE)
#define DEFAULT_MEMORY_FLOOR (3 * GIBIBYTE / 2)
#define DEFAULT_SWAP_TOP (2 * GIBIBYTE)
#define DEFAULT_HIGH_PERCENT 80
#define DEFAULT_PIDS_BASE 4096
#define DEFAULT_PIDS_EACH_CPU 128
/* Half of a normal process's weight. */
#define DEFAULT_WEIGHT 50
#define SLICE_REST (2 * GIBIBYTE)

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The memory there is for us: RAM, or the limit that oc-run was started under. */
static uint64_t memory_of_host(const struct host *host)
{
	return smaller(host->ram_bytes, host->outer_memory_max);
}

static uint64_t default_memory(const struct host *host, const char **ret_why)
{
	uint64_t memory = memory_of_host(host), half = smaller(memory / 2, DEFAULT_MEMORY_TOP);

	if (half >= DEFAULT_MEMORY_FLOOR) {
		*ret_why = half == DEFAULT_MEMORY_TOP ? "default: 8 GiB" : "default: half of RAM";
		return half;
	}
	if (memory / 4 * 3 >= DEFAULT_MEMORY_FLOOR) {
		*ret_why = "default: 1.5 GiB";
		return DEFAULT_MEMORY_FLOOR;
	}
	*ret_why = "default: 3/4 of RAM";
	return memory / 4 * 3;
}

static uint64_t default_of(enum limit_id id, const struct plan *plan, const struct host *host,
			   const char **ret_why)
{
	uint64_t memory = plan->limits[LIMIT_MEMORY_MAX].value;

	switch (id) {
	case LIMIT_MEMORY_MAX:
		return default_memory(host, ret_why);
	case LIMIT_MEMORY_HIGH:
		*ret_why = "default: 80 % of mem";
		return memory == LIMIT_UNLIMITED ? memory : memory / 100 * DEFAULT_HIGH_PERCENT;
	case LIMIT_MEMORY_SWAP_MAX:
		*ret_why = memory == LIMIT_UNLIMITED ? "default: 2 GiB" : "default: 1/4 of mem";
		return smaller(memory / 4, DEFAULT_SWAP_TOP);
	case LIMIT_PIDS_MAX:
		*ret_why = "default: from CPUs";
		return DEFAULT_PIDS_BASE + (uint64_t)DEFAULT_PIDS_EACH_CPU * host->cpus;
	case LIMIT_CPU_MAX:
		*ret_why = "default";
		return LIMIT_UNLIMITED;
	case LIMIT_CPU_WEIGHT:
	case LIMIT_IO_WEIGHT:
		*ret_why = "default";
		return DEFAULT_WEIGHT;
	case LIMIT_COUNT:
		break;
	}
	*ret_why = "";
	return LIMIT_UNLIMITED;
}

static uint64_t outer_limit(enum limit_id id, const struct host *host)
{
	switch (id) {
	case LIMIT_MEMORY_MAX:
	case LIMIT_MEMORY_HIGH:
		return host->outer_memory_max;
	case LIMIT_MEMORY_SWAP_MAX:
		return host->outer_swap_max;
	case LIMIT_PIDS_MAX:
		return host->outer_pids_max;
	case LIMIT_CPU_MAX:
	case LIMIT_CPU_WEIGHT:
	case LIMIT_IO_WEIGHT:
	case LIMIT_COUNT:
		break;
	}
	return LIMIT_UNLIMITED;
}

static int set_where(struct plan_limit *limit, const char *where)
{
	free(limit->where);
	limit->where = strdup(where);
	return limit->where ? 0 : -ENOMEM;
}

static int cap_by_outer(struct plan *plan, enum limit_id id, const struct host *host)
{
	struct plan_limit *limit = &plan->limits[id];
	uint64_t outer = outer_limit(id, host);
	char had[LIMIT_TEXT_MAX], given[LIMIT_TEXT_MAX];
	int r = 0;

	if (limit->value <= outer)
		return 0;
	if (limit->asked && limit->value != LIMIT_UNLIMITED) {
		limit_format_human(limit_row(id), limit->value, had);
		limit_format_human(limit_row(id), outer, given);
		r = plan_warn(plan, "%s asks for %s, but oc-run itself was started under a limit of "
			      "%s: that holds", limit->where, had, given);
	}
	limit->value = outer;
	return r < 0 ? r : set_where(limit, "limit around oc-run");
}

static int resolve_limit(struct plan *plan, const struct plan_request *request, enum limit_id id,
			 struct diag *diag)
{
	const struct setting *setting = &request->settings->values[SETTING_MEM + (int)id];
	struct plan_limit *limit = &plan->limits[id];
	const char *why;
	int r;

	if (setting->text) {
		r = limit_parse(limit_row(id), setting->text, memory_of_host(request->host),
				&limit->value, diag);
		if (r < 0)
			return setting_blame(diag, r, request->settings,
					     (enum setting_id)(SETTING_MEM + (int)id));
		limit->asked = true;
		r = set_where(limit, setting->where);
	} else {
		limit->value = default_of(id, plan, request->host, &why);
		r = set_where(limit, why);
	}
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	r = cap_by_outer(plan, id, request->host);
	return r < 0 ? diag_set(diag, r, "out of memory") : 0;
}

/* memory.high above memory.max would never be reached. */
static int check_high(struct plan *plan, struct diag *diag)
{
	struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];
	const struct plan_limit *memory = &plan->limits[LIMIT_MEMORY_MAX];
	char high_text[LIMIT_TEXT_MAX], memory_text[LIMIT_TEXT_MAX];

	if (high->value == LIMIT_UNLIMITED || high->value <= memory->value)
		return 0;
	if (!high->asked) {
		high->value = memory->value;
		return 0;
	}
	limit_format_human(limit_row(LIMIT_MEMORY_HIGH), high->value, high_text);
	limit_format_human(limit_row(LIMIT_MEMORY_MAX), memory->value, memory_text);
	return diag_set(diag, -EINVAL, "%s: %s is above the memory limit of %s (%s) and would never be "
			"reached; make it smaller, or --mem larger", high->where, high_text,
			memory_text, memory->where);
}

static int warn_above_ram(struct plan *plan, const struct host *host)
{
	const struct plan_limit *memory = &plan->limits[LIMIT_MEMORY_MAX];
	char text[LIMIT_TEXT_MAX], ram[LIMIT_TEXT_MAX];

	if (!memory->asked || memory->value <= host->ram_bytes / 10 * 9)
		return 0;
	limit_format_human(limit_row(LIMIT_MEMORY_MAX), memory->value, text);
	limit_format_human(limit_row(LIMIT_MEMORY_MAX), host->ram_bytes, ram);
	return plan_warn(plan, "%s: %s does not protect a machine with %s of RAM; the default would be "
			 "lower", memory->where, text, ram);
}

/* Who enforces each. Memory and tasks can be watched; the rest is the kernel's or nobody's. */
static void choose_enforcers(struct plan *plan, const struct backend_facts *backend)
{
	for (int id = 0; id < LIMIT_COUNT; id++) {
		struct plan_limit *limit = &plan->limits[id];

		limit->enforcer = ENFORCER_NONE;
		if (backend->controllers & limit_row((enum limit_id)id)->controller)
			limit->enforcer = ENFORCER_KERNEL;
		else if ((id == LIMIT_MEMORY_MAX || id == LIMIT_PIDS_MAX) &&
			 limit->value != LIMIT_UNLIMITED)
			limit->enforcer = ENFORCER_WATCH;
	}
}

/* Is the kernel's absence for this limit worth refusing (--enforce=kernel) or a word? Weights that
 * nobody asked for are a courtesy. */
static bool is_missed(const struct plan_limit *limit, enum limit_id id)
{
	if (limit->enforcer == ENFORCER_KERNEL || limit->value == LIMIT_UNLIMITED)
		return false;
	return limit->asked || id <= LIMIT_PIDS_MAX;
}

static void list_missed(const struct plan *plan, enum enforcer enforcer, char *text, size_t size)
{
	text[0] = '\0';
	for (int id = 0; id < LIMIT_COUNT; id++) {
		const struct plan_limit *limit = &plan->limits[id];
		size_t length = strlen(text);

		if (is_missed(limit, (enum limit_id)id) &&
		    (enforcer == ENFORCER_KERNEL || limit->enforcer == enforcer))
			(void)snprintf(text + length, size - length, "%s%s", length ? ", " : "",
				       limit_row((enum limit_id)id)->cgroup_file);
	}
}

static int check_enforcers(struct plan *plan, const struct backend_facts *backend,
			   struct diag *diag)
{
	const char *why = backend->why ? backend->why : "no cgroup controller is available";
	const char *remedy = backend->remedy ? backend->remedy :
		"--dry-run shows who enforces what";
	char missed[256], watched[256];

	list_missed(plan, ENFORCER_KERNEL, missed, sizeof(missed));
	if (!missed[0])
		return 0;
	if (plan->enforce == ENFORCE_KERNEL)
		return diag_set(diag, -EOPNOTSUPP, "--enforce=kernel can't be kept: the kernel can't "
				"enforce %s here, because %s; %s", missed, why, remedy);
	list_missed(plan, ENFORCER_WATCH, watched, sizeof(watched));
	list_missed(plan, ENFORCER_NONE, missed, sizeof(missed));
	if (watched[0] && missed[0])
		return plan_warn(plan, "oc-run enforces %s by watching, and nobody %s, because %s; %s",
				 watched, missed, why, remedy);
	if (watched[0])
		return plan_warn(plan, "oc-run enforces %s by watching, because %s; %s", watched, why,
				 remedy);
	return plan_warn(plan, "nobody enforces %s, because %s; %s", missed, why, remedy);
}

int plan_resolve_limits(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	uint64_t memory = memory_of_host(request->host);
	int r;

	for (int id = 0; id < LIMIT_COUNT; id++) {
		r = resolve_limit(plan, request, (enum limit_id)id, diag);
		if (r < 0)
			return r;
	}
	r = check_high(plan, diag);
	if (r < 0)
		return r;
	r = warn_above_ram(plan, request->host);
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	plan->slice_memory_max = memory / 4 * 3;
	if (memory > 2 * SLICE_REST)
		plan->slice_memory_max = smaller(plan->slice_memory_max, memory - SLICE_REST);
	plan->slice_swap_max = smaller(plan->slice_memory_max / 4, DEFAULT_SWAP_TOP);
	choose_enforcers(plan, request->backend);
	r = check_enforcers(plan, request->backend, diag);
	return r == -ENOMEM ? diag_set(diag, r, "out of memory") : r;
}
