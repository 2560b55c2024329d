/* SPDX-License-Identifier: MIT */

/* How a session is judged: by what was counted and done, not by an exit status that looks like it.
 * Wait statuses are written as the kernel does: exit code << 8, or the signal. */

#include <stdio.h>

#include "record-fixture.h"
#include "unit.h"

#define EXITED(code) ((code) << 8)

enum kill_kind {
	NO_KILL,
	TOOL_BY_KERNEL,
	AGENT_BY_KERNEL,
	UNNAMED_BY_KERNEL,
	TOOL_BY_WATCHING,
	AGENT_BY_WATCHING,
};

static void add_kill(struct fixture *fixture, enum kill_kind kind)
{
	switch (kind) {
	case NO_KILL:
		break;
	case TOOL_BY_KERNEL:
		(void)fixture_kill(fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
		break;
	case AGENT_BY_KERNEL:
		(void)fixture_kill(fixture, RECORD_OOM_KILL, 100, "opencode", GIBIBYTE);
		break;
	case UNNAMED_BY_KERNEL:
		fixture->record.counters.memory.oom = 1;
		fixture->record.counters.memory.oom_kill = 1;
		break;
	case TOOL_BY_WATCHING:
		(void)fixture_kill(fixture, RECORD_WATCH_KILL, 4711, "node", GIBIBYTE);
		break;
	case AGENT_BY_WATCHING:
		fixture_kill(fixture, RECORD_WATCH_KILL, 555, "opencode", 1)->is_agent = true;
		break;
	}
}

static const struct {
	const char *name;
	enum kill_kind kill;
	int wait_status;
	enum stop_reason stop;
	uint64_t forks_denied;
	bool leftovers;
	enum outcome outcome;
	bool needed;
} rows[] = {
	{ "exit 0", NO_KILL, EXITED(0), STOP_NONE, 0, false, OUTCOME_CLEAN, false },
	{ "exit 1", NO_KILL, EXITED(1), STOP_NONE, 0, false, OUTCOME_CLEAN, false },
	{ "exit 137 alone proves nothing", NO_KILL, EXITED(137), STOP_NONE, 0, false, OUTCOME_CLEAN,
	  false },
	{ "a tool was killed", TOOL_BY_KERNEL, EXITED(0), STOP_NONE, 0, false, OUTCOME_TOOL_KILLED,
	  true },
	{ "a tool was killed, nobody knows which", UNNAMED_BY_KERNEL, EXITED(0), STOP_NONE, 0,
	  false, OUTCOME_TOOL_KILLED, true },
	{ "the command was killed, by its pid", AGENT_BY_KERNEL, SIGKILL, STOP_NONE, 0, false,
	  OUTCOME_AGENT_KILLED, true },
	{ "an unnamed kill and a dead command are one", UNNAMED_BY_KERNEL, SIGKILL, STOP_NONE, 0,
	  false, OUTCOME_AGENT_KILLED, true },
	{ "an unnamed kill is not the command that was ended on request", UNNAMED_BY_KERNEL,
	  SIGKILL, STOP_SIGNAL, 0, false, OUTCOME_TOOL_KILLED, true },
	{ "a named tool and a dead command are two", TOOL_BY_KERNEL, SIGKILL, STOP_NONE, 0, false,
	  OUTCOME_TOOL_KILLED, true },
	{ "a tool killed by watching", TOOL_BY_WATCHING, EXITED(0), STOP_NONE, 0, false,
	  OUTCOME_TOOL_KILLED, true },
	{ "the command killed by watching", AGENT_BY_WATCHING, SIGKILL, STOP_NONE, 0, false,
	  OUTCOME_AGENT_KILLED, true },
	{ "SIGKILL from elsewhere", NO_KILL, SIGKILL, STOP_NONE, 0, false, OUTCOME_AGENT_DIED,
	  true },
	{ "a crash", NO_KILL, SIGSEGV, STOP_NONE, 0, false, OUTCOME_AGENT_DIED, true },
	{ "a crash with a core", NO_KILL, SIGSEGV | 0x80, STOP_NONE, 0, false, OUTCOME_AGENT_DIED,
	  true },
	{ "Ctrl-C is no death to report", NO_KILL, SIGINT, STOP_NONE, 0, false, OUTCOME_CLEAN,
	  false },
	{ "nor is Ctrl-\\", NO_KILL, SIGQUIT | 0x80, STOP_NONE, 0, false, OUTCOME_CLEAN, false },
	{ "nor is a pipe that was closed", NO_KILL, SIGPIPE, STOP_NONE, 0, false, OUTCOME_CLEAN,
	  false },
	{ "our own signal", NO_KILL, SIGKILL, STOP_SIGNAL, 0, false, OUTCOME_STOPPED, false },
	{ "the terminal was closed", NO_KILL, EXITED(0), STOP_HANGUP, 0, false, OUTCOME_STOPPED,
	  false },
	{ "told to stop, with leftovers", NO_KILL, EXITED(0), STOP_SYSTEMD, 0, true,
	  OUTCOME_STOPPED, true },
	{ "forks denied", NO_KILL, EXITED(1), STOP_NONE, 12, false, OUTCOME_FORKS_DENIED, true },
	{ "a kill says more than denied forks", TOOL_BY_KERNEL, EXITED(1), STOP_NONE, 12, false,
	  OUTCOME_TOOL_KILLED, true },
	{ "leftovers", NO_KILL, EXITED(0), STOP_NONE, 0, true, OUTCOME_LEFTOVERS, true },
	{ "Ctrl-C with leftovers", NO_KILL, SIGINT, STOP_NONE, 0, true, OUTCOME_LEFTOVERS, true },
};

TEST(outcomes_follow_from_what_was_recorded)
{
	static const char *const names[] = { "node" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		unit_row = rows[i].name;
		fixture_init(&fixture);
		add_kill(&fixture, rows[i].kill);
		fixture.record.wait_status = rows[i].wait_status;
		fixture.record.stop_reason = rows[i].stop;
		fixture.record.counters.pids.max = rows[i].forks_denied;
		if (rows[i].leftovers)
			fixture_leftovers(&fixture, names, 1, 0);
		expect_int(outcome_classify(&fixture.record), rows[i].outcome);
		expect_int(report_is_needed(&fixture.record), rows[i].needed);
		session_record_finish(&fixture.record);
	}
}

TEST(the_exit_status_is_the_commands_own)
{
	struct fixture fixture;

	fixture_init(&fixture);
	for (int code = 0; code < 256; code++) {
		fixture.record.wait_status = EXITED(code);
		expect_int(outcome_exit_status(&fixture.record), code);
	}
	for (int signal_number = 1; signal_number <= 64; signal_number++) {
		fixture.record.wait_status = signal_number;
		expect_int(outcome_exit_status(&fixture.record), 128 + signal_number);
		fixture.record.wait_status = signal_number | 0x80;
		expect_int(outcome_exit_status(&fixture.record), 128 + signal_number);
	}
}

TEST(a_command_that_could_not_be_ended_is_our_failure)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.agent_ended = false;
	fixture.record.unkillable = strdup("opencode (pid 100, state D)");
	expect_int(outcome_exit_status(&fixture.record), 125);
	expect(report_is_needed(&fixture.record));
	session_record_finish(&fixture.record);
}

