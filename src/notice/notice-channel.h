/* SPDX-License-Identifier: MIT */
#pragma once

/* One way to show a notice. Inside src/notice only. */

#include "oc-run/notice.h"

struct notice_channel;

struct notice_ops {
	/* Sends it and comes back at once. 0: on its way, notice_channel_done() follows; a negative
	 * errno: nothing will come of it. */
	int (*show)(struct notice_channel *channel, const struct notice *notice);
	bool (*reaped)(struct notice_channel *channel, pid_t pid, int wait_status);
	/* Carries on what is on its way, without the loop, until it is done or the time is up. */
	void (*settle)(struct notice_channel *channel, uint64_t deadline_usec);
	/* Drops what is on its way, and frees. */
	void (*free)(struct notice_channel *channel);
};

struct notice_channel {
	const struct notice_ops *ops;
	const struct notices_request *request;
	sd_event_source *deadline; /* of what is on its way */
	struct notice next;	   /* to be shown afterwards; no title: none */
	unsigned failures;	   /* in a row */
	bool is_busy;
};

_must_check_ int notice_desktop_new(const struct notices_request *request,
				    struct notice_channel **ret);
_must_check_ int notice_tmux_new(const struct notices_request *request,
				 struct notice_channel **ret);
/* The null member: shows nothing. Never NULL, not to be freed. */
struct notice_channel *notice_none(void);

/* What was on its way has arrived, or has failed. Called last: it may show the next. */
void notice_channel_done(struct notice_channel *channel, bool is_shown);

/* Calls @handler with the channel in @in_usec, unless it is done before. Without a loop (it has
 * ended) nothing is armed: settle() has the time then. */
void notice_channel_arm(struct notice_channel *channel, uint64_t in_usec,
			sd_event_time_handler_t handler);

uint64_t notice_now_usec(void);
