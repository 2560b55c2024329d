/* SPDX-License-Identifier: MIT */

/* Which session a person means. Pure. */

#include <string.h>

#include "ctl.h"
#include "oc-run/parse.h"

#define ID_LEAST 8
#define NAMED_MAX 6 /* in an error */

static bool is_meant(const struct registry_session *session, const char *word)
{
	return strncmp(session->id, word, strlen(word)) == 0 ||
	       (session->name && strcmp(session->name, word) == 0);
}

/* "9f2c11aa (opencode), 77aa0b12 (work)" */
static void name_some(const struct registry_session *sessions, size_t count, const char *word,
		      char *text, size_t size)
{
	size_t length = 0, named = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && length < size; i++) {
		if (word && !is_meant(&sessions[i], word))
			continue;
		if (named++ == NAMED_MAX) {
			(void)snprintf(text + length, size - length, ", ...");
			return;
		}
		length += (size_t)snprintf(text + length, size - length, "%s%.12s (%.40s)",
					   named > 1 ? ", " : "", sessions[i].id,
					   sessions[i].name ? sessions[i].name : "no name");
	}
}

static int complain_none(const struct registry_session *sessions, size_t count, const char *word,
			 struct diag *diag)
{
	_cleanup_free_ const char **names = calloc(2 * count + 1, sizeof(*names));
	const char *nearest = NULL;
	char some[DIAG_TEXT_MAX / 2];
	size_t used = 0;

	if (count == 0)
		return diag_set(diag, -ENOENT, "no session runs, so \"%.100s\" is none of them",
				word);
	for (size_t i = 0; names && i < count; i++) {
		names[used++] = sessions[i].id;
		if (sessions[i].name)
			names[used++] = sessions[i].name;
	}
	if (names)
		nearest = parse_nearest(word, names, used);
	if (nearest)
		return diag_set(diag, -ENOENT,
				"there is no session \"%.100s\"; did you mean \"%.100s\"?", word,
				nearest);
	name_some(sessions, count, NULL, some, sizeof(some));
	return diag_set(diag, -ENOENT, "there is no session \"%.100s\"; there are: %s", word, some);
}

int ctl_find(const struct registry_session *sessions, size_t count, const char *word,
	     size_t *ret_index, struct diag *diag)
{
	char some[DIAG_TEXT_MAX / 2];
	size_t found = 0, index = 0;

	for (size_t i = 0; word[0] && i < count; i++) {
		if (strcmp(sessions[i].id, word) == 0) {
			*ret_index = i;
			return 0;
		}
		if (is_meant(&sessions[i], word)) {
			found++;
			index = i;
		}
	}
	if (found == 0)
		return complain_none(sessions, count, word, diag);
	if (found > 1) {
		name_some(sessions, count, word, some, sizeof(some));
		return diag_set(diag, -ENOTUNIQ, "\"%.100s\" can be several sessions: %s", word,
				some);
	}
	*ret_index = index;
	return 0;
}

static bool are_apart(const struct registry_session *sessions, size_t count, size_t length)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (strncmp(sessions[i].id, sessions[j].id, length) == 0)
				return false;
	return true;
}

size_t ctl_id_length(const struct registry_session *sessions, size_t count)
{
	size_t length = ID_LEAST;

	while (length < sizeof(sessions->id) - 1 && !are_apart(sessions, count, length))
		length++;
	return length;
}
