/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests against the kernel share: processes that are ready when start() returns and never
 * outlive the test for long, a folder, and a cgroup to play in. */

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oc-run/cgroup.h"
#include "oc-run/proc-parse.h"

/* A process that a failed test leaves behind ends by itself. */
#define SYS_LIFE_SECONDS 60

/* What a child does; it says that it is ready by sys_ready(). A body that forks calls
 * sys_gather() before and sys_ready_after() when all of them are to be there. */
typedef void (*sys_body)(void *argument);

static int sys_ready_fd = -1;

static inline void sys_ready(void)
{
	(void)!write(sys_ready_fd, "r", 1);
	(void)close(sys_ready_fd);
}

/* In a body, before it forks: its children report to it now. Returns where to listen. */
static inline int sys_gather(int *ret_own_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		_exit(1);
	*ret_own_fd = sys_ready_fd;
	sys_ready_fd = fds[1];
	return fds[0];
}

/* In a body: @count children are ready, and this process is. */
static inline void sys_ready_after(int fd, int own_fd, int count)
{
	char byte;

	for (int i = 0; i < count; i++)
		if (read(fd, &byte, 1) != 1)
			_exit(1);
	(void)close(sys_ready_fd);
	(void)close(fd);
	sys_ready_fd = own_fd;
	sys_ready();
}

static inline void sys_wait_ready(int fd)
{
	char byte;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	expect_int(poll(&poll_fd, 1, SYS_LIFE_SECONDS * 1000), 1);
	expect_int(read(fd, &byte, 1), 1);
}

/* In the child: runs @body, which does not come back. */
static inline void sys_become(int ready_fd, sys_body body, void *argument)
{
	sys_ready_fd = ready_fd;
	/* Check's handlers would send the signal on to the test. */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(SYS_LIFE_SECONDS);
	body(argument);
	_exit(0);
}

/* @ret_ready_fd stays open for more that it has to say. */
static inline pid_t sys_start_keeping(sys_body body, void *argument, int *ret_ready_fd)
{
	int fds[2];
	pid_t pid;

	expect_int(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		sys_become(fds[1], body, argument);
	}
	(void)close(fds[1]);
	sys_wait_ready(fds[0]);
	*ret_ready_fd = fds[0];
	return pid;
}

static inline pid_t sys_start(sys_body body, void *argument)
{
	int ready_fd;
	pid_t pid = sys_start_keeping(body, argument, &ready_fd);

	(void)close(ready_fd);
	return pid;
}

/* The same, but by a double fork: the child of nobody here (of our reaper). */
static inline pid_t sys_start_orphan(sys_body body, void *argument)
{
	int fds[2], pid_fds[2];
	pid_t between, pid;

	expect_int(pipe2(fds, O_CLOEXEC), 0);
	expect_int(pipe2(pid_fds, O_CLOEXEC), 0);
	between = fork();
	expect(between >= 0);
	if (between == 0) {
		pid = fork();
		if (pid == 0)
			sys_become(fds[1], body, argument);
		(void)!write(pid_fds[1], &pid, sizeof(pid));
		_exit(0);
	}
	expect_int(waitpid(between, NULL, 0), between);
	(void)close(fds[1]);
	(void)close(pid_fds[1]);
	expect_int(read(pid_fds[0], &pid, sizeof(pid)), (ssize_t)sizeof(pid));
	(void)close(pid_fds[0]);
	sys_wait_ready(fds[0]);
	(void)close(fds[0]);
	return pid;
}

static inline void sys_sleep(void)
{
	/* A fork has no alarm of its own. */
	(void)alarm(SYS_LIFE_SECONDS);
	for (;;)
		(void)pause();
}

static inline void sys_idle(void *unused)
{
	(void)unused;
	sys_ready();
	sys_sleep();
}

static inline int sys_read_proc(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, text, size - 1);
	(void)close(fd);
	text[length < 0 ? 0 : length] = '\0';
	return 0;
}

