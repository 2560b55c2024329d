/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A place among the sessions of this user, of which so many may run at once. Counting and
 * registering are one step: a lock is held from the one to the other, so that two starters never
 * both take the last place. Who waits has a ticket, a file below <runtime>/oc-run/queue that it
 * holds with flock(2), so that one that was killed is seen as such; the lowest number is next.
 * Waiting is woken by inotify, from what sessions and tickets do as they end; should that fail, it
 * looks every other second.
 *
 * A session that was started inside of another lies within that one's limits: it is not counted and
 * needs no place. If it did, sessions could wait for each other for ever.
 */

#include <stdint.h>

#include "oc-run/diag.h"
#include "oc-run/host.h"
#include "oc-run/registry-list.h"
#include "oc-run/spawn.h"

#define ADMISSION_NO_END UINT64_MAX

struct admission {
	int lock_fd; /* -1: not held */
};

#define ADMISSION_INIT         \
	{                      \
		.lock_fd = -1, \
	}

struct admission_request {
	const struct host *host;
	uint64_t max;	    /* sessions at once */
	uint64_t wait_usec; /* 0: not at all; ADMISSION_NO_END */
	bool first;	    /* before all who wait already */
	const struct signal_state *signals;
	/* Called once when it begins to wait; @who: the sentence's part about for whom. Or NULL. */
	void (*waits)(const char *who, void *userdata);
	void *userdata;
};

enum admission_result {
	ADMISSION_AT_ONCE = 0,
	ADMISSION_WAITED = 1,
	ADMISSION_STOPPED = 2, /* SIGINT, SIGTERM, SIGHUP or SIGQUIT came, and is pending again */
};

/* On success the lock is held: admission_leave() once the session is registered, soon. Negative
 * errno with @diag: -EAGAIN: no place, not to wait; -ETIMEDOUT: none in that time. */
_must_check_ int admission_enter(const struct admission_request *request, struct admission *ret,
				 struct diag *diag);
/* Safe to call again; NULL is fine. */
void admission_leave(struct admission *admission);

/* ---- pure ---- */

/* How many of @sessions take a place. */
size_t admission_count(const struct registry_session *sessions, size_t count);

/* Is @outer (may be NULL) the id of one that lives? */
bool admission_is_inside(const struct registry_session *sessions, size_t count, const char *outer);

/* "2 sessions run: 3f2a1b2c "night build", 77aa0011 "opencode"", @ahead: those that wait before us.
 * NULL for no memory. Caller frees. */
char *admission_words(const struct registry_session *sessions, size_t count, size_t ahead);
