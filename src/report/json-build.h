/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Building JSON with cJSON, with what it lacks: numbers are exact (cJSON keeps doubles and prints
 * them in its own way, so integers go in as raw text), and text is UTF-8 whatever a process chose.
 *
 * cJSON's adders return NULL when memory runs out, and take NULL; that is only noted in
 * json->failed, to be looked at once at the end. Pure. Inside src/report and
 * src/ctl only.
 */

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct json {
	bool failed;
};

cJSON *json_new_object(struct json *json);
cJSON *json_add_object(struct json *json, cJSON *parent, const char *name);
cJSON *json_add_array(struct json *json, cJSON *parent, const char *name);
cJSON *json_append_object(struct json *json, cJSON *array);
void json_add_null(struct json *json, cJSON *parent, const char *name);
void json_add_bool(struct json *json, cJSON *parent, const char *name, bool value);

/* NULL gives null. */
void json_add_text(struct json *json, cJSON *parent, const char *name, const char *text);
void json_append_text(struct json *json, cJSON *array, const char *text);
void json_add_number(struct json *json, cJSON *parent, const char *name, uint64_t value);

/* "max" is null. */
void json_add_limit_value(struct json *json, cJSON *parent, const char *name, uint64_t value);

/* Seconds with thousandths, without a detour through floating point and the locale's comma. */
void json_add_seconds(struct json *json, cJSON *parent, const char *name, uint64_t usec);

/* With hundredths, the same way. */
void json_add_percent(struct json *json, cJSON *parent, const char *name, double percent);

/* RFC 3339, UTC. */
void json_add_time(struct json *json, cJSON *parent, const char *name, uint64_t realtime_usec);

/* "signal": 15, "signal_name": "SIGTERM" */
void json_add_signal(struct json *json, cJSON *parent, int signal_number);

/* Prints and frees @object; NULL if anything had failed. Caller frees. */
char *json_finish(const struct json *json, cJSON *object, bool indent);
