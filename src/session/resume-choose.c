/* SPDX-License-Identifier: MIT */

/* The pure half of resume.h. */

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/resume.h"

/* What is put into a command line that a person may paste. */
static bool is_id(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return strncmp(text, "ses_", 4) == 0 && text[4] && strlen(text) < 100 &&
	       text[strspn(text, letters)] == '\0';
}

static const char *fitting_id(const cJSON *session, const char *directory, uint64_t since_msec)
{
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(session, "id"));
	const char *where = cJSON_GetStringValue(cJSON_GetObjectItem(session, "directory"));
	const cJSON *updated = cJSON_GetObjectItem(session, "updated");

	if (!id || !where || !cJSON_IsNumber(updated) || !is_id(id) ||
	    strcmp(where, directory) != 0 || updated->valuedouble < (double)since_msec)
		return NULL;
	return id;
}

int resume_choose(const char *json, const char *directory, uint64_t since_msec, char **ret_id)
{
	cJSON *list = cJSON_Parse(json), *session;
	const char *only = NULL;
	size_t fitting = 0;
	int r = -ENOENT;

	if (!cJSON_IsArray(list)) {
		cJSON_Delete(list);
		return -EINVAL;
	}
	cJSON_ArrayForEach(session, list) {
		const char *id = fitting_id(session, directory, since_msec);

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
