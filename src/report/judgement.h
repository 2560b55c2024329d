/* SPDX-License-Identifier: MIT */
#pragma once

/* What the text, the JSON and the journal have in common: the record added up, grouped by name, and
 * the advice that follows. Pure. Inside src/report only. */

#include "oc-run/report.h"
#include "oc-run/tree.h"

struct report_tally {
	uint64_t kills;		/* processes killed for a limit */
	uint64_t kills_unnamed; /* of them, those we can't name */
	bool agent_killed;
	bool by_watching;	  /* oc-run did it, not the kernel */
	bool from_above;	  /* a limit above the session's own, or the whole machine */
	enum limit_id kill_limit; /* LIMIT_MEMORY_MAX or LIMIT_PIDS_MAX */
	uint64_t first_kill_usec, last_kill_usec; /* 0: not known */
	uint64_t forks_denied;
	uint64_t short_usec, first_short_usec; /* above the soft line */
	bool has_livelock;
	bool has_changed_limit; /* by somebody else */
	uint64_t tools_ended;	/* asked to, before memory was used up */
	bool ended_from_above;	/* the first of them: by what all sessions together used */
	uint64_t first_ended_usec;
	uint64_t escapes; /* processes that left, at least */
	uint64_t leftover_bytes;
};

void report_tally(const struct session_record *record, struct report_tally *ret);

/* Has an earlier event told that this process (or one that nobody named) left? */
bool report_is_repeated_escape(const struct session_record *record, size_t index);

/* Did the command outlive the last kill by more than a moment, or end well? */
bool report_agent_went_on(const struct session_record *record, const struct report_tally *tally);

/* A person asked for the limit, or the kernel was to hold it, and nobody did. */
bool report_limit_is_missing(const struct session_record *record, enum limit_id id);

/* The next sensible value for a limit that was reached; 0: no more can be given. */
uint64_t report_raised_limit(const struct session_record *record, enum limit_id id);

/* Does the advice go through raising this limit? */
bool report_wants_raise(const struct session_record *record, const struct report_tally *tally,
			enum limit_id id);

/* Base name of the command, as it was called. */
const char *report_command_name(const struct session_record *record);

enum report_group_source {
	REPORT_GROUP_VICTIMS,
	REPORT_GROUP_LEFTOVERS,
	REPORT_GROUP_ESCAPES,
};

/* Processes of the same name. Texts point into the record. */
struct report_group {
	const char *name;
	size_t count;
	uint64_t bytes;			     /* sum */
	uint64_t tasks;			     /* sum; of a sample only */
	const struct record_victim *largest; /* victims and escapes only */
};

/* Largest first. Frees with free(). -ENOMEM. */
_must_check_ int report_group(const struct session_record *record, enum report_group_source source,
			      struct report_group **ret_groups, size_t *ret_count);

enum report_group_order {
	REPORT_GROUP_BY_BYTES,
	REPORT_GROUP_BY_TASKS,
};

/* The same for those alive in a sample, but for @except; texts point into it. */
_must_check_ int report_group_sample(const struct tree_sample *sample, pid_t except,
				     enum report_group_order order,
				     struct report_group **ret_groups, size_t *ret_count);

/* NULL-terminated sentences, each what to do next. Caller frees with report_free_strings(). */
_must_check_ int report_next_steps(const struct session_record *record, char ***ret_steps);
void report_free_strings(char **strings);

/* One sentence that answers "what happened"; no arguments of the command in it. Caller frees. */
char *report_headline(const struct session_record *record);

const char *outcome_name(enum outcome outcome);
const char *victim_source_name(enum victim_source source);
