/* SPDX-License-Identifier: MIT */

/* What people, programs and the journal are told. Whole reports are compared, so that a change of
 * wording is seen by whoever makes it. */

#include <cjson/cJSON.h>
#include <stdio.h>

#include "record-fixture.h"
#include "src/report/journal-fields.h"
#include "src/report/message-ids.h"
#include "src/report/report-time.h"
#include "src/report/safe-text.h"
#include "unit.h"

static void expect_report(struct fixture *fixture, const char *expected)
{
	_cleanup_free_ char *text = report_text(&fixture->record);

	expect_text(text, expected);
}

static void set_peaks_to_limits(struct fixture *fixture)
{
	fixture->record.memory_peak_bytes = 4 * GIBIBYTE;
	fixture->record.swap_peak_bytes = GIBIBYTE;
}

TEST(a_clean_session_is_told_in_two_lines)
{
	struct fixture fixture;

	fixture_init(&fixture);
	expect_report(&fixture, "oc-run: opencode ended after 2 h 14 min, exit status 0\n"
				"  peak: 1.0 GiB of 4.0 GiB memory, 215 of 4352 tasks\n");
}

TEST(a_killed_tool_is_named_with_what_else_was_ended_and_what_to_do)
{
	static const char *const names[] = { "chrome", "node", "chrome", "git", "node", "chrome" };
	struct record_victim *victim;
	struct fixture fixture;

	fixture_init(&fixture);
	set_peaks_to_limits(&fixture);
	victim = fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", 3 * GIBIBYTE);
	(void)snprintf(victim->command, sizeof(victim->command), "node server.js");
	fixture_leftovers(&fixture, names, ARRAY_SIZE(names), 200 * MEBIBYTE);
	fixture.record.resume_command = strdup("cd ~/proj && oc-run -- opencode -s ses_22f9e3");
	expect_report(
		&fixture,
		"oc-run: memory limit reached (4.0 GiB) after 1 h 10 min; a tool was killed, "
		"opencode went on\n"
		"  killed: node (pid 4711, 3.0 GiB, `node server.js`), from the kernel's log\n"
		"  peak: 4.0 GiB of 4.0 GiB memory, 1.0 GiB of 1.0 GiB swap, 215 of 4352 tasks\n"
		"  also ended: 3 chrome, 2 node, 1 git (1.2 GiB), still alive when opencode had "
		"ended\n"
		"  next: give it more with `oc-run --mem 6G -- opencode`\n"
		"  next: go on with `cd ~/proj && oc-run -- opencode -s ses_22f9e3`\n");
	session_record_finish(&fixture.record);
}

TEST(a_killed_command_is_told_first)
{
	struct fixture fixture;

	fixture_init(&fixture);
	set_peaks_to_limits(&fixture);
	fixture.command[1] = (char *)"--verbose";
	fixture_kill(&fixture, RECORD_OOM_KILL, 100, "opencode", 3584 * MEBIBYTE)->source =
		VICTIM_SAMPLE;
	fixture.record.wait_status = SIGKILL;
	fixture.record.terminal_was_reset = true;
	expect_report(
		&fixture,
		"oc-run: memory limit reached (4.0 GiB) after 1 h 10 min; opencode was killed\n"
		"  killed: opencode (pid 100, 3.5 GiB), as last seen by oc-run\n"
		"  peak: 4.0 GiB of 4.0 GiB memory, 1.0 GiB of 1.0 GiB swap, 215 of 4352 tasks\n"
		"  the terminal was put back as it was before\n"
		"  next: give it more with `oc-run --mem 6G -- opencode ...`\n");
}

TEST(kills_are_grouped_and_the_rest_is_counted)
{
	static const char *const others[] = { "ruby", "go", "cc1", "ld", "as" };
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;
	size_t lines = 0;

	fixture_init(&fixture);
	for (int i = 0; i < 5; i++)
		(void)fixture_kill(&fixture, RECORD_OOM_KILL, 500 + i, "node",
				   (uint64_t)(i + 1) * GIBIBYTE);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		(void)fixture_kill(&fixture, RECORD_OOM_KILL, (pid_t)(600 + i), others[i],
				   (100 - i) * MEBIBYTE);
	fixture.record.counters.memory.oom_kill += 2;

	text = report_text(&fixture.record);
	expect_contains(text, "; 12 tools were killed, opencode went on\n");
	expect_contains(text, "  killed: 5 x node (15.0 GiB together, the largest pid 504 with "
			      "5.0 GiB), from the kernel's log\n"
			      "  killed: ruby (pid 600, 100 MiB), from the kernel's log\n");
	expect_contains(text, "  killed: 2 smaller ones\n  killed: 2 more that left no name");
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	expect(lines <= 12);
}

TEST(a_tool_that_takes_the_command_along_is_not_said_to_be_survived)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	fixture.record.wait_status = 137 << 8;
	fixture.record.agent_ended_usec = 70 * MINUTE + USEC_PER_SEC;
	text = report_text(&fixture.record);
	expect_contains(text, "a tool was killed, opencode ended right after it with exit status "
			      "137\n");
}

