/* SPDX-License-Identifier: MIT */

/*
 * Draws by ncurses, which writes only what has changed: no flicker. All texts have been through
 * safe-text.h before they come here or are the program's own; what still differs is how wide a
 * character is, and whether the locale has it at all.
 */

#define NCURSES_WIDECHAR 1

#include "top-draw.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE_MSEC 25
#define MARK_COLUMNS 2
/* Head, titles, detail, message. */
#define LINES_AROUND 4
#define MESSAGE_LINES_MAX 3

#define ALARM_PERCENT 90
#define WARNING_PERCENT 75

enum colour {
	COLOUR_NONE,
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_YELLOW,
	COLOUR_CYAN,
};

static SCREEN *terminal;
static bool has_pairs;

static const char *const help[] = {
	"Up Down, j k     choose a session or a process; also Page Up, Page Down,",
	"                 Home and End",
	"Enter            show the processes of a session, or hide them",
	"Right, Left      the same, one each",
	"s                sort by memory, CPU, tasks, age, name",
	"+ -              raise or lower the memory limit by a step",
	"x                stop the session: asks y or n first",
	"K                kill the session: asks y or n first",
	"f, t             freeze it, thaw it",
	"Ctrl-L           draw the screen anew",
	"?                this help",
	"q                quit",
	"",
	"NOW, PEAK and LIMIT are of memory; # of the bar is what is in use, : the peak.",
	"CPU: 100% is one CPU. WAIT: how much of the last 10 s some of it waited for",
	"memory.",
};

/* Names of term.h are macros (lines, columns): not to be used for anything else here. */
static int check_terminal(struct diag *diag)
{
	const char *name = getenv("TERM");
	bool has_place;
	int found;

	if (setupterm(NULL, STDOUT_FILENO, &found) == ERR)
		return diag_set(diag, -ENOTTY,
				"the terminal \"%.60s\" (TERM) is not known here; set TERM to one "
				"that is, such as xterm, or use `oc-ctl list --json`",
				name ? name : "");
	has_place = cursor_address && cursor_address != (char *)-1;
	/* newterm(3) makes one of its own. */
	(void)del_curterm(cur_term);
	if (!has_place)
		return diag_set(diag, -ENOTTY,
				"the terminal \"%.60s\" (TERM) can't place its cursor; use "
				"`oc-ctl list`, or `oc-ctl list --json`",
				name ? name : "");
	return 0;
}

static void begin_colours(void)
{
	static const short colours[] = {
		[COLOUR_RED] = COLOR_RED,
		[COLOUR_GREEN] = COLOR_GREEN,
		[COLOUR_YELLOW] = COLOR_YELLOW,
		[COLOUR_CYAN] = COLOR_CYAN,
	};

	if (!has_colors() || start_color() == ERR || use_default_colors() == ERR)
		return;
	for (size_t i = COLOUR_RED; i < ARRAY_SIZE(colours); i++)
		(void)init_pair((short)i, colours[i], -1);
	has_pairs = true;
}

int top_draw_begin(bool has_colours, struct diag *diag)
{
	int r = check_terminal(diag);

	if (r < 0)
		return r;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return diag_set(diag, -ENOTTY, "cannot set up the terminal; use `oc-ctl list`");
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_MSEC);
	(void)curs_set(0);
	if (has_colours)
		begin_colours();
	return 0;
}

void top_draw_end(void)
{
	if (!terminal)
		return;
	(void)endwin();
	delscreen(terminal);
	terminal = NULL;
	has_pairs = false;
}

void top_draw_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		(void)resizeterm(size.ws_row, size.ws_col);
}

void top_draw_anew(void)
{
	(void)clearok(stdscr, TRUE);
}

size_t top_draw_height(void)
{
	return LINES > LINES_AROUND ? (size_t)(LINES - LINES_AROUND) : 1;
}

