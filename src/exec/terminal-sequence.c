/* SPDX-License-Identifier: MIT */

/*
 * What is written to a terminal that a killed full-screen program has left behind: every mode that
 * opencode is known to switch on, in the one order that works. Pure.
 *
 * The order matters. Keyboard and mouse modes go first, while the alternate screen is still up: the
 * kitty keyboard stack is kept per screen, so a pop after the switch would miss it. Colours are
 * reset before the switch too, or the main screen would be filled with them.
 *
 * Leaving the alternate screen also restores a saved cursor. On the main screen that makes the
 * cursor jump to wherever the last full-screen program was started; ESC 7 before it does not help,
 * since tmux keeps the cursor of ESC 7 and that of mode 1049 apart. So mode 1049 is switched on
 * first: on the alternate screen that changes nothing, on the main screen it saves the cursor where
 * it stands, and the switch back puts it there. Nothing is cleared but the alternate screen.
 */

#include "oc-run/terminal.h"

#define SYNCHRONIZED_OUTPUT_OFF "\033[?2026l"
#define KITTY_KEYBOARD_POP "\033[<u"
#define MODIFY_OTHER_KEYS_OFF "\033[>4;0m"
/* Any motion, drag, click; then the encodings: SGR, urxvt's, SGR in pixels. */
#define MOUSE_OFF "\033[?1003l\033[?1002l\033[?1000l\033[?1006l\033[?1015l\033[?1016l"
#define BRACKETED_PASTE_OFF "\033[?2004l"
#define FOCUS_REPORTS_OFF "\033[?1004l"
#define COLOUR_SCHEME_REPORTS_OFF "\033[?2031l"
#define COLOURS_DEFAULT "\033[0m"
#define MAIN_SCREEN "\033[?1049h\033[?1049l"
#define CURSOR_VISIBLE "\033[?25h"
#define CURSOR_SHAPE_DEFAULT "\033[0 q"
#define CURSOR_COLOUR_DEFAULT "\033]112\033\\"
#define TITLE_EMPTY "\033]0;\a"

const char *terminal_reset_sequence(void)
{
	return SYNCHRONIZED_OUTPUT_OFF KITTY_KEYBOARD_POP MODIFY_OTHER_KEYS_OFF MOUSE_OFF
		BRACKETED_PASTE_OFF FOCUS_REPORTS_OFF COLOUR_SCHEME_REPORTS_OFF COLOURS_DEFAULT
			MAIN_SCREEN CURSOR_VISIBLE CURSOR_SHAPE_DEFAULT CURSOR_COLOUR_DEFAULT
				TITLE_EMPTY;
}

/* A line editor has switched bracketed paste on for its prompt, and the shell may have set the
 * title: both are the shell's now. */
const char *terminal_prompt_reset_sequence(void)
{
	return SYNCHRONIZED_OUTPUT_OFF KITTY_KEYBOARD_POP MODIFY_OTHER_KEYS_OFF MOUSE_OFF
		FOCUS_REPORTS_OFF COLOUR_SCHEME_REPORTS_OFF COLOURS_DEFAULT MAIN_SCREEN
			CURSOR_VISIBLE CURSOR_SHAPE_DEFAULT CURSOR_COLOUR_DEFAULT;
}