TEST(a_shortage_of_the_whole_machine_is_not_blamed_on_the_limit)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	fixture.record.counters.memory.oom = 0;
	text = report_text(&fixture.record);
	expect_contains(text, "oc-run: the machine, or all sessions together, ran out of memory");
	expect_lacks(text, "--mem 6G");
	expect_contains(text, "more for this one does not help\n");
}

TEST(kills_by_watching_are_said_to_be_oc_runs)
{
	struct fixture fixture;

	fixture_init(&fixture);
	set_peaks_to_limits(&fixture);
	fixture.record.swap_peak_bytes = 0;
	fixture.record.backend = BACKEND_NONE;
	fixture.record.enforced = 0;
	fixture.record.peak_is_sampled = true;
	fixture.plan.limits[LIMIT_MEMORY_MAX].enforcer = ENFORCER_WATCH;
	fixture.plan.limits[LIMIT_PIDS_MAX].enforcer = ENFORCER_WATCH;
	fixture_limit(&fixture, LIMIT_MEMORY_SWAP_MAX, LIMIT_UNLIMITED);
	(void)fixture_kill(&fixture, RECORD_WATCH_KILL, 4711, "node", 3 * GIBIBYTE);
	expect_report(
		&fixture,
		"oc-run: memory limit reached (4.0 GiB) after 1 h 10 min; a tool was killed, "
		"opencode went on\n"
		"  killed: node (pid 4711, 3.0 GiB), by oc-run\n"
		"  peak: 4.0 GiB of 4.0 GiB memory, 215 of 4352 tasks (largest sample; bursts "
		"may have been higher)\n"
		"  held by watching, not by the kernel: --mem 4.0 GiB, --pids 4352 tasks\n"
		"  next: give it more with `oc-run --mem 6G -- opencode`\n");
}

TEST(tasks_over_the_limit_by_watching_are_not_called_memory)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, 64);
	fixture.plan.limits[LIMIT_PIDS_MAX].enforcer = ENFORCER_WATCH;
	(void)fixture_kill(&fixture, RECORD_WATCH_KILL, 4711, "node", 0);
	fixture.record.events[0].value = LIMIT_PIDS_MAX;
	text = report_text(&fixture.record);
	expect_contains(text, "oc-run: task limit reached (64 tasks) after 1 h 10 min; a tool");
	expect_contains(text, "`oc-run --pids 128 -- opencode`");
	expect_lacks(text, "--mem 6G");
}

TEST(a_death_by_signal_says_what_is_known)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.wait_status = SIGKILL;
	expect_report(&fixture,
		      "oc-run: opencode was killed by signal 9 (SIGKILL) after 2 h 14 min; no "
		      "out-of-memory kill was recorded in its cgroup\n"
		      "  peak: 1.0 GiB of 4.0 GiB memory, 215 of 4352 tasks\n"
		      "  next: if nobody sent it by hand, `journalctl -b` may name a memory killer "
		      "(systemd-oomd, earlyoom)\n");

	fixture.record.enforced = 0;
	fixture.plan.limits[LIMIT_MEMORY_MAX].enforcer = ENFORCER_WATCH;
	{
		_cleanup_free_ char *text = report_text(&fixture.record);

		expect_lacks(text, "no out-of-memory kill was recorded");
		expect_contains(text, "it had no memory controller");
	}
	fixture.record.wait_status = SIGSEGV;
	{
		_cleanup_free_ char *text = report_text(&fixture.record);

		expect_contains(text, "killed by signal 11 (SIGSEGV) after 2 h 14 min\n");
		expect_lacks(text, "journalctl");
	}
}

TEST(denied_forks_name_limit_and_option)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, 64);
	fixture.record.tasks_peak = 64;
	fixture.record.counters.pids.max = 12;
	expect_report(
		&fixture,
		"oc-run: fork denied 12 times at the limit of 64 tasks (--pids) in 2 h 14 min; "
		"some programs may have failed\n"
		"  peak: 1.0 GiB of 4.0 GiB memory, 64 of 64 tasks\n"
		"  next: give it more with `oc-run --pids 128 -- opencode`\n");
}

TEST(denied_forks_and_kills_share_one_piece_of_advice)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, 64);
	fixture.record.counters.pids.max = 1;
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	text = report_text(&fixture.record);
	expect_contains(text, "  also: fork denied once at the limit of 64 tasks (--pids)\n");
	expect_contains(text, "`oc-run --mem 6G --pids 128 -- opencode`");
}

TEST(options_given_before_are_given_again)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_limit(&fixture, LIMIT_CPU_MAX, 1500);
	fixture.plan.limits[LIMIT_CPU_MAX].asked = true;
	fixture.plan.limits[LIMIT_CPU_MAX].where = (char *)"--cpus";
	fixture.plan.limits[LIMIT_PIDS_MAX].asked = true;
	fixture.plan.limits[LIMIT_PIDS_MAX].where = (char *)"/etc/oc-run.conf:3";
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	text = report_text(&fixture.record);
	expect_contains(text, "`oc-run --mem 6G --cpus 1.5 -- opencode`");
}

