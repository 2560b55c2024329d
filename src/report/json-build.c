/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json-build.h"
#include "oc-run/cleanup.h"
#include "oc-run/limits.h"
#include "report-time.h"
#include "safe-text.h"

static cJSON *check(struct json *json, cJSON *item)
{
	if (!item)
		json->failed = true;
	return item;
}

cJSON *json_new_object(struct json *json)
{
	return check(json, cJSON_CreateObject());
}

cJSON *json_add_object(struct json *json, cJSON *parent, const char *name)
{
	return check(json, cJSON_AddObjectToObject(parent, name));
}

cJSON *json_add_array(struct json *json, cJSON *parent, const char *name)
{
	return check(json, cJSON_AddArrayToObject(parent, name));
}

cJSON *json_append_object(struct json *json, cJSON *array)
{
	cJSON *object = check(json, cJSON_CreateObject());

	if (object && !cJSON_AddItemToArray(array, object)) {
		cJSON_Delete(object);
		json->failed = true;
		return NULL;
	}
	return object;
}

void json_add_null(struct json *json, cJSON *parent, const char *name)
{
	(void)check(json, cJSON_AddNullToObject(parent, name));
}

void json_add_bool(struct json *json, cJSON *parent, const char *name, bool value)
{
	(void)check(json, cJSON_AddBoolToObject(parent, name, value));
}

void json_add_text(struct json *json, cJSON *parent, const char *name, const char *text)
{
	_cleanup_free_ char *clean = text ? safe_text_utf8(text) : NULL;

	if (!text)
		json_add_null(json, parent, name);
	else if (!clean || !cJSON_AddStringToObject(parent, name, clean))
		json->failed = true;
}

void json_append_text(struct json *json, cJSON *array, const char *text)
{
	_cleanup_free_ char *clean = safe_text_utf8(text);
	cJSON *item = clean ? cJSON_CreateString(clean) : NULL;

	if (!item || !cJSON_AddItemToArray(array, item)) {
		cJSON_Delete(item);
		json->failed = true;
	}
}

void json_add_number(struct json *json, cJSON *parent, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	(void)check(json, cJSON_AddRawToObject(parent, name, text));
}

void json_add_limit_value(struct json *json, cJSON *parent, const char *name, uint64_t value)
{
	if (value == LIMIT_UNLIMITED)
		json_add_null(json, parent, name);
	else
		json_add_number(json, parent, name, value);
}

void json_add_seconds(struct json *json, cJSON *parent, const char *name, uint64_t usec)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", usec / 1000000,
		       (unsigned)(usec / 1000 % 1000));
	(void)check(json, cJSON_AddRawToObject(parent, name, text));
}

void json_add_percent(struct json *json, cJSON *parent, const char *name, double percent)
{
	uint64_t hundredths = percent > 0 ? (uint64_t)(percent * 100 + 0.5) : 0;

	/* Thousandths of a second have the same form. */
	json_add_seconds(json, parent, name, hundredths * 10000);
}

void json_add_time(struct json *json, cJSON *parent, const char *name, uint64_t realtime_usec)
{
	char text[REPORT_TIME_MAX];

	report_time_format(realtime_usec, text);
	json_add_text(json, parent, name, text);
}

void json_add_signal(struct json *json, cJSON *parent, int signal_number)
{
	const char *abbreviation = sigabbrev_np(signal_number);
	char name[24];

	json_add_number(json, parent, "signal", (uint64_t)signal_number);
	(void)snprintf(name, sizeof(name), "SIG%s", abbreviation ? abbreviation : "");
	json_add_text(json, parent, "signal_name", abbreviation ? name : NULL);
}

char *json_finish(const struct json *json, cJSON *object, bool indent)
{
	char *text = NULL, *copy = NULL;

	if (object && !json->failed)
		text = indent ? cJSON_Print(object) : cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (text && asprintf(&copy, indent ? "%s\n" : "%s", text) < 0)
		copy = NULL;
	cJSON_free(text);
	return copy;
}
