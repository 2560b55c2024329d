/* SPDX-License-Identifier: MIT */
#pragma once

/* From the record of a session to an answer to "what happened?": for people, as JSON, for the
 * journal, and as an exit status. The builders are pure. */

#include <stdio.h>

#include "oc-run/notice-text.h"
#include "oc-run/session-record.h"

/* The one judgement of how a session went; texts and advice follow from it. */
enum outcome {
	OUTCOME_CLEAN,	      /* nothing to tell */
	OUTCOME_TOOL_KILLED,  /* for memory; the agent lived on */
	OUTCOME_TOOL_ENDED,   /* asked to, before memory was used up */
	OUTCOME_AGENT_KILLED, /* for memory */
	OUTCOME_AGENT_DIED,   /* of a signal that was none of ours, no OOM recorded */
	OUTCOME_FORKS_DENIED,
	OUTCOME_LEFTOVERS, /* only that something had to be ended */
	OUTCOME_STOPPED,   /* was told to stop */
};

enum outcome outcome_classify(const struct session_record *record);

/* The command's own; 128+n for a signal. 0 to 255. */
int outcome_exit_status(const struct session_record *record);

/* Anything to say without -v? (Whether -q was given is the caller's matter.) */
bool report_is_needed(const struct session_record *record);

/* Lines for stderr, each starting with "oc-run: " or two spaces and ending in a newline; short when
 * nothing happened. Nothing in them can act on a terminal. NULL: no memory. Caller frees. */
char *report_text(const struct session_record *record);

/* One object, indented, with a newline at the end; schema "oc-run.report.v1", documented in
 * oc-run(1). NULL: no memory. Caller frees. */
char *report_json(const struct session_record *record);

/* One line of --json-status-fd, without its newline. NULL: no memory. Caller frees. */
char *report_json_started(const struct session_record *record);
char *report_json_event(const struct session_record *record, const struct record_event *event);
char *report_json_ended(const struct session_record *record);

/* Writes the line and a newline to the fd of --json-status-fd, waiting @wait_msec at most for a
 * reader: -EAGAIN, -EPIPE and the like are the reader's affair. */
_must_check_ int report_status_line(int fd, const char *line, int wait_msec);

/* To the journal, structured, with a message id; no error if there is no journal. Arguments of the
 * command never go there. */
void report_journal_started(const struct session_record *record);
void report_journal_event(const struct session_record *record, const struct record_event *event);
void report_journal_notice(const struct session_record *record, enum notice_kind kind,
			   const struct notice *notice);
void report_journal_ended(const struct session_record *record);

/* Writes the JSON report to @path: a regular file is replaced as a whole; /dev/stdout, /dev/fd/N,
 * pipes and devices are written to. A reader that does not read is given up on after 5 s. */
_must_check_ int report_write_file(const struct session_record *record, const char *path,
				   struct diag *diag);
