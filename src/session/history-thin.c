/* SPDX-License-Identifier: MIT */

/* Which lines of a history stay: those with an event, and the samples that timeline.h chooses. A
 * line that makes no sense (the disk was full, or somebody edited) goes. */

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "history-internal.h"
#include "oc-run/parse.h"
#include "oc-run/timeline.h"

struct line {
	const char *text;
	size_t length; /* with its newline */
	bool stays;
};

struct lines {
	struct line *items;
	size_t count;
	struct timeline_sample *samples;
	size_t *places; /* of each sample among the lines */
	size_t sample_count;
};

static size_t count_newlines(const char *text, size_t length)
{
	size_t count = 0;

	for (const char *at = text; (at = memchr(at, '\n', length - (size_t)(at - text))); at++)
		count++;
	return count;
}

static uint64_t number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static uint64_t usec_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0
		       ? (uint64_t)(item->valuedouble * (double)USEC_PER_SEC + 0.5)
		       : 0;
}

static void take_sample(struct lines *lines, const cJSON *object)
{
	struct timeline_sample *sample = &lines->samples[lines->sample_count];

	*sample = (struct timeline_sample){
		.at_usec = usec_of(object, "at_seconds"),
		.memory_bytes = number_of(object, "unreclaimable"),
		.current_bytes = number_of(object, "memory"),
		.swap_bytes = number_of(object, "swap"),
		.tasks = number_of(object, "tasks"),
	};
	/* They are in order; should one not be, it is no sample that we wrote. */
	if (lines->sample_count > 0 && sample->at_usec < sample[-1].at_usec)
		return;
	lines->places[lines->sample_count++] = lines->count;
}

static void take_line(struct lines *lines, const char *text, size_t length)
{
	struct line *line = &lines->items[lines->count];
	cJSON *object = cJSON_ParseWithLength(text, length);

	*line = (struct line){ .text = text, .length = length };
	if (cJSON_GetObjectItemCaseSensitive(object, "event"))
		line->stays = true;
	else if (cJSON_IsObject(object))
		take_sample(lines, object);
	lines->count++;
	cJSON_Delete(object);
}

static int choose(struct lines *lines)
{
	_cleanup_free_ bool *keep = calloc(lines->sample_count + 1, sizeof(*keep));
	size_t last = lines->sample_count;

	if (!keep)
		return -ENOMEM;
	if (last == 0)
		return 0;
	(void)timeline_thin(lines->samples, last, lines->samples[last - 1].at_usec, keep);
	for (size_t i = 0; i < last; i++)
		lines->items[lines->places[i]].stays = keep[i];
	return 0;
}

static int join(const struct lines *lines, size_t room, char **ret_text, size_t *ret_length)
{
	char *text = malloc(room + 1), *at = text;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < lines->count; i++) {
		if (!lines->items[i].stays)
			continue;
		memcpy(at, lines->items[i].text, lines->items[i].length);
		at += lines->items[i].length;
	}
	*ret_text = text;
	*ret_length = (size_t)(at - text);
	return 0;
}

static int thin(struct lines *lines, const char *text, size_t length, char **ret_text,
		size_t *ret_length)
{
	const char *newline;
	int r;

	for (const char *at = text; (newline = memchr(at, '\n', length - (size_t)(at - text)));
	     at = newline + 1)
		take_line(lines, at, (size_t)(newline - at) + 1);
	r = choose(lines);
	return r < 0 ? r : join(lines, length, ret_text, ret_length);
}

int history_thin_text(const char *text, size_t length, char **ret_text, size_t *ret_length)
{
	size_t most = count_newlines(text, length) + 1;
	struct lines lines = {
		.items = calloc(most, sizeof(*lines.items)),
		.samples = calloc(most, sizeof(*lines.samples)),
		.places = calloc(most, sizeof(*lines.places)),
	};
	int r = -ENOMEM;

	if (lines.items && lines.samples && lines.places)
		r = thin(&lines, text, length, ret_text, ret_length);
	free(lines.items);
	free(lines.samples);
	free(lines.places);
	return r;
}