TEST(an_escape_is_worth_a_report)
{
	struct fixture fixture;

	fixture_init(&fixture);
	(void)fixture_event(&fixture, RECORD_ESCAPE, MINUTE, 0);
	expect_int(outcome_classify(&fixture.record), OUTCOME_CLEAN);
	expect(report_is_needed(&fixture.record));
}

static const struct {
	const char *name;
	enum enforcer enforcer;
	bool asked, read_back, unlimited, needed;
} enforcement_rows[] = {
	{ "held by the kernel", ENFORCER_KERNEL, true, true, false, false },
	{ "was to be held, but was not read back", ENFORCER_KERNEL, false, false, false, true },
	{ "held by watching", ENFORCER_WATCH, true, false, false, false },
	{ "asked for, held by nobody", ENFORCER_NONE, true, false, false, true },
	{ "a default that nobody can hold", ENFORCER_NONE, false, false, false, false },
	{ "no limit needs nobody", ENFORCER_NONE, true, false, true, false },
};

TEST(a_limit_that_was_not_held_is_worth_a_report)
{
	for (size_t i = 0; i < ARRAY_SIZE(enforcement_rows); i++) {
		struct plan_limit *limit;
		struct fixture fixture;

		unit_row = enforcement_rows[i].name;
		fixture_init(&fixture);
		limit = &fixture.plan.limits[LIMIT_CPU_MAX];
		limit->value = enforcement_rows[i].unlimited ? LIMIT_UNLIMITED : 1500;
		limit->enforcer = enforcement_rows[i].enforcer;
		limit->asked = enforcement_rows[i].asked;
		if (!enforcement_rows[i].read_back)
			fixture.record.enforced &= ~(UINT32_C(1) << LIMIT_CPU_MAX);
		expect_int(report_is_needed(&fixture.record), enforcement_rows[i].needed);
	}
}

