/* SPDX-License-Identifier: MIT */
#pragma once

/* The terminal as it was before the session, and how to get it back after a hard death. */

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "oc-run/cleanup.h"

struct terminal {
	int fd;			/* the controlling terminal, -1: none */
	bool foreground;	/* our process group was in the foreground at the start */
	pid_t process_group;	/* ours */
	struct termios saved;
};

#define TERMINAL_INIT { .fd = -1 }

/* 0 also when there is no controlling terminal. */
_must_check_ int terminal_save(struct terminal *ret);

/* Are termios or the foreground group other than what they were? */
bool terminal_is_changed(const struct terminal *terminal);

/* Gives the foreground back to our group when its holder is dead, then, where the terminal was
 * left raw: modes off in the order mouse, kitty keyboard, alternate screen; flush the input;
 * termios. @hard: the command died by a signal. No allocation. */
_must_check_ int terminal_restore(const struct terminal *terminal, bool hard);

/* Stops this process with SIGTSTP as a job does (dropped by the kernel in an orphaned group). */
void terminal_suspend_self(const struct terminal *terminal);

/* The sequence that switches off every mode a TUI may have left on: pure, for the tests. */
const char *terminal_reset_sequence(void);
void terminal_finish(struct terminal *terminal);
