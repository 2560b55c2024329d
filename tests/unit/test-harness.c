/* SPDX-License-Identifier: MIT */

/* These tests must fail, each in its own way: meson knows (should_fail). A harness that stays green
 * here would stay green everywhere. */

#include "unit.h"

TEST(this_test_must_fail)
{
	unit_row = "the only row";
#if defined(HARNESS_EXPECTATION)
	expect_int(1 + 1, 3);
#elif defined(HARNESS_CRASH)
	abort();
#elif defined(HARNESS_EXIT)
	exit(EXIT_FAILURE);
#endif
}

UNIT_MAIN("harness", this_test_must_fail)
