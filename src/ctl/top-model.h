/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `oc-ctl top` shows, without the terminal: sessions and, where one is unfolded, its processes
 * become rows; sorted, folded, with one of them selected, and each row's texts at fixed widths. The
 * selection is a session or a process, not a line: it stays with it wherever it is sorted to. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/tree.h"
#include "process-order.h"
#include "words.h"

#define TOP_ID_MAX 17
#define TOP_CELL_MAX 1024 /* bytes */

enum top_sort {
	TOP_SORT_MEMORY,
	TOP_SORT_CPU,
	TOP_SORT_TASKS,
	TOP_SORT_AGE,
	TOP_SORT_NAME,
	TOP_SORT_COUNT,
};

enum top_column {
	TOP_COLUMN_NAME,
	TOP_COLUMN_COMMAND,
	TOP_COLUMN_STATE,
	TOP_COLUMN_AGE,
	TOP_COLUMN_MEMORY,
	TOP_COLUMN_PEAK,
	TOP_COLUMN_LIMIT,
	TOP_COLUMN_BAR,
	TOP_COLUMN_TASKS,
	TOP_COLUMN_CPU,
	TOP_COLUMN_PRESSURE,
	TOP_COLUMN_COUNT,
};

/* One session as it was seen; the texts and the sample are borrowed until the next top_model_take(). */
struct top_session {
	char id[TOP_ID_MAX];
	const char *name;		 /* or NULL: it goes by its id */
	const char *command, *directory; /* or NULL */
	enum ctl_state state;
	uint64_t age_usec;
	bool has_figures;
	uint64_t memory_bytes, peak_bytes, tasks;
	uint64_t limit_bytes;		  /* 0: not known; LIMIT_UNLIMITED */
	double cpu_percent, pressure;	  /* negative: not known */
	const struct tree_sample *sample; /* NULL: its processes were not looked at */
};

struct top_row {
	size_t session;		      /* index */
	struct process_place process; /* .process NULL: the session itself */
};

/* What is selected, apart from any line. */
struct top_selection {
	char id[TOP_ID_MAX]; /* "": nothing */
	pid_t pid;	     /* 0: the session itself */
	uint64_t start_ticks;
};

struct top_model {
	enum top_sort sort;
	struct top_session *sessions; /* owned; as sorted */
	size_t session_count;
	struct top_row *rows; /* owned */
	size_t row_count;
	struct top_selection selection;
	size_t selected; /* its row, where there are any */
	size_t first;	 /* the first row on the screen */
	char (*unfolded)[TOP_ID_MAX];
	size_t unfolded_count;
};

void top_model_finish(struct top_model *model);

/* Takes what was seen anew, and @sessions itself (from malloc(3)). -ENOMEM: shown is nothing. */
_must_check_ int top_model_take(struct top_model *model, struct top_session *sessions,
				size_t count);
/* The next way of sorting. -ENOMEM. */
_must_check_ int top_model_sort(struct top_model *model);
const char *top_sort_name(enum top_sort sort);

/* Down, or up. */
void top_model_move(struct top_model *model, long rows);
/* Moves the screen of @height rows so that the selection is on it. */
void top_model_scroll(struct top_model *model, size_t height);
/* NULL: there is none. */
const struct top_session *top_model_selected(const struct top_model *model);
/* Or NULL: it is the session itself. */
const struct tree_process *top_model_selected_process(const struct top_model *model);
const struct top_session *top_model_find(const struct top_model *model, const char *id);

bool top_model_is_unfolded(const struct top_model *model, const char *id);
/* Unfolds or folds the selected session, whose processes are then to be looked at. -ENOMEM. */
_must_check_ int top_model_fold(struct top_model *model, bool unfolded);

/* Columns that a line of @width has place for; 0: it is left out. Two blanks of mark come first, and
 * a blank stands between two. */
struct top_layout {
	size_t widths[TOP_COLUMN_COUNT];
};
struct top_layout top_layout_of(size_t width);
const char *top_column_title(enum top_column column);
bool top_column_is_right(enum top_column column);

/* One cell of a session's row, exactly as wide as its column, safe to show. */
void top_cell_text(const struct top_session *session, enum top_column column, size_t width,
		   char text[TOP_CELL_MAX]);
/* The same of a process; TOP_COLUMN_NAME is the tree, and as wide as name, command and state. */
void top_process_text(const struct process_place *place, enum top_column column, size_t width,
		      char text[TOP_CELL_MAX]);
/* How much of its limit a session uses, in percent; negative: not known, or no limit. */
double top_limit_percent(const struct top_session *session);

/* The limit a step above or below @limit_bytes: steps are round, and about an eighth. */
uint64_t top_limit_step(uint64_t limit_bytes, bool up);
/* "732M", "1.2G", "12G": five characters at most. */
void top_format_size(uint64_t bytes, char text[FORMAT_TEXT_MAX]);
