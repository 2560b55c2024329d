/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "oc-run/config.h"
#include "unit.h"

/* The folders etc and user of each test. */
static char folder[PATH_MAX], system_dir[PATH_MAX + 8], user_dir[PATH_MAX + 8];

static const char *const places[] = { "etc/oc-run.conf",
				      "etc/oc-run.conf.d/10-a.conf",
				      "etc/oc-run.conf.d/20-b.conf",
				      "etc/oc-run.conf.d/README",
				      "etc/oc-run.conf.d/.x.conf",
				      "user/oc-run.conf",
				      "etc/oc-run.conf.d",
				      "etc",
				      "user" };

static void enter(void)
{
	char template[] = "/tmp/oc-run-config.XXXXXX";

	expect(mkdtemp(template) != NULL);
	(void)snprintf(folder, sizeof(folder), "%s", template);
	expect_int(chdir(folder), 0);
	expect_int(mkdir("etc", 0755), 0);
	expect_int(mkdir("etc/oc-run.conf.d", 0755), 0);
	expect_int(mkdir("user", 0755), 0);
	(void)snprintf(system_dir, sizeof(system_dir), "%s/etc", folder);
	(void)snprintf(user_dir, sizeof(user_dir), "%s/user", folder);
}

static void leave(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		(void)remove(places[i]);
	expect_int(chdir("/"), 0);
	expect_int(rmdir(folder), 0);
}

static void write_bytes(const char *path, const char *bytes, size_t length)
{
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	expect(file != NULL);
	expect_uint(fwrite(bytes, 1, length, file), length);
	expect_int(fchmod(fileno(file), 0644), 0);
}

static void write_file(const char *path, const char *text)
{
	write_bytes(path, text, strlen(text));
}

static int load(char *const *environment, struct settings *ret, struct diag *diag)
{
	const struct config_roots roots = { .system_dir = system_dir, .user_dir = user_dir };

	return config_load(&roots, environment, ret, diag);
}

static void expect_setting(const struct settings *settings, enum setting_id id, const char *text,
			   const char *where)
{
	const struct setting *setting = &settings->values[id];
	size_t length = strlen(folder);

	expect_text(setting->text, text);
	if (where && strncmp(setting->where, folder, length) == 0)
		expect_text(setting->where + length + 1, where);
	else
		expect_text(setting->where, where);
}

TEST(nothing_at_all_is_fine)
{
	const struct config_roots roots = { .system_dir = "/nonexistent", .user_dir = NULL };
	struct settings settings;

	expect_int(config_load(&roots, NULL, &settings, NULL), 0);
	for (int id = 0; id < SETTING_COUNT; id++)
		expect_text(settings.values[id].text, NULL);
	settings_finish(&settings);
}

TEST(later_sources_win_and_each_value_keeps_its_origin)
{
	static char swap[] = "OC_RUN_SWAP=0", weight[] = "OC_RUN_CPU_WEIGHT=33",
		    session[] = "OC_RUN_SESSION=x", test[] = "OC_RUN_TEST_TAG=x",
		    name[] = "OC_RUN_NAME=x", dry[] = "OC_RUN_DRY_RUN=yes",
		    empty[] = "OC_RUN_MEM=", lower[] = "OC_RUN_mem=1G", other[] = "MEM=7G",
		    bare[] = "OC_RUN_PIDS";
	char *const environment[] = { swap,  weight, session, test, name, dry,
				      empty, lower,  other,   bare, NULL };
	struct settings settings;

	enter();
	write_file("etc/oc-run.conf", "# comment\nmem = 1G\nhigh=1G\npids = 1\nswap = 1G\n");
	write_file("etc/oc-run.conf.d/20-b.conf", "mem = 3G\n");
	write_file("etc/oc-run.conf.d/10-a.conf", "mem = 2G\nhigh = 2G\n");
	write_file("etc/oc-run.conf.d/README", "this is no setting\n");
	write_file("etc/oc-run.conf.d/.x.conf", "this is no setting\n");
	write_file("user/oc-run.conf", "\n\npids: 4\n");
	expect_int(load(environment, &settings, NULL), 0);
	expect_setting(&settings, SETTING_MEM, "3G", "etc/oc-run.conf.d/20-b.conf:1");
	expect_setting(&settings, SETTING_HIGH, "2G", "etc/oc-run.conf.d/10-a.conf:2");
	expect_setting(&settings, SETTING_PIDS, "4", "user/oc-run.conf:3");
	expect_setting(&settings, SETTING_SWAP, "0", "OC_RUN_SWAP");
	expect_setting(&settings, SETTING_CPU_WEIGHT, "33", "OC_RUN_CPU_WEIGHT");
	expect_setting(&settings, SETTING_NAME, NULL, NULL);
	expect_setting(&settings, SETTING_DRY_RUN, NULL, NULL);
	settings_finish(&settings);
	leave();
}