TEST(the_command_is_given_as_it_was_typed)
{
	static const char *const rows[][2] = {
		{ "./build.sh", "`oc-run --mem 6G -- ./build.sh`" },
		{ "/opt/my tools/build", "`oc-run --mem 6G -- '/opt/my tools/build'`" },
		{ "a;b", "`oc-run --mem 6G -- 'a;b'`" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct fixture fixture;

		unit_row = rows[i][0];
		fixture_init(&fixture);
		fixture.command[0] = (char *)rows[i][0];
		(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
		text = report_text(&fixture.record);
		expect_contains(text, rows[i][1]);
	}
}

TEST(shortage_and_a_lifted_line_are_told_with_their_figures)
{
	struct fixture fixture;
	struct record_event *event;

	fixture_init(&fixture);
	fixture.record.unreclaimable_peak_bytes = 700 * MEBIBYTE;
	expect(!report_is_needed(&fixture.record));
	(void)fixture_event(&fixture, RECORD_PRESSURE, 3 * MINUTE, 0);
	(void)fixture_event(&fixture, RECORD_PRESSURE_OVER, 4 * MINUTE, 0);
	(void)fixture_event(&fixture, RECORD_PRESSURE, 133 * MINUTE, 0);
	expect(!report_is_needed(&fixture.record));
	event = fixture_event(&fixture, RECORD_LIVELOCK, 5 * MINUTE, 17);
	(void)snprintf(event->detail, sizeof(event->detail), "10 s at 301 MiB, nobody killed");
	expect(report_is_needed(&fixture.record));
	expect_report(&fixture,
		      "oc-run: opencode ended after 2 h 14 min, exit status 0\n"
		      "  peak: 1.0 GiB of 4.0 GiB memory (at most 700 MiB without page cache), "
		      "215 of 4352 tasks\n"
		      "  memory was short for 2 min 0 s, first after 3 min 0 s\n"
		      "  memory.high was lifted after 10 s at 301 MiB, nobody killed\n");
}

static struct record_event *end_tool(struct fixture *fixture, int signal_number)
{
	struct record_event *event =
		fixture_event(fixture, RECORD_TOOL_ENDED, 70 * MINUTE, (uint64_t)signal_number);

	event->victim.pid = 4711;
	event->victim.bytes = 3 * GIBIBYTE;
	event->victim.source = VICTIM_OWN;
	(void)snprintf(event->victim.name, sizeof(event->victim.name), "node");
	(void)snprintf(event->victim.command, sizeof(event->victim.command), "node leak.js");
	return event;
}

TEST(a_tool_that_was_asked_to_end_is_named_with_what_to_do)
{
	struct fixture fixture;

	fixture_init(&fixture);
	(void)end_tool(&fixture, SIGTERM);
	(void)end_tool(&fixture, SIGKILL);
	expect_int(outcome_classify(&fixture.record), OUTCOME_TOOL_ENDED);
	expect(report_is_needed(&fixture.record));
	expect_report(
		&fixture,
		"oc-run: memory was about to be used up (4.0 GiB) after 1 h 10 min; a tool was "
		"asked to end, opencode went on\n"
		"  peak: 1.0 GiB of 4.0 GiB memory, 215 of 4352 tasks\n"
		"  asked to end: node (pid 4711, 3.0 GiB, `node leak.js`), by oc-run\n"
		"  and killed: node (pid 4711, 3.0 GiB, `node leak.js`), by oc-run\n"
		"  next: give it more with `oc-run --mem 6G -- opencode`\n");
}

TEST(a_kill_or_a_stop_for_memory_is_told_before_tools_that_were_asked)
{
	struct fixture fixture;

	fixture_init(&fixture);
	(void)end_tool(&fixture, SIGTERM);
	fixture.record.stop_reason = STOP_MEMORY;
	expect_int(outcome_classify(&fixture.record), OUTCOME_STOPPED);
	expect(report_is_needed(&fixture.record));
	fixture.record.stop_reason = STOP_SIGNAL;
	expect_int(outcome_classify(&fixture.record), OUTCOME_TOOL_ENDED);
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	expect_int(outcome_classify(&fixture.record), OUTCOME_TOOL_KILLED);
}

TEST(one_asked_because_of_all_sessions_is_told_so_and_more_for_it_is_no_advice)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	end_tool(&fixture, SIGTERM)->from_above = true;
	text = report_text(&fixture.record);
	expect_contains(text,
			"oc-run: all sessions together were about to use up their memory after");
	expect_contains(text, "a tool was asked to end, opencode went on");
	expect_contains(text, "next: close other programs, run fewer sessions at once");
	expect_lacks(text, "give it more");
}

TEST(a_tool_that_was_asked_to_end_has_a_signal_in_json)
{
	_cleanup_free_ char *text = NULL, *report = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	text = report_json_event(&fixture.record, end_tool(&fixture, SIGTERM));
	expect_contains(text, "\"event\":\"tool-ended\"");
	expect_contains(text, "\"signal\":15,\"signal_name\":\"SIGTERM\"");
	expect_contains(text, "\"pid\":4711");
	report = report_json(&fixture.record);
	expect_contains(report, "\"outcome\":\t\"tool-ended\"");
	expect_contains(report, "\"tools_ended\":\t1");
}

TEST(page_cache_is_told_apart_only_where_there_was_any)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.unreclaimable_peak_bytes = 950 * MEBIBYTE;
	text = report_text(&fixture.record);
	expect_lacks(text, "page cache");
}

