/* SPDX-License-Identifier: MIT */

/* Which command a profile is for, and what that command needs on this machine. Pure. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/profile.h"

static const char *base_name(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash ? slash + 1 : word;
}

bool profile_matches(const struct profile *profile, const char *word)
{
	return strv_contains(profile->commands, base_name(word));
}

unsigned profile_tasks_at(const struct profile_tasks *tasks, unsigned cpus)
{
	size_t upper = 1;
	unsigned cpus_below, tasks_below, rise, run;

	if (tasks->count == 0)
		return 0;
	if (tasks->count == 1 || cpus <= tasks->points[0].cpus)
		return tasks->points[0].tasks;
	/* The line through the two points around it; through the last two beyond them. */
	while (upper + 1 < tasks->count && cpus > tasks->points[upper].cpus)
		upper++;
	cpus_below = tasks->points[upper - 1].cpus;
	tasks_below = tasks->points[upper - 1].tasks;
	rise = tasks->points[upper].tasks - tasks_below;
	run = tasks->points[upper].cpus - cpus_below;
	return (unsigned)(tasks_below + (uint64_t)rise * (cpus - cpus_below) / run);
}

unsigned profile_known_tasks(const struct profile *profile, const char *word, unsigned cpus)
{
	const char *name = base_name(word);

	for (size_t i = 0; i < profile->tasks_of.count; i++)
		if (strcmp(profile->tasks_of.items[i].name, name) == 0)
			return profile_tasks_at(&profile->tasks_of.items[i].tasks, cpus);
	return profile_tasks_at(&profile->tasks, cpus);
}

static unsigned company_tasks(const struct profile_company *company)
{
	return company->tasks.points[0].tasks;
}

static void print_company(FILE *out, const struct profile_company *company)
{
	(void)fprintf(out, "%s (%u more)", company->name, company_tasks(company));
}

/* "neither A nor B", "not B": those that do not even fit alone. */
static void print_left_out(FILE *out, const struct profile *profile, uint64_t room)
{
	size_t left_out = 0, printed = 0;

	for (size_t i = 0; i < profile->company.count; i++)
		left_out += company_tasks(&profile->company.items[i]) > room;
	for (size_t i = 0; i < profile->company.count; i++) {
		const struct profile_company *company = &profile->company.items[i];

		if (company_tasks(company) <= room)
			continue;
		(void)fputs(printed > 0 ? " nor " : left_out > 1 ? "neither " : "not ", out);
		print_company(out, company);
		printed++;
	}
}

/* "not C beside A and B": each fits alone, but not all of them. */
static void print_too_many(FILE *out, const struct profile *profile)
{
	size_t last = profile->company.count - 1;

	(void)fputs("not ", out);
	print_company(out, &profile->company.items[last]);
	for (size_t i = 0; i < last; i++) {
		(void)fputs(i == 0 ? " beside " : " and ", out);
		print_company(out, &profile->company.items[i]);
	}
}

/* What of the usual company does not fit beside it; NULL: everything does. */
static char *company_left_out(const struct profile *profile, uint64_t room)
{
	uint64_t all = 0, largest = 0;
	char *text = NULL;
	size_t size;
	FILE *out;

	for (size_t i = 0; i < profile->company.count; i++) {
		unsigned tasks = company_tasks(&profile->company.items[i]);

		all += tasks;
		largest = tasks > largest ? tasks : largest;
	}
	if (all <= room)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	if (largest > room)
		print_left_out(out, profile, room);
	else
		print_too_many(out, profile);
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}

char *profile_pids_warning(const struct profile *profile, const char *word, uint64_t pids_max,
			   unsigned cpus)
{
	unsigned need = profile_known_tasks(profile, word, cpus);
	_cleanup_free_ char *left_out = NULL;
	const char *name = base_name(word), *ending = cpus == 1 ? "" : "s";
	char *text = NULL;
	int length = 0;

	if (need == 0)
		return NULL;
	if (pids_max < need)
		length = asprintf(
			&text,
			"a limit of %" PRIu64 " tasks is too small for %s, which takes about "
			"%u with its threads on %u CPU%s: it may hang or die without a word",
			pids_max, name, need, cpus, ending);
	else if ((left_out = company_left_out(profile, pids_max - need)))
		length = asprintf(&text,
				  "a limit of %" PRIu64
				  " tasks fits %s itself (about %u with its threads "
				  "on %u CPU%s), but %s",
				  pids_max, name, need, cpus, ending, left_out);
	return length < 0 ? NULL : text;
}
