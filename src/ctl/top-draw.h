/* SPDX-License-Identifier: MIT */
#pragma once

/* The terminal of `oc-ctl top`: the only file that knows of ncurses. */

#include "oc-run/diag.h"
#include "top-model.h"

enum top_key { /* others are characters */
	TOP_KEY_NONE = 0,
	TOP_KEY_UP = 256,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_ENTER,
	TOP_KEY_OTHER,
};

struct top_screen {
	struct top_model *model;
	const char *head;
	const char *detail;  /* of what is selected */
	const char *message; /* or a question; NULL: none */
	bool is_alarm;
	bool shows_help;
};

/* Takes over the terminal. -ENOTTY with @diag: it is not up to it. */
_must_check_ int top_draw_begin(bool has_colours, struct diag *diag);
/* Gives it back as it was; may be called more than once. */
void top_draw_end(void);
/* The terminal has another size. */
void top_draw_resize(void);
/* What is on the terminal may be another program's: the next drawing is of all of it. */
void top_draw_anew(void);
void top_draw(const struct top_screen *screen);
/* Rows that there is place for. */
size_t top_draw_height(void);
/* Does not wait. */
int top_draw_key(void);
