/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * --restart: is the command started again after it was killed for memory, or was asked to end in good
 * time, with the very session that it was working on? The decision is pure; main.c carries it out. What speaks against it has
 * an order, so that the sentence for the person names what counts most. Nothing is ever guessed: a
 * session that is not certain, and one whose server others use, is left to the person.
 */

#include "oc-run/session-record.h"
#include "oc-run/spawn.h"

/* At most so many within so much time: what leaks at once would run for ever. */
#define RESTARTS_MAX 2
#define RESTART_WINDOW_USEC (30 * UINT64_C(60000000))
#define RESTART_TEXT_MAX 128

enum restart_verdict {
	RESTART_NOTHING, /* not asked for, or no case for it: nothing is said */
	RESTART_AGAIN,
	RESTART_STOPPED,       /* it was told to stop, in the session or after it */
	RESTART_NO_WAY,	       /* this command line can't be resumed */
	RESTART_SHARED_SERVER, /* others work through it as well, or that can't be told */
	RESTART_TOO_YOUNG,     /* it had run for less than --restart-min-age */
	RESTART_TOO_OFTEN,     /* RESTARTS_MAX */
	RESTART_NOT_CERTAIN,   /* which of its sessions it was */
};

struct restart_facts {
	enum restart_choice choice;
	bool killed_for_memory;
	bool ended_for_it; /* asked to end while it was idle, to be started again */
	bool told_to_stop;
	bool has_way;	    /* its profile says how, for this command line */
	bool server_is_own; /* no other session uses it */
	bool is_certain;    /* exactly one session of the command fits */
	uint64_t ran_usec, min_age_usec;
	uint64_t now_usec; /* of a clock that does not jump */
};

/* When the last ones were, a ring; all zero at the start. */
struct restart {
	uint64_t at_usec[RESTARTS_MAX];
	size_t count;
};

/* What the record tells; the rest (told_to_stop after the end, now) is the caller's. @command: argv
 * before anything was added to it. Pure. */
void restart_facts_of(const struct session_record *record, char *const *command,
		      struct restart_facts *ret);

/* Pure, as are the next four. */
enum restart_verdict restart_decide(const struct restart *restart,
				    const struct restart_facts *facts);

/* Would it be started again, if it were asked to end now? What can only be known by asking the command,
 * which of its sessions it is, is taken for granted. */
bool restart_may(const struct restart *restart, const struct session_record *record,
		 uint64_t ran_usec, uint64_t now_usec);

/* Is all that is missing for a new start the id of the session? */
bool restart_needs_id(const struct restart *restart, const struct session_record *record,
		      char *const *command, uint64_t now_usec);

/* How many there were in the window that ends at @now_usec. */
unsigned restart_count(const struct restart *restart, uint64_t now_usec);

void restart_note(struct restart *restart, uint64_t now_usec);

/* Why not, as a clause for people; "" if it is, or if there is nothing to say. */
void restart_why_not(enum restart_verdict verdict, const struct restart_facts *facts,
		     char text[RESTART_TEXT_MAX]);

/* Is a signal waiting that tells oc-run to stop? What it was started ignoring does not count. Not
 * pure; after a session, which leaves all signals blocked. */
bool restart_stop_is_waiting(const struct signal_state *signals);
