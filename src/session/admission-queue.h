/* SPDX-License-Identifier: MIT */
#pragma once

/* The lock around counting and registering, and the tickets of those who wait; for admission.c. */

#include <stdbool.h>
#include <stddef.h>

#include "oc-run/diag.h"
#include "oc-run/host.h"

#define QUEUE_TICKET_DIGITS 16

struct queue {
	int folder; /* <base>/oc-run/queue */
	int lock;   /* -1: not held */
	int ticket; /* -1: none */
	char name[QUEUE_TICKET_DIGITS + 1];
};

#define QUEUE_INIT                                      \
	{                                               \
		.folder = -1, .lock = -1, .ticket = -1, \
	}

/* In the first place of sessions' entries that can be had. Negative errno with @diag. */
_must_check_ int queue_open(const struct host *host, struct queue *ret, struct diag *diag);
void queue_finish(struct queue *queue); /* gives up the ticket and the lock */

_must_check_ int queue_lock(struct queue *queue);
void queue_unlock(struct queue *queue);

/* While locked. How many wait before us (all, as long as we have no ticket); what the dead left is
 * removed. */
_must_check_ int queue_ahead(struct queue *queue, size_t *ret);
/* While locked. The last number, or the first; nothing if there is one already. */
_must_check_ int queue_take_ticket(struct queue *queue, bool first);
void queue_drop_ticket(struct queue *queue);
