/* SPDX-License-Identifier: MIT */

/* Sends what journal-fields.c made. A machine without a journal is no error (sd_journal_sendv
 * returns 0 then), and no trouble with it is worth a word: the report says the same. */

#include <string.h>
#include <sys/uio.h>

/* Else the journal would show oc-run's own source lines with each entry. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "journal-fields.h"

static void send_fields(struct journal_fields *fields)
{
	struct iovec vectors[JOURNAL_FIELDS_MAX];

	for (size_t i = 0; i < fields->count; i++)
		vectors[i] = (struct iovec){ .iov_base = fields->texts[i],
					     .iov_len = strlen(fields->texts[i]) };
	if (!fields->failed)
		(void)sd_journal_sendv(vectors, (int)fields->count);
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