static attr_t attribute_of(enum colour colour)
{
	return has_pairs && colour != COLOUR_NONE ? COLOR_PAIR(colour) : A_NORMAL;
}

/* As much of @text as fits into @room columns; what is left of it. */
static const char *put(int y, int x, const char *text, int room, attr_t attribute)
{
	mbstate_t state = { 0 };
	int used = 0;

	while (*text) {
		wchar_t one[2] = { 0 };
		size_t length = mbrtowc(one, text, MB_CUR_MAX, &state);
		int width = length > 0 && length < (size_t)-2 ? wcwidth(one[0]) : -1;

		if (length == 0 || length >= (size_t)-2) {
			state = (mbstate_t){ 0 };
			length = 1;
		}
		if (width < 0) {
			one[0] = L'?';
			width = 1;
		}
		if (used + width > room)
			break;
		(void)attrset((int)attribute);
		(void)mvaddnwstr(y, x + used, one, 1);
		used += width;
		text += length;
	}
	(void)attrset(A_NORMAL);
	return text;
}

static void fill_line(int y, attr_t attribute)
{
	(void)mvhline(y, 0, ' ' | attribute, COLS);
}

static enum colour state_colour(enum ctl_state state)
{
	switch (state) {
	case CTL_STATE_RUNNING:
		return COLOUR_GREEN;
	case CTL_STATE_ENDING:
	case CTL_STATE_STOPPED:
		return COLOUR_YELLOW;
	case CTL_STATE_FROZEN:
		return COLOUR_CYAN;
	case CTL_STATE_ORPHANED:
		return COLOUR_RED;
	case CTL_STATE_STARTING:
		break;
	}
	return COLOUR_NONE;
}

static enum colour cell_colour(const struct top_session *session, enum top_column column)
{
	double percent = top_limit_percent(session);

	if (column == TOP_COLUMN_STATE)
		return state_colour(session->state);
	if (column != TOP_COLUMN_BAR)
		return COLOUR_NONE;
	return percent >= ALARM_PERCENT	    ? COLOUR_RED
	       : percent >= WARNING_PERCENT ? COLOUR_YELLOW
					    : COLOUR_GREEN;
}

/* The tree takes the place of name, command and state. */
static size_t tree_width(const struct top_layout *layout)
{
	size_t width = layout->widths[TOP_COLUMN_NAME];

	for (int i = TOP_COLUMN_COMMAND; i <= TOP_COLUMN_STATE; i++)
		if (layout->widths[i] > 0)
			width += layout->widths[i] + 1;
	return width;
}

static void draw_session(const struct top_session *session, int y, const struct top_layout *layout,
			 attr_t attribute)
{
	int x = MARK_COLUMNS;

	for (int i = 0; i < TOP_COLUMN_COUNT; i++) {
		int width = (int)layout->widths[i];
		char text[TOP_CELL_MAX];
		enum colour colour = cell_colour(session, (enum top_column)i);

		if (width == 0)
			continue;
		top_cell_text(session, (enum top_column)i, layout->widths[i], text);
		(void)put(y, x, text, width, attribute | attribute_of(colour));
		x += width + 1;
	}
}

static void draw_process(const struct process_place *place, int y, const struct top_layout *layout,
			 attr_t attribute)
{
	size_t width = tree_width(layout);
	int x = MARK_COLUMNS;
	char text[TOP_CELL_MAX];

	top_process_text(place, TOP_COLUMN_NAME, width, text);
	(void)put(y, x, text, (int)width,
		  attribute | attribute_of(place->process->is_outside ? COLOUR_RED : COLOUR_NONE));
	x += (int)width + 1;
	for (int i = TOP_COLUMN_STATE + 1; i < TOP_COLUMN_COUNT; i++) {
		if (layout->widths[i] == 0)
			continue;
		top_process_text(place, (enum top_column)i, layout->widths[i], text);
		(void)put(y, x, text, (int)layout->widths[i], attribute);
		x += (int)layout->widths[i] + 1;
	}
}