TEST(events_about_memory_have_their_figures_in_json)
{
	_cleanup_free_ char *text = NULL, *without = NULL;
	struct record_event *event;
	struct fixture fixture;

	fixture_init(&fixture);
	event = fixture_event(&fixture, RECORD_LIVELOCK, 5 * MINUTE, 17);
	event->memory_bytes = 301;
	event->unreclaimable_bytes = 300;
	event->evidence = (struct pressure_evidence){ .over_usec = 10 * USEC_PER_SEC,
						      .high_bytes = 299,
						      .current_bytes = 302,
						      .grown_bytes = 2,
						      .high_events = 170,
						      .stall_is_known = true,
						      .stalled_percent = 98 };
	text = report_json_event(&fixture.record, event);
	expect_contains(text, "\"memory\":{\"used_bytes\":301,\"unreclaimable_bytes\":300}");
	expect_contains(text,
			"\"evidence\":{\"seconds\":10.000,\"high_bytes\":299,\"used_bytes\":302,"
			"\"grown_bytes\":2,\"high_events\":170,\"stalled_percent\":98}");
	event->evidence.stall_is_known = false;
	without = report_json_event(&fixture.record, event);
	expect_contains(without, "\"stalled_percent\":null");
}

TEST(leftovers_are_the_headline_when_nothing_else_happened)
{
	static const char *const names[] = { "node", "git" };
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_leftovers(&fixture, names, 2, 0);
	fixture.record.wait_status = 3 << 8;
	expect_report(
		&fixture,
		"oc-run: opencode ended after 2 h 14 min, exit status 3; 2 processes were still "
		"alive and were ended\n"
		"  peak: 1.0 GiB of 4.0 GiB memory, 215 of 4352 tasks\n"
		"  ended: 1 git, 1 node\n");
	session_record_finish(&fixture.record);
}

TEST(leftovers_are_sorted_by_size_and_cut)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "h" };
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_leftovers(&fixture, names, ARRAY_SIZE(names), MEBIBYTE);
	fixture.record.leftovers[4].bytes = 9 * MEBIBYTE;
	text = report_text(&fixture.record);
	expect_contains(text, "  ended: 1 e, 2 h, 1 a, 1 b, 1 c, 1 d, 2 others (17 MiB)\n");
	session_record_finish(&fixture.record);
}

TEST(escapes_say_what_became_of_them)
{
	static const struct {
		const char *name;
		size_t recaptured;
		const char *line;
	} rows[] = {
		{ "all", 2, "  left the cgroup: 2 chrome; brought back\n" },
		{ "one", 1,
		  "  left the cgroup: 2 chrome; 1 brought back, the rest ended with the "
		  "session\n" },
		{ "none", 0, "  left the cgroup: 2 chrome; ended with the session\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct fixture fixture;

		unit_row = rows[i].name;
		fixture_init(&fixture);
		for (int n = 0; n < 2; n++) {
			struct record_event *event = fixture_event(&fixture, RECORD_ESCAPE, 1, 0);

			event->victim.pid = 700 + n;
			(void)snprintf(event->victim.name, sizeof(event->victim.name), "chrome");
		}
		fixture.record.recaptured = rows[i].recaptured;
		text = report_text(&fixture.record);
		expect_contains(text, rows[i].line);
	}
}

TEST(one_that_stays_outside_has_left_once)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	for (int n = 0; n < 20; n++) {
		struct record_event *event = fixture_event(&fixture, RECORD_ESCAPE, 1, 3);

		event->victim.pid = 700 + n / 10;
		(void)snprintf(event->victim.name, sizeof(event->victim.name), "chrome");
	}
	text = report_text(&fixture.record);
	expect_contains(text,
			"  left the cgroup: 2 chrome and 1 process; ended with the session\n");
}

TEST(what_could_not_be_ended_is_said)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.unkillable = strdup("git (pid 12, state D)");
	text = report_text(&fixture.record);
	expect_contains(text, "  could not be ended: git (pid 12, state D)\n");
	expect_contains(text, "once its disk or network share answers\n");
	session_record_finish(&fixture.record);
}

TEST(a_limit_that_nobody_held_is_said_and_not_shown_as_one)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.plan.limits[LIMIT_MEMORY_MAX].enforcer = ENFORCER_NONE;
	fixture.plan.limits[LIMIT_MEMORY_MAX].asked = true;
	text = report_text(&fixture.record);
	expect_contains(text, "  not held: --mem 4.0 GiB, nobody could here\n");
	expect_contains(text, "  peak: 1.0 GiB memory, 215 of 4352 tasks\n");
}

static const struct {
	const char *name;
	enum stop_reason reason;
	int signal_number;
	const char *headline;
} stop_rows[] = {
	{ "signal", STOP_SIGNAL, SIGTERM,
	  "told to stop by SIGTERM; opencode ended after 2 h 14 min" },
	{ "hangup", STOP_HANGUP, SIGHUP,
	  "the terminal was closed; opencode ended after 2 h 14 min" },
	{ "systemd", STOP_SYSTEMD, 0,
	  "systemd stopped the session; opencode ended after 2 h 14 min" },
	{ "memory", STOP_MEMORY, SIGTERM,
	  "memory was about to be used up; opencode ended after 2 h 14 min" },
	{ "slice", STOP_SLICE, SIGTERM,
	  "all sessions together were about to use up their memory; opencode ended after 2 h 14 min" },
};

