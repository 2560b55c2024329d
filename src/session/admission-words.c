/* SPDX-License-Identifier: MIT */

/* Who takes a place, and how that is said. */

#include <stdio.h>
#include <string.h>

#include "oc-run/admission.h"

#define NAMED_MAX 5
#define ID_SHOWN 8

static bool lives(const struct registry_session *session)
{
	return session->is_held && session->same_boot;
}

bool admission_is_inside(const struct registry_session *sessions, size_t count, const char *outer)
{
	for (size_t i = 0; outer && i < count; i++)
		if (lives(&sessions[i]) && strcmp(sessions[i].id, outer) == 0)
			return true;
	return false;
}

static bool takes_place(const struct registry_session *sessions, size_t count, size_t index)
{
	return lives(&sessions[index]) &&
	       !admission_is_inside(sessions, count, sessions[index].outer);
}

size_t admission_count(const struct registry_session *sessions, size_t count)
{
	size_t places = 0;

	for (size_t i = 0; i < count; i++)
		places += takes_place(sessions, count, i);
	return places;
}

static void print_names(FILE *out, const struct registry_session *sessions, size_t count,
			size_t places)
{
	size_t named = 0;

	for (size_t i = 0; i < count && named < NAMED_MAX; i++) {
		if (!takes_place(sessions, count, i))
			continue;
		(void)fprintf(out, "%s%.*s", named ? ", " : ": ", ID_SHOWN, sessions[i].id);
		if (sessions[i].name)
			(void)fprintf(out, " \"%s\"", sessions[i].name);
		named++;
	}
	if (places > named)
		(void)fprintf(out, " and %zu more", places - named);
}

char *admission_words(const struct registry_session *sessions, size_t count, size_t ahead)
{
	size_t places = admission_count(sessions, count), size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fprintf(out, "%zu session%s", places, places == 1 ? " runs" : "s run");
	if (ahead > 0)
		(void)fprintf(out, " and %zu wait%s already", ahead, ahead == 1 ? "s" : "");
	print_names(out, sessions, count, places);
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}
