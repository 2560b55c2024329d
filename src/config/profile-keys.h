/* SPDX-License-Identifier: MIT */
#pragma once

/* The keys of a profile: their names, and where each one's value goes. */

#include "oc-run/profile.h"

struct profile_key {
	const char *name;
	/* Gives the text its meaning; a list grows. -EINVAL with the cause in @diag, -ENOMEM. */
	int (*take)(void *place, const char *value, struct diag *diag);
	/* Back to nothing. */
	void (*clear)(void *place);
	size_t offset; /* of the place in struct profile */
	bool may_repeat;
};

#define PROFILE_KEYS_MAX 32

const struct profile_key *profile_key_find(const char *name);
size_t profile_key_number(const struct profile_key *key);

/* The key that was most likely meant; NULL if none is near. */
const char *profile_key_nearest(const char *name);

void profile_keys_clear(struct profile *profile);
