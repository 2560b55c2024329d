/* SPDX-License-Identifier: MIT */

/*
 * Sends what journal-fields.c made. A machine without a journal is no error, and no trouble with it
 * is worth a word: the report says the same.
 *
 * By the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not through
 * sd_journal_sendv(): that one waits, without an end, for a journal that has stopped reading, and a
 * session would be left without its supervisor.
 */

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal-fields.h"
#include "oc-run/cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* "NAME=value\n"; with a line break in the value "NAME\n", its length, the value, "\n". */
static void write_field(FILE *out, const char *field)
{
	const char *value = strchr(field, '=') + 1;
	size_t length = strlen(value);
	uint64_t size = htole64(length);

	if (strchr(value, '\n')) {
		(void)fwrite(field, 1, (size_t)(value - 1 - field), out);
		(void)fputc('\n', out);
		(void)fwrite(&size, sizeof(size), 1, out);
		(void)fwrite(value, 1, length, out);
	} else {
		(void)fputs(field, out);
	}
	(void)fputc('\n', out);
}

/* NULL: no memory. */
static char *make_entry(const struct journal_fields *fields, size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	if (!out)
		return NULL;
	for (size_t i = 0; i < fields->count; i++)
		write_field(out, fields->texts[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void send_entry(const char *text, size_t length)
{
	struct sockaddr_un journal = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)!sendto(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&journal, sizeof(journal));
}

static void send_fields(struct journal_fields *fields)
{
	size_t length = 0;
	_cleanup_free_ char *text = fields->failed ? NULL : make_entry(fields, &length);

	if (text)
		send_entry(text, length);
	journal_fields_finish(fields);
}

void report_journal_started(const struct session_record *record)
{
	struct journal_fields fields;

	journal_fields_started(record, &fields);
	send_fields(&fields);
}

void report_journal_event(const struct session_record *record, const struct record_event *event)
{
	struct journal_fields fields;

	journal_fields_event(record, event, &fields);
	send_fields(&fields);
}

void report_journal_notice(const struct session_record *record, enum notice_kind kind,
			   const struct notice *notice)
{
	struct journal_fields fields;

	journal_fields_notice(record, kind, notice, &fields);
	send_fields(&fields);
}

void report_journal_ended(const struct session_record *record)
{
	struct journal_fields fields;

	journal_fields_ended(record, &fields);
	send_fields(&fields);
}
