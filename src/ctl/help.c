/* SPDX-License-Identifier: MIT */

/* The help, from the table of verbs. Pure. */

#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "report/safe-text.h"

#define VERB_COLUMN 19
#define OPTION_COLUMN 24
#define FIELD_COLUMNS_MAX 200

static void print_verb(FILE *out, const struct ctl_verb *verb)
{
	int width = fprintf(out, "  %s%s%s", verb->name, verb->words ? " " : "",
			    verb->words ? verb->words : "");

	(void)fprintf(out, "%*s%s\n", VERB_COLUMN - width > 2 ? VERB_COLUMN - width : 2, "",
		      verb->help);
}

static void print_option(FILE *out, char letter, const char *name, const char *metavar,
			 const char *help)
{
	int width = letter ? fprintf(out, "  -%c, --%s", letter, name)
			   : fprintf(out, "      --%s", name);

	if (metavar)
		width += fprintf(out, " %s", metavar);
	(void)fprintf(out, "%*s%s\n", OPTION_COLUMN - width > 2 ? OPTION_COLUMN - width : 2, "",
		      help);
}

static void print_all(FILE *out, const struct ctl_verb *verbs)
{
	(void)fputs(
		"Usage: oc-ctl VERB [OPTION...] [ID...]\n"
		"\n"
		"Looks after the sessions of oc-run. ID is a session's id, the beginning of it, "
		"or its name.\n\n",
		out);
	for (const struct ctl_verb *verb = verbs; verb->name; verb++)
		print_verb(out, verb);
	(void)fputc('\n', out);
	print_option(out, 'h', "help", NULL, "print this; after a verb: its options");
	print_option(out, 0, "version", NULL, "print the version");
	(void)fputs(
		"\nThe exit status is 0 if all went well, 1 if something could not be done, 2 if the\n"
		"command line makes no sense.\n",
		out);
}

static void print_one(FILE *out, const struct ctl_verb *verb)
{
	(void)fprintf(out, "Usage: oc-ctl %s [OPTION...]%s%s\n\n%s.\n", verb->name,
		      verb->words ? " " : "", verb->words ? verb->words : "", verb->help);
	if (verb->details)
		(void)fprintf(out, "%s\n", verb->details);
	(void)fputc('\n', out);
	for (size_t i = 0; i < CTL_VERB_OPTIONS_MAX && verb->options[i]; i++) {
		const struct ctl_option *option = verb->options[i];

		print_option(out, option->letter, option->name, option->metavar, option->help);
	}
	print_option(out, 'h', "help", NULL, "print this");
}

char *ctl_help(const struct ctl_verb *verbs, const struct ctl_verb *verb)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (verb)
		print_one(out, verb);
	else
		print_all(out, verbs);
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}

char *ctl_verb_lines(const struct ctl_verb *verbs)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (const struct ctl_verb *verb = verbs; verb->name; verb++) {
		(void)fprintf(out, "%s\t\t%s\t%s\n", verb->name, verb->words ? verb->words : "",
			      verb->help);
		for (size_t i = 0; i < CTL_VERB_OPTIONS_MAX && verb->options[i]; i++) {
			const struct ctl_option *option = verb->options[i];

			(void)fprintf(out, "%s\t--%s\t%s\t%s\n", verb->name, option->name,
				      option->metavar ? option->metavar : "", option->help);
		}
	}
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}

static bool is_plain(const char *text)
{
	/* Bytes of UTF-8 are no harm to a shell; that they are UTF-8 is seen to when it is printed. */
	for (; *text; text++)
		if (strchr(" \t\n'\"\\$`&|;<>()[]{}*?!#~", *text) || (unsigned char)*text < 0x20 ||
		    *text == 0x7f)
			return false;
	return true;
}

static void print_field(FILE *out, const char *text, char end)
{
	if (text)
		safe_text_print(out, text, FIELD_COLUMNS_MAX);
	(void)fputc(end, out);
}

char *ctl_session_lines(const struct registry_session *sessions, size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const char *name = sessions[i].name;

		print_field(out, sessions[i].id, '\t');
		print_field(out, name && is_plain(name) ? name : NULL, '\t');
		print_field(out, sessions[i].command_name, '\t');
		print_field(out, sessions[i].directory, '\n');
	}
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}
