/* SPDX-License-Identifier: MIT */

/*
 * What commands are known to need, measured on the real ones: opencode 1.1.56 and 1.18.33 with 2 to
 * 64 CPUs, typescript-language-server, npm, headless Chromium (all threads counted, as pids.max
 * counts them). The larger of two versions is taken.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/command.h"

#define LANGUAGE_SERVER_TASKS 38
#define BROWSER_TASKS 123

static const char *base_name(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash ? slash + 1 : word;
}

/* TUI with one tool call: 24 tasks on 2 CPUs, 41 on 8, 52 on 16, 75 on 32. */
static unsigned opencode_tasks(unsigned cpus)
{
	if (cpus <= 2)
		return 24;
	if (cpus < 8)
		return 24 + 17 * (cpus - 2) / 6;
	return 29 + 3 * cpus / 2;
}

unsigned command_known_tasks(const char *word, unsigned cpus)
{
	static const struct {
		const char *name;
		unsigned tasks;
	} known[] = {
		{ "chromium", BROWSER_TASKS },
		{ "google-chrome", BROWSER_TASKS },
		{ "chrome-headless-shell", 60 },
		{ "typescript-language-server", LANGUAGE_SERVER_TASKS },
		{ "npm", 11 },
		{ "npx", 11 },
		{ "node", 7 },
		{ "bun", 2 },
	};
	const char *name = base_name(word);

	if (strcmp(name, "opencode") == 0)
		return opencode_tasks(cpus);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].tasks;
	return 0;
}

/* What of opencode's usual company does not fit beside it; NULL: everything does. */
static const char *company_left_out(uint64_t room)
{
	if (room < LANGUAGE_SERVER_TASKS)
		return "neither a TypeScript language server (38 more) nor a headless Chromium (123 "
		       "more)";
	if (room < BROWSER_TASKS)
		return "not a headless Chromium (123 more)";
	if (room < LANGUAGE_SERVER_TASKS + BROWSER_TASKS)
		return "not a headless Chromium (123 more) beside a TypeScript language server (38 "
		       "more)";
	return NULL;
}

char *command_pids_warning(const char *word, uint64_t pids_max, unsigned cpus)
{
	unsigned need = command_known_tasks(word, cpus);
	const char *name = base_name(word), *left_out;
	char *text = NULL;
	int length = 0;

	if (need == 0)
		return NULL;
	if (pids_max < need)
		length = asprintf(
			&text,
			"a limit of %" PRIu64 " tasks is too small for %s, which takes about "
			"%u with its threads on %u CPU%s: it may hang or die without a word",
			pids_max, name, need, cpus, cpus == 1 ? "" : "s");
	else if (strcmp(name, "opencode") == 0 && (left_out = company_left_out(pids_max - need)))
		length = asprintf(&text,
				  "a limit of %" PRIu64
				  " tasks fits %s itself (about %u with its threads "
				  "on %u CPU%s), but %s",
				  pids_max, name, need, cpus, cpus == 1 ? "" : "s", left_out);
	return length < 0 ? NULL : text;
}

int command_stop_signal(const char *word)
{
	return strcmp(base_name(word), "opencode") == 0 ? SIGHUP : 0;
}

bool command_wants_tmp(const char *word)
{
	return strcmp(base_name(word), "opencode") == 0;
}
