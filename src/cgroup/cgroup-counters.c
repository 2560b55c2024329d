/* SPDX-License-Identifier: MIT */

/*
 * The counters and the usage of a cgroup. A file that is not there (the controller is off, or the
 * kernel is older) leaves its fields at zero; a cgroup that was removed is -ENODEV.
 */

#include "oc-run/cgroup.h"

#include <errno.h>
#include <string.h>

/* memory.stat has about 70 lines, and grows. */
#define TEXT_MAX 8192

/* 1: @text is filled. 0: there is no such file. */
static int read_optional(const struct cgroup *cgroup, const char *file, char text[TEXT_MAX])
{
	int r = cgroup_read(cgroup, file, text, TEXT_MAX);

	if (r == -ENOENT || r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? r : 1;
}

static int read_number(const struct cgroup *cgroup, const char *file, uint64_t *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, file, text);

	return r <= 0 ? r : cgroup_parse_number(text, ret);
}

static int read_memory_events(const struct cgroup *cgroup, const char *file,
			      struct memory_events *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, file, text);

	return r <= 0 ? r : cgroup_parse_memory_events(text, ret);
}

static int read_swap_events(const struct cgroup *cgroup, struct swap_events *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, "memory.swap.events", text);

	return r <= 0 ? r : cgroup_parse_swap_events(text, ret);
}

static int read_pids_events(const struct cgroup *cgroup, struct pids_events *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, "pids.events", text);

	return r <= 0 ? r : cgroup_parse_pids_events(text, ret);
}

/* In a removed cgroup every file is missing, so that all counters would read as zero. */
static int check_alive(const struct cgroup *cgroup)
{
	bool populated;

	return cgroup_is_populated(cgroup, &populated);
}

int cgroup_read_counters(const struct cgroup *cgroup, struct cgroup_counters *ret)
{
	struct cgroup_counters counters = { 0 };
	int r = read_memory_events(cgroup, "memory.events", &counters.memory);

	if (r >= 0)
		r = read_memory_events(cgroup, "memory.events.local", &counters.memory_local);
	if (r >= 0)
		r = read_swap_events(cgroup, &counters.swap);
	if (r >= 0)
		r = read_pids_events(cgroup, &counters.pids);
	if (r >= 0)
		r = check_alive(cgroup);
	if (r < 0)
		return r;
	*ret = counters;
	return 0;
}

static int read_numbers(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
	const struct {
		const char *file;
		uint64_t *value;
	} numbers[] = {
		{ "memory.current", &usage->memory_current },
		{ "memory.peak", &usage->memory_peak },
		{ "memory.swap.current", &usage->swap_current },
		{ "memory.swap.peak", &usage->swap_peak },
		{ "pids.current", &usage->pids_current },
		{ "pids.peak", &usage->pids_peak },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int r = read_number(cgroup, numbers[i].file, numbers[i].value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_cpu_usage(const struct cgroup *cgroup, uint64_t *ret_usec)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, "cpu.stat", text);

	if (r <= 0)
		return r;
	r = cgroup_parse_cpu_usage(text, ret_usec);
	return r == -ENODATA ? 0 : r;
}

static int read_pressure(const struct cgroup *cgroup, struct pressure *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, "memory.pressure", text);

	/* Switched off at boot, the file may be there and empty. */
	if (r <= 0)
		return r;
	r = cgroup_parse_pressure(text, ret);
	return r == -ENODATA ? 0 : r;
}

static int read_stat(const struct cgroup *cgroup, struct memory_stat *ret)
{
	char text[TEXT_MAX];
	int r = read_optional(cgroup, "memory.stat", text);

	return r <= 0 ? r : cgroup_parse_memory_stat(text, ret);
}

int cgroup_read_usage(const struct cgroup *cgroup, struct cgroup_usage *ret)
{
	struct cgroup_usage usage = { 0 };
	int r = read_numbers(cgroup, &usage);

	if (r >= 0)
		r = read_stat(cgroup, &usage.stat);
	if (r >= 0)
		r = read_pressure(cgroup, &usage.memory_pressure);
	if (r >= 0)
		r = read_cpu_usage(cgroup, &usage.cpu_usec);
	if (r >= 0)
		r = check_alive(cgroup);
	if (r < 0)
		return r;
	*ret = usage;
	return 0;
}
