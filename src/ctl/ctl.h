/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * oc-ctl: what its parts share. verbs.c is the table of verbs: the help, the completions and the
 * check of the manual page come from it. Each verb has a file of its own, and prints; what it needs
 * of a session it asks view.h, and the decisions are in pure modules (arguments, find, table, words).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/diag.h"
#include "oc-run/host.h"
#include "oc-run/limits.h"
#include "oc-run/registry-list.h"

#define CTL_SCHEMA "oc-ctl.v1"

/* Exit status. */
#define CTL_OK 0
#define CTL_FAILED 1 /* it could not be done, or not for all */
#define CTL_USAGE 2  /* the command line makes no sense */
/* Of doctor alone. */
#define CTL_WARNED 3
#define CTL_BROKEN 4

enum ctl_option_id {
	CTL_JSON,
	CTL_ALL,
	CTL_FORCE,
	CTL_TIMEOUT,
	CTL_INTERVAL,
	CTL_YES,
	CTL_SINCE,
	CTL_EVENT,
	CTL_HTML,
	CTL_SVG,
	CTL_LIMIT, /* and on: CTL_LIMIT + LIMIT_x */
	CTL_LIMIT_LAST = CTL_LIMIT + LIMIT_COUNT - 1,
	CTL_OPTION_COUNT,
};

struct ctl_option {
	enum ctl_option_id id;
	char letter;	     /* or 0 */
	const char *name;    /* --NAME */
	const char *metavar; /* NULL: takes no value */
	const char *help;
};

#define CTL_VERB_OPTIONS_MAX 12

struct ctl;

struct ctl_verb {
	const char *name;
	const char *words;    /* what it takes besides options, as in the usage: "ID..."; or NULL */
	unsigned least, most; /* how many words */
	const char *help;     /* one line */
	const char *details;  /* more, for `oc-ctl VERB --help`; lines; or NULL */
	const struct ctl_option *options[CTL_VERB_OPTIONS_MAX]; /* NULL-terminated */
	int (*run)(struct ctl *ctl);				/* exit status */
};

enum ctl_request {
	CTL_RUN_VERB,
	CTL_HELP, /* of oc-ctl, or of the verb where there is one */
	CTL_VERSION,
	CTL_VERB_LINES,	   /* --verbs: for completions */
	CTL_SESSION_LINES, /* --sessions: the same */
};

struct ctl {
	const struct ctl_verb *verb;
	const char *options[CTL_OPTION_COUNT]; /* value, "" of a switch; NULL: not given */
	char **words;
	size_t word_count;

	struct host host;
	bool has_host;
	struct registry_session *sessions;
	size_t session_count;
};

/* verbs.c; ends with a row whose name is NULL */
extern const struct ctl_verb ctl_verbs[];

/* ---- pure; @verbs is that table ---- */

/* arguments.c */
const struct ctl_verb *ctl_verb_find(const struct ctl_verb *verbs, const char *name);
/* -EINVAL with @diag. Fills in verb, options, words. May change the order of @argv. */
_must_check_ int ctl_arguments_parse(const struct ctl_verb *verbs, int argc, char **argv,
				     struct ctl *ret_ctl, enum ctl_request *ret_request,
				     struct diag *diag);

/* help.c; NULL: no memory; caller frees. @verb NULL: all of it. */
char *ctl_help(const struct ctl_verb *verbs, const struct ctl_verb *verb);
/* For completions, with tabs between: verb, nothing, words or nothing, help; and below it for each of
 * its options: verb, --option, metavar or nothing, help. */
char *ctl_verb_lines(const struct ctl_verb *verbs);
/* The same of sessions: id, name, command, directory. A name that a shell would have to quote is left
 * out. */
char *ctl_session_lines(const struct registry_session *sessions, size_t count);

/* find.c: the session that a person means by @word: an id, the beginning of one, or a name.
 * -ENOENT: none, -ENOTUNIQ: several; @diag names those. */
_must_check_ int ctl_find(const struct registry_session *sessions, size_t count, const char *word,
			  size_t *ret_index, struct diag *diag);
/* How many characters of the ids tell them all apart, 8 at least. */
size_t ctl_id_length(const struct registry_session *sessions, size_t count);

/* ---- main.c and sessions.c: for the verbs ---- */

/* One line on stderr: "oc-ctl: ...", whatever bytes are in it. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same on stdout, without "oc-ctl: ". */
void ctl_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As ctl_say(), and CTL_FAILED. */
int ctl_fail(const struct diag *diag);
/* The same, and CTL_USAGE. */
int ctl_usage(const struct diag *diag);
/* Prints and frees it; NULL: no memory. Exit status. */
int ctl_print(char *text);

/* Columns of the terminal on stdout; 0: it is none. */
size_t ctl_width(void);
/* A terminal that takes them, and nobody said NO_COLOR. */
bool ctl_has_colours(void);

/* Fills in host and sessions; does nothing when they are there. */
_must_check_ int ctl_load_sessions(struct ctl *ctl, struct diag *diag);

/* "name (id)": how a session is called in sentences. */
#define CTL_LABEL_MAX 96
void ctl_label(const struct registry_session *session, char text[CTL_LABEL_MAX]);

/* The sessions that the words name, each once; with --all those that live. -ENOENT, -ENOTUNIQ. Free
 * the array only. */
_must_check_ int ctl_chosen_sessions(struct ctl *ctl, const struct registry_session ***ret,
				     size_t *ret_count, struct diag *diag);

/* ---- the verbs ---- */
int ctl_list(struct ctl *ctl);
int ctl_show(struct ctl *ctl);
int ctl_top(struct ctl *ctl);
int ctl_stop(struct ctl *ctl);
int ctl_kill(struct ctl *ctl);
int ctl_freeze(struct ctl *ctl);
int ctl_thaw(struct ctl *ctl);
int ctl_sweep(struct ctl *ctl);
int ctl_set(struct ctl *ctl);
int ctl_log(struct ctl *ctl);
int ctl_report(struct ctl *ctl);
int ctl_doctor(struct ctl *ctl);
