/* SPDX-License-Identifier: MIT */

/* Scripts of events with their times: which of them are told. */

#include <signal.h>
#include <stdio.h>

#include "oc-run/limits.h"
#include "oc-run/notice-gate.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000)
/* No clock begins at 0. */
#define START (1000 * SECOND)

static const struct notice_limits limits = {
	.swap_max = 100 * MIB,
	.tasks_max = 1000,
};

enum step_kind {
	EVENT,
	SWAP, /* figures: MiB */
	TASKS,
	WAKE, /* the time that the gate asked for */
};

struct step {
	uint64_t at_seconds;
	enum step_kind what;
	uint64_t value; /* of EVENT the kind; a kill has a victim of 50 MiB */
	bool is_told;
};

static struct record_event make_event(enum record_event_kind kind)
{
	struct record_event event = { .kind = kind };

	if (kind == RECORD_OOM_KILL || kind == RECORD_WATCH_KILL) {
		event.victim.pid = 100;
		event.victim.bytes = 50 * MIB;
	}
	return event;
}

struct script {
	struct notice_gate gate;
	struct figures figures;
};

static bool play_step(struct script *script, const struct step *step)
{
	uint64_t now_usec = START + step->at_seconds * SECOND;
	struct record_event event;
	struct notice_subject subject;

	switch (step->what) {
	case EVENT:
		event = make_event((enum record_event_kind)step->value);
		return notice_gate_event(&script->gate, now_usec, &event, &subject);
	case WAKE:
		expect_uint(notice_gate_wake_usec(&script->gate), now_usec);
		return notice_gate_due(&script->gate, now_usec, &subject);
	case SWAP:
		script->figures.swap_bytes = step->value * MIB;
		break;
	case TASKS:
		script->figures.tasks = step->value;
		break;
	}
	notice_gate_figures(&script->gate, now_usec, &script->figures);
	return false;
}

static void play(const struct step *steps, size_t count)
{
	struct script script = { 0 };

	notice_gate_init(&script.gate, &limits);
	for (size_t i = 0; i < count; i++) {
		char row[32];

		(void)snprintf(row, sizeof(row), "step %zu", i + 1);
		unit_row = row;
		expect_int(play_step(&script, &steps[i]), steps[i].is_told);
	}
}

