/* SPDX-License-Identifier: MIT */

/*
 * Where Landlock does not know sockets that have a path (before Linux 7.1), they are hidden: in a
 * mount namespace of the command's own an empty folder lies over each folder of sockets, and
 * /dev/null over each socket. A user needs a user namespace for that, in which only this user is
 * mapped; some systems don't let users make one, which is found by trying.
 *
 * Mounts that the machine makes later still arrive (MS_SLAVE). A socket that appears later outside
 * of the hidden folders is seen.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "guard-internal.h"

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)length) == length ? 0 : -errno;
}

/* user_namespaces(7): a user maps itself once the namespace can't change its groups. */
static int enter_namespaces(const struct guard *guard)
{
	bool is_user = guard->uid_map[0] != '\0';
	int r;

	if (unshare(CLONE_NEWNS | (is_user ? CLONE_NEWUSER : 0)) < 0)
		return -errno;
	if (is_user) {
		r = write_file("/proc/self/setgroups", "deny");
		if (r == 0 || r == -ENOENT)
			r = write_file("/proc/self/uid_map", guard->uid_map);
		if (r == 0)
			r = write_file("/proc/self/gid_map", guard->gid_map);
		if (r < 0)
			return r;
	}
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

static int cover(const struct guard_hidden *hidden)
{
	int r;

	if (hidden->is_folder)
		r = mount("oc-run", hidden->path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  "mode=0700,size=1m");
	else
		r = mount("/dev/null", hidden->path, NULL, MS_BIND, NULL);
	/* It went away meanwhile. */
	return r < 0 && errno != ENOENT ? -errno : 0;
}

int guard_hide(const struct guard *guard)
{
	int r;

	if (!guard->hidden)
		return 0;
	r = enter_namespaces(guard);
	for (const struct guard_hidden *hidden = guard->hidden; r == 0 && hidden->path; hidden++)
		r = cover(hidden);
	return r;
}

void guard_hide_prepare(struct guard *guard, bool is_admin)
{
	unsigned uid = geteuid(), gid = getegid();

	if (is_admin)
		return;
	(void)snprintf(guard->uid_map, sizeof(guard->uid_map), "%u %u 1\n", uid, uid);
	(void)snprintf(guard->gid_map, sizeof(guard->gid_map), "%u %u 1\n", gid, gid);
}

bool guard_hide_is_possible(bool is_admin)
{
	static char somewhere[] = "/proc";
	struct guard_hidden hidden[] = { { .path = somewhere, .is_folder = true }, { 0 } };
	struct guard guard = { .hidden = hidden };
	bool possible = false;
	int pair[2], status;
	pid_t pid;

	guard_hide_prepare(&guard, is_admin);
	if (pipe2(pair, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(guard_hide(&guard) == 0 && write(pair[1], "", 1) == 1 ? 0 : 1);
	(void)close(pair[1]);
	if (pid > 0) {
		char byte;

		/* Its status may be lost: SIGCHLD is as oc-run was started with. */
		possible = read(pair[0], &byte, 1) == 1;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	(void)close(pair[0]);
	return possible;
}
