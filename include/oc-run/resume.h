/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which of its sessions a dead agent was working on, so that the report can name the exact
 * command that goes on with it. `opencode --continue` would take the newest of the project, which
 * has put prompts into other live sessions: either exactly one fits, or none is named.
 */

#include "oc-run/session-record.h"

/* From a list of sessions as JSON: the id of the one session with this directory that was written
 * to at @since_msec (Unix time) or later. @keys: the names of id, directory and time in it, as in a
 * profile; or NULL. -ENOENT: none, or several; -EINVAL: not of this form. Pure. Caller frees. */
_must_check_ int resume_choose(const char *json, char *const *keys, const char *directory,
			       uint64_t since_msec, char **ret_id);

/* @word with the id in place of {id}. Pure. NULL: no memory. Caller frees. */
char *resume_word(const char *word, const char *id);

/* Words as a shell takes them, in quotes where it has to be. Pure. NULL: no memory. Caller frees. */
char *resume_shell_words(char *const *words);

/* How long the command may take for its answer, in milliseconds: for a line of the report, and where a
 * new start depends on it: on a machine that comes out of swap the command starts slowly. */
#define RESUME_WAIT_MSEC 8000
#define RESUME_RESTART_WAIT_MSEC 60000

struct resume_wait {
	unsigned msec;
	bool (*is_cancelled)(
		void *userdata); /* the person doesn't want to wait any more; or NULL */
	void *userdata;
};

/* Asks the command that was run, when it was killed, died or was made to stop, and its profile says
 * how. If the answer is certain, sets record->resume_id and resume_command; else
 * resume_find_command. 0 also when nothing is known. */
_must_check_ int resume_find(struct session_record *record, const struct resume_wait *wait);

/* The same while the command still runs: sets resume_id if it is certain. @private_temp: the session's
 * folder for the variable of the profile, or NULL. Blocks for as long as the command takes to answer,
 * RESUME_WAIT_MSEC at most. */
_must_check_ int resume_find_early(struct session_record *record, const char *private_temp);
