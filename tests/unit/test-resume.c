/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "oc-run/resume.h"
#include "oc-run/strv.h"
#include "unit.h"

#define ONE(id, directory, updated)                                                 \
	"{\"id\":\"" id "\",\"title\":\"x\",\"updated\":" updated ",\"created\":1," \
	"\"projectId\":\"p\",\"directory\":\"" directory "\"}"

TEST(a_session_is_named_only_when_one_alone_fits)
{
	static const struct {
		const char *name, *json, *id;
		int result;
	} rows[] = {
		{ "one", "[" ONE("ses_a1", "/p", "5000") "]", "ses_a1", 0 },
		{ "at the very start", "[" ONE("ses_a1", "/p", "1000") "]", "ses_a1", 0 },
		{ "another folder's beside it",
		  "[" ONE("ses_b", "/q", "6000") "," ONE("ses_a1", "/p", "5000") "]", "ses_a1", 0 },
		{ "an old one beside it",
		  "[" ONE("ses_a1", "/p", "5000") "," ONE("ses_c", "/p", "999") "]", "ses_a1", 0 },
		{ "two fit", "[" ONE("ses_a1", "/p", "5000") "," ONE("ses_c", "/p", "6000") "]",
		  NULL, -ENOENT },
		{ "none", "[]", NULL, -ENOENT },
		{ "too old", "[" ONE("ses_a1", "/p", "999") "]", NULL, -ENOENT },
		{ "a folder below", "[" ONE("ses_a1", "/p/q", "5000") "]", NULL, -ENOENT },
		{ "an id that is a command", "[" ONE("ses_a;rm", "/p", "5000") "]", NULL, -ENOENT },
		{ "an id that is an option", "[" ONE("-a1", "/p", "5000") "]", NULL, -ENOENT },
		{ "an empty id", "[" ONE("", "/p", "5000") "]", NULL, -ENOENT },
		{ "a UUID", "[" ONE("0190-ab", "/p", "5000") "]", "0190-ab", 0 },
		{ "no array", "{}", NULL, -EINVAL },
		{ "cut", "[{\"id\":", NULL, -EINVAL },
		{ "empty", "", NULL, -EINVAL },
		{ "other things in it", "[1,null,\"x\",{}]", NULL, -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *id = NULL;

		unit_row = rows[i].name;
		expect_int(resume_choose(rows[i].json, NULL, "/p", 1000, &id), rows[i].result);
		expect_text(id, rows[i].id);
		free(id);
	}
}

TEST(the_names_in_the_list_are_the_profiles)
{
	static const char json[] = "[{\"name\":\"x1\",\"cwd\":\"/p\",\"at\":2000,\"id\":\"y\"}]";
	static char name[] = "name", cwd[] = "cwd", at[] = "at";
	static char *const keys[] = { name, cwd, at, NULL };
	char *id = NULL;

	expect_int(resume_choose(json, keys, "/p", 1000, &id), 0);
	expect_text(id, "x1");
	free(id);
	expect_int(resume_choose(json, NULL, "/p", 1000, &id), -ENOENT);
}

TEST(words_can_be_pasted)
{
	static const struct {
		const char *words, *text;
	} rows[] = {
		{ "opencode -s ses_1", "opencode -s ses_1" },
		{ "/a/b-c.d a'b", "/a/b-c.d 'a'\\''b'" },
		{ "$(x) ; a*", "'$(x)' ';' 'a*'" },
	};
	static char empty[] = "", blank[] = "a b";
	static char *const others[] = { empty, blank, NULL };
	_cleanup_free_ char *text = resume_shell_words(others);

	expect_text(text, "'' 'a b'");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strv_ char **words = NULL;
		_cleanup_free_ char *joined = NULL;

		unit_row = rows[i].words;
		expect_int(strv_append_words(&words, rows[i].words), 0);
		joined = resume_shell_words(words);
		expect_text(joined, rows[i].text);
	}
}

UNIT_MAIN("resume", a_session_is_named_only_when_one_alone_fits,
	  the_names_in_the_list_are_the_profiles, words_can_be_pasted)
