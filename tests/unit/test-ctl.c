/* SPDX-License-Identifier: MIT */

/* What of oc-ctl asks nothing of the world: its command line, whom a word means, tables, words. */

#include <errno.h>

#include "src/ctl/ctl.h"
#include "src/ctl/table.h"
#include "src/ctl/words.h"
#include "unit.h"

static const struct ctl_option json = { CTL_JSON, 'j', "json", NULL, "as JSON" };
static const struct ctl_option all = { CTL_ALL, 0, "all", "WHAT", "all of it" };

static const struct ctl_verb verbs[] = {
	{ .name = "list", .help = "lists", .options = { &json } },
	{ .name = "stop",
	  .words = "ID...",
	  .least = 1,
	  .most = 3,
	  .help = "stops",
	  .options = { &json, &all } },
	{ 0 },
};

#define ARGV_MAX 8

static int parse(const char *const *words, struct ctl *ctl, enum ctl_request *request,
		 struct diag *diag)
{
	static char copies[ARGV_MAX][64];
	static char *argv[ARGV_MAX + 1];
	int argc = 0;

	for (; words[argc]; argc++) {
		(void)snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	return ctl_arguments_parse(verbs, argc, argv, ctl, request, diag);
}

TEST(options_and_words_of_a_verb_come_in_any_order)
{
	static const struct {
		const char *name, *argv[ARGV_MAX];
		const char *json, *all;
		size_t words;
	} rows[] = {
		{ "none", { "oc-ctl", "stop", "a" }, NULL, NULL, 1 },
		{ "before", { "oc-ctl", "stop", "--json", "a", "b" }, "", NULL, 2 },
		{ "after", { "oc-ctl", "stop", "a", "b", "-j" }, "", NULL, 2 },
		{ "a value", { "oc-ctl", "stop", "--all=x" }, NULL, "x", 0 },
		{ "a value apart", { "oc-ctl", "stop", "--all", "x", "-j" }, "", "x", 0 },
		{ "after --", { "oc-ctl", "stop", "--", "--json" }, NULL, NULL, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum ctl_request request;
		struct ctl ctl;

		unit_row = rows[i].name;
		expect_int(parse(rows[i].argv, &ctl, &request, NULL), 0);
		expect_int(request, CTL_RUN_VERB);
		expect_text(ctl.verb->name, "stop");
		expect_text(ctl.options[CTL_JSON], rows[i].json);
		expect_text(ctl.options[CTL_ALL], rows[i].all);
		expect_uint(ctl.word_count, rows[i].words);
	}
}

TEST(what_makes_no_sense_is_refused_in_words_that_help)
{
	static const struct {
		const char *name, *argv[ARGV_MAX], *says;
	} rows[] = {
		{ "verb", { "oc-ctl", "lsit" }, "did you mean `oc-ctl list`" },
		{ "far verb", { "oc-ctl", "frobnicate" }, "oc-ctl --help" },
		{ "option", { "oc-ctl", "list", "--jsno" }, "did you mean --json" },
		{ "far option", { "oc-ctl", "list", "--frobnicate" }, "oc-ctl list --help" },
		{ "letter", { "oc-ctl", "list", "-x" }, "\"-x\"" },
		{ "option before", { "oc-ctl", "--json", "list" }, "oc-ctl --help" },
		{ "no value", { "oc-ctl", "stop", "--all" }, "--all WHAT" },
		{ "a value too many", { "oc-ctl", "list", "--json=1" }, "takes no value" },
		{ "no session", { "oc-ctl", "stop" }, "oc-ctl list" },
		{ "too many words", { "oc-ctl", "list", "a" }, "one word too many" },
		{ "all and a word", { "oc-ctl", "stop", "--all=1", "a" }, "exclude" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		enum ctl_request request;
		struct ctl ctl;

		unit_row = rows[i].name;
		expect_int(parse(rows[i].argv, &ctl, &request, &diag), -EINVAL);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(help_is_for_a_verb_or_for_all)
{
	static const struct {
		const char *name, *argv[ARGV_MAX], *verb;
		enum ctl_request request;
	} rows[] = {
		{ "nothing", { "oc-ctl" }, NULL, CTL_HELP },
		{ "all", { "oc-ctl", "--help" }, NULL, CTL_HELP },
		{ "a verb", { "oc-ctl", "stop", "-h" }, "stop", CTL_HELP },
		{ "version", { "oc-ctl", "--version" }, NULL, CTL_VERSION },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *help = NULL;
		enum ctl_request request;
		struct ctl ctl;

		unit_row = rows[i].name;
		expect_int(parse(rows[i].argv, &ctl, &request, NULL), 0);
		expect_int(request, rows[i].request);
		expect_text(ctl.verb ? ctl.verb->name : NULL, rows[i].verb);
		help = ctl_help(verbs, ctl.verb);
		expect_contains(help, ctl.verb ? "--all WHAT" : "stop ID...");
	}
}

static char name_a[] = "work", name_b[] = "play", name_c[] = "1f00", name_d[] = "two words";
static struct registry_session some[] = {
	{ .id = "1f00000000000001", .name = name_a }, { .id = "1f00000000000002", .name = name_b },
	{ .id = "abcd000000000003", .name = name_b }, { .id = "ef01000000000004", .name = name_c },
	{ .id = "ef02000000000005", .name = name_d },
};

TEST(a_word_means_one_session_or_none)
{
	static const struct {
		const char *name, *word;
		int result;
		size_t index;
		const char *says;
	} rows[] = {
		{ "id", "1f00000000000002", 0, 1, "" },
		{ "beginning", "ab", 0, 2, "" },
		{ "name", "work", 0, 0, "" },
		{ "two of the name", "play", -ENOTUNIQ, 0, "1f0000000000 (play), abcd00000000" },
		{ "two of the beginning", "ef0", -ENOTUNIQ, 0, "(1f00), ef0200000000" },
		{ "a name that is a beginning", "1f00", -ENOTUNIQ, 0, "ef0100000000 (1f00)" },
		{ "a part of a name", "wor", -ENOENT, 0, "did you mean \"work\"" },
		{ "nothing near", "zzzzzz", -ENOENT, 0, "1f0000000000 (work)" },
		{ "empty", "", -ENOENT, 0, "there is no session" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		size_t index = 99;

		unit_row = rows[i].name;
		expect_int(ctl_find(some, ARRAY_SIZE(some), rows[i].word, &index, &diag),
			   rows[i].result);
		expect_uint(index, rows[i].result < 0 ? 99 : rows[i].index);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(ids_are_as_long_as_tells_them_apart)
{
	static const struct registry_session near[] = {
		{ .id = "1f00000000000001" },
		{ .id = "1f00000000010001" },
	};

	expect_uint(ctl_id_length(some, 1), 8);
	expect_uint(ctl_id_length(near, 2), 12);
	expect_uint(ctl_id_length(some, 2), 16);
}

TEST(names_that_a_shell_would_split_are_not_completed)
{
	_cleanup_free_ char *lines = ctl_session_lines(some, ARRAY_SIZE(some));

	expect_contains(lines, "1f00000000000001\twork\t\t\n");
	expect_contains(lines, "ef02000000000005\t\t\t\n");
}

TEST(the_state_is_told_by_who_lives)
{
	static const struct {
		const char *name;
		struct ctl_state_facts facts;
		enum ctl_state state;
	} rows[] = {
#define LIVE .is_held = true, .supervisor_lives = true
#define WHOLE LIVE, .has_command = true, .command_lives = true
		{ "all is well", { WHOLE }, CTL_STATE_RUNNING },
		{ "nobody holds it",
		  { .has_command = true, .command_lives = true },
		  CTL_STATE_ORPHANED },
		{ "nobody holds it, another has the pid",
		  { .supervisor_lives = true, .has_command = true, .command_lives = true },
		  CTL_STATE_ORPHANED },
		{ "the keeper holds it",
		  { .is_held = true, .has_command = true, .command_lives = true },
		  CTL_STATE_ENDING },
		{ "oc-run says so", { WHOLE, .is_ending = true }, CTL_STATE_ENDING },
		{ "no command yet", { LIVE }, CTL_STATE_STARTING },
		{ "the command is gone", { LIVE, .has_command = true }, CTL_STATE_ENDING },
		{ "frozen", { WHOLE, .is_frozen = true }, CTL_STATE_FROZEN },
		{ "frozen and stopped",
		  { WHOLE, .is_frozen = true, .command_is_stopped = true },
		  CTL_STATE_FROZEN },
		{ "stopped", { WHOLE, .command_is_stopped = true }, CTL_STATE_STOPPED },
		{ "oc-run stopped", { WHOLE, .supervisor_is_stopped = true }, CTL_STATE_STOPPED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_text(ctl_state_name(ctl_state_of(&rows[i].facts)),
			    ctl_state_name(rows[i].state));
	}
}

TEST(ages_and_shares_are_short)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} ages[] = {
		{ 0, "0s" },	    { 59, "59s" },	  { 60, "1m" },	       { 3599, "59m" },
		{ 3600, "1h 00m" }, { 86399, "23h 59m" }, { 86400, "1d 00h" },
	};
	static const struct {
		double percent;
		const char *text;
	} shares[] = {
		{ 0, "0 %" },	  { 0.04, "0 %" },   { 0.05, "0.1 %" }, { 9.94, "9.9 %" },
		{ 9.96, "10 %" }, { 99.6, "100 %" }, { -1, "0 %" },
	};
	char text[FORMAT_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
		ctl_format_age(ages[i].seconds * USEC_PER_SEC, text);
		expect_text(text, ages[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		ctl_format_percent(shares[i].percent, text);
		expect_text(text, shares[i].text);
	}
}

static const struct table_column columns[] = {
	{ .title = "ID" },
	{ .title = "NAME", .least = 6 },
	{ .title = "SIZE", .is_right = true, .rank = 1 },
	{ .title = "AGE", .is_right = true, .rank = 2 },
};

static char *print(size_t width, bool has_colours)
{
	struct table table = { .columns = columns, .column_count = ARRAY_SIZE(columns) };
	char *text = NULL;
	size_t size, row;
	FILE *out = open_memstream(&text, &size);

	row = table_add_row(&table);
	table_set(&table, row, 0, "a1");
	table_set(&table, row, 1, "wörk\033[2J and more");
	table_set(&table, row, 2, "12 MiB");
	row = table_add_row(&table);
	table_set(&table, row, 0, "b2");
	table_set(&table, row, 1, "x");
	table_set_style(&table, row, 1, "31");
	table_set(&table, row, 3, "3m");
	expect_int(table_print(&table, out, width, has_colours), 0);
	table_finish(&table);
	expect_int(fclose(out), 0);
	return text;
}

TEST(a_table_cuts_texts_and_then_leaves_out_columns)
{
	static const struct {
		size_t width;
		const char *text;
	} rows[] = {
		{ 0, "ID  NAME                    SIZE  AGE\n"
		     "a1  wörk\\x1b[2J and more  12 MiB    -\n"
		     "b2  x                          -   3m\n" },
		{ 30, "ID  NAME             SIZE  AGE\n"
		      "a1  wörk\\x1b[2...  12 MiB    -\n"
		      "b2  x                   -   3m\n" },
		{ 22, "ID  NAME          SIZE\n"
		      "a1  wörk\\x1...  12 MiB\n"
		      "b2  x                -\n" },
		{ 12, "ID  NAME\n"
		      "a1  wörk\\...\n"
		      "b2  x\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = print(rows[i].width, false);
		size_t widest = 0;
		char *line, *rest = NULL;

		expect_text(text, rows[i].text);
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
			if (table_text_width(line) > widest)
				widest = table_text_width(line);
		expect(rows[i].width == 0 || widest <= rows[i].width);
	}
}

TEST(colours_are_only_there_when_asked_for)
{
	_cleanup_free_ char *plain = print(0, false), *coloured = print(0, true);

	expect_lacks(plain, "\033");
	expect_contains(coloured, "\033[31mx\033[0m");
	expect_lacks(coloured, "\033[2J");
}

UNIT_MAIN("ctl", options_and_words_of_a_verb_come_in_any_order,
	  what_makes_no_sense_is_refused_in_words_that_help, help_is_for_a_verb_or_for_all,
	  a_word_means_one_session_or_none, ids_are_as_long_as_tells_them_apart,
	  names_that_a_shell_would_split_are_not_completed, the_state_is_told_by_who_lives,
	  ages_and_shares_are_short, a_table_cuts_texts_and_then_leaves_out_columns,
	  colours_are_only_there_when_asked_for)