TEST(options_are_put_on_top)
{
	struct settings settings = { 0 }, over = { 0 };

	expect_int(settings_set(&settings, SETTING_MEM, "1G", "/f:1"), 0);
	expect_int(settings_set(&settings, SETTING_PIDS, "1", "/f:2"), 0);
	expect_int(settings_set(&over, SETTING_MEM, "2G", "--mem"), 0);
	settings_override(&settings, &over);
	expect_text(settings.values[SETTING_MEM].text, "2G");
	expect_text(settings.values[SETTING_MEM].where, "--mem");
	expect_text(settings.values[SETTING_PIDS].text, "1");
	expect_text(over.values[SETTING_MEM].text, NULL);
	settings_finish(&settings);
	settings_finish(&over);
}

TEST(the_ways_to_write_a_line)
{
	static const struct {
		const char *name, *text, *value, *where;
	} rows[] = {
		{ "plain", "mem = 1G\n", "1G", "user/oc-run.conf:1" },
		{ "tight", "mem=1G\n", "1G", "user/oc-run.conf:1" },
		{ "indented", "pids = 4\n  mem = 1G\n", "1G", "user/oc-run.conf:2" },
		{ "after a tab", "pids = 4\n\tmem = 1G\n", "1G", "user/oc-run.conf:2" },
		{ "Windows", "# x\r\nmem = 1G\r\n", "1G", "user/oc-run.conf:2" },
		{ "no newline at the end", "mem = 1G", "1G", "user/oc-run.conf:1" },
		{ "comment behind it", "mem = 1G ; half\n", "1G", "user/oc-run.conf:1" },
		{ "twice", "mem = 2G\nmem = 1G\n", "1G", "user/oc-run.conf:2" },
		{ "byte order mark", "\xef\xbb\xbfmem = 1G\n", "1G", "user/oc-run.conf:1" },
		{ "nothing", "", NULL, NULL },
		{ "comments", "# mem = 1G\n; mem = 1G\n\n   # x\n", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct settings settings;

		unit_row = rows[i].name;
		enter();
		write_file("user/oc-run.conf", rows[i].text);
		expect_int(load(NULL, &settings, NULL), 0);
		expect_setting(&settings, SETTING_MEM, rows[i].value, rows[i].where);
		settings_finish(&settings);
		leave();
	}
}

TEST(a_long_comment_does_not_shift_the_lines)
{
	struct settings settings;
	char text[4096];

	enter();
	memset(text, 'x', sizeof(text));
	text[0] = '#';
	memcpy(text + 3000, "\nmem = 1G\n", strlen("\nmem = 1G\n") + 1);
	write_file("user/oc-run.conf", text);
	expect_int(load(NULL, &settings, NULL), 0);
	expect_setting(&settings, SETTING_MEM, "1G", "user/oc-run.conf:2");
	settings_finish(&settings);
	leave();
}

TEST(mistakes_name_file_and_line_and_the_first_one_counts)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "mem = 1G\n\nmemmory = 2G\n",
		  "/user/oc-run.conf:3: unknown key \"memmory\"; did you mean \"mem\"?" },
		{ "frobnicate = 2G\n", ":1: unknown key \"frobnicate\"; oc-run.conf(5)" },
		{ "Mem = 2G\n", ":1: unknown key \"Mem\"; did you mean \"mem\"?" },
		{ "dry-run = yes\n", ":1: \"dry-run\" can only be given on the command line" },
		{ "json-status-fd = 1\n", "\"json-status-fd\" can only be given" },
		{ "\nthis is no setting\n", ":2: \"this is no setting\" is no setting" },
		{ "mem\n", ":1: \"mem\" is no setting" },
		{ "mem =\n", ":1: \"mem\" has no value; write \"mem = SIZE\"" },
		{ "quiet = \n", ":1: \"quiet\" has no value; write \"quiet = yes\"" },
		{ "= 1G\n", ":1: unknown key \"\"" },
		{ "[limits]\nmem = 1G\n",
		  ":1: there are no sections in this file; remove \"[limits]\"" },
		{ "mem = 1G\n[empty]\n", ":2: there are no sections" },
		{ "x = 1\nthis\n[s]\n", ":1: unknown key \"x\"" },
		{ "this\nx = 1\n", ":1: \"this\" is no setting" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct settings settings = { 0 };
		struct diag diag = DIAG_INIT;

		unit_row = rows[i].says;
		enter();
		write_file("user/oc-run.conf", rows[i].text);
		expect_int(load(NULL, &settings, &diag), -EINVAL);
		expect_contains(diag.text, rows[i].says);
		expect_lacks(diag.text, "\n");
		for (int id = 0; id < SETTING_COUNT; id++)
			expect_text(settings.values[id].text, NULL);
		leave();
	}
}

