/* SPDX-License-Identifier: MIT */

/* Scripts of events with their times: which of them are told. */

#include <stdio.h>

#include "oc-run/limits.h"
#include "oc-run/notice-gate.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000)
/* No clock begins at 0. */
#define START (1000 * SECOND)

static const struct notice_limits limits = {
	.memory_line = 800 * MIB,
	.swap_max = 100 * MIB,
	.tasks_max = 1000,
};

enum step_kind {
	EVENT,
	USE, /* figures: .value is memory in MiB */
	SWAP,
	TASKS,
	WAKE, /* the time that the gate asked for */
};

struct step {
	uint64_t at_seconds;
	enum step_kind what;
	enum record_event_kind event;
	uint64_t value; /* bytes of the victim, in MiB */
	bool is_told;
};

static struct record_event make_event(const struct step *step)
{
	struct record_event event = { .kind = step->event };

	if (step->event == RECORD_OOM_KILL || step->event == RECORD_WATCH_KILL) {
		event.victim.pid = 100 + (pid_t)step->value;
		event.victim.bytes = step->value * MIB;
	}
	return event;
}

static void feed_figures(struct notice_gate *gate, const struct step *step, uint64_t now_usec)
{
	struct figures figures = gate->figures;

	figures.at_usec = now_usec - START + 1;
	if (step->what == USE)
		figures.unreclaimable_bytes = step->value * MIB;
	else if (step->what == SWAP)
		figures.swap_bytes = step->value * MIB;
	else
		figures.tasks = step->value;
	notice_gate_figures(gate, now_usec, &figures);
}

static void play(const char *name, const struct step *steps, size_t count)
{
	struct notice_gate gate;

	notice_gate_init(&gate, &limits);
	for (size_t i = 0; i < count; i++) {
		uint64_t now_usec = START + steps[i].at_seconds * SECOND;
		struct record_event event = make_event(&steps[i]);
		struct notice_subject subject;
		bool told = false;
		char row[128];

		(void)snprintf(row, sizeof(row), "%s, step %zu", name, i + 1);
		unit_row = row;
		switch (steps[i].what) {
		case EVENT:
			told = notice_gate_event(&gate, now_usec, &event, &subject);
			break;
		case USE:
		case SWAP:
		case TASKS:
			feed_figures(&gate, &steps[i], now_usec);
			break;
		case WAKE:
			expect_uint(notice_gate_wake_usec(&gate), now_usec);
			told = notice_gate_kills(&gate, now_usec, &subject);
			break;
		}
		expect_int(told, steps[i].is_told);
	}
}

#define PLAY(name, ...)                                         \
	do {                                                    \
		static const struct step steps[] = __VA_ARGS__; \
		play(name, steps, ARRAY_SIZE(steps));           \
	} while (0)

TEST(a_line_is_told_once_for_each_crossing)
{
	PLAY("the staircase's steps are one crossing",
	     {
		     { 0, USE, 0, 790, false },
		     { 0, EVENT, RECORD_HIGH, 0, true },
		     { 1, USE, 0, 870, false },
		     { 1, EVENT, RECORD_HIGH, 0, false },
		     { 90, USE, 0, 930, false },
		     { 90, EVENT, RECORD_HIGH, 0, false },
		     { 91, EVENT, RECORD_MEMORY_MAX, 0, false },
	     });
	PLAY("down to three quarters and up again is another",
	     {
		     { 0, USE, 0, 790, false },
		     { 0, EVENT, RECORD_HIGH, 0, true },
		     { 70, USE, 0, 601, false },
		     { 80, USE, 0, 800, false },
		     { 80, EVENT, RECORD_HIGH, 0, false },
		     { 90, USE, 0, 599, false },
		     { 95, USE, 0, 800, false },
		     { 95, EVENT, RECORD_HIGH, 0, true },
	     });
	PLAY("but not within the minute", {
						  { 0, USE, 0, 790, false },
						  { 0, EVENT, RECORD_HIGH, 0, true },
						  { 10, USE, 0, 100, false },
						  { 20, USE, 0, 800, false },
						  { 20, EVENT, RECORD_HIGH, 0, false },
						  { 59, EVENT, RECORD_HIGH, 0, false },
						  { 60, EVENT, RECORD_HIGH, 0, true },
					  });
}

