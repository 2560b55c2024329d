/* SPDX-License-Identifier: MIT */

/* The texts are those of Linux 6.1 and 6.12, cut where they are long. */

#include "unit.h"

#include <errno.h>

#include "oc-run/cgroup-parse.h"
#include "oc-run/limits.h"

TEST(memory_events_are_read_by_key)
{
	struct memory_events events;

	expect_int(cgroup_parse_memory_events("low 1\nhigh 436340\nmax 3\noom 16848\noom_kill 5\n"
					      "oom_group_kill 6\nsock_throttled 7\n",
					      &events),
		   0);
	expect_uint(events.low, 1);
	expect_uint(events.high, 436340);
	expect_uint(events.max, 3);
	expect_uint(events.oom, 16848);
	expect_uint(events.oom_kill, 5);
	expect_uint(events.oom_group_kill, 6);
}

TEST(a_key_that_an_older_kernel_lacks_is_zero)
{
	struct memory_events events = { .oom_group_kill = 99 };

	expect_int(cgroup_parse_memory_events("low 0\nhigh 0\nmax 0\noom 1\noom_kill 1", &events),
		   0);
	expect_uint(events.oom_kill, 1);
	expect_uint(events.oom_group_kill, 0);
}

TEST(a_broken_keyed_file_leaves_the_result_alone)
{
	static const struct {
		const char *name, *text;
		int result;
	} rows[] = {
		{ "empty", "", -ENODATA },
		{ "another file", "populated 1\nfrozen 0\n", -ENODATA },
		{ "no value", "oom_kill\n", -EINVAL },
		{ "empty value", "oom_kill \n", -EINVAL },
		{ "negative", "oom_kill -1\n", -EINVAL },
		{ "more behind the value", "oom_kill 1 2\n", -EINVAL },
		{ "hexadecimal", "oom_kill 0x1\n", -EINVAL },
		{ "too large", "oom_kill 18446744073709551616\n", -EINVAL },
		{ "prefix of a key", "oom_ki 1\n", -ENODATA },
		{ "longer key", "oom_kills 1\n", -ENODATA },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct memory_events events = { .oom_kill = 42 };

		unit_row = rows[i].name;
		expect_int(cgroup_parse_memory_events(rows[i].text, &events), rows[i].result);
		expect_uint(events.oom_kill, 42);
	}
}

TEST(the_largest_counter_fits)
{
	struct pids_events events;

	expect_int(cgroup_parse_pids_events("max 18446744073709551615\n", &events), 0);
	expect_uint(events.max, UINT64_MAX);
}

TEST(swap_events_are_read)
{
	struct swap_events events;

	expect_int(cgroup_parse_swap_events("high 1\nmax 2\nfail 3\n", &events), 0);
	expect_uint(events.high, 1);
	expect_uint(events.max, 2);
	expect_uint(events.fail, 3);
}

TEST(populated_and_frozen_are_read)
{
	struct cgroup_events events = { 0 };

	expect_int(cgroup_parse_events("populated 1\nfrozen 0\n", &events), 0);
	expect(events.populated && !events.frozen);
	expect_int(cgroup_parse_events("populated 0\nfrozen 1\n", &events), 0);
	expect(!events.populated && events.frozen);
	/* before 5.2 */
	expect_int(cgroup_parse_events("populated 1\n", &events), 0);
	expect(events.populated && !events.frozen);
	expect_int(cgroup_parse_events("populated 2\n", &events), -EINVAL);
}

TEST(memory_stat_is_read)
{
	struct memory_stat stat;

	expect_int(cgroup_parse_memory_stat("anon 524288\nfile 1048576\nkernel 65536\n"
					    "kernel_stack 16384\npagetables 8192\nshmem 4096\n"
					    "inactive_anon 1\nactive_anon 2\ninactive_file 3\n"
					    "active_file 4\nslab_reclaimable 5\n"
					    "slab_unreclaimable 6\nslab 11\n",
					    &stat),
		   0);
	expect_uint(stat.anon, 524288);
	expect_uint(stat.file, 1048576);
	expect_uint(stat.kernel, 65536);
	expect_uint(stat.shmem, 4096);
	expect_uint(stat.inactive_file, 3);
	expect_uint(stat.active_file, 4);
	expect_uint(stat.slab_reclaimable, 5);
}

TEST(kernel_memory_is_added_up_where_the_kernel_gives_no_sum)
{
	struct memory_stat stat;

	expect_int(cgroup_parse_memory_stat("anon 1\nkernel_stack 10\npagetables 200\npercpu 3000\n"
					    "sock 40000\nslab 500000\n",
					    &stat),
		   0);
	expect_uint(stat.kernel, 543210);
}

