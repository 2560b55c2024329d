/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What to do as memory runs short, before the kernel has to kill. Pure: what a look at the session
 * showed goes in, what is to be done comes out; pressure-act.c does it. Time is that of the figures.
 *
 * memory.high is a staircase, not a wall. An unreclaimable workload above it is throttled without
 * end and never killed (mm/memcontrol.c, calculate_high_delay: 64 s times the square of the
 * overage, at most 2 s, for each 256 KiB), so it goes up a step as soon as reclaim does not help,
 * and down again once less is used. A person's own line is left where it is; the guard lifts it
 * when the session stands still at it.
 *
 * The ladder, each rung of which can be off: when memory (and swap) will be used up in a moment, or
 * tasks do nothing but wait for it, the largest tool with its whole tree is asked to end (SIGTERM, so
 * that git removes its locks; SIGKILL when it does not and memory is still short); the agent is asked
 * only when it is the hog itself and no tool is worth it. For what is faster there is memory.max.
 *
 * Decided by what can't be reclaimed, never by page cache, except where it is the kernel that goes
 * by the sum: whether memory.high is crossed, and how far it may come down.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/figures.h"
#include "oc-run/plan.h"

struct pressure_config {
	uint64_t max_bytes;   /* the wall, or LIMIT_UNLIMITED */
	uint64_t whole_bytes; /* what margins are parts of; 0: nothing is ever decided */
	/* Where memory.high may stand, rising; above the last it is off. None: it stays off. */
	uint64_t steps[PLAN_HIGH_STEPS_MAX];
	size_t step_count;
	bool is_fixed;	     /* one step, a person's: no staircase */
	bool guards;	     /* lift memory.high when the session stands still at it */
	uint64_t soft_bytes; /* the soft line; LIMIT_UNLIMITED: none */
	uint64_t swap_bytes; /* what the session may swap at most */
	bool guards_swap;    /* take that back while swapping makes it stand still */
	bool asks_tool, asks_agent;
	bool agent_first;    /* whatever its size: --oom=agent */
	uint64_t grace_usec; /* from SIGTERM to SIGKILL */
};

/* By what the guard was convinced: over that time, in which nobody was killed. */
struct pressure_evidence {
	uint64_t over_usec;
	uint64_t high_bytes; /* memory.high, and what was used (page cache included) */
	uint64_t current_bytes;
	uint64_t grown_bytes;
	uint64_t high_events;	  /* of memory.events */
	bool stall_is_known;	  /* this kernel has PSI for the cgroup */
	unsigned stalled_percent; /* of the time some task waited for memory */
};

enum pressure_action {
	PRESSURE_RAISE_HIGH = 1 << 0,	/* memory.high to high_bytes: reclaim does not help */
	PRESSURE_LOWER_HIGH = 1 << 1,	/* ... : less is used again */
	PRESSURE_LIFT_HIGH = 1 << 2,	/* ... : a livelock; evidence */
	PRESSURE_NOTE_HIGH = 1 << 3,	/* crossed, and left where it is: the kernel reclaims */
	PRESSURE_SOFT_CROSSED = 1 << 4, /* what can't be reclaimed is above the soft line */
	PRESSURE_SOFT_LEFT = 1 << 5,	/* and below it again, by some margin, for some time */
	PRESSURE_END_TOOL = 1 << 6,	/* tool.signal to the members of the tree */
	PRESSURE_HOLD_SWAP = 1 << 8, /* memory.swap.max to swap_bytes: tasks stand still for it */
	PRESSURE_FREE_SWAP = 1 << 9, /* ... : given back */
	PRESSURE_END_AGENT = 1 << 7, /* gracefully, as if the session was told to stop */
};

/* The processes of a tool, known by pid and start. Those of a tree that has more are found by their
 * parents when it comes to SIGKILL. */
#define PRESSURE_MEMBERS_MAX 256
#define PRESSURE_SESSIONS_MAX 8

struct pressure_member {
	pid_t pid;
	uint64_t start_ticks;
};

struct pressure_tree {
	struct pressure_member members[PRESSURE_MEMBERS_MAX];
	size_t count;			       /* 0: none */
	size_t largest;			       /* of members, when it was chosen */
	struct pressure_member shell;	       /* pid 0: none; see pressure_find_tool() */
	uint64_t bytes;			       /* of all, swap included */
	pid_t sessions[PRESSURE_SESSIONS_MAX]; /* of the kernel (setsid(2)), besides the agent's */
	size_t session_count;
};

