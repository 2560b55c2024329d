/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is special about a command: how it ends gracefully, how its sessions are listed and one is
 * resumed, what it must be given and what it needs. Data, not code: the text of an INI file (see
 * oc-run-profile(5)) becomes a struct profile. Those that oc-run ships are compiled in, so that no
 * missing file changes anything; an administrator's and a person's files stand before them.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/diag.h"
#include "oc-run/settings.h"
#include "oc-run/strv.h"

#define PROFILE_DEFAULT "default"
#define PROFILE_BUILT_IN "built in"
#define PROFILE_TASKS_MAX 16

struct profile_version {
	unsigned parts[3];
};

/* Tasks on a number of CPUs, and what lies between and beyond on straight lines. */
struct profile_tasks {
	struct {
		unsigned cpus, tasks;
	} points[PROFILE_TASKS_MAX];
	size_t count; /* 0: nothing is known */
};

/* What usually runs beside the command, or another command by its name. */
struct profile_company {
	struct profile_tasks tasks;
	char *name;
};

struct profile_companies {
	struct profile_company *items;
	size_t count;
};

/* In the order of the keys in oc-run-profile(5). Texts and lists may be NULL. */
struct profile {
	char *name;
	char *where;	 /* path of its file, or PROFILE_BUILT_IN */
	char **commands; /* base names */

	int stop_signal; /* 0: the one that oc-run was sent */
	char **setenv;	 /* NAME=VALUE, where the environment has no NAME */

	char **options_with_value; /* the next word is theirs, and no subcommand */
	char **version;		   /* arguments that print it */
	char *shared_server;	   /* file of its registration: a pattern with variables */
	struct profile_version shared_server_since;
	char *private_server; /* the argument that avoids it */
	char **private_server_with, **private_server_unless;
	char *server_subcommand; /* of a part of it that is a process of its own */

	char **sessions;     /* arguments that list them as JSON */
	char **session_keys; /* names of id, directory and time in that; three, or NULL */
	char **resume;	     /* arguments; {id} stands for the session */
	char **resume_drops; /* arguments that are not repeated then */
	char **resume_find;  /* arguments by which a person finds the session */

	struct profile_tasks tasks;
	struct profile_companies company;  /* what runs beside it */
	struct profile_companies tasks_of; /* other commands */

	char *private_temp;   /* variable that names a folder for temporary files */
	char *snapshot_store; /* path with variables */
	char **writes;	      /* paths with variables: its state, where the guard lets it write */
};

/* From the text of a file; @where is its path. -EINVAL with @diag naming file and line. Pure. */
_must_check_ int profile_parse(const char *name, const char *text, size_t length, const char *where,
			       struct profile **ret, struct diag *diag);
struct profile *profile_free(struct profile *profile);

/* Those that oc-run ships, ended by a NULL name. */
struct profile_builtin {
	const char *name, *text;
};
extern const struct profile_builtin profile_builtins[];

/* -ENOENT: none of this name is shipped. Pure. */
_must_check_ int profile_new_builtin(const char *name, struct profile **ret, struct diag *diag);

/* The first number in @text, with its dots: "opencode v2.0.18\n" is 2.0.18. -EINVAL: there is none.
 * Pure. */
_must_check_ int profile_version_parse(const char *text, struct profile_version *ret);
/* Below, equal to or above 0, as strcmp(3). Pure. */
int profile_version_compare(const struct profile_version *a, const struct profile_version *b);

/* Letters, digits, "-", "_" and ".". Pure. */
bool profile_is_name(const char *name);

/* Is it for the command @word (its base name counts)? Pure. */
bool profile_matches(const struct profile *profile, const char *word);

struct profile_roots {
	const char *system_dir; /* "/etc": its oc-run/profiles */
	const char *user_dir;	/* "~/.config/oc-run": its profiles; may be NULL */
};

/* The profile that --profile names, or else the one for the command @word, or else "default". A
 * person's file stands before an administrator's, and that before what is shipped; of the same name
 * it is in its place. Any error in a file that was looked at is an error, with @diag. Not pure. */
_must_check_ int profile_find(const struct profile_roots *roots, const struct settings *settings,
			      const char *word, struct profile **ret, struct diag *diag);

/* Tasks on @cpus CPUs, 0 for none known. Pure. */
unsigned profile_tasks_at(const struct profile_tasks *tasks, unsigned cpus);

/* Least number of tasks (threads and processes) that the command is known to need. Pure. */
unsigned profile_known_tasks(const struct profile *profile, const char *word, unsigned cpus);

/* What will not fit into @pids_max tasks, as one sentence; NULL if nothing is known that would
 * not. Pure. Caller frees. */
char *profile_pids_warning(const struct profile *profile, const char *word, uint64_t pids_max,
			   unsigned cpus);
