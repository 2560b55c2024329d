/* SPDX-License-Identifier: MIT */

/* Verbs that take memory: anonymous and touched, or page cache. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

#define CHUNK_BYTES ((uint64_t)1 << 20)

static struct {
	uint64_t bytes_per_second; /* of one thread; 0: as fast as it goes */
	uint64_t most_bytes;	   /* of all threads */
	atomic_uint_fast64_t taken_bytes;
} leak;

/* Fresh pages that hold something different in each page: no merging, no zero page. */
static void take(uint64_t bytes)
{
	unsigned char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("cannot take %llu bytes: %s", (unsigned long long)bytes, strerror(errno));
	for (uint64_t offset = 0; offset < bytes; offset += 4096)
		memory[offset] = (unsigned char)(offset >> 12 | 1);
}

static void pause_for_rate(uint64_t bytes)
{
	uint64_t nsec;
	struct timespec time;

	if (!leak.bytes_per_second)
		return;
	nsec = bytes * 1000000000ULL / leak.bytes_per_second;
	time.tv_sec = (time_t)(nsec / 1000000000ULL);
	time.tv_nsec = (long)(nsec % 1000000000ULL);
	(void)nanosleep(&time, NULL);
}

static void *leak_thread(void *unused)
{
	(void)unused;
	while (atomic_fetch_add(&leak.taken_bytes, CHUNK_BYTES) < leak.most_bytes) {
		take(CHUNK_BYTES);
		pause_for_rate(CHUNK_BYTES);
	}
	return NULL;
}

int verb_leak(int argc, char **argv)
{
	long threads = 1;

	if (argc < 1 || argc % 2 == 0)
		die("leak wants BYTES_PER_SEC|max [--threads N] [--max BYTES]");
	leak.most_bytes = UINT64_MAX / 2;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--threads") == 0)
			threads = parse_number(argv[i + 1], 1, 64);
		else if (strcmp(argv[i], "--max") == 0)
			leak.most_bytes = parse_bytes(argv[i + 1]);
		else
			die("leak knows no '%s'", argv[i]);
	}
	if (strcmp(argv[0], "max") != 0)
		leak.bytes_per_second = parse_bytes(argv[0]) / (uint64_t)threads;
	say_ready();
	for (long i = 1; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, leak_thread, NULL))
			die("cannot make a thread");
	}
	(void)leak_thread(NULL);
	(void)puts("leaked all");
	return 0;
}

int verb_hold(int argc, char **argv)
{
	if (argc != 2)
		die("hold wants BYTES SECONDS");
	take(parse_bytes(argv[0]));
	say_ready();
	(void)sleep((unsigned)parse_number(argv[1], 0, WAIT_SECONDS_MAX));
	return 0;
}

/* cache FILE BYTES: writes the file and reads it again, so that it lies in the page cache. */
int verb_cache(int argc, char **argv)
{
	static char block[1 << 16];
	uint64_t bytes, done;
	int fd;

	if (argc != 2)
		die("cache wants FILE BYTES");
	bytes = parse_bytes(argv[1]);
	fd = open(argv[0], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot open '%s': %s", argv[0], strerror(errno));
	for (done = 0; done < bytes; done += sizeof(block))
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			die("cannot write '%s': %s", argv[0], strerror(errno));
	(void)lseek(fd, 0, SEEK_SET);
	while (read(fd, block, sizeof(block)) > 0)
		;
	say_ready();
	return 0;
}

/* beside BYTES CMD...: a large parent with a tool; says how the tool ended. */
int verb_beside(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	if (argc < 2)
		die("beside wants BYTES CMD");
	take(parse_bytes(argv[0]));
	say_ready();
	pid = fork();
	if (pid == 0)
		exec_rest(argc - 1, argv + 1);
	if (pid < 0)
		die("cannot fork: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)printf("tool %d\n",
		     WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}
