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
	{ "The session:", SETTING_NAME, SETTING_WAIT },
	{ "What is said about it:", SETTING_REPORT, SETTING_VERBOSE },
};

static const struct setting_row row_help = { .key = "help",
					     .short_option = 'h',
					     .help = "print this" };
static const struct setting_row row_version = { .key = "version", .help = "print the version" };

static void print_option(FILE *out, const struct setting_row *row)
{
	int width;

	width = row->short_option ? fprintf(out, "  -%c, --%s", row->short_option, row->key)
				  : fprintf(out, "      --%s", row->key);
	if (row->metavar)
		width += fprintf(out, "%s%s%s", row->value_is_optional ? "[=" : " ", row->metavar,
				 row->value_is_optional ? "]" : "");
	(void)fprintf(out, "%*s", HELP_COLUMN - width > 2 ? HELP_COLUMN - width : 2, "");
	for (const char *line = row->help; line;) {
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
		for (int id = (int)groups[i].first; id <= (int)groups[i].last; id++)
			print_option(out, setting_row((enum setting_id)id));
	}
	print_option(out, &row_help);
	print_option(out, &row_version);
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
