/* SPDX-License-Identifier: MIT */

/*
 * A cgroup with all cgroups below it: listing the processes, killing them, removing the directories.
 *
 * This is what ends a session, maybe on a machine without free memory: nothing here allocates.
 * Directories are listed with getdents64(2) into the stack (opendir(3) allocates), cgroup.procs is
 * read piece by piece. Cgroups that vanish on the way are no error: somebody else removed them.
 */

#include "oc-run/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* A descriptor and about 3 KiB of stack for each level. Nobody nests that deep by accident. */
#define DEPTH_MAX 128

#define FREEZE_TRIES 40
#define FREEZE_PAUSE_NSEC 5000000L

typedef int (*child_fn)(int parent_fd, const char *name, void *userdata);

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV;
}

/* Calls @callback for each directory in @fd, until it gives an error. */
static int for_each_child(int fd, child_fn callback, void *userdata)
{
	_Alignas(struct dirent64) char entries[2048];

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		ssize_t size = getdents64(fd, entries, sizeof(entries));

		if (size < 0)
			return -errno;
		if (size == 0)
			return 0;
		for (ssize_t at = 0; at < size;) {
			struct dirent64 *entry = (struct dirent64 *)(entries + at);
			int r;

			at += entry->d_reclen;
			if (entry->d_type != DT_DIR || is_dot(entry->d_name))
				continue;
			r = callback(fd, entry->d_name, userdata);
			if (r < 0)
				return r;
		}
	}
}

