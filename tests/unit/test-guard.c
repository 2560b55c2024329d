/* SPDX-License-Identifier: MIT */

/* Which rows of the guard's table are on, for whom. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/guard.h"
#include "unit.h"

static const struct guard_facts user = { .landlock = 7, .filter = true, .may_hide = true };
static const struct guard_facts root = {
	.landlock = 7,
	.filter = true,
	.is_admin = true,
	.has_capabilities = true,
	.may_drop = true,
	.may_hide = true,
};

static enum guard_state state_of(const struct guard_choice *choice, const char *name)
{
	for (size_t i = 0; i < guard_row_count(); i++)
		if (strcmp(guard_row(i)->name, name) == 0)
			return choice->rows[i];
	ck_abort_msg("there is no row %s", name);
}

TEST(every_row_says_what_and_why_under_a_name_of_its_own)
{
	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);

		unit_row = row->name;
		expect(row->name && row->what && row->reason);
		expect(!strchr(row->name, ' '));
		/* The page and --dry-run part them there. */
		expect(!strstr(row->what, ": "));
		expect((row->kind == GUARD_CALLS) == (row->calls && row->error));
		for (size_t j = 0; j < i; j++)
			expect(strcmp(guard_row(j)->name, row->name) != 0);
	}
}

TEST(rows_follow_the_level)
{
	static const struct {
		const char *row;
		enum guard_level level;
		const struct guard_facts *facts;
		enum guard_state expected;
	} cases[] = {
		{ "rtprio", GUARD_OFF, &user, GUARD_ON },
		{ "cap-sys-nice", GUARD_OFF, &user, GUARD_NOT_ASKED },
		{ "cap-sys-nice", GUARD_OFF, &root, GUARD_ON },
		{ "swap", GUARD_OFF, &user, GUARD_NOT_ASKED },
		{ "swap", GUARD_OFF, &root, GUARD_ON },
		{ "swap", GUARD_BASIC, &user, GUARD_ON },
		{ "cgroups", GUARD_OFF, &root, GUARD_NOT_ASKED },
		{ "cgroups", GUARD_BASIC, &root, GUARD_ON },
		{ "keys", GUARD_OFF, &root, GUARD_NOT_ASKED },
		{ "keys", GUARD_BASIC, &user, GUARD_NOT_ASKED },
		{ "keys", GUARD_STRICT, &user, GUARD_ON },
		{ "sockets", GUARD_STRICT, &user, GUARD_ON },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct guard_choice choice;

		guard_choose(cases[i].level, cases[i].facts, &choice);
		unit_row = cases[i].row;
		expect_int(state_of(&choice, cases[i].row), cases[i].expected);
	}
}

TEST(only_who_needs_it_gives_up_privileges)
{
	struct guard_facts facts = user;
	struct guard_choice choice;

	guard_choose(GUARD_OFF, &user, &choice);
	expect(!choice.sets_no_new_privs);
	guard_choose(GUARD_BASIC, &root, &choice);
	expect(!choice.sets_no_new_privs);
	guard_choose(GUARD_BASIC, &user, &choice);
	expect(choice.sets_no_new_privs);
	facts.no_new_privs = true;
	guard_choose(GUARD_BASIC, &facts, &choice);
	expect(!choice.sets_no_new_privs);
	facts = (struct guard_facts){ 0 };
	guard_choose(GUARD_STRICT, &facts, &choice);
	expect(!choice.sets_no_new_privs);
}

TEST(what_the_kernel_lacks_is_left_out_and_told)
{
	static const struct {
		const char *name;
		enum guard_level level;
		struct guard_facts facts;
		const char *expected;
	} cases[] = {
		{ "all is there", GUARD_STRICT, { .landlock = 9, .filter = true }, NULL },
		{ "hidden instead",
		  GUARD_STRICT,
		  { .landlock = 7, .filter = true, .may_hide = true },
		  NULL },
		{ "Linux 6.1",
		  GUARD_STRICT,
		  { .landlock = 2, .filter = true, .may_hide = true },
		  "Landlock 6 (Linux 6.12) for signals, abstract-sockets" },
		{ "no namespaces",
		  GUARD_STRICT,
		  { .landlock = 7, .filter = true },
		  "Landlock 9 (Linux 7.1), or user namespaces for sockets" },
		{ "no Landlock",
		  GUARD_BASIC,
		  { .filter = true },
		  "Landlock 2 (Linux 5.19) for cgroups, ptrace" },
		{ "git needs the second version",
		  GUARD_BASIC,
		  { .landlock = 1, .filter = true },
		  "Landlock 2 (Linux 5.19) for cgroups, ptrace" },
		{ "not asked for", GUARD_OFF, { 0 }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = NULL;
		struct guard_choice choice;

		guard_choose(cases[i].level, &cases[i].facts, &choice);
		text = guard_lack_sentence(&choice);
		unit_row = cases[i].name;
		if (cases[i].expected)
			expect_text(text, cases[i].expected);
		else
			expect(!text);
		/* Only where Landlock can't. */
		expect_int(choice.hides,
			   state_of(&choice, "sockets") == GUARD_ON && cases[i].facts.landlock < 9);
	}
}

UNIT_MAIN("guard", every_row_says_what_and_why_under_a_name_of_its_own, rows_follow_the_level,
	  only_who_needs_it_gives_up_privileges, what_the_kernel_lacks_is_left_out_and_told)
