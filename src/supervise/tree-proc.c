/* SPDX-License-Identifier: MIT */

/* The files of /proc that the tree is made of. A process may be gone at any line. */

#include "tree-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Room for status of somebody in hundreds of groups, and for cgroup with its v1 lines. */
#define PROC_TEXT_MAX 8192

static int open_file(int proc_fd, pid_t pid, const char *name)
{
	char path[48];
	int fd;

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* Bytes read, at most @size. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t step = read(fd, bytes + length, size - length);

		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			return -errno;
		if (step == 0)
			break;
		length += (size_t)step;
	}
	return (ssize_t)length;
}

static int read_text(int proc_fd, pid_t pid, const char *name, char *text, size_t size)
{
	_cleanup_close_ int fd = open_file(proc_fd, pid, name);
	ssize_t length;

	if (fd < 0)
		return fd;
	length = read_all(fd, text, size - 1);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	return 0;
}

int tree_proc_stat(int proc_fd, pid_t pid, struct proc_stat *ret)
{
	char text[1024];
	int r = read_text(proc_fd, pid, "stat", text, sizeof(text));

	return r < 0 ? r : proc_parse_stat(text, ret);
}

void tree_proc_memory(int proc_fd, pid_t pid, uint64_t *ret_resident, uint64_t *ret_swap)
{
	struct proc_status status = { 0 };
	char text[PROC_TEXT_MAX];
	uint64_t pages;

	if (read_text(proc_fd, pid, "status", text, sizeof(text)) >= 0)
		proc_parse_status(text, &status);
	*ret_resident = status.anon_bytes + status.shmem_bytes;
	*ret_swap = status.swap_bytes;
	/* gVisor's status has no RssAnon. */
	if (!status.has_memory && read_text(proc_fd, pid, "statm", text, sizeof(text)) >= 0 &&
	    proc_parse_statm_anon(text, &pages) >= 0)
		*ret_resident = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int tree_proc_proportional(int proc_fd, pid_t pid, uint64_t *ret_bytes)
{
	char text[PROC_TEXT_MAX];
	int r = read_text(proc_fd, pid, "smaps_rollup", text, sizeof(text));

	return r < 0 ? r : proc_parse_smaps_rollup(text, ret_bytes);
}

int tree_proc_is_below(int proc_fd, pid_t pid, const char *ancestor, bool *ret)
{
	char text[PROC_TEXT_MAX];
	const char *path;
	size_t length;
	int r = read_text(proc_fd, pid, "cgroup", text, sizeof(text));

	if (r < 0)
		return r;
	path = proc_parse_cgroup(text, &length);
	if (!path)
		return -ENODATA;
	*ret = proc_cgroup_is_below(path, length, ancestor);
	return 0;
}

static bool is_owned_by(int proc_fd, pid_t pid, uid_t uid)
{
	char path[24];
	struct stat info;

	(void)snprintf(path, sizeof(path), "%d", (int)pid);
	return fstatat(proc_fd, path, &info, 0) >= 0 && info.st_uid == uid;
}

/* Others' environments are none of our business, nor can a user's be read that is not dumpable. */
bool tree_proc_has_tag(int proc_fd, pid_t pid, uid_t uid, const char *tag)
{
	struct proc_environ_match match = { .wanted = tag };
	_cleanup_close_ int fd = -1;
	char bytes[PROC_TEXT_MAX];
	ssize_t length;

	if (!is_owned_by(proc_fd, pid, uid))
		return false;
	fd = open_file(proc_fd, pid, "environ");
	if (fd < 0)
		return false;
	do {
		length = read_all(fd, bytes, sizeof(bytes));
		if (length > 0 && proc_environ_feed(&match, bytes, (size_t)length))
			return true;
	} while (length == (ssize_t)sizeof(bytes));
	return false;
}

static void read_name(int proc_fd, struct tree_process *process)
{
	char path[24], target[4096];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "%d/exe", (int)process->pid);
	length = readlinkat(proc_fd, path, target, sizeof(target) - 1);
	if (length >= 0)
		target[length] = '\0';
	proc_display_name(length > 0 ? target : NULL, process->comm, process->name,
			  sizeof(process->name));
}

static void read_command(int proc_fd, struct tree_process *process)
{
	_cleanup_close_ int fd = open_file(proc_fd, process->pid, "cmdline");
	char bytes[200], text[200];
	ssize_t length;

	if (fd < 0)
		return;
	length = read_all(fd, bytes, sizeof(bytes));
	if (length <= 0)
		return;
	proc_clean_text(bytes, (size_t)length, text, sizeof(text));
	free(process->command);
	/* Without memory it has none: it is only told to people. */
	process->command = strdup(text);
}

void tree_proc_identify(int proc_fd, struct tree_process *process)
{
	/* A zombie has neither; what was read when it lived says more. */
	if (tree_is_dead(process)) {
		if (process->name[0] == '\0')
			proc_display_name(NULL, process->comm, process->name,
					  sizeof(process->name));
		return;
	}
	read_name(proc_fd, process);
	read_command(proc_fd, process);
}
