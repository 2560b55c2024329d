/* SPDX-License-Identifier: MIT */

/*
 * The terminal before and after.
 *
 * Who may touch it is asked first: the foreground process group. It is ours, or its last process is
 * dead (a job-control shell in the session had made a group of its own), or it is alive and none of
 * ours: then the person has put us in the background and does something else there.
 *
 * The fd is an open file of our own (of /dev/tty), so O_NONBLOCK on it is ours alone; a terminal
 * that takes no output (Ctrl-S, a hung ssh) can't hold us up. For the same reason termios are set
 * with TCSANOW after a flush of the input and not with TCSAFLUSH, which first waits for the output.
 */

#include "oc-run/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "oc-run/process-scan.h"

/* A full-screen program switches these off: line editing by the kernel, echo, Ctrl-C as a signal. */
#define RAW_FLAGS ((tcflag_t)(ICANON | ECHO | ISIG))

/* Mouse reports and answers to queries still under way when the modes go off. */
#define LATE_INPUT_MSEC 50
#define WRITE_MSEC 50
/* How long a job-control shell is given to take the terminal, before its job is told to end. */
#define PROMPT_STEP_MSEC 10
#define PROMPT_TRIES 10

static bool same_termios(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static bool is_left_raw(const struct terminal *terminal, const struct termios *now)
{
	return ((terminal->saved.c_lflag ^ now->c_lflag) & RAW_FLAGS) != 0;
}

/* All three went off: no `stty` of a person's, but a program that did not get to put them back. */
static bool is_left_fully_raw(const struct terminal *terminal, const struct termios *now)
{
	return (terminal->saved.c_lflag & RAW_FLAGS) != 0 && (now->c_lflag & RAW_FLAGS) == 0;
}

/* Groups of our ancestors: one of them takes the terminal back when our job ends. */
static void find_shells(struct terminal *terminal)
{
	struct process_facts facts;
	pid_t pid = getppid(), session = getsid(0);
	size_t count = 0;

	for (int depth = 0; depth < 32 && count < TERMINAL_SHELLS_MAX && pid > 1; depth++) {
		if (process_read_facts(pid, &facts) < 0 || facts.session != session)
			return;
		if (facts.group != terminal->process_group &&
		    (count == 0 || terminal->shells[count - 1] != facts.group))
			terminal->shells[count++] = facts.group;
		pid = facts.parent;
	}
}

static bool is_shell(const struct terminal *terminal, pid_t group)
{
	for (size_t i = 0; i < TERMINAL_SHELLS_MAX && terminal->shells[i] > 0; i++) {
		if (terminal->shells[i] == group)
			return true;
	}
	return false;
}

int terminal_save(struct terminal *ret)
{
	struct terminal terminal = TERMINAL_INIT;
	_cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	/* Whatever the reason is: what can't be opened can't be restored, and need not be. */
	if (fd < 0 || tcgetattr(fd, &terminal.saved) < 0) {
		*ret = terminal;
		return 0;
	}
	terminal.process_group = getpgrp();
	terminal.foreground = tcgetpgrp(fd) == terminal.process_group;
	find_shells(&terminal);
	terminal.fd = take_fd(&fd);
	*ret = terminal;
	return 0;
}

void terminal_look(const struct terminal *terminal, struct terminal_look *ret)
{
	struct terminal_look look = { .known = false };

	if (terminal->fd >= 0) {
		look.foreground_group = tcgetpgrp(terminal->fd);
		look.known = look.foreground_group >= 0 && tcgetattr(terminal->fd, &look.now) == 0;
	}
	*ret = look;
}

bool terminal_is_changed(const struct terminal *terminal)
{
	struct terminal_look look;

	terminal_look(terminal, &look);
	if (!look.known)
		return false;
	return is_left_raw(terminal, &look.now) ||
	       (terminal->foreground && look.foreground_group != terminal->process_group);
}

static int write_sequence(int fd, const char *text)
{
	size_t left = strlen(text);
	struct pollfd waiting = { .fd = fd, .events = POLLOUT };

	while (left > 0) {
		ssize_t written = write(fd, text, left);

		if (written > 0) {
			text += written;
			left -= (size_t)written;
		} else if (errno != EINTR &&
			   (errno != EAGAIN || poll(&waiting, 1, WRITE_MSEC) <= 0)) {
			return -errno;
		}
	}
	return 0;
}

static void rest_msec(long msec)
{
	struct timespec rest = { .tv_nsec = msec * 1000000L };

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

static void wait_for_late_input(void)
{
	rest_msec(LATE_INPUT_MSEC);
}

static int reset_all(const struct terminal *terminal)
{
	int error = write_sequence(terminal->fd, terminal_reset_sequence());

	/* Termios are put right even if nothing can be written. */
	wait_for_late_input();
	(void)tcflush(terminal->fd, TCIFLUSH);
	if (tcsetattr(terminal->fd, TCSANOW, &terminal->saved) < 0)
		return -errno;
	return error < 0 ? error : TERMINAL_RESTORED;
}

static int restore_unblocked(const struct terminal *terminal, bool hard)
{
	struct terminal_look look;
	int result = TERMINAL_UNTOUCHED;

	terminal_look(terminal, &look);
	if (!look.known)
		return TERMINAL_UNTOUCHED;
	if (look.foreground_group != terminal->process_group) {
		if (process_group_is_alive(look.foreground_group))
			return TERMINAL_UNTOUCHED;
		if (tcsetpgrp(terminal->fd, terminal->process_group) < 0)
			return -errno;
		result = TERMINAL_RESTORED;
	}
	if (hard ? is_left_raw(terminal, &look.now) : is_left_fully_raw(terminal, &look.now))
		return reset_all(terminal);
	return result;
}

int terminal_restore(const struct terminal *terminal, bool hard)
{
	sigset_t background_write, before;
	int result;

	if (terminal->fd < 0)
		return TERMINAL_UNTOUCHED;
	/* A background group that changes the terminal is stopped by SIGTTOU, unless it is blocked. */
	sigemptyset(&background_write);
	sigaddset(&background_write, SIGTTOU);
	if (sigprocmask(SIG_BLOCK, &background_write, &before) < 0)
		return -errno;
	result = restore_unblocked(terminal, hard);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

/* A line editor reads a key at a time, but leaves Ctrl-C to the kernel; a full-screen program that
 * handles Ctrl-C itself, as opencode, does not. */
static bool is_line_editor(const struct termios *now)
{
	return (now->c_lflag & ICANON) == 0 && (now->c_lflag & ISIG) != 0;
}

static bool is_at_prompt(const struct terminal *terminal, const struct terminal_look *look)
{
	return look->known && is_shell(terminal, look->foreground_group) &&
	       is_line_editor(&look->now);
}

void terminal_look_at_death(const struct terminal *terminal, struct terminal_look *ret)
{
	struct terminal_look later;

	terminal_look(terminal, ret);
	for (int tries = 0; ret->known && terminal->shells[0] > 0 && terminal->foreground &&
			    !is_at_prompt(terminal, ret) && tries < PROMPT_TRIES;
	     tries++) {
		rest_msec(PROMPT_STEP_MSEC);
		terminal_look(terminal, &later);
		/* Else what was there first says what the command had done to the terminal. */
		if (is_at_prompt(terminal, &later))
			*ret = later;
	}
}

/* Makes the foreground draw again: the kernel sends SIGWINCH at a change of size, and readline
 * looks whether there really was one. One row less for a moment hurts nobody. */
static void make_it_draw_again(int fd)
{
	struct winsize size, smaller, now;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row < 3)
		return;
	smaller = size;
	smaller.ws_row--;
	(void)ioctl(fd, TIOCSWINSZ, &smaller);
	wait_for_late_input();
	/* Unless the person has resized the window in between. */
	if (ioctl(fd, TIOCGWINSZ, &now) == 0 && now.ws_row == smaller.ws_row &&
	    now.ws_col == smaller.ws_col)
		(void)ioctl(fd, TIOCSWINSZ, &size);
}

static int restore_for_shell(const struct terminal *terminal, const struct termios *now)
{
	int error = write_sequence(terminal->fd, terminal_prompt_reset_sequence());

	/* Its prompt was drawn on the screen that has just been left. */
	if (is_line_editor(now))
		make_it_draw_again(terminal->fd);
	return error < 0 ? error : TERMINAL_RESTORED;
}

/* The command was raw when oc-run died and is not any more: it was on its way out, and killed between
 * putting the termios back and leaving its screen. */
static bool died_half_way(const struct terminal *terminal, const struct terminal_look *at_death,
			  const struct terminal_look *look)
{
	return at_death->known && is_left_raw(terminal, &at_death->now) &&
	       same_termios(&terminal->saved, &look->now);
}

/* The holder of the terminal is dead, or it is our own group, that of a shell without job control. */
static int restore_from_the_dead(const struct terminal *terminal,
				 const struct terminal_look *at_death,
				 const struct terminal_look *look)
{
	bool ours = look->foreground_group == terminal->process_group;

	if (died_half_way(terminal, at_death, look))
		return restore_for_shell(terminal, &look->now);
	/* Our shell has gone on already, and its next program has set the terminal up for itself. */
	if (ours && at_death->known && process_group_is_alive(terminal->process_group) &&
	    !same_termios(&at_death->now, &look->now))
		return is_line_editor(&look->now) ? restore_for_shell(terminal, &look->now)
						  : TERMINAL_UNTOUCHED;
	/* Fails where no process of ours is left; then the job-control shell takes it itself. */
	if (!ours)
		(void)tcsetpgrp(terminal->fd, terminal->process_group);
	return is_left_raw(terminal, &look->now) ? reset_all(terminal) : TERMINAL_UNTOUCHED;
}

/* Can it be that the command had modes on, when the shell took the terminal? What was seen at the
 * death of oc-run tells, unless the shell was quicker than us. */
static bool may_have_modes_on(const struct terminal *terminal, const struct terminal_look *at_death)
{
	if (!at_death->known)
		return false;
	if (is_shell(terminal, at_death->foreground_group))
		return terminal->foreground;
	return is_left_raw(terminal, &at_death->now);
}

int terminal_restore_after_death(const struct terminal *terminal,
				 const struct terminal_look *at_death)
{
	struct terminal_look look;

	terminal_look(terminal, &look);
	if (!look.known)
		return TERMINAL_UNTOUCHED;
	if (look.foreground_group == terminal->process_group ||
	    !process_group_is_alive(look.foreground_group))
		return restore_from_the_dead(terminal, at_death, &look);
	if (!is_shell(terminal, look.foreground_group) || !may_have_modes_on(terminal, at_death))
		return TERMINAL_UNTOUCHED;
	/* The command put its own termios over those of the prompt, when it was told to end. */
	if (is_at_prompt(terminal, at_death) && !is_line_editor(&look.now) &&
	    tcsetattr(terminal->fd, TCSANOW, &at_death->now) == 0)
		look.now = at_death->now;
	return restore_for_shell(terminal, &look.now);
}

void terminal_suspend_self(const struct terminal *terminal)
{
	sigset_t stop, before;

	(void)terminal;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	/* Pending while blocked; it takes effect inside sigprocmask(), which returns after SIGCONT. */
	(void)raise(SIGTSTP);
	(void)sigprocmask(SIG_UNBLOCK, &stop, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void terminal_finish(struct terminal *terminal)
{
	cleanup_close(&terminal->fd);
}
