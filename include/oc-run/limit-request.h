/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Asking a session that runs for other limits. The request is a file beside the session's entry
 * (REGISTRY_REQUEST_ENDING); touching the entry wakes its oc-run, which takes the file, does it, and
 * writes the new limits and the request's token into the entry: that is the answer. No signal is free
 * for this, as oc-run passes all of them on. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "oc-run/diag.h"
#include "oc-run/limits.h"

#define LIMIT_REQUEST_TEXT_MAX 1024

struct limit_request {
	char token[17];
	bool is_set[LIMIT_COUNT];
	uint64_t values[LIMIT_COUNT];
};

/* NULL: no memory. Caller frees. */
char *limit_request_format(const struct limit_request *request);

/* -EINVAL: it makes no sense; @diag says why. */
_must_check_ int limit_request_parse(const char *text, struct limit_request *ret,
				     struct diag *diag);
