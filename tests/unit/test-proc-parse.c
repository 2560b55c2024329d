/* SPDX-License-Identifier: MIT */

#include "unit.h"

#include <errno.h>

#include "oc-run/proc-parse.h"

/* The fields of stat after comm and state, as one process had them. */
#define STAT_REST \
	" 1 70 71 34816 70 4194304 99 0 0 0 1 2 0 0 20 0 7 0 4711 8 9 18446744073709551615"

static const struct {
	const char *name, *text, *comm;
	char state;
} stat_rows[] = {
	{ "plain", "12 (cat) R" STAT_REST, "cat", 'R' },
	{ "blank", "12 (tmux: server) S" STAT_REST, "tmux: server", 'S' },
	{ "brackets", "12 (a) R 9 (b) Z" STAT_REST, "a) R 9 (b", 'Z' },
	{ "closing bracket", "12 ()) S" STAT_REST, ")", 'S' },
	{ "empty", "12 () S" STAT_REST, "", 'S' },
	{ "newline and escape", "12 (a\n\033[2J) T" STAT_REST, "a??[2J", 'T' },
	{ "kworker is longer than 15", "12 (kworker/u4:1-events_unbound) I" STAT_REST,
	  "kworker/u4:1-ev", 'I' },
};

TEST(stat_is_read_whatever_the_process_calls_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(stat_rows); i++) {
		struct proc_stat stat;

		unit_row = stat_rows[i].name;
		expect_int(proc_parse_stat(stat_rows[i].text, &stat), 0);
		expect_text(stat.comm, stat_rows[i].comm);
		expect_int(stat.state, stat_rows[i].state);
		expect_int(stat.pid, 12);
		expect_int(stat.parent, 1);
		expect_int(stat.process_group, 70);
		expect_int(stat.session, 71);
		expect_uint(stat.threads, 7);
		expect_uint(stat.cpu_ticks, 3);
		expect_uint(stat.start_ticks, 4711);
	}
}

TEST(stat_with_negative_fields_is_read)
{
	struct proc_stat stat;

	expect_int(proc_parse_stat("5 (x) S 1 5 5 0 -1 0 0 0 0 0 0 0 -3 0 20 -5 1 0 88\n", &stat),
		   0);
	expect_uint(stat.start_ticks, 88);
}

TEST(what_is_no_stat_is_refused_and_leaves_the_result_alone)
{
	static const char *const rows[] = {
		"",
		"12",
		"12 ",
		"12 (cat",
		"12 (cat)",
		"12 (cat) ",
		"12 (cat) R",
		"cat (12) R" STAT_REST,
		"12 cat R" STAT_REST,
		"12 (cat)R" STAT_REST,
		"12 (cat) 7" STAT_REST,
		"12 (cat) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18",
		"12 (cat) R 1 2 3 x 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
		"12 (cat) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99999999999999999999999",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct proc_stat stat = { .pid = -7 };

		unit_row = rows[i];
		expect_int(proc_parse_stat(rows[i], &stat), -EINVAL);
		expect_int(stat.pid, -7);
	}
}

TEST(status_gives_the_memory_that_is_not_file)
{
	struct proc_status status;

	proc_parse_status("Name:\tRssAnon:\nVmRSS:\t  900 kB\nRssAnon:\t     100 kB\n"
			  "RssFile:\t  790 kB\nRssShmem:\t      10 kB\nVmSwap:\t 7 kB\n",
			  &status);
	expect(status.has_memory);
	expect_uint(status.anon_bytes, 100 * 1024);
	expect_uint(status.shmem_bytes, 10 * 1024);
	expect_uint(status.swap_bytes, 7 * 1024);

	proc_parse_status("Name:\tz\nState:\tZ (zombie)\nThreads:\t1\n", &status);
	expect(!status.has_memory);
	expect_uint(status.anon_bytes + status.shmem_bytes + status.swap_bytes, 0);

	proc_parse_status("RssAnon:\t99999999999999999999 kB\n", &status);
	expect(!status.has_memory);
}

