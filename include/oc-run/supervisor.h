/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a session ends, as a state machine. Pure: it gets events with their time and answers with
 * actions; supervise.c carries them out. It never looks at a clock, a process or a file.
 *
 *	RUNNING --stop--> ASKING --time, stop--> ENDING --time, stop--> KILLING --> DONE
 *	   `---------- the command ended ----------^  (DONE at once when nothing is left)
 *
 * ASKING: the command's process group has the polite signal. ENDING: everybody has SIGTERM.
 * KILLING: cgroup.kill, repeated until the cgroup is empty or ten seconds have gone by.
 */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/session-record.h"

enum supervisor_state {
	SUPERVISOR_RUNNING,
	SUPERVISOR_EXPECTING, /* the command may have had the signal already: see below */
	SUPERVISOR_ASKING,
	SUPERVISOR_ENDING,
	SUPERVISOR_KILLING,
	SUPERVISOR_DONE,
};

enum supervisor_event_kind {
	SUPERVISOR_EVENT_STOP,	      /* a signal, a closed terminal, systemd */
	SUPERVISOR_EVENT_AGENT_ENDED, /* the command was reaped */
	SUPERVISOR_EVENT_EMPTY,	      /* no member is alive any more */
	SUPERVISOR_EVENT_TIMER,	      /* deadline_usec has come */
};

/* Who has had the signal of a STOP event besides oc-run. */
enum supervisor_delivery {
	SUPERVISOR_TO_US,    /* only oc-run: the command must be told */
	SUPERVISOR_TO_GROUP, /* the kernel sent it to the whole foreground group */
	SUPERVISOR_TO_MAYBE, /* the shell sent it, to us or to the whole job: nobody can tell */
};

struct supervisor_event {
	enum supervisor_event_kind kind;
	uint64_t now_usec;
	/* STOP only */
	int signal;
	enum stop_reason reason;
	enum supervisor_delivery delivery;
	/* AGENT_ENDED only */
	bool nothing_left;
};

enum supervisor_action {
	SUPERVISOR_LIFT_HIGH = 1 << 0, /* memory.high to max: a throttled handler takes seconds */
	SUPERVISOR_NOTE_LEFTOVERS = 1 << 1, /* list who is alive, before they are told to end */
	SUPERVISOR_SIGNAL_AGENT = 1 << 2,   /* signal to the command's process group */
	SUPERVISOR_TERMINATE_ALL = 1 << 3,  /* SIGTERM to every member */
	SUPERVISOR_KILL_ALL = 1 << 4,	    /* SIGKILL to every member */
	SUPERVISOR_FINISH = 1 << 5,	    /* leave the loop */
};

struct supervisor_answer {
	unsigned actions;	/* enum supervisor_action bits, to be done in their order */
	int signal;		/* for SIGNAL_AGENT */
	uint64_t deadline_usec; /* when to send TIMER; 0: never */
};

struct supervisor {
	enum supervisor_state state;
	uint64_t grace_usec;
	int polite_signal;  /* 0: the one that oc-run was sent */
	int pending_signal; /* EXPECTING: what will be sent if the command does not react */
	uint64_t deadline_usec;
	uint64_t stopped_at_usec;
	uint64_t killing_since_usec;
	bool leftovers_noted;
	bool agent_ended;
	enum stop_reason stop_reason;
	int stop_signal;
};

/* How long a command is given to act on a signal that the shell may have sent to the whole job. */
#define SUPERVISOR_EXPECT_USEC (300 * UINT64_C(1000))
/* A second hang-up within this time is the same hang-up: the kernel's, then the shell's. */
#define SUPERVISOR_HANGUP_ECHO_USEC (1000 * UINT64_C(1000))
#define SUPERVISOR_KILL_RETRY_USEC (500 * UINT64_C(1000))
#define SUPERVISOR_KILL_LIMIT_USEC (10 * UINT64_C(1000000))

void supervisor_init(struct supervisor *supervisor, uint64_t grace_usec, int polite_signal);
struct supervisor_answer supervisor_step(struct supervisor *supervisor,
					 const struct supervisor_event *event);
