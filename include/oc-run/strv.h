/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists of texts, ended by NULL, as argv is; NULL is an empty one. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "oc-run/cleanup.h"

size_t strv_count(char *const *texts);
bool strv_contains(char *const *texts, const char *text);

/* Moves @text behind the others; frees it on error. -ENOMEM, also when @text is NULL. */
_must_check_ int strv_append(char ***texts, char *text);

/* Moves @text in front of the one that is at @index now (at most the count). -ENOMEM, as above. */
_must_check_ int strv_insert(char ***texts, size_t index, char *text);

/* Appends copies of the words that blanks part in @text. -ENOMEM. */
_must_check_ int strv_append_words(char ***texts, const char *text);

/* The texts with @between in between. NULL for no memory. Caller frees. */
char *strv_join(char *const *texts, const char *between);

char **strv_free(char **texts);

static inline void cleanup_strv(char ***texts)
{
	*texts = strv_free(*texts);
}

#define _cleanup_strv_ __attribute__((cleanup(cleanup_strv)))
