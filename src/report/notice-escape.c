/* SPDX-License-Identifier: MIT */

/* One notice for each way of showing it: see notice-text.h. */

#include <string.h>

#include "oc-run/notice-text.h"

struct replacement {
	char of;
	const char *by;
};

/* @line: newlines become spaces. */
static void print_replaced(FILE *out, const char *text, bool line,
			   const struct replacement *replacements, size_t count)
{
	for (; *text; text++) {
		size_t i = 0;

		while (i < count && replacements[i].of != *text)
			i++;
		if (i < count)
			(void)fputs(replacements[i].by, out);
		else
			(void)fputc(line && *text == '\n' ? ' ' : *text, out);
	}
}

static char *close_text(FILE *out, char **text)
{
	if (out && fclose(out) != 0)
		cleanup_free(text);
	return out ? *text : NULL;
}

char *notice_text_line(const struct notice *notice)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		(void)fprintf(out, "%s. ", notice->title);
		print_replaced(out, notice->body, true, NULL, 0);
	}
	return close_text(out, &text);
}

char *notice_text_markup(const struct notice *notice)
{
	static const struct replacement markup[] = {
		{ '&', "&amp;" },
		{ '<', "&lt;" },
		{ '>', "&gt;" },
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		print_replaced(out, notice->body, false, markup, ARRAY_SIZE(markup));
	return close_text(out, &text);
}

char *notice_text_summary(const struct notice *notice)
{
	static const struct replacement markup[] = { { '&', "?" }, { '<', "?" }, { '>', "?" } };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		print_replaced(out, notice->title, true, markup, ARRAY_SIZE(markup));
	return close_text(out, &text);
}

char *notice_text_tmux(const struct notice *notice)
{
	static const struct replacement formats[] = { { '#', "##" }, { '%', "%%" } };
	_cleanup_free_ char *line = notice_text_line(notice);
	char *text = NULL;
	size_t size;
	FILE *out = line ? open_memstream(&text, &size) : NULL;

	if (out) {
		(void)fputs("oc-run: ", out);
		print_replaced(out, line, true, formats, ARRAY_SIZE(formats));
		if (line[strlen(line) - 1] == ';')
			(void)fputc('.', out);
	}
	return close_text(out, &text);
}
