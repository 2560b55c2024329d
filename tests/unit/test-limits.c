/* SPDX-License-Identifier: MIT */

#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "unit.h"

#define RAM (20 * GIBIBYTE)

TEST(the_table_is_complete_and_in_order)
{
	for (enum limit_id id = 0; id < LIMIT_COUNT; id++) {
		const struct limit_row *row = limit_row(id);

		expect_int(row->id, id);
		unit_row = row->key;
		expect(row->key && row->cgroup_file && row->systemd_property);
		expect(row->controller != 0);
		for (enum limit_id other = 0; other < id; other++) {
			expect(strcmp(limit_row(other)->key, row->key) != 0);
			expect(strcmp(limit_row(other)->cgroup_file, row->cgroup_file) != 0);
			expect(strcmp(limit_row(other)->systemd_property, row->systemd_property) !=
			       0);
		}
	}
}

TEST(values_of_people_reach_the_kernel_and_systemd_unharmed)
{
	static const struct {
		enum limit_id id;
		const char *text;
		uint64_t value;
		const char *cgroup, *human, *option;
		uint64_t systemd;
	} rows[] = {
		{ LIMIT_MEMORY_MAX, "4G", 4 * GIBIBYTE, "4294967296", "4.0 GiB", "4G",
		  4 * GIBIBYTE },
		{ LIMIT_MEMORY_MAX, "25%", 5 * GIBIBYTE, "5368709120", "5.0 GiB", "5G",
		  5 * GIBIBYTE },
		{ LIMIT_MEMORY_MAX, "max", LIMIT_UNLIMITED, "max", "no limit", "max", UINT64_MAX },
		{ LIMIT_MEMORY_MAX, "16M", 16 * MEBIBYTE, "16777216", "16 MiB", "16M",
		  16 * MEBIBYTE },
		{ LIMIT_MEMORY_HIGH, "1.5G", 1536 * MEBIBYTE, "1610612736", "1.5 GiB", "1536M",
		  1536 * MEBIBYTE },
		{ LIMIT_MEMORY_SWAP_MAX, "0", 0, "0", "0 B", "0", 0 },
		{ LIMIT_MEMORY_SWAP_MAX, "4K", 4096, "4096", "4 KiB", "4K", 4096 },
		{ LIMIT_MEMORY_SWAP_MAX, "2048T", 2048 * TEBIBYTE, "2251799813685248", "2048.0 TiB",
		  "2048T", 2048 * TEBIBYTE },
		{ LIMIT_PIDS_MAX, "64", 64, "64", "64 tasks", "64", 64 },
		{ LIMIT_PIDS_MAX, "1", 1, "1", "1 task", "1", 1 },
		{ LIMIT_PIDS_MAX, "1024", 1024, "1024", "1024 tasks", "1024", 1024 },
		{ LIMIT_PIDS_MAX, "4194304", 4194304, "4194304", "4194304 tasks", "4194304",
		  4194304 },
		{ LIMIT_PIDS_MAX, "max", LIMIT_UNLIMITED, "max", "no limit", "max", UINT64_MAX },
		{ LIMIT_CPU_MAX, "1.5", 1500, "150000 100000", "1.5 CPUs", "1.5", 1500000 },
		{ LIMIT_CPU_MAX, "1", 1000, "100000 100000", "1 CPU", "1", 1000000 },
		{ LIMIT_CPU_MAX, "20", 20000, "2000000 100000", "20 CPUs", "20", 20000000 },
		{ LIMIT_CPU_MAX, "0.01", 10, "1000 100000", "0.01 CPUs", "0.01", 10000 },
		{ LIMIT_CPU_MAX, "max", LIMIT_UNLIMITED, "max", "no limit", "max", UINT64_MAX },
		{ LIMIT_CPU_WEIGHT, "50", 50, "50", "weight 50", "50", 50 },
		{ LIMIT_IO_WEIGHT, "10000", 10000, "default 10000", "weight 10000", "10000",
		  10000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct limit_row *row = limit_row(rows[i].id);
		char text[LIMIT_TEXT_MAX];
		uint64_t value = 1;

		unit_row = rows[i].text;
		expect_int(limit_parse(row, rows[i].text, RAM, &value, NULL), 0);
		expect_uint(value, rows[i].value);
		limit_format_cgroup(row, value, text);
		expect_text(text, rows[i].cgroup);
		limit_format_human(row, value, text);
		expect_text(text, rows[i].human);
		limit_format_option(row, value, text);
		expect_text(text, rows[i].option);
		expect_int(limit_parse(row, text, RAM, &value, NULL), 0);
		expect_uint(value, rows[i].value);
		expect_uint(limit_systemd_value(row, value), rows[i].systemd);
	}
}

TEST(values_that_make_no_sense_are_refused_with_advice)
{
	static const struct {
		enum limit_id id;
		const char *text, *says;
	} rows[] = {
		{ LIMIT_MEMORY_MAX, "4X", "no unit" },
		{ LIMIT_MEMORY_MAX, "15M", "less than 16M" },
		{ LIMIT_MEMORY_MAX, "0", "less than 16M" },
		{ LIMIT_MEMORY_MAX, "0%", "less than 16M" },
		{ LIMIT_MEMORY_HIGH, "16383K", "less than 16M" },
		{ LIMIT_MEMORY_SWAP_MAX, "-1", "negative" },
		{ LIMIT_PIDS_MAX, "0", "from 1 on" },
		{ LIMIT_PIDS_MAX, "", "is empty" },
		{ LIMIT_PIDS_MAX, "64k", "no number of tasks" },
		{ LIMIT_PIDS_MAX, "-1", "no number of tasks" },
		{ LIMIT_PIDS_MAX, "1.5", "no number of tasks" },
		{ LIMIT_PIDS_MAX, "50%", "no number of tasks" },
		{ LIMIT_PIDS_MAX, "4194305", "more than Linux can have (4194304); write max" },
		{ LIMIT_PIDS_MAX, "99999999999999999999999", "more than Linux can have" },
		{ LIMIT_CPU_MAX, "", "is empty" },
		{ LIMIT_CPU_MAX, "0", "less than 0.01" },
		{ LIMIT_CPU_MAX, "0.009", "less than 0.01" },
		{ LIMIT_CPU_MAX, "1.2345", "three places" },
		{ LIMIT_CPU_MAX, "150%", "such as 2 or 1.5" },
		{ LIMIT_CPU_MAX, "two", "no number of CPUs" },
		{ LIMIT_CPU_MAX, "100001", "too large" },
		{ LIMIT_CPU_WEIGHT, "0", "from 1 to 10000" },
		{ LIMIT_CPU_WEIGHT, "10001", "from 1 to 10000" },
		{ LIMIT_CPU_WEIGHT, "max", "from 1 to 10000" },
		{ LIMIT_IO_WEIGHT, "", "is empty" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		uint64_t value = 42;

		unit_row = rows[i].text;
		expect_int(limit_parse(limit_row(rows[i].id), rows[i].text, RAM, &value, &diag),
			   -EINVAL);
		expect_uint(value, 42);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(what_the_kernel_says_is_understood)
{
	static const struct {
		const char *name;
		enum limit_id id;
		const char *text;
		int result;
		uint64_t value;
	} rows[] = {
		{ "bytes", LIMIT_MEMORY_MAX, "4294967296\n", 0, 4 * GIBIBYTE },
		{ "max", LIMIT_MEMORY_MAX, "max\n", 0, LIMIT_UNLIMITED },
		{ "no newline", LIMIT_PIDS_MAX, "64", 0, 64 },
		{ "quota", LIMIT_CPU_MAX, "150000 100000\n", 0, 1500 },
		{ "another period", LIMIT_CPU_MAX, "25000 50000\n", 0, 500 },
		{ "no quota", LIMIT_CPU_MAX, "max 100000\n", 0, LIMIT_UNLIMITED },
		{ "cpu weight", LIMIT_CPU_WEIGHT, "50\n", 0, 50 },
		{ "io weight", LIMIT_IO_WEIGHT, "default 50\n8:0 200\n", 0, 50 },
		{ "empty", LIMIT_MEMORY_MAX, "", -EINVAL, 42 },
		{ "only newline", LIMIT_MEMORY_MAX, "\n", -EINVAL, 42 },
		{ "word", LIMIT_MEMORY_MAX, "lots\n", -EINVAL, 42 },
		{ "no period", LIMIT_CPU_MAX, "150000\n", -EINVAL, 42 },
		{ "period 0", LIMIT_CPU_MAX, "150000 0\n", -EINVAL, 42 },
		{ "io weight without default", LIMIT_IO_WEIGHT, "8:0 200\n", -EINVAL, 42 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 42;

		unit_row = rows[i].name;
		expect_int(limit_parse_cgroup(limit_row(rows[i].id), rows[i].text, &value),
			   rows[i].result);
		expect_uint(value, rows[i].value);
	}
}

TEST(the_kernels_rounding_is_no_mismatch_but_anything_else_is)
{
	static const struct {
		const char *name;
		enum limit_id id;
		uint64_t wanted, read_back;
		bool matches;
	} rows[] = {
		{ "same", LIMIT_MEMORY_MAX, GIBIBYTE, GIBIBYTE, true },
		{ "rounded to a page", LIMIT_MEMORY_MAX, GIBIBYTE + 4095, GIBIBYTE, true },
		{ "a page too small", LIMIT_MEMORY_MAX, GIBIBYTE + 4096, GIBIBYTE, false },
		{ "a page too large", LIMIT_MEMORY_MAX, GIBIBYTE, GIBIBYTE + 4096, false },
		{ "not set", LIMIT_MEMORY_MAX, GIBIBYTE, LIMIT_UNLIMITED, false },
		{ "set though max was wanted", LIMIT_MEMORY_MAX, LIMIT_UNLIMITED, GIBIBYTE, false },
		{ "above the counter", LIMIT_MEMORY_MAX, UINT64_MAX - 1, LIMIT_UNLIMITED, true },
		{ "tasks are exact", LIMIT_PIDS_MAX, 64, 63, false },
		{ "weights are exact", LIMIT_CPU_WEIGHT, 50, 51, false },
		{ "CPUs are exact", LIMIT_CPU_MAX, 1500, 1501, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_int(limit_matches(limit_row(rows[i].id), rows[i].wanted, rows[i].read_back,
					 4096),
			   rows[i].matches);
	}
}

UNIT_MAIN("limits", the_table_is_complete_and_in_order,
	  values_of_people_reach_the_kernel_and_systemd_unharmed,
	  values_that_make_no_sense_are_refused_with_advice, what_the_kernel_says_is_understood,
	  the_kernels_rounding_is_no_mismatch_but_anything_else_is)
