/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every value that a person can set, as text together with where it came from. Later sources win:
 * built-in default, /etc/oc-run.conf, its drop-ins, the user's file, OC_RUN_* variables, options.
 * plan_resolve() gives the texts their meaning, so that each error can name its origin.
 */

#include <stdbool.h>
#include <stddef.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

enum setting_id {
	/* the limits, in the order of enum limit_id */
	SETTING_MEM,
	SETTING_HIGH,
	SETTING_SWAP,
	SETTING_PIDS,
	SETTING_CPUS,
	SETTING_CPU_WEIGHT,
	SETTING_IO_WEIGHT,
	/* the rest */
	SETTING_NAME,
	SETTING_USER,
	SETTING_CHDIR,
	SETTING_SETENV, /* option only; may be repeated, kept apart in struct options */
	SETTING_PROFILE,
	SETTING_SLICE,
	SETTING_BACKEND,
	SETTING_ENFORCE,
	SETTING_OOM,
	SETTING_ESCAPE,
	SETTING_ALLOW_RELIMIT,
	SETTING_GUARD,
	SETTING_GUARD_WRITES,
	SETTING_HIGH_STEPS,
	SETTING_LIVELOCK_GUARD,
	SETTING_PRESSURE,
	SETTING_GRACE,
	SETTING_RESTART,
	SETTING_RESTART_MIN_AGE,
	SETTING_DETACH,
	SETTING_MAX_SESSIONS,
	SETTING_WAIT,
	SETTING_REPORT,
	SETTING_NOTIFY,
	SETTING_HISTORY,
	SETTING_HISTORY_KEEP,
	SETTING_JSON_STATUS_FD,
	SETTING_DRY_RUN,
	SETTING_QUIET,
	SETTING_VERBOSE,
	SETTING_COUNT,
};

struct setting_row {
	const char *key;     /* long option, configuration key; OC_RUN_<KEY> in capitals, - as _ */
	char short_option;   /* 0 if none */
	const char *metavar; /* NULL: a switch */
	bool value_is_optional; /* --key or --key=VALUE; without one it is "yes" */
	bool in_config;		/* allowed in files and in the environment */
	const char *help;	/* for --help: at most 50 characters a line, lines parted by \n */
};

struct setting {
	char *text;  /* NULL: not set; a switch is "yes" or "no" */
	char *where; /* "--mem", "OC_RUN_MEM", "/etc/oc-run.conf:3" */
};

struct settings {
	struct setting values[SETTING_COUNT];
};

const struct setting_row *setting_row(enum setting_id id);
const struct setting_row *setting_row_by_key(const char *key);
enum setting_id setting_row_id(const struct setting_row *row);

/* The key that a person most likely meant; NULL if none is near. @in_config: only those that may
 * stand in a file. */
const char *setting_key_nearest(const char *key, bool in_config);

/* Copies both texts. -ENOMEM. */
_must_check_ int settings_set(struct settings *settings, enum setting_id id, const char *text,
			      const char *where);

/* Puts in front of @diag where the setting came from and what it says: `--mem "4X": ...` or
 * `/etc/oc-run.conf:3: mem "4X": ...`. Returns @error. */
int setting_blame(struct diag *diag, int error, const struct settings *settings,
		  enum setting_id id);
/* Puts what @over sets on top of @settings (texts are moved). */
void settings_override(struct settings *settings, struct settings *over);
void settings_finish(struct settings *settings);
