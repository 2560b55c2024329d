/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a person is told while the session runs, and when. Pure: events and figures with their time
 * in, subjects out.
 *
 * A line that was crossed is told once. It is told again only after the session has been below it
 * (for memory the soft line's own events say so; for swap and tasks it has to come down to three
 * quarters), and never twice within a minute: a build that swings around a line is one notice, and
 * if it is above the line when the minute is over that is told then. Who was ended or killed is
 * always told; kills that follow within two seconds are gathered into one notice, so that the end of
 * a fork bomb is not three hundred.
 */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/figures.h"
#include "oc-run/session-record.h"

enum notice_kind {
	NOTICE_MEMORY,	      /* above the soft line of memory */
	NOTICE_STANDSTILL,    /* memory.high was lifted, the session stood still at it */
	NOTICE_SWAP,	      /* the swap limit was reached */
	NOTICE_TASKS,	      /* forks are denied */
	NOTICE_ESCAPE,	      /* a process is out of the cgroup and can't be brought back */
	NOTICE_TOOL_ENDED,    /* a tool was asked to end, before memory was used up */
	NOTICE_COMMAND_ENDED, /* the same for the command, and the session with it */
	NOTICE_KILL,	      /* processes were killed for a limit */
	NOTICE_KIND_COUNT,
};

struct notice_subject {
	enum notice_kind kind;
	struct record_event event; /* of several kills: the command's, else that of the largest */
	uint64_t kills;
	bool is_command_killed;
};

struct notice_limits {
	uint64_t swap_max; /* or LIMIT_UNLIMITED */
	uint64_t tasks_max;
};

struct notice_line {
	bool is_above; /* crossed, and not left since */
	bool is_due;   /* the crossing has not been told yet, as the minute is not over */
	uint64_t told_usec;
	struct record_event event; /* of the crossing */
};

struct notice_gate {
	struct notice_limits limits;
	struct notice_line lines[NOTICE_KIND_COUNT];
	struct notice_subject kills; /* gathered, not told yet; .kills 0: none */
	uint64_t kills_told_usec;
};

#define NOTICE_AGAIN_USEC (60 * UINT64_C(1000000))
#define NOTICE_GATHER_USEC (2 * UINT64_C(1000000))
/* A line without a known height counts as left after this time. */
#define NOTICE_BLIND_USEC (600 * UINT64_C(1000000))

void notice_gate_init(struct notice_gate *gate, const struct notice_limits *limits);

/* New figures: has the session come down from a line? */
void notice_gate_figures(struct notice_gate *gate, uint64_t now_usec,
			 const struct figures *figures);

/* true: tell @ret. */
bool notice_gate_event(struct notice_gate *gate, uint64_t now_usec,
		       const struct record_event *event, struct notice_subject *ret);

/* When notice_gate_due() will have something to tell; 0: not by itself. */
uint64_t notice_gate_wake_usec(const struct notice_gate *gate);

/* What the time has made due, one subject for each call. true: tell @ret. */
bool notice_gate_due(struct notice_gate *gate, uint64_t now_usec, struct notice_subject *ret);

/* The session is over: kills that were gathered until now. true: tell @ret. */
bool notice_gate_end(struct notice_gate *gate, struct notice_subject *ret);

/* "memory": for the journal. */
const char *notice_kind_name(enum notice_kind kind);
