/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which of opencode's sessions a dead agent was working on, so that the report can name the exact
 * command that goes on with it. `opencode --continue` would take the newest of the project, which
 * has put prompts into other live sessions: either exactly one fits, or none is named.
 */

#include "oc-run/session-record.h"

/* From the JSON of `opencode session list --format json`: the id of the one session with this
 * directory that was written to at @since_msec (Unix time) or later. -ENOENT: none, or several;
 * -EINVAL: not of this form. Pure. Caller frees. */
_must_check_ int resume_choose(const char *json, const char *directory, uint64_t since_msec,
			       char **ret_id);

/* Asks the opencode that was run, for at most eight seconds, when it was killed, died or was made
 * to stop; sets record->resume_command if the answer is certain. 0 also when it is not. */
_must_check_ int resume_find(struct session_record *record);
