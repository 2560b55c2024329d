/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The unit test harness: the only file that includes <check.h> (Check has had no release since
 * 2020; this is what would have to be replaced).
 *
 *	TEST(a_sentence_that_is_true)
 *	{
 *		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
 *			unit_row = rows[i].name;
 *			expect_int(function(rows[i].input), rows[i].output);
 *		}
 *	}
 *
 *	UNIT_MAIN("module", a_sentence_that_is_true, another_one)
 *
 * Each test runs in a process of its own (CK_FORK=no turns that off for a debugger). A failed
 * expectation ends the test and prints the row it happened in.
 */

#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/cleanup.h"

/* Name of the row of a table-driven test, for the message; NULL outside of one. */
static const char *unit_row;

#define TEST(title) START_TEST(title)

#define UNIT_ROW_ (unit_row ? unit_row : "-")

#define expect(condition) ck_assert_msg((condition), "[%s] expected: %s", UNIT_ROW_, #condition)

#define expect_int(actual, expected)                                                               \
	do {                                                                                       \
		intmax_t actual_ = (actual), expected_ = (expected);                               \
		ck_assert_msg(actual_ == expected_,                                                \
			      "[%s] %s: got %" PRIdMAX ", expected %" PRIdMAX, UNIT_ROW_, #actual, \
			      actual_, expected_);                                                 \
	} while (0)

#define expect_uint(actual, expected)                                                              \
	do {                                                                                       \
		uintmax_t actual_ = (actual), expected_ = (expected);                              \
		ck_assert_msg(actual_ == expected_,                                                \
			      "[%s] %s: got %" PRIuMAX ", expected %" PRIuMAX, UNIT_ROW_, #actual, \
			      actual_, expected_);                                                 \
	} while (0)

/* Equal, or both NULL. */
#define expect_text(actual, expected)                                                          \
	do {                                                                                   \
		const char *actual_ = (actual), *expected_ = (expected);                       \
		ck_assert_msg(actual_ &&expected_ ? strcmp(actual_, expected_) == 0            \
						  : actual_ == expected_,                      \
			      "[%s] %s:\n     got: %s\nexpected: %s", UNIT_ROW_, #actual,      \
			      actual_ ? actual_ : "(null)", expected_ ? expected_ : "(null)"); \
	} while (0)

/* @part stands somewhere in @text. */
#define expect_contains(text, part)                                                                \
	do {                                                                                       \
		const char *text_ = (text), *part_ = (part);                                       \
		ck_assert_msg(text_ &&strstr(text_, part_), "[%s] %s:\n     got: %s\nwithout: %s", \
			      UNIT_ROW_, #text, text_ ? text_ : "(null)", part_);                  \
	} while (0)

#define expect_lacks(text, part)                                                                 \
	do {                                                                                     \
		const char *text_ = (text), *part_ = (part);                                     \
		ck_assert_msg(text_ && !strstr(text_, part_),                                    \
			      "[%s] %s:\n     got: %s\nbut must not have: %s", UNIT_ROW_, #text, \
			      text_ ? text_ : "(null)", part_);                                  \
	} while (0)

static inline int unit_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	/* A hang is a failure too; generous, since sanitizers on a loaded machine are slow. */
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(name, ...)                                     \
	int main(void)                                           \
	{                                                        \
		const TTest *const tests[] = { __VA_ARGS__ };    \
                                                                 \
		return unit_run(name, tests, ARRAY_SIZE(tests)); \
	}
