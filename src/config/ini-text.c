/* SPDX-License-Identifier: MIT */

/*
 * inih takes the lines apart; the reader function hands them to it one by one, so that each error
 * has its line. What inih would take in its stride is an error here: a section (there are none), a
 * line that goes on (it would become part of the value before it), a line longer than its buffer.
 */

#include "ini-text.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

struct reading {
	const char *at, *end;
	const char *path;
	unsigned number; /* of the current line */
	ini_text_handler_t handler;
	void *userdata;
	struct diag *diag;
	int error; /* the first one ends it */
};

/* Puts where it is in front of the sentence. */
static void blame(struct reading *reading, int error)
{
	reading->error = diag_prefix(reading->diag, error, "%s:%u", reading->path, reading->number);
}

static void fail(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void fail(struct reading *reading, const char *format, ...)
{
	char text[DIAG_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	blame(reading, diag_set(reading->diag, -EINVAL, "%s", text));
}

/* The next line without what surrounds it. */
static const char *next_line(struct reading *reading, size_t *ret_length)
{
	const char *start = reading->at;
	const char *newline = memchr(start, '\n', (size_t)(reading->end - start));
	const char *end = newline ? newline : reading->end;

	reading->at = newline ? newline + 1 : reading->end;
	reading->number++;
	while (start < end && strchr(" \t", *start))
		start++;
	while (end > start && strchr(" \t\r", end[-1]))
		end--;
	*ret_length = (size_t)(end - start);
	return start;
}

static void check_line(struct reading *reading, const char *line, size_t length, size_t size)
{
	if (memchr(line, '\0', length))
		fail(reading, "has a NUL character in it; this is no text");
	else if (*line == '[')
		fail(reading, "there are no sections in this file; remove \"%.*s\"",
		     (int)(length < 60 ? length : 60), line);
	else if (!memchr(line, '=', length) && !memchr(line, ':', length))
		fail(reading, "\"%.*s\" is no setting; write \"key = value\"",
		     (int)(length < 60 ? length : 60), line);
	else if (length >= size)
		fail(reading, "is longer than %zu characters", size - 1);
}

/* inih's reader. A blank line stands for what it need not see. */
static char *read_line(char *buffer, int size, void *stream)
{
	struct reading *reading = stream;
	const char *line;
	size_t length;

	if (reading->error || reading->at == reading->end)
		return NULL;
	line = next_line(reading, &length);
	if (length > 0 && *line != '#' && *line != ';')
		check_line(reading, line, length, (size_t)size);
	else
		length = 0;
	if (reading->error)
		return NULL;
	memcpy(buffer, line, length);
	buffer[length] = '\0';
	return buffer;
}

/* inih's handler: 1 is fine, 0 is not. */
static int take_setting(void *userdata, const char *section, const char *key, const char *value)
{
	struct reading *reading = userdata;
	int r = reading->handler(reading->userdata, key, value, reading->number, reading->diag);

	(void)section;
	if (r == -ENOMEM)
		reading->error = r;
	else if (r < 0)
		blame(reading, r);
	return reading->error == 0;
}

int ini_text_parse(const char *text, size_t length, const char *path, ini_text_handler_t handler,
		   void *userdata, struct diag *diag)
{
	struct reading reading = {
		.at = text,
		.end = text + length,
		.path = path,
		.handler = handler,
		.userdata = userdata,
		.diag = diag,
	};
	int r = ini_parse_stream(read_line, &reading, take_setting, &reading);

	if (reading.error == -ENOMEM || (reading.error == 0 && r == -2))
		return diag_set(diag, -ENOMEM, "out of memory");
	if (reading.error < 0)
		return reading.error;
	if (r > 0)
		return diag_set(diag, -EINVAL, "%s:%d: this is no setting; write \"key = value\"",
				path, r);
	return 0;
}
