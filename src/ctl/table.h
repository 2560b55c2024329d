/* SPDX-License-Identifier: MIT */
#pragma once

/* A table that fits a width: first long texts are cut, then columns that can be missed go. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "oc-run/cleanup.h"

#define TABLE_COLUMNS_MAX 16

struct table_column {
	const char *title;
	bool is_right;	/* numbers */
	unsigned least; /* it can be cut to so many characters; 0: it is never cut */
	unsigned rank;	/* the highest goes first when there is no place; 0: it stays */
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	char **cells;	     /* row by row, owned, already safe to show; NULL: "-" */
	const char **styles; /* for each cell "31" and the like, or NULL */
	size_t row_count;
	bool failed; /* no memory */
};

/* Adds a row of empty cells; its index. */
size_t table_add_row(struct table *table);
/* Any bytes: they are made safe. NULL and "" give "-". */
void table_set(struct table *table, size_t row, size_t column, const char *text);
void table_set_style(struct table *table, size_t row, size_t column, const char *style);

/* @width 0: as wide as it likes. -ENOMEM. */
_must_check_ int table_print(const struct table *table, FILE *out, size_t width, bool has_colours);
void table_finish(struct table *table);

/* Characters of a safe text. */
size_t table_text_width(const char *text);
