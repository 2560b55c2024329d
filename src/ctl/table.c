/* SPDX-License-Identifier: MIT */

#include "table.h"

#include <stdint.h>
#include <string.h>

#include "report/safe-text.h"

#define GAP 2
#define SAFE_COLUMNS_MAX 4000

size_t table_text_width(const char *text)
{
	size_t width = 0;

	/* Every byte that does not continue a character begins one. */
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static char *make_safe(const char *text)
{
	char *safe = NULL;
	size_t size;
	FILE *out = open_memstream(&safe, &size);

	if (!out)
		return NULL;
	safe_text_print(out, text, SAFE_COLUMNS_MAX);
	if (fclose(out) != 0)
		cleanup_free(&safe);
	return safe;
}

size_t table_add_row(struct table *table)
{
	size_t count = (table->row_count + 1) * table->column_count;
	size_t before = table->row_count * table->column_count;
	char **cells = reallocarray(table->cells, count, sizeof(*cells));
	const char **styles;

	if (cells)
		table->cells = cells;
	styles = reallocarray(table->styles, count, sizeof(*styles));
	if (styles)
		table->styles = styles;
	if (!cells || !styles) {
		table->failed = true;
		return 0;
	}
	for (size_t i = before; i < count; i++) {
		cells[i] = NULL;
		styles[i] = NULL;
	}
	return table->row_count++;
}

void table_set(struct table *table, size_t row, size_t column, const char *text)
{
	char **cell;

	if (table->failed || !text || text[0] == '\0')
		return;
	cell = &table->cells[row * table->column_count + column];
	cleanup_free(cell);
	*cell = make_safe(text);
	table->failed = !*cell;
}

void table_set_style(struct table *table, size_t row, size_t column, const char *style)
{
	if (!table->failed)
		table->styles[row * table->column_count + column] = style;
}

static const char *cell_of(const struct table *table, size_t row, size_t column)
{
	const char *cell = table->cells[row * table->column_count + column];

	return cell ? cell : "-";
}

struct layout {
	size_t widths[TABLE_COLUMNS_MAX]; /* 0: left out */
};

static size_t total_of(const struct table *table, const struct layout *layout)
{
	size_t total = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (layout->widths[i] > 0)
			total += layout->widths[i] + (total > 0 ? GAP : 0);
	return total;
}

/* Takes what is missing from the widest that can be cut, again and again: all end up alike. */
static void cut_columns(const struct table *table, struct layout *layout, size_t width)
{
	while (total_of(table, layout) > width) {
		size_t widest = table->column_count;

		for (size_t i = 0; i < table->column_count; i++) {
			const struct table_column *column = &table->columns[i];

			if (column->least > 0 && layout->widths[i] > column->least &&
			    (widest == table->column_count ||
			     layout->widths[i] > layout->widths[widest]))
				widest = i;
		}
		if (widest == table->column_count)
			return;
		layout->widths[widest]--;
	}
}

/* false: there is none that can be missed. */
static bool drop_column(const struct table *table, struct layout *layout)
{
	size_t chosen = table->column_count;

	for (size_t i = 0; i < table->column_count; i++)
		if (layout->widths[i] > 0 && table->columns[i].rank > 0 &&
		    (chosen == table->column_count ||
		     table->columns[i].rank > table->columns[chosen].rank))
			chosen = i;
	if (chosen == table->column_count)
		return false;
	layout->widths[chosen] = 0;
	return true;
}

static struct layout lay_out(const struct table *table, size_t width)
{
	struct layout natural = { 0 }, layout;

	for (size_t column = 0; column < table->column_count; column++) {
		natural.widths[column] = table_text_width(table->columns[column].title);
		for (size_t row = 0; row < table->row_count; row++) {
			size_t wide = table_text_width(cell_of(table, row, column));

			if (wide > natural.widths[column])
				natural.widths[column] = wide;
		}
	}
	layout = natural;
	if (width == 0)
		return layout;
	cut_columns(table, &layout, width);
	while (total_of(table, &layout) > width && drop_column(table, &natural)) {
		layout = natural;
		cut_columns(table, &layout, width);
	}
	return layout;
}

static void pad(FILE *out, size_t count)
{
	(void)fprintf(out, "%*s", (int)count, "");
}

static void print_cell(FILE *out, const char *text, size_t width, bool is_right, const char *style)
{
	size_t wide = table_text_width(text);

	if (is_right && wide < width)
		pad(out, width - wide);
	if (style)
		(void)fprintf(out, "\033[%sm", style);
	safe_text_print(out, text, width);
	if (style)
		(void)fputs("\033[0m", out);
	if (!is_right && wide < width)
		pad(out, width - wide);
}

/* @row SIZE_MAX: the titles. */
static void print_row(const struct table *table, const struct layout *layout, FILE *out, size_t row,
		      bool has_colours)
{
	size_t last = 0;
	bool is_first = true;

	for (size_t i = 0; i < table->column_count; i++)
		if (layout->widths[i] > 0)
			last = i;
	for (size_t i = 0; i < table->column_count; i++) {
		bool is_title = row == SIZE_MAX;
		const char *text = is_title ? table->columns[i].title : cell_of(table, row, i);
		const char *style = is_title ? "1" : table->styles[row * table->column_count + i];
		size_t width = layout->widths[i];

		if (width == 0)
			continue;
		if (!is_first)
			pad(out, GAP);
		is_first = false;
		/* No blanks at the end of a line. */
		if (i == last && !table->columns[i].is_right && table_text_width(text) < width)
			width = table_text_width(text);
		print_cell(out, text, width, table->columns[i].is_right,
			   has_colours ? style : NULL);
	}
	(void)fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, size_t width, bool has_colours)
{
	struct layout layout;

	if (table->failed)
		return -ENOMEM;
	layout = lay_out(table, width);
	print_row(table, &layout, out, SIZE_MAX, has_colours);
	for (size_t row = 0; row < table->row_count; row++)
		print_row(table, &layout, out, row, has_colours);
	return 0;
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->row_count * table->column_count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->styles);
	table->cells = NULL;
	table->styles = NULL;
	table->row_count = 0;
}
