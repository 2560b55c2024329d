/* SPDX-License-Identifier: MIT */

/* What the report says of what a session left on the disk. */

#include "unit.h"

#include <cjson/cJSON.h>

#include "record-fixture.h"

static void give_tmp(struct fixture *fixture, uint64_t files, uint64_t bytes, bool removed)
{
	fixture->record.tmp_path = strdup("/home/u/.cache/oc-run/tmp/0123456789abcdef");
	fixture->record.tmp = (struct session_tmp_tally){ files, bytes, removed };
}

static char *text_of(struct fixture *fixture)
{
	char *text = report_text(&fixture->record);

	expect(text != NULL);
	session_record_finish(&fixture->record);
	return text;
}

TEST(temporary_files_are_told_when_asked_or_left)
{
	static const struct {
		const char *name;
		uint64_t files, bytes;
		bool removed, verbose;
		const char *expected; /* NULL: not a word */
	} rows[] = {
		{ "removed", 2, 10 * MEBIBYTE, true, false, NULL },
		{ "removed, -v", 2, 10 * MEBIBYTE, true, true,
		  "\n  temporary files: 2 removed, 10 MiB\n" },
		{ "none, -v", 0, 0, true, true, "\n  temporary files: 0 removed\n" },
		{ "left", 2, 10 * MEBIBYTE, false, false,
		  "\n  temporary files: not all could be removed from "
		  "/home/u/.cache/oc-run/tmp/0123456789abcdef\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct fixture fixture;

		unit_row = rows[i].name;
		fixture_init(&fixture);
		give_tmp(&fixture, rows[i].files, rows[i].bytes, rows[i].removed);
		fixture.plan.verbose = rows[i].verbose;
		text = text_of(&fixture);
		if (rows[i].expected)
			expect_contains(text, rows[i].expected);
		else
			expect_lacks(text, "temporary");
	}
}

TEST(temporary_files_stand_in_the_json)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;
	const cJSON *tmp;
	cJSON *report;

	fixture_init(&fixture);
	give_tmp(&fixture, 3, 4096, true);
	text = report_json(&fixture.record);
	report = cJSON_Parse(text);
	tmp = cJSON_GetObjectItem(report, "temporary_files");
	expect_text(cJSON_GetStringValue(cJSON_GetObjectItem(tmp, "path")),
		    "/home/u/.cache/oc-run/tmp/0123456789abcdef");
	expect_int(cJSON_GetObjectItem(tmp, "count")->valueint, 3);
	expect_int(cJSON_GetObjectItem(tmp, "bytes")->valueint, 4096);
	expect(cJSON_IsTrue(cJSON_GetObjectItem(tmp, "removed")));
	cJSON_Delete(report);
	session_record_finish(&fixture.record);
}

UNIT_MAIN("report-disk", temporary_files_are_told_when_asked_or_left,
	  temporary_files_stand_in_the_json)
