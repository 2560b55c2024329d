/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Processes as /proc shows them, for those that must work when nothing else does: no allocation,
 * one or two fds at a time, no library but the C library. The keeper, the terminal and the sweep
 * of dead sessions use it; the supervisor's own picture of a session is tree.h.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

/* The environment variable that marks every process of a session. */
#define PROCESS_TAG "OC_RUN_SESSION"

struct process_facts {
	pid_t parent, group, session;
	char state;	      /* R S D Z T ... */
	uint64_t start_ticks; /* field 22 of stat: with the pid it names the process */
	char comm[16];
};

/* -ESRCH when there is no such process. */
_must_check_ int process_read_facts(pid_t pid, struct process_facts *ret);

/* A negative result of @callback ends the walk and is returned. */
typedef int (*process_callback)(pid_t pid, void *userdata);
_must_check_ int process_for_each(process_callback callback, void *userdata);

/* Is a process in this group that is not a zombie? (kill(-group, 0) counts zombies as well.) */
bool process_group_is_alive(pid_t group);

/* Sends @signal to one process through a pidfd. -ESRCH when it is gone. */
_must_check_ int process_signal(pid_t pid, int signal_number);

struct process_tagged {
	const char *session_id; /* processes with OC_RUN_SESSION=<id> ... */
	uint64_t
		not_before_ticks; /* ... that started at this time or later; 0: any. Never the caller. */
	/* A keeper of a session inside this one carries our tag too, and has work to do as soon as
	 * its oc-run is dead: it is left to end by itself. */
	bool spare_keepers;
};

#define PROCESS_KEEPER_NAME "oc-run-keeper"

/* Sends @signal (0: only counts) to every process of ours with the tag; SIGCONT follows a SIGTERM,
 * so that stopped ones see it. Reads /proc/PID/environ, which can hang while that process is
 * short of memory: end the cgroup first. Number of processes found. */
_must_check_ int process_signal_tagged(const struct process_tagged *request, int signal_number);
