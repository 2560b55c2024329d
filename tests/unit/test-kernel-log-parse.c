/* SPDX-License-Identifier: MIT */

#include "unit.h"

#include "oc-run/kernel-log.h"

#define SUMMARY                                                                         \
	"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0," \
	"oom_memcg=/oc.slice/oc-1.scope/payload,task_memcg="
#define SIZES                                                                    \
	"total-vm:309644kB, anon-rss:298880kB, file-rss:1876kB, shmem-rss:4kB, " \
	"UID:1000 pgtables:636kB oom_score_adj:0"

static const struct {
	const char *name, *summary, *kill;
	pid_t pid; /* 0: no kill */
	const char *comm, *cgroup;
	bool by_cgroup;
} rows[] = {
	{ "memory cgroup, 6.12", SUMMARY "/oc.slice/oc-1.scope/payload,task=node,pid=813,uid=1000",
	  "Memory cgroup out of memory: Killed process 813 (node) " SIZES, 813, "node",
	  "/oc.slice/oc-1.scope/payload", true },
	{ "whole machine",
	  "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
	  "task_memcg=/user.slice,task=bun,pid=9,uid=0",
	  "Out of memory: Killed process 9 (bun) " SIZES, 9, "bun", "/user.slice", false },
	{ "asked for the one that allocates", NULL,
	  "Out of memory (oom_kill_allocating_task): Killed process 9 (bun) " SIZES, 9, "bun", "",
	  false },
	{ "no summary (the kernel limits how often it prints one)", NULL,
	  "Memory cgroup out of memory: Killed process 813 (node) " SIZES, 813, "node", "", true },
	{ "summary of another process (group kill)", SUMMARY "/a,task=node,pid=812,uid=1000",
	  "Memory cgroup out of memory: Killed process 813 (node) " SIZES, 813, "node", "", true },
	{ "before 5.3: no UID", NULL,
	  "Killed process 813 (node) total-vm:309644kB, anon-rss:298880kB, file-rss:1876kB, "
	  "shmem-rss:4kB",
	  813, "node", "", false },
	{ "blank in the name", NULL, "Out of memory: Killed process 8 (tmux: server) " SIZES, 8,
	  "tmux: server", "", false },
	{ "brackets in the name", NULL, "Out of memory: Killed process 8 (a) (b) c) " SIZES, 8,
	  "a) (b) c", "", false },
	{ "name that looks like the rest", NULL,
	  "Out of memory: Killed process 8 () total-vm:1kB) " SIZES, 8, ") total-vm:1kB", "",
	  false },
	{ "empty name", NULL, "Out of memory: Killed process 8 () " SIZES, 8, "", "", false },
	{ "commas and marks in the task's name", SUMMARY "/s/p,task=a,task=b,pid=7,,pid=813,uid=0",
	  "Memory cgroup out of memory: Killed process 813 (a,task=b,pid=7,) " SIZES, 813,
	  "a,task=b,pid=7,", "/s/p", true },
	{ "commas in the cgroup's name", SUMMARY "/s,x=1/p,q,task=node,pid=813,uid=0",
	  "Memory cgroup out of memory: Killed process 813 (node) " SIZES, 813, "node",
	  "/s,x=1/p,q", true },
	{ "control characters", NULL, "Out of memory: Killed process 8 (a\033[2J\nb) " SIZES, 8,
	  "a?[2J?b", "", false },

	{ "something else", NULL, "usb 1-1: new high-speed USB device", 0, "", "", false },
	{ "said by somebody in passing", NULL, "foo Killed process 8 (x) " SIZES, 0, "", "",
	  false },
	{ "one character before it", NULL, "xKilled process 8 (x) " SIZES, 0, "", "", false },
	{ "no pid", NULL, "Out of memory: Killed process x (y) " SIZES, 0, "", "", false },
	{ "pid 0", NULL, "Out of memory: Killed process 0 (y) " SIZES, 0, "", "", false },
	{ "pid out of range", NULL, "Out of memory: Killed process 99999999999999999999 (y) " SIZES,
	  0, "", "", false },
	{ "cut before the name", NULL, "Out of memory: Killed process 8", 0, "", "", false },
	{ "cut in the name", NULL, "Out of memory: Killed process 8 (nod", 0, "", "", false },
	{ "cut after the name", NULL, "Out of memory: Killed process 8 (node) ", 0, "", "", false },
	{ "empty", NULL, "", 0, "", "", false },
};

