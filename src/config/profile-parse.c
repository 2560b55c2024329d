/* SPDX-License-Identifier: MIT */

/*
 * The text of a profile becomes a struct profile. A key stands once, or adds to what it said
 * before where it is a list; "like" takes over a shipped profile, whose values the file's own then
 * replace. Pure.
 */

#include <ctype.h>
#include <string.h>

#include "ini-text.h"
#include "profile-keys.h"

struct taking {
	struct profile *profile;
	uint32_t seen; /* a bit for each key */
};

#define SEEN_LIKE (UINT32_C(1) << (PROFILE_KEYS_MAX - 1))

bool profile_is_name(const char *name)
{
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return false;
	return name[0] && name[0] != '.' && name[0] != '-' && strlen(name) <= 64;
}

int profile_version_parse(const char *text, struct profile_version *ret)
{
	struct profile_version version = { { 0 } };
	const char *at = text + strcspn(text, "0123456789");

	if (!*at)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(version.parts) && isdigit((unsigned char)*at); i++) {
		while (isdigit((unsigned char)*at) && version.parts[i] < 100000000)
			version.parts[i] = version.parts[i] * 10 + (unsigned)(*at++ - '0');
		at += *at == '.';
	}
	*ret = version;
	return 0;
}

int profile_version_compare(const struct profile_version *a, const struct profile_version *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->parts); i++)
		if (a->parts[i] != b->parts[i])
			return a->parts[i] < b->parts[i] ? -1 : 1;
	return 0;
}

static int fail_unknown(const char *key, struct diag *diag)
{
	const char *nearest = profile_key_nearest(key);

	if (nearest)
		return diag_set(diag, -EINVAL, "unknown key \"%.60s\"; did you mean \"%s\"?", key,
				nearest);
	return diag_set(diag, -EINVAL,
			"unknown key \"%.60s\"; oc-run-profile(5) lists those that there are", key);
}

static const struct profile_builtin *find_builtin(const char *name)
{
	for (const struct profile_builtin *one = profile_builtins; one->name; one++)
		if (strcmp(one->name, name) == 0)
			return one;
	return NULL;
}

static int take_builtin(struct profile *profile, const struct profile_builtin *builtin,
			struct diag *diag);

static int take_like(struct taking *taking, const char *value, struct diag *diag)
{
	const struct profile_builtin *builtin = find_builtin(value);
	int r;

	if (taking->seen)
		return diag_set(diag, -EINVAL, "\"like\" stands once, and before all other keys");
	if (!builtin)
		return diag_set(diag, -EINVAL, "oc-run ships no profile \"%.60s\"", value);
	r = take_builtin(taking->profile, builtin, diag);
	if (r < 0)
		return r;
	/* What the new one is for, it says itself. */
	taking->profile->commands = strv_free(taking->profile->commands);
	taking->seen = SEEN_LIKE;
	return 0;
}

static int take_key(void *userdata, const char *name, const char *value, unsigned line,
		    struct diag *diag)
{
	struct taking *taking = userdata;
	const struct profile_key *key = profile_key_find(name);
	uint32_t bit = key ? UINT32_C(1) << profile_key_number(key) : 0;
	char *place = (char *)taking->profile + (key ? key->offset : 0);

	(void)line;
	if (strcmp(name, "like") == 0)
		return take_like(taking, value, diag);
	if (!key)
		return fail_unknown(name, diag);
	if (!*value)
		return diag_set(diag, -EINVAL, "\"%s\" has no value; write \"none\" for nothing",
				name);
	if ((taking->seen & bit) && !key->may_repeat)
		return diag_set(diag, -EINVAL, "\"%s\" stands here a second time", name);
	if (!(taking->seen & bit) || strcmp(value, "none") == 0)
		key->clear(place);
	taking->seen |= bit;
	return strcmp(value, "none") == 0 ? 0 : key->take(place, value, diag);
}

static int take_text(struct profile *profile, const char *text, size_t length, const char *where,
		     struct diag *diag)
{
	struct taking taking = { .profile = profile };

	return ini_text_parse(text, length, where, take_key, &taking, diag);
}

static int take_builtin(struct profile *profile, const struct profile_builtin *builtin,
			struct diag *diag)
{
	return take_text(profile, builtin->text, strlen(builtin->text), builtin->name, diag);
}

int profile_parse(const char *name, const char *text, size_t length, const char *where,
		  struct profile **ret, struct diag *diag)
{
	struct profile *profile = calloc(1, sizeof(*profile));
	int r = -ENOMEM;

	if (profile) {
		profile->name = strdup(name);
		profile->where = strdup(where);
	}
	if (profile && profile->name && profile->where)
		r = take_text(profile, text, length, where, diag);
	if (r < 0) {
		profile_free(profile);
		return r == -ENOMEM ? diag_set(diag, r, "out of memory") : r;
	}
	*ret = profile;
	return 0;
}

int profile_new_builtin(const char *name, struct profile **ret, struct diag *diag)
{
	const struct profile_builtin *builtin = find_builtin(name);

	if (!builtin)
		return -ENOENT;
	return profile_parse(name, builtin->text, strlen(builtin->text), PROFILE_BUILT_IN, ret,
			     diag);
}

struct profile *profile_free(struct profile *profile)
{
	if (!profile)
		return NULL;
	profile_keys_clear(profile);
	free(profile->name);
	free(profile->where);
	free(profile);
	return NULL;
}
