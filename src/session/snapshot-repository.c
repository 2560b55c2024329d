/* SPDX-License-Identifier: MIT */

/* Where the repository of a working directory has its git directory: gitrepository-layout(5). Only
 * looked for, nothing is run: git would read the configuration of whoever owns the folder. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "snapshot-internal.h"

#define POINTER "gitdir: "

/* ".git" as a file, in linked work trees and submodules: "gitdir: PATH". */
static char *follow_pointer(const char *folder, const char *file)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[sizeof(POINTER) + PATH_MAX];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *target = text + strlen(POINTER);
	char *path;

	if (length <= (ssize_t)strlen(POINTER) || strncmp(text, POINTER, strlen(POINTER)) != 0)
		return NULL;
	text[length] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (target[0] == '/')
		return strdup(target);
	return asprintf(&path, "%s/%s", folder, target) < 0 ? NULL : path;
}

char *snapshot_find_repository(const char *directory)
{
	_cleanup_free_ char *folder = realpath(directory, NULL);

	while (folder) {
		_cleanup_free_ char *file = NULL;
		struct stat status;
		char *slash;

		if (asprintf(&file, "%s/.git", strcmp(folder, "/") == 0 ? "" : folder) < 0) {
			file = NULL;
			return NULL;
		}
		if (stat(file, &status) == 0)
			return S_ISDIR(status.st_mode) ? take_pointer(file)
						       : follow_pointer(folder, file);
		slash = strrchr(folder, '/');
		if (strcmp(folder, "/") == 0)
			return NULL;
		slash[slash == folder] = '\0';
	}
	return NULL;
}
