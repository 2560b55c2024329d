/* SPDX-License-Identifier: MIT */

/*
 * Which profiles there are, and which one holds: see profile.h. The folders are listed; of each name
 * the file that comes first is the profile (the person's, the administrator's, the shipped one). To
 * find the one for a command all of them are read, in that order, so that a person's wins also by
 * what it matches. The copies in the data folder are for reading and copying: they are not looked
 * at.
 */

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"
#include "oc-run/profile.h"
#include "own-file.h"

#define SUFFIX ".conf"

struct found {
	char *path; /* NULL: a shipped one */
	char *name;
};

struct search {
	struct found *items;
	size_t count;
};

static void search_finish(struct search *search)
{
	for (size_t i = 0; i < search->count; i++) {
		free(search->items[i].path);
		free(search->items[i].name);
	}
	free(search->items);
}

static bool is_known(const struct search *search, const char *name)
{
	for (size_t i = 0; i < search->count; i++)
		if (strcmp(search->items[i].name, name) == 0)
			return true;
	return false;
}

/* One of a name that is known already is replaced by that: nothing to add. */
static int add(struct search *search, const char *name, const char *folder)
{
	struct found *grown, found = { 0 };

	if (is_known(search, name))
		return 0;
	grown = reallocarray(search->items, search->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	search->items = grown;
	found.name = strdup(name);
	if (!found.name)
		return -ENOMEM;
	if (folder && asprintf(&found.path, "%s/%s" SUFFIX, folder, name) < 0) {
		free(found.name);
		return -ENOMEM;
	}
	search->items[search->count++] = found;
	return 0;
}

static int is_profile(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return length > suffix && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + length - suffix, SUFFIX) == 0;
}

/* In the order of the C locale, wherever we run. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_entry(struct search *search, const char *folder, const struct dirent *entry,
		     struct diag *diag)
{
	_cleanup_free_ char *name = strndup(entry->d_name, strlen(entry->d_name) - strlen(SUFFIX));

	if (!name)
		return -ENOMEM;
	if (!profile_is_name(name))
		return diag_set(diag, -EINVAL,
				"\"%s/%s\" is no name of a profile; use letters, digits and dashes",
				folder, entry->d_name);
	return add(search, name, folder);
}

static int add_folder(struct search *search, const char *folder, struct diag *diag)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_profile, by_name), r = 0;

	if (count < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : diag_set(diag, -errno, "cannot read \"%s\": %s", folder,
					  strerror(errno));
	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = add_entry(search, folder, entries[i], diag);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int find_all(const struct profile_roots *roots, struct search *search, struct diag *diag)
{
	_cleanup_free_ char *user = NULL, *system = NULL;
	int r = 0;

	if (asprintf(&system, "%s/oc-run/profiles", roots->system_dir) < 0 ||
	    (roots->user_dir && asprintf(&user, "%s/profiles", roots->user_dir) < 0))
		return -ENOMEM;
	if (user)
		r = add_folder(search, user, diag);
	if (r == 0)
		r = add_folder(search, system, diag);
	for (const struct profile_builtin *one = profile_builtins; r == 0 && one->name; one++)
		r = add(search, one->name, NULL);
	return r;
}

static int load(const struct found *found, struct profile **ret, struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r;

	if (!found->path)
		return profile_new_builtin(found->name, ret, diag);
	r = own_file_read(found->path, &text, &length, diag);
	if (r == OWN_FILE_MISSING)
		return diag_set(diag, -ENOENT, "\"%s\" is gone; try again", found->path);
	if (r < 0)
		return r;
	return profile_parse(found->name, text, length, found->path, ret, diag);
}

static int fail_unknown(const struct search *search, const struct settings *settings,
			struct diag *diag)
{
	const char *name = settings->values[SETTING_PROFILE].text, *nearest;
	_cleanup_free_ const char **names = calloc(search->count, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < search->count; i++)
		names[i] = search->items[i].name;
	nearest = parse_nearest(name, names, search->count);
	(void)diag_set(diag, -EINVAL, "there is no such profile%s%s%s; see oc-run-profile(5)",
		       nearest ? "; did you mean " : "", nearest ? nearest : "",
		       nearest ? "?" : "");
	return setting_blame(diag, -EINVAL, settings, SETTING_PROFILE);
}

static int find_by_name(const struct search *search, const struct settings *settings,
			struct profile **ret, struct diag *diag)
{
	for (size_t i = 0; i < search->count; i++)
		if (strcmp(search->items[i].name, settings->values[SETTING_PROFILE].text) == 0)
			return load(&search->items[i], ret, diag);
	return fail_unknown(search, settings, diag);
}

/* The first that is for the command; else the default one. */
static int find_by_command(const struct search *search, const char *word, struct profile **ret,
			   struct diag *diag)
{
	struct profile *fallback = NULL, *profile = NULL;

	for (size_t i = 0; i < search->count; i++) {
		int r = load(&search->items[i], &profile, diag);

		if (r < 0) {
			profile_free(fallback);
			return r;
		}
		if (profile_matches(profile, word)) {
			profile_free(fallback);
			*ret = profile;
			return 0;
		}
		if (strcmp(profile->name, PROFILE_DEFAULT) == 0)
			fallback = profile;
		else
			profile_free(profile);
	}
	*ret = fallback;
	return 0;
}

int profile_find(const struct profile_roots *roots, const struct settings *settings,
		 const char *word, struct profile **ret, struct diag *diag)
{
	struct search search = { 0 };
	int r = find_all(roots, &search, diag);

	if (r == 0 && settings->values[SETTING_PROFILE].text)
		r = find_by_name(&search, settings, ret, diag);
	else if (r == 0)
		r = find_by_command(&search, word, ret, diag);
	search_finish(&search);
	return r == -ENOMEM ? diag_set(diag, r, "out of memory") : r;
}
