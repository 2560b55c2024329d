/* SPDX-License-Identifier: MIT */

/*
 * OC_RUN_RESOLVED: "<pid>:<path>:<path>...", the paths that oc-run has run on the way down to us,
 * the pid of the process that it ran the last one in. The pid has ten digits, so that the child can
 * write it where its parent left room. Pure.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-guard.h"
#include "oc-run/command.h"

#define PID_DIGITS 10
/* So long a history is of no use to anybody; the oldest paths go first. */
#define HISTORY_MAX 16384

struct command_guard command_guard_parse(const char *value)
{
	struct command_guard guard = { .pid = 0, .paths = "" };
	char *end;
	long pid;

	if (!value || strspn(value, "0123456789") != PID_DIGITS || value[PID_DIGITS] != ':')
		return guard;
	pid = strtol(value, &end, 10);
	guard.pid = (pid_t)pid;
	guard.paths = value + PID_DIGITS + 1;
	return guard;
}

unsigned command_guard_count(const struct command_guard *guard, const char *path)
{
	size_t length = strlen(path);
	unsigned count = 0;

	for (const char *at = guard->paths; *at;) {
		size_t part = strcspn(at, ":");

		if (part == length && strncmp(at, path, length) == 0)
			count++;
		at += part + (at[part] == ':');
	}
	return count;
}

char *command_guard_format(const struct command_guard *before, pid_t pid, const char *path)
{
	const char *history = before->paths;
	char *text;

	while (strlen(history) > HISTORY_MAX)
		history += strcspn(history, ":") + 1;
	if (asprintf(&text, COMMAND_GUARD_NAME "=%0*d:%s%s%s", PID_DIGITS, (int)pid, history,
		     *history ? ":" : "", path) < 0)
		return NULL;
	return text;
}

void command_stamp_guard(char *const *environment, pid_t pid)
{
	static const char prefix[] = COMMAND_GUARD_NAME "=";
	const size_t length = sizeof(prefix) - 1;

	for (; environment && *environment; environment++) {
		char *digits = *environment + length;

		if (strncmp(*environment, prefix, length) != 0 ||
		    strspn(digits, "0123456789") != PID_DIGITS)
			continue;
		for (int i = PID_DIGITS - 1; i >= 0; i--) {
			digits[i] = (char)('0' + pid % 10);
			pid /= 10;
		}
		return;
	}
}
