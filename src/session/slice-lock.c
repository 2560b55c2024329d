/* SPDX-License-Identifier: MIT */

/* See slice-lock.h. */

#include "oc-run/slice-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "private-folder.h"
#include "registry-folder.h"

static int open_in(const char *base, int *ret_fd)
{
	_cleanup_close_ int folder = -1;
	int fd, r;

	r = private_folder_open(base, "slices", true, "nobody leads the slice", &folder, NULL);
	if (r < 0)
		return r;
	fd = openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int slice_lock_open(const struct host *host, int *ret_fd)
{
	char *paths[REGISTRY_FOLDERS_MAX];
	int r = registry_folder_paths(host, paths);
	bool is_open = false;

	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		if (paths[i] && !is_open)
			r = open_in(paths[i], ret_fd);
		is_open = is_open || r == 0;
		free(paths[i]);
	}
	return r;
}

int slice_lock_try(int fd, const struct cgroup *slice)
{
	struct stat status;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	if (fstat(slice->dirfd, &status) < 0)
		return -errno;
	/* Inode numbers of cgroups count up from 1, in 64 bits; offsets are signed. */
	lock.l_start = (off_t)(status.st_ino & INT64_MAX);
	if (lock.l_start == INT64_MAX)
		lock.l_start--;
	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}
