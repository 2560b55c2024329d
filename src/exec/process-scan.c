/* SPDX-License-Identifier: MIT */

/*
 * Processes as /proc shows them, without allocation. A process is named by a pidfd before it is
 * looked at: if the pid is used anew in between, the signal goes to the one that is gone and to
 * nobody else.
 */

#include "oc-run/process-scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oc-run/proc-parse.h"

static int open_proc_file(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

int process_read_facts(pid_t pid, struct process_facts *ret)
{
	_cleanup_close_ int fd = open_proc_file(pid, "stat");
	struct proc_stat stat;
	char text[1024];
	ssize_t length;
	int error;

	if (fd < 0)
		return fd;
	length = read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return -ESRCH;
	text[length] = '\0';
	error = proc_parse_stat(text, &stat);
	if (error < 0)
		return error;
	*ret = (struct process_facts){
		.parent = stat.parent,
		.group = stat.process_group,
		.session = stat.session,
		.state = stat.state,
		.start_ticks = stat.start_ticks,
	};
	memcpy(ret->comm, stat.comm, sizeof(ret->comm));
	return 0;
}

static pid_t pid_of_name(const char *name)
{
	char *end;
	long pid;

	if (name[0] < '1' || name[0] > '9')
		return 0;
	pid = strtol(name, &end, 10);
	return *end == '\0' && pid <= INT32_MAX ? (pid_t)pid : 0;
}

int process_for_each(process_callback callback, void *userdata)
{
	_cleanup_close_ int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union {
		struct dirent64 alignment;
		char bytes[4096];
	} buffer;
	ssize_t length;

	if (fd < 0)
		return -errno;
	/* opendir() would allocate. */
	while ((length = getdents64(fd, buffer.bytes, sizeof(buffer.bytes))) > 0) {
		for (ssize_t offset = 0; offset < length;) {
			const struct dirent64 *entry = (const void *)(buffer.bytes + offset);
			pid_t pid = pid_of_name(entry->d_name);
			int result = pid > 0 ? callback(pid, userdata) : 0;

			if (result < 0)
				return result;
			offset += entry->d_reclen;
		}
	}
	return length < 0 ? -errno : 0;
}

struct group_search {
	pid_t group;
	bool found;
};

static int look_for_group(pid_t pid, void *userdata)
{
	struct group_search *search = userdata;
	struct process_facts facts;

	if (process_read_facts(pid, &facts) < 0 || facts.group != search->group)
		return 0;
	if (facts.state == 'Z' || facts.state == 'X')
		return 0;
	search->found = true;
	return -ECANCELED;
}

bool process_group_is_alive(pid_t group)
{
	struct group_search search = { .group = group };
	int result;

	if (group <= 0)
		return false;
	if (kill(-group, 0) < 0 && errno == ESRCH)
		return false;
	result = process_for_each(look_for_group, &search);
	/* When /proc can't be read the kernel's own answer stands. */
	return search.found || (result < 0 && result != -ECANCELED);
}

int process_signal(pid_t pid, int signal_number)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);

	if (pidfd < 0 || pidfd_send_signal(pidfd, signal_number, NULL, 0) < 0)
		return -errno;
	return 0;
}

/* Compares a list of texts, each ended by a NUL, with one text, byte by byte. */
struct matcher {
	const char *wanted;
	size_t matched;
	bool differs; /* the text that we are in is another one */
};

/* true: a text that equals the wanted one has just ended. */
static bool matcher_feed(struct matcher *matcher, char byte)
{
	bool found = false;

	if (byte == '\0') {
		found = !matcher->differs && matcher->wanted[matcher->matched] == '\0';
		matcher->matched = 0;
		matcher->differs = false;
	} else if (!matcher->differs && matcher->wanted[matcher->matched] == byte) {
		matcher->matched++;
	} else {
		matcher->differs = true;
	}
	return found;
}

/* Does the environment of @pid hold exactly the entry @wanted? Read in pieces: it may be long. */
static bool has_environment_entry(pid_t pid, const char *wanted)
{
	_cleanup_close_ int fd = open_proc_file(pid, "environ");
	struct matcher matcher = { .wanted = wanted };
	char piece[2048];
	ssize_t length;

	if (fd < 0)
		return false;
	while ((length = read(fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < length; i++) {
			if (matcher_feed(&matcher, piece[i]))
				return true;
		}
	}
	/* A program may have overwritten the last NUL. */
	return matcher_feed(&matcher, '\0');
}

static bool is_own(pid_t pid)
{
	struct stat status;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	/* Root's sessions may change user; the tag is random and can't be met by chance. */
	return stat(path, &status) == 0 && (status.st_uid == geteuid() || geteuid() == 0);
}

struct tagged_walk {
	const struct process_tagged *request;
	char entry[sizeof(PROCESS_TAG) + 64];
	int signal_number;
	int found;
};

static int signal_if_tagged(pid_t pid, void *userdata)
{
	struct tagged_walk *walk = userdata;
	const struct process_tagged *request = walk->request;
	_cleanup_close_ int pidfd = -1;
	struct process_facts facts;

	if (pid == getpid() || !is_own(pid))
		return 0;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 || process_read_facts(pid, &facts) < 0)
		return 0;
	if (facts.state == 'Z' || facts.state == 'X' ||
	    facts.start_ticks < request->not_before_ticks)
		return 0;
	if (request->spare_keepers && strcmp(facts.comm, PROCESS_KEEPER_NAME) == 0)
		return 0;
	if (!has_environment_entry(pid, walk->entry))
		return 0;
	if (pidfd_send_signal(pidfd, walk->signal_number, NULL, 0) < 0)
		return 0;
	if (walk->signal_number == SIGTERM)
		(void)pidfd_send_signal(pidfd, SIGCONT, NULL, 0);
	walk->found++;
	return 0;
}

int process_signal_tagged(const struct process_tagged *request, int signal_number)
{
	struct tagged_walk walk = { .request = request, .signal_number = signal_number };
	int result;

	(void)snprintf(walk.entry, sizeof(walk.entry), "%s=%s", PROCESS_TAG, request->session_id);
	result = process_for_each(signal_if_tagged, &walk);
	return result < 0 ? result : walk.found;
}
