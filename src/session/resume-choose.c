/* SPDX-License-Identifier: MIT */

/* The pure half of resume.h. */

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/resume.h"

#define ID_MARK "{id}"

/* What is put into a command line that a person may paste. */
static bool is_id(const char *text)
{
	static const char letters[] =
		"-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return text[0] && text[0] != '-' && strlen(text) < 100 && !text[strspn(text, letters)];
}

static const char *fitting_id(const cJSON *session, char *const *keys, const char *directory,
			      uint64_t since_msec)
{
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(session, keys[0]));
	const char *where = cJSON_GetStringValue(cJSON_GetObjectItem(session, keys[1]));
	const cJSON *updated = cJSON_GetObjectItem(session, keys[2]);

	if (!id || !where || !cJSON_IsNumber(updated) || !is_id(id) ||
	    strcmp(where, directory) != 0 || updated->valuedouble < (double)since_msec)
		return NULL;
	return id;
}

int resume_choose(const char *json, char *const *keys, const char *directory, uint64_t since_msec,
		  char **ret_id)
{
	static const char id_key[] = "id", directory_key[] = "directory", time_key[] = "updated";
	char *const usual[] = { (char *)id_key, (char *)directory_key, (char *)time_key };
	cJSON *list = cJSON_Parse(json), *session;
	const char *only = NULL;
	size_t fitting = 0;
	int r = -ENOENT;

	if (!cJSON_IsArray(list)) {
		cJSON_Delete(list);
		return -EINVAL;
	}
	cJSON_ArrayForEach(session, list) {
		const char *id = fitting_id(session, keys ? keys : usual, directory, since_msec);

		if (id) {
			only = id;
			fitting++;
		}
	}
	if (fitting == 1) {
		*ret_id = strdup(only);
		r = *ret_id ? 0 : -ENOMEM;
	}
	cJSON_Delete(list);
	return r;
}

char *resume_word(const char *word, const char *id)
{
	const char *mark = strstr(word, ID_MARK);
	char *text;

	if (!mark)
		return strdup(word);
	return asprintf(&text, "%.*s%s%s", (int)(mark - word), word, id, mark + strlen(ID_MARK)) < 0
		       ? NULL
		       : text;
}

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/._-+=:@%,";

	return word[0] && !word[strspn(word, plain)];
}

/* In single quotes, which are the only thing that needs more. */
static void print_quoted(FILE *out, const char *word)
{
	(void)fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			(void)fputs("'\\'", out);
		(void)fputc(*word, out);
	}
	(void)fputc('\'', out);
}

char *resume_shell_words(char *const *words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; words[i]; i++) {
		(void)fputs(i ? " " : "", out);
		if (is_plain(words[i]))
			(void)fputs(words[i], out);
		else
			print_quoted(out, words[i]);
	}
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}
