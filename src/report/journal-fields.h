/* SPDX-License-Identifier: MIT */
#pragma once

/* The fields of a journal entry, as "NAME=value". Pure. The journal is read by administrators and
 * kept for long: the command is named by its base name, its arguments never go there, nor those of
 * the processes it started. Inside src/report only. */

#include "judgement.h"

#define JOURNAL_FIELDS_MAX 40

struct journal_fields {
	char *texts[JOURNAL_FIELDS_MAX];
	size_t count;
	bool failed; /* no memory */
};

void journal_fields_started(const struct session_record *record, struct journal_fields *ret);
void journal_fields_event(const struct session_record *record, const struct record_event *event,
			  struct journal_fields *ret);
void journal_fields_notice(const struct session_record *record, enum notice_kind kind,
			   const struct notice *notice, struct journal_fields *ret);
void journal_fields_ended(const struct session_record *record, struct journal_fields *ret);
void journal_fields_finish(struct journal_fields *fields);
