/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Shows notices by the ways that the plan names. Nobody is waited for: what can't be shown at once
 * goes on by itself on the event loop, has a deadline, and may fail without a word. A way that is
 * still busy keeps the latest notice for afterwards, one about a kill before others; a way that has
 * failed three times in a row is left alone for the rest of the session.
 */

#include <systemd/sd-event.h>

#include "oc-run/host.h"
#include "oc-run/notice-text.h"

struct notices;

struct notices_request {
	const struct host *host; /* has to live as long as the notices */
	unsigned ways;		 /* enum notify_way bits */
	sd_event *event;
	/* oc-run has a child of its own now, which is none of the session's; 0: no longer. */
	void (*child_changed)(pid_t pid, void *userdata);
	void *userdata;
};

/* Opens nothing yet. -ENOMEM. */
_must_check_ int notices_new(const struct notices_request *request, struct notices **ret);
void notices_show(struct notices *notices, const struct notice *notice);

/* For whoever reaps all children: was it one of ours? */
bool notices_reaped(struct notices *notices, pid_t pid, int wait_status);

/* Once the loop has ended: what is on its way may take until @deadline_usec of CLOCK_MONOTONIC. */
void notices_settle(struct notices *notices, uint64_t deadline_usec);

/* Gives up what is still on its way. */
struct notices *notices_free(struct notices *notices);
