/* SPDX-License-Identifier: MIT */

/* The folder of the entries: what oc-run removes is decided by the files in it. */

#include "registry-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "private-folder.h"

void registry_boot_id(char text[REGISTRY_BOOT_ID_MAX])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, REGISTRY_BOOT_ID_MAX - 1);

	text[length > 0 ? length : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static char *cache_folder(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path;

	/* The XDG specification: a relative path is to be ignored. */
	if (cache && cache[0] == '/')
		return strdup(cache);
	if (!home || home[0] != '/' || asprintf(&path, "%s/.cache", home) < 0)
		return NULL;
	return path;
}

int registry_folder_paths(const struct host *host, char *ret_paths[REGISTRY_FOLDERS_MAX])
{
	const char *runtime = host->uid == 0 ? "/run" : host->runtime_dir;
	char *first = runtime ? strdup(runtime) : NULL;

	if (runtime && !first)
		return -ENOMEM;
	ret_paths[0] = first;
	ret_paths[1] = cache_folder();
	if (!ret_paths[0]) {
		ret_paths[0] = ret_paths[1];
		ret_paths[1] = NULL;
	}
	return 0;
}

int registry_folder_open(const char *base, bool make, int *ret_fd, struct diag *diag)
{
	return private_folder_open(base, "sessions", make, "sessions can't be recorded there",
				   ret_fd, diag);
}
