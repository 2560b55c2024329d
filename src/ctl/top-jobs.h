/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `oc-ctl top` does to sessions: it starts oc-ctl once more, as a person would have, and shows
 * the last line that it says. So nothing that waits (for a session to end, for memory to come back)
 * holds up the screen, and there is one way only to do each thing.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "oc-run/cleanup.h"

struct top_job;

struct top_jobs {
	sd_event *event; /* borrowed; SIGCHLD has to be blocked */
	/* A job has ended; @line is the last that it said, or NULL. */
	void (*ended)(void *userdata, const char *verb, const char *line, bool failed);
	void *userdata;
	struct top_job *first;
};

/* `oc-ctl VERB ID`. */
_must_check_ int top_jobs_start(struct top_jobs *jobs, const char *verb, const char *id);
/* `oc-ctl set --mem BYTES ID`; while one of them is at work for that session, the last one asked for
 * follows it. */
_must_check_ int top_jobs_set_memory(struct top_jobs *jobs, const char *id, uint64_t bytes);
/* What is being set for that session, or will be; 0: nothing. */
uint64_t top_jobs_wanted_memory(const struct top_jobs *jobs, const char *id);
/* Those that are still at work go on by themselves. */
void top_jobs_finish(struct top_jobs *jobs);
