/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A diagnosis travels beside the error number: the function that knows what went wrong writes one
 * sentence for a person (the object in quotes, the cause, what to do), returns the negative errno,
 * and everybody above forwards both. Only glue (main.c, supervise.c) prints.
 */

#include <stdarg.h>

#define DIAG_TEXT_MAX 768

struct diag {
	char text[DIAG_TEXT_MAX];
};

#define DIAG_INIT          \
	{                  \
		.text = "" \
	}

/* Writes the sentence (without "oc-run: " and without a full stop at the end or a newline) and
 * returns @error unchanged, so that `return diag_set(diag, -EINVAL, ...)` reads well.
 * @diag may be NULL. */
int diag_set(struct diag *diag, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before what is already there. Returns @error. */
int diag_prefix(struct diag *diag, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