TEST(lines_that_are_no_text_or_too_long_are_refused)
{
	static const char nul[] = "mem = 1G\0pids = 1\n";
	struct settings settings;
	struct diag diag = DIAG_INIT;
	char text[4096];

	enter();
	write_bytes("user/oc-run.conf", nul, sizeof(nul) - 1);
	expect_int(load(NULL, &settings, &diag), -EINVAL);
	expect_contains(diag.text, ":1: has a NUL");
	memset(text, '1', sizeof(text));
	memcpy(text, "\nmem = ", strlen("\nmem = "));
	text[sizeof(text) - 1] = '\0';
	write_file("user/oc-run.conf", text);
	expect_int(load(NULL, &settings, &diag), -EINVAL);
	expect_contains(diag.text, ":2: is longer than");
	leave();
}

TEST(files_that_others_may_write_are_refused)
{
	static const struct {
		const char *name;
		mode_t mode;
		int own_group, result;
	} rows[] = {
		{ "ours", 0644, 1, 0 },
		{ "ours alone", 0600, 1, 0 },
		{ "everybody", 0666, 1, -EPERM },
		{ "everybody but the group", 0606, 1, -EPERM },
		{ "our private group", 0664, 1, 0 },
		{ "another group", 0664, 0, -EPERM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct settings settings;
		struct diag diag = DIAG_INIT;
		int r;

		unit_row = rows[i].name;
		enter();
		write_file("user/oc-run.conf", "mem = 1G\n");
		/* A user that is in no other group than one with another number can't make these. */
		r = chown("user/oc-run.conf", (uid_t)-1,
			  rows[i].own_group ? (gid_t)geteuid() : (gid_t)geteuid() + 1);
		expect_int(chmod("user/oc-run.conf", rows[i].mode), 0);
		if (r == 0) {
			expect_int(load(NULL, &settings, &diag), rows[i].result);
			if (rows[i].result < 0)
				expect_contains(diag.text, "may be written by others; chmod go-w");
			else
				settings_finish(&settings);
		} else {
			(void)fprintf(stderr, "# SKIPPED row \"%s\": cannot chown\n", rows[i].name);
		}
		leave();
	}
}

TEST(files_of_another_user_are_refused)
{
	struct settings settings;
	struct diag diag = DIAG_INIT;

	enter();
	write_file("user/oc-run.conf", "mem = 1G\n");
	if (chown("user/oc-run.conf", 12345, (gid_t)-1) == 0) {
		expect_int(load(NULL, &settings, &diag), -EPERM);
		expect_contains(diag.text, "belongs to another user (uid 12345)");
	} else {
		(void)fprintf(stderr, "# SKIPPED: only root can give files away\n");
	}
	leave();
}

TEST(what_is_no_regular_file_is_refused)
{
	struct settings settings;
	struct diag diag = DIAG_INIT;

	enter();
	expect_int(mkfifo("user/oc-run.conf", 0600), 0);
	expect_int(load(NULL, &settings, &diag), -EINVAL);
	expect_contains(diag.text, "is no regular file");
	leave();
}

TEST(folders_come_from_the_environment)
{
	_cleanup_free_ char *xdg = NULL, *home = NULL, *none = NULL;

	enter();
	expect_int(setenv("HOME", folder, 1), 0);
	expect_int(setenv("XDG_CONFIG_HOME", user_dir, 1), 0);
	xdg = config_user_dir();
	expect_contains(xdg, "/user/oc-run");
	expect_int(setenv("XDG_CONFIG_HOME", "not/absolute", 1), 0);
	home = config_user_dir();
	expect_contains(home, "/.config/oc-run");
	expect_lacks(home, "user");
	expect_int(unsetenv("HOME"), 0);
	none = config_user_dir();
	expect_text(none, NULL);
	expect_int(setenv("OC_RUN_SYSCONFDIR", system_dir, 1), 0);
	expect_text(config_system_dir(), system_dir);
	expect_int(setenv("OC_RUN_SYSCONFDIR", "etc", 1), 0);
	expect(config_system_dir()[0] == '/');
	leave();
}

TEST(the_home_of_another_user_is_not_ours)
{
	enter();
	expect_int(setenv("HOME", user_dir, 1), 0);
	expect_int(unsetenv("XDG_CONFIG_HOME"), 0);
	if (chown("user", 12345, (gid_t)-1) == 0) {
		_cleanup_free_ char *path = config_user_dir();

		expect_text(path, NULL);
	} else {
		(void)fprintf(stderr, "# SKIPPED: only root can give folders away\n");
	}
	leave();
}

UNIT_MAIN("config", nothing_at_all_is_fine, later_sources_win_and_each_value_keeps_its_origin,
	  options_are_put_on_top, the_ways_to_write_a_line, a_long_comment_does_not_shift_the_lines,
	  mistakes_name_file_and_line_and_the_first_one_counts,
	  lines_that_are_no_text_or_too_long_are_refused, files_that_others_may_write_are_refused,
	  files_of_another_user_are_refused, what_is_no_regular_file_is_refused,
	  folders_come_from_the_environment, the_home_of_another_user_is_not_ours)
