/* SPDX-License-Identifier: MIT */

/*
 * The rows of the guard that Landlock keeps (landlock(7)). Landlock has allow-lists only: that the
 * files of cgroups can't be written is said by allowing it everywhere else, folder by folder.
 *
 * Constants are here by number: they are the kernel's ABI, and its headers are often older than the
 * kernel that runs. A rule names the file, not the path: a folder at the root that is made later is
 * not in the list.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "guard-internal.h"

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_ANY (UINT64_C(0x7f) << 6) /* char, dir, reg, sock, fifo, block, sym */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)	    /* version 3 */
#define FS_RESOLVE_UNIX (UINT64_C(1) << 16) /* version 9 */
#define FS_OF_FILES (FS_WRITE_FILE | FS_TRUNCATE | FS_RESOLVE_UNIX)
#define SCOPE_ABSTRACT (UINT64_C(1) << 0) /* version 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define PATH_TEXT_MAX 4096

struct ruleset {
	uint64_t handled_fs, handled_net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* Allows @rights everywhere but in and below @except (absolute paths). */
struct everywhere {
	int ruleset_fd;
	uint64_t rights;
	char **except;
};

int guard_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return version > 0 ? (int)version : 0;
}

int guard_landlock_restrict(int ruleset_fd)
{
	return syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0 ? -errno : 0;
}

/* What is not there needs no rule. */
static int allow(int ruleset_fd, const char *path, int flags, uint64_t rights)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC | flags);
	struct path_beneath rule = { .allowed = rights, .parent_fd = fd };
	struct stat file;

	if (fd < 0 || fstat(fd, &file) < 0 || S_ISLNK(file.st_mode))
		return 0;
	if (!S_ISDIR(file.st_mode))
		rule.allowed &= FS_OF_FILES;
	if (rule.allowed == 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &rule, 0) == 0)
		return 0;
	/* Filesystems of the kernel's own (pipes, sockets) take no rule, and need none. */
	return errno == EBADFD ? 0 : -errno;
}

enum place {
	PLACE_FREE,   /* nothing that is left out is in or above it */
	PLACE_ABOVE,  /* of something that is left out */
	PLACE_WITHIN, /* left out */
};

static enum place place_of(const struct everywhere *everywhere, const char *path)
{
	size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);

	for (char **except = everywhere->except; except && *except; except++) {
		if (strcmp(*except, path) == 0)
			return PLACE_WITHIN;
		if (strncmp(*except, path, length) == 0 && (*except)[length] == '/')
			return PLACE_ABOVE;
	}
	return PLACE_FREE;
}

static int allow_below(const struct everywhere *everywhere, const char *path);

static int allow_entry(const struct everywhere *everywhere, const char *path)
{
	switch (place_of(everywhere, path)) {
	case PLACE_WITHIN:
		return 0;
	case PLACE_ABOVE:
		return allow_below(everywhere, path);
	case PLACE_FREE:
		break;
	}
	return allow(everywhere->ruleset_fd, path, O_NOFOLLOW, everywhere->rights);
}

/* As deep as the paths that are left out: three or four folders. */
static int allow_below(const struct everywhere *everywhere, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	while (r == 0 && (entry = readdir(folder))) {
		char below[PATH_TEXT_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") == 0 ? "" : path,
			     entry->d_name) < (int)sizeof(below))
			r = allow_entry(everywhere, below);
	}
	(void)closedir(folder);
	return r;
}

/* Where cgroups are mounted, of both versions. */
static int find_cgroup_mounts(char ***ret)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	int r = 0;

	if (!mounts)
		return -errno;
	while (r == 0 && (mount = getmntent(mounts)))
		if (strcmp(mount->mnt_type, "cgroup2") == 0 ||
		    strcmp(mount->mnt_type, "cgroup") == 0)
			r = strv_append(ret, strdup(mount->mnt_dir));
	(void)endmntent(mounts);
	return r;
}

static int allow_outside_cgroups(int ruleset_fd)
{
	_cleanup_strv_ char **mounts = NULL;
	struct everywhere everywhere = { ruleset_fd, FS_WRITE_FILE, NULL };
	int r = find_cgroup_mounts(&mounts);

	if (r < 0)
		return r;
	everywhere.except = mounts;
	return mounts ? allow_below(&everywhere, "/") : allow(ruleset_fd, "/", 0, FS_WRITE_FILE);
}

