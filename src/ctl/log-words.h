/* SPDX-License-Identifier: MIT */
#pragma once

/* Lines of histories for people. Pure. */

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

#define LOG_WORDS_MAX 512

/* When it was, CLOCK_REALTIME; false: it is no event, or has no time. */
bool log_time(const cJSON *line, uint64_t *ret_usec);

/* What happened, after the name of its kind: who was killed, what was done. Any bytes. */
void log_words(const cJSON *line, char text[LOG_WORDS_MAX]);

struct log_since {
	bool is_date;
	struct tm date;	   /* local time, for mktime(3) */
	uint64_t ago_usec; /* otherwise: so long ago */
};

/* "2h", "2026-11-23", "2026-11-23 10:30". -EINVAL with @diag. */
_must_check_ int log_parse_since(const char *text, struct log_since *ret, struct diag *diag);

/* Is @list, "oom-kill,ended", made of kinds of events? -EINVAL with @diag naming what is none. */
_must_check_ int log_check_kinds(const char *list, struct diag *diag);
/* Is the line's kind in @list? NULL: all are meant. */
bool log_is_wanted(const cJSON *line, const char *list);