TEST(a_stop_names_who_asked)
{
	for (size_t i = 0; i < ARRAY_SIZE(stop_rows); i++) {
		_cleanup_free_ char *headline = NULL;
		struct fixture fixture;

		unit_row = stop_rows[i].name;
		fixture_init(&fixture);
		fixture.record.stop_reason = stop_rows[i].reason;
		fixture.record.stop_signal = stop_rows[i].signal_number;
		headline = report_headline(&fixture.record);
		expect_text(headline, stop_rows[i].headline);
	}
}

static const struct {
	const char *name;
	enum limit_id id;
	uint64_t value, ram_bytes, raised;
} raise_rows[] = {
	{ "half as much again", LIMIT_MEMORY_MAX, 4 * GIBIBYTE, 16 * GIBIBYTE, 6 * GIBIBYTE },
	{ "to a whole number", LIMIT_MEMORY_MAX, 5 * GIBIBYTE, 64 * GIBIBYTE, 8 * GIBIBYTE },
	{ "small ones in small steps", LIMIT_MEMORY_MAX, 300 * MEBIBYTE, 8 * GIBIBYTE,
	  512 * MEBIBYTE },
	{ "an odd one", LIMIT_MEMORY_MAX, 1536 * MEBIBYTE, 16 * GIBIBYTE, 3 * GIBIBYTE },
	{ "not above nine tenths of RAM", LIMIT_MEMORY_MAX, 6 * GIBIBYTE, 8 * GIBIBYTE,
	  7 * GIBIBYTE },
	{ "on a small machine", LIMIT_MEMORY_MAX, 1536 * MEBIBYTE, 2 * GIBIBYTE, 1792 * MEBIBYTE },
	{ "no more to give", LIMIT_MEMORY_MAX, 7 * GIBIBYTE, 8 * GIBIBYTE, 0 },
	{ "above RAM already", LIMIT_MEMORY_MAX, 32 * GIBIBYTE, 8 * GIBIBYTE, 0 },
	{ "RAM is not known", LIMIT_MEMORY_MAX, 8 * GIBIBYTE, 0, 12 * GIBIBYTE },
	{ "no limit", LIMIT_MEMORY_MAX, LIMIT_UNLIMITED, 8 * GIBIBYTE, 0 },
	{ "absurdly much", LIMIT_MEMORY_MAX, LIMIT_UNLIMITED - 1, 8 * GIBIBYTE, 0 },
	{ "twice the tasks", LIMIT_PIDS_MAX, 64, 0, 128 },
	{ "very few tasks", LIMIT_PIDS_MAX, 1, 0, 32 },
	{ "as many as the kernel has", LIMIT_PIDS_MAX, 4194304, 0, 0 },
	{ "no limit of tasks", LIMIT_PIDS_MAX, LIMIT_UNLIMITED, 0, 0 },
};

TEST(limits_are_raised_to_what_a_person_would_choose)
{
	for (size_t i = 0; i < ARRAY_SIZE(raise_rows); i++) {
		struct fixture fixture;

		unit_row = raise_rows[i].name;
		fixture_init(&fixture);
		fixture_limit(&fixture, raise_rows[i].id, raise_rows[i].value);
		fixture.record.ram_bytes = raise_rows[i].ram_bytes;
		expect_uint(report_raised_limit(&fixture.record, raise_rows[i].id),
			    raise_rows[i].raised);
	}
}

TEST(a_machine_without_more_memory_is_said_to_be_one)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.ram_bytes = 4 * GIBIBYTE;
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	text = report_text(&fixture.record);
	expect_contains(text,
			"  next: this machine has no more to give (4.0 GiB); let it run fewer "
			"things at once\n");
}

static const struct {
	uint64_t usec;
	const char *text;
} duration_rows[] = {
	{ 0, "0.0 s" },
	{ 450000, "0.4 s" },
	{ 12 * USEC_PER_SEC, "12 s" },
	{ 200 * USEC_PER_SEC, "3 min 20 s" },
	{ 59 * MINUTE, "59 min" },
	{ 134 * MINUTE, "2 h 14 min" },
	{ 47 * 60 * MINUTE, "47 h 0 min" },
	{ 76 * 60 * MINUTE, "3 days 4 h" },
};

TEST(durations_are_in_peoples_units)
{
	for (size_t i = 0; i < ARRAY_SIZE(duration_rows); i++) {
		_cleanup_free_ char *headline = NULL;
		char expected[80];
		struct fixture fixture;

		unit_row = duration_rows[i].text;
		fixture_init(&fixture);
		fixture.record.duration_usec = duration_rows[i].usec;
		headline = report_headline(&fixture.record);
		(void)snprintf(expected, sizeof(expected), "opencode ended after %s, exit status 0",
			       duration_rows[i].text);
		expect_text(headline, expected);
	}
}

