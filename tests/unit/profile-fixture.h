/* SPDX-License-Identifier: MIT */
#pragma once

/* Profiles for tests: the shipped ones, and from a few lines. */

#include "oc-run/profile.h"
#include "unit.h"

/* The shipped one for @word; it stays until the end of the test. */
static inline const struct profile *shipped_profile_for(const char *word)
{
	static struct profile *shipped[32];
	const struct profile *fallback = NULL;
	size_t count = 0;

	for (const struct profile_builtin *one = profile_builtins; one->name; one++, count++) {
		expect(count < ARRAY_SIZE(shipped));
		if (!shipped[count])
			expect_int(profile_new_builtin(one->name, &shipped[count], NULL), 0);
		if (profile_matches(shipped[count], word))
			return shipped[count];
		if (strcmp(one->name, PROFILE_DEFAULT) == 0)
			fallback = shipped[count];
	}
	expect(fallback != NULL);
	return fallback;
}
