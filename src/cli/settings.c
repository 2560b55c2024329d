/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "oc-run/settings.h"

/* Limits and their settings share their numbers and their keys. */
_Static_assert((int)SETTING_MEM == (int)LIMIT_MEMORY_MAX, "settings begin with the limits");
_Static_assert((int)SETTING_IO_WEIGHT == (int)LIMIT_IO_WEIGHT, "in the order of enum limit_id");
_Static_assert((int)SETTING_NAME == (int)LIMIT_COUNT, "and nothing stands between them");

static const struct setting_row rows[SETTING_COUNT] = {
	[SETTING_MEM] = {
		.key = "mem", .short_option = 'm', .metavar = "SIZE", .in_config = true,
		.help = "the most memory that command and children get:\n"
			"4G, 1536M, 25% (of RAM) or max",
	},
	[SETTING_HIGH] = {
		.key = "high", .metavar = "SIZE", .in_config = true,
		.help = "where early reclaim begins (80% of --mem)",
	},
	[SETTING_SWAP] = {
		.key = "swap", .metavar = "SIZE", .in_config = true,
		.help = "the most swap, 0 for none",
	},
	[SETTING_PIDS] = {
		.key = "pids", .short_option = 'p', .metavar = "N", .in_config = true,
		.help = "the most tasks; threads count as well as processes",
	},
	[SETTING_CPUS] = {
		.key = "cpus", .metavar = "N", .in_config = true,
		.help = "the most CPU time, in CPUs: 1.5",
	},
	[SETTING_CPU_WEIGHT] = {
		.key = "cpu-weight", .metavar = "N", .in_config = true,
		.help = "share of the CPUs when they are short (50;\n"
			"100 is everybody's)",
	},
	[SETTING_IO_WEIGHT] = {
		.key = "io-weight", .metavar = "N", .in_config = true,
		.help = "share of the disks when they are short (50)",
	},
	[SETTING_NAME] = {
		.key = "name", .short_option = 'n', .metavar = "NAME",
		.help = "what the session is called in lists and reports",
	},
	[SETTING_USER] = {
		.key = "user", .metavar = "NAME", .in_config = true,
		.help = "as root: run the command as this user, who can't\n"
			"change its limits or end oc-run",
	},
	[SETTING_CHDIR] = {
		.key = "chdir", .short_option = 'C', .metavar = "DIR", .in_config = true,
		.help = "run the command in this directory",
	},
	[SETTING_SETENV] = {
		.key = "setenv", .short_option = 'E', .metavar = "NAME=VALUE",
		.help = "set a variable for the command; may be repeated",
	},
	[SETTING_PROFILE] = {
		.key = "profile", .metavar = "NAME", .in_config = true,
		.help = "what oc-run knows of the command: opencode,\n"
			"default, ... (by the command's name)",
	},
	[SETTING_SLICE] = {
		.key = "slice", .metavar = "NAME", .in_config = true,
		.help = "slice that all sessions share (oc.slice)",
	},
	[SETTING_BACKEND] = {
		.key = "backend", .metavar = "KIND", .in_config = true,
		.help = "auto, systemd, cgroupfs or none",
	},
	[SETTING_ENFORCE] = {
		.key = "enforce", .metavar = "HOW", .in_config = true,
		.help = "auto, or kernel: refuse to start when the kernel\n"
			"cannot enforce the limits",
	},
	[SETTING_HIGH_STEPS] = {
		.key = "high-steps", .metavar = "LIST", .in_config = true,
		.help = "where early reclaim begins without --high, in % of\n"
			"--mem, and where it goes when that does not help\n"
			"(80,88,95)",
	},
	[SETTING_LIVELOCK_GUARD] = {
		.key = "livelock-guard", .metavar = "HOW", .in_config = true,
		.help = "yes, or no: leave --high where it is even if the\n"
			"session stands still at it",
	},
	[SETTING_OOM] = {
		.key = "oom", .metavar = "WHO", .in_config = true,
		.help = "who goes first when memory runs out: tool (the\n"
			"default), agent, or group: all at once",
	},
	[SETTING_ESCAPE] = {
		.key = "escape", .metavar = "WHAT", .in_config = true,
		.help = "a process that leaves the cgroup: recapture (the\n"
			"default), report, or kill it",
	},
	[SETTING_ALLOW_RELIMIT] = {
		.key = "allow-relimit", .in_config = true,
		.help = "limits that somebody else changes stay so, and are\n"
			"not put back",
	},
	[SETTING_GUARD] = {
		.key = "guard", .metavar = "LEVEL", .in_config = true,
		.help = "what is refused beside the limits: off, basic\n"
			"(sudo does not work then) or strict",
	},
	[SETTING_GUARD_WRITES] = {
		.key = "guard-writes", .metavar = "PATHS", .in_config = true,
		.help = "with --guard=strict: write there as well",
	},
	[SETTING_PRESSURE] = {
		.key = "pressure", .metavar = "LIST", .in_config = true,
		.help = "what to do before memory runs out: notice, tool,\n"
			"agent, or none (notice,tool)",
	},
	[SETTING_GRACE] = {
		.key = "grace", .metavar = "TIME", .in_config = true,
		.help = "how long each polite step of the end may take (3s)",
	},
	[SETTING_RESTART] = {
		.key = "restart", .metavar = "WHEN", .in_config = true,
		.help = "on-oom: start the command again, with the same\n"
			"session, when it was killed for memory;\n"
			"on-pressure: also when it is idle and memory\n"
			"short; or no (no)",
	},
	[SETTING_RESTART_MIN_AGE] = {
		.key = "restart-min-age", .metavar = "TIME", .in_config = true,
		.help = "not if it had run for less than this (2min)",
	},
	[SETTING_DETACH] = {
		.key = "detach",
		.help = "run the command in the background, outside of this\n"
			"terminal and of the session that this is in",
	},
	[SETTING_MAX_SESSIONS] = {
		.key = "max-sessions", .metavar = "N", .in_config = true,
		.help = "refuse to start while so many sessions of yours\n"
			"run (max)",
	},
	[SETTING_WAIT] = {
		.key = "wait", .metavar = "TIME", .in_config = true,
		.value_is_optional = true,
		.help = "instead of refusing, wait until one of them ends,\n"
			"or so long at most (no)",
	},
	[SETTING_REPORT] = {
		.key = "report", .metavar = "FILE", .in_config = true,
		.help = "write the report to FILE too, as JSON",
	},
	[SETTING_NOTIFY] = {
		.key = "notify", .metavar = "WHERE", .in_config = true,
		.help = "tell you while it runs: auto, off, desktop, tmux\n"
			"or desktop,tmux",
	},
	[SETTING_HISTORY] = {
		.key = "history", .metavar = "HOW", .in_config = true,
		.help = "yes or no: keep a history of the session (yes)",
	},
	[SETTING_HISTORY_KEEP] = {
		.key = "history-keep", .metavar = "N", .in_config = true,
		.help = "histories of so many sessions are kept (200)",
	},
	[SETTING_JSON_STATUS_FD] = {
		.key = "json-status-fd", .metavar = "N",
		.help = "write events to this open file descriptor, as JSON",
	},
	[SETTING_DRY_RUN] = {
		.key = "dry-run",
		.help = "print what would be done, and do nothing",
	},
	[SETTING_QUIET] = {
		.key = "quiet", .short_option = 'q', .in_config = true,
		.help = "print errors only",
	},
	[SETTING_VERBOSE] = {
		.key = "verbose", .short_option = 'v', .in_config = true,
		.help = "print a report also when nothing happened",
	},
};