static const struct {
	const char *name, *text;
	size_t columns;
	const char *shown;
} safe_rows[] = {
	{ "plain", "node server.js", 60, "node server.js" },
	{ "escape sequence", "a\033]0;owned\007b", 60, "a\\x1b]0;owned\\x07b" },
	{ "newline, tab, DEL", "a\nb\tc\x7f", 60, "a\\x0ab\\x09c\\x7f" },
	{ "C1 as a byte",
	  "a\x9b"
	  "31m",
	  60, "a\\x9b31m" },
	{ "C1 as a character",
	  "a\xc2\x9b"
	  "31m",
	  60, "a\\xc2\\x9b31m" },
	{ "letters of other languages", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac", 60,
	  "\xc3\xa9t\xc3\xa9 \xe2\x82\xac" },
	{ "reading direction turned",
	  "a\xe2\x80\xae"
	  "b",
	  60, "a\\xe2\\x80\\xaeb" },
	{ "not the shortest form", "\xc0\xaf", 60, "\\xc0\\xaf" },
	{ "surrogate", "\xed\xa0\x80", 60, "\\xed\\xa0\\x80" },
	{ "beyond Unicode", "\xf4\x90\x80\x80", 60, "\\xf4\\x90\\x80\\x80" },
	{ "cut short by the end", "a\xe2\x82", 60, "a\\xe2\\x82" },
	{ "just fits", "12345678", 8, "12345678" },
	{ "one too many", "123456789", 8, "12345..." },
	{ "an escape is cut as a whole", "1234\033\033\033", 8, "1234..." },
	{ "a character is cut as a whole",
	  "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 4, "\xe2\x82\xac..." },
	{ "empty", "", 8, "" },
};

TEST(nothing_shown_can_act_on_a_terminal)
{
	for (size_t i = 0; i < ARRAY_SIZE(safe_rows); i++) {
		_cleanup_free_ char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		unit_row = safe_rows[i].name;
		safe_text_print(out, safe_rows[i].text, safe_rows[i].columns);
		(void)fclose(out);
		expect_text(text, safe_rows[i].shown);
	}
}

/* A record whose every text holds what does harm. */
static void fill_with_harm(struct fixture *fixture)
{
	static const char *const names[] = { "le\033[2Jft\nover\xff" };
	struct record_victim *victim;

	fixture->command[0] = (char *)"/bin/op\033[31men\xff";
	fixture->command[1] = (char *)"--secret=\033\"\\\xff\n";
	fixture->plan.name = (char *)"na\033me\xfe";
	victim = fixture_kill(fixture, RECORD_OOM_KILL, 4711, "no\033[1Ade\n", GIBIBYTE);
	(void)snprintf(victim->command, sizeof(victim->command),
		       "node\r\n--tok\x9b"
		       "en\xc3");
	fixture_event(fixture, RECORD_ESCAPE, 1, 0)->victim = *victim;
	fixture_leftovers(fixture, names, 1, 1);
	fixture->record.unkillable = strdup("gi\033t (pid 12, state D)\n");
	fixture->record.resume_command = strdup("cd '/a\033b' && x");
	fixture->record.cgroup_path = strdup("/user.slice/\xff");
	fixture->record.memory_peak_bytes = UINT64_C(9007199254740993);
}

TEST(a_hostile_record_gives_a_harmless_report)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	fill_with_harm(&fixture);
	text = report_text(&fixture.record);
	expect(text);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		expect((*at >= 0x20 && *at < 0x7f) || *at == '\n');
	for (const char *line = text; line && *line; line = strchr(line, '\n') + 1)
		expect(line == text || strncmp(line, "  ", 2) == 0);
	session_record_finish(&fixture.record);
}

static const char *json_text(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(item != NULL, "the report has no \"%s\"", name);
	return cJSON_GetStringValue(item);
}

static uint64_t json_number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(cJSON_IsNumber(item), "the report has no number \"%s\"", name);
	return (uint64_t)item->valuedouble;
}

static cJSON *json_get(const cJSON *object, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	ck_assert_msg(item != NULL, "the report has no \"%s\"", name);
	return item;
}

TEST(a_hostile_record_gives_valid_json)
{
	_cleanup_free_ char *text = NULL;
	struct fixture fixture;
	cJSON *report;

	fixture_init(&fixture);
	fill_with_harm(&fixture);
	text = report_json(&fixture.record);
	expect(text);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		expect(*at >= 0x20 || *at == '\n' || *at == '\t');
	expect(!strchr(text, '\xff') && !strchr(text, '\xfe') && !strchr(text, '\x9b'));
	report = cJSON_Parse(text);
	expect(report);
	expect_text(json_text(report, "name"), "na\033me\xef\xbf\xbd");
	expect_text(
		cJSON_GetArrayItem(json_get(json_get(report, "command"), "argv"), 1)->valuestring,
		"--secret=\033\"\\\xef\xbf\xbd\n");
	/* Beyond what a double holds: exact in the text. */
	expect_contains(text, "9007199254740993");
	cJSON_Delete(report);
	session_record_finish(&fixture.record);
}

