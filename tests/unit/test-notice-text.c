/* SPDX-License-Identifier: MIT */

#include "oc-run/notice-text.h"
#include "record-fixture.h"
#include "unit.h"

#define MIB MEBIBYTE

/* opencode with four tools, 3.25 GiB in all. */
static struct tree_process processes[] = {
	{ .pid = 100,
	  .name = "opencode",
	  .resident_bytes = 800 * MIB,
	  .threads = 16,
	  .state = 'S',
	  .is_agent = true,
	  .is_spared = true },
	{ .pid = 201, .name = "node", .resident_bytes = 300 * MIB, .threads = 10, .state = 'S' },
	{ .pid = 202, .name = "node", .resident_bytes = 1600 * MIB, .threads = 10, .state = 'R' },
	{ .pid = 203, .name = "rg", .resident_bytes = 624 * MIB, .threads = 3, .state = 'R' },
	{ .pid = 204, .name = "git", .resident_bytes = 4 * MIB, .threads = 1, .state = 'S' },
	{ .pid = 205, .name = "zombie", .resident_bytes = 9000 * MIB, .threads = 1, .state = 'Z' },
};

static const struct tree_sample sample = {
	.processes = processes,
	.count = ARRAY_SIZE(processes),
};

static const struct figures figures = {
	.at_usec = 1,
	.counted = true,
	.unreclaimable_bytes = 3328 * MIB,
	.file_bytes = 512 * MIB,
	.swap_bytes = 1024 * MIB,
	.tasks = 4352,
};

static struct fixture fixture;
static struct notice_facts facts;
static struct notice_subject subject;
static struct notice notice;

static void begin(enum notice_kind kind)
{
	fixture_init(&fixture);
	facts = (struct notice_facts){
		.record = &fixture.record,
		.figures = &figures,
		.sample = &sample,
	};
	subject = (struct notice_subject){ .kind = kind };
}

static void begin_kill(enum record_event_kind kind, pid_t pid, const char *name, uint64_t bytes)
{
	begin(NOTICE_KILL);
	subject.kills = 1;
	subject.event.kind = kind;
	subject.event.victim.pid = pid;
	subject.event.victim.bytes = bytes;
	(void)snprintf(subject.event.victim.name, sizeof(subject.event.victim.name), "%s", name);
}

/* The texts stay until the next one. */
static void make(void)
{
	notice_finish(&notice);
	expect_int(notice_text_make(&subject, &facts, &notice), 0);
}

TEST(short_memory_says_how_much_who_and_what_to_do)
{
	begin(NOTICE_MEMORY);
	make();
	expect_text(notice.title, "opencode is running short of memory");
	expect_text(notice.body,
		    "3.3 GiB of 4.0 GiB in use, beside 512 MiB of file cache that can be dropped.\n"
		    "Largest: 2 x node 1.9 GiB, opencode 800 MiB, rg 624 MiB.\n"
		    "End node (pid 202) if you do not need it, or start with --mem 6G next time.");
	expect(!notice.is_kill);
}

TEST(advice_fits_what_can_be_done)
{
	static struct tree_process alone = { .pid = 100,
					     .name = "opencode",
					     .resident_bytes = 3328 * MIB,
					     .state = 'S',
					     .is_spared = true };
	static const struct tree_sample only = { .processes = &alone, .count = 1 };

	begin(NOTICE_MEMORY);
	facts.sample = &only;
	make();
	expect_contains(notice.body, "\nTo give it more, start with --mem 6G next time.");
	fixture.record.ram_bytes = 4 * GIBIBYTE;
	make();
	expect_contains(notice.body, "\nStart it anew in good time");
	facts.sample = &sample;
	make();
	expect_contains(notice.body, "\nEnd node (pid 202) if you do not need it.");
	facts.sample = NULL;
	make();
	expect_lacks(notice.body, "Largest");
}

