/* SPDX-License-Identifier: MIT */
#pragma once

/* The text of a configuration file or of a profile, taken apart: "key = value", a line each. Pure
 * (inih reads through the reader it is given). */

#include <stddef.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

/* One setting. 0, or a negative errno with the sentence in @diag, to which path and line are
 * added. */
typedef int (*ini_text_handler_t)(void *userdata, const char *key, const char *value, unsigned line,
				  struct diag *diag);

/* @path: for messages. -EINVAL: something is no setting, or what the handler returned first; @diag
 * names path and line. */
_must_check_ int ini_text_parse(const char *text, size_t length, const char *path,
				ini_text_handler_t handler, void *userdata, struct diag *diag);
