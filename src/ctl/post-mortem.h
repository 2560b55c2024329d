/* SPDX-License-Identifier: MIT */
#pragma once

/* What a history says about its session as a whole. Pure. */

#include <cjson/cJSON.h>

#include "oc-run/cleanup.h"

typedef void (*post_mortem_fact)(const char *label, const char *value, void *userdata);

/* Each fact in turn, any bytes: when, how it ended, peaks, limits, who was killed. @lines: the objects of
 * a history, oc-run.history.v1. */
void post_mortem_each(const cJSON *lines, post_mortem_fact each, void *userdata);

/* One page with all of it and the picture of timeline-svg.h; it needs no other file. NULL: no memory.
 * Caller frees. */
char *post_mortem_html(const cJSON *lines);
