/* SPDX-License-Identifier: MIT */

/* Which files of a git directory may go, and when they are looked for at all. */

#include "unit.h"

#include "record-fixture.h"

TEST(only_names_that_a_git_at_work_gives_are_debris)
{
	static const struct {
		const char *folder, *name;
		bool expected;
	} rows[] = {
		{ "", "index.lock", true },
		{ "", "config.lock", true },
		{ "", "gc.pid.lock", true },
		{ "", "index", false },
		{ "", "index.lock.bak", false },
		{ "", "my.lock", false },
		{ "", "HEAD", false },
		{ "", "tmp_pack_abc", false },
		{ "", "tmp_obj_abc", false },
		{ "objects/pack", "tmp_pack_EJC2x9", true },
		{ "objects/pack", "tmp_idx_EJC2x9", true },
		{ "objects/pack", "tmp_rev_EJC2x9", true },
		{ "objects/pack", ".tmp-4711-pack-0123.pack", true },
		{ "objects/pack", "pack-0123.pack", false },
		{ "objects/pack", "pack-0123.keep", false },
		{ "objects/pack", "multi-pack-index", false },
		{ "objects/pack", "tmp_obj_abc", false },
		{ "objects/3f", "tmp_obj_EJC2x9", true },
		{ "objects/3f", "0123456789abcdef0123456789abcdef012345", false },
		{ "objects/3f", "tmp_pack_x", false },
		{ "objects/zz", "tmp_obj_x", false },
		{ "objects/3", "tmp_obj_x", false },
		{ "objects/3f0", "tmp_obj_x", false },
		{ "objects/info", "tmp_obj_x", false },
		{ "refs/heads", "main.lock", false },
		{ "x/3f", "tmp_obj_x", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_int(snapshot_is_debris(rows[i].folder, rows[i].name), rows[i].expected);
		if (rows[i].expected)
			expect(snapshot_is_debris_folder(rows[i].folder));
	}
	expect(!snapshot_is_debris_folder("objects"));
	expect(!snapshot_is_debris_folder("objects/info"));
	expect(!snapshot_is_debris_folder("refs"));
}

TEST(a_file_goes_only_when_nothing_speaks_for_it)
{
	static const struct snapshot_facts dead = {
		.is_file = true,
		.is_own = true,
		.written_usec = 150,
		.since_usec = 100,
		.until_usec = 200,
	};
	static const struct {
		const char *name;
		bool no_file, foreign, held, in_use, persons;
		uint64_t written_usec;
		enum snapshot_verdict expected;
	} rows[] = {
		{ .name = "nobody's", .expected = SNAPSHOT_REMOVE },
		{ .name = "at the start", .written_usec = 100, .expected = SNAPSHOT_REMOVE },
		{ .name = "at the end", .written_usec = 200, .expected = SNAPSHOT_REMOVE },
		{ .name = "before the start", .written_usec = 99, .expected = SNAPSHOT_KEEP_OLD },
		{ .name = "after the end", .written_usec = 201, .expected = SNAPSHOT_KEEP_NEW },
		{ .name = "a folder", .no_file = true, .expected = SNAPSHOT_KEEP_FOREIGN },
		{ .name = "another user's", .foreign = true, .expected = SNAPSHOT_KEEP_FOREIGN },
		{ .name = "held", .held = true, .expected = SNAPSHOT_KEEP_HELD },
		{ .name = "a git works", .in_use = true, .expected = SNAPSHOT_KEEP_IN_USE },
		{ .name = "the person's", .persons = true, .expected = SNAPSHOT_TELL },
		{ .name = "the person's, held",
		  .persons = true,
		  .held = true,
		  .expected = SNAPSHOT_KEEP_HELD },
		{ .name = "the person's, old",
		  .persons = true,
		  .written_usec = 50,
		  .expected = SNAPSHOT_KEEP_OLD },
		{ .name = "the person's, in use",
		  .persons = true,
		  .in_use = true,
		  .expected = SNAPSHOT_KEEP_IN_USE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct snapshot_facts facts = dead;

		unit_row = rows[i].name;
		facts.is_file = !rows[i].no_file;
		facts.is_own = !rows[i].foreign;
		facts.is_held = rows[i].held;
		facts.is_in_use = rows[i].in_use;
		facts.is_persons = rows[i].persons;
		if (rows[i].written_usec)
			facts.written_usec = rows[i].written_usec;
		expect_int(snapshot_judge(&facts), rows[i].expected);
	}
}

static void nothing(struct fixture *fixture)
{
	(void)fixture;
}

static void kernel_killed(struct fixture *fixture)
{
	fixture_kill(fixture, RECORD_OOM_KILL, 7, "git", MEBIBYTE);
}

static void kernel_killed_unseen(struct fixture *fixture)
{
	fixture->record.counters.memory.oom_kill = 1;
}

static void watch_killed(struct fixture *fixture)
{
	fixture_kill(fixture, RECORD_WATCH_KILL, 7, "git", MEBIBYTE);
}

static void agent_killed(struct fixture *fixture)
{
	fixture->record.wait_status = SIGKILL;
}

static void agent_terminated(struct fixture *fixture)
{
	fixture->record.wait_status = SIGTERM;
}

static void agent_status_137(struct fixture *fixture)
{
	fixture->record.wait_status = 137 << 8;
}

static void terminated(struct fixture *fixture)
{
	fixture_event(fixture, RECORD_LADDER, MINUTE, SIGTERM);
}

static void killed_at_the_end(struct fixture *fixture)
{
	fixture_event(fixture, RECORD_LADDER, MINUTE, SIGTERM);
	fixture_event(fixture, RECORD_LADDER, MINUTE, SIGKILL);
}

static void denied(struct fixture *fixture)
{
	fixture_event(fixture, RECORD_FORK_DENIED, MINUTE, SIGKILL);
}

TEST(it_is_looked_for_after_a_hard_kill)
{
	static const struct {
		const char *name;
		void (*happened)(struct fixture *fixture);
		bool expected;
	} rows[] = {
		{ "nothing", nothing, false },
		{ "the kernel killed", kernel_killed, true },
		{ "the kernel killed, no event", kernel_killed_unseen, true },
		{ "oc-run killed", watch_killed, true },
		{ "the command was killed", agent_killed, true },
		{ "the command was told to end", agent_terminated, false },
		{ "the command ended with 137", agent_status_137, false },
		{ "all ended at SIGTERM", terminated, false },
		{ "the rest was killed", killed_at_the_end, true },
		{ "denied forks", denied, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		unit_row = rows[i].name;
		fixture_init(&fixture);
		rows[i].happened(&fixture);
		expect_int(snapshot_is_due(&fixture.record), rows[i].expected);
	}
}

UNIT_MAIN("snapshot", only_names_that_a_git_at_work_gives_are_debris,
	  a_file_goes_only_when_nothing_speaks_for_it, it_is_looked_for_after_a_hard_kill)