TEST(cpu_usage_is_read)
{
	uint64_t usage = 0;

	expect_int(cgroup_parse_cpu_usage("usage_usec 123456\nuser_usec 1\nsystem_usec 2\n",
					  &usage),
		   0);
	expect_uint(usage, 123456);
	expect_int(cgroup_parse_cpu_usage("user_usec 1\n", &usage), -ENODATA);
}

TEST(pressure_is_read)
{
	struct pressure pressure;

	expect_int(cgroup_parse_pressure("some avg10=12.34 avg60=5.00 avg300=1.00 total=158000000\n"
					 "full avg10=0.05 avg60=0.00 avg300=0.00 total=77\n",
					 &pressure),
		   0);
	expect(pressure.known);
	expect(pressure.some_avg10 > 12.339 && pressure.some_avg10 < 12.341);
	expect(pressure.full_avg10 > 0.0499 && pressure.full_avg10 < 0.0501);
	expect_uint(pressure.some_total_usec, 158000000);
	expect_uint(pressure.full_total_usec, 77);
}

TEST(a_pressure_file_without_a_full_line_is_known)
{
	struct pressure pressure;

	expect_int(cgroup_parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
					 &pressure),
		   0);
	expect(pressure.known);
	expect_uint(pressure.some_total_usec, 5);
	expect_uint(pressure.full_total_usec, 0);
}

TEST(a_broken_pressure_file_is_refused)
{
	static const struct {
		const char *name, *text;
		int result;
	} rows[] = {
		{ "empty", "", -ENODATA },
		{ "full only", "full avg10=0.00 total=0\n", -ENODATA },
		{ "no total", "some avg10=0.00 avg60=0.00\n", -EINVAL },
		{ "no average", "some total=0\n", -EINVAL },
		{ "no number", "some avg10=x total=0\n", -EINVAL },
		{ "comma", "some avg10=0,00 total=0\n", -EINVAL },
		{ "cut", "some avg10=0. total=0\n", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pressure pressure = { .some_total_usec = 42 };

		unit_row = rows[i].name;
		expect_int(cgroup_parse_pressure(rows[i].text, &pressure), rows[i].result);
		expect_uint(pressure.some_total_usec, 42);
	}
}

TEST(a_number_may_be_max)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} rows[] = {
		{ "max\n", 0, UINT64_MAX },
		{ "max", 0, UINT64_MAX },
		{ "0\n", 0, 0 },
		{ "4294967296\n", 0, 4294967296 },
		{ "", -EINVAL, 0 },
		{ "maximum\n", -EINVAL, 0 },
		{ "max 100000\n", -EINVAL, 0 },
		{ "12 \n", -EINVAL, 0 },
		{ "-1\n", -EINVAL, 0 },
		{ " 1\n", -EINVAL, 0 },
		{ "18446744073709551616\n", -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 0;

		unit_row = rows[i].text;
		expect_int(cgroup_parse_number(rows[i].text, &value), rows[i].result);
		expect_uint(value, rows[i].value);
	}
}

TEST(controllers_become_bits)
{
	static const struct {
		const char *text;
		uint32_t bits;
	} rows[] = {
		{ "", 0 },
		{ "\n", 0 },
		{ "cpuset cpu io memory hugetlb pids rdma misc\n",
		  CONTROLLER_CPU | CONTROLLER_IO | CONTROLLER_MEMORY | CONTROLLER_PIDS },
		{ "memory pids\n", CONTROLLER_MEMORY | CONTROLLER_PIDS },
		{ "cpuset hugetlb\n", 0 },
		{ "io", CONTROLLER_IO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].text;
		expect_uint(cgroup_parse_controllers(rows[i].text), rows[i].bits);
	}
}

