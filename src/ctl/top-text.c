/* SPDX-License-Identifier: MIT */

/* The texts of the rows: which columns there is place for, and each cell at its column's width. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "report/safe-text.h"
#include "table.h"
#include "top-model.h"

#define MARK_COLUMNS 2

static const struct {
	const char *title;
	unsigned width, most; /* @most: what it grows to where there is place */
	unsigned rank;	      /* the highest is left out first; 0: it stays */
	bool is_right;
} columns[TOP_COLUMN_COUNT] = {
	[TOP_COLUMN_NAME] = { "NAME", 12, 32, 0, false },
	[TOP_COLUMN_COMMAND] = { "COMMAND", 8, 16, 8, false },
	[TOP_COLUMN_STATE] = { "STATE", 8, 8, 4, false },
	[TOP_COLUMN_AGE] = { "AGE", 6, 6, 6, true },
	[TOP_COLUMN_MEMORY] = { "NOW", 5, 5, 0, true },
	[TOP_COLUMN_PEAK] = { "PEAK", 5, 5, 9, true },
	[TOP_COLUMN_LIMIT] = { "LIMIT", 5, 5, 2, true },
	[TOP_COLUMN_BAR] = { "", 6, 24, 7, false },
	[TOP_COLUMN_TASKS] = { "TASK", 4, 5, 3, true },
	[TOP_COLUMN_CPU] = { "CPU", 5, 5, 1, true },
	[TOP_COLUMN_PRESSURE] = { "WAIT", 4, 5, 5, true },
};

const char *top_column_title(enum top_column column)
{
	return columns[column].title;
}

bool top_column_is_right(enum top_column column)
{
	return columns[column].is_right;
}

static size_t total_of(const struct top_layout *layout)
{
	size_t total = MARK_COLUMNS;

	for (int i = 0; i < TOP_COLUMN_COUNT; i++)
		if (layout->widths[i] > 0)
			total += layout->widths[i] + 1;
	/* None stands behind the last. */
	return total - 1;
}

static bool drop_column(struct top_layout *layout)
{
	int chosen = -1;

	for (int i = 0; i < TOP_COLUMN_COUNT; i++)
		if (layout->widths[i] > 0 && columns[i].rank > 0 &&
		    (chosen < 0 || columns[i].rank > columns[chosen].rank))
			chosen = i;
	if (chosen >= 0)
		layout->widths[chosen] = 0;
	return chosen >= 0;
}

/* A column for each that can grow, round and round. */
static void grow(struct top_layout *layout, size_t spare)
{
	bool grown = true;

	while (spare > 0 && grown) {
		grown = false;
		for (int i = 0; i < TOP_COLUMN_COUNT && spare > 0; i++) {
			if (layout->widths[i] == 0 || layout->widths[i] >= columns[i].most)
				continue;
			layout->widths[i]++;
			spare--;
			grown = true;
		}
	}
}

struct top_layout top_layout_of(size_t width)
{
	struct top_layout layout;
	size_t total;

	for (int i = 0; i < TOP_COLUMN_COUNT; i++)
		layout.widths[i] = columns[i].width;
	while (total_of(&layout) > width && drop_column(&layout))
		continue;
	total = total_of(&layout);
	if (total < width)
		grow(&layout, width - total);
	else if (width > MARK_COLUMNS + columns[TOP_COLUMN_MEMORY].width + 2 && total > width)
		layout.widths[TOP_COLUMN_NAME] -= total - width;
	return layout;
}

void top_format_size(uint64_t bytes, char text[FORMAT_TEXT_MAX])
{
	static const char units[] = "KMGTPE";
	uint64_t unit = KIBIBYTE;
	size_t i = 0;

	while (i + 2 < sizeof(units) && bytes / unit >= 1000) {
		unit <<= 10;
		i++;
	}
	/* In tenths, and what rounds up to ten units needs none. */
	if (bytes == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "0");
	else if (i > 0 && bytes < 10 * unit - unit / 20)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%.1f%c", (double)bytes / (double)unit,
			       units[i]);
	else
		(void)snprintf(text, FORMAT_TEXT_MAX, "%.0f%c", (double)bytes / (double)unit,
			       units[i]);
}

/* "42s", "12m", "3h05m", "2d03h" */
static void format_age(uint64_t usec, char text[FORMAT_TEXT_MAX])
{
	char *blank;

	ctl_format_age(usec, text);
	blank = strchr(text, ' ');
	if (blank)
		memmove(blank, blank + 1, strlen(blank));
}

