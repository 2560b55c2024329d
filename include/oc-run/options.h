/* SPDX-License-Identifier: MIT */
#pragma once

/* The command line of oc-run. Pure: argv in, struct options out. */

#include "oc-run/settings.h"

enum options_result {
	OPTIONS_RUN = 0,
	OPTIONS_HELP = 1,
	OPTIONS_VERSION = 2,
};

struct options {
	struct settings settings;
	char **setenv;	/* NULL-terminated "NAME=VALUE" (or "NAME": passed on as it is);
				 * the texts point into argv; NULL: none */
	char **command; /* NULL-terminated, points into argv; NULL: none was given */
};

/* What runs when no command is given. */
#define OPTIONS_DEFAULT_COMMAND "opencode"

/* 0 (OPTIONS_RUN), OPTIONS_HELP, OPTIONS_VERSION, or -EINVAL with @diag. Options end at the first
 * word that is not one, or at "--".
 *
 * Under another name than "oc-run..." (a symlink named opencode that comes first in PATH) there are
 * no options: all words belong to the command of that name, and argv[0] is set to its base name. */
_must_check_ int options_parse(int argc, char **argv, struct options *ret_options,
			       struct diag *diag);
void options_finish(struct options *options);

/* The command that was given, or the default one. NULL-terminated; borrowed. */
char *const *options_command(const struct options *options);

/* The text of --help, made from the table of settings. Caller frees. */
char *options_help(void);