static int open_directory(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

struct pid_walk {
	cgroup_pid_callback callback;
	void *userdata;
	int count;
	unsigned depth;
};

/* The next piece of cgroup.procs; a number may be cut by its end, *pid carries it over. */
static int walk_piece(const char *text, ssize_t size, pid_t *pid, struct pid_walk *walk)
{
	for (ssize_t i = 0; i < size; i++) {
		pid_t whole = *pid;
		int r;

		if (text[i] >= '0' && text[i] <= '9') {
			*pid = whole * 10 + (text[i] - '0');
			continue;
		}
		*pid = 0;
		/* 0: a process of another pid namespace, of which we have no name. */
		if (whole == 0)
			continue;
		r = walk->callback(whole, walk->userdata);
		if (r < 0)
			return r;
		walk->count++;
	}
	return 0;
}

static int walk_procs(int fd, struct pid_walk *walk)
{
	char text[512];
	pid_t pid = 0;
	ssize_t size;

	while ((size = read(fd, text, sizeof(text))) != 0) {
		int r;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		r = walk_piece(text, size, &pid, walk);
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk_pids(int fd, struct pid_walk *walk);

static int walk_child(int parent_fd, const char *name, void *userdata)
{
	_cleanup_close_ int fd = open_directory(parent_fd, name);

	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	return walk_pids(fd, userdata);
}

static int walk_pids(int fd, struct pid_walk *walk)
{
	_cleanup_close_ int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	int r = procs < 0 ? -errno : walk_procs(procs, walk);

	/* EOPNOTSUPP: a threaded cgroup; its processes are listed at the root of the threaded part.
	 * The root of this walk has to be there, cgroups below it may go away. */
	if (r < 0 && r != -EOPNOTSUPP && !(walk->depth > 0 && is_gone(r)))
		return r;
	if (walk->depth >= DEPTH_MAX)
		return -ELOOP;
	walk->depth++;
	r = for_each_child(fd, walk_child, walk);
	walk->depth--;
	return walk->depth > 0 && is_gone(r) ? 0 : r;
}

/* A listing moves the position of the descriptor it goes through: walks of the same cgroup, nested
 * or in a fork, must not share one. */
static int reopen(const struct cgroup *cgroup)
{
	return open_directory(cgroup->dirfd, ".");
}

int cgroup_for_each_pid(const struct cgroup *cgroup, cgroup_pid_callback callback, void *userdata)
{
	struct pid_walk walk = { .callback = callback, .userdata = userdata };
	_cleanup_close_ int fd = reopen(cgroup);
	int r;

	if (fd < 0)
		return is_gone(fd) ? -ENODEV : fd;
	r = walk_pids(fd, &walk);
	if (is_gone(r))
		return -ENODEV;
	return r < 0 ? r : walk.count;
}

static int kill_one(pid_t pid, void *userdata)
{
	(void)userdata;
	/* Those in the list are frozen, and a frozen process does not end: the number still means
	 * the same process. */
	(void)kill(pid, SIGKILL);
	return 0;
}

static void wait_frozen(const struct cgroup *cgroup)
{
	const struct timespec pause = { .tv_nsec = FREEZE_PAUSE_NSEC };

	/* A process in an uninterruptible sleep freezes late; it is killed all the same. */
	for (int i = 0; i < FREEZE_TRIES; i++) {
		struct cgroup_events events;
		char text[512];

		if (cgroup_read(cgroup, "cgroup.events", text, sizeof(text)) < 0 ||
		    cgroup_parse_events(text, &events) < 0 || events.frozen)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

int cgroup_kill_by_pid(const struct cgroup *cgroup)
{
	int frozen = cgroup_write(cgroup, "cgroup.freeze", "1"), r;

	if (frozen == 0)
		wait_frozen(cgroup);
	r = cgroup_for_each_pid(cgroup, kill_one, NULL);
	if (frozen == 0) {
		int thawed = cgroup_write(cgroup, "cgroup.freeze", "0");

		if (r >= 0 && thawed < 0)
			return thawed;
	}
	return r < 0 ? r : 0;
}

int cgroup_kill(const struct cgroup *cgroup)
{
	int r = cgroup_write(cgroup, "cgroup.kill", "1");

	/* ENOENT: before 5.14. EPERM, EACCES: the root of a cgroup namespace, or the file belongs to
	 * the system manager. EOPNOTSUPP: a threaded cgroup. */
	if (r == -ENOENT || r == -EPERM || r == -EACCES || r == -EOPNOTSUPP)
		return cgroup_kill_by_pid(cgroup);
	return r;
}

int cgroup_kill_prepare(const struct cgroup *cgroup)
{
	return openat(cgroup->dirfd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
}

int cgroup_kill_with(const struct cgroup *cgroup, int kill_fd)
{
	if (kill_fd >= 0 && pwrite(kill_fd, "1", 1, 0) == 1)
		return 0;
	return cgroup_kill(cgroup);
}

struct remove_walk {
	int result; /* first error that a cgroup could not be removed for */
	unsigned depth;
};

static int remove_tree(int parent_fd, const char *name, struct remove_walk *walk);

static int remove_child(int parent_fd, const char *name, void *userdata)
{
	struct remove_walk *walk = userdata;
	int r = remove_tree(parent_fd, name, walk);

	/* Go on with the siblings: the less is left the better. */
	if (r < 0 && walk->result == 0)
		walk->result = r;
	return 0;
}

static int remove_tree(int parent_fd, const char *name, struct remove_walk *walk)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || is_gone(-errno))
		return 0;
	/* EBUSY: processes, or cgroups below it. */
	if (errno != EBUSY)
		return -errno;
	if (walk->depth >= DEPTH_MAX)
		return -ELOOP;
	fd = open_directory(parent_fd, name);
	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	walk->depth++;
	r = for_each_child(fd, remove_child, walk);
	walk->depth--;
	if (r < 0 && !is_gone(r))
		return r;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || is_gone(-errno))
		return 0;
	return -errno;
}

int cgroup_remove(const struct cgroup *parent, const char *name)
{
	struct remove_walk walk = { 0 };

	if (*name == '\0' || strchr(name, '/') || is_dot(name))
		return -EINVAL;
	return remove_tree(parent->dirfd, name, &walk);
}
