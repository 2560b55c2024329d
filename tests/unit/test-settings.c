/* SPDX-License-Identifier: MIT */

#include "oc-run/limits.h"
#include "oc-run/settings.h"
#include "unit.h"

TEST(every_setting_has_a_row_and_keys_are_unique)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);

		expect(row->key != NULL);
		unit_row = row->key;
		expect(row->help != NULL);
		expect_int(setting_row_id(row), i);
		expect(setting_row_by_key(row->key) == row);
		for (int j = 0; j < i; j++)
			expect(!row->short_option ||
			       setting_row((enum setting_id)j)->short_option != row->short_option);
	}
	expect(setting_row_by_key("memory") == NULL);
	expect(setting_row_by_key("") == NULL);
}

TEST(limits_and_their_settings_have_the_same_key)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		expect_text(setting_row((enum setting_id)i)->key, limit_row((enum limit_id)i)->key);
}

TEST(help_fits_its_column)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		const char *help = setting_row((enum setting_id)i)->help;

		unit_row = setting_row((enum setting_id)i)->key;
		for (;;) {
			size_t length = strcspn(help, "\n");

			expect(length > 0 && length <= 50);
			if (!help[length])
				break;
			help += length + 1;
		}
	}
}

TEST(what_is_for_the_command_line_only_is_not_for_files)
{
	expect(!setting_row(SETTING_DRY_RUN)->in_config);
	expect(!setting_row(SETTING_JSON_STATUS_FD)->in_config);
	expect(!setting_row(SETTING_SETENV)->in_config);
	expect(!setting_row(SETTING_NAME)->in_config);
	expect(setting_row(SETTING_MEM)->in_config);
	expect(setting_row(SETTING_QUIET)->in_config);
}

TEST(setting_anew_replaces_text_and_origin)
{
	struct settings settings = { 0 };

	expect_int(settings_set(&settings, SETTING_MEM, "1G", "/etc/oc-run.conf:1"), 0);
	expect_int(settings_set(&settings, SETTING_MEM, "2G", "--mem"), 0);
	expect_text(settings.values[SETTING_MEM].text, "2G");
	expect_text(settings.values[SETTING_MEM].where, "--mem");
	expect_text(settings.values[SETTING_PIDS].text, NULL);
	settings_finish(&settings);
	expect_text(settings.values[SETTING_MEM].text, NULL);
	settings_finish(&settings);
	settings_finish(NULL);
}

TEST(an_error_names_where_the_text_came_from)
{
	struct settings settings = { 0 };
	struct diag diag;

	expect_int(settings_set(&settings, SETTING_MEM, "4X", "--mem"), 0);
	(void)diag_set(&diag, -1, "cause");
	expect_int(setting_blame(&diag, -EINVAL, &settings, SETTING_MEM), -EINVAL);
	expect_text(diag.text, "--mem \"4X\": cause");
	expect_int(settings_set(&settings, SETTING_MEM, "4X", "OC_RUN_MEM"), 0);
	(void)diag_set(&diag, -1, "cause");
	expect_int(setting_blame(&diag, -EINVAL, &settings, SETTING_MEM), -EINVAL);
	expect_text(diag.text, "OC_RUN_MEM \"4X\": cause");
	expect_int(settings_set(&settings, SETTING_MEM, "4X", "/etc/oc-run.conf:3"), 0);
	(void)diag_set(&diag, -1, "cause");
	expect_int(setting_blame(&diag, -EINVAL, &settings, SETTING_MEM), -EINVAL);
	expect_text(diag.text, "/etc/oc-run.conf:3: mem \"4X\": cause");
	settings_finish(&settings);
}

TEST(near_keys_are_proposed)
{
	expect_text(setting_key_nearest("memmory", true), "mem");
	expect_text(setting_key_nearest("dry_run", false), "dry-run");
	expect_text(setting_key_nearest("dry_run", true), NULL);
	expect_text(setting_key_nearest("frobnicate", false), NULL);
}

UNIT_MAIN("settings", every_setting_has_a_row_and_keys_are_unique,
	  limits_and_their_settings_have_the_same_key, help_fits_its_column,
	  what_is_for_the_command_line_only_is_not_for_files, setting_anew_replaces_text_and_origin,
	  an_error_names_where_the_text_came_from, near_keys_are_proposed)
