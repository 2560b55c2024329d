/* SPDX-License-Identifier: MIT */

/* Which files and variables there are, and in which order they count: see config.h. */

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build-config.h"
#include "config-file.h"
#include "oc-run/config.h"

#define FILE_NAME "oc-run.conf"
#define VARIABLE_PREFIX "OC_RUN_"

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       strcmp(entry->d_name + length - 5, ".conf") == 0;
}

/* In the order of the C locale, wherever we run. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_drop_ins(const char *folder, struct settings *settings, struct diag *diag)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_drop_in, by_name), r = 0;

	if (count < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : diag_set(diag, -errno, "cannot read \"%s\": %s", folder,
					  strerror(errno));
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = NULL;

		if (r == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			r = diag_set(diag, -ENOMEM, "out of memory");
		if (r == 0)
			r = config_file_load(path, settings, diag);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* OC_RUN_CPU_WEIGHT to "cpu-weight". false: no setting's name. */
static bool key_of_variable(const char *name, size_t length, char *key, size_t size)
{
	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isupper((unsigned char)name[i]) && name[i] != '_')
			return false;
		key[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
	}
	key[length] = '\0';
	return true;
}

static int take_variables(char *const *environment, struct settings *settings, struct diag *diag)
{
	const size_t prefix = sizeof(VARIABLE_PREFIX) - 1;

	for (char *const *entry = environment; entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		const struct setting_row *row;
		char key[32], where[64];

		if (!equals || strncmp(*entry, VARIABLE_PREFIX, prefix) != 0 ||
		    !key_of_variable(*entry + prefix, (size_t)(equals - *entry) - prefix, key,
				     sizeof(key)))
			continue;
		row = setting_row_by_key(key);
		/* Others (OC_RUN_SESSION) are oc-run's own; an empty one is as good as none. */
		if (!row || !row->in_config || !equals[1])
			continue;
		(void)snprintf(where, sizeof(where), "%.*s", (int)(equals - *entry), *entry);
		if (settings_set(settings, setting_row_id(row), equals + 1, where) < 0)
			return diag_set(diag, -ENOMEM, "out of memory");
	}
	return 0;
}

static int load_folder(const char *folder, bool with_drop_ins, struct settings *settings,
		       struct diag *diag)
{
	_cleanup_free_ char *file = NULL, *drop_ins = NULL;
	int r;

	if (asprintf(&file, "%s/" FILE_NAME, folder) < 0 ||
	    asprintf(&drop_ins, "%s/" FILE_NAME ".d", folder) < 0)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = config_file_load(file, settings, diag);
	if (r < 0 || !with_drop_ins)
		return r;
	return load_drop_ins(drop_ins, settings, diag);
}

int config_load(const struct config_roots *roots, char *const *environment,
		struct settings *ret_settings, struct diag *diag)
{
	struct settings settings = { 0 };
	int r = load_folder(roots->system_dir, true, &settings, diag);

	if (r >= 0 && roots->user_dir)
		r = load_folder(roots->user_dir, false, &settings, diag);
	if (r >= 0)
		r = take_variables(environment, &settings, diag);
	if (r < 0) {
		settings_finish(&settings);
		return r;
	}
	*ret_settings = settings;
	return 0;
}

const char *config_system_dir(void)
{
	const char *folder = getenv("OC_RUN_SYSCONFDIR");

	return folder && folder[0] == '/' ? folder : OC_RUN_SYSCONFDIR;
}

/* After `su` or `sudo -E` the variables may still name another user's home: that user's wishes, and
 * errors, are not ours. Root's are for everybody. */
static bool is_foreign(const char *folder)
{
	struct stat file;

	return stat(folder, &file) == 0 && file.st_uid != 0 && file.st_uid != geteuid();
}

char *config_user_dir(void)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const char *below = "";
	char *path;

	if (!folder || folder[0] != '/') {
		folder = home;
		below = "/.config";
	}
	if (!folder || folder[0] != '/' || is_foreign(folder))
		return NULL;
	return asprintf(&path, "%s%s/oc-run", folder, below) < 0 ? NULL : path;
}
