/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The guard: what is refused to the command and its children, beside the limits of the cgroup. A
 * table (guard-table.c) has a row for each thing, with the reason; a level is how far down the table
 * goes. What this kernel lacks leaves out rows and not the guard, and is told.
 *
 * Three steps: the plan chooses the rows (pure), guard_prepare() makes the filter and the Landlock
 * ruleset ready before the fork, and the stub puts them on between fork and exec with system calls
 * only. Kernel pages: seccomp(2), landlock(7), capabilities(7), prctl(2), mount_namespaces(7).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/strv.h"

struct host;
struct profile;
struct sock_filter;

enum guard_level {
	GUARD_OFF, /* rows that cost an honest user nothing are on all the same */
	GUARD_BASIC,
	GUARD_STRICT,
};

enum guard_kind {
	GUARD_RLIMIT,	  /* a resource limit, lowered */
	GUARD_CAPABILITY, /* gone from the bounding set; only who has it can lose it */
	GUARD_CALLS,	  /* system calls that a filter refuses */
	GUARD_CGROUPS,	  /* Landlock: files of cgroups are not written */
	GUARD_PTRACE,	  /* comes with any Landlock ruleset */
	GUARD_WRITES,	  /* Landlock: files outside the work, state, caches and temp folders */
	GUARD_SIGNALS,	  /* Landlock scope */
	GUARD_ABSTRACT,	  /* Landlock scope: abstract sockets */
	GUARD_SOCKETS,	  /* Landlock, or a mount namespace */
};

/* A call that is refused: always, or when (argument & mask) == value. */
struct guard_call {
	const char *name;
	unsigned argument;
	uint64_t mask, value; /* mask 0: whatever the arguments */
};

struct guard_row {
	const char *name;	/* one word, for tests and texts */
	enum guard_level level; /* from this one on; GUARD_OFF: always */
	enum guard_kind kind;
	int number;			/* RLIMIT_..., CAP_... */
	uint64_t soft, hard;		/* of an rlimit: at most; UINT64_MAX leaves it */
	const struct guard_call *calls; /* ended by a NULL name */
	int error;			/* what the calls fail with */
	const char *what;		/* is refused */
	const char *reason;
};

#define GUARD_ROWS_MAX 48

/* In the order in which they are shown. */
const struct guard_row *guard_row(size_t index);
size_t guard_row_count(void);

/* What kernel and rights allow; found by trying. */
struct guard_facts {
	int landlock;	       /* version of its interface, 0: none */
	bool filter;	       /* seccomp filters */
	bool no_new_privs;     /* already set */
	bool is_admin;	       /* CAP_SYS_ADMIN: filters need no no_new_privs */
	bool has_capabilities; /* any */
	bool may_drop;	       /* CAP_SETPCAP */
	bool may_hide;	       /* can make a mount namespace and mount in it */
};

/* @tries_namespaces: also try a mount namespace, which costs a fork. */
void guard_facts_gather(bool tries_namespaces, struct guard_facts *ret);

enum guard_state {
	GUARD_NOT_ASKED, /* not of this level, or nothing that this user could do anyway */
	GUARD_ON,
	GUARD_LACKING, /* of this level, and not to be had here */
};

/* What the plan says. */
struct guard_choice {
	enum guard_level level;
	bool asked;
	bool sets_no_new_privs; /* sudo and the like will not work */
	bool hides;		/* sockets by a mount namespace */
	enum guard_state rows[GUARD_ROWS_MAX];
};

const char *guard_level_name(enum guard_level level);

/* Which rows are on at @level. Pure. */
void guard_choose(enum guard_level level, const struct guard_facts *facts,
		  struct guard_choice *ret);
/* Why a row of guard_choose() is GUARD_LACKING: "Landlock 6 (Linux 6.12)". Pure. */
const char *guard_lack(const struct guard_row *row);
/* Those that are lacking, as one sentence, or NULL: none. Pure. Caller frees. */
char *guard_lack_sentence(const struct guard_choice *choice);
/* The table, for --dry-run. Pure. */
void guard_describe(const struct guard_choice *choice, const char *where, FILE *out);

/* Folders and files that matter to the strict rows; NULL-terminated lists of absolute paths. */
struct guard_places {
	char *project; /* or NULL: there is none that may be written as a whole */
	char **writable;
	char **hidden; /* sockets, and folders of sockets */
};

struct guard_places_request {
	const char *working_directory; /* or NULL: the current one */
	const char *home;	       /* of another user; NULL: ours, by the environment */
	const struct profile *profile;
	const char *runtime_dir; /* or NULL */
	const char *extra;	 /* PATH[:PATH...] that a person adds, or NULL */
	uid_t uid;
	bool makes_folders; /* those of the profile that are not there yet */
};

/* What is there of them. -EINVAL with @diag: @extra is not what it has to be. */
_must_check_ int guard_places_find(const struct guard_places_request *request,
				   struct guard_places *ret, struct diag *diag);
void guard_places_finish(struct guard_places *places);

struct guard_hidden {
	char *path;
	bool is_folder;
};

/* Ready to be put on. */
struct guard {
	const struct guard_choice *choice; /* borrowed */
	int ruleset_fd;			   /* -1: no Landlock */
	struct sock_filter *filter;	   /* NULL: none */
	unsigned short filter_length;
	struct guard_hidden *hidden;   /* ended by a NULL path */
	char uid_map[64], gid_map[64]; /* empty: no user namespace is needed */
};

#define GUARD_INIT               \
	{                        \
		.ruleset_fd = -1 \
	}

/* Before the fork. @places may be NULL below GUARD_STRICT, @more is written to as well, or NULL;
 * @choice has to stay. */
_must_check_ int guard_prepare(const struct guard_choice *choice, const struct guard_places *places,
			       const char *more, struct guard *ret, struct diag *diag);
void guard_finish(struct guard *guard);

enum guard_step {
	GUARD_STEP_RLIMIT,
	GUARD_STEP_HIDE,
	GUARD_STEP_CAPABILITY,
	GUARD_STEP_NO_NEW_PRIVS,
	GUARD_STEP_LANDLOCK,
	GUARD_STEP_FILTER,
};

/* In the stub: system calls only. At GUARD_OFF what fails is passed over; at the other levels
 * negative errno, with the step. */
_must_check_ int guard_put_on(const struct guard *guard, enum guard_step *ret_step);
const char *guard_step_name(enum guard_step step);
