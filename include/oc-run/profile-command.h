/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The command line of a command that a profile knows: which subcommand it names, whether the
 * argument for a private server belongs there, and the command line that resumes a session. A word
 * that a profile does not explain is never guessed at: then nothing is added or resumed. Pure.
 */

#include "oc-run/profile.h"

/* Index of the first word that is neither an option nor an option's value nor, by its slash, a
 * directory; 0: there is none, so it is the command's own screen. */
size_t profile_subcommand(const struct profile *profile, char *const *argv);

/* The directory among the words, or NULL: then the working directory counts. Only where there is no
 * subcommand. */
const char *profile_directory(const struct profile *profile, char *const *argv);

/* May the argument for a private server be added? */
bool profile_takes_private_server(const struct profile *profile, char *const *argv);

/* Does one of "private-server-unless" (of which the argument itself is one) stand there? */
bool profile_settles_server(const struct profile *profile, char *const *argv);

/* Adds it. -ENOMEM. */
_must_check_ int profile_add_private_server(const struct profile *profile, char ***argv);

/* The command line that goes on with the session @id: without the words that chose another or sent
 * a prompt. -ENOTSUP: it is not the command's own screen, or the profile does not say how. */
_must_check_ int profile_resume_command(const struct profile *profile, char *const *argv,
					const char *id, char ***ret_argv);
