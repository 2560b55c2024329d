/* SPDX-License-Identifier: MIT */

#include <signal.h>
#include <stdio.h>

#include "profile-fixture.h"

static int parse(const char *text, struct profile **ret, struct diag *diag)
{
	return profile_parse("x", text, strlen(text), "/p/x.conf", ret, diag);
}

static void expect_words(char *const *words, const char *expected)
{
	_cleanup_free_ char *joined = strv_join(words, "|");

	expect_text(joined, expected);
}

TEST(every_key_has_its_place)
{
	static const char text[] = "# a comment\n"
				   "commands = one two\n"
				   "stop-signal = SIGTERM\n"
				   "setenv = A=1 2\n"
				   "setenv = B=\n"
				   "options-with-value = -s --session\n"
				   "version = --version now\n"
				   "shared-server = $XDG_STATE_HOME/a b.json\n"
				   "shared-server-since = 2.0\n"
				   "private-server = --alone\n"
				   "private-server-with = run mini\n"
				   "private-server-unless = --server\n"
				   "server-subcommand = serve\n"
				   "sessions = list --json\n"
				   "session-keys = id cwd time\n"
				   "resume = go --on={id}\n"
				   "resume-drops = -c\n"
				   "resume-find = list\n"
				   "tasks = 2:24 8:41\n"
				   "company = 38 a language server\n"
				   "company = 123 a browser\n"
				   "tasks-of = node 7\n"
				   "tasks-of = make 1:2 4:8\n"
				   "private-temp = MY_TMP\n"
				   "snapshot-store = ~/.snap\n";
	struct profile *profile;

	expect_int(parse(text, &profile, NULL), 0);
	expect_text(profile->name, "x");
	expect_text(profile->where, "/p/x.conf");
	expect_words(profile->commands, "one|two");
	expect_int(profile->stop_signal, SIGTERM);
	expect_words(profile->setenv, "A=1 2|B=");
	expect_words(profile->options_with_value, "-s|--session");
	expect_words(profile->version, "--version|now");
	expect_text(profile->shared_server, "$XDG_STATE_HOME/a b.json");
	expect_uint(profile->shared_server_since.parts[0], 2);
	expect_uint(profile->shared_server_since.parts[1], 0);
	expect_text(profile->private_server, "--alone");
	expect_words(profile->private_server_with, "run|mini");
	expect_words(profile->private_server_unless, "--server");
	expect_text(profile->server_subcommand, "serve");
	expect_words(profile->sessions, "list|--json");
	expect_words(profile->session_keys, "id|cwd|time");
	expect_words(profile->resume, "go|--on={id}");
	expect_words(profile->resume_drops, "-c");
	expect_words(profile->resume_find, "list");
	expect_uint(profile_tasks_at(&profile->tasks, 8), 41);
	expect_uint(profile->company.count, 2);
	expect_text(profile->company.items[1].name, "a browser");
	expect_uint(profile_tasks_at(&profile->company.items[1].tasks, 1), 123);
	expect_uint(profile->tasks_of.count, 2);
	expect_text(profile->tasks_of.items[1].name, "make");
	expect_uint(profile_tasks_at(&profile->tasks_of.items[1].tasks, 4), 8);
	expect_text(profile->private_temp, "MY_TMP");
	expect_text(profile->snapshot_store, "~/.snap");
	profile_free(profile);
}

TEST(an_empty_file_says_nothing)
{
	struct profile *profile;

	expect_int(parse("", &profile, NULL), 0);
	expect(!profile->commands && !profile->setenv && !profile->resume);
	expect_int(profile->stop_signal, 0);
	expect_uint(profile_known_tasks(profile, "x", 8), 0);
	profile_free(profile);
}

