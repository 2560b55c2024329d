/* SPDX-License-Identifier: MIT */

/*
 * What somebody else on the machine feels. Wakes every 10 ms and notes how late; starts a small
 * program every 200 ms, as a login would, and notes how long until it is done. Everything it needs
 * is in memory and locked, but not the program that it starts: that is the point.
 *
 *	canary SECONDS PROGRAM [ARG...]	prints two lines of figures at the end
 */

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAKE_USEC 10000
#define START_EVERY 20
#define SAMPLES_MAX 100000

extern char **environ;

static uint32_t wake_late_usec[SAMPLES_MAX], start_took_usec[SAMPLES_MAX];

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static void print_figures(const char *what, uint32_t *samples, size_t count)
{
	if (count == 0) {
		(void)printf("%s none\n", what);
		return;
	}
	qsort(samples, count, sizeof(*samples), compare);
	(void)printf("%s count %zu median_ms %.1f p99_ms %.1f worst_ms %.1f\n", what, count,
		     samples[count / 2] / 1e3, samples[count * 99 / 100] / 1e3,
		     samples[count - 1] / 1e3);
}

/* In a child, so that a slow start does not make the wake-ups late: those are measured apart. */
static pid_t starter(char **argv, uint64_t end_usec, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		exit(1);
	pid = fork();
	if (pid != 0) {
		(void)close(ends[1]);
		*ret_fd = ends[0];
		return pid;
	}
	for (size_t count = 0; now_usec() < end_usec && count < SAMPLES_MAX; count++) {
		uint64_t began = now_usec(), next = began + WAKE_USEC * START_EVERY, done;
		int status;
		pid_t child;
		uint32_t took;

		if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) == 0)
			(void)waitpid(child, &status, 0);
		done = now_usec();
		took = (uint32_t)(done - began);
		(void)!write(ends[1], &took, sizeof(took));
		while (now_usec() < next) {
			const struct timespec pause = { .tv_nsec = 1000000 };

			(void)nanosleep(&pause, NULL);
		}
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t end_usec, next_usec;
	size_t wakes = 0, starts = 0;
	pid_t pid;
	int fd;

	if (argc < 3)
		return 2;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		perror("canary: mlockall");
	(void)freopen("/dev/null", "r", stdin);
	end_usec = now_usec() + strtoull(argv[1], NULL, 10) * 1000000;
	pid = starter(argv + 2, end_usec, &fd);
	next_usec = now_usec() + WAKE_USEC;
	while (next_usec < end_usec && wakes < SAMPLES_MAX) {
		const struct timespec at = {
			.tv_sec = (time_t)(next_usec / 1000000),
			.tv_nsec = (long)(next_usec % 1000000) * 1000,
		};
		uint64_t now;

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			;
		now = now_usec();
		wake_late_usec[wakes++] = (uint32_t)(now - next_usec);
		next_usec = now + WAKE_USEC;
	}
	(void)waitpid(pid, NULL, 0);
	while (starts < SAMPLES_MAX &&
	       read(fd, &start_took_usec[starts], sizeof(uint32_t)) == sizeof(uint32_t))
		starts++;
	print_figures("wake", wake_late_usec, wakes);
	print_figures("start", start_took_usec, starts);
	return 0;
}