/* A socket's path may lead through a symbolic link (/var/run): the file counts, not the path. */
static int allow_other_sockets(int ruleset_fd, char *const *hidden)
{
	_cleanup_strv_ char **real = NULL;
	struct everywhere everywhere = { ruleset_fd, FS_RESOLVE_UNIX, NULL };
	int r = 0;

	for (; r == 0 && hidden && *hidden; hidden++) {
		char *path = realpath(*hidden, NULL);

		if (path)
			r = strv_append(&real, path);
	}
	if (r < 0)
		return r;
	everywhere.except = real;
	return real ? allow_below(&everywhere, "/") : allow(ruleset_fd, "/", 0, FS_RESOLVE_UNIX);
}

static bool is_on(const struct guard_choice *choice, enum guard_kind kind)
{
	for (size_t i = 0; i < guard_row_count(); i++)
		if (guard_row(i)->kind == kind && choice->rows[i] == GUARD_ON)
			return true;
	return false;
}

static void choose_rights(const struct guard_choice *choice, struct ruleset *ret, size_t *ret_size)
{
	int version = guard_landlock_version();
	/* Unnamed it is denied: see guard-choice.c. */
	struct ruleset ruleset = { .handled_fs = FS_REFER };

	if (is_on(choice, GUARD_CGROUPS))
		ruleset.handled_fs |= FS_WRITE_FILE;
	if (is_on(choice, GUARD_WRITES))
		ruleset.handled_fs |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_ANY;
	if (is_on(choice, GUARD_WRITES) && version >= 3)
		ruleset.handled_fs |= FS_TRUNCATE;
	if (is_on(choice, GUARD_SOCKETS) && !choice->hides)
		ruleset.handled_fs |= FS_RESOLVE_UNIX;
	if (is_on(choice, GUARD_SIGNALS))
		ruleset.scoped |= SCOPE_SIGNAL;
	if (is_on(choice, GUARD_ABSTRACT))
		ruleset.scoped |= SCOPE_ABSTRACT;
	*ret = ruleset;
	/* An older kernel takes what it knows: the rest must not be there. */
	*ret_size = version >= 6   ? sizeof(ruleset)
		    : version >= 4 ? offsetof(struct ruleset, scoped)
				   : offsetof(struct ruleset, handled_net);
}

static int add_rules(int fd, const struct guard_choice *choice, const struct guard_places *places,
		     const char *more, uint64_t handled)
{
	bool limits_writes = is_on(choice, GUARD_WRITES);
	int r = 0;

	/* Elsewhere it asks for the other rights as well. */
	r = allow(fd, "/", 0, FS_REFER);
	for (char **path = limits_writes && places ? places->writable : NULL;
	     r == 0 && path && *path; path++)
		r = allow(fd, *path, 0, handled & ~FS_RESOLVE_UNIX);
	if (r == 0 && limits_writes && more)
		r = allow(fd, more, 0, handled & ~FS_RESOLVE_UNIX);
	if (r == 0 && !limits_writes)
		r = allow_outside_cgroups(fd);
	if (r == 0 && handled & FS_RESOLVE_UNIX)
		r = allow_other_sockets(fd, places ? places->hidden : NULL);
	return r;
}

int guard_landlock_build(const struct guard_choice *choice, const struct guard_places *places,
			 const char *more, int *ret_fd, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	struct ruleset ruleset;
	size_t size;
	int r;

	if (!is_on(choice, GUARD_PTRACE))
		return 0;
	choose_rights(choice, &ruleset, &size);
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	if (fd < 0)
		return diag_set(diag, -errno, "cannot make a Landlock ruleset: %s",
				strerror(errno));
	r = add_rules(fd, choice, places, more, ruleset.handled_fs);
	if (r < 0)
		return diag_set(diag, r, "cannot add a rule to the Landlock ruleset: %s",
				strerror(-r));
	*ret_fd = take_fd(&fd);
	return 0;
}