static void draw_row(const struct top_model *model, size_t index, int y,
		     const struct top_layout *layout)
{
	const struct top_row *row = &model->rows[index];
	const struct top_session *session = &model->sessions[row->session];
	attr_t attribute = index == model->selected ? A_REVERSE : A_NORMAL;

	fill_line(y, attribute);
	if (row->process.process) {
		draw_process(&row->process, y, layout, attribute);
		return;
	}
	(void)put(y, 0, top_model_is_unfolded(model, session->id) ? "-" : "+", 1, attribute);
	draw_session(session, y, layout, attribute);
}

static void draw_titles(int y, const struct top_layout *layout)
{
	int x = MARK_COLUMNS;

	fill_line(y, A_BOLD | A_UNDERLINE);
	for (int i = 0; i < TOP_COLUMN_COUNT; i++) {
		const char *title = top_column_title((enum top_column)i);
		int width = (int)layout->widths[i];
		int before =
			top_column_is_right((enum top_column)i) ? width - (int)strlen(title) : 0;

		if (width == 0)
			continue;
		(void)put(y, x + (before > 0 ? before : 0), title, width, A_BOLD | A_UNDERLINE);
		x += width + 1;
	}
}

static void draw_rows(struct top_model *model, int top)
{
	struct top_layout layout = top_layout_of((size_t)COLS);
	size_t height = top_draw_height();

	top_model_scroll(model, height);
	draw_titles(top, &layout);
	if (model->row_count == 0)
		(void)put(top + 1, MARK_COLUMNS, "no session runs", COLS - MARK_COLUMNS, A_NORMAL);
	for (size_t i = 0; i < height && model->first + i < model->row_count; i++)
		draw_row(model, model->first + i, top + 1 + (int)i, &layout);
}

static void draw_help(int top)
{
	for (size_t i = 0; i < ARRAY_SIZE(help) && top + (int)i < LINES - 1; i++)
		(void)put(top + (int)i, MARK_COLUMNS, help[i], COLS - MARK_COLUMNS, A_NORMAL);
	(void)put(LINES - 1, 0, "any key: back", COLS, A_BOLD);
}

/* Long ones take the lines above, too. */
static void draw_message(const char *message, bool is_alarm)
{
	attr_t attribute = A_BOLD | attribute_of(is_alarm ? COLOUR_RED : COLOUR_NONE);
	int room = (int)strlen(message), rows = (room + COLS - 1) / COLS;

	if (rows > MESSAGE_LINES_MAX)
		rows = MESSAGE_LINES_MAX;
	for (int y = LINES - rows; y < LINES; y++) {
		fill_line(y, A_NORMAL);
		message = put(y, 0, message, COLS, attribute);
	}
}

void top_draw(const struct top_screen *screen)
{
	static const char keys[] = "? help  q quit";
	int space = COLS - (int)sizeof(keys);

	(void)erase();
	(void)put(0, 0, screen->head, space > 0 ? space : COLS, A_BOLD);
	if (space > 0)
		(void)put(0, space + 1, keys, (int)sizeof(keys), A_NORMAL);
	if (screen->shows_help) {
		draw_help(2);
	} else {
		draw_rows(screen->model, 1);
		if (LINES > LINES_AROUND)
			(void)put(LINES - 2, 0, screen->detail, COLS, A_NORMAL);
		if (screen->message)
			draw_message(screen->message, screen->is_alarm);
	}
	(void)refresh();
}

int top_draw_key(void)
{
	int key = getch();

	switch (key) {
	case ERR:
		return TOP_KEY_NONE;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_LEFT:
		return TOP_KEY_LEFT;
	case KEY_RIGHT:
		return TOP_KEY_RIGHT;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return TOP_KEY_ENTER;
	default:
		return key > 0 && key < TOP_KEY_UP ? key : TOP_KEY_OTHER;
	}
}
