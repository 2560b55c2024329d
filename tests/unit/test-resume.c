/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "oc-run/resume.h"
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
		{ "no id of a session", "[" ONE("a1", "/p", "5000") "]", NULL, -ENOENT },
		{ "no array", "{}", NULL, -EINVAL },
		{ "cut", "[{\"id\":", NULL, -EINVAL },
		{ "empty", "", NULL, -EINVAL },
		{ "other things in it", "[1,null,\"x\",{}]", NULL, -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *id = NULL;

		unit_row = rows[i].name;
		expect_int(resume_choose(rows[i].json, "/p", 1000, &id), rows[i].result);
		expect_text(id, rows[i].id);
		free(id);
	}
}

UNIT_MAIN("resume", a_session_is_named_only_when_one_alone_fits)
