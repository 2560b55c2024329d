/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The terminal as it was before the session, and how to get it back after a hard death. While the
 * command runs the terminal is the command's: nothing here touches it then.
 */

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "oc-run/cleanup.h"

/* How many ancestors are remembered, to know a shell by when it has taken the terminal back. */
#define TERMINAL_SHELLS_MAX 8

struct terminal {
	int fd;		     /* the controlling terminal, non-blocking; -1: none */
	bool foreground;     /* our process group was in the foreground at the start */
	pid_t process_group; /* ours */
	pid_t shells[TERMINAL_SHELLS_MAX]; /* groups of our ancestors but ours; 0 ends them */
	struct termios saved;
};

#define TERMINAL_INIT    \
	{                \
		.fd = -1 \
	}

/* 0 also when there is no controlling terminal (fd is -1 then; every other function does nothing
 * with such a one). */
_must_check_ int terminal_save(struct terminal *ret);

/* Are termios (the flags that a full-screen program changes) or the foreground group other than
 * what they were? */
bool terminal_is_changed(const struct terminal *terminal);

enum terminal_restore_result {
	TERMINAL_UNTOUCHED = 0,
	TERMINAL_RESTORED = 1,
};

/* For oc-run, once the session is over: gives the foreground back to our group when its holder is
 * dead; then, where the terminal was left raw, all modes off, input flushed, termios. @hard: the
 * command died by a signal (after a normal exit an odd single flag, as `stty -echo` leaves it, is
 * kept: the command meant it). A live foreground group other than ours owns the terminal: nothing
 * is touched. Takes 50 ms where it does something. No allocation. */
_must_check_ int terminal_restore(const struct terminal *terminal, bool hard);

/* What the keeper sees at the moment when oc-run dies. */
struct terminal_look {
	bool known;
	pid_t foreground_group;
	struct termios now;
};

void terminal_look(const struct terminal *terminal, struct terminal_look *ret);

/* The same right after the death of oc-run: a job-control shell is given up to a tenth of a second to
 * take the terminal, so that what it sets there is known. Otherwise what was there at first. */
void terminal_look_at_death(const struct terminal *terminal, struct terminal_look *ret);

/* For the keeper: the same after the death of oc-run, when a shell may have the terminal already.
 * The shell has then put termios right (and a line editor has its own now), but not the modes: they
 * are switched off, and the line editor is made to draw its prompt again. The caller ignores SIGTTOU and
 * is in the terminal's session. No allocation. */
_must_check_ int terminal_restore_after_death(const struct terminal *terminal,
					      const struct terminal_look *at_death);

/* Stops this process with SIGTSTP as a job does (dropped by the kernel in an orphaned group). */
void terminal_suspend_self(const struct terminal *terminal);

/* Pure, for the tests too. The sequence that switches off every mode a full-screen program may have
 * left on, and the same for a terminal where a shell's line editor is at work already. */
const char *terminal_reset_sequence(void);
const char *terminal_prompt_reset_sequence(void);
void terminal_finish(struct terminal *terminal);
