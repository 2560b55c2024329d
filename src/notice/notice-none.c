/* SPDX-License-Identifier: MIT */

/* The way that was not chosen. */

#include "notice-channel.h"

static int none_show(struct notice_channel *channel, const struct notice *notice)
{
	(void)notice;
	notice_channel_done(channel, true);
	return 0;
}

static bool none_reaped(struct notice_channel *channel, pid_t pid, int wait_status)
{
	(void)channel;
	(void)pid;
	(void)wait_status;
	return false;
}

static void none_settle(struct notice_channel *channel, uint64_t deadline_usec)
{
	(void)channel;
	(void)deadline_usec;
}

static void none_free(struct notice_channel *channel)
{
	(void)channel;
}

struct notice_channel *notice_none(void)
{
	static const struct notice_ops ops = {
		.show = none_show,
		.reaped = none_reaped,
		.settle = none_settle,
		.free = none_free,
	};
	static struct notice_channel channel = { .ops = &ops };

	return &channel;
}
