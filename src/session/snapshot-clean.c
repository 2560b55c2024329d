/* SPDX-License-Identifier: MIT */

/*
 * The system half of snapshot.h. First all files that might go are listed, with device, inode and
 * time; then /proc is read once: who has one of them open, and does a git work in one of the git
 * directories; then each is judged, looked at again, and removed by its name in the open folder.
 *
 * Between that look and the removal the name can't pass to somebody else's file: git makes its locks
 * with O_EXCL and its unfinished objects with random names, so nobody makes the name anew while the
 * file stands; only another oc-run would remove it, and that is kept out by a lock on the store.
 *
 * Folders are opened one below the other, and links are not followed. A folder that has not changed
 * since the session began has nothing in it for us and is not read.
 */

#include "oc-run/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "snapshot-internal.h"

/* What is beyond is found the next time. */
#define DEBRIS_MAX 4096
#define DISK_BLOCK 512 /* of st_blocks: stat(3type) */

struct walk {
	const struct snapshot_request *request;
	struct snapshot_list *list;
	const char *path; /* of the folder whose names are gone through */
	bool is_inner;	  /* it lies in the store, and is not the store itself */
};

typedef void (*name_callback)(struct walk *walk, int folder, const char *name);

static void for_each_name(struct walk *walk, int folder, name_callback callback)
{
	/* A descriptor of its own: reading moves the offset, closedir() closes it. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			callback(walk, folder, entry->d_name);
	(void)closedir(directory);
}

static int open_below(int folder, const char *name)
{
	return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static uint64_t written_usec(const struct stat *status)
{
	return (uint64_t)status->st_mtim.tv_sec * 1000000 +
	       (uint64_t)status->st_mtim.tv_nsec / 1000;
}

/* ---- what there is ---- */

static void add_debris(struct snapshot_list *list, const char *folder, const char *name,
		       const struct stat *status)
{
	struct snapshot_debris *debris;

	if (list->count >= DEBRIS_MAX)
		return;
	debris = reallocarray(list->debris, list->count + 1, sizeof(*debris));
	if (!debris)
		return;
	list->debris = debris;
	debris += list->count;
	*debris = (struct snapshot_debris){
		.folder = list->folder_count - 1,
		.device = status->st_dev,
		.inode = status->st_ino,
		.is_file = S_ISREG(status->st_mode),
		.is_own = status->st_uid == geteuid(),
		.bytes = (uint64_t)status->st_blocks * DISK_BLOCK,
		.written_usec = written_usec(status),
	};
	if (snprintf(debris->name, sizeof(debris->name), "%s%s%s", folder, folder[0] ? "/" : "",
		     name) < (int)sizeof(debris->name))
		list->count++;
}

static void look_at_name(struct walk *walk, int folder, const char *name)
{
	struct stat status;

	if (snapshot_is_debris(walk->path, name) &&
	    fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		add_debris(walk->list, walk->path, name, &status);
}

/* One folder of the last git directory: "", "objects/pack", "objects/3f". */
static void look_at_folder(const struct walk *walk, int folder, const char *name)
{
	struct walk inner = { .request = walk->request, .list = walk->list, .path = name };
	struct stat status;

	if (fstat(folder, &status) == 0 && written_usec(&status) >= walk->request->since_usec)
		for_each_name(&inner, folder, look_at_name);
}

static void look_at_objects(struct walk *walk, int objects, const char *name)
{
	_cleanup_close_ int fd = -1;
	char folder[sizeof("objects/pack")];

	if (snprintf(folder, sizeof(folder), "objects/%s", name) >= (int)sizeof(folder) ||
	    !snapshot_is_debris_folder(folder))
		return;
	fd = open_below(objects, name);
	if (fd >= 0)
		look_at_folder(walk, fd, folder);
}

static void folder_finish(struct snapshot_folder *folder)
{
	(void)close(folder->fd);
	free(folder->path);
	free(folder->real);
}

/* Takes over @fd and @path. Only one in which there is something stays open: there may be more of
 * them than fds. */
static void add_folder(const struct walk *walk, int fd, char *path, bool is_persons)
{
	struct snapshot_list *list = walk->list;
	struct snapshot_folder *folder =
		reallocarray(list->folders, list->folder_count + 1, sizeof(*folder));
	_cleanup_close_ int objects = open_below(fd, "objects");
	struct walk inner = { .request = walk->request, .list = list, .path = "objects" };
	size_t count = list->count;

	if (!folder) {
		(void)close(fd);
		free(path);
		return;
	}
	list->folders = folder;
	list->folders[list->folder_count++] = (struct snapshot_folder){
		.fd = fd,
		.path = path,
		.real = realpath(path, NULL),
		.is_persons = is_persons,
	};
	look_at_folder(walk, fd, "");
	/* Of the person's repository only the lock is of interest. */
	if (!is_persons && objects >= 0)
		for_each_name(&inner, objects, look_at_objects);
	if (list->count == count)
		folder_finish(&list->folders[--list->folder_count]);
}

static bool is_git_directory(int folder)
{
	struct stat head, objects;

	return fstatat(folder, "HEAD", &head, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(head.st_mode) &&
	       fstatat(folder, "objects", &objects, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(objects.st_mode);
}

/* A git directory, or in newer versions a folder of them. */
static void look_at_project(struct walk *walk, int store, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = open_below(store, name);

	if (fd < 0)
		return;
	if (asprintf(&path, "%s/%s", walk->path, name) < 0) {
		path = NULL;
		return;
	}
	if (is_git_directory(fd)) {
		add_folder(walk, take_fd(&fd), take_pointer(path), false);
	} else if (!walk->is_inner) {
		struct walk inner = {
			.request = walk->request, .list = walk->list, .path = path, .is_inner = true
		};

		for_each_name(&inner, fd, look_at_project);
	}
}

static void list_repository(const struct walk *walk)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (!walk->request->working_directory)
		return;
	path = snapshot_find_repository(walk->request->working_directory);
	fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0)
		add_folder(walk, fd, take_pointer(path), true);
}

/* ---- what becomes of it ---- */

static bool is_unchanged(const struct snapshot_debris *debris, int folder)
{
	struct stat now;

	return fstatat(folder, debris->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_dev == debris->device && now.st_ino == debris->inode &&
	       written_usec(&now) == debris->written_usec;
}

static void note_removed(struct snapshot_result *result, const struct snapshot_folder *folder,
			 const struct snapshot_debris *debris)
{
	struct snapshot_file *file = &result->removed[result->named];

	result->count++;
	result->bytes += debris->bytes;
	if (result->named == SNAPSHOT_NAMES_MAX ||
	    asprintf(&file->path, "%s/%s", folder->path, debris->name) < 0)
		return;
	file->bytes = debris->bytes;
	result->named++;
}

static void tell_persons(struct snapshot_result *result, const struct snapshot_folder *folder,
			 const struct snapshot_debris *debris)
{
	/* Its other locks are rare, and nothing of every day waits for them. */
	if (result->persons_lock || strcmp(debris->name, "index.lock") != 0)
		return;
	if (asprintf(&result->persons_lock, "%s/%s", folder->path, debris->name) < 0)
		result->persons_lock = NULL;
}

static void settle(const struct walk *walk, const struct snapshot_debris *debris,
		   struct snapshot_result *result)
{
	const struct snapshot_folder *folder = &walk->list->folders[debris->folder];
	const struct snapshot_facts facts = {
		.is_file = debris->is_file,
		.is_own = debris->is_own,
		.is_held = debris->is_held,
		.is_in_use = folder->is_in_use,
		.is_persons = folder->is_persons,
		.written_usec = debris->written_usec,
		.since_usec = walk->request->since_usec,
		.until_usec = walk->request->until_usec,
	};
	enum snapshot_verdict verdict = snapshot_judge(&facts);

	if (verdict != SNAPSHOT_REMOVE && verdict != SNAPSHOT_TELL)
		return;
	if (!is_unchanged(debris, folder->fd))
		return;
	if (verdict == SNAPSHOT_TELL)
		tell_persons(result, folder, debris);
	else if (unlinkat(folder->fd, debris->name, 0) == 0)
		note_removed(result, folder, debris);
}

static void list_finish(struct snapshot_list *list)
{
	for (size_t i = 0; i < list->folder_count; i++)
		folder_finish(&list->folders[i]);
	free(list->folders);
	free(list->debris);
}

int snapshot_clean(const struct snapshot_request *request, struct snapshot_result *ret)
{
	struct snapshot_result result = { .named = 0 };
	struct snapshot_list list = { .count = 0 };
	struct walk walk = { .request = request, .list = &list, .path = request->store };
	_cleanup_close_ int store = -1;

	if (request->store)
		store = open(request->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store >= 0 && flock(store, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return -EWOULDBLOCK;
	if (store >= 0)
		for_each_name(&walk, store, look_at_project);
	list_repository(&walk);
	if (list.count > 0)
		snapshot_mark_use(&list, request->proc_fd);
	for (size_t i = 0; i < list.count; i++)
		settle(&walk, &list.debris[i], &result);
	list_finish(&list);
	*ret = result;
	return 0;
}
