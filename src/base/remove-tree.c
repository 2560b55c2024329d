/* SPDX-License-Identifier: MIT */

/*
 * Removes what is in a folder that others have filled, whatever they have put there.
 *
 * No path is followed: names are taken one by one from open folders, symbolic links are removed and
 * not entered, and what is mounted somewhere below is neither entered nor removed (told by the id of
 * the mount, so bind mounts of the same disk too).
 *
 * There is no recursion and no list, however deep the tree: a folder that lies in a folder of the
 * root is moved up into the root. So nothing ever lies deeper than two, two fds do, and "..", which
 * somebody could have moved elsewhere in between, is not used. A pass that removes nothing is the
 * last. Whoever fills the folder as fast as it is emptied does not hold us up for ever.
 */

#include "oc-run/remove-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "oc-run/cleanup.h"
#include "oc-run/owner-rights.h"

#define DISK_BLOCK 512 /* of st_blocks, whatever the file system's own are: stat(3type) */
#define NAME_TRIES 16
#define PATIENCE_SEC 60
/* With the owner of a folder who is another user, and may still be at it. */
#define PATIENCE_WITH_OWNER_SEC 10

struct removal {
	int root;
	struct statx place; /* of the root: which mount */
	struct remove_tally *tally;
	uint64_t moved;	   /* names given to folders that were moved up */
	uint64_t progress; /* of this pass */
	uint64_t left;	   /* entries of the root that this pass met */
	time_t deadline;   /* CLOCK_MONOTONIC */
};

typedef void (*entry_callback)(struct removal *removal, int folder, const char *name,
			       bool is_folder);

static bool is_folder(int folder, const struct dirent64 *entry)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(status.st_mode);
}

static time_t now_sec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void for_each_entry(struct removal *removal, int folder, entry_callback callback)
{
	union {
		struct dirent64 alignment;
		char bytes[4096];
	} buffer;
	ssize_t length;

	if (lseek(folder, 0, SEEK_SET) < 0)
		return;
	while (now_sec() < removal->deadline &&
	       (length = getdents64(folder, buffer.bytes, sizeof(buffer.bytes))) > 0) {
		for (ssize_t offset = 0; offset < length;) {
			const struct dirent64 *entry = (const void *)(buffer.bytes + offset);

			offset += entry->d_reclen;
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				callback(removal, folder, entry->d_name, is_folder(folder, entry));
		}
	}
}

static void remove_file(struct removal *removal, int folder, const char *name)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    unlinkat(folder, name, 0) < 0)
		return;
	removal->progress++;
	removal->tally->files++;
	/* Of a file with several names, the last one frees it. */
	if (S_ISREG(status.st_mode) && status.st_nlink == 1)
		removal->tally->bytes += (uint64_t)status.st_blocks * DISK_BLOCK;
}

/* A mode that locks us out of what is our own folder (Go's module cache has such). */
static void open_up(int folder, const char *name)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[64];

	if (fd < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)!chmod(path, 0700);
}

static bool is_same_mount(const struct removal *removal, int fd)
{
	struct statx place;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &place) < 0)
		return false;
	/* Before Linux 5.8 there is no id, and all that is seen is another file system. */
	return place.stx_dev_major == removal->place.stx_dev_major &&
	       place.stx_dev_minor == removal->place.stx_dev_minor &&
	       place.stx_mnt_id == removal->place.stx_mnt_id;
}

/* -1: it can't be entered, or must not be. */
static int enter(const struct removal *removal, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(removal->root, name, flags);

	if (fd < 0 && errno == EACCES) {
		open_up(removal->root, name);
		fd = openat(removal->root, name, flags);
	}
	if (fd < 0 || !is_same_mount(removal, fd))
		return -1;
	return take_fd(&fd);
}

static void move_up(struct removal *removal, int folder, const char *name)
{
	char fresh[32];

	for (int tries = 0; tries < NAME_TRIES; tries++) {
		(void)snprintf(fresh, sizeof(fresh), ".oc-run-%llu",
			       (unsigned long long)removal->moved++);
		if (renameat(folder, name, removal->root, fresh) == 0) {
			removal->progress++;
			return;
		}
		/* A folder that may not be written to can't be given another parent. */
		if (errno == EACCES)
			open_up(folder, name);
		else if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return;
	}
}

static void clear_inner(struct removal *removal, int folder, const char *name, bool is_folder)
{
	if (!is_folder)
		remove_file(removal, folder, name);
	else if (unlinkat(folder, name, AT_REMOVEDIR) == 0)
		removal->progress++;
	else
		move_up(removal, folder, name);
}

static void clear_outer(struct removal *removal, int root, const char *name, bool is_folder)
{
	_cleanup_close_ int fd = -1;

	removal->left++;
	if (!is_folder) {
		remove_file(removal, root, name);
		return;
	}
	fd = enter(removal, name);
	if (fd < 0)
		return;
	/* We are its owner, or this fails. */
	(void)!fchmod(fd, 0700);
	for_each_entry(removal, fd, clear_inner);
	if (unlinkat(root, name, AT_REMOVEDIR) == 0)
		removal->progress++;
}

static bool remove_within(int folder, time_t seconds, struct remove_tally *ret)
{
	struct removal removal = {
		.root = folder,
		.tally = ret,
		.deadline = now_sec() + seconds,
	};

	*ret = (struct remove_tally){ 0 };
	if (statx(folder, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &removal.place) < 0)
		return false;
	/* Its own mode may have been taken away too. */
	(void)!fchmod(folder, 0700);
	do {
		removal.progress = removal.left = 0;
		for_each_entry(&removal, folder, clear_outer);
	} while (removal.progress > 0 && now_sec() < removal.deadline);
	return removal.left == 0;
}

bool remove_tree(int folder, struct remove_tally *ret)
{
	return remove_within(folder, PATIENCE_SEC, ret);
}

bool remove_folder(int parent, const char *name, int folder, struct remove_tally *ret)
{
	struct owner_rights rights;
	bool emptied;

	*ret = (struct remove_tally){ 0 };
	if (owner_rights_borrow_of(folder, &rights) < 0)
		return false;
	emptied = remove_within(folder, rights.is_borrowed ? PATIENCE_WITH_OWNER_SEC : PATIENCE_SEC,
				ret);
	owner_rights_return(&rights);
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return emptied;
	return errno == ENOTDIR && unlinkat(parent, name, 0) == 0 && emptied;
}
