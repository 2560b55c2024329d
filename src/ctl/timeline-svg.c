/* SPDX-License-Identifier: MIT */

/*
 * See timeline-svg.h. From below: what can't be reclaimed, page cache above it, swap on top of both.
 * The first of these is cut by the names of the processes that held it, in the proportion of their
 * sizes: they count shared pages twice, so the parts and not the sizes are drawn. The limits across, a mark for each event with its words as a tooltip. Names in a history are any
 * bytes of other programs: all that is not a number of ours goes through timeline_escape().
 */

#include "timeline-svg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log-words.h"
#include "oc-run/parse.h"

#define WIDTH 960.0
#define HEIGHT 392.0
#define LEFT 84.0
#define RIGHT 16.0
#define TOP 16.0
#define BOTTOM 72.0
#define KEY_WIDTH 150.0
#define KEY_HEIGHT 18.0
#define KEYS_IN_ROW 5
#define GRID_LINES 4
#define MARKS_MAX 400
#define NAMES_MAX 6

/* From below. */
enum layer {
	LAYER_HELD = NAMES_MAX, /* by no name of the chart */
	LAYER_CACHE,
	LAYER_SWAP,
	LAYERS,
};

struct sample {
	double at;
	double tops[LAYERS]; /* of each layer, with all below it */
};

struct name {
	const char *text;
	double bytes; /* the sum over all samples: who is largest in the picture */
};

struct chart {
	struct sample *samples;
	size_t count;
	struct name names[NAMES_MAX];
	size_t name_count;
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

static const cJSON *names_of(const cJSON *line)
{
	return cJSON_GetObjectItemCaseSensitive(line, "by_name");
}

/* All names of the history, each once; a history has few. */
static int gather_names(const cJSON *lines, struct name **ret, size_t *ret_count)
{
	const cJSON *line, *item;
	struct name *names = NULL;
	size_t count = 0;

	cJSON_ArrayForEach(line, lines) {
		cJSON_ArrayForEach(item, names_of(line)) {
			const char *text = text_of(item, "name");
			struct name *larger;
			size_t i = 0;

			while (text && i < count && strcmp(names[i].text, text) != 0)
				i++;
			if (!text)
				continue;
			if (i == count) {
				larger = realloc(names, (count + 1) * sizeof(*names));
				if (!larger) {
					free(names);
					return -ENOMEM;
				}
				names = larger;
				names[count++] = (struct name){ .text = text };
			}
			names[i].bytes += number_of(item, "bytes");
		}
	}
	*ret = names;
	*ret_count = count;
	return 0;
}

static int compare_names(const void *left, const void *right)
{
	const struct name *a = left, *b = right;

	return a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : strcmp(a->text, b->text);
}

static int choose_names(const cJSON *lines, struct chart *chart)
{
	_cleanup_free_ struct name *names = NULL;
	size_t count;
	int r = gather_names(lines, &names, &count);

	if (r < 0 || count == 0)
		return r;
	qsort(names, count, sizeof(*names), compare_names);
	chart->name_count = count < NAMES_MAX ? count : NAMES_MAX;
	memcpy(chart->names, names, chart->name_count * sizeof(*names));
	return 0;
}

/* Of all names together. */
static double part_of_name(const cJSON *line, const char *name)
{
	const cJSON *item;
	double sum = 0, own = 0;

	cJSON_ArrayForEach(item, names_of(line)) {
		const char *text = text_of(item, "name");

		sum += number_of(item, "bytes");
		if (text && strcmp(text, name) == 0)
			own += number_of(item, "bytes");
	}
	return sum > 0 ? own / sum : 0;
}

static void take_sample(struct chart *chart, const cJSON *line)
{
	double held = number_of(line, "unreclaimable"), memory = number_of(line, "memory");
	struct sample sample = { .at = number_of(line, "at_seconds") };
	double top = 0;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (i < chart->name_count)
			top += held * part_of_name(line, chart->names[i].text);
		sample.tops[i] = top;
	}
	sample.tops[LAYER_HELD] = held;
	sample.tops[LAYER_CACHE] = memory > held ? memory : held;
	sample.tops[LAYER_SWAP] = sample.tops[LAYER_CACHE] + number_of(line, "swap");
	if (sample.tops[LAYER_SWAP] > chart->bytes)
		chart->bytes = sample.tops[LAYER_SWAP];
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
	int r;

