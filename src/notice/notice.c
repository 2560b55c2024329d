/* SPDX-License-Identifier: MIT */

/* See notice.h: what all ways have in common. */

#include "oc-run/notice.h"

#include <time.h>

#include "notice-channel.h"
#include "oc-run/plan.h"

#define FAILURES_MAX 3

enum {
	CHANNEL_DESKTOP,
	CHANNEL_TMUX,
	CHANNEL_COUNT,
};

struct notices {
	struct notices_request request;
	struct notice_channel *channels[CHANNEL_COUNT];
};

uint64_t notice_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void notice_channel_arm(struct notice_channel *channel, uint64_t in_usec,
			sd_event_time_handler_t handler)
{
	channel->deadline = sd_event_source_disable_unref(channel->deadline);
	(void)sd_event_add_time(channel->request->event, &channel->deadline, CLOCK_MONOTONIC,
				notice_now_usec() + in_usec, 0, handler, channel);
}

static void keep_for_later(struct notice_channel *channel, const struct notice *notice)
{
	if (channel->next.title && channel->next.is_kill && !notice->is_kill)
		return;
	notice_finish(&channel->next);
	(void)!notice_copy(notice, &channel->next);
}

static void channel_show(struct notice_channel *channel, const struct notice *notice)
{
	if (channel->failures >= FAILURES_MAX)
		return;
	if (channel->is_busy) {
		keep_for_later(channel, notice);
		return;
	}
	channel->is_busy = true;
	if (channel->ops->show(channel, notice) < 0)
		notice_channel_done(channel, false);
}

void notice_channel_done(struct notice_channel *channel, bool is_shown)
{
	struct notice next = channel->next;

	channel->is_busy = false;
	channel->deadline = sd_event_source_disable_unref(channel->deadline);
	channel->failures = is_shown ? 0 : channel->failures + 1;
	channel->next = (struct notice){ 0 };
	if (next.title)
		channel_show(channel, &next);
	notice_finish(&next);
}

int notices_new(const struct notices_request *request, struct notices **ret)
{
	struct notices *notices = calloc(1, sizeof(*notices));
	int r = 0;

	if (!notices)
		return -ENOMEM;
	notices->request = *request;
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		notices->channels[i] = notice_none();
	if (request->ways & NOTIFY_DESKTOP)
		r = notice_desktop_new(&notices->request, &notices->channels[CHANNEL_DESKTOP]);
	if (r >= 0 && request->ways & NOTIFY_TMUX)
		r = notice_tmux_new(&notices->request, &notices->channels[CHANNEL_TMUX]);
	if (r < 0) {
		notices_free(notices);
		return r;
	}
	*ret = notices;
	return 0;
}

void notices_show(struct notices *notices, const struct notice *notice)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		channel_show(notices->channels[i], notice);
}

bool notices_reaped(struct notices *notices, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++) {
		struct notice_channel *channel = notices->channels[i];

		if (channel->ops->reaped(channel, pid, wait_status))
			return true;
	}
	return false;
}

void notices_settle(struct notices *notices, uint64_t deadline_usec)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++) {
		struct notice_channel *channel = notices->channels[i];

		/* Again for the one that was kept for later. */
		while (channel->is_busy && notice_now_usec() < deadline_usec)
			channel->ops->settle(channel, deadline_usec);
	}
}

struct notices *notices_free(struct notices *notices)
{
	for (size_t i = 0; notices && i < CHANNEL_COUNT; i++) {
		struct notice_channel *channel = notices->channels[i];

		channel->deadline = sd_event_source_disable_unref(channel->deadline);
		notice_finish(&channel->next);
		channel->ops->free(channel);
	}
	free(notices);
	return NULL;
}
