/* SPDX-License-Identifier: MIT */

/* See profile-command.h. */

#include "oc-run/profile-command.h"
#include "oc-run/resume.h"

#include <string.h>

enum word_kind {
	WORD_OPTION,
	WORD_OPTION_WITH_VALUE, /* the next word is its value */
	WORD_DIRECTORY,
	WORD_OTHER,
};

static enum word_kind word_kind(const struct profile *profile, const char *word)
{
	/* Behind "--" all are arguments; which ones is not ours to guess. */
	if (strcmp(word, "--") == 0)
		return WORD_OTHER;
	if (word[0] == '-' && word[1])
		return strv_contains(profile->options_with_value, word) ? WORD_OPTION_WITH_VALUE
									: WORD_OPTION;
	return strchr(word, '/') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0
		       ? WORD_DIRECTORY
		       : WORD_OTHER;
}

/* The first word of that kind, before any word of WORD_OTHER. 0: none. */
static size_t find_word(const struct profile *profile, char *const *argv, enum word_kind wanted)
{
	for (size_t i = 1; argv[0] && argv[i]; i++) {
		enum word_kind kind = word_kind(profile, argv[i]);

		if (kind == wanted)
			return i;
		if (kind == WORD_OTHER)
			return 0;
		if (kind == WORD_OPTION_WITH_VALUE && argv[i + 1])
			i++;
	}
	return 0;
}

size_t profile_subcommand(const struct profile *profile, char *const *argv)
{
	return find_word(profile, argv, WORD_OTHER);
}

const char *profile_directory(const struct profile *profile, char *const *argv)
{
	size_t index = 0;

	if (profile_subcommand(profile, argv) == 0)
		index = find_word(profile, argv, WORD_DIRECTORY);
	return index > 0 ? argv[index] : NULL;
}

/* "--port" stands there also as "--port=1". */
static bool stands_in(char *const *words, const char *word)
{
	for (; words && *words; words++) {
		size_t length = strlen(*words);

		if (strncmp(word, *words, length) == 0 &&
		    (!word[length] || (word[length] == '=' && strncmp(word, "--", 2) == 0)))
			return true;
	}
	return false;
}

bool profile_settles_server(const struct profile *profile, char *const *argv)
{
	for (size_t i = 1; argv[0] && argv[i]; i++) {
		if (strcmp(argv[i], "--") == 0)
			return false;
		if (stands_in(profile->private_server_unless, argv[i]) ||
		    (profile->private_server && strcmp(argv[i], profile->private_server) == 0))
			return true;
	}
	return false;
}

bool profile_takes_private_server(const struct profile *profile, char *const *argv)
{
	size_t index = profile_subcommand(profile, argv);

	if (!profile->private_server || profile_settles_server(profile, argv))
		return false;
	return index == 0 || strv_contains(profile->private_server_with, argv[index]);
}

int profile_add_private_server(const struct profile *profile, char ***argv)
{
	return strv_insert(argv, profile_subcommand(profile, *argv) + 1,
			   strdup(profile->private_server));
}

/* The words that stay; without a directory's, which is no option, nothing else can be among them. */
static int keep_words(const struct profile *profile, char *const *argv, char ***ret)
{
	int r = strv_append(ret, strdup(argv[0]));

	for (size_t i = 1; r == 0 && argv[i]; i++) {
		bool has_value =
			word_kind(profile, argv[i]) == WORD_OPTION_WITH_VALUE && argv[i + 1];
		bool stays = !stands_in(profile->resume_drops, argv[i]);

		if (stays)
			r = strv_append(ret, strdup(argv[i]));
		if (r == 0 && stays && has_value)
			r = strv_append(ret, strdup(argv[i + 1]));
		i += has_value;
	}
	return r;
}

int profile_resume_command(const struct profile *profile, char *const *argv, const char *id,
			   char ***ret_argv)
{
	_cleanup_strv_ char **words = NULL;
	int r;

	if (!profile->resume || profile_subcommand(profile, argv) > 0)
		return -ENOTSUP;
	r = keep_words(profile, argv, &words);
	for (char **word = profile->resume; r == 0 && *word; word++)
		r = strv_append(&words, resume_word(*word, id));
	if (r == 0)
		*ret_argv = take_pointer(words);
	return r;
}
