/* SPDX-License-Identifier: MIT */

#include "oc-run/admission.h"
#include "unit.h"

static char id_a[] = "aaaaaaaaaaaaaaaa", id_b[] = "bbbbbbbbbbbbbbbb", id_c[] = "cccccccccccccccc";
static char name_night[] = "night build", name_work[] = "work";

#define LIVE .is_held = true, .same_boot = true

TEST(who_lives_and_is_in_no_other_takes_a_place)
{
	static const struct {
		const char *name;
		struct registry_session sessions[3];
		size_t places;
		const char *words;
	} rows[] = {
		{ "none", { { .id = "" } }, 0, "0 sessions run" },
		{ "one",
		  { { .id = "aaaaaaaaaaaaaaaa", .name = name_work, LIVE } },
		  1,
		  "1 session runs: aaaaaaaa \"work\"" },
		{ "two",
		  { { .id = "aaaaaaaaaaaaaaaa", .name = name_work, LIVE },
		    { .id = "bbbbbbbbbbbbbbbb", .name = name_night, LIVE } },
		  2,
		  "2 sessions run: aaaaaaaa \"work\", bbbbbbbb \"night build\"" },
		{ "one crashed",
		  { { .id = "aaaaaaaaaaaaaaaa", .same_boot = true },
		    { .id = "bbbbbbbbbbbbbbbb", LIVE } },
		  1,
		  "1 session runs: bbbbbbbb" },
		{ "one of another boot",
		  { { .id = "aaaaaaaaaaaaaaaa", .is_held = true } },
		  0,
		  "0 sessions run" },
		{ "one inside of another, and one in that",
		  { { .id = "aaaaaaaaaaaaaaaa", LIVE },
		    { .id = "bbbbbbbbbbbbbbbb", .outer = id_a, LIVE },
		    { .id = "cccccccccccccccc", .outer = id_b, LIVE } },
		  1,
		  "1 session runs: aaaaaaaa" },
		{ "one whose outer one is over",
		  { { .id = "aaaaaaaaaaaaaaaa", .same_boot = true },
		    { .id = "bbbbbbbbbbbbbbbb", .outer = id_a, LIVE },
		    { .id = "dddddddddddddddd", .outer = id_c, LIVE } },
		  2,
		  "2 sessions run: bbbbbbbb, dddddddd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *words =
			admission_words(rows[i].sessions, ARRAY_SIZE(rows[i].sessions), 0);

		unit_row = rows[i].name;
		expect_uint(admission_count(rows[i].sessions, ARRAY_SIZE(rows[i].sessions)),
			    rows[i].places);
		expect_text(words, rows[i].words);
	}
}

TEST(many_are_not_all_named_and_those_who_wait_are_counted)
{
	struct registry_session sessions[7] = { { .id = "" } };
	_cleanup_free_ char *words = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		memset(sessions[i].id, (int)('0' + i), 16);
		sessions[i].is_held = sessions[i].same_boot = true;
	}
	words = admission_words(sessions, ARRAY_SIZE(sessions), 2);
	expect_text(words, "7 sessions run and 2 wait already: 00000000, 11111111, 22222222, "
			   "33333333, 44444444 and 2 more");
}

TEST(inside_is_only_who_names_one_that_lives)
{
	const struct registry_session sessions[] = { { .id = "aaaaaaaaaaaaaaaa", LIVE },
						     { .id = "bbbbbbbbbbbbbbbb" } };

	expect(admission_is_inside(sessions, 2, id_a));
	expect(!admission_is_inside(sessions, 2, id_b));
	expect(!admission_is_inside(sessions, 2, id_c));
	expect(!admission_is_inside(sessions, 2, NULL));
}

UNIT_MAIN("admission", who_lives_and_is_in_no_other_takes_a_place,
	  many_are_not_all_named_and_those_who_wait_are_counted,
	  inside_is_only_who_names_one_that_lives)
