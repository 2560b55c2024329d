/* SPDX-License-Identifier: MIT */

/* See strv.h. Lists are short: each append counts and grows by one. */

#include "oc-run/strv.h"

#include <string.h>

static const char blanks[] = " \t";

size_t strv_count(char *const *texts)
{
	size_t count = 0;

	while (texts && texts[count])
		count++;
	return count;
}

bool strv_contains(char *const *texts, const char *text)
{
	for (; texts && *texts; texts++)
		if (strcmp(*texts, text) == 0)
			return true;
	return false;
}

int strv_insert(char ***texts, size_t index, char *text)
{
	size_t count = strv_count(*texts);
	char **grown;

	if (!text)
		return -ENOMEM;
	grown = reallocarray(*texts, count + 2, sizeof(*grown));
	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	memmove(grown + index + 1, grown + index, (count - index) * sizeof(*grown));
	grown[index] = text;
	grown[count + 1] = NULL;
	*texts = grown;
	return 0;
}

int strv_append(char ***texts, char *text)
{
	return strv_insert(texts, strv_count(*texts), text);
}

int strv_append_words(char ***texts, const char *text)
{
	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t length = strcspn(text, blanks);
		int r = strv_append(texts, strndup(text, length));

		if (r < 0)
			return r;
		text += length;
	}
	return 0;
}

char *strv_join(char *const *texts, const char *between)
{
	size_t length = 1;
	char *joined, *at;

	for (size_t i = 0; texts && texts[i]; i++)
		length += strlen(texts[i]) + strlen(between);
	joined = at = malloc(length);
	if (!joined)
		return NULL;
	*at = '\0';
	for (size_t i = 0; texts && texts[i]; i++)
		at = stpcpy(stpcpy(at, i ? between : ""), texts[i]);
	return joined;
}

char **strv_free(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
	return NULL;
}
