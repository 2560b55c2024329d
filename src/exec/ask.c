/* SPDX-License-Identifier: MIT */

#include "oc-run/ask.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "oc-run/strv.h"

extern char **environ;

#define CANCELLED_LOOK_MSEC 200

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
	    posix_spawnattr_setsigdefault(attributes, &all) != 0 ||
	    posix_spawnattr_setpgroup(attributes, 0) != 0 ||
	    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							 POSIX_SPAWN_SETPGROUP) != 0)
		return -EINVAL;
	return 0;
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct ask_request *request,
		       int output)
{
	int r = -posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(actions, output, 1);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
	if (r == 0 && request->directory)
		r = -posix_spawn_file_actions_addchdir_np(actions, request->directory);
	return r;
}

static int spawn_with(const struct ask_request *request, char *const *environment, int output,
		      pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attributes);
	if (r < 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	r = set_attributes(&attributes);
	if (r == 0)
		r = set_actions(&actions, request, output);
	if (r == 0)
		r = -posix_spawn(ret_pid, request->program, &actions, &attributes, request->argv,
				 environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Ours, with the assignment in the place of what it replaces. */
static int make_environment(const char *assignment, char ***ret)
{
	size_t name_length = assignment ? strcspn(assignment, "=") + 1 : 0;
	int r = 0;

	for (char **entry = environ; r == 0 && entry && *entry; entry++)
		if (!assignment || strncmp(*entry, assignment, name_length) != 0)
			r = strv_append(ret, strdup(*entry));
	if (r == 0 && assignment)
		r = strv_append(ret, strdup(assignment));
	return r;
}

static int start(const struct ask_request *request, int output, pid_t *ret_pid)
{
	_cleanup_strv_ char **environment = NULL;
	int r = make_environment(request->assignment, &environment);

	return r < 0 ? r : spawn_with(request, environment, output, ret_pid);
}

static uint64_t now_msec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int wait_msec(const struct ask_request *request, uint64_t left_msec)
{
	if (request->is_cancelled && left_msec > CANCELLED_LOOK_MSEC)
		return CANCELLED_LOOK_MSEC;
	return (int)left_msec;
}

static int read_answer(int fd, const struct ask_request *request, char *answer, size_t size)
{
	uint64_t until_msec = now_msec() + request->timeout_msec;
	size_t length = 0;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		uint64_t now = now_msec();
		ssize_t n;

		if (now >= until_msec)
			return -ETIMEDOUT;
		if (request->is_cancelled && request->is_cancelled(request->userdata))
			return -ECANCELED;
		if (length == size - 1)
			return -E2BIG;
		if (poll(&ready, 1, wait_msec(request, until_msec - now)) <= 0)
			continue;
		n = read(fd, answer + length, size - 1 - length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		length += n > 0 ? (size_t)n : 0;
	}
	answer[length] = '\0';
	return 0;
}

int ask_program(const struct ask_request *request, char *answer, size_t size)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = start(request, ends[1], &pid);
	(void)close(ends[1]);
	if (r == 0) {
		r = read_answer(ends[0], request, answer, size);
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(ends[0]);
	return r;
}
