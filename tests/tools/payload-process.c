/* SPDX-License-Identifier: MIT */

/* Verbs that make processes and threads, or leave the place where they were started. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

static void sleep_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&time, NULL);
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork: %s", strerror(errno));
	return pid;
}

/* forkbomb [N]: with N one process forks N sleepers and says how many it got; without, every
 * child does the same without end. */
int verb_forkbomb(int argc, char **argv)
{
	long wanted = argc > 0 ? parse_number(argv[0], 1, 100000) : 0;
	long made = 0, denied = 0;

	while (!wanted || made + denied < wanted) {
		pid_t pid = fork();

		if (pid == 0 && wanted)
			wait_long();
		if (pid == 0 && wanted)
			_exit(0);
		if (pid < 0) {
			denied++;
			sleep_ms(wanted ? 0 : 1);
		}
		made += pid > 0;
	}
	(void)printf("made %ld denied %ld\n", made, denied);
	say_ready();
	wait_long();
	return 0;
}

static void *sleep_thread(void *unused)
{
	wait_long();
	return unused;
}

int verb_tasks(int argc, char **argv)
{
	long wanted = argc > 0 ? parse_number(argv[0], 1, 100000) : 1;
	long made = 1;
	pthread_attr_t small;

	(void)pthread_attr_init(&small);
	(void)pthread_attr_setstacksize(&small, 1 << 16);
	for (; made < wanted; made++) {
		pthread_t thread;

		if (pthread_create(&thread, &small, sleep_thread, NULL))
			break;
	}
	(void)printf("made %ld denied %ld\n", made, wanted - made);
	say_ready();
	wait_long();
	return 0;
}

/* A group leader cannot start a session: its child does, and the leader waits for it. */
int verb_setsid(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (setsid() >= 0)
		exec_rest(argc, argv);
	pid = must_fork();
	if (pid == 0) {
		(void)setsid();
		exec_rest(argc, argv);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* daemon(3) by hand: two forks, a session of its own, no terminal. Returns at once. */
int verb_daemon(int argc, char **argv)
{
	pid_t pid = must_fork();
	int status;

	if (pid == 0) {
		(void)setsid();
		if (must_fork() > 0)
			_exit(0);
		exec_rest(argc, argv);
	}
	(void)waitpid(pid, &status, 0);
	return 0;
}

/* zombies N: N orphans that exit some ms after their parent did: whoever inherits them reaps. */
int verb_zombies(int argc, char **argv)
{
	long wanted = argc > 0 ? parse_number(argv[0], 1, 100000) : 1;

	for (long i = 0; i < wanted; i++) {
		pid_t pid = must_fork();

		if (pid == 0) {
			if (must_fork() == 0)
				sleep_ms(20);
			_exit(0);
		}
		(void)waitpid(pid, NULL, 0);
	}
	say_ready();
	wait_long();
	return 0;
}

/* Each link lives for some ms, so that a list of pids is stale before it is used. */
static void fork_chain(time_t until)
{
	while (time(NULL) < until) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		sleep_ms(pid < 0 ? 20 : 3);
	}
	_exit(0);
}

int verb_keepforking(int argc, char **argv)
{
	long chains = argc > 0 ? parse_number(argv[0], 1, 100) : 1;

	for (long i = 0; i < chains; i++)
		if (must_fork() == 0)
			fork_chain(time(NULL) + 120);
	say_ready();
	wait_long();
	return 0;
}

static void grow_tree(long depth, long fanout, int ready_fd)
{
	for (long i = 0; depth > 0 && i < fanout; i++) {
		if (must_fork() == 0) {
			depth--;
			i = -1;
			if (write(ready_fd, "x", 1) != 1)
				_exit(99);
		}
	}
}

/* tree DEPTH FANOUT: says "ready TOTAL" when all of them are there. */
int verb_tree(int argc, char **argv)
{
	long depth, fanout, total = 0, level = 1;
	pid_t root = getpid();
	int pipe_fds[2];
	char byte;

	if (argc != 2)
		die("tree wants DEPTH FANOUT");
	depth = parse_number(argv[0], 0, 10);
	fanout = parse_number(argv[1], 1, 10);
	for (long i = 0; i < depth; i++) {
		level *= fanout;
		total += level;
	}
	if (pipe(pipe_fds))
		die("cannot make a pipe: %s", strerror(errno));
	grow_tree(depth, fanout, pipe_fds[1]);
	if (getpid() == root) {
		for (long i = 0; i < total; i++)
			if (read(pipe_fds[0], &byte, 1) != 1)
				die("a process of the tree is missing");
		(void)printf("ready %ld\n", total + 1);
		(void)fflush(stdout);
	}
	wait_long();
	return 0;
}

/* move DIRECTORY [CMD...]: enters another cgroup, as Chromium does with its own process. */
int verb_move(int argc, char **argv)
{
	char path[4096];
	int fd;

	if (argc < 1)
		die("move wants DIRECTORY");
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", argv[0]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die("cannot enter '%s': %s", path, strerror(errno));
	(void)close(fd);
	if (argc > 1)
		exec_rest(argc - 1, argv + 1);
	say_ready();
	wait_long();
	return 0;
}
