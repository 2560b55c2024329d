/* SPDX-License-Identifier: MIT */

#include "oc-run/diag.h"
#include "unit.h"

TEST(the_error_comes_back_and_the_sentence_is_kept)
{
	struct diag diag = DIAG_INIT;

	expect_int(diag_set(&diag, -EINVAL, "\"%s\" is wrong", "x"), -EINVAL);
	expect_text(diag.text, "\"x\" is wrong");
	expect_int(diag_prefix(&diag, -EPERM, "%s:%d", "file", 3), -EPERM);
	expect_text(diag.text, "file:3: \"x\" is wrong");
}

TEST(without_a_diag_only_the_error_travels)
{
	expect_int(diag_set(NULL, -ENOENT, "%s", "x"), -ENOENT);
	expect_int(diag_prefix(NULL, -ENOENT, "%s", "x"), -ENOENT);
}

TEST(a_text_that_is_too_long_is_cut)
{
	struct diag diag = DIAG_INIT;
	char long_text[2 * DIAG_TEXT_MAX];

	memset(long_text, 'a', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	expect_int(diag_set(&diag, -1, "%s", long_text), -1);
	expect_uint(strlen(diag.text), DIAG_TEXT_MAX - 1);
	expect_int(diag_prefix(&diag, -1, "%s", "in front"), -1);
	expect_uint(strlen(diag.text), DIAG_TEXT_MAX - 1);
	expect_int(strncmp(diag.text, "in front: aaa", 13), 0);
	expect_int(diag_prefix(&diag, -1, "%s", long_text), -1);
	expect_uint(strlen(diag.text), DIAG_TEXT_MAX - 1);
}

UNIT_MAIN("diag", the_error_comes_back_and_the_sentence_is_kept,
	  without_a_diag_only_the_error_travels, a_text_that_is_too_long_is_cut)