TEST(kills_are_read_from_the_kernels_lines)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kernel_kill_parser parser = { 0 };
		struct kernel_kill kill = { .pid = -7 };

		unit_row = rows[i].name;
		if (rows[i].summary)
			expect(!kernel_kill_parse(&parser, rows[i].summary, &kill));
		expect(!kernel_kill_parse(&parser, "Tasks in / are going to be killed", &kill));
		expect_int(kernel_kill_parse(&parser, rows[i].kill, &kill), rows[i].pid != 0);
		if (!rows[i].pid) {
			expect_int(kill.pid, -7);
			continue;
		}
		expect_int(kill.pid, rows[i].pid);
		expect_text(kill.comm, rows[i].comm);
		expect_text(kill.cgroup, rows[i].cgroup);
		expect_int(kill.by_cgroup, rows[i].by_cgroup);
		expect_uint(kill.anon_bytes, 298880ULL * 1024);
		expect_uint(kill.file_bytes, 1876ULL * 1024);
		expect_uint(kill.shmem_bytes, 4ULL * 1024);
	}
}

TEST(a_summary_is_used_for_one_kill_only)
{
	static const char line[] = "Memory cgroup out of memory: Killed process 8 (x) " SIZES;
	struct kernel_kill_parser parser = { 0 };
	struct kernel_kill kill;

	expect(!kernel_kill_parse(&parser, SUMMARY "/p,task=x,pid=8,uid=0", &kill));
	expect(kernel_kill_parse(&parser, line, &kill));
	expect_text(kill.cgroup, "/p");
	expect(kernel_kill_parse(&parser, line, &kill));
	expect_text(kill.cgroup, "");
}

TEST(a_cgroup_that_does_not_fit_is_not_told_by_half)
{
	char summary[1024] = SUMMARY "/";
	struct kernel_kill_parser parser = { 0 };
	struct kernel_kill kill;

	memset(summary + strlen(summary), 'x', 600);
	strcat(summary, ",task=x,pid=8,uid=0");
	expect(!kernel_kill_parse(&parser, summary, &kill));
	expect(kernel_kill_parse(&parser, "Out of memory: Killed process 8 (x) " SIZES, &kill));
	expect_text(kill.cgroup, "");
}

/* A line of noise between the two must not matter, nor must any cut or changed byte hurt. */
TEST(no_damaged_line_is_harmful)
{
	uint64_t random = 88172645463325252ULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *line = rows[i].summary ? rows[i].summary : rows[i].kill;
		size_t length = strlen(line);

		unit_row = rows[i].name;
		for (int round = 0; round < 2000 && length > 0; round++) {
			struct kernel_kill_parser parser = { 0 };
			struct kernel_kill kill = { 0 };
			/* Exactly as long as needed, so that a sanitizer sees a step too far. */
			char *damaged = malloc(length + 1);

			memcpy(damaged, line, length + 1);
			for (int change = 0; change < 3; change++) {
				random ^= random << 13;
				random ^= random >> 7;
				random ^= random << 17;
				damaged[random % length] = "(),:=k 0\\\0"[(random >> 32) % 10];
			}
			(void)kernel_kill_parse(&parser, damaged, &kill);
			expect(memchr(kill.comm, '\0', sizeof(kill.comm)));
			expect(memchr(parser.cgroup, '\0', sizeof(parser.cgroup)));
			free(damaged);
		}
	}
}

TEST(records_of_kmsg_are_taken_apart)
{
	static const struct {
		const char *name, *record, *message;
		uint64_t usec;
	} records[] = {
		{ "plain", "6,339,5140900,-;hello\n", "hello", 5140900 },
		{ "with properties", "3,7,12,-;out of memory\n SUBSYSTEM=x\n DEVICE=y\n",
		  "out of memory", 12 },
		{ "more fields to come", "6,339,5140900,-,caller=T1;hello\n", "hello", 5140900 },
		{ "semicolon in the text", "4,1,2,c;a;b\n", "a;b", 2 },
		{ "escapes", "4,1,2,-;a\\x0ab\\x5cx41\\x\\xzz\\x4\n", "a\nb\\x41\\x\\xzz\\x4", 2 },
		{ "NUL is not let in", "4,1,2,-;a\\x00b\n", "a\\x00b", 2 },
		{ "empty text", "4,1,2,-;\n", "", 2 },
		{ "a user's message", "12,1,2,-;Killed process 1 (x) total-vm:1kB\n", NULL, 0 },
		{ "no record", "Killed process 1", NULL, 0 },
		{ "cut", "6,339,5140", NULL, 0 },
		{ "no text", "6,339,5140900,-", NULL, 0 },
		{ "empty", "", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		char *record = strdup(records[i].record);
		const char *message = NULL;
		uint64_t usec = 0;

		unit_row = records[i].name;
		expect_int(kernel_log_parse_record(record, &message, &usec),
			   records[i].message != NULL);
		expect_text(message, records[i].message);
		expect_uint(usec, records[i].usec);
		free(record);
	}
}

UNIT_MAIN("kernel-log-parse", kills_are_read_from_the_kernels_lines,
	  a_summary_is_used_for_one_kill_only, a_cgroup_that_does_not_fit_is_not_told_by_half,
	  no_damaged_line_is_harmful, records_of_kmsg_are_taken_apart)
