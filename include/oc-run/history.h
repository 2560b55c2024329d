/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The history of a session: one file of JSON lines, <base>/oc-run/history/<start>-<id>.jsonl, schema
 * "oc-run.history.v1" (oc-run(1), HISTORY). First line the plan, last line the end; samples and
 * events between. It stays below 1 MiB however long the session is (timeline.h). Neither arguments
 * nor environment of any process stand in it.
 *
 * The file is written by a process of its own, the scribe: a disk that is full, slow or gone never
 * holds up oc-run, which only sends, and drops what can't be sent. Each line is in the file as soon
 * as it is sent, so a death of oc-run loses nothing; the scribe then notes that too.
 *
 * <base> is $XDG_STATE_HOME, for root /var/lib, else ~/.local/state.
 */

#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/figures.h"
#include "oc-run/session-record.h"
#include "oc-run/tree.h"

#define HISTORY_DAYS 30 /* after these a history is removed */

#define HISTORY_NAMES_MAX 5

/* Who held the memory: processes of the same name as one, the largest first. */
struct history_names {
	struct {
		char name[16]; /* a longer one is cut */
		uint64_t bytes;
	} items[HISTORY_NAMES_MAX];
	size_t count;
};

/* Of those alive in a sample; what is below 1 MiB is left out. NULL: nobody was looked at. Pure. -ENOMEM. */
_must_check_ int history_names_of(const struct tree_sample *sample, struct history_names *ret);

/* ---- lines: pure; without their newline; NULL: no memory; caller frees ---- */

char *history_line_started(const struct session_record *record);
char *history_line_sample(const struct figures *figures, const struct history_names *names);
char *history_line_event(const struct record_event *event);
char *history_line_ended(const struct session_record *record);
/* oc-run itself was killed. */
char *history_line_lost(uint64_t at_usec, uint64_t realtime_usec);

/* ---- oc-run's side ---- */

struct history;

struct history_request {
	const char *base; /* the folder that holds <base>/oc-run; NULL: by the environment */
	const char *id;	  /* of the session */
	uid_t uid;
	uint64_t started_usec; /* CLOCK_REALTIME */
	uint64_t keep;	       /* so many histories, the newest, stay; 0: all */
};

/* Starts the scribe; there is no file before history_started(). -EPERM with @diag: the folder is
 * somebody else's; -ENOSPC, -EDQUOT with @diag: it could not be made. 0 and NULL: there is no folder to write to. */
_must_check_ int history_new(const struct history_request *request, struct history **ret,
			     struct diag *diag);

/* All take NULL, none ever blocks. */
void history_started(struct history *history, const struct session_record *record);
/* @sample: the last look at the processes; may be NULL. */
void history_figures(struct history *history, const struct figures *figures,
		     const struct tree_sample *sample);
void history_event(struct history *history, const struct record_event *event);
void history_ended(struct history *history, const struct session_record *record);

/* Waits for the scribe, a moment only. Negative errno: some lines could not be written, for that
 * reason. */
_must_check_ int history_close(struct history *history);
/* The same, and frees it. */
struct history *history_free(struct history *history);