TEST(the_path_of_the_second_version_is_found)
{
	static const struct {
		const char *name, *text, *path;
		int result;
	} rows[] = {
		{ "unified", "0::/user.slice/user-1000.slice/session-2.scope\n",
		  "/user.slice/user-1000.slice/session-2.scope", 0 },
		{ "hybrid", "9:name=systemd:/a\n4:memory:/b\n0::/c\n", "/c", 0 },
		{ "root", "0::/\n", "/", 0 },
		{ "spaces and colons", "0::/a b/c:d\n", "/a b/c:d", 0 },
		{ "removed", "0::/a (deleted)\n", "/a (deleted)", 0 },
		{ "no newline", "0::/a", "/a", 0 },
		{ "first version only", "4:memory:/b\n", NULL, -ENODATA },
		{ "number that ends in 0", "10::/b\n", NULL, -ENODATA },
		{ "empty", "", NULL, -ENODATA },
		{ "relative", "0::a\n", NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path = NULL;

		unit_row = rows[i].name;
		expect_int(cgroup_parse_proc_cgroup(rows[i].text, &path), rows[i].result);
		expect_text(path, rows[i].path);
	}
}

TEST(the_mount_point_is_found)
{
	static const struct {
		const char *name, *text, *mount, *root;
		int result;
	} rows[] = {
		{ "unified",
		  "22 28 0:20 / /proc rw - proc proc rw\n"
		  "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
		  "/sys/fs/cgroup", "/", 0 },
		{ "hybrid",
		  "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		  "32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		  "/sys/fs/cgroup/unified", "/", 0 },
		{ "several tags",
		  "30 24 0:26 /a /mnt rw shared:4 master:1 propagate_from:2 - cgroup2 none rw",
		  "/mnt", "/a", 0 },
		{ "escaped", "30 24 0:26 /a\\134b /mnt\\040x\\011y\\012z rw - cgroup2 none rw\n",
		  "/mnt x\ty\nz", "/a\\b", 0 },
		{ "first of two",
		  "1 1 0:1 / /one rw - cgroup2 none rw\n2 1 0:2 / /two rw - cgroup2 none rw\n",
		  "/one", "/", 0 },
		{ "a folder of that name is no mount of it",
		  "1 1 0:1 / /cgroup2 rw - tmpfs cgroup2 rw\n", NULL, NULL, -ENODATA },
		{ "first version", "1 1 0:1 / /x rw - cgroup cgroup rw\n", NULL, NULL, -ENODATA },
		{ "cut", "30 24 0:26 / /sys/fs/cgroup rw -\n", NULL, NULL, -ENODATA },
		{ "no dash", "30 24 0:26 / /sys/fs/cgroup rw cgroup2 cgroup2 rw\n", NULL, NULL,
		  -ENODATA },
		{ "empty lines", "\n\n", NULL, NULL, -ENODATA },
		{ "empty", "", NULL, NULL, -ENODATA },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *mount = NULL, *root = NULL;

		unit_row = rows[i].name;
		expect_int(cgroup_parse_mountinfo(rows[i].text, &mount, &root), rows[i].result);
		expect_text(mount, rows[i].mount);
		expect_text(root, rows[i].root);
	}
}

#define ID_A "0123456789abcdef"
#define ID_B "fedcba9876543210"

TEST(the_session_is_found_in_a_path)
{
	static const struct {
		const char *path, *id, *scope;
	} rows[] = {
		{ "/user.slice/oc.slice/oc-" ID_A ".scope/payload", ID_A,
		  "/user.slice/oc.slice/oc-" ID_A ".scope" },
		{ "/oc.slice/oc-" ID_A "/payload/deeper/still", ID_A, "/oc.slice/oc-" ID_A },
		{ "/oc-" ID_A ".scope/keeper", ID_A, "/oc-" ID_A ".scope" },
		{ "/oc-" ID_A, ID_A, "/oc-" ID_A },
		/* a session in a session lies beside the outer payload; the inner one counts */
		{ "/oc-" ID_A ".scope/oc-" ID_B "/payload", ID_B, "/oc-" ID_A ".scope/oc-" ID_B },
		{ "/", NULL, NULL },
		{ "", NULL, NULL },
		{ "/oc.slice", NULL, NULL },
		{ "/oc-0123456789abcde", NULL, NULL },
		{ "/oc-0123456789abcdef0", NULL, NULL },
		{ "/oc-0123456789ABCDEF", NULL, NULL },
		{ "/oc-" ID_A ".service", NULL, NULL },
		{ "/oc-" ID_A ".scope.d", NULL, NULL },
		{ "/xoc-" ID_A ".scope", NULL, NULL },
		{ "/docker-" ID_A ".scope", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char id[17] = "untouched";
		size_t length = 0;
		bool found;

		unit_row = rows[i].path;
		found = cgroup_path_session(rows[i].path, id, &length);
		expect_int(found, rows[i].id != NULL);
		expect_text(id, rows[i].id ? rows[i].id : "untouched");
		expect_uint(length, rows[i].scope ? strlen(rows[i].scope) : 0);
	}
}

UNIT_MAIN("cgroup-parse", memory_events_are_read_by_key, a_key_that_an_older_kernel_lacks_is_zero,
	  a_broken_keyed_file_leaves_the_result_alone, the_largest_counter_fits,
	  swap_events_are_read, populated_and_frozen_are_read, memory_stat_is_read,
	  kernel_memory_is_added_up_where_the_kernel_gives_no_sum, cpu_usage_is_read,
	  pressure_is_read, a_pressure_file_without_a_full_line_is_known,
	  a_broken_pressure_file_is_refused, a_number_may_be_max, controllers_become_bits,
	  the_path_of_the_second_version_is_found, the_mount_point_is_found,
	  the_session_is_found_in_a_path)
