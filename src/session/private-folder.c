/* SPDX-License-Identifier: MIT */

#include "private-folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *variable, *below_home, *of_root;
} bases[] = {
	[PRIVATE_BASE_CACHE] = { "XDG_CACHE_HOME", ".cache", "/var/cache" },
	[PRIVATE_BASE_STATE] = { "XDG_STATE_HOME", ".local/state", "/var/lib" },
};

/* `sudo -E` hands root the folders of another: what root made there that person could not use. */
static bool is_roots(const char *folder)
{
	_cleanup_free_ char *parent = strdup(folder);
	struct stat status;

	if (stat(folder, &status) == 0)
		return status.st_uid == 0;
	if (!parent)
		return false;
	*strrchr(parent, '/') = '\0';
	return stat(parent[0] ? parent : "/", &status) == 0 && status.st_uid == 0;
}

char *private_base(enum private_base base, uid_t uid)
{
	const char *folder = getenv(bases[base].variable), *home = getenv("HOME");
	char *path;

	/* The XDG specification: a relative path is to be ignored. */
	if (folder && folder[0] == '/' && (uid != 0 || is_roots(folder)))
		return strdup(folder);
	/* A service of the system has no home, and `sudo` may have left another's. */
	if (uid == 0)
		return strdup(bases[base].of_root);
	if (!home || home[0] != '/' || asprintf(&path, "%s/%s", home, bases[base].below_home) < 0)
		return NULL;
	return path;
}

static int open_private(int above, const char *name, bool make, int *ret_fd, const char *base,
			const char *loss, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (make && mkdirat(above, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return diag_set(diag, -EPERM, "\"%s\" in \"%s\" is no folder: %s", name, base,
				loss);
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

/* ~/.cache may be missing in a fresh home, ~/.local/state with its parent. */
static int make_base(const char *base)
{
	static const char deep[] = "/.local/state";
	size_t length = strlen(base), tail = sizeof(deep) - 1;
	_cleanup_free_ char *parent = strdup(base);

	if (!parent)
		return -ENOMEM;
	if (length > tail && strcmp(base + length - tail, deep) == 0) {
		*strrchr(parent, '/') = '\0';
		(void)mkdir(parent, 0700);
	}
	return mkdir(base, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

int private_folder_open(const char *base, const char *name, bool make, const char *loss,
			int *ret_fd, struct diag *diag)
{
	_cleanup_close_ int above = -1, ours = -1;
	int r = make ? make_base(base) : 0;

	if (r < 0)
		return r;
	above = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		return -errno;
	r = open_private(above, "oc-run", make, &ours, base, loss, diag);
	if (r < 0)
		return r;
	return open_private(ours, name, make, ret_fd, base, loss, diag);
}

int private_folder_let_pass(int folder)
{
	/* Both were found to be ours alone, so nobody has moved them. */
	_cleanup_close_ int above = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (above < 0 || fchmod(above, 0711) < 0 || fchmod(folder, 0711) < 0)
		return -errno;
	return 0;
}
