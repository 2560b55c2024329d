/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Numbers, sizes and durations as people write them. Pure. Every number is exact: decimal digits
 * with at most one point, worked out in integers, and what does not come out whole is refused, not
 * rounded.
 *
 * On error the sentence in @diag holds the cause and what to write instead, but not where the text
 * came from: the caller puts that in front (setting_blame()).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

#define PARSE_UNLIMITED UINT64_MAX
#define FORMAT_TEXT_MAX 64

#define KIBIBYTE (UINT64_C(1) << 10)
#define MEBIBYTE (UINT64_C(1) << 20)
#define GIBIBYTE (UINT64_C(1) << 30)
#define TEBIBYTE (UINT64_C(1) << 40)

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)

/* Decimal digits and nothing else. -EINVAL, -ERANGE. */
_must_check_ int parse_unsigned(const char *text, uint64_t *ret);

/* Decimal digits with at most one point, times @scale ("1.25" with 1000: 1250); @ret_end is set to
 * the first character that is no part of it. -EINVAL: no number; -ERANGE: above 2^64 - 2;
 * -EDOM: does not come out whole. */
_must_check_ int parse_decimal(const char *text, uint64_t scale, uint64_t *ret,
			       const char **ret_end);

/* "4G", "1.5g", "512MiB" (units of 1024), "25%" of @whole_bytes, "max" (PARSE_UNLIMITED), a bare
 * number of bytes from 1 MiB on, or 0. */
_must_check_ int parse_size(const char *text, uint64_t whole_bytes, uint64_t *ret_bytes,
			    struct diag *diag);

/* "500ms", "1.5s", "2min", "1h"; a bare number is seconds. At most a day. */
_must_check_ int parse_duration(const char *text, uint64_t *ret_usec, struct diag *diag);

/* "yes" "true" "on" "1" and their opposites. */
_must_check_ int parse_switch(const char *text, bool *ret, struct diag *diag);

/* "4.0 GiB", "512 MiB", "no limit". */
void format_bytes(uint64_t bytes, char text[FORMAT_TEXT_MAX]);

/* "3 s", "500 ms", "1.5 s", "2 min". */
void format_duration(uint64_t usec, char text[FORMAT_TEXT_MAX]);

/* How many characters have to be typed anew, dropped, added or swapped to get from @a to @b;
 * long words are compared by their first 40 characters. */
unsigned parse_distance(const char *a, const char *b);

/* The one of @count @words that a person most likely meant by @word; NULL if none is near. */
const char *parse_nearest(const char *word, const char *const *words, size_t count);
