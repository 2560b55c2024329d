/* SPDX-License-Identifier: MIT */
#pragma once

/* Histories, read again: the files that history.h writes, of sessions that ended or still run. */

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

struct history_read {
	char id[17];
	char *name;   /* of the session, or NULL */
	cJSON *lines; /* an array of its objects, in the order of the file */
};

/* All histories of this user that were written to at @since_usec (CLOCK_REALTIME) or later, the oldest
 * session first. A line that is no JSON, as a crash of the machine may leave one, is left out. -ENOMEM;
 * -errno when the folder can't be read; none is no error. Free with history_read_free(). */
_must_check_ int history_read_all(uid_t uid, uint64_t since_usec, struct history_read **ret,
				  size_t *ret_count);
void history_read_free(struct history_read *histories, size_t count);
