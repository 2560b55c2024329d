/* SPDX-License-Identifier: MIT */
#pragma once

/* Looks at all sessions again and again, and keeps open what makes the next look cheap. */

#include "top-model.h"
#include "view.h"

struct top_seen;

struct top_watch {
	const struct host *host;	   /* borrowed */
	struct registry_session *sessions; /* of the last look, owned */
	size_t session_count;
	struct top_seen **seen;
	size_t seen_count;
};

/* All sessions as they are now, for top_model_take(); of those that @model unfolds their processes
 * too. What the array borrows holds until the next look. -ENOMEM and the like: as it was. */
_must_check_ int top_watch_look(struct top_watch *watch, const struct top_model *model,
				struct top_session **ret, size_t *ret_count);
void top_watch_finish(struct top_watch *watch);
