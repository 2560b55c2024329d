/* SPDX-License-Identifier: MIT */

/*
 * The values of the limits. What was not asked for is worked out from the capacity: RAM or, where
 * it is less, the limit of the cgroup that oc-run was started in. No value is ever above that
 * outer limit: the kernel would not give more, and the person should read what holds.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"
#include "plan-internal.h"

#define OUTER_WHERE "the cgroup oc-run was started in"

#define MEMORY_MOST (8 * GIBIBYTE)
#define MEMORY_LEAST (1536 * MEBIBYTE)
#define SWAP_MOST (2 * GIBIBYTE)
#define PIDS_BASE 4096
#define PIDS_FOR_EACH_CPU 128
#define WEIGHT_DEFAULT 50
#define LEFT_FOR_THE_REST (2 * GIBIBYTE)

/* So many sessions that use all of theirs. */
#define SLICE_PIDS_SESSIONS 4

static uint64_t default_pids(const struct host *host)
{
	return PIDS_BASE + (uint64_t)PIDS_FOR_EACH_CPU * host->cpus;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t whole_mebibytes(uint64_t bytes)
{
	return bytes & ~(MEBIBYTE - 1);
}

uint64_t plan_capacity(const struct host *host)
{
	return least(host->ram_bytes, host->outer_memory_max);
}

static int set_default(struct plan_limit *limit, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int set_default(struct plan_limit *limit, uint64_t value, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&limit->where, format, arguments);
	va_end(arguments);
	if (length < 0) {
		limit->where = NULL;
		return -ENOMEM;
	}
	limit->value = value;
	return 0;
}

/* Half, but at most 8 GiB and at least 1.5 GiB, which again is at most three quarters. */
static uint64_t default_memory(uint64_t capacity, const char **ret_why)
{
	uint64_t three_quarters = capacity / 4 * 3;

	if (capacity / 2 > MEMORY_MOST) {
		*ret_why = "8 GiB";
		return MEMORY_MOST;
	}
	if (capacity / 2 >= MEMORY_LEAST) {
		*ret_why = "half";
		return whole_mebibytes(capacity / 2);
	}
	if (three_quarters >= MEMORY_LEAST) {
		*ret_why = "1.5 GiB";
		return MEMORY_LEAST;
	}
	*ret_why = "three quarters";
	return whole_mebibytes(three_quarters);
}

/* Where memory.high starts without --high. */
static const char *steps_where(const struct settings *settings)
{
	const struct setting *steps = &settings->values[SETTING_HIGH_STEPS];

	return steps->text ? steps->where : "default";
}

static int default_value(struct plan *plan, enum limit_id id, const struct plan_request *request)
{
	const struct host *host = request->host;
	struct plan_limit *limit = &plan->limits[id];
	uint64_t memory = plan->limits[LIMIT_MEMORY_MAX].value, value;
	uint64_t capacity = plan_capacity(host);
	const char *why;

	switch (id) {
	case LIMIT_MEMORY_MAX:
		value = default_memory(capacity, &why);
		if (*why >= '0' && *why <= '9')
			return set_default(limit, value, "default: %s", why);
		return set_default(limit, value, "default: %s of %s", why,
				   capacity < host->ram_bytes ? "the outer limit" : "RAM");
	case LIMIT_MEMORY_HIGH:
		if (memory == LIMIT_UNLIMITED)
			return set_default(limit, memory, "default: none without --mem");
		/* In whole pages, as the kernel will have it. */
		return set_default(limit, memory / 100 * plan->high_steps[0] / 4096 * 4096,
				   "%s: %u%% of --mem", steps_where(request->settings),
				   plan->high_steps[0]);
	case LIMIT_MEMORY_SWAP_MAX:
		value = least(memory, capacity) / 4;
		return set_default(limit, whole_mebibytes(least(value, SWAP_MOST)),
				   value > SWAP_MOST ? "default: 2 GiB"
						     : "default: a quarter of --mem");
	case LIMIT_PIDS_MAX:
		return set_default(limit, default_pids(host), "default: %d + %d for each CPU",
				   PIDS_BASE, PIDS_FOR_EACH_CPU);
	case LIMIT_CPU_MAX:
		return set_default(limit, LIMIT_UNLIMITED, "default");
	case LIMIT_CPU_WEIGHT:
	case LIMIT_IO_WEIGHT:
		return set_default(limit, WEIGHT_DEFAULT, "default: half of everybody's");
	case LIMIT_COUNT:
		break;
	}
	return -EINVAL;
}

static int asked_value(struct plan *plan, enum limit_id id, const struct plan_request *request,
		       struct diag *diag)
{
	/* The settings of the limits have the limits' numbers. */
	enum setting_id setting = (enum setting_id)id;
	const struct setting *from = &request->settings->values[setting];
	struct plan_limit *limit = &plan->limits[id];
	int r;

	r = limit_parse(limit_row(id), from->text, plan_capacity(request->host), &limit->value,
			diag);
	if (r < 0)
		return setting_blame(diag, r, request->settings, setting);
	limit->asked = true;
	limit->where = strdup(from->where);
	return limit->where ? 0 : -ENOMEM;
}

static uint64_t outer_limit(const struct host *host, enum limit_id id)
{
	if (id == LIMIT_MEMORY_MAX)
		return host->outer_memory_max;
	if (id == LIMIT_MEMORY_SWAP_MAX)
		return host->outer_swap_max;
	if (id == LIMIT_PIDS_MAX)
		return host->outer_pids_max;
	return LIMIT_UNLIMITED;
}

/* "--mem 16G", "mem = 16G of /etc/oc-run.conf:3". */
static void name_setting(const struct settings *settings, enum setting_id id, char *text,
			 size_t size)
{
	const struct setting *setting = &settings->values[id];

	if (setting->where[0] == '/')
		(void)snprintf(text, size, "%s = %.40s of %s", setting_row(id)->key, setting->text,
			       setting->where);
	else
		(void)snprintf(text, size, "%s %.40s", setting->where, setting->text);
}

static int clamp_to_outer(struct plan *plan, enum limit_id id, const struct plan_request *request)
{
	struct plan_limit *limit = &plan->limits[id];
	uint64_t outer = outer_limit(request->host, id), wanted = limit->value;
	char name[256], text[LIMIT_TEXT_MAX];

	if (wanted <= outer)
		return 0;
	cleanup_free(&limit->where);
	limit->where = strdup(OUTER_WHERE);
	if (!limit->where)
		return -ENOMEM;
	limit->value = outer;
	if (!limit->asked || wanted == LIMIT_UNLIMITED)
		return 0;
	name_setting(request->settings, (enum setting_id)id, name, sizeof(name));
	limit_format_human(limit_row(id), outer, text);
	return plan_warn(plan, "%s is more than oc-run was given itself: the limit is %s", name,
			 text);
}

/* Above RAM nothing is held back: the machine is out of memory before the session is. */
static int check_memory(struct plan *plan, const struct plan_request *request)
{
	const struct plan_limit *limit = &plan->limits[LIMIT_MEMORY_MAX];
	uint64_t ram = request->host->ram_bytes;
	char name[256], text[LIMIT_TEXT_MAX];

	if (!limit->asked || limit->value == LIMIT_UNLIMITED || limit->value <= ram / 10 * 9)
		return 0;
	name_setting(request->settings, SETTING_MEM, name, sizeof(name));
	format_bytes(ram, text);
	return plan_warn(plan, "%s leaves nothing for the rest of a machine with %s of RAM", name,
			 text);
}

static bool is_from_command_line(const struct plan_limit *limit)
{
	return limit->asked && limit->where[0] == '-';
}

/* memory.high above memory.max would never be reached. On the command line that is a mistake; a
 * --mem that is smaller than what a file says about high just means less of both. */
static int check_high(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct plan_limit *memory = &plan->limits[LIMIT_MEMORY_MAX];
	struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];
	char text[LIMIT_TEXT_MAX];

	if (high->value == LIMIT_UNLIMITED || high->value <= memory->value)
		return 0;
	if (is_from_command_line(memory) && !is_from_command_line(high)) {
		cleanup_free(&high->where);
		high->asked = false;
		return default_value(plan, LIMIT_MEMORY_HIGH, request);
	}
	format_bytes(memory->value, text);
	(void)diag_set(diag, -EINVAL,
		       "is above the memory limit (%s, %s) and would never be reached; write less, "
		       "or raise --mem",
		       text, memory->where);
	return setting_blame(diag, -EINVAL, request->settings, SETTING_HIGH);
}

