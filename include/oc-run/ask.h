/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs a program for its answer on stdout, for so long and no longer. It is in a process group of
 * its own, has no input, and is killed when it has answered or its time is up: that its children
 * hold the pipe does not hold us. */

#include <stdbool.h>
#include <stddef.h>

#include "oc-run/cleanup.h"

struct ask_request {
	const char *program;	/* path */
	char *const *argv;	/* its first word may be another name */
	const char *directory;	/* NULL: ours */
	const char *assignment; /* NAME=VALUE for its environment besides ours; or NULL */
	unsigned timeout_msec;
	/* Looked at five times a second: nobody waits for the answer any more. Or NULL. */
	bool (*is_cancelled)(void *userdata);
	void *userdata;
};

/* 0: @answer holds all it wrote, with a NUL behind. -ETIMEDOUT: it did not end in time; -E2BIG: it
 * wrote more than fits; -ECANCELED: is_cancelled() said so. */
_must_check_ int ask_program(const struct ask_request *request, char *answer, size_t size);
