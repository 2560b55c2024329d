/* SPDX-License-Identifier: MIT */

/* One configuration file: keys are settings. See own-file.h for who may have written it. */

#include "config-file.h"

#include <limits.h>
#include <stdio.h>

#include "ini-text.h"
#include "own-file.h"

struct taking {
	const char *path;
	struct settings *settings;
};

static int fail_unknown(const char *key, struct diag *diag)
{
	const char *nearest = setting_key_nearest(key, true);

	if (nearest)
		return diag_set(diag, -EINVAL, "unknown key \"%.60s\"; did you mean \"%s\"?", key,
				nearest);
	return diag_set(diag, -EINVAL,
			"unknown key \"%.60s\"; oc-run.conf(5) lists those that there are", key);
}

static int take_setting(void *userdata, const char *key, const char *value, unsigned line,
			struct diag *diag)
{
	const struct taking *taking = userdata;
	const struct setting_row *row = setting_row_by_key(key);
	char where[PATH_MAX + 16];

	if (!row)
		return fail_unknown(key, diag);
	if (!row->in_config)
		return diag_set(diag, -EINVAL,
				"\"%s\" can only be given on the command line, as --%s", key, key);
	if (!*value)
		return diag_set(diag, -EINVAL, "\"%s\" has no value; write \"%s = %s\"", key, key,
				row->metavar ? row->metavar : "yes");
	(void)snprintf(where, sizeof(where), "%s:%u", taking->path, line);
	return settings_set(taking->settings, setting_row_id(row), value, where);
}

int config_file_load(const char *path, struct settings *settings, struct diag *diag)
{
	struct taking taking = { .path = path, .settings = settings };
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = own_file_read(path, &text, &length, diag);

	if (r != OWN_FILE_READ)
		return r == OWN_FILE_MISSING ? 0 : r;
	return ini_text_parse(text, length, path, take_setting, &taking, diag);
}