TEST(the_json_report_has_what_the_manual_page_says)
{
	_cleanup_free_ char *text = NULL;
	cJSON *report, *item;
	struct fixture fixture;

	fixture_init(&fixture);
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", 3 * GIBIBYTE + 4096);
	fixture.record.duration_usec = 8040123456;
	fixture.record.wait_status = SIGKILL;
	fixture.record.stop_reason = STOP_SIGNAL;
	fixture.record.stop_signal = SIGTERM;
	text = report_json(&fixture.record);
	report = cJSON_Parse(text);
	expect(report);

	expect_text(json_text(report, "schema"), "oc-run.report.v1");
	expect_text(json_text(report, "session"), "0123456789abcdef");
	expect_text(json_text(json_get(report, "command"), "name"), "opencode");
	expect_text(json_text(report, "backend"), "systemd");
	expect_text(json_text(report, "unit"), "oc-0123456789abcdef.scope");
	expect_text(json_text(report, "cgroup"), NULL);
	expect_text(json_text(report, "started"), "2026-03-01T12:30:05.250Z");
	expect_contains(text, "\"duration_seconds\":\t8040.123,");
	expect_text(json_text(report, "outcome"), "tool-killed");
	expect_uint(json_number(json_get(report, "exit"), "status"), 137);
	expect_uint(json_number(json_get(report, "exit"), "signal"), 9);
	expect_text(json_text(json_get(report, "stop"), "signal_name"), "SIGTERM");
	expect_uint(json_number(json_get(report, "kills"), "count"), 1);

	expect_int(cJSON_GetArraySize(json_get(report, "limits")), LIMIT_COUNT);
	item = cJSON_GetArrayItem(json_get(report, "limits"), LIMIT_MEMORY_MAX);
	expect_text(json_text(item, "name"), "mem");
	expect_uint(json_number(item, "value"), 4 * GIBIBYTE);
	expect_text(json_text(item, "enforced_by"), "kernel");
	expect_text(json_text(item, "where"), "default: a quarter of RAM");
	item = cJSON_GetArrayItem(json_get(report, "limits"), LIMIT_CPU_MAX);
	expect(cJSON_IsNull(json_get(item, "value")));
	expect_text(json_text(item, "enforced_by"), "nobody");

	item = cJSON_GetArrayItem(json_get(report, "victims"), 0);
	expect_uint(json_number(item, "bytes"), 3 * GIBIBYTE + 4096);
	expect_text(json_text(item, "source"), "kernel-log");
	expect_text(json_text(item, "killed_by"), "kernel");
	item = cJSON_GetArrayItem(json_get(report, "events"), 0);
	expect_text(json_text(item, "event"), "oom-kill");
	expect_uint(json_number(json_get(item, "victim"), "pid"), 4711);
	item = cJSON_GetArrayItem(json_get(report, "raise"), 0);
	expect_text(json_text(item, "limit"), "mem");
	expect_uint(json_number(item, "to"), 6 * GIBIBYTE);
	expect(cJSON_IsNull(json_get(report, "unkillable")));
	cJSON_Delete(report);
}

TEST(status_lines_are_one_line_each)
{
	struct fixture fixture;
	char *lines[3];
	static const char *const events[] = { "started", "oom-kill", "ended" };

	fixture_init(&fixture);
	fill_with_harm(&fixture);
	lines[0] = report_json_started(&fixture.record);
	lines[1] = report_json_event(&fixture.record, &fixture.record.events[0]);
	lines[2] = report_json_ended(&fixture.record);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		cJSON *object = cJSON_Parse(lines[i]);

		unit_row = events[i];
		expect(object);
		expect(!strchr(lines[i], '\n'));
		expect_text(json_text(object, "event"), events[i]);
		expect_text(json_text(object, "session"), "0123456789abcdef");
		if (i == 2)
			expect_text(json_text(json_get(object, "report"), "schema"),
				    "oc-run.report.v1");
		cJSON_Delete(object);
		free(lines[i]);
	}
	session_record_finish(&fixture.record);
}

static bool has_field(const struct journal_fields *fields, const char *text)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (strcmp(fields->texts[i], text) == 0)
			return true;
	}
	return false;
}

TEST(the_journal_gets_facts_and_no_arguments)
{
	struct journal_fields fields[3];
	struct fixture fixture;

	fixture_init(&fixture);
	fill_with_harm(&fixture);
	journal_fields_started(&fixture.record, &fields[0]);
	journal_fields_event(&fixture.record, &fixture.record.events[0], &fields[1]);
	journal_fields_ended(&fixture.record, &fields[2]);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		expect(!fields[i].failed);
		expect(has_field(&fields[i], "SYSLOG_IDENTIFIER=oc-run"));
		expect(has_field(&fields[i], "OC_RUN_SESSION=0123456789abcdef"));
		expect(has_field(&fields[i], "OC_RUN_LIMIT_MEM=4294967296"));
		for (size_t n = 0; n < fields[i].count; n++) {
			expect(!strstr(fields[i].texts[n], "secret"));
			expect(!strstr(fields[i].texts[n], "--tok"));
			expect(!strchr(fields[i].texts[n], '\033'));
			expect(!strchr(fields[i].texts[n], '\n'));
		}
	}
	expect(has_field(&fields[0], "MESSAGE_ID=" MESSAGE_ID_STARTED));
	expect(has_field(&fields[1], "MESSAGE_ID=" MESSAGE_ID_OOM_KILL));
	expect(has_field(&fields[1], "OC_RUN_VICTIM_PID=4711"));
	expect(has_field(&fields[2], "MESSAGE_ID=" MESSAGE_ID_ENDED));
	expect(has_field(&fields[2], "OC_RUN_OUTCOME=tool-killed"));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		journal_fields_finish(&fields[i]);
	session_record_finish(&fixture.record);
}