/* Steps on the command line are preferred to a line that stands in a file. */
static bool steps_win(const struct settings *settings)
{
	const struct setting *steps = &settings->values[SETTING_HIGH_STEPS];
	const struct setting *high = &settings->values[SETTING_HIGH];

	return steps->text && steps->where[0] == '-' && high->text && high->where[0] != '-';
}

static int resolve_limit(struct plan *plan, enum limit_id id, const struct plan_request *request,
			 struct diag *diag)
{
	int r;

	if (request->settings->values[id].text &&
	    !(id == LIMIT_MEMORY_HIGH && steps_win(request->settings)))
		r = asked_value(plan, id, request, diag);
	else
		r = default_value(plan, id, request);
	if (r < 0)
		return r;
	if (id == LIMIT_MEMORY_MAX)
		r = check_memory(plan, request);
	if (r < 0)
		return r;
	return clamp_to_outer(plan, id, request);
}

/* Three quarters, 2 GiB at least left for the rest; but never so little that one session with the
 * default would not fit. */
static uint64_t slice_memory(uint64_t capacity)
{
	uint64_t left = capacity > LEFT_FOR_THE_REST ? capacity - LEFT_FOR_THE_REST : 0;
	const char *why;

	return most(whole_mebibytes(least(capacity / 4 * 3, left)), default_memory(capacity, &why));
}

