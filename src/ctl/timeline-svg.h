/* SPDX-License-Identifier: MIT */
#pragma once

/* A history as a picture: memory over time, limits as lines, events as marks. Pure. */

#include <cjson/cJSON.h>

#include "oc-run/cleanup.h"

/* @lines: the objects of a history, oc-run.history.v1. An <svg> element that stands in a page or in a file
 * of its own. NULL: no memory. Caller frees. */
char *timeline_svg(const cJSON *lines);

/* Text as it may stand in HTML and in an attribute; NULL: no memory. Caller frees. */
char *timeline_escape(const char *text);
