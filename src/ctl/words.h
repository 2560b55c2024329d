/* SPDX-License-Identifier: MIT */
#pragma once

/* How a session is, and how it is said. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/parse.h"

enum ctl_state {
	CTL_STATE_STARTING, /* the command does not run yet */
	CTL_STATE_RUNNING,
	CTL_STATE_ENDING,   /* oc-run, or its keeper, ends what is left */
	CTL_STATE_STOPPED,  /* by job control, or SIGSTOP */
	CTL_STATE_FROZEN,   /* its cgroup is */
	CTL_STATE_ORPHANED, /* its oc-run and keeper are gone */
};

struct ctl_state_facts {
	bool is_held;
	bool supervisor_lives, supervisor_is_stopped;
	bool is_ending;	  /* says its oc-run */
	bool has_command; /* the entry names one */
	bool command_lives, command_is_stopped;
	bool is_frozen;
};

enum ctl_state ctl_state_of(const struct ctl_state_facts *facts);
const char *ctl_state_name(enum ctl_state state);
/* For a terminal: "31"; NULL: none. */
const char *ctl_state_style(enum ctl_state state);

/* "42s", "12m", "3h 05m", "2d 03h" */
void ctl_format_age(uint64_t usec, char text[FORMAT_TEXT_MAX]);
/* As format_bytes(), but 0 is "0". */
void ctl_format_size(uint64_t bytes, char text[FORMAT_TEXT_MAX]);
/* "0 %", "0.3 %", "12 %" */
void ctl_format_percent(double percent, char text[FORMAT_TEXT_MAX]);
