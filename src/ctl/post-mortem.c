/* SPDX-License-Identifier: MIT */

/* See post-mortem.h; oc-run(1), HISTORY, says what stands in a line. */

#include "post-mortem.h"

#include <stdio.h>
#include <string.h>

#include "log-words.h"
#include "oc-run/parse.h"
#include "timeline-svg.h"

struct facts {
	post_mortem_fact each;
	void *userdata;
};

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static const cJSON *item_of(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool find_number(const cJSON *object, const char *key, uint64_t *ret)
{
	const cJSON *item = item_of(object, key);

	if (!cJSON_IsNumber(item) || item->valuedouble < 0)
		return false;
	*ret = (uint64_t)item->valuedouble;
	return true;
}

/* The last line of its kind, or NULL. */
static const cJSON *find_event(const cJSON *lines, const char *kind)
{
	const cJSON *line, *found = NULL;

	cJSON_ArrayForEach(line, lines) {
		const char *event = text_of(line, "event");

		if (event && strcmp(event, kind) == 0)
			found = line;
	}
	return found;
}

static void tell(const struct facts *facts, const char *label, const char *value)
{
	if (label && value && value[0])
		facts->each(label, value, facts->userdata);
}

static void tell_bytes(const struct facts *facts, const char *label, const cJSON *object,
		       const char *key)
{
	char text[FORMAT_TEXT_MAX];
	uint64_t bytes;

	if (!find_number(object, key, &bytes))
		return;
	format_bytes(bytes, text);
	tell(facts, label, text);
}

static void tell_number(const struct facts *facts, const char *label, const cJSON *object,
			const char *key)
{
	uint64_t number;
	char text[32];

	if (!find_number(object, key, &number))
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	tell(facts, label, text);
}

static void tell_limit(const struct facts *facts, const cJSON *limit)
{
	const char *name = text_of(limit, "name"), *unit = text_of(limit, "unit");
	const char *enforcer = text_of(limit, "enforced_by");
	char label[64], amount[FORMAT_TEXT_MAX], text[160];
	uint64_t value;

	if (!name || !find_number(limit, "value", &value))
		return;
	if (unit && strcmp(unit, "bytes") == 0)
		format_bytes(value, amount);
	else
		(void)snprintf(amount, sizeof(amount), "%llu", (unsigned long long)value);
	(void)snprintf(label, sizeof(label), "--%.32s", name);
	(void)snprintf(text, sizeof(text), "%s, enforced by %.40s", amount,
		       enforcer ? enforcer : "nobody");
	tell(facts, label, text);
}

static void tell_end(const struct facts *facts, const cJSON *lines, const cJSON *ended)
{
	if (ended)
		tell(facts, "ended", text_of(ended, "summary"));
	else if (find_event(lines, "lost"))
		tell(facts, "ended", "oc-run was killed, and its keeper ended the session");
	else
		tell(facts, "ended", "not yet, or with the machine");
}

void post_mortem_each(const cJSON *lines, post_mortem_fact each, void *userdata)
{
	const struct facts facts = { .each = each, .userdata = userdata };
	const cJSON *first = cJSON_GetArrayItem(lines, 0), *item;
	const cJSON *ended = find_event(lines, "ended"), *peaks = item_of(ended, "peaks");

	tell(&facts, "session", text_of(first, "session"));
	tell(&facts, "name", text_of(first, "name"));
	tell(&facts, "command", text_of(first, "command"));
	tell(&facts, "started", text_of(first, "time"));
	tell_end(&facts, lines, ended);
	tell_number(&facts, "exit status", item_of(ended, "exit"), "status");
	tell_bytes(&facts, "most memory", peaks, "memory_bytes");
	tell_bytes(&facts, "most swap", peaks, "swap_bytes");
	tell_number(&facts, "most tasks", peaks, "tasks");
	cJSON_ArrayForEach(item, item_of(first, "limits"))
		tell_limit(&facts, item);
	cJSON_ArrayForEach(item, lines) {
		char text[LOG_WORDS_MAX];

		if (!item_of(item, "victim"))
			continue;
		log_words(item, text);
		tell(&facts, text_of(item, "event"), text);
	}
	tell_number(&facts, "left and ended", ended, "leftovers");
}

/* ---- the page ---- */

static void print_escaped(FILE *out, const char *text)
{
	_cleanup_free_ char *escaped = timeline_escape(text);

	(void)fputs(escaped ? escaped : "?", out);
}

static void print_row(const char *label, const char *value, void *userdata)
{
	FILE *out = userdata;

	(void)fputs("<tr><th>", out);
	print_escaped(out, label);
	(void)fputs("</th><td>", out);
	print_escaped(out, value);
	(void)fputs("</td></tr>\n", out);
}

static void print_events(FILE *out, const cJSON *lines)
{
	const cJSON *line;

	(void)fputs("<h2>What happened</h2>\n<table>\n", out);
	cJSON_ArrayForEach(line, lines) {
		const char *kind = text_of(line, "event"), *time = text_of(line, "time");
		char text[LOG_WORDS_MAX];

		if (!kind)
			continue;
		log_words(line, text);
		(void)fputs("<tr><td class=\"time\">", out);
		print_escaped(out, time ? time : "");
		(void)fputs("</td><th>", out);
		print_escaped(out, kind);
		(void)fputs("</th><td>", out);
		print_escaped(out, text);
		(void)fputs("</td></tr>\n", out);
	}
	(void)fputs("</table>\n", out);
}

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<style>body{font:15px/1.5 sans-serif;color:#222;max-width:62rem;margin:2rem auto;"
	"padding:0 1rem}table{border-collapse:collapse;font-size:14px}"
	"th{text-align:left;font-weight:600;padding:.2rem 1.2rem .2rem 0;vertical-align:top;"
	"white-space:nowrap}td{padding:.2rem 1.2rem .2rem 0;vertical-align:top}"
	".time{color:#777;white-space:nowrap}h1{font-size:1.4rem}h2{font-size:1.1rem}</style>\n";

char *post_mortem_html(const cJSON *lines)
{
	_cleanup_free_ char *picture = timeline_svg(lines);
	const char *name = text_of(cJSON_GetArrayItem(lines, 0), "name");
	char *page = NULL;
	size_t size;
	FILE *out;

	if (!picture)
		return NULL;
	out = open_memstream(&page, &size);
	if (!out)
		return NULL;
	(void)fprintf(out, "%s<title>oc-run: ", head);
	print_escaped(out, name ? name : "a session");
	(void)fputs("</title></head><body>\n<h1>", out);
	print_escaped(out, name ? name : "A session");
	(void)fprintf(out, "</h1>\n%s<h2>The session</h2>\n<table>\n", picture);
	post_mortem_each(lines, print_row, out);
	(void)fputs("</table>\n", out);
	print_events(out, lines);
	(void)fputs("</body></html>\n", out);
	if (fclose(out) != 0) {
		free(page);
		return NULL;
	}
	return page;
}