TEST(statm_gives_resident_without_shared)
{
	uint64_t pages = 1;

	expect_int(proc_parse_statm_anon("1000 300 120 1 0 9 0\n", &pages), 0);
	expect_uint(pages, 180);
	expect_int(proc_parse_statm_anon("0 0 0 0 0 0 0\n", &pages), 0);
	expect_uint(pages, 0);
	expect_int(proc_parse_statm_anon("10 3 5 0 0 0 0\n", &pages), 0);
	expect_uint(pages, 0);
	expect_int(proc_parse_statm_anon("10 3", &pages), -EINVAL);
}

TEST(rollup_counts_anonymous_shmem_and_swap)
{
	uint64_t bytes = 1;

	expect_int(
		proc_parse_smaps_rollup("55-7f ---p 0 00:00 0 [rollup]\nRss: 900 kB\nPss: 500 kB\n"
					"Pss_Dirty: 1 kB\nPss_Anon: 200 kB\nPss_File: 290 kB\n"
					"Pss_Shmem: 10 kB\nSwap: 9 kB\nSwapPss: 4 kB\n",
					&bytes),
		0);
	expect_uint(bytes, 214 * 1024);
	unit_row = "before Pss_Anon";
	expect_int(proc_parse_smaps_rollup("Rss: 900 kB\nPss: 500 kB\nSwapPss: 4 kB\n", &bytes), 0);
	expect_uint(bytes, 504 * 1024);
	unit_row = "empty";
	expect_int(proc_parse_smaps_rollup("", &bytes), -EINVAL);
}

TEST(cgroup_path_is_that_of_version_2)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "0::/user.slice/a\n", "/user.slice/a" },
		{ "0::/\n", "/" },
		{ "3:pids:/x\n1:name=systemd:/0::/y\n0::/z\n", "/z" },
		{ "0::/gone/a (deleted)\n", "/gone/a" },
		{ "3:pids:/x\n", NULL },
		{ "10::/a\n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t length = 0;
		const char *path = proc_parse_cgroup(rows[i].text, &length);

		unit_row = rows[i].text;
		expect((path != NULL) == (rows[i].path != NULL));
		if (!path)
			continue;
		expect_uint(length, strlen(rows[i].path));
		expect(memcmp(path, rows[i].path, length) == 0);
	}
}

TEST(below_means_whole_names)
{
	static const struct {
		const char *path, *ancestor;
		bool below;
	} rows[] = {
		{ "/a/b", "/a/b", true }, { "/a/b/c", "/a/b", true }, { "/a/bc", "/a/b", false },
		{ "/a", "/a/b", false },  { "/x", "/a", false },      { "/x", "/", true },
		{ "/", "/", true },	  { "/../x", "/a", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].path;
		expect_int(proc_cgroup_is_below(rows[i].path, strlen(rows[i].path),
						rows[i].ancestor),
			   rows[i].below);
	}
}

/* Each environ below holds its NULs; sizeof - 1 leaves off the one the compiler adds. */
#define ENVIRON(text) text, sizeof(text) - 1

