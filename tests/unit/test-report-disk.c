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

static void give_removed(struct fixture *fixture, const char *path, uint64_t bytes)
{
	struct snapshot_result *snapshots = &fixture->record.snapshots;

	snapshots->count++;
	snapshots->bytes += bytes;
	if (snapshots->named < SNAPSHOT_NAMES_MAX)
		snapshots->removed[snapshots->named++] =
			(struct snapshot_file){ strdup(path), bytes };
}

TEST(what_was_removed_of_the_snapshots_is_named_and_cut)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;
	char path[64];

	fixture_init(&fixture);
	expect(!report_is_needed(&fixture.record));
	give_removed(&fixture, "/store/p/index.lock", 0);
	expect(report_is_needed(&fixture.record));
	for (int i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), "/store/p/objects/pack/tmp_pack_%d", i);
		give_removed(&fixture, path, MEBIBYTE);
	}
	text = text_of(&fixture);
	expect_contains(text, "\n  removed, left by a killed git: /store/p/index.lock\n");
	expect_contains(text, "\n  removed, left by a killed git: /store/p/objects/pack/tmp_pack_1 "
			      "(1 MiB)\n");
	expect_lacks(text, "tmp_pack_2");
	expect_contains(text, "\n  removed, left by a killed git: 38 more files, 38 MiB\n");
}

TEST(the_lock_of_the_persons_repository_comes_with_the_command)
{
	static const struct {
		const char *name, *path, *expected;
	} rows[] = {
		{ "plain", "/home/u/p/.git/index.lock",
		  "if none works there now, `rm '/home/u/p/.git/index.lock'`\n" },
		{ "blanks", "/home/u/my $HOME `x`/.git/index.lock",
		  "now, `rm '/home/u/my $HOME `x`/.git/index.lock'`\n" },
		{ "a quote ends the quotes", "/home/u/it's; rm -rf ~/.git/index.lock",
		  "now, remove /home/u/it's; rm -rf ~/.git/index.lock\n" },
		{ "a line break", "/home/u/a\nb/.git/index.lock",
		  "now, remove /home/u/a\\x0ab/.git/index.lock\n" },
		{ "no UTF-8", "/home/u/\xff/.git/index.lock",
		  "now, remove /home/u/\\xff/.git/index.lock\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct fixture fixture;

		unit_row = rows[i].name;
		fixture_init(&fixture);
		fixture.record.snapshots.persons_lock = strdup(rows[i].path);
		expect(report_is_needed(&fixture.record));
		text = text_of(&fixture);
		expect_contains(text, "\n  next: a git was killed in your repository and left a "
				      "lock; ");
		expect_contains(text, rows[i].expected);
	}
}

TEST(what_gits_left_stands_in_the_json)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;
	const cJSON *store, *item;
	cJSON *report;

	fixture_init(&fixture);
	give_removed(&fixture, "/store/p/index.lock", 12);
	fixture.record.snapshots.persons_lock = strdup("/home/u/p/.git/index.lock");
	text = report_json(&fixture.record);
	report = cJSON_Parse(text);
	store = cJSON_GetObjectItem(report, "snapshot_store");
	expect_int(cJSON_GetObjectItem(store, "count")->valueint, 1);
	expect_int(cJSON_GetObjectItem(store, "bytes")->valueint, 12);
	item = cJSON_GetArrayItem(cJSON_GetObjectItem(store, "items"), 0);
	expect_text(cJSON_GetStringValue(cJSON_GetObjectItem(item, "path")), "/store/p/index.lock");
	expect_text(cJSON_GetStringValue(cJSON_GetObjectItem(report, "repository_lock")),
		    "/home/u/p/.git/index.lock");
	cJSON_Delete(report);
	session_record_finish(&fixture.record);
}

UNIT_MAIN("report-disk", temporary_files_are_told_when_asked_or_left,
	  temporary_files_stand_in_the_json, what_was_removed_of_the_snapshots_is_named_and_cut,
	  the_lock_of_the_persons_repository_comes_with_the_command,
	  what_gits_left_stands_in_the_json)
