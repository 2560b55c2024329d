/* SPDX-License-Identifier: MIT */

#include <signal.h>

#include "oc-run/limits.h"
#include "profile-fixture.h"

static unsigned known_tasks(const char *word, unsigned cpus)
{
	return profile_known_tasks(shipped_profile_for(word), word, cpus);
}

static char *pids_warning(const char *word, uint64_t pids_max, unsigned cpus)
{
	return profile_pids_warning(shipped_profile_for(word), word, pids_max, cpus);
}

static int stop_signal(const char *word)
{
	return shipped_profile_for(word)->stop_signal;
}

TEST(opencodes_tasks_grow_with_the_cpus_as_measured)
{
	static const struct {
		const char *name;
		unsigned cpus, tasks;
	} rows[] = {
		{ "1 CPU", 1, 24 },    { "2 CPUs", 2, 24 },   { "8 CPUs", 8, 41 },
		{ "16 CPUs", 16, 53 }, { "32 CPUs", 32, 77 }, { "64 CPUs", 64, 125 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_uint(known_tasks("opencode", rows[i].cpus), rows[i].tasks);
		expect_uint(known_tasks("/usr/bin/opencode", rows[i].cpus), rows[i].tasks);
		expect_uint(known_tasks("make", rows[i].cpus), 0);
	}
	for (unsigned cpus = 1; cpus < 300; cpus++)
		expect(known_tasks("opencode", cpus) <= known_tasks("opencode", cpus + 1));
}

TEST(the_warning_names_what_does_not_fit)
{
	static const struct {
		const char *word;
		uint64_t pids;
		unsigned cpus;
		const char *says; /* NULL: no warning */
	} rows[] = {
		{ "opencode", 40, 8, "too small for opencode, which takes about 41" },
		{ "opencode", 64, 16, "neither a TypeScript language server" },
		{ "opencode", 64, 8,
		  "neither a TypeScript language server (38 more) nor a headless "
		  "Chromium (123 more)" },
		{ "opencode", 79, 8, "but not a headless Chromium" },
		{ "opencode", 164, 8, "beside a TypeScript language server" },
		{ "opencode", 201, 8, "beside a TypeScript language server" },
		{ "opencode", 202, 8, NULL },
		{ "opencode", LIMIT_UNLIMITED, 8, NULL },
		{ "/opt/opencode", 23, 1, "on 1 CPU: it may hang" },
		{ "chromium", 64, 2, "too small for chromium, which takes about 123" },
		{ "chromium", 123, 2, NULL },
		{ "make", 1, 8, NULL },
		{ "", 1, 8, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = pids_warning(rows[i].word, rows[i].pids, rows[i].cpus);

		unit_row = rows[i].says ? rows[i].says : rows[i].word;
		if (!rows[i].says) {
			expect_text(text, NULL);
			continue;
		}
		expect_contains(text, rows[i].says);
		expect_lacks(text, "\n");
	}
}

TEST(opencode_is_asked_to_end_by_a_hangup)
{
	expect_int(stop_signal("opencode"), SIGHUP);
	expect_int(stop_signal("/home/u/.opencode/bin/opencode"), SIGHUP);
	expect_int(stop_signal("opencode-x"), 0);
	expect_int(stop_signal("bash"), 0);
}

UNIT_MAIN("profile-needs", opencodes_tasks_grow_with_the_cpus_as_measured,
	  the_warning_names_what_does_not_fit, opencode_is_asked_to_end_by_a_hangup)
