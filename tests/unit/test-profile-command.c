/* SPDX-License-Identifier: MIT */

#include "oc-run/profile-command.h"
#include "profile-fixture.h"

static char **words_of(const char *text)
{
	char **words = NULL;

	expect_int(strv_append_words(&words, text), 0);
	return words;
}

TEST(what_stands_on_opencodes_command_line)
{
	static const struct {
		const char *line;
		size_t subcommand;
		const char *directory; /* NULL: none */
		const char *private;   /* with --standalone; NULL: it may not be added */
	} rows[] = {
		{ "opencode", 0, NULL, "opencode --standalone" },
		{ "opencode /p", 0, "/p", "opencode --standalone /p" },
		{ "opencode .", 0, ".", "opencode --standalone ." },
		{ "opencode ./a/b -c", 0, "./a/b", "opencode --standalone ./a/b -c" },
		{ "opencode -c", 0, NULL, "opencode --standalone -c" },
		{ "opencode -s ses_1 -m a/b", 0, NULL, "opencode --standalone -s ses_1 -m a/b" },
		{ "opencode --session=ses_1", 0, NULL, "opencode --standalone --session=ses_1" },
		{ "opencode -m a/b ../q", 0, "../q", "opencode --standalone -m a/b ../q" },
		{ "opencode run hello", 1, NULL, "opencode run --standalone hello" },
		{ "opencode --log-level DEBUG run hi", 3, NULL,
		  "opencode --log-level DEBUG run --standalone hi" },
		{ "opencode -s", 0, NULL, "opencode --standalone -s" },
		{ "opencode project", 1, NULL, NULL },
		{ "opencode serve", 1, NULL, NULL },
		{ "opencode upgrade", 1, NULL, NULL },
		{ "opencode session list", 1, NULL, NULL },
		{ "opencode -- run", 1, NULL, NULL },
		{ "opencode --standalone", 0, NULL, NULL },
		{ "opencode run --standalone x", 1, NULL, NULL },
		{ "opencode --server http://x", 0, NULL, NULL },
		{ "opencode --server=http://x", 0, NULL, NULL },
		{ "opencode --version", 0, NULL, NULL },
		{ "opencode run --help", 1, NULL, NULL },
		{ "opencode run -- --standalone", 1, NULL,
		  "opencode run --standalone -- --standalone" },
	};
	const struct profile *profile = shipped_profile_for("opencode");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strv_ char **argv = words_of(rows[i].line);
		_cleanup_free_ char *line = NULL;

		unit_row = rows[i].line;
		expect_uint(profile_subcommand(profile, argv), rows[i].subcommand);
		expect_text(profile_directory(profile, argv), rows[i].directory);
		expect_int(profile_takes_private_server(profile, argv), rows[i].private != NULL);
		if (!rows[i].private)
			continue;
		expect_int(profile_add_private_server(profile, &argv), 0);
		line = strv_join(argv, " ");
		expect_text(line, rows[i].private);
		expect(profile_settles_server(profile, argv));
		expect(!profile_takes_private_server(profile, argv));
	}
}

TEST(a_session_is_resumed_without_the_words_that_chose_one)
{
	static const struct {
		const char *line, *resumed; /* NULL: can't be */
	} rows[] = {
		{ "opencode", "opencode -s ses_9" },
		{ "/opt/opencode", "/opt/opencode -s ses_9" },
		{ "opencode -c", "opencode -s ses_9" },
		{ "opencode --continue --fork", "opencode -s ses_9" },
		{ "opencode -s ses_1", "opencode -s ses_9" },
		{ "opencode --session ses_1 --log-level DEBUG",
		  "opencode --log-level DEBUG -s ses_9" },
		{ "opencode --session=ses_1 /p", "opencode /p -s ses_9" },
		{ "opencode --prompt again -m a/b", "opencode -m a/b -s ses_9" },
		{ "opencode --prompt=again", "opencode -s ses_9" },
		{ "opencode --standalone --print-logs",
		  "opencode --standalone --print-logs -s ses_9" },
		{ "opencode run hello", NULL },
		{ "opencode serve", NULL },
		{ "opencode project", NULL },
		{ "opencode -- x", NULL },
	};
	const struct profile *profile = shipped_profile_for("opencode");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strv_ char **argv = words_of(rows[i].line), **resumed = NULL;
		_cleanup_free_ char *line = NULL;

		unit_row = rows[i].line;
		expect_int(profile_resume_command(profile, argv, "ses_9", &resumed),
			   rows[i].resumed ? 0 : -ENOTSUP);
		line = resumed ? strv_join(resumed, " ") : NULL;
		expect_text(line, rows[i].resumed);
	}
}

TEST(the_id_may_stand_inside_a_word)
{
	static const char text[] = "resume = go --on={id}!\n";
	_cleanup_strv_ char **argv = words_of("x --flag"), **resumed = NULL;
	_cleanup_free_ char *line = NULL;
	struct profile *profile;

	expect_int(profile_parse("x", text, sizeof(text) - 1, "f", &profile, NULL), 0);
	expect_int(profile_resume_command(profile, argv, "7", &resumed), 0);
	line = strv_join(resumed, " ");
	expect_text(line, "x --flag go --on=7!");
	profile_free(profile);
}

TEST(a_profile_that_says_nothing_adds_nothing)
{
	_cleanup_strv_ char **argv = words_of("make -j 8 all"), **resumed = NULL;
	const struct profile *profile = shipped_profile_for("make");

	expect(!profile_takes_private_server(profile, argv));
	expect(!profile_settles_server(profile, argv));
	expect_int(profile_resume_command(profile, argv, "1", &resumed), -ENOTSUP);
}

UNIT_MAIN("profile-command", what_stands_on_opencodes_command_line,
	  a_session_is_resumed_without_the_words_that_chose_one, the_id_may_stand_inside_a_word,
	  a_profile_that_says_nothing_adds_nothing)
