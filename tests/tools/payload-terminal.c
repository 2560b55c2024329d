/* SPDX-License-Identifier: MIT */

/* A stand-in for a full-screen program: everything switched on that opencode switches on. */

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "payload.h"

static const char modes_on[] =
	"\033[?1049h" /* alternate screen, first: the kitty stack is kept per screen */
	"\033[>4;1m"  /* modifyOtherKeys */
	"\033[>5u"    /* kitty keyboard: push */
	"\033[?2027h"
	"\033[?2004h" /* bracketed paste */
	"\033[?1000h\033[?1002h\033[?1003h\033[?1006h"
	"\033[?1004h" /* focus */
	"\033[?2031h"
	"\033[?2026h\033[?2026l"
	"\033[1 q"
	"\033[?25l"; /* cursor */

int verb_tty_raw(int argc, char **argv)
{
	struct termios raw;

	(void)argc;
	(void)argv;
	if (tcgetattr(STDIN_FILENO, &raw))
		die("stdin is no terminal");
	raw.c_iflag &= (tcflag_t) ~(ICRNL | IXON);
	raw.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG | IEXTEN);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw))
		die("cannot make the terminal raw");
	(void)fputs(modes_on, stdout);
	(void)fputs("raw\r\n", stdout);
	say_ready();
	wait_long();
	return 0;
}

/* tty-state: the whole of termios on one line, to be compared. */
int verb_tty_state(int argc, char **argv)
{
	struct termios now;

	(void)argc;
	(void)argv;
	if (tcgetattr(STDIN_FILENO, &now))
		die("stdin is no terminal");
	(void)printf("i%o o%o c%o l%o", now.c_iflag, now.c_oflag, now.c_cflag, now.c_lflag);
	for (size_t i = 0; i < NCCS; i++)
		(void)printf(" %o", now.c_cc[i]);
	(void)putchar('\n');
	return 0;
}