static void format_percent(double percent, char text[FORMAT_TEXT_MAX])
{
	text[0] = '\0';
	if (percent >= 0)
		(void)snprintf(text, FORMAT_TEXT_MAX,
			       percent > 0 && percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
}

static void format_limit(const struct top_session *session, char text[FORMAT_TEXT_MAX])
{
	if (session->limit_bytes == LIMIT_UNLIMITED)
		(void)snprintf(text, FORMAT_TEXT_MAX, "none");
	else if (session->limit_bytes > 0)
		top_format_size(session->limit_bytes, text);
}

double top_limit_percent(const struct top_session *session)
{
	if (!session->has_figures || session->limit_bytes == 0 ||
	    session->limit_bytes == LIMIT_UNLIMITED)
		return -1;
	return 100.0 * (double)session->memory_bytes / (double)session->limit_bytes;
}

static size_t part_of(uint64_t bytes, uint64_t whole, size_t width)
{
	double part = (double)bytes / (double)whole * (double)width + 0.5;

	return part < (double)width ? (size_t)part : width;
}

/* "###..:....": what is in use, and ":" where the peak was. */
static void format_bar(const struct top_session *session, size_t width, char *text)
{
	size_t used, peak;

	text[0] = '\0';
	if (top_limit_percent(session) < 0)
		return;
	used = part_of(session->memory_bytes, session->limit_bytes, width);
	peak = part_of(session->peak_bytes, session->limit_bytes, width);
	memset(text, '.', width);
	memset(text, '#', used);
	if (peak > used)
		text[peak - 1] = ':';
	text[width] = '\0';
}

/* Any bytes; cut or filled up to exactly @width. */
static void fit(const char *value, size_t width, bool is_right, char text[TOP_CELL_MAX])
{
	_cleanup_free_ char *safe = NULL;
	size_t size, wide;
	FILE *out = open_memstream(&safe, &size);

	text[0] = '\0';
	if (!out)
		return;
	safe_text_print(out, value, width);
	if (fclose(out) != 0 || !safe)
		return;
	wide = table_text_width(safe);
	/* safe_text_print() takes no less than its dots. */
	if (wide > width) {
		safe[width] = '\0';
		wide = width;
	}
	(void)snprintf(text, TOP_CELL_MAX, "%*s%s%*s", is_right ? (int)(width - wide) : 0, "", safe,
		       is_right ? 0 : (int)(width - wide), "");
}

static void format_figure(const struct top_session *session, enum top_column column,
			  char text[FORMAT_TEXT_MAX])
{
	uint64_t peak = session->peak_bytes;

	if (column == TOP_COLUMN_MEMORY && session->has_figures)
		top_format_size(session->memory_bytes, text);
	else if (column == TOP_COLUMN_PEAK && peak > 0)
		top_format_size(peak, text);
	else if (column == TOP_COLUMN_LIMIT)
		format_limit(session, text);
	else if (column == TOP_COLUMN_TASKS && session->has_figures)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64, session->tasks);
	else if (column == TOP_COLUMN_CPU)
		format_percent(session->cpu_percent, text);
	else if (column == TOP_COLUMN_PRESSURE)
		format_percent(session->pressure, text);
	else if (column == TOP_COLUMN_AGE && session->age_usec > 0)
		format_age(session->age_usec, text);
}

void top_cell_text(const struct top_session *session, enum top_column column, size_t width,
		   char text[TOP_CELL_MAX])
{
	char figure[FORMAT_TEXT_MAX] = "";
	const char *value = figure;

	if (column == TOP_COLUMN_NAME)
		value = session->name ? session->name : session->id;
	else if (column == TOP_COLUMN_COMMAND)
		value = session->command ? session->command : "";
	else if (column == TOP_COLUMN_STATE)
		value = ctl_state_name(session->state);
	else if (column == TOP_COLUMN_BAR)
		format_bar(session, width < sizeof(figure) ? width : sizeof(figure) - 1, figure);
	else
		format_figure(session, column, figure);
	fit(value, width, columns[column].is_right, text);
}

static void process_name(const struct process_place *place, size_t width, char text[TOP_CELL_MAX])
{
	const struct tree_process *process = place->process;
	_cleanup_free_ char *name = NULL;
	const char *mark = process->is_outside	   ? "(outside) "
			   : process->state == 'Z' ? "(dead) "
						   : "";

	if (asprintf(&name, "%*s%d %s%s%s%s", (int)place->depth * 2, "", (int)process->pid, mark,
		     process->name, process->command ? "  " : "",
		     process->command ? process->command : "") < 0)
		name = NULL;
	fit(name ? name : "?", width, false, text);
}

void top_process_text(const struct process_place *place, enum top_column column, size_t width,
		      char text[TOP_CELL_MAX])
{
	const struct tree_process *process = place->process;
	char figure[FORMAT_TEXT_MAX] = "";

	if (column == TOP_COLUMN_NAME) {
		process_name(place, width, text);
		return;
	}
	if (column == TOP_COLUMN_MEMORY)
		top_format_size(process->resident_bytes + process->swap_bytes, figure);
	else if (column == TOP_COLUMN_TASKS)
		(void)snprintf(figure, sizeof(figure), "%u", process->threads);
	else if (column == TOP_COLUMN_AGE)
		format_age(process->age_usec, figure);
	fit(figure, width, columns[column].is_right, text);
}

uint64_t top_limit_step(uint64_t limit_bytes, bool up)
{
	/* Down from a power of two the steps are those below it: down and up is where it was. */
	uint64_t base = up ? limit_bytes : limit_bytes - 1, step = 16 * MEBIBYTE;

	if (limit_bytes == 0 || limit_bytes == LIMIT_UNLIMITED)
		return limit_bytes;
	while (step <= base / 16)
		step *= 2;
	if (up)
		return (limit_bytes / step + 1) * step;
	return base / step > 0 ? base / step * step : limit_bytes;
}
