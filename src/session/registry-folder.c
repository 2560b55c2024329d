/* SPDX-License-Identifier: MIT */

/* The folder of the entries: what oc-run removes is decided by the files in it, so nobody else may
 * be able to put one there. Symbolic links are not followed below the base. */

#include "registry-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static int open_private(int above, const char *name, bool make, int *ret_fd, const char *base,
			struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (make && mkdirat(above, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return diag_set(diag, -EPERM,
				"\"%s\" in \"%s\" is no folder: sessions can't be recorded there",
				name, base);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return diag_set(
			diag, -EPERM,
			"the folder \"%s\" in \"%s\" belongs to another user, or others may "
			"write to it: remove it, or chmod it to 700",
			name, base);
	*ret_fd = take_fd(&fd);
	return 0;
}

int registry_folder_open(const char *base, bool make, int *ret_fd, struct diag *diag)
{
	_cleanup_close_ int above = -1, ours = -1;
	int error;

	/* ~/.cache may be missing in a fresh home. */
	if (make && mkdir(base, 0700) < 0 && errno != EEXIST)
		return -errno;
	above = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		return -errno;
	error = open_private(above, "oc-run", make, &ours, base, diag);
	if (error < 0)
		return error;
	return open_private(ours, "sessions", make, ret_fd, base, diag);
}