struct pressure_look {
	const struct figures *figures;
	const struct tree_sample *sample; /* of now; NULL: only the figures were read */
	/* Counters of the session's cgroup, since the session started. */
	uint64_t high_events, oom_kills, swap_fails;
};

struct pressure_answer {
	unsigned actions; /* enum pressure_action */
	uint64_t high_bytes;
	uint64_t high_events; /* since memory.high was last raised or noted */
	uint64_t swap_bytes;
	struct pressure_evidence evidence;
	int signal;		 /* END_TOOL: SIGTERM or SIGKILL, to the members of tool */
	bool wants_sample;	 /* look again at once, with the processes */
	uint64_t next_look_usec; /* from now; 0: it is calm, no look is needed for this */
	uint64_t rest_usec;	 /* a wake-up by memory.high need not be looked at sooner */
};

/* Numbers at a moment, to take differences from. */
struct pressure_mark {
	uint64_t at_usec;
	uint64_t stalled_usec, high_events, oom_kills, current_bytes, swap_bytes;
};

struct pressure_state {
	struct pressure_config config;
	size_t level;		   /* of config.steps; step_count: off */
	struct pressure_mark last; /* the look before, or the one before that */
	uint64_t last_high_events; /* of the look before */
	uint64_t last_swap_fails;
	uint64_t swap_is_full_until_usec;
	uint64_t high_events_told;
	uint64_t active_usec;  /* of the last look at which anything pressed */
	uint64_t crossed_usec; /* the kernel is given time to reclaim since; 0: it is not */
	uint64_t below_usec;   /* memory.high could come down since; 0: it could not */
	bool crossing_is_told;
	unsigned lifts;
	/* the guard */
	struct pressure_mark second;  /* the last of its samples, a second apart */
	struct pressure_mark held_up; /* where the time began that is judged; at_usec 0: none */
	unsigned held_up_samples;     /* the last three, as bits */
	/* swap */
	struct pressure_mark swap_mark;
	uint64_t swap_held_bytes; /* 0: it is not held */
	uint64_t swap_calm_usec;
	/* the soft line */
	bool is_short;
	uint64_t relieved_usec; /* 0: not */
	/* the ladder */
	struct pressure_tree tool; /* was asked to end */
	uint64_t tool_usec;	   /* when, or killed */
	bool tool_is_killed;
	bool agent_is_asked;
	uint64_t settles_usec; /* what was ended may show its effect until then */
	uint64_t growth_at_usec[2], growth_bytes[2]; /* the last second, and the one before */
	uint64_t stalled_since_usec;		     /* hardly anything else; 0: not */
};

/* @enforced: bits 1 << LIMIT_x that the kernel holds for the session; @swap_bytes: the machine's. */
struct pressure_config pressure_config_of(const struct plan *plan, uint32_t enforced,
					  uint64_t swap_bytes);

void pressure_init(struct pressure_state *pressure, const struct pressure_config *config);
/* Other limits from now on: memory.high begins at the first step again (pressure_high()). */
void pressure_change(struct pressure_state *pressure, const struct pressure_config *config);
struct pressure_answer pressure_step(struct pressure_state *pressure,
				     const struct pressure_look *look);

/* memory.high as it should be now; LIMIT_UNLIMITED: off. */
uint64_t pressure_high(const struct pressure_state *pressure);
/* Somebody else took memory.high away: it stays off until it may come down. */
void pressure_high_is_off(struct pressure_state *pressure);

/* The tool that takes the most, with all it started; count 0: there is none. A tool is what hangs below
 * a child of the agent, and what has left its parents but not their kernel session (the bash tool of
 * opencode runs each command in one of its own). Never one that is spared. The small shell in which
 * the agent runs a line (`bash -c`) is no member, it is left to say how the line ended: opencode
 * 1.18.33 waits for ever for a shell that died of a signal. */
void pressure_find_tool(const struct tree_sample *sample, struct pressure_tree *ret);
/* Is the agent at work through a child: a shell that runs a line, or one in a kernel session of its own?
 * Language servers and what outlived its tool are none. */
bool pressure_tool_runs(const struct tree_sample *sample);
/* Adds those that belong to the tree by now. */
void pressure_gather(const struct tree_sample *sample, struct pressure_tree *tree);
bool pressure_is_member(const struct pressure_tree *tree, const struct tree_process *process);
