/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "oc-run/limit-request.h"
#include "unit.h"

#define TOKEN "00c0ffee00c0ffee"

TEST(a_request_comes_back_as_it_was)
{
	struct limit_request request = { .token = TOKEN }, back;
	_cleanup_free_ char *text = NULL;

	request.is_set[LIMIT_MEMORY_MAX] = true;
	request.values[LIMIT_MEMORY_MAX] = (UINT64_C(6) << 30) + 4096;
	request.is_set[LIMIT_MEMORY_SWAP_MAX] = true;
	request.values[LIMIT_MEMORY_SWAP_MAX] = LIMIT_UNLIMITED;
	request.is_set[LIMIT_CPU_MAX] = true;
	request.values[LIMIT_CPU_MAX] = 1500;
	text = limit_request_format(&request);
	expect(text != NULL);
	expect_int(limit_request_parse(text, &back, NULL), 0);
	expect_text(back.token, TOKEN);
	for (int i = 0; i < LIMIT_COUNT; i++) {
		expect_int(back.is_set[i], request.is_set[i]);
		expect_uint(back.values[i], request.values[i]);
	}
}

TEST(what_makes_no_sense_is_refused_and_can_be_answered)
{
	static const struct {
		const char *name, *text, *token;
	} rows[] = {
		{ "empty", "", "" },
		{ "a list", "[]", "" },
		{ "no token", "{\"limits\":{\"mem\":\"1G\"}}", "" },
		{ "a short token", "{\"token\":\"abc\",\"limits\":{\"mem\":\"1G\"}}", "" },
		{ "another token", "{\"token\":\"0123456789abcdeX\",\"limits\":{\"mem\":\"1G\"}}",
		  "" },
		{ "no limits", "{\"token\":\"" TOKEN "\"}", TOKEN },
		{ "none", "{\"token\":\"" TOKEN "\",\"limits\":{}}", TOKEN },
		{ "an unknown one",
		  "{\"token\":\"" TOKEN "\",\"limits\":{\"mem\":\"1G\",\"x\":\"1\"}}", TOKEN },
		{ "a number", "{\"token\":\"" TOKEN "\",\"limits\":{\"mem\":5}}", TOKEN },
		{ "less than makes sense", "{\"token\":\"" TOKEN "\",\"limits\":{\"mem\":\"1M\"}}",
		  TOKEN },
		{ "below 0", "{\"token\":\"" TOKEN "\",\"limits\":{\"pids\":\"-1\"}}", TOKEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct limit_request request = { 0 };

		unit_row = rows[i].name;
		expect_int(limit_request_parse(rows[i].text, &request, NULL), -EINVAL);
		expect_text(request.token, rows[i].token);
	}
}

UNIT_MAIN("limit-request", a_request_comes_back_as_it_was,
	  what_makes_no_sense_is_refused_and_can_be_answered)