const struct setting_row *setting_row(enum setting_id id)
{
	return &rows[id];
}

enum setting_id setting_row_id(const struct setting_row *row)
{
	return (enum setting_id)(row - rows);
}

const struct setting_row *setting_row_by_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

const char *setting_key_nearest(const char *key, bool in_config)
{
	const char *keys[SETTING_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].in_config || !in_config)
			keys[count++] = rows[i].key;
	return parse_nearest(key, keys, count);
}

int settings_set(struct settings *settings, enum setting_id id, const char *text, const char *where)
{
	struct setting *setting = &settings->values[id];
	_cleanup_free_ char *new_text = strdup(text), *new_where = strdup(where);

	if (!new_text || !new_where)
		return -ENOMEM;
	free(setting->text);
	free(setting->where);
	setting->text = take_pointer(new_text);
	setting->where = take_pointer(new_where);
	return 0;
}

int setting_blame(struct diag *diag, int error, const struct settings *settings, enum setting_id id)
{
	const struct setting *setting = &settings->values[id];
	bool is_file = setting->where[0] == '/';

	return diag_prefix(diag, error, is_file ? "%s: %s \"%.100s\"" : "%s%s \"%.100s\"",
			   setting->where, is_file ? rows[id].key : "", setting->text);
}

void settings_finish(struct settings *settings)
{
	for (size_t i = 0; settings && i < SETTING_COUNT; i++) {
		cleanup_free(&settings->values[i].text);
		cleanup_free(&settings->values[i].where);
	}
}

void settings_override(struct settings *settings, struct settings *over)
{
	for (int id = 0; id < SETTING_COUNT; id++) {
		struct setting *value = &over->values[id];

		if (!value->text)
			continue;
		free(settings->values[id].text);
		free(settings->values[id].where);
		settings->values[id] = *value;
		*value = (struct setting){ 0 };
	}
}
