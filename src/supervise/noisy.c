/* SPDX-License-Identifier: MIT */

/*
 * Counters that move a hundred times a second at the wall: the first difference is an event at
 * once, the rest of a second is added up and becomes one event, with the next difference, the next
 * look or the end, whichever comes first.
 */

#include "session-internal.h"

#define NOISY_EVERY_USEC UINT64_C(1000000)

static void flush(struct session *session, struct noisy *noisy, uint64_t now_usec)
{
	uint64_t count = noisy->pending;

	noisy->pending = 0;
	noisy->told_usec = now_usec;
	session_tell(session, session_note(session, noisy->kind, count));
}

static struct noisy *find(struct session *session, enum record_event_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(session->noisy); i++) {
		struct noisy *noisy = &session->noisy[i];

		if (noisy->told_usec == 0 && noisy->pending == 0)
			noisy->kind = kind;
		if (noisy->kind == kind)
			return noisy;
	}
	return NULL;
}

void noisy_count(struct session *session, enum record_event_kind kind, uint64_t difference)
{
	struct noisy *noisy = find(session, kind);
	uint64_t now_usec = session_now_usec();

	if (difference == 0 || !noisy)
		return;
	noisy->pending += difference;
	if (now_usec >= noisy->told_usec + NOISY_EVERY_USEC)
		flush(session, noisy, now_usec);
}

void noisy_tell(struct session *session)
{
	for (size_t i = 0; i < ARRAY_SIZE(session->noisy); i++)
		if (session->noisy[i].pending > 0)
			flush(session, &session->noisy[i], session_now_usec());
}
