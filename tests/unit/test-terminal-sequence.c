/* SPDX-License-Identifier: MIT */

/* What is written to a terminal after a hard death: everything in it, and in the right order. */

#include "unit.h"

#include "oc-run/terminal.h"

struct mode_row {
	const char *name;
	const char *sequence;
	bool at_prompt; /* also where a shell has the terminal already */
};

static const struct mode_row rows[] = {
	{ "synchronized output", "\033[?2026l", true },
	{ "kitty keyboard", "\033[<u", true },
	{ "modifyOtherKeys", "\033[>4;0m", true },
	{ "mouse: motion", "\033[?1003l", true },
	{ "mouse: drag", "\033[?1002l", true },
	{ "mouse: click", "\033[?1000l", true },
	{ "mouse: SGR", "\033[?1006l", true },
	{ "mouse: urxvt", "\033[?1015l", true },
	{ "mouse: pixels", "\033[?1016l", true },
	{ "bracketed paste", "\033[?2004l", false },
	{ "focus reports", "\033[?1004l", true },
	{ "colour scheme reports", "\033[?2031l", true },
	{ "colours", "\033[0m", true },
	{ "main screen", "\033[?1049l", true },
	{ "cursor visible", "\033[?25h", true },
	{ "cursor shape", "\033[0 q", true },
	{ "cursor colour", "\033]112\033\\", true },
	{ "title", "\033]0;\a", false },
};

TEST(every_mode_is_switched_off_in_order)
{
	const char *rest = terminal_reset_sequence();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		rest = strstr(rest, rows[i].sequence);
		expect(rest != NULL);
		rest += strlen(rows[i].sequence);
	}
	expect_text(rest, "");
}

TEST(a_prompt_keeps_what_the_shell_has_set)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		if (rows[i].at_prompt)
			expect_contains(terminal_prompt_reset_sequence(), rows[i].sequence);
		else
			expect_lacks(terminal_prompt_reset_sequence(), rows[i].sequence);
	}
}

/* On the main screen 1049l alone moves the cursor to an older saved place. */
TEST(the_alternate_screen_is_entered_before_it_is_left)
{
	expect_contains(terminal_reset_sequence(), "\033[?1049h\033[?1049l");
	expect_contains(terminal_prompt_reset_sequence(), "\033[?1049h\033[?1049l");
}

TEST(nothing_is_cleared_or_moved)
{
	static const char *const never[] = { "\033[2J", "\033[3J", "\033[J", "\033[H",
					     "\033c",	"\033[!p", "\n" };

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		expect_lacks(terminal_reset_sequence(), never[i]);
}

UNIT_MAIN("terminal-sequence", every_mode_is_switched_off_in_order,
	  a_prompt_keeps_what_the_shell_has_set, the_alternate_screen_is_entered_before_it_is_left,
	  nothing_is_cleared_or_moved)