TEST(swap_and_tasks_say_how_much_of_them)
{
	begin(NOTICE_SWAP);
	make();
	expect_text(notice.title, "opencode has used up its swap");
	expect_contains(notice.body, "1.0 GiB of swap in use; memory: 3.3 GiB of 4.0 GiB in use");
	begin(NOTICE_TASKS);
	make();
	expect_text(notice.title, "opencode can't start more processes or threads");
	expect_text(notice.body,
		    "4352 of 4352 tasks in use, threads included; programs may fail or hang.\n"
		    "Largest: 2 x node 20 tasks, opencode 16 tasks, rg 3 tasks.\n"
		    "To give it more, start with --pids 8704 next time.");
	fixture_limit(&fixture, LIMIT_PIDS_MAX, LIMIT_UNLIMITED);
	make();
	expect_contains(notice.body, "4352 tasks in use, threads included;");
	expect_contains(notice.body, "\nLet it run fewer things at once");
}

TEST(a_standstill_is_told_with_its_evidence)
{
	begin(NOTICE_STANDSTILL);
	(void)snprintf(subject.event.detail, sizeof(subject.event.detail),
		       "12 s at 3.3 GiB with memory.high at 3.2 GiB, nobody killed");
	make();
	expect_text(notice.title, "opencode stood still at --high, which has been lifted");
	expect_contains(notice.body, "that can be dropped; 12 s at 3.3 GiB with memory.high at "
				     "3.2 GiB, nobody killed.\nLargest: 2 x node 1.9 GiB");
	expect_contains(notice.body, "\nLeave --high out next time");
}

TEST(a_killed_tool_is_named_with_its_size_and_who_is_left)
{
	begin_kill(RECORD_OOM_KILL, 202, "node", 1600 * MIB);
	make();
	expect_text(notice.title, "opencode: node was killed for memory");
	expect_text(notice.body,
		    "It was node (pid 202) with 1.6 GiB; the session's limit is 4.0 GiB.\n"
		    "Largest now: opencode 800 MiB, rg 624 MiB, node 300 MiB.\n"
		    "To give it more, start with --mem 6G next time.");
	expect(notice.is_kill);
	subject.kills = 12;
	make();
	expect_text(notice.title, "opencode: 12 processes were killed for memory");
	expect_contains(notice.body, "The largest was node (pid 202) with 1.6 GiB;");
}

TEST(a_kill_that_nobody_could_name_is_told_without_a_name)
{
	begin_kill(RECORD_OOM_KILL, 0, "", 0);
	make();
	expect_text(notice.title, "opencode: a process was killed for memory");
	expect_contains(notice.body, "the session's limit is 4.0 GiB.");
}

TEST(the_killed_command_leaves_nothing_to_list)
{
	begin_kill(RECORD_OOM_KILL, 100, "opencode", 800 * MIB);
	subject.is_command_killed = true;
	make();
	expect_text(notice.title, "opencode was killed for memory");
	expect_lacks(notice.body, "Largest");
	subject.kills = 3;
	make();
	expect_text(notice.title, "opencode and 2 of its processes were killed for memory");
}

TEST(a_kill_from_above_is_not_blamed_on_the_limit)
{
	begin_kill(RECORD_OOM_KILL, 202, "node", 1600 * MIB);
	facts.from_above = true;
	make();
	expect_contains(notice.body, "the machine, or all sessions together, ran out of memory.");
	expect_contains(notice.body, "\nClose other programs, or run fewer sessions at once.");
	expect_lacks(notice.body, "--mem");
}

TEST(a_kill_for_tasks_speaks_of_tasks)
{
	begin_kill(RECORD_WATCH_KILL, 202, "node", 1600 * MIB);
	subject.event.value = LIMIT_PIDS_MAX;
	make();
	expect_text(notice.title, "opencode: node was killed, too many tasks");
	expect_contains(notice.body, "the session's limit is 4352 tasks.");
	expect_contains(notice.body,
			"\nLargest now: opencode 16 tasks, node 10 tasks, rg 3 tasks.");
	expect_contains(notice.body, "--pids 8704");
}

TEST(who_was_asked_to_end_is_told_with_what_was_in_use)
{
	begin(NOTICE_TOOL_ENDED);
	subject.event.victim.pid = 202;
	subject.event.victim.bytes = 1900 * MIB;
	(void)snprintf(subject.event.victim.name, sizeof(subject.event.victim.name), "node");
	make();
	expect_text(notice.title, "opencode: node was asked to end, memory is nearly used up");
	expect_contains(notice.body,
			"It was node (pid 202) with 1.9 GiB; 3.3 GiB of 4.0 GiB in use");
	expect_contains(notice.body, "\nLargest: 2 x node 1.9 GiB");
	expect_contains(notice.body, "\nTo give it more, start with --mem 6G next time.");
	expect(notice.is_kill);
	begin(NOTICE_COMMAND_ENDED);
	make();
	expect_text(notice.title, "opencode was asked to end, memory is nearly used up");
	expect_contains(notice.body, "3.3 GiB of 4.0 GiB in use");
	expect(notice.is_kill);
}