TEST(every_kind_of_event_can_go_to_the_journal_and_into_json)
{
	for (int kind = 0; kind < RECORD_EVENT_KIND_COUNT; kind++) {
		_cleanup_free_ char *line = NULL;
		struct journal_fields fields;
		struct record_event *event;
		struct fixture fixture;

		fixture_init(&fixture);
		event = fixture_event(&fixture, (enum record_event_kind)kind, 1, SIGTERM);
		unit_row = record_event_kind_name(event->kind);
		journal_fields_event(&fixture.record, event, &fields);
		expect(!fields.failed);
		journal_fields_finish(&fields);
		line = report_json_event(&fixture.record, event);
		expect_contains(line, unit_row);
	}
}

static const struct {
	uint64_t seconds;
	const char *text;
} time_rows[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },	    { 951782399, "2000-02-28T23:59:59.000Z" },
	{ 951782400, "2000-02-29T00:00:00.000Z" },  { 951868800, "2000-03-01T00:00:00.000Z" },
	{ 1767225599, "2025-12-31T23:59:59.000Z" }, { 4107542400, "2100-03-01T00:00:00.000Z" },
};

TEST(times_are_rfc_3339_in_utc)
{
	for (size_t i = 0; i < ARRAY_SIZE(time_rows); i++) {
		char text[REPORT_TIME_MAX];

		unit_row = time_rows[i].text;
		report_time_format(time_rows[i].seconds * USEC_PER_SEC, text);
		expect_text(text, time_rows[i].text);
	}
}

TEST(a_notice_goes_to_the_journal_in_one_line)
{
	const struct notice notice = {
		.title = (char *)"opencode: node was killed for memory",
		.body = (char *)"It was node.\nTo give it more, start with --mem 6G next time.",
		.is_kill = true,
	};
	struct journal_fields fields;
	struct fixture fixture;

	fixture_init(&fixture);
	journal_fields_notice(&fixture.record, NOTICE_KILL, &notice, &fields);
	expect(!fields.failed);
	expect(has_field(&fields, "OC_RUN_EVENT=notice"));
	expect(has_field(&fields, "OC_RUN_NOTICE=kill"));
	expect(has_field(&fields, "PRIORITY=4"));
	expect(has_field(&fields,
			 "MESSAGE=opencode: node was killed for memory. It was node. To give it "
			 "more, start with --mem 6G next time."));
	journal_fields_finish(&fields);
}

UNIT_MAIN("report", a_clean_session_is_told_in_two_lines,
	  a_killed_tool_is_named_with_what_else_was_ended_and_what_to_do,
	  a_killed_command_is_told_first, kills_are_grouped_and_the_rest_is_counted,
	  a_tool_that_takes_the_command_along_is_not_said_to_be_survived,
	  a_shortage_of_the_whole_machine_is_not_blamed_on_the_limit,
	  kills_by_watching_are_said_to_be_oc_runs,
	  tasks_over_the_limit_by_watching_are_not_called_memory,
	  a_death_by_signal_says_what_is_known, denied_forks_name_limit_and_option,
	  denied_forks_and_kills_share_one_piece_of_advice, options_given_before_are_given_again,
	  the_command_is_given_as_it_was_typed,
	  shortage_and_a_lifted_line_are_told_with_their_figures,
	  a_tool_that_was_asked_to_end_is_named_with_what_to_do,
	  a_kill_or_a_stop_for_memory_is_told_before_tools_that_were_asked,
	  one_asked_because_of_all_sessions_is_told_so_and_more_for_it_is_no_advice,
	  a_tool_that_was_asked_to_end_has_a_signal_in_json,
	  page_cache_is_told_apart_only_where_there_was_any,
	  events_about_memory_have_their_figures_in_json,
	  leftovers_are_the_headline_when_nothing_else_happened,
	  leftovers_are_sorted_by_size_and_cut, escapes_say_what_became_of_them,
	  one_that_stays_outside_has_left_once, what_could_not_be_ended_is_said,
	  a_limit_that_nobody_held_is_said_and_not_shown_as_one, a_stop_names_who_asked,
	  limits_are_raised_to_what_a_person_would_choose,
	  a_machine_without_more_memory_is_said_to_be_one, durations_are_in_peoples_units,
	  nothing_shown_can_act_on_a_terminal, a_hostile_record_gives_a_harmless_report,
	  a_hostile_record_gives_valid_json, the_json_report_has_what_the_manual_page_says,
	  status_lines_are_one_line_each, the_journal_gets_facts_and_no_arguments,
	  every_kind_of_event_can_go_to_the_journal_and_into_json, times_are_rfc_3339_in_utc,
	  a_notice_goes_to_the_journal_in_one_line)