TEST(every_mistake_names_its_line)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "\n\nstop-signall = HUP\n", ":3: unknown key \"stop-signall\"; did you mean "
					      "\"stop-signal\"?" },
		{ "xyzzy = 1\n", ":1: unknown key \"xyzzy\"; oc-run-profile(5)" },
		{ "[main]\n", ":1: there are no sections" },
		{ "commands\n", ":1: \"commands\" is no setting" },
		{ "commands =\n", ":1: \"commands\" has no value; write \"none\"" },
		{ "stop-signal = HUP\nstop-signal = TERM\n", ":2: \"stop-signal\" stands here" },
		{ "tasks = 1\ntasks = 2\n", ":2: \"tasks\" stands here a second time" },
		{ "stop-signal = KILL\n", ":1: \"KILL\" is not one of HUP" },
		{ "stop-signal = 15\n", "is not one of HUP" },
		{ "setenv = A\n", ":1: \"A\" is no assignment; write NAME=VALUE" },
		{ "setenv = =1\n", "is no assignment" },
		{ "setenv = 1A=1\n", "is no assignment" },
		{ "shared-server = state/x\n", ":1: \"state/x\" is no whole path" },
		{ "snapshot-store = snap\n", "is no whole path" },
		{ "shared-server-since = v2\n", "is no version" },
		{ "shared-server-since = 2 3\n", "is no version" },
		{ "private-server = --a --b\n", "is more than one word" },
		{ "session-keys = id\n", "are not three words" },
		{ "session-keys = id a b c\n", "are not three words" },
		{ "resume = -c\n", "does not name the session, once" },
		{ "resume = {id} {id}\n", "does not name the session, once" },
		{ "tasks = many\n", ":1: \"many\" is no number of tasks" },
		{ "tasks = 0\n", "is no number of tasks" },
		{ "tasks = 1 2\n", "is no number of tasks" },
		{ "tasks = 8:2 4:3\n", "is no number of tasks" },
		{ "tasks = 4:3 8:2\n", "is no number of tasks" },
		{ "tasks = 4:\n", "is no number of tasks" },
		{ "tasks = :4\n", "is no number of tasks" },
		{ "tasks = 99999999999\n", "is no number of tasks" },
		{ "tasks = 4:3x\n", "is no number of tasks" },
		{ "tasks = 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1 11:1 12:1 13:1 14:1 15:1 "
		  "16:1 17:1\n",
		  "is no number of tasks" },
		{ "company = 38\n", "does not say what takes how many tasks" },
		{ "company = a server\n", "does not say what takes how many tasks" },
		{ "tasks-of = node\n", "does not name a command and its tasks" },
		{ "tasks-of = node many\n", "does not name a command and its tasks" },
		{ "private-temp = A-B\n", "is no name of a variable" },
		{ "like = nobody\n", ":1: oc-run ships no profile \"nobody\"" },
		{ "tasks = 1\nlike = opencode\n", ":2: \"like\" stands once" },
		{ "like = opencode\nlike = opencode\n", ":2: \"like\" stands once" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile *profile = NULL;
		struct diag diag = DIAG_INIT;

		unit_row = rows[i].text;
		expect_int(parse(rows[i].text, &profile, &diag), -EINVAL);
		expect(profile == NULL);
		expect_contains(diag.text, "/p/x.conf:");
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(a_nul_character_is_no_text)
{
	static const char text[] = "commands = a\0b\n";
	struct profile *profile;
	struct diag diag = DIAG_INIT;

	expect_int(profile_parse("x", text, sizeof(text) - 1, "/p/x.conf", &profile, &diag),
		   -EINVAL);
	expect_contains(diag.text, "/p/x.conf:1: has a NUL character");
}

TEST(like_takes_over_all_but_the_commands)
{
	struct profile *profile;

	expect_int(parse("like = opencode\n", &profile, NULL), 0);
	expect_int(profile->stop_signal, SIGHUP);
	expect_words(profile->resume, "-s|{id}");
	expect_text(profile->name, "x");
	expect(!profile->commands);
	profile_free(profile);
	expect_int(parse("like = opencode\ncommands = oc\nstop-signal = TERM\n"
			 "resume-drops = -x\nresume-drops = -y\ncompany = none\n",
			 &profile, NULL),
		   0);
	expect_words(profile->commands, "oc");
	expect_int(profile->stop_signal, SIGTERM);
	expect_words(profile->resume_drops, "-x|-y");
	expect_uint(profile->company.count, 0);
	profile_free(profile);
}

TEST(none_takes_a_value_away)
{
	struct profile *profile;

	expect_int(parse("like = opencode\nstop-signal = none\ntasks = none\nsessions = none\n"
			 "private-temp = none\nshared-server-since = none\n",
			 &profile, NULL),
		   0);
	expect_int(profile->stop_signal, 0);
	expect_uint(profile->tasks.count, 0);
	expect(!profile->sessions && !profile->private_temp);
	expect_uint(profile->shared_server_since.parts[0], 0);
	profile_free(profile);
}

TEST(the_shipped_profiles_are_in_order)
{
	size_t count = 0;

	for (const struct profile_builtin *one = profile_builtins; one->name; one++, count++) {
		struct profile *profile = NULL;
		struct diag diag = DIAG_INIT;

		unit_row = one->name;
		expect_int(profile_new_builtin(one->name, &profile, &diag), 0);
		expect_text(diag.text, "");
		expect_text(profile->where, PROFILE_BUILT_IN);
		expect(profile_is_name(profile->name));
		expect_int(profile->commands == NULL, strcmp(one->name, PROFILE_DEFAULT) == 0);
		/* No two are for the same command. */
		for (char **word = profile->commands; word && *word; word++)
			expect_text(shipped_profile_for(*word)->name, one->name);
		profile_free(profile);
	}
	expect_uint(count, 7);
}

TEST(a_profile_is_found_by_the_base_name)
{
	static const struct {
		const char *word, *name;
	} rows[] = {
		{ "opencode", "opencode" },
		{ "/home/u/.opencode/bin/opencode", "opencode" },
		{ "opencode2", "opencode2" },
		{ "opencode-x", "default" },
		{ "claude", "claude" },
		{ "codex", "codex" },
		{ "gemini", "gemini" },
		{ "./goose", "goose" },
		{ "make", "default" },
		{ "default", "default" },
		{ "", "default" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].word;
		expect_text(shipped_profile_for(rows[i].word)->name, rows[i].name);
	}
}

TEST(names_of_profiles)
{
	static const struct {
		const char *name;
		bool fine;
	} rows[] = {
		{ "opencode", true }, { "my-agent_2.1", true }, { "", false },	 { "a/b", false },
		{ "..", false },      { ".hidden", false },	{ "-x", false }, { "a b", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_int(profile_is_name(rows[i].name), rows[i].fine);
	}
}

TEST(versions_as_programs_print_them)
{
	static const struct {
		const char *text;
		int result;
		unsigned parts[3];
	} rows[] = {
		{ "1.18.33\n", 0, { 1, 18, 33 } },
		{ "opencode v2.0.18", 0, { 2, 0, 18 } },
		{ "2.1.330 (Claude Code)", 0, { 2, 1, 330 } },
		{ "0.0.0-next-15811", 0, { 0, 0, 0 } },
		{ "2", 0, { 2, 0, 0 } },
		{ "3.", 0, { 3, 0, 0 } },
		{ "1.2.3.4", 0, { 1, 2, 3 } },
		{ "99999999999999999999", 0, { 999999999, 0, 0 } },
		{ "none", -EINVAL, { 0, 0, 0 } },
		{ "", -EINVAL, { 0, 0, 0 } },
	};
	static const struct profile_version two = { { 2, 0, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile_version version = { { 0 } };

		unit_row = rows[i].text;
		expect_int(profile_version_parse(rows[i].text, &version), rows[i].result);
		for (size_t k = 0; rows[i].result == 0 && k < 3 && rows[i].parts[0] < 1000; k++)
			expect_uint(version.parts[k], rows[i].parts[k]);
		expect_int(profile_version_compare(&version, &two) >= 0, version.parts[0] >= 2);
	}
}

UNIT_MAIN("profile", every_key_has_its_place, an_empty_file_says_nothing,
	  every_mistake_names_its_line, a_nul_character_is_no_text,
	  like_takes_over_all_but_the_commands, none_takes_a_value_away,
	  the_shipped_profiles_are_in_order, a_profile_is_found_by_the_base_name, names_of_profiles,
	  versions_as_programs_print_them)
