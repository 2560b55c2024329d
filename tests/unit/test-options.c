/* SPDX-License-Identifier: MIT */

#include "oc-run/options.h"
#include "unit.h"

#define WORDS_MAX 12

static int words(const char *const *from, char **to)
{
	int count = 0;

	for (; from[count]; count++) {
		to[count] = strdup(from[count]);
		ck_assert_ptr_nonnull(to[count]);
	}
	to[count] = NULL;
	return count;
}

/* argv[0] may have been moved to its base name: what was allocated is kept apart. */
struct line {
	char *owned[WORDS_MAX], *argv[WORDS_MAX];
	int argc;
};

static void line_init(struct line *line, const char *const *from)
{
	line->argc = words(from, line->owned);
	memcpy(line->argv, line->owned, sizeof(line->argv));
}

static void line_finish(struct line *line)
{
	for (int i = 0; i < line->argc; i++)
		free(line->owned[i]);
}

TEST(values_and_their_origin_are_taken)
{
	static const struct {
		const char *name;
		const char *words[WORDS_MAX];
		enum setting_id id;
		const char *text, *where;
	} rows[] = {
		{ "--mem 4G", { "oc-run", "--mem", "4G" }, SETTING_MEM, "4G", "--mem" },
		{ "--mem=4G", { "oc-run", "--mem=4G" }, SETTING_MEM, "4G", "--mem" },
		{ "-m 4G", { "oc-run", "-m", "4G" }, SETTING_MEM, "4G", "--mem" },
		{ "-m4G", { "oc-run", "-m4G" }, SETTING_MEM, "4G", "--mem" },
		{ "the last wins",
		  { "oc-run", "-m", "1G", "--mem=2G" },
		  SETTING_MEM,
		  "2G",
		  "--mem" },
		{ "empty", { "oc-run", "--mem=" }, SETTING_MEM, "", "--mem" },
		{ "--high", { "oc-run", "--high", "1G" }, SETTING_HIGH, "1G", "--high" },
		{ "--swap", { "oc-run", "--swap", "0" }, SETTING_SWAP, "0", "--swap" },
		{ "-p", { "oc-run", "-p", "64" }, SETTING_PIDS, "64", "--pids" },
		{ "--cpus", { "oc-run", "--cpus", "2" }, SETTING_CPUS, "2", "--cpus" },
		{ "--cpu-weight",
		  { "oc-run", "--cpu-weight=9" },
		  SETTING_CPU_WEIGHT,
		  "9",
		  "--cpu-weight" },
		{ "--io-weight",
		  { "oc-run", "--io-weight=9" },
		  SETTING_IO_WEIGHT,
		  "9",
		  "--io-weight" },
		{ "-n", { "oc-run", "-n", "x" }, SETTING_NAME, "x", "--name" },
		{ "-C", { "oc-run", "-C", "/" }, SETTING_CHDIR, "/", "--chdir" },
		{ "--slice", { "oc-run", "--slice=a.slice" }, SETTING_SLICE, "a.slice", "--slice" },
		{ "--backend",
		  { "oc-run", "--backend=none" },
		  SETTING_BACKEND,
		  "none",
		  "--backend" },
		{ "--enforce",
		  { "oc-run", "--enforce=kernel" },
		  SETTING_ENFORCE,
		  "kernel",
		  "--enforce" },
		{ "--grace", { "oc-run", "--grace", "5s" }, SETTING_GRACE, "5s", "--grace" },
		{ "--report", { "oc-run", "--report", "f" }, SETTING_REPORT, "f", "--report" },
		{ "--json-status-fd",
		  { "oc-run", "--json-status-fd", "3" },
		  SETTING_JSON_STATUS_FD,
		  "3",
		  "--json-status-fd" },
		{ "--dry-run", { "oc-run", "--dry-run" }, SETTING_DRY_RUN, "yes", "--dry-run" },
		{ "-q", { "oc-run", "-q" }, SETTING_QUIET, "yes", "--quiet" },
		{ "-q switches -v off", { "oc-run", "-vq" }, SETTING_VERBOSE, "no", "--quiet" },
		{ "-v switches -q off",
		  { "oc-run", "-q", "-v" },
		  SETTING_QUIET,
		  "no",
		  "--verbose" },
		{ "not given", { "oc-run", "-q" }, SETTING_MEM, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options;
		struct line line;

		unit_row = rows[i].name;
		line_init(&line, rows[i].words);
		expect_int(options_parse(line.argc, line.argv, &options, NULL), OPTIONS_RUN);
		expect_text(options.settings.values[rows[i].id].text, rows[i].text);
		expect_text(options.settings.values[rows[i].id].where, rows[i].where);
		expect(options.command == NULL);
		expect_text(options_command(&options)[0], "opencode");
		expect_text(options_command(&options)[1], NULL);
		options_finish(&options);
		line_finish(&line);
	}
}

TEST(options_end_where_the_command_begins)
{
	static const struct {
		const char *name;
		const char *words[WORDS_MAX];
		const char *command[WORDS_MAX];
	} rows[] = {
		{ "--", { "oc-run", "--", "make", "-j8" }, { "make", "-j8" } },
		{ "without --",
		  { "oc-run", "-q", "make", "-m", "--help" },
		  { "make", "-m", "--help" } },
		{ "only the first --", { "oc-run", "--", "a", "--", "b" }, { "a", "--", "b" } },
		{ "-- right after --", { "oc-run", "--", "--", "b" }, { "--", "b" } },
		{ "dash command", { "oc-run", "--", "--mem" }, { "--mem" } },
		{ "a lone dash is a word", { "oc-run", "-" }, { "-" } },
		{ "empty word", { "oc-run", "--", "" }, { "" } },
		{ "by path", { "/usr/bin/oc-run", "true" }, { "true" } },
		{ "oc-run in oc-run",
		  { "oc-run", "oc-run", "-q", "true" },
		  { "oc-run", "-q", "true" } },
		{ "other build", { "oc-run-0.1", "-q", "true" }, { "true" } },
		{ "symlink",
		  { "opencode", "-m", "x", "--help" },
		  { "opencode", "-m", "x", "--help" } },
		{ "symlink by path",
		  { "/home/u/bin/opencode", "--", "run" },
		  { "opencode", "--", "run" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options;
		struct line line;
		size_t at = 0;

		unit_row = rows[i].name;
		line_init(&line, rows[i].words);
		expect_int(options_parse(line.argc, line.argv, &options, NULL), OPTIONS_RUN);
		expect(options.command != NULL);
		for (; rows[i].command[at]; at++)
			expect_text(options_command(&options)[at], rows[i].command[at]);
		expect_text(options_command(&options)[at], NULL);
		options_finish(&options);
		line_finish(&line);
	}
}

TEST(variables_are_gathered)
{
	static const char *const given[] = { "oc-run", "-E",   "A=1", "--setenv=B=2=3",
					     "-EA",    "true", NULL };
	struct options options;
	struct line line;

	line_init(&line, given);
	expect_int(options_parse(line.argc, line.argv, &options, NULL), OPTIONS_RUN);
	expect_text(options.setenv[0], "A=1");
	expect_text(options.setenv[1], "B=2=3");
	expect_text(options.setenv[2], "A");
	expect_text(options.setenv[3], NULL);
	expect_text(options.command[0], "true");
	options_finish(&options);
	line_finish(&line);
}

TEST(mistakes_are_named_in_one_line_with_advice)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *says;
	} rows[] = {
		{ { "oc-run", "--memory=4G" }, "unknown option \"--memory\"; did you mean --mem?" },
		{ { "oc-run", "--pid", "4", "--cpu", "4" }, "unknown option \"--cpu\"" },
		{ { "oc-run", "--contine" },
		  "unknown option \"--contine\"; if it is for the command" },
		{ { "oc-run", "-q", "--continue" }, "oc-run -- opencode --continue" },
		{ { "oc-run", "-Z" }, "unknown option \"-Z\"" },
		{ { "oc-run", "-qZ" }, "unknown option \"-Z\"" },
		{ { "oc-run", "--mem" }, "option \"--mem\" needs a value: --mem SIZE" },
		{ { "oc-run", "-m" }, "option \"-m\" needs a value: -m SIZE" },
		{ { "oc-run", "-qp" }, "option \"-p\" needs a value: -p N" },
		{ { "oc-run", "--dry-run=yes" }, "option \"--dry-run\" takes no value" },
		{ { "oc-run", "--help=x" }, "option \"--help\" takes no value" },
		{ { "oc-run", "--version=x" }, "option \"--version\" takes no value" },
		{ { "oc-run", "-E", "=x" }, "--setenv \"=x\": has no name" },
		{ { "oc-run", "-E", "" }, "--setenv \"\": has no name" },
		{ { "oc-run", "-E", "OC_RUN_SESSION=x" }, "oc-run's own" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options = { .command = NULL };
		struct diag diag = DIAG_INIT;
		struct line line;

		unit_row = rows[i].says;
		line_init(&line, rows[i].words);
		expect_int(options_parse(line.argc, line.argv, &options, &diag), -EINVAL);
		expect_contains(diag.text, rows[i].says);
		expect_lacks(diag.text, "\n");
		expect(strlen(diag.text) < 200);
		expect(options.command == NULL);
		line_finish(&line);
	}
}

TEST(help_and_version_win_over_what_follows)
{
	static const struct {
		const char *words[WORDS_MAX];
		int result;
	} rows[] = {
		{ { "oc-run", "--help" }, OPTIONS_HELP },
		{ { "oc-run", "-h", "--no-such" }, OPTIONS_HELP },
		{ { "oc-run", "-m", "4G", "--help", "--", "true" }, OPTIONS_HELP },
		{ { "oc-run", "--version" }, OPTIONS_VERSION },
		{ { "oc-run", "-q", "--version", "x" }, OPTIONS_VERSION },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct options options;
		struct line line;

		line_init(&line, rows[i].words);
		expect_int(options_parse(line.argc, line.argv, &options, NULL), rows[i].result);
		options_finish(&options);
		line_finish(&line);
	}
}

TEST(no_words_at_all_are_no_options)
{
	char *argv[] = { NULL };
	struct options options;

	expect_int(options_parse(0, argv, &options, NULL), OPTIONS_RUN);
	expect_text(options_command(&options)[0], "opencode");
	options_finish(&options);
	options_finish(&options);
	options_finish(NULL);
}

TEST(the_help_has_every_option_and_fits_80_columns)
{
	_cleanup_free_ char *help = options_help();

	expect(help != NULL);
	for (int i = 0; i < SETTING_COUNT; i++) {
		char option[40];

		(void)snprintf(option, sizeof(option), "--%s",
			       setting_row((enum setting_id)i)->key);
		expect_contains(help, option);
	}
	expect_contains(help, "  -m, --mem SIZE");
	expect_contains(help, "--version");
	for (const char *line = help; *line; line += strcspn(line, "\n") + 1) {
		unit_row = line;
		expect(strcspn(line, "\n") <= 80);
	}
}

UNIT_MAIN("options", values_and_their_origin_are_taken, options_end_where_the_command_begins,
	  variables_are_gathered, mistakes_are_named_in_one_line_with_advice,
	  help_and_version_win_over_what_follows, no_words_at_all_are_no_options,
	  the_help_has_every_option_and_fits_80_columns)
