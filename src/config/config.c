/* SPDX-License-Identifier: MIT */

/*
 * Configuration files and variables: see config.h. inih does the reading; its reader function
 * counts the lines, so that an error can name one. A file that somebody else could have written is
 * refused, not skipped: limits that silently don't hold are worse than an error.
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build-config.h"
#include "oc-run/config.h"
#include "oc-run/parse.h"

#define FILE_NAME "oc-run.conf"
#define VARIABLE_PREFIX "OC_RUN_"

struct reading {
	FILE *file;
	const char *path;
	unsigned line;
	bool line_goes_on;		/* inih's buffer was too short for the last one */
	struct settings *settings;
	struct diag *diag;
	int error;
};

static char *read_line(char *text, int size, void *stream)
{
	struct reading *reading = stream;
	char *line = fgets(text, size, reading->file);

	if (line) {
		if (!reading->line_goes_on)
			reading->line++;
		reading->line_goes_on = strchr(line, '\n') == NULL;
	}
	return line;
}

static int unknown_key(struct reading *reading, const char *key)
{
	const char *near = setting_key_nearest(key, true);

	if (near)
		return diag_set(reading->diag, -EINVAL, "%s:%u: unknown key \"%s\"; did you mean "
				"\"%s\"?", reading->path, reading->line, key, near);
	return diag_set(reading->diag, -EINVAL, "%s:%u: unknown key \"%s\"; oc-run.conf(5) lists "
			"those there are", reading->path, reading->line, key);
}

/* inih takes 1 for "go on" and 0 for "stop". */
static int take_setting(void *userdata, const char *section, const char *key, const char *value)
{
	struct reading *reading = userdata;
	const struct setting_row *row = setting_row_by_key(key);
	char where[PATH_MAX + 16];

	if (section[0]) {
		reading->error = diag_set(reading->diag, -EINVAL, "%s:%u: there are no sections in "
					  "this file; remove \"[%s]\"", reading->path, reading->line,
					  section);
	} else if (!row) {
		reading->error = unknown_key(reading, key);
	} else if (!row->in_config) {
		reading->error = diag_set(reading->diag, -EINVAL, "%s:%u: \"%s\" can only be given on "
					  "the command line, as --%s", reading->path, reading->line,
					  key, key);
	} else if (!value || !value[0]) {
		reading->error = diag_set(reading->diag, -EINVAL, "%s:%u: \"%s\" has no value; write "
					  "\"%s = ...\"", reading->path, reading->line, key, key);
	} else {
		(void)snprintf(where, sizeof(where), "%s:%u", reading->path, reading->line);
		if (settings_set(reading->settings, setting_row_id(row), value, where) < 0)
			reading->error = diag_set(reading->diag, -ENOMEM, "out of memory");
	}
	return reading->error == 0;
}

static int check_owner(int fd, const char *path, struct diag *diag)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return diag_set(diag, -errno, "cannot look at \"%s\": %s", path, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return diag_set(diag, -EINVAL, "\"%s\" is no regular file", path);
	if (file.st_uid != 0 && file.st_uid != geteuid())
		return diag_set(diag, -EPERM, "\"%s\" belongs to another user (uid %u); it must be "
				"yours or root's", path, (unsigned)file.st_uid);
	if (file.st_mode & (S_IWGRP | S_IWOTH))
		return diag_set(diag, -EPERM, "\"%s\" may be written by others; chmod go-w \"%s\"",
				path, path);
	return 0;
}

static int load_file(const char *path, struct settings *settings, struct diag *diag)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_fclose_ FILE *file = NULL;
	struct reading reading = { .path = path, .settings = settings, .diag = diag };
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
			diag_set(diag, -errno, "cannot read \"%s\": %s", path, strerror(errno));
	r = check_owner(fd, path, diag);
	if (r < 0)
		return r;
	file = fdopen(fd, "r");
	if (!file)
		return diag_set(diag, -errno, "cannot read \"%s\": %s", path, strerror(errno));
	fd = -1;
	reading.file = file;
	r = ini_parse_stream(read_line, &reading, take_setting, &reading);
	if (reading.error < 0)
		return reading.error;
	if (ferror(file))
		return diag_set(diag, -EIO, "cannot read \"%s\"", path);
	if (r > 0)
		return diag_set(diag, -EINVAL, "%s:%d: this is no setting; write \"key = value\"",
				path, r);
	return r < 0 ? diag_set(diag, -ENOMEM, "out of memory") : 0;
}

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
		return errno == ENOENT || errno == ENOTDIR ? 0 :
			diag_set(diag, -errno, "cannot read \"%s\": %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (r >= 0 && (size_t)snprintf(path, sizeof(path), "%s/%s", folder,
					       entries[i]->d_name) < sizeof(path))
			r = load_file(path, settings, diag);
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
	char path[PATH_MAX];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/" FILE_NAME ".d", folder) >= sizeof(path))
		return diag_set(diag, -ENAMETOOLONG, "the path \"%s\" is too long", folder);
	path[strlen(path) - 2] = '\0';
	r = load_file(path, settings, diag);
	if (r < 0 || !with_drop_ins)
		return r;
	(void)strcat(path, ".d");
	return load_drop_ins(path, settings, diag);
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

char *config_user_dir(void)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path;

	if (folder && folder[0] == '/')
		return asprintf(&path, "%s/oc-run", folder) < 0 ? NULL : path;
	if (home && home[0] == '/')
		return asprintf(&path, "%s/.config/oc-run", home) < 0 ? NULL : path;
	return NULL;
}
