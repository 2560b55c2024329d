/* SPDX-License-Identifier: MIT */
#pragma once

/* A terminal of our own: the test holds the master, a session leader has the other end as its
 * controlling terminal and runs the body of the test. */

#include "sys.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

struct pty {
	int master;
	pid_t leader;
	char seen[65536]; /* what was written to the terminal */
	size_t length;
};

/* @body runs as the session leader, in the foreground, with the terminal as fd 0. A failed
 * expectation in it ends it with a status other than 0. */
static inline void pty_start(struct pty *pty, sys_body body, void *argument)
{
	int slave;

	memset(pty, 0, sizeof(*pty));
	expect_int(openpty(&pty->master, &slave, NULL, NULL, NULL), 0);
	(void)fcntl(pty->master, F_SETFD, FD_CLOEXEC);
	(void)fcntl(pty->master, F_SETFL, O_NONBLOCK);
	pty->leader = fork();
	expect(pty->leader >= 0);
	if (pty->leader == 0) {
		(void)close(pty->master);
		/* Check has a handler for it. */
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(SYS_LIFE_SECONDS);
		expect(setsid() > 0);
		expect_int(ioctl(slave, TIOCSCTTY, 0), 0);
		expect_int(dup2(slave, STDIN_FILENO), STDIN_FILENO);
		(void)close(slave);
		body(argument);
		_exit(0);
	}
	(void)close(slave);
}

/* Reads what is there now. */
static inline void pty_read(struct pty *pty)
{
	ssize_t length;

	while (pty->length < sizeof(pty->seen) - 1 &&
	       (length = read(pty->master, pty->seen + pty->length,
			      sizeof(pty->seen) - 1 - pty->length)) > 0)
		pty->length += (size_t)length;
	pty->seen[pty->length] = '\0';
}

static inline void pty_wait_for(struct pty *pty, const char *text)
{
	for (int i = 0; i < SYS_LIFE_SECONDS * 100; i++) {
		pty_read(pty);
		if (strstr(pty->seen, text))
			return;
		(void)usleep(10 * 1000);
	}
	expect_contains(pty->seen, text);
}

/* Until the leader is done, which must have found all as it should be. */
static inline void pty_end(struct pty *pty)
{
	int status;
	pid_t pid;

	/* Somebody has to read, or the terminal is full. */
	while ((pid = waitpid(pty->leader, &status, WNOHANG)) == 0) {
		pty_read(pty);
		(void)usleep(5 * 1000);
	}
	expect_int(pid, pty->leader);
	pty_read(pty);
	expect_int(status, 0);
}

static inline void pty_finish(struct pty *pty)
{
	(void)close(pty->master);
}

/* As a full-screen program has it; in the body. */
static inline void pty_make_raw(int fd)
{
	struct termios raw;

	expect_int(tcgetattr(fd, &raw), 0);
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	expect_int(tcsetattr(fd, TCSANOW, &raw), 0);
}

/* A process in a group of its own that has the foreground; by pty_give_foreground(). */
static inline void pty_take_foreground(void *terminal_fd)
{
	(void)signal(SIGTTOU, SIG_IGN);
	expect_int(setpgid(0, 0), 0);
	expect_int(tcsetpgrp(*(int *)terminal_fd, getpid()), 0);
	sys_ready();
	for (;;)
		(void)pause();
}
