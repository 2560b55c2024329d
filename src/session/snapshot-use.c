/* SPDX-License-Identifier: MIT */

/*
 * Who uses what snapshot-clean.c has listed. Two looks, since neither is enough alone: git closes a
 * lock file before it renames it, and is then known by its command line only; another program may
 * have a file open and not be called git.
 *
 * Every process that we may look into is looked at, so for root all, else those of the user. fds are
 * compared by device and inode, of those only whose last name could be one that git gives: fstat of
 * any fd could hang on a dead network share.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "snapshot-internal.h"

/* Of a command line or an environment; git's own are far shorter. */
#define TEXT_MAX ((size_t)256 * 1024)

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool lies_in(const char *path, const char *folder)
{
	size_t length = folder ? strlen(folder) : 0;

	return length > 0 && strncmp(path, folder, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

static void mark_held(struct snapshot_list *list, int fds, const char *fd_name, const char *target)
{
	for (size_t i = 0; i < list->count; i++) {
		struct snapshot_debris *debris = &list->debris[i];
		const char *name = last_name(debris->name);
		struct stat status;

		/* "... (deleted)" may follow. */
		if (debris->is_held || strncmp(last_name(target), name, strlen(name)) != 0)
			continue;
		if (fstatat(fds, fd_name, &status, 0) < 0)
			debris->is_held = errno != ENOENT;
		else if (status.st_dev == debris->device && status.st_ino == debris->inode)
			debris->is_held = true;
	}
}

static void look_at_fds(struct snapshot_list *list, int process)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(directory))) {
		char target[PATH_MAX + 16];
		ssize_t length =
			readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		if (length <= 0)
			continue;
		target[length] = '\0';
		mark_held(list, dirfd(directory), entry->d_name, target);
	}
	(void)closedir(directory);
}

/* The whole file; its NULs are kept. NULL: it can't be read. */
static char *read_all(int process, const char *name, size_t *ret_length)
{
	_cleanup_close_ int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = fd < 0 ? NULL : malloc(TEXT_MAX);
	size_t length = 0;
	ssize_t n;

	if (!text)
		return NULL;
	while (length < TEXT_MAX && (n = read(fd, text + length, TEXT_MAX - length)) > 0)
		length += (size_t)n;
	*ret_length = length;
	return take_pointer(text);
}

static bool mentions(const char *text, size_t length, const char *path)
{
	return path && memmem(text, length, path, strlen(path)) != NULL;
}

/* @file: "cmdline" or "environ". One that can't be read may mention anything. */
static void find_mentioned(const struct snapshot_list *list, int process, const char *file,
			   bool *used)
{
	size_t length = 0;
	_cleanup_free_ char *text = read_all(process, file, &length);

	for (size_t i = 0; i < list->folder_count; i++)
		if (!text || mentions(text, length, list->folders[i].path) ||
		    mentions(text, length, list->folders[i].real))
			used[i] = true;
}

/* The work tree counts for the person's repository: git is mostly run in it, and says no more. */
static bool is_place_of(const struct snapshot_folder *folder, const char *place)
{
	_cleanup_free_ char *tree = NULL;
	char *slash;

	if (lies_in(place, folder->path) || lies_in(place, folder->real))
		return true;
	if (!folder->is_persons || !folder->real)
		return false;
	tree = strdup(folder->real);
	slash = tree ? strrchr(tree, '/') : NULL;
	if (!slash)
		return true;
	*slash = '\0';
	return lies_in(place, tree);
}

static void find_place(const struct snapshot_list *list, int process, bool *used)
{
	char place[PATH_MAX + 16];
	ssize_t length = readlinkat(process, "cwd", place, sizeof(place) - 1);

	place[length > 0 ? length : 0] = '\0';
	for (size_t i = 0; i < list->folder_count; i++)
		if (length <= 0 || is_place_of(&list->folders[i], place))
			used[i] = true;
}

static bool is_git(int process)
{
	_cleanup_close_ int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	char name[32];
	ssize_t length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);

	/* "git", and its helpers "git-upload-pack" and so on. */
	return length >= 4 && strncmp(name, "git", 3) == 0 && (name[3] == '\n' || name[3] == '-');
}

static bool is_dead(int process)
{
	_cleanup_close_ int fd = openat(process, "stat", O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *end;

	if (length <= 0)
		return true;
	text[length] = '\0';
	end = strrchr(text, ')');
	return end && (end[1] == ' ') && (end[2] == 'Z' || end[2] == 'X');
}

static bool is_ours(int process)
{
	struct stat status;

	return geteuid() == 0 || (fstat(process, &status) == 0 && status.st_uid == geteuid());
}

/* One that ends meanwhile can't be looked at any more, and uses nothing. */
static void look_at_git(struct snapshot_list *list, int process)
{
	_cleanup_free_ bool *used = calloc(list->folder_count, sizeof(*used));

	if (used) {
		find_mentioned(list, process, "cmdline", used);
		find_mentioned(list, process, "environ", used);
		find_place(list, process, used);
		if (is_dead(process))
			return;
	}
	for (size_t i = 0; i < list->folder_count; i++)
		if (!used || used[i])
			list->folders[i].is_in_use = true;
}

static void look_at_process(struct snapshot_list *list, int proc_fd, const char *pid)
{
	_cleanup_close_ int process = openat(proc_fd, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (process < 0 || !is_ours(process) || is_dead(process))
		return;
	look_at_fds(list, process);
	if (is_git(process))
		look_at_git(list, process);
}

static void mark_everything(struct snapshot_list *list)
{
	for (size_t i = 0; i < list->folder_count; i++)
		list->folders[i].is_in_use = true;
}

void snapshot_mark_use(struct snapshot_list *list, int proc_fd)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		mark_everything(list);
		return;
	}
	while ((entry = readdir(directory)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			look_at_process(list, proc_fd, entry->d_name);
	(void)closedir(directory);
}
