/* SPDX-License-Identifier: MIT */

/* Every kind of event is an entry of its own kind in the journal. That each is explained there is
 * checked by tests/docs/check-docs. */

#include "unit.h"

#include "record-fixture.h"
#include "src/report/journal-fields.h"

#define ID_KEY "MESSAGE_ID="
#define ID_LENGTH 32

static const char *field_of(const struct journal_fields *fields, const char *key)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strncmp(fields->texts[i], key, strlen(key)) == 0)
			return fields->texts[i] + strlen(key);
	return NULL;
}

static void expect_id(const struct journal_fields *fields, char ret_id[ID_LENGTH + 1])
{
	const char *id = field_of(fields, ID_KEY);

	expect(id != NULL);
	expect_uint(strlen(id), ID_LENGTH);
	expect_uint(strspn(id, "0123456789abcdef"), ID_LENGTH);
	memcpy(ret_id, id, ID_LENGTH + 1);
}

TEST(every_kind_of_event_has_a_message_id_of_its_own)
{
	char ids[RECORD_EVENT_KIND_COUNT + 2][ID_LENGTH + 1];
	struct journal_fields fields;
	struct fixture fixture;
	size_t count = 0;

	fixture_init(&fixture);
	journal_fields_started(&fixture.record, &fields);
	expect_id(&fields, ids[count++]);
	journal_fields_finish(&fields);
	for (int kind = 0; kind < RECORD_EVENT_KIND_COUNT; kind++) {
		struct record_event *event =
			fixture_event(&fixture, (enum record_event_kind)kind, 1, 1);

		unit_row = record_event_kind_name(event->kind);
		expect(strcmp(unit_row, "unknown") != 0);
		journal_fields_event(&fixture.record, event, &fields);
		expect(!fields.failed);
		expect_text(field_of(&fields, "OC_RUN_EVENT="), unit_row);
		expect_lacks(field_of(&fields, "MESSAGE="), "(null)");
		expect_id(&fields, ids[count++]);
		journal_fields_finish(&fields);
	}
	unit_row = NULL;
	journal_fields_ended(&fixture.record, &fields);
	expect_id(&fields, ids[count++]);
	journal_fields_finish(&fields);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			expect(strcmp(ids[i], ids[j]) != 0);
}

UNIT_MAIN("journal", every_kind_of_event_has_a_message_id_of_its_own)
