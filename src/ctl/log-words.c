/* SPDX-License-Identifier: MIT */

/* See log-words.h; oc-run(1), HISTORY, says what stands in a line. */

#include "log-words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "oc-run/parse.h"
#include "oc-run/session-record.h"

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static uint64_t number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

bool log_time(const cJSON *line, uint64_t *ret_usec)
{
	const char *text = text_of(line, "time"), *rest;
	struct tm parts = { 0 };
	double fraction = 0;

	rest = text && text_of(line, "event") ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
	if (!rest || (*rest == '.' && sscanf(rest, "%lf", &fraction) != 1))
		return false;
	*ret_usec = (uint64_t)timegm(&parts) * USEC_PER_SEC + (uint64_t)(fraction * 1e6 + 0.5);
	return true;
}

static void started_words(const cJSON *line, char text[LOG_WORDS_MAX])
{
	const char *command = text_of(line, "command"), *backend = text_of(line, "backend");

	(void)snprintf(text, LOG_WORDS_MAX, "%.200s (%.40s)", command ? command : "?",
		       backend ? backend : "?");
}

static void victim_words(const cJSON *victim, char text[LOG_WORDS_MAX])
{
	const char *name = text_of(victim, "name");
	uint64_t bytes = number_of(victim, "bytes");
	char size[FORMAT_TEXT_MAX] = "";

	text[0] = '\0';
	if (!victim)
		return;
	if (bytes > 0)
		format_bytes(bytes, size);
	(void)snprintf(text, LOG_WORDS_MAX, "%.64s (pid %llu%s%s)", name ? name : "?",
		       (unsigned long long)number_of(victim, "pid"), size[0] ? ", " : "", size);
}

static void memory_words(const cJSON *memory, char text[LOG_WORDS_MAX])
{
	uint64_t bytes = number_of(memory, "unreclaimable_bytes");
	char size[FORMAT_TEXT_MAX];

	if (bytes == 0)
		return;
	format_bytes(bytes, size);
	(void)snprintf(text, LOG_WORDS_MAX, "%s in use", size);
}

void log_words(const cJSON *line, char text[LOG_WORDS_MAX])
{
	const char *event = text_of(line, "event"), *detail = text_of(line, "detail");
	const char *summary = text_of(line, "summary");
	size_t length;

	text[0] = '\0';
	if (event && strcmp(event, "started") == 0) {
		started_words(line, text);
	} else if (event && strcmp(event, "lost") == 0) {
		(void)snprintf(text, LOG_WORDS_MAX, "oc-run was killed");
	} else if (summary) {
		(void)snprintf(text, LOG_WORDS_MAX, "%s", summary);
	} else {
		victim_words(cJSON_GetObjectItemCaseSensitive(line, "victim"), text);
		length = strlen(text);
		if (!detail && length == 0)
			memory_words(cJSON_GetObjectItemCaseSensitive(line, "memory"), text);
		else if (detail)
			(void)snprintf(text + length, LOG_WORDS_MAX - length, "%s%s",
				       length > 0 ? ": " : "", detail);
	}
}

int log_parse_since(const char *text, struct log_since *ret, struct diag *diag)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S" };

	*ret = (struct log_since){ .is_date = true };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm parts = { .tm_isdst = -1 };
		const char *rest = strptime(text, forms[i], &parts);

		if (!rest || *rest != '\0')
			continue;
		ret->date = parts;
		return 0;
	}
	if (strchr(text, '-'))
		return diag_set(diag, -EINVAL,
				"is no time; give 2h, 2026-11-23 or \"2026-11-23 10:30\"");
	ret->is_date = false;
	return parse_duration(text, &ret->ago_usec, diag);
}

static bool is_in(const char *list, const char *word, size_t length)
{
	while (*list) {
		size_t size = strcspn(list, ",");

		if (size == length && strncmp(list, word, size) == 0)
			return true;
		list += size + (list[size] == ',');
	}
	return false;
}

static bool is_kind(const char *word, size_t length)
{
	for (int kind = 0; kind < RECORD_EVENT_KIND_COUNT; kind++)
		if (is_in(record_event_kind_name((enum record_event_kind)kind), word, length))
			return true;
	return is_in("started,ended,lost", word, length);
}

int log_check_kinds(const char *list, struct diag *diag)
{
	const char *word = list;

	do {
		size_t length = strcspn(word, ",");

		if (!is_kind(word, length))
			return diag_set(
				diag, -EINVAL,
				"\"%.*s\" is no kind of event; the EVENT of `oc-ctl log` names "
				"them, as in oom-kill,tool-ended",
				length < 60 ? (int)length : 60, word);
		word += length + (word[length] == ',');
	} while (*word);
	return 0;
}

bool log_is_wanted(const cJSON *line, const char *list)
{
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, "event"));

	return !list || (kind && is_in(list, kind, strlen(kind)));
}