/* Until it is dead, whoever reaps it and when. */
static inline void sys_wait_gone(pid_t pid)
{
	char path[32], text[512];
	struct proc_stat stat;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int i = 0; i < SYS_LIFE_SECONDS * 100; i++) {
		(void)waitpid(pid, NULL, WNOHANG);
		if (sys_read_proc(path, text, sizeof(text)) < 0 || proc_parse_stat(text, &stat) < 0)
			return;
		if (stat.state == 'Z') {
			/* Of our own children nothing is left, others are their parent's. */
			(void)waitpid(pid, NULL, 0);
			return;
		}
		(void)usleep(10 * 1000);
	}
	expect(!"the process ends");
}

static inline void sys_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	sys_wait_gone(pid);
}

static inline void sys_write_file(int folder_fd, const char *name, const char *bytes, size_t length)
{
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	expect(fd >= 0);
	expect_int(write(fd, bytes, length), (ssize_t)length);
	(void)close(fd);
}

/* A fresh cgroup below our own. false: not possible here. The caller removes it by
 * sys_leave_cgroup(). */
static inline bool sys_make_cgroup(struct cgroup *ret_parent, struct cgroup *ret, char name[32])
{
	static char text[1 << 16];
	_cleanup_free_ char *mount = NULL, *root = NULL, *path = NULL;
	struct cgroup parent = CGROUP_INIT;

	if (sys_read_proc("/proc/self/mountinfo", text, sizeof(text)) < 0 ||
	    cgroup_parse_mountinfo(text, &mount, &root) < 0 ||
	    cgroup_of_process(getpid(), &path) < 0 || cgroup_open(mount, path, &parent) < 0)
		return false;
	(void)snprintf(name, 32, "oc-run-test-%d", (int)getpid());
	if (cgroup_make(&parent, name, ret) < 0) {
		cgroup_finish(&parent);
		return false;
	}
	*ret_parent = parent;
	return true;
}

/* No expectation in here: main() uses it, where Check has no test to blame. */
static inline int sys_try_leave_cgroup(struct cgroup *parent, struct cgroup *cgroup,
				       const char *name)
{
	int r = -EBUSY;

	(void)!cgroup_kill(cgroup);
	for (int i = 0; i < SYS_LIFE_SECONDS * 100 && r < 0; i++) {
		r = cgroup_remove(parent, name);
		if (r < 0)
			(void)usleep(10 * 1000);
	}
	cgroup_finish(cgroup);
	cgroup_finish(parent);
	return r;
}

static inline void sys_leave_cgroup(struct cgroup *parent, struct cgroup *cgroup, const char *name)
{
	expect_int(sys_try_leave_cgroup(parent, cgroup, name), 0);
}

/* Says for TAP that nothing was tested, loudly. */
static inline int sys_skip(const char *why)
{
	bool is_failure = getenv("OC_RUN_TESTS_NO_SKIP") != NULL;

	(void)printf(is_failure ? "1..1\nnot ok 1 - %s\n" : "1..0 # SKIP %s\n", why);
	return is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* main() of a file whose every test makes a cgroup. */
#define SYS_MAIN_WITH_CGROUP(name, ...)                                                 \
	int main(void)                                                                  \
	{                                                                               \
		const TTest *const tests[] = { __VA_ARGS__ };                           \
		struct cgroup parent = CGROUP_INIT, probe = CGROUP_INIT;                \
		char probe_name[32];                                                    \
                                                                                        \
		if (!sys_make_cgroup(&parent, &probe, probe_name))                      \
			return sys_skip("no cgroup of version 2 that we may write to"); \
		if (sys_try_leave_cgroup(&parent, &probe, probe_name) < 0)              \
			return EXIT_FAILURE;                                            \
		return unit_run(name, tests, ARRAY_SIZE(tests));                        \
	}
