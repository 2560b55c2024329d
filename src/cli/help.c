/* SPDX-License-Identifier: MIT */

#include <stdio.h>
#include <string.h>

#include "oc-run/options.h"

#define HELP_COLUMN 28

struct group {
	const char *title;
	enum setting_id first, last;
};

static const struct group groups[] = {
	{ "Limits of the session (command and all its children):", SETTING_MEM, SETTING_IO_WEIGHT },
	{ "The session:", SETTING_NAME, SETTING_RESTART_MIN_AGE },
	{ "What is said about it:", SETTING_REPORT, SETTING_VERBOSE },
};

static void print_option(FILE *out, char short_option, const char *key, const char *metavar,
			 const char *help)
{
	int width;

	width = short_option ? fprintf(out, "  -%c, --%s", short_option, key)
			     : fprintf(out, "      --%s", key);
	if (metavar)
		width += fprintf(out, " %s", metavar);
	(void)fprintf(out, "%*s", HELP_COLUMN - width > 2 ? HELP_COLUMN - width : 2, "");
	for (const char *line = help; line;) {
		size_t length = strcspn(line, "\n");

		(void)fprintf(out, "%.*s\n", (int)length, line);
		line = line[length] ? line + length + 1 : NULL;
		if (line)
			(void)fprintf(out, "%*s", HELP_COLUMN, "");
	}
}

static void print_help(FILE *out)
{
	(void)fputs("Usage: oc-run [OPTION...] [--] [COMMAND [ARG...]]\n"
		    "\n"
		    "Runs COMMAND (" OPTIONS_DEFAULT_COMMAND
		    " if none is given) with all its children "
		    "in a cgroup\n"
		    "of its own, with limits, and leaves nothing behind when it ends.\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		(void)fprintf(out, "\n%s\n", groups[i].title);
		for (int id = (int)groups[i].first; id <= (int)groups[i].last; id++) {
			const struct setting_row *row = setting_row((enum setting_id)id);

			print_option(out, row->short_option, row->key, row->metavar, row->help);
		}
	}
	print_option(out, 'h', "help", NULL, "print this");
	print_option(out, 0, "version", NULL, "print the version");
	(void)fputs("\nConfiguration: /etc/oc-run.conf, /etc/oc-run.conf.d/*.conf,\n"
		    "~/.config/oc-run/oc-run.conf, variables such as OC_RUN_MEM: later ones win,\n"
		    "options win over all. The exit status is the command's own; 125 means that\n"
		    "oc-run itself failed.\n",
		    out);
}

char *options_help(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_help(out);
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}
