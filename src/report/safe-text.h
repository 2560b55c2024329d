/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names and command lines come from the processes themselves: whoever runs one chooses its bytes.
 * Before they are shown they pass through here, so that none can move a cursor, retitle a window,
 * turn the reading direction or make broken JSON. Pure.
 */

#include <stddef.h>
#include <stdio.h>

/* Prints @text on one line: control characters, invisible and direction-changing ones and bytes
 * that are not UTF-8 as \xNN; cut to @columns characters, "..." included. */
void safe_text_print(FILE *out, const char *text, size_t columns);

/* Copy with every byte that is not UTF-8 replaced by U+FFFD; NULL for no memory. Caller frees. */
char *safe_text_utf8(const char *text);

/* The last component of a path, never empty: "opencode" of "/usr/bin/opencode". */
const char *safe_text_base_name(const char *path);
