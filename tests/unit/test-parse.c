/* SPDX-License-Identifier: MIT */

#include "oc-run/parse.h"
#include "unit.h"

#define RAM (20 * GIBIBYTE)

TEST(sizes_are_read_exactly)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "4G", 4 * GIBIBYTE },
		{ "4g", 4 * GIBIBYTE },
		{ "4GiB", 4 * GIBIBYTE },
		{ "4gib", 4 * GIBIBYTE },
		{ "512M", 512 * MEBIBYTE },
		{ "512m", 512 * MEBIBYTE },
		{ "1024K", MEBIBYTE },
		{ "1T", TEBIBYTE },
		{ "2TiB", 2 * TEBIBYTE },
		{ "1.5G", 1536 * MEBIBYTE },
		{ "0.5K", 512 },
		{ "1.25M", 1310720 },
		{ "007M", 7 * MEBIBYTE },
		{ "0", 0 },
		{ "0M", 0 },
		{ "1048576", MEBIBYTE },
		{ "4294967296", 4 * GIBIBYTE },
		{ "max", PARSE_UNLIMITED },
		{ "25%", 5 * GIBIBYTE },
		{ "100%", RAM },
		{ "0%", 0 },
		{ "12.5%", RAM / 8 },
		{ "33%", RAM * 33 / 100 / 4096 * 4096 },
		{ "8388607T", 8388607 * TEBIBYTE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		uint64_t bytes = 1;

		unit_row = rows[i].text;
		expect_int(parse_size(rows[i].text, RAM, &bytes, &diag), 0);
		expect_uint(bytes, rows[i].bytes);
		expect_text(diag.text, "");
	}
}

TEST(sizes_that_make_no_sense_are_refused_with_advice)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "is empty" },
		{ "4X", "\"X\" is no unit; write for example 4G" },
		{ "4GB", "\"GB\" is no unit; write 4G or 4GiB" },
		{ "4Gi", "\"Gi\" is no unit; write 4G or 4GiB" },
		{ "4kb", "\"kb\" is no unit; write 4K or 4KiB" },
		{ "4 GB", "has a blank" },
		{ "4 G", "has a blank" },
		{ " 4G", "has a blank" },
		{ "4G ", "has a blank" },
		{ "1.5.2G", "is no number" },
		{ ".5G", "is no number" },
		{ "5.G", "is no number" },
		{ "1,5G", "\",5G\" is no unit" },
		{ "G", "has no number" },
		{ "-4G", "is negative" },
		{ "+4G", "has no number" },
		{ "0x10M", "is hexadecimal" },
		{ "0X10", "is hexadecimal" },
		{ "1e9", "has an exponent" },
		{ "1E+9", "has an exponent" },
		{ "4", "has no unit; write 4G or 4M" },
		{ "4.5", "has no unit" },
		{ "1048575", "has no unit" },
		{ "101%", "at most 100%" },
		{ "100.001%", "at most 100%" },
		{ "1.2345%", "three places" },
		{ "99999999999999999999999%", "at most 100%" },
		{ "%", "has no number" },
		{ "25%%", "is no unit" },
		{ "1.1G", "is not a whole number of bytes; write 1126M" },
		{ "0.3K", "is not a whole number of bytes" },
		{ "2.0001T", "is not a whole number of bytes; write 2048G" },
		{ "0.0000001G", "is not a whole number of bytes; write for example" },
		{ "16777216T", "is too large" },
		{ "18446744073709551615", "is too large" },
		{ "18446744073709551616", "is too large" },
		{ "99999999999999999999999999999999G", "is too large" },
		{ "1.0000000000000000000000000000001G", "is too large" },
		{ "infinity", "write for example 4G, 1536M, 25% or max" },
		{ "unlimited", "\"no limit\"" },
		{ "maximum", "has no number" },
		{ "nan", "has no number" },
		{ "\xd9\xa4G", "has no number" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		uint64_t bytes = 42;

		unit_row = rows[i].text;
		expect_int(parse_size(rows[i].text, RAM, &bytes, &diag), -EINVAL);
		expect_uint(bytes, 42);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(durations_are_read_exactly)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} rows[] = {
		{ "5s", 5 * USEC_PER_SEC },
		{ "5", 5 * USEC_PER_SEC },
		{ "0", 0 },
		{ "500ms", 500 * USEC_PER_MSEC },
		{ "1.5s", 1500 * USEC_PER_MSEC },
		{ "0.25", 250 * USEC_PER_MSEC },
		{ "2min", 2 * USEC_PER_MINUTE },
		{ "2m", 2 * USEC_PER_MINUTE },
		{ "24h", 24 * USEC_PER_HOUR },
		{ "10sec", 10 * USEC_PER_SEC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		uint64_t usec = 1;

		unit_row = rows[i].text;
		expect_int(parse_duration(rows[i].text, &usec, &diag), 0);
		expect_uint(usec, rows[i].usec);
	}
}