TEST(the_soft_line_is_told_once_for_each_crossing)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_PRESSURE, true },
		{ 90, EVENT, RECORD_PRESSURE, false },
		{ 95, EVENT, RECORD_PRESSURE_OVER, false },
		{ 100, EVENT, RECORD_PRESSURE, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(it_is_told_once_a_minute_at_most)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_PRESSURE, true },   { 10, EVENT, RECORD_PRESSURE_OVER, false },
		{ 20, EVENT, RECORD_PRESSURE, false }, { 30, EVENT, RECORD_PRESSURE_OVER, false },
		{ 61, EVENT, RECORD_HIGH, false },     { 70, EVENT, RECORD_PRESSURE, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(what_lasts_beyond_the_minute_is_told_then)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_PRESSURE, true },   { 10, EVENT, RECORD_PRESSURE_OVER, false },
		{ 20, EVENT, RECORD_PRESSURE, false }, { 60, WAKE, 0, true },
		{ 70, EVENT, RECORD_PRESSURE, false },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(page_cache_and_the_steps_of_memory_high_are_not_told)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_HIGH, false },
		{ 1, EVENT, RECORD_MEMORY_MAX, false },
		{ 2, EVENT, RECORD_HIGH_LOWERED, false },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(swap_and_tasks_have_to_come_down_to_three_quarters)
{
	static const struct step steps[] = {
		{ 0, TASKS, 1000, false },
		{ 0, SWAP, 100, false },
		{ 1, EVENT, RECORD_FORK_DENIED, true },
		{ 1, EVENT, RECORD_SWAP_FULL, true },
		{ 70, TASKS, 751, false },
		{ 70, SWAP, 76, false },
		{ 71, EVENT, RECORD_FORK_DENIED, false },
		{ 71, EVENT, RECORD_SWAP_FULL, false },
		{ 72, TASKS, 749, false },
		{ 73, EVENT, RECORD_SWAP_FULL, false },
		{ 73, EVENT, RECORD_FORK_DENIED, true },
		{ 74, SWAP, 74, false },
		{ 75, EVENT, RECORD_SWAP_FULL, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(a_crossing_that_has_passed_by_the_end_of_the_minute_is_not_told)
{
	static const struct step steps[] = {
		{ 0, TASKS, 1000, false },
		{ 0, EVENT, RECORD_FORK_DENIED, true },
		{ 5, TASKS, 10, false },
		{ 10, TASKS, 1000, false },
		{ 10, EVENT, RECORD_FORK_DENIED, false },
		{ 20, TASKS, 10, false },
		{ 61, EVENT, RECORD_LADDER, false },
	};
	struct script script = { 0 };

	notice_gate_init(&script.gate, &limits);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		expect_int(play_step(&script, &steps[i]), steps[i].is_told);
	expect_uint(notice_gate_wake_usec(&script.gate), 0);
}

TEST(kinds_do_not_hold_each_other_back)
{
	static const struct step steps[] = {
		{ 0, TASKS, 1000, false },
		{ 0, SWAP, 100, false },
		{ 1, EVENT, RECORD_PRESSURE, true },
		{ 1, EVENT, RECORD_FORK_DENIED, true },
		{ 1, EVENT, RECORD_SWAP_FULL, true },
		{ 1, EVENT, RECORD_LIVELOCK, true },
		{ 1, EVENT, RECORD_OOM_KILL, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(a_kill_is_always_told)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_OOM_KILL, true },
		{ 2, EVENT, RECORD_OOM_KILL, true },
		{ 4, EVENT, RECORD_WATCH_KILL, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(kills_of_two_seconds_are_told_together)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_OOM_KILL, true },  { 1, EVENT, RECORD_OOM_KILL, false },
		{ 1, EVENT, RECORD_OOM_KILL, false }, { 2, WAKE, 0, true },
		{ 3, EVENT, RECORD_OOM_KILL, false }, { 4, EVENT, RECORD_OOM_KILL, true },
	};

	play(steps, ARRAY_SIZE(steps));
}

TEST(gathered_kills_are_told_by_number_and_by_the_one_that_matters_most)
{
	struct notice_gate gate;
	struct notice_subject subject;
	struct record_event event = { .kind = RECORD_OOM_KILL };

	notice_gate_init(&gate, &limits);
	expect(!notice_gate_end(&gate, &subject));
	expect_uint(notice_gate_wake_usec(&gate), 0);
	event.victim.pid = 1;
	event.victim.bytes = 5;
	expect(notice_gate_event(&gate, START, &event, &subject));
	expect_uint(subject.kills, 1);
	for (pid_t pid = 2; pid <= 4; pid++) {
		event.victim.pid = pid;
		event.victim.bytes = pid == 3 ? 70 : 7;
		expect(!notice_gate_event(&gate, START + 1, &event, &subject));
	}
	expect(notice_gate_due(&gate, START + 2 * SECOND, &subject));
	expect_int(subject.kind, NOTICE_KILL);
	expect_uint(subject.kills, 3);
	expect_int(subject.event.victim.pid, 3);
	expect(!subject.is_command_killed);

	event.victim.pid = 9;
	event.victim.is_agent = true;
	expect(!notice_gate_event(&gate, START + 3 * SECOND, &event, &subject));
	event.victim = (struct record_victim){ .pid = 10, .bytes = 999 };
	expect(!notice_gate_event(&gate, START + 3 * SECOND, &event, &subject));
	expect(notice_gate_end(&gate, &subject));
	expect_uint(subject.kills, 2);
	expect_int(subject.event.victim.pid, 9);
	expect(subject.is_command_killed);
	expect(!notice_gate_end(&gate, &subject));
}

TEST(who_is_asked_to_end_is_told_once_and_always)
{
	struct notice_gate gate;
	struct notice_subject subject;
	struct record_event event = { .kind = RECORD_TOOL_ENDED, .value = SIGTERM };

	notice_gate_init(&gate, &limits);
	for (uint64_t i = 0; i < 2; i++) {
		expect(notice_gate_event(&gate, START + i, &event, &subject));
		expect_int(subject.kind, NOTICE_TOOL_ENDED);
	}
	event.value = SIGKILL;
	expect(!notice_gate_event(&gate, START + 3, &event, &subject));
	event = (struct record_event){ .kind = RECORD_STOP_ASKED, .reason = STOP_MEMORY };
	expect(notice_gate_event(&gate, START + 4, &event, &subject));
	expect_int(subject.kind, NOTICE_COMMAND_ENDED);
	expect_uint(notice_gate_wake_usec(&gate), 0);
}

TEST(an_escape_is_told_when_it_lasts)
{
	struct notice_gate gate;
	struct notice_subject subject;
	struct record_event event = { .kind = RECORD_ESCAPE, .value = 1 };

	notice_gate_init(&gate, &limits);
	expect(!notice_gate_event(&gate, START, &event, &subject));
	(void)snprintf(event.detail, sizeof(event.detail), "could not be brought back");
	expect(notice_gate_event(&gate, START, &event, &subject));
	expect_int(subject.kind, NOTICE_ESCAPE);
	expect(!notice_gate_event(&gate, START + 30 * SECOND, &event, &subject));
	expect(notice_gate_event(&gate, START + 61 * SECOND, &event, &subject));
}

TEST(a_line_of_unknown_height_is_told_again_after_ten_minutes)
{
	static const struct notice_limits none = { LIMIT_UNLIMITED, LIMIT_UNLIMITED };
	struct notice_gate gate;
	struct notice_subject subject;
	struct record_event event = { .kind = RECORD_FORK_DENIED };
	const struct figures figures = { .at_usec = 1 };

	notice_gate_init(&gate, &none);
	expect(notice_gate_event(&gate, START, &event, &subject));
	notice_gate_figures(&gate, START + 599 * SECOND, &figures);
	expect(!notice_gate_event(&gate, START + 599 * SECOND, &event, &subject));
	notice_gate_figures(&gate, START + 600 * SECOND, &figures);
	expect(notice_gate_event(&gate, START + 600 * SECOND, &event, &subject));
}

TEST(the_end_and_the_stop_are_not_told)
{
	static const struct step steps[] = {
		{ 0, EVENT, RECORD_STOP_ASKED, false },
		{ 0, EVENT, RECORD_LADDER, false },
	};

	play(steps, ARRAY_SIZE(steps));
}

UNIT_MAIN("notice-gate", the_soft_line_is_told_once_for_each_crossing,
	  it_is_told_once_a_minute_at_most, what_lasts_beyond_the_minute_is_told_then,
	  page_cache_and_the_steps_of_memory_high_are_not_told,
	  swap_and_tasks_have_to_come_down_to_three_quarters,
	  a_crossing_that_has_passed_by_the_end_of_the_minute_is_not_told,
	  kinds_do_not_hold_each_other_back, a_kill_is_always_told,
	  kills_of_two_seconds_are_told_together,
	  gathered_kills_are_told_by_number_and_by_the_one_that_matters_most,
	  who_is_asked_to_end_is_told_once_and_always, an_escape_is_told_when_it_lasts,
	  a_line_of_unknown_height_is_told_again_after_ten_minutes,
	  the_end_and_the_stop_are_not_told)
