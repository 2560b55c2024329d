/* SPDX-License-Identifier: MIT */

/* Paths of profiles: see profile-world.h. The folders are those of the XDG base directory
 * specification: a variable that is not set, or holds no absolute path, has its default. */

#include <stdio.h>
#include <string.h>

#include "oc-run/profile-world.h"

static const struct {
	const char *variable, *below_home;
} folders[] = {
	{ "XDG_CONFIG_HOME", "/.config" },
	{ "XDG_DATA_HOME", "/.local/share" },
	{ "XDG_STATE_HOME", "/.local/state" },
	{ "XDG_CACHE_HOME", "/.cache" },
	{ "HOME", "" },
};

static char *below(const char *folder, const char *middle, const char *rest)
{
	char *path;

	if (!folder || folder[0] != '/')
		return NULL;
	return asprintf(&path, "%s%s%s", folder, middle, rest) < 0 ? NULL : path;
}

char *profile_expand_path(const char *path, const char *home)
{
	const char *name = path + 1, *rest;
	size_t length;

	if (path[0] == '/')
		return strdup(path);
	if (path[0] == '~')
		return below(home ? home : getenv("HOME"), "", path + 1);
	length = strcspn(name, "/");
	rest = name + length;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const char *folder;

		if (strlen(folders[i].variable) != length ||
		    strncmp(folders[i].variable, name, length) != 0)
			continue;
		folder = home ? NULL : getenv(folders[i].variable);
		if (folder && folder[0] == '/')
			return below(folder, "", rest);
		return below(home ? home : getenv("HOME"), folders[i].below_home, rest);
	}
	return NULL;
}
