/* SPDX-License-Identifier: MIT */

/*
 * See timeline-svg.h. From below: what can't be reclaimed, page cache above it, swap on top of both;
 * the limits across, a mark for each event with its words as a tooltip. Names in a history are any
 * bytes of other programs: all that is not a number of ours goes through timeline_escape().
 */

#include "timeline-svg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log-words.h"
#include "oc-run/parse.h"

#define WIDTH 960.0
#define HEIGHT 360.0
#define LEFT 84.0
#define RIGHT 16.0
#define TOP 16.0
#define BOTTOM 40.0
#define GRID_LINES 4
#define MARKS_MAX 400

struct sample {
	double at, unreclaimable, memory, swap;
};

struct chart {
	struct sample *samples;
	size_t count;
	double seconds, bytes; /* of the whole width and height */
};

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? item->valuedouble : 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

char *timeline_escape(const char *text)
{
	char *escaped = NULL;
	size_t size;
	FILE *out = open_memstream(&escaped, &size);

	if (!out)
		return NULL;
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		case '\'':
			(void)fputs("&#39;", out);
			break;
		default:
			/* XML knows no control characters but these. */
			(void)fputc((unsigned char)*text < ' ' && *text != '\n' && *text != '\t'
					    ? '?'
					    : *text,
				    out);
			break;
		}
	}
	if (fclose(out) != 0) {
		free(escaped);
		return NULL;
	}
	return escaped;
}

/* ---- what there is to draw ---- */

static void take_sample(struct chart *chart, const cJSON *line)
{
	struct sample sample = {
		.at = number_of(line, "at_seconds"),
		.unreclaimable = number_of(line, "unreclaimable"),
		.memory = number_of(line, "memory"),
		.swap = number_of(line, "swap"),
	};
	double most;

	if (sample.memory < sample.unreclaimable)
		sample.memory = sample.unreclaimable;
	most = sample.memory + sample.swap;
	if (most > chart->bytes)
		chart->bytes = most;
	chart->samples[chart->count++] = sample;
}

/* The limits that are drawn if they are near what was used: all of a large machine would make the rest
 * a line at the bottom. */
static const char *const limit_names[] = { "mem", "high" };

static double limit_of(const cJSON *lines, const char *name)
{
	const cJSON *limits, *limit;

	limits = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(lines, 0), "limits");
	cJSON_ArrayForEach(limit, limits) {
		const char *known = text_of(limit, "name"), *by = text_of(limit, "enforced_by");

		if (known && strcmp(known, name) == 0)
			return by && strcmp(by, "nobody") == 0 ? 0 : number_of(limit, "value");
	}
	return 0;
}

static int read_chart(const cJSON *lines, struct chart *chart)
{
	const cJSON *line;
	double used;

	*chart = (struct chart){ .seconds = 1 };
	chart->samples = calloc((size_t)cJSON_GetArraySize(lines) + 1, sizeof(*chart->samples));
	if (!chart->samples)
		return -ENOMEM;
	cJSON_ArrayForEach(line, lines) {
		double at = number_of(line, "at_seconds");

		if (at > chart->seconds)
			chart->seconds = at;
		if (!text_of(line, "event"))
			take_sample(chart, line);
	}
	used = chart->bytes;
	for (size_t i = 0; i < ARRAY_SIZE(limit_names); i++) {
		double limit = limit_of(lines, limit_names[i]);

		if (limit <= used * 5 && limit > chart->bytes)
			chart->bytes = limit;
	}
	chart->bytes = chart->bytes > 0 ? chart->bytes * 1.08 : 1 << 20;
	return 0;
}

static double x_of(const struct chart *chart, double at)
{
	return LEFT + at / chart->seconds * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct chart *chart, double bytes)
{
	return HEIGHT - BOTTOM - bytes / chart->bytes * (HEIGHT - TOP - BOTTOM);
}

/* ---- drawing ---- */

static void draw_grid(FILE *out, const struct chart *chart)
{
	char text[FORMAT_TEXT_MAX];

	for (int i = 0; i <= GRID_LINES; i++) {
		double bytes = chart->bytes * i / GRID_LINES;
		double at = chart->seconds * i / GRID_LINES;
		const char *anchor = i == 0 ? "start" : i == GRID_LINES ? "end" : "middle";

		format_bytes((uint64_t)bytes, text);
		(void)fprintf(out,
			      "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
			      "y2=\"%.1f\"/><text x=\"%.1f\" y=\"%.1f\" "
			      "text-anchor=\"end\">%s</text>\n",
			      LEFT, y_of(chart, bytes), WIDTH - RIGHT, y_of(chart, bytes), LEFT - 8,
			      y_of(chart, bytes) + 4, i > 0 ? text : "0");
		format_duration((uint64_t)(at * (double)USEC_PER_SEC), text);
		(void)fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
			      x_of(chart, at), HEIGHT - BOTTOM + 20, anchor, i > 0 ? text : "0");
	}
}

static double no_bytes(const struct sample *sample)
{
	(void)sample;
	return 0;
}

