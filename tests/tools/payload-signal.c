/* SPDX-License-Identifier: MIT */

/* Verbs about signals: what a process gets, and what it was started with. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "payload.h"

int parse_signal(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

	if (*name >= '0' && *name <= '9')
		return (int)parse_number(name, 1, SIGRTMAX);
	for (int number = 1; number < 32; number++) {
		const char *known = sigabbrev_np(number);

		if (known && strcasecmp(known, name) == 0)
			return number;
	}
	die("'%s' is no signal", text);
}

void parse_signals(const char *text, sigset_t *ret)
{
	char *copy = strdup(text), *rest = copy, *name;

	(void)sigemptyset(ret);
	if (!copy)
		die("no memory");
	if (strcmp(text, "all") == 0) {
		for (int number = 1; number < 32; number++)
			(void)sigaddset(ret, number);
		(void)sigdelset(ret, SIGKILL);
		(void)sigdelset(ret, SIGSTOP);
	} else {
		while ((name = strsep(&rest, ",")))
			(void)sigaddset(ret, parse_signal(name));
	}
	free(copy);
}

int verb_ignore(int argc, char **argv)
{
	sigset_t set;

	if (argc < 2)
		die("ignore wants SIGNALS CMD");
	parse_signals(argv[0], &set);
	for (int number = 1; number < 32; number++)
		if (sigismember(&set, number) && signal(number, SIG_IGN) == SIG_ERR)
			die("cannot ignore signal %d", number);
	exec_rest(argc - 1, argv + 1);
}

int verb_block(int argc, char **argv)
{
	sigset_t set;

	if (argc < 2)
		die("block wants SIGNALS CMD");
	parse_signals(argv[0], &set);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		die("cannot block: %s", strerror(errno));
	exec_rest(argc - 1, argv + 1);
}

/* stopself [SIGNAL]: stops itself (SIGSTOP), as a whole group with TSTP, and says it went on. */
int verb_stopself(int argc, char **argv)
{
	int number = argc > 0 ? parse_signal(argv[0]) : SIGSTOP;

	say_ready();
	if (kill(number == SIGSTOP ? getpid() : 0, number))
		die("cannot stop: %s", strerror(errno));
	(void)puts("continued");
	return 0;
}

int verb_killself(int argc, char **argv)
{
	sigset_t set;
	int number;

	if (argc != 1)
		die("killself wants SIGNAL");
	number = parse_signal(argv[0]);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (number != SIGKILL && number != SIGSTOP)
		(void)signal(number, SIG_DFL);
	(void)kill(getpid(), number);
	return 98;
}

/* One write each, nothing that a handler must not call. */
static void print_signal(int number)
{
	char line[32] = "SIG";
	const char *name = number < SIGRTMIN ? sigabbrev_np(number) : "RT";
	size_t length = 3;

	while (name && *name)
		line[length++] = *name++;
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, length) < 0)
		_exit(97);
}

/* sigs: a line for every signal that arrives; only SIGKILL ends it. */
int verb_sigs(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = print_signal };
	sigset_t none;

	(void)argc;
	(void)argv;
	(void)sigfillset(&action.sa_mask);
	for (int number = 1; number <= SIGRTMAX; number++)
		(void)sigaction(number, &action, NULL); /* KILL, STOP and glibc's own fail */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	say_ready();
	wait_long();
	return 0;
}

static void print_status_lines(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];

	if (!file)
		die("cannot read the own status: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0 ||
		    strncmp(line, "SigCgt", 6) == 0 || strncmp(line, "SigPnd", 6) == 0)
			(void)fputs(line, stdout);
	(void)fclose(file);
}

int verb_sigstate(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_status_lines();
	(void)printf("pid:\t%d\nppid:\t%d\npgid:\t%d\nsid:\t%d\ntpgid:\t%d\n", (int)getpid(),
		     (int)getppid(), (int)getpgrp(), (int)getsid(0), (int)tcgetpgrp(0));
	return 0;
}