TEST(durations_that_make_no_sense_are_refused_with_advice)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "is empty; write for example 5s" },
		{ "s", "is no duration" },
		{ "5x", "is no duration" },
		{ "5 s", "is no duration" },
		{ "-5s", "is no duration" },
		{ "1.5.2s", "is no duration" },
		{ "5.", "is no duration" },
		{ "1e3s", "is no duration" },
		{ "25h", "more than a day" },
		{ "86401", "more than a day" },
		{ "99999999999999999999999", "more than a day" },
		{ "0.0001ms", "finer than a microsecond" },
		{ "infinity", "is no duration" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		uint64_t usec = 42;

		unit_row = rows[i].text;
		expect_int(parse_duration(rows[i].text, &usec, &diag), -EINVAL);
		expect_uint(usec, 42);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(bytes_are_shown_in_the_unit_that_fits)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 512 * MEBIBYTE, "512 MiB" },
		{ MEBIBYTE * 4096 / 10, "409.6 MiB" },
		{ GIBIBYTE - 1, "1.0 GiB" },
		{ GIBIBYTE, "1.0 GiB" },
		{ 4 * GIBIBYTE, "4.0 GiB" },
		{ 1536 * MEBIBYTE, "1.5 GiB" },
		{ 5 * TEBIBYTE, "5.0 TiB" },
		{ 5000 * TEBIBYTE, "5000.0 TiB" },
		{ PARSE_UNLIMITED, "no limit" },
		{ PARSE_UNLIMITED - 1, "16777216.0 TiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[FORMAT_TEXT_MAX];

		unit_row = rows[i].text;
		format_bytes(rows[i].bytes, text);
		expect_text(text, rows[i].text);
	}
}

TEST(durations_are_shown_in_the_unit_that_fits)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} rows[] = {
		{ 0, "0 s" },
		{ 500 * USEC_PER_MSEC, "500 ms" },
		{ 1500 * USEC_PER_MSEC, "1.5 s" },
		{ 3 * USEC_PER_SEC, "3 s" },
		{ 90 * USEC_PER_SEC, "90 s" },
		{ 2 * USEC_PER_MINUTE, "2 min" },
		{ USEC_PER_HOUR, "1 h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[FORMAT_TEXT_MAX];

		unit_row = rows[i].text;
		format_duration(rows[i].usec, text);
		expect_text(text, rows[i].text);
	}
}

TEST(switches_know_yes_and_no)
{
	struct diag diag = DIAG_INIT;
	bool value = false;

	expect_int(parse_switch("yes", &value, &diag), 0);
	expect(value);
	expect_int(parse_switch("Off", &value, &diag), 0);
	expect(!value);
	expect_int(parse_switch("1", &value, &diag), 0);
	expect(value);
	expect_int(parse_switch("perhaps", &value, &diag), -EINVAL);
	expect(value);
	expect_contains(diag.text, "neither");
}

TEST(near_misses_are_found_and_far_ones_are_not)
{
	static const char *const words[] = { "mem",	"high",	      "swap",	   "pids",
					     "cpus",	"cpu-weight", "io-weight", "backend",
					     "enforce", "verbose" };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "men", "mem" },
		{ "memory", "mem" },
		{ "pid", "pids" },
		{ "pdis", "pids" },
		{ "cpu-wieght", "cpu-weight" },
		{ "cpuweight", "cpu-weight" },
		{ "bakend", "backend" },
		{ "enforced", "enforce" },
		{ "verb", "verbose" },
		{ "frobnicate", NULL },
		{ "x", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].word;
		expect_text(parse_nearest(rows[i].word, words, ARRAY_SIZE(words)), rows[i].nearest);
	}
	unit_row = NULL;
	expect_uint(parse_distance("abcd", "abdc"), 1);
	expect_uint(parse_distance("", "abc"), 3);
	expect_uint(parse_distance("kitten", "sitting"), 3);
}

UNIT_MAIN("parse", sizes_are_read_exactly, sizes_that_make_no_sense_are_refused_with_advice,
	  durations_are_read_exactly, durations_that_make_no_sense_are_refused_with_advice,
	  bytes_are_shown_in_the_unit_that_fits, durations_are_shown_in_the_unit_that_fits,
	  switches_know_yes_and_no, near_misses_are_found_and_far_ones_are_not)