TEST(page_cache_alone_is_no_shortage)
{
	PLAY("a crossing by cache is not told, and does not use up the next",
	     {
		     { 0, USE, 0, 300, false },
		     { 0, EVENT, RECORD_HIGH, 0, false },
		     { 0, EVENT, RECORD_MEMORY_MAX, 0, false },
		     { 5, USE, 0, 700, false },
		     { 5, EVENT, RECORD_HIGH, 0, true },
	     });
	PLAY("without figures a crossing is one", { { 0, EVENT, RECORD_HIGH, 0, true } });
}

TEST(kinds_do_not_hold_each_other_back)
{
	PLAY("all at once", {
				    { 0, USE, 0, 790, false },
				    { 0, TASKS, 0, 1000, false },
				    { 0, SWAP, 0, 100, false },
				    { 1, EVENT, RECORD_HIGH, 0, true },
				    { 1, EVENT, RECORD_FORK_DENIED, 0, true },
				    { 1, EVENT, RECORD_SWAP_FULL, 0, true },
				    { 1, EVENT, RECORD_OOM_KILL, 50, true },
				    { 2, EVENT, RECORD_FORK_DENIED, 0, false },
				    { 2, EVENT, RECORD_SWAP_FULL, 0, false },
				    { 70, TASKS, 0, 700, false },
				    { 71, EVENT, RECORD_SWAP_FULL, 0, false },
				    { 71, EVENT, RECORD_FORK_DENIED, 0, true },
				    { 72, SWAP, 0, 70, false },
				    { 73, EVENT, RECORD_SWAP_FULL, 0, true },
			    });
}

TEST(a_kill_is_always_told)
{
	PLAY("each by itself", {
				       { 0, EVENT, RECORD_OOM_KILL, 50, true },
				       { 2, EVENT, RECORD_OOM_KILL, 50, true },
				       { 4, EVENT, RECORD_WATCH_KILL, 50, true },
			       });
	PLAY("those of two seconds together", {
						      { 0, EVENT, RECORD_OOM_KILL, 50, true },
						      { 1, EVENT, RECORD_OOM_KILL, 40, false },
						      { 1, EVENT, RECORD_OOM_KILL, 60, false },
						      { 2, WAKE, 0, 0, true },
						      { 3, EVENT, RECORD_OOM_KILL, 10, false },
						      { 4, EVENT, RECORD_OOM_KILL, 10, true },
					      });
}

TEST(gathered_kills_are_told_by_number_and_by_the_one_that_matters_most)
{
	struct notice_gate gate;
	struct notice_subject subject;
	struct record_event event = { .kind = RECORD_OOM_KILL };

	notice_gate_init(&gate, &limits);
	expect(!notice_gate_kills(&gate, START, &subject));
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
	expect(notice_gate_kills(&gate, START + 2, &subject));
	expect_int(subject.kind, NOTICE_KILL);
	expect_uint(subject.kills, 3);
	expect_int(subject.event.victim.pid, 3);
	expect(!subject.is_command_killed);

	event.victim.pid = 9;
	event.victim.is_agent = true;
	expect(!notice_gate_event(&gate, START + 3, &event, &subject));
	event.victim = (struct record_victim){ .pid = 10, .bytes = 999 };
	expect(!notice_gate_event(&gate, START + 4, &event, &subject));
	expect(notice_gate_kills(&gate, START + 5, &subject));
	expect_uint(subject.kills, 2);
	expect_int(subject.event.victim.pid, 9);
	expect(subject.is_command_killed);
	expect(!notice_gate_kills(&gate, START + 6, &subject));
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
	static const struct notice_limits none = { LIMIT_UNLIMITED, LIMIT_UNLIMITED,
						   LIMIT_UNLIMITED };
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
	PLAY("they are the person's own doing", {
							{ 0, EVENT, RECORD_STOP_ASKED, 0, false },
							{ 0, EVENT, RECORD_LADDER, 0, false },
						});
}

UNIT_MAIN("notice-gate", a_line_is_told_once_for_each_crossing, page_cache_alone_is_no_shortage,
	  kinds_do_not_hold_each_other_back, a_kill_is_always_told,
	  gathered_kills_are_told_by_number_and_by_the_one_that_matters_most,
	  an_escape_is_told_when_it_lasts, a_line_of_unknown_height_is_told_again_after_ten_minutes,
	  the_end_and_the_stop_are_not_told)