/* Its limits are a person's, and may be less than what one session would have. */
static int take_slice(struct plan *plan, const struct plan_request *request)
{
	uint64_t memory = plan->limits[LIMIT_MEMORY_MAX].value;
	char slice[FORMAT_TEXT_MAX];

	plan->slice_is_given = true;
	plan->slice_memory_max = request->slice.memory_bytes;
	plan->slice_swap_max = request->slice.swap_bytes;
	plan->slice_pids_max = request->slice.tasks;
	if (memory <= plan->slice_memory_max || request->host->outer_session)
		return 0;
	format_bytes(plan->slice_memory_max, slice);
	return plan_warn(plan,
			 "%s holds all sessions together to %s, less than the limit of this one; "
			 "give less with --mem, or change the slice's unit",
			 plan->slice, slice);
}

/* Threads are many, and few sessions come near their limit: it is for what forks without end. */
static uint64_t slice_pids(const struct plan *plan, const struct host *host)
{
	uint64_t own = plan->limits[LIMIT_PIDS_MAX].value;
	uint64_t room = SLICE_PIDS_SESSIONS * default_pids(host);

	return own == LIMIT_UNLIMITED || own <= room / 2 ? room : own * 2;
}

/* All sessions together must not take the machine down; but what a person asks for one of them is
 * given, and said. */
static int resolve_slice(struct plan *plan, const struct plan_request *request)
{
	const struct plan_limit *memory = &plan->limits[LIMIT_MEMORY_MAX];
	uint64_t swap = plan->limits[LIMIT_MEMORY_SWAP_MAX].value;
	uint64_t cap = slice_memory(plan_capacity(request->host));
	char before[FORMAT_TEXT_MAX], after[FORMAT_TEXT_MAX];

	if (request->slice.is_given)
		return take_slice(plan, request);
	plan->slice_memory_max = cap;
	plan->slice_swap_max = most(request->host->swap_bytes / 2, swap);
	plan->slice_pids_max = slice_pids(plan, request->host);
	if (memory->value <= cap || memory->value == LIMIT_UNLIMITED)
		return 0;
	plan->slice_memory_max = memory->value;
	/* Nobody holds the slice, or there was a stronger word already. */
	if (!(request->backend->controllers & CONTROLLER_MEMORY) ||
	    memory->value > request->host->ram_bytes / 10 * 9)
		return 0;
	format_bytes(cap, before);
	format_bytes(memory->value, after);
	return plan_warn(plan, "%s %s lets all sessions together take that much, instead of %s",
			 memory->where, after, before);
}

/* Each is within its own limit, and all are not within what they share: who starts one more should
 * know. Not where the slice is not ours to hold. */
static int check_others(struct plan *plan, const struct plan_request *request)
{
	const struct plan_others *others = &request->others;
	uint64_t memory = plan->limits[LIMIT_MEMORY_MAX].value;
	uint64_t sum = others->memory_bytes + memory;
	char all[FORMAT_TEXT_MAX] = "any amount", slice[FORMAT_TEXT_MAX];

	if (others->count == 0 || request->host->outer_session ||
	    !(request->backend->controllers & CONTROLLER_MEMORY))
		return 0;
	if (others->memory_bytes == LIMIT_UNLIMITED || memory == LIMIT_UNLIMITED)
		sum = LIMIT_UNLIMITED;
	if (sum <= plan->slice_memory_max)
		return 0;
	if (sum != LIMIT_UNLIMITED)
		format_bytes(sum, all);
	format_bytes(plan->slice_memory_max, slice);
	return plan_warn(plan,
			 "the %zu sessions that run now may take %s together, but %s holds %s: "
			 "when that is used up, one of them loses a tool",
			 others->count + 1, all, plan->slice, slice);
}

int plan_resolve_limits(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	int r;

	for (int id = 0; id < LIMIT_COUNT; id++) {
		r = resolve_limit(plan, (enum limit_id)id, request, diag);
		if (r < 0)
			return r;
	}
	r = check_high(plan, request, diag);
	if (r < 0)
		return r;
	r = resolve_slice(plan, request);
	return r < 0 ? r : check_others(plan, request);
}