static double unreclaimable(const struct sample *sample)
{
	return sample->unreclaimable;
}

static double memory(const struct sample *sample)
{
	return sample->memory;
}

static double memory_and_swap(const struct sample *sample)
{
	return sample->memory + sample->swap;
}

typedef double (*sample_value)(const struct sample *sample);

/* The area between two values: along the upper one, and back along the lower. */
static void draw_area(FILE *out, const struct chart *chart, const char *class, const char *title,
		      sample_value lower, sample_value upper)
{
	(void)fprintf(out, "<path class=\"%s\" d=\"", class);
	for (size_t i = 0; i < chart->count; i++)
		(void)fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
			      x_of(chart, chart->samples[i].at),
			      y_of(chart, upper(&chart->samples[i])));
	for (size_t i = chart->count; i > 0; i--)
		(void)fprintf(out, "L%.1f %.1f", x_of(chart, chart->samples[i - 1].at),
			      y_of(chart, lower(&chart->samples[i - 1])));
	(void)fprintf(out, "%s\"><title>%s</title></path>\n", chart->count > 0 ? "Z" : "M0 0",
		      title);
}

static void draw_limits(FILE *out, const struct chart *chart, const cJSON *lines)
{
	for (size_t i = 0; i < ARRAY_SIZE(limit_names); i++) {
		double limit = limit_of(lines, limit_names[i]);
		char text[FORMAT_TEXT_MAX];

		if (limit <= 0 || limit > chart->bytes)
			continue;
		format_bytes((uint64_t)limit, text);
		(void)fprintf(out,
			      "<line class=\"limit\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
			      "y2=\"%.1f\"/><text class=\"limit\" x=\"%.1f\" y=\"%.1f\">--%s "
			      "%s</text>\n",
			      LEFT, y_of(chart, limit), WIDTH - RIGHT, y_of(chart, limit), LEFT + 6,
			      y_of(chart, limit) - 4, limit_names[i], text);
	}
}

static void draw_mark(FILE *out, const struct chart *chart, const cJSON *line)
{
	double x = x_of(chart, number_of(line, "at_seconds"));
	_cleanup_free_ char *kind = timeline_escape(text_of(line, "event"));
	_cleanup_free_ char *words = NULL;
	char text[LOG_WORDS_MAX];

	log_words(line, text);
	words = timeline_escape(text);
	if (!kind || !words)
		return;
	(void)fprintf(out,
		      "<g class=\"mark\"><line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
		      "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/><title>%s: %s</title></g>\n",
		      x, TOP, x, HEIGHT - BOTTOM, x, TOP, kind, words);
}

static void draw_marks(FILE *out, const struct chart *chart, const cJSON *lines)
{
	const cJSON *line;
	size_t drawn = 0;

	cJSON_ArrayForEach(line, lines) {
		const char *kind = text_of(line, "event");

		if (kind && strcmp(kind, "started") != 0 && strcmp(kind, "ended") != 0 &&
		    drawn++ < MARKS_MAX)
			draw_mark(out, chart, line);
	}
}

static const char style[] =
	"<style>svg{background:#fff;font:12px sans-serif}text{fill:#444}.grid{stroke:#ddd}"
	".held{fill:#4c78a8}.cache{fill:#bcd3e8}.swap{fill:#f2a541}"
	"line.limit{stroke:#c0392b;stroke-dasharray:6 4}text.limit{fill:#c0392b}"
	".mark line{stroke:#8e44ad;stroke-opacity:.45}.mark circle{fill:#8e44ad}</style>\n";

static void draw_legend(FILE *out)
{
	static const struct {
		const char *class, *text;
	} rows[] = {
		{ "held", "memory in use" },
		{ "cache", "page cache" },
		{ "swap", "swap" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		(void)fprintf(out,
			      "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" "
			      "height=\"10\"/><text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			      rows[i].class, LEFT + 140.0 * (double)i, HEIGHT - 12,
			      LEFT + 18 + 140.0 * (double)i, HEIGHT - 3, rows[i].text);
}

char *timeline_svg(const cJSON *lines)
{
	struct chart chart;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (read_chart(lines, &chart) < 0)
		return NULL;
	out = open_memstream(&text, &size);
	if (out) {
		(void)fprintf(out,
			      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
			      "role=\"img\" aria-label=\"memory of the session over time\">\n",
			      WIDTH, HEIGHT);
		(void)fputs(style, out);
		draw_grid(out, &chart);
		draw_area(out, &chart, "held", "memory in use", no_bytes, unreclaimable);
		draw_area(out, &chart, "cache", "page cache", unreclaimable, memory);
		draw_area(out, &chart, "swap", "swap", memory, memory_and_swap);
		draw_limits(out, &chart, lines);
		draw_marks(out, &chart, lines);
		draw_legend(out);
		(void)fputs("</svg>\n", out);
		if (fclose(out) != 0) {
			free(text);
			text = NULL;
		}
	}
	free(chart.samples);
	return text;
}
