/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The session as those in it may read it while it runs: its limits, what it uses, and what has just
 * happened, with a sentence for each event that an agent can act on. Pure; status-file.h keeps it
 * in a file.
 */

#include "oc-run/cleanup.h"
#include "oc-run/figures.h"
#include "oc-run/session-record.h"

#define STATUS_EVENTS_MAX 16

struct status_event {
	uint64_t sequence; /* of all events of the session, from 1 */
	struct record_event event;
	bool from_above; /* a kill that was decided outside of the session */
};

/*
 * The last events. Kills each have a place; of every other kind only the newest is kept, as those
 * can come by the hundred and would drive the kills out before anybody has read of them.
 */
struct status_log {
	struct status_event events[STATUS_EVENTS_MAX]; /* in their order */
	size_t count;
	uint64_t last_sequence;
	uint64_t kills, forks_denied; /* over the session */
};

struct status_facts {
	const struct session_record *record; /* plan, RAM, peaks, pid of the command */
	const struct figures *figures;
	const struct status_log *log;
	uint64_t now_realtime_usec;
};

void status_log_add(struct status_log *log, const struct record_event *event, bool from_above);

/* One JSON object, schema "oc-run.status.v1" (oc-run(1) documents it). NULL: no memory. Caller
 * frees. */
char *status_json(const struct status_facts *facts);

/* Would somebody who has read @told want to read @now? Steps of 2 % of the limit, or of what is
 * used where there is none. */
bool status_is_news(const struct figures *told, const struct figures *now, const struct plan *plan);

/* What an agent is told of an event: one sentence, and what to do instead. */
struct status_words {
	char *sentence;
	char *advice; /* NULL: nothing */
};

/* -ENOMEM. */
_must_check_ int status_words_make(const struct status_event *event,
				   const struct session_record *record, struct status_words *ret);
void status_words_finish(struct status_words *words);
