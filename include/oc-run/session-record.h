/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What happened in a session, gathered by the supervisor as it goes; the report is made from it and
 * from nothing else. Plain data.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cgroup.h"
#include "oc-run/plan.h"
#include "oc-run/pressure.h"
#include "oc-run/session-tmp.h"
#include "oc-run/snapshot.h"

enum record_event_kind {
	RECORD_HIGH,	      /* memory.high was crossed, and raised or left; value: by how many
			     * counts since the last of these */
	RECORD_HIGH_LOWERED,  /* less is used again */
	RECORD_SWAP_HELD,     /* tasks stood still for swap; value: bytes that stay */
	RECORD_SWAP_FREED,    /* the allowance is back */
	RECORD_LIVELOCK,      /* memory.high was lifted, the session stood still at it; evidence */
	RECORD_PRESSURE,      /* what can't be reclaimed is above the soft line */
	RECORD_PRESSURE_OVER, /* and below it again */
	RECORD_TOOL_ENDED,    /* a tool was asked to end, or killed, before memory was used up;
			       * value: the signal, victim: its largest process, all bytes */
	RECORD_MEMORY_MAX,    /* memory.max was hit (reclaim) */
	RECORD_OOM_KILL,      /* the kernel killed a process of the session */
	RECORD_WATCH_KILL,    /* oc-run killed one, enforcing by watching; value: LIMIT_x crossed */
	RECORD_FORK_DENIED,   /* pids.max */
	RECORD_SWAP_FULL,     /* memory.swap.max */
	RECORD_ESCAPE,	      /* members were found outside the cgroup; value: how many, victim: one
				 * of them */
	RECORD_LIMIT_CHANGED, /* by somebody else; value: what it was changed to */
	RECORD_STOP_ASKED,    /* a signal, the terminal, systemd */
	RECORD_LADDER,	      /* a rung of the end: signal in value */
	RECORD_EVENT_KIND_COUNT,
};

enum victim_source {
	VICTIM_UNKNOWN,
	VICTIM_KERNEL_LOG,
	VICTIM_SAMPLE, /* was in the last sample and is gone */
	VICTIM_OWN,    /* we killed it ourselves */
};

struct record_victim {
	pid_t pid;
	char name[64];
	char command[200];
	uint64_t bytes;
	enum victim_source source;
	bool is_agent;
};

enum stop_reason {
	STOP_NONE,    /* the command ended by itself */
	STOP_SIGNAL,  /* oc-run was sent a signal (stop_signal) */
	STOP_HANGUP,  /* the terminal was closed */
	STOP_SYSTEMD, /* the scope was asked to stop */
	STOP_MEMORY,  /* the command was asked to end before memory was used up */
	STOP_SLICE,   /* ... before all sessions together had used up theirs */
	STOP_RESTART, /* ... to be started again with its session, while it was idle */
};

struct record_event {
	enum record_event_kind kind;
	uint64_t at_usec; /* since the start of the session */
	uint64_t realtime_usec;
	uint64_t value; /* difference of the counter, signal number, or as said above */
	struct record_victim victim; /* pid 0: none */
	/* Memory as the event was decided on: all of it, what could not be reclaimed; 0: not known. */
	uint64_t memory_bytes, unreclaimable_bytes;
	struct pressure_evidence evidence; /* LIVELOCK only */
	enum stop_reason reason;	   /* STOP_ASKED only */
	bool from_above;  /* TOOL_ENDED: all sessions together were short of memory */
	char detail[128]; /* one clause for people, or "" */
};

struct record_leftover {
	char name[64];
	pid_t pid;
	uint64_t bytes, age_usec;
	bool outside; /* had left the cgroup */
};

#define RECORD_EVENTS_MAX 256
/* Events that can come by the thousand (high, max, denied forks, full swap) stop here, so that they
 * never take the place of a kill, an escape or the end. */
#define RECORD_EVENTS_NOISY_MAX 128

/* Several sessions of oc-run's in a row that go on with one of the command's. */
struct record_restart {
	char after[17];	   /* id of the session before; or "" */
	bool again;	   /* the command is started again after this one */
	char why_not[128]; /* it was asked for and is not: a clause for people; or "" */
};

struct session_record {
	const struct plan *plan;
	enum backend_kind backend;
	uint32_t enforced;	   /* bits 1 << LIMIT_x: set on the payload and read back */
	char *cgroup_path;	   /* or NULL */
	char systemd_refused[192]; /* as in struct session_cgroup */
	uint64_t started_realtime_usec;
	uint64_t duration_usec; /* until nothing of the session was left */
	uint64_t ram_bytes;	/* the most that --mem can mean here: RAM, or the limit that
					 * oc-run itself runs under; 0: not known */
	pid_t agent_pid;
	bool agent_ended;	   /* reaped; wait_status holds */
	uint64_t agent_ended_usec; /* since the start of the session; 0: not known */
	int wait_status;	   /* of waitpid(2) */
	enum stop_reason stop_reason;
	int stop_signal;
	struct cgroup_counters counters;   /* differences over the session */
	struct cgroup_usage usage;	   /* last values; peaks */
	uint64_t unreclaimable_peak_bytes; /* largest sample */
	uint64_t memory_peak_bytes;	   /* kernel's memory.peak, or the largest sample */
	uint64_t swap_peak_bytes;
	uint64_t tasks_peak;
	bool peak_is_sampled; /* no memory.peak: largest sample, may miss bursts */
	struct record_event events[RECORD_EVENTS_MAX]; /* first ones; the rest is only counted */
	size_t event_count;
	size_t events_dropped;
	struct record_leftover *leftovers; /* alive when the command had ended */
	size_t leftover_count;
	size_t recaptured;
	char *unkillable; /* "git (pid 12, state D), ..." or NULL */
	bool terminal_was_reset;
	char *resume_id;	   /* of the command's own session, only when certain; or NULL */
	char *resume_command;	   /* exact, only when certain; or NULL */
	char *resume_find_command; /* by which a person finds the session otherwise; or NULL */
	struct record_restart restart;
	char *tmp_path; /* the private folder for temporary files; or NULL: there was none */
	struct session_tmp_tally tmp;
	struct snapshot_result snapshots; /* what killed gits had left */
};

/* The event to fill in, zeroed but for its kind and times; or NULL when the table is full (it is
 * counted then). */
struct record_event *session_record_add(struct session_record *record, enum record_event_kind kind,
					uint64_t at_usec, uint64_t realtime_usec);

/* "oom-kill": the name of the kind in JSON and in the journal. */
const char *record_event_kind_name(enum record_event_kind kind);

/* Frees what the record owns (not the plan) and makes it empty. NULL is fine. */
void session_record_finish(struct session_record *record);
