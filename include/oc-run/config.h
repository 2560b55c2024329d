/* SPDX-License-Identifier: MIT */
#pragma once

/* Configuration files (inih) and OC_RUN_* variables, merged into one struct settings. */

#include "oc-run/settings.h"

struct config_roots {
	const char *system_dir; /* "/etc": holds oc-run.conf and oc-run.conf.d/NAME.conf */
	const char *user_dir;	/* "$XDG_CONFIG_HOME/oc-run": holds oc-run.conf; may be NULL */
};

/* Reads what is there, in order. A missing file is no error; an unknown key, a line that is no
 * setting, a section, a file that others may write or that another user (but root) owns is:
 * -EINVAL, -EPERM with @diag naming file and line. OC_RUN_* variables of no setting are left alone. @ret_settings is written to on success only. */
_must_check_ int config_load(const struct config_roots *roots, char *const *environment,
			     struct settings *ret_settings, struct diag *diag);

/* The configured folder, or $OC_RUN_SYSCONFDIR (for tests; oc-run refuses to run setuid). */
const char *config_system_dir(void);

/* $XDG_CONFIG_HOME/oc-run or ~/.config/oc-run; NULL without either, or when that is the home of
 * another user (after su). Caller frees. */
char *config_user_dir(void);