	*chart = (struct chart){ .seconds = 1 };
	chart->samples = calloc((size_t)cJSON_GetArraySize(lines) + 1, sizeof(*chart->samples));
	r = chart->samples ? choose_names(lines, chart) : -ENOMEM;
	if (r < 0) {
		free(chart->samples);
		return r;
	}
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

/* Along the upper edge, and back along the lower one. */
static void draw_area(FILE *out, const struct chart *chart, unsigned layer, const char *class,
		      const char *title)
{
	(void)fprintf(out, "<path class=\"%s\" d=\"", class);
	for (size_t i = 0; i < chart->count; i++)
		(void)fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
			      x_of(chart, chart->samples[i].at),
			      y_of(chart, chart->samples[i].tops[layer]));
	for (size_t i = chart->count; i > 0; i--) {
		const struct sample *sample = &chart->samples[i - 1];

		(void)fprintf(out, "L%.1f %.1f", x_of(chart, sample->at),
			      y_of(chart, layer > 0 ? sample->tops[layer - 1] : 0));
	}
	(void)fprintf(out, "%s\"><title>%s</title></path>\n", chart->count > 0 ? "Z" : "M0 0",
		      title);
}

static void draw_key(FILE *out, unsigned place, const char *class, const char *text)
{
	double x = LEFT + KEY_WIDTH * (place % KEYS_IN_ROW);
	double y = HEIGHT - BOTTOM + 32 + KEY_HEIGHT * (place / KEYS_IN_ROW);

	(void)fprintf(out,
		      "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" "
		      "height=\"10\"/><text x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		      class, x, y, x + 18, y + 9, text);
}

/* Swap that nobody used needs no colour. */
static bool has_height(const struct chart *chart, unsigned layer)
{
	for (size_t i = 0; i < chart->count; i++) {
		double below = layer > 0 ? chart->samples[i].tops[layer - 1] : 0;

		if (chart->samples[i].tops[layer] > below)
			return true;
	}
	return false;
}

/* Each with its key below the picture. */
static void draw_layers(FILE *out, const struct chart *chart)
{
	static const struct {
		const char *class, *text;
	} others[] = {
		[LAYER_HELD] = { "held", "memory in use" },
		[LAYER_CACHE] = { "cache", "page cache" },
		[LAYER_SWAP] = { "swap", "swap" },
	};
	unsigned place = 0;

	for (unsigned i = 0; i < chart->name_count; i++) {
		_cleanup_free_ char *name = timeline_escape(chart->names[i].text);
		char class[16];

		if (!name)
			continue;
		(void)snprintf(class, sizeof(class), "name%u", i);
		draw_area(out, chart, i, class, name);
		draw_key(out, place++, class, name);
	}
	for (unsigned i = LAYER_HELD; i < LAYERS; i++) {
		const char *text = i == LAYER_HELD && place > 0 ? "others" : others[i].text;

		if (!has_height(chart, i))
			continue;
		draw_area(out, chart, i, others[i].class, text);
		draw_key(out, place++, others[i].class, text);
	}
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
	".held{fill:#9aa5b1}.cache{fill:#dfe5ec}.swap{fill:#f2a541}.name0{fill:#4c78a8}"
	".name1{fill:#59a14f}.name2{fill:#b07aa1}.name3{fill:#76b7b2}.name4{fill:#9c755f}"
	".name5{fill:#d4a6c8}"
	"line.limit{stroke:#c0392b;stroke-dasharray:6 4}text.limit{fill:#c0392b}"
	".mark line{stroke:#8e44ad;stroke-opacity:.45}.mark circle{fill:#8e44ad}</style>\n";

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
		draw_layers(out, &chart);
		draw_limits(out, &chart, lines);
		draw_marks(out, &chart, lines);
		(void)fputs("</svg>\n", out);
		if (fclose(out) != 0) {
			free(text);
			text = NULL;
		}
	}
	free(chart.samples);
	return text;
}