TEST(tag_is_found_only_as_a_whole_variable_however_it_is_cut)
{
	static const struct {
		const char *name, *bytes;
		size_t length;
		bool found;
	} rows[] = {
		{ "first", ENVIRON("T=ab\0X=1\0"), true },
		{ "last", ENVIRON("X=1\0T=ab\0"), true },
		{ "only", ENVIRON("T=ab\0"), true },
		{ "empty variables before", ENVIRON("\0\0T=ab\0"), true },
		{ "longer value", ENVIRON("T=abc\0"), false },
		{ "shorter value", ENVIRON("T=a\0"), false },
		{ "longer name", ENVIRON("XT=ab\0"), false },
		{ "inside a value", ENVIRON("X=T=ab\0"), false },
		{ "after a near miss", ENVIRON("T=aT=ab\0T=b\0"), false },
		{ "after a near miss of its own", ENVIRON("T=a\0T=ab\0"), true },
		{ "cut off", ENVIRON("X=1\0T=ab"), false },
		{ "empty", ENVIRON(""), false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		for (size_t piece = 1; piece <= rows[i].length + 1; piece++) {
			struct proc_environ_match match = { .wanted = "T=ab" };
			bool found = false;

			for (size_t at = 0; at < rows[i].length && !found; at += piece) {
				size_t left = rows[i].length - at;

				found = proc_environ_feed(&match, rows[i].bytes + at,
							  left < piece ? left : piece);
			}
			expect_int(found, rows[i].found);
		}
	}
}

TEST(foreign_text_is_made_fit_to_be_shown)
{
	static const struct {
		const char *name, *bytes;
		size_t length;
		const char *shown;
	} rows[] = {
		{ "words of a command line", ENVIRON("git\0commit\0-m\0a b\0"),
		  "git commit -m a b" },
		{ "process title", ENVIRON("nginx: worker   \0\0\0\0"), "nginx: worker" },
		{ "escape sequences", ENVIRON("\033]0;x\a\x9b"), "?]0;x??" },
		{ "newline, delete", ENVIRON("a\nb\177c"), "a?b?c" },
		{ "UTF-8 stays", ENVIRON("caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80"),
		  "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x98\x80" },
		{ "C1 control as UTF-8",
		  ENVIRON("a\xc2\x9b"
			  "b"),
		  "a??b" },
		{ "overlong", ENVIRON("\xc0\xaf\xe0\x80\xaf"), "?????" },
		{ "surrogate", ENVIRON("\xed\xa0\x80"), "???" },
		{ "right-to-left override",
		  ENVIRON("a\xe2\x80\xae"
			  "b"),
		  "a???b" },
		{ "cut off character", ENVIRON("a\xe6\xbc"), "a??" },
		{ "empty", ENVIRON(""), "" },
		{ "too long is cut", ENVIRON("0123456789012345678901234567890123456789"),
		  "0123456789012345678901234567890" },
		{ "cut at a whole character", ENVIRON("012345678901234567890123456789\xe6\xbc\xa2"),
		  "012345678901234567890123456789" },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		proc_clean_text(rows[i].bytes, rows[i].length, text, sizeof(text));
		expect_text(text, rows[i].shown);
	}
}

TEST(a_process_is_called_what_people_call_it)
{
	static const struct {
		const char *executable, *comm, *name;
	} rows[] = {
		{ "/usr/bin/node", "MainThread", "node" },
		{ "/home/a/.bun/bin/bun (deleted)", "bun", "bun" },
		{ "/usr/lib/chromium/chromium", "chromium", "chromium" },
		{ "/opt/claude/versions/2.0.14", "claude", "claude" },
		{ "/opt/claude/versions/2.0.14 (deleted)", "claude", "claude" },
		{ "/x/\xe6\xbc\xa2", "c", "\xe6\xbc\xa2" },
		{ "/x/a\nb", "c", "a?b" },
		{ "/", "init", "init" },
		{ NULL, "git", "git" },
		{ NULL, "", "" },
	};
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].executable;
		proc_display_name(rows[i].executable, rows[i].comm, name, sizeof(name));
		expect_text(name, rows[i].name);
	}
}

UNIT_MAIN("proc-parse", stat_is_read_whatever_the_process_calls_itself,
	  stat_with_negative_fields_is_read, what_is_no_stat_is_refused_and_leaves_the_result_alone,
	  status_gives_the_memory_that_is_not_file, statm_gives_resident_without_shared,
	  rollup_counts_anonymous_shmem_and_swap, cgroup_path_is_that_of_version_2,
	  below_means_whole_names, tag_is_found_only_as_a_whole_variable_however_it_is_cut,
	  foreign_text_is_made_fit_to_be_shown, a_process_is_called_what_people_call_it)
