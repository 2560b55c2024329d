/* SPDX-License-Identifier: MIT */
#pragma once

/* Finds the program that a command word means, without running into oc-run itself again: an alias
 * is no danger, but a shim of the same name that execs oc-run may come first in PATH. */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

enum command_result {
	COMMAND_FOUND = 0,
	/* We were exec'ed by a shim that an oc-run of the same session had found for the same word:
	 * the caller execs *ret_path at once, without a session of its own. */
	COMMAND_EXEC_DIRECTLY = 1,
};

/* -ENOENT (exit status 127), -EACCES (126), with @diag. @ret_path: absolute, caller frees. */
_must_check_ int command_resolve(const char *word, const char *path_variable,
				 const char *working_directory, char **ret_path,
				 struct diag *diag);

/* The value of OC_RUN_RESOLVED that lets a shim be recognised. Caller frees. */
char *command_guard_value(const char *path);

/* Least number of tasks (threads and processes) that the command is known to need on @cpus CPUs,
 * 0 if nothing is known; and what more needs how many, as a sentence. Pure. */
unsigned command_known_tasks(const char *word, unsigned cpus);
char *command_pids_warning(const char *word, uint64_t pids_max, unsigned cpus);

/* The signal that asks this command to end in its own way: SIGHUP for opencode, 0: no preference. */
int command_stop_signal(const char *word);
