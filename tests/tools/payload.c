/* SPDX-License-Identifier: MIT */

/* The table of verbs, the helpers that they share, and the verbs that only look at themselves. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)fputs("payload: ", stderr);
	(void)vfprintf(stderr, format, arguments);
	(void)fputc('\n', stderr);
	va_end(arguments);
	exit(99);
}

long parse_number(const char *text, long least, long most)
{
	char *end = NULL;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most)
		die("'%s' is no number from %ld to %ld", text, least, most);
	return value;
}

uint64_t parse_bytes(const char *text)
{
	char *end = NULL;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text)
		die("'%s' is no size", text);
	switch (*end) {
	case 'G':
		value <<= 10;
		__attribute__((fallthrough));
	case 'M':
		value <<= 10;
		__attribute__((fallthrough));
	case 'K':
		value <<= 10;
		end++;
		break;
	default:
		break;
	}
	if (*end)
		die("'%s' is no size", text);
	return value;
}

void say_ready(void)
{
	(void)puts("ready");
	(void)fflush(stdout);
}

/* Signals interrupt the sleep; the time already slept stays counted. */
void wait_long(void)
{
	struct timespec left = { .tv_sec = WAIT_SECONDS_MAX };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void exec_rest(int argc, char **argv)
{
	if (argc < 1)
		die("a command is missing");
	(void)execvp(argv[0], argv);
	die("cannot run '%s': %s", argv[0], strerror(errno));
}

static int verb_wait(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	say_ready();
	wait_long();
	return 0;
}

static int verb_exit(int argc, char **argv)
{
	return argc < 1 ? 0 : (int)parse_number(argv[0], 0, 255);
}

/* mark FILE CMD...: adds a line with the own pid to FILE, in one write, then runs CMD. */
static int verb_mark(int argc, char **argv)
{
	char line[32];
	int fd, length;

	if (argc < 2)
		die("mark wants FILE and CMD");
	fd = open(argv[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		die("cannot open '%s': %s", argv[0], strerror(errno));
	length = snprintf(line, sizeof(line), "%d\n", (int)getpid());
	if (write(fd, line, (size_t)length) != length)
		die("cannot write '%s': %s", argv[0], strerror(errno));
	(void)close(fd);
	exec_rest(argc - 1, argv + 1);
}

/* args ...: each argument in hexadecimal on a line of its own, so that every byte can be seen. */
static int verb_args(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		for (const unsigned char *c = (const unsigned char *)argv[i]; *c; c++)
			(void)printf("%02x", *c);
		(void)putchar('\n');
	}
	return 0;
}

static int verb_env(int argc, char **argv)
{
	const char *value;

	if (argc != 1)
		die("env wants NAME");
	value = getenv(argv[0]);
	if (!value)
		return 1;
	(void)puts(value);
	return 0;
}

/* fds [FILE]: "number target" for each open fd, to FILE where stdout may be closed. */
static int verb_fds(int argc, char **argv)
{
	DIR *directory = opendir("/proc/self/fd");
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size), *file = stdout;
	struct dirent *entry;

	if (!directory || !memory)
		die("cannot list the fds: %s", strerror(errno));
	while ((entry = readdir(directory))) {
		char target[512];
		ssize_t length;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		(void)fprintf(memory, "%s %s\n", entry->d_name, target);
	}
	(void)closedir(directory);
	(void)fclose(memory);
	if (argc > 0)
		file = fopen(argv[0], "w");
	if (!file || fputs(text, file) < 0 || fflush(file))
		die("cannot write the list: %s", strerror(errno));
	free(text);
	return 0;
}

static int verb_closefds(int argc, char **argv)
{
	for (int fd = 0; fd <= 2; fd++)
		(void)close(fd);
	exec_rest(argc, argv);
}

static const struct verb {
	const char *name;
	const char *arguments;
	verb_fn run;
} verbs[] = {
	{ "attempt", "ROW [ARG]", verb_attempt },
	{ "attempts", "", verb_attempts },
	{ "leak", "BYTES_PER_SEC|max [--threads N] [--max BYTES]", verb_leak },
	{ "hold", "BYTES SECONDS", verb_hold },
	{ "cache", "FILE BYTES", verb_cache },
	{ "beside", "BYTES CMD...", verb_beside },
	{ "forkbomb", "[N]", verb_forkbomb },
	{ "tasks", "N", verb_tasks },
	{ "setsid", "CMD...", verb_setsid },
	{ "daemon", "CMD...", verb_daemon },
	{ "zombies", "N", verb_zombies },
	{ "keepforking", "[CHAINS]", verb_keepforking },
	{ "tree", "DEPTH FANOUT", verb_tree },
	{ "move", "DIRECTORY [CMD...]", verb_move },
	{ "ignore", "SIGNALS CMD...", verb_ignore },
	{ "block", "SIGNALS CMD...", verb_block },
	{ "stopself", "[SIGNAL]", verb_stopself },
	{ "killself", "SIGNAL", verb_killself },
	{ "sigs", "", verb_sigs },
	{ "sigstate", "", verb_sigstate },
	{ "tty-raw", "", verb_tty_raw },
	{ "tty-state", "", verb_tty_state },
	{ "wait", "", verb_wait },
	{ "serve", "", verb_wait }, /* as a server that is a part of the agent */
	{ "exit", "N", verb_exit },
	{ "mark", "FILE CMD...", verb_mark },
	{ "args", "...", verb_args },
	{ "env", "NAME", verb_env },
	{ "fds", "[FILE]", verb_fds },
	{ "closefds", "CMD...", verb_closefds },
};

int main(int argc, char **argv)
{
	const size_t count = sizeof(verbs) / sizeof(verbs[0]);

	for (size_t i = 0; argc > 1 && i < count; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 2, argv + 2);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(stderr, "payload %s %s\n", verbs[i].name, verbs[i].arguments);
	return 99;
}