TEST(an_escape_is_told_with_what_follows)
{
	begin(NOTICE_ESCAPE);
	subject.event.victim.pid = 203;
	(void)snprintf(subject.event.victim.name, sizeof(subject.event.victim.name), "chrome");
	make();
	expect_text(notice.title, "opencode has a process outside of its limits");
	expect_contains(notice.body, "chrome (pid 203) has left the session's cgroup and could not "
				     "be brought back.");
	expect_contains(notice.body, "\nIt is ended with the session");
}

/* A name as a process may choose it. */
static void begin_hostile(const char *name)
{
	begin_kill(RECORD_OOM_KILL, 202, name, MIB);
	make();
}

TEST(names_cannot_act_on_a_terminal_or_break_the_line)
{
	begin_hostile("a\033[2Jb\nc");
	expect_contains(notice.title, "a\\x1b[2Jb\\x0ac was killed");
	expect_lacks(notice.body, "\033");
}

TEST(a_name_is_no_markup)
{
	_cleanup_free_ char *body = NULL, *summary = NULL;

	begin_hostile("<b>&amp;\"x</b>");
	body = notice_text_markup(&notice);
	expect_contains(body, "&lt;b&gt;&amp;amp;\"x&lt;/b&gt;");
	expect_lacks(body, "<");
	expect_contains(body, "\nLargest now: ");
	summary = notice_text_summary(&notice);
	expect_contains(summary, "?b??amp;\"x?/b? was killed");
}

TEST(a_name_is_no_tmux_format)
{
	static const struct {
		const char *name, *escaped;
	} rows[] = {
		{ "#(touch /tmp/x)", "##(touch /tmp/x)" },
		{ "#{pid}", "##{pid}" },
		{ "##(a)", "####(a)" },
		{ "#[fg=red]", "##[fg=red]" },
		{ "%H%%", "%%H%%%%" },
		{ "#", "##" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;

		unit_row = rows[i].name;
		begin_hostile(rows[i].name);
		text = notice_text_tmux(&notice);
		expect_contains(text, rows[i].escaped);
		expect(strncmp(text, "oc-run: opencode: ", 18) == 0);
		expect_lacks(text, "\n");
		/* Every run of # and of % is even. */
		for (const char *at = text; *at;) {
			size_t length = strspn(at, "#");

			length = length ? length : strspn(at, "%");
			expect_uint(length % 2, 0);
			at += length ? length : 1;
		}
	}
}

TEST(no_text_ends_in_a_second_tmux_command)
{
	struct notice odd = { .title = (char *)"a", .body = (char *)"b;" };
	_cleanup_free_ char *text = notice_text_tmux(&odd);

	expect_text(text, "oc-run: a. b;.");
}

TEST(the_journal_gets_one_line)
{
	_cleanup_free_ char *line = NULL;

	begin(NOTICE_MEMORY);
	make();
	line = notice_text_line(&notice);
	expect_contains(line, "opencode is running short of memory. 3.3 GiB of 4.0 GiB in use");
	expect_lacks(line, "\n");
}

UNIT_MAIN("notice-text", short_memory_says_how_much_who_and_what_to_do,
	  advice_fits_what_can_be_done, swap_and_tasks_say_how_much_of_them,
	  a_standstill_is_told_with_its_evidence,
	  a_killed_tool_is_named_with_its_size_and_who_is_left,
	  a_kill_that_nobody_could_name_is_told_without_a_name,
	  the_killed_command_leaves_nothing_to_list, a_kill_from_above_is_not_blamed_on_the_limit,
	  who_was_asked_to_end_is_told_with_what_was_in_use, a_kill_for_tasks_speaks_of_tasks,
	  an_escape_is_told_with_what_follows, names_cannot_act_on_a_terminal_or_break_the_line,
	  a_name_is_no_markup, a_name_is_no_tmux_format, no_text_ends_in_a_second_tmux_command,
	  the_journal_gets_one_line)
