/* SPDX-License-Identifier: MIT */

/*
 * What is known of a command before it runs: how many tasks it needs, and which signal it takes as
 * a wish to end. Pure. The figures were measured on opencode 1.1.56 and 1.18.33 with 2 CPUs and
 * with emulated 8 to 64; pids.max counts threads, and thread pools grow with the CPUs.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/command.h"

struct need {
	const char *what;
	unsigned tasks;			/* on top of opencode itself */
};

/* At their peak beside the agent, on 8 CPUs. */
static const struct need opencode_extras[] = {
	{ "a language server (38)", 38 },
	{ "a browser (123)", 123 },
};

static bool is_opencode(const char *word)
{
	const char *slash = strrchr(word, '/');

	return strcmp(slash ? slash + 1 : word, "opencode") == 0;
}

int command_stop_signal(const char *word)
{
	/* A closed terminal is what its full-screen interface ends for; on SIGTERM old ones close the
	 * screen and stay. */
	return is_opencode(word) ? SIGHUP : 0;
}

unsigned command_known_tasks(const char *word, unsigned cpus)
{
	if (!is_opencode(word))
		return 0;
	/* 24 on 2 CPUs, 41 on 8, 52 on 16, 75 on 32: its interface with one tool call. */
	return cpus <= 2 ? 24 : 27 + cpus + cpus / 2;
}

char *command_pids_warning(const char *word, uint64_t pids_max, unsigned cpus)
{
	unsigned own = command_known_tasks(word, cpus), with_all = own;
	char *text = NULL;
	char missing[128] = "";

	if (own == 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(opencode_extras); i++) {
		with_all += opencode_extras[i].tasks;
		if (own + opencode_extras[i].tasks > pids_max)
			(void)snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing),
				       "%s%s", missing[0] ? " and " : "", opencode_extras[i].what);
	}
	if (pids_max >= with_all)
		return NULL;
	if (pids_max < own) {
		if (asprintf(&text, "--pids %llu is fewer tasks than opencode alone needs on %u CPUs "
			     "(about %u, threads count): it may hang or abort without a word; "
			     "--pids %u leaves room for its tools",
			     (unsigned long long)pids_max, cpus, own, with_all + with_all / 2) < 0)
			return NULL;
		return text;
	}
	if (asprintf(&text, "--pids %llu is enough for opencode (about %u tasks on %u CPUs), but not "
		     "with %s: starting one will be denied; --pids %u leaves room",
		     (unsigned long long)pids_max, own, cpus,
		     missing[0] ? missing : "a language server and a browser at once",
		     with_all + with_all / 2) < 0)
		return NULL;
	return text;
}
