/* SPDX-License-Identifier: MIT */

/*
 * One cgroup by its open directory: opening, making, reading and writing its files, moving a
 * process in. What goes through whole subtrees is in cgroup-walk.c, the counters in
 * cgroup-counters.c.
 *
 * The directory is opened once and everything goes through it: a cgroup of the same name that
 * somebody makes later is another cgroup, and the old descriptor answers ENODEV.
 */

#include "oc-run/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PROC_CGROUP_MAX ((size_t)64 * 1024)

/* ".." in a path of /proc/PID/cgroup means "outside of our cgroup namespace": below the mount point
 * it would lead out of the file system. */
static bool path_is_inside(const char *path)
{
	const char *c = path;

	if (*c != '/')
		return false;
	while (*c != '\0') {
		size_t length;

		c += strspn(c, "/");
		length = strcspn(c, "/");
		if (length == 2 && c[0] == '.' && c[1] == '.')
			return false;
		c += length;
	}
	return true;
}

static bool name_is_plain(const char *name)
{
	return *name != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static char *join_path(const char *parent, const char *name)
{
	bool is_root = strcmp(parent, "/") == 0;
	char *path;

	return asprintf(&path, "%s/%s", is_root ? "" : parent, name) < 0 ? NULL : path;
}

int cgroup_open(const char *mount, const char *path, struct cgroup *ret)
{
	_cleanup_free_ char *full = NULL, *copy = NULL;
	int fd;

	if (!path_is_inside(path))
		return -EXDEV;
	copy = strdup(path);
	if (!copy || asprintf(&full, "%s%s", mount, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret->dirfd = fd;
	ret->path = take_pointer(copy);
	return 0;
}

int cgroup_open_child(const struct cgroup *parent, const char *name, struct cgroup *ret)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (!name_is_plain(name))
		return -EINVAL;
	path = join_path(parent->path, name);
	if (!path)
		return -ENOMEM;
	fd = openat(parent->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	ret->dirfd = fd;
	ret->path = take_pointer(path);
	return 0;
}

int cgroup_make(const struct cgroup *parent, const char *name, struct cgroup *ret)
{
	int r;

	if (!name_is_plain(name))
		return -EINVAL;
	if (mkdirat(parent->dirfd, name, 0755) < 0)
		return -errno;
	r = cgroup_open_child(parent, name, ret);
	if (r < 0)
		(void)unlinkat(parent->dirfd, name, AT_REMOVEDIR);
	return r;
}

int cgroup_reopen(const struct cgroup *cgroup, struct cgroup *ret)
{
	_cleanup_free_ char *path = strdup(cgroup->path);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = openat(cgroup->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret->dirfd = fd;
	ret->path = take_pointer(path);
	return 0;
}

void cgroup_finish(struct cgroup *cgroup)
{
	cleanup_close(&cgroup->dirfd);
	cleanup_free(&cgroup->path);
}

/* Reads to the end of @fd into @text: the kernel may hand out a page at a time. */
static int read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return -EFBIG;
	for (;;) {
		ssize_t n;

		if (used == size)
			return -EFBIG;
		n = read(fd, text + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	return 0;
}

int cgroup_read(const struct cgroup *cgroup, const char *file, char *text, size_t size)
{
	_cleanup_close_ int fd = openat(cgroup->dirfd, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read_whole(fd, text, size);
}

int cgroup_write(const struct cgroup *cgroup, const char *file, const char *text)
{
	/* O_NONBLOCK: a lower memory.high or memory.max is reclaimed down to by the session, not by
	 * us (6.16, mm/memcontrol.c, memory_high_write; of no effect before). */
	_cleanup_close_ int fd = openat(cgroup->dirfd, file, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* One write is one order to the kernel; a second part would be another order. */
	do {
		n = write(fd, text, length);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

/* For files that each cgroup has: an open file of a removed cgroup answers ENODEV, but one that is
 * opened through the directory of a removed cgroup ENOENT. */
static int if_gone(int result)
{
	return result == -ENOENT ? -ENODEV : result;
}

int cgroup_attach(const struct cgroup *cgroup, pid_t pid)
{
	char text[32];

	/* 0 would be ourselves, and cgroup.procs shows 0 for processes of other pid namespaces. */
	if (pid <= 0)
		return -EINVAL;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return if_gone(cgroup_write(cgroup, "cgroup.procs", text));
}

int cgroup_of_process(pid_t pid, char **ret_path)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	char name[64];
	int r = -EFBIG;

	if (pid <= 0)
		return -EINVAL;
	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	/* A line for each v1 hierarchy comes first, and paths can be long. */
	for (size_t size = 4096; r == -EFBIG && size <= PROC_CGROUP_MAX; size *= 4) {
		char *grown = realloc(text, size);

		if (!grown)
			return -ENOMEM;
		text = grown;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return -errno;
		r = read_whole(fd, text, size);
	}
	return r < 0 ? r : cgroup_parse_proc_cgroup(text, ret_path);
}

int cgroup_is_populated(const struct cgroup *cgroup, bool *ret_populated)
{
	struct cgroup_events events;
	char text[512];
	int r = if_gone(cgroup_read(cgroup, "cgroup.events", text, sizeof(text)));

	if (r < 0)
		return r;
	r = cgroup_parse_events(text, &events);
	if (r < 0)
		return r;
	*ret_populated = events.populated;
	return 0;
}