TEST(floods_of_events_leave_room_for_what_matters)
{
	struct fixture fixture;
	size_t kept = 0;

	fixture_init(&fixture);
	for (int i = 0; i < 5000; i++)
		kept += session_record_add(&fixture.record, RECORD_HIGH, 1, 1) != NULL;
	expect_uint(kept, RECORD_EVENTS_NOISY_MAX);
	expect_uint(fixture.record.events_dropped, 5000 - RECORD_EVENTS_NOISY_MAX);
	add_kill(&fixture, TOOL_BY_KERNEL);
	expect_int(outcome_classify(&fixture.record), OUTCOME_TOOL_KILLED);

	for (int i = 0; i < 5000; i++)
		(void)session_record_add(&fixture.record, RECORD_ESCAPE, 1, 1);
	expect_uint(fixture.record.event_count, RECORD_EVENTS_MAX);
	expect(!session_record_add(&fixture.record, RECORD_LADDER, 1, 1));
}

TEST(an_event_starts_empty)
{
	struct fixture fixture;
	struct record_event *event;

	fixture_init(&fixture);
	memset(fixture.record.events, 0xff, sizeof(fixture.record.events));
	event = session_record_add(&fixture.record, RECORD_ESCAPE, 5, 6);
	expect_uint(event->at_usec, 5);
	expect_uint(event->realtime_usec, 6);
	expect_uint(event->value, 0);
	expect_int(event->victim.pid, 0);
	expect_text(event->detail, "");
	expect_text(event->victim.name, "");
}

TEST(each_kind_of_event_has_a_name_of_its_own)
{
	for (int a = 0; a < RECORD_EVENT_KIND_COUNT; a++) {
		const char *name = record_event_kind_name((enum record_event_kind)a);

		expect(strcmp(name, "unknown") != 0);
		for (int b = 0; b < a; b++)
			expect(strcmp(name, record_event_kind_name((enum record_event_kind)b)) !=
			       0);
	}
}

TEST(finishing_is_safe_twice_and_for_nothing)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.record.cgroup_path = strdup("/x");
	session_record_finish(&fixture.record);
	session_record_finish(&fixture.record);
	session_record_finish(NULL);
	expect(!fixture.record.cgroup_path);
}

UNIT_MAIN("outcome", outcomes_follow_from_what_was_recorded, the_exit_status_is_the_commands_own,
	  a_command_that_could_not_be_ended_is_our_failure, an_escape_is_worth_a_report,
	  a_limit_that_was_not_held_is_worth_a_report, floods_of_events_leave_room_for_what_matters,
	  an_event_starts_empty, each_kind_of_event_has_a_name_of_its_own,
	  finishing_is_safe_twice_and_for_nothing)
