/* SPDX-License-Identifier: MIT */

/* Scripts of events: what is done, and when it is looked at again. No sleeping, no kernel. */

#include <signal.h>

#include "oc-run/supervisor.h"
#include "unit.h"

#define SECOND UINT64_C(1000000)
#define LIFT SUPERVISOR_LIFT_HIGH
#define NOTE SUPERVISOR_NOTE_LEFTOVERS
#define ASK SUPERVISOR_SIGNAL_AGENT
#define TERM SUPERVISOR_TERMINATE_ALL
#define END SUPERVISOR_KILL_ALL
#define DONE SUPERVISOR_FINISH

struct step {
	const char *name;
	uint64_t at_usec;
	enum supervisor_event_kind kind;
	int signal;
	enum supervisor_delivery delivery;
	bool nothing_left;
	/* expected */
	unsigned actions;
	int sent;
	uint64_t deadline_usec;
};

static void run(struct supervisor *supervisor, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct supervisor_event event = {
			.kind = steps[i].kind,
			.now_usec = steps[i].at_usec,
			.signal = steps[i].signal,
			.reason = steps[i].signal == SIGHUP ? STOP_HANGUP : STOP_SIGNAL,
			.delivery = steps[i].delivery,
			.nothing_left = steps[i].nothing_left,
		};
		struct supervisor_answer answer;

		unit_row = steps[i].name;
		answer = supervisor_step(supervisor, &event);
		expect_uint(answer.actions, steps[i].actions);
		expect_int(answer.signal, steps[i].sent);
		expect_uint(answer.deadline_usec, steps[i].deadline_usec);
	}
}

#define STOP SUPERVISOR_EVENT_STOP
#define TIMER SUPERVISOR_EVENT_TIMER
#define ENDED SUPERVISOR_EVENT_AGENT_ENDED
#define EMPTY SUPERVISOR_EVENT_EMPTY

TEST(a_command_that_leaves_nothing_ends_the_session_at_once)
{
	static const struct step steps[] = {
		{ "ended", 9 * SECOND, ENDED, 0, 0, true, LIFT | DONE, 0, 0 },
		{ "nothing follows", 10 * SECOND, TIMER, 0, 0, false, 0, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
	expect_int(supervisor.stop_reason, STOP_NONE);
}

TEST(what_a_command_leaves_is_noted_terminated_and_killed)
{
	static const struct step steps[] = {
		{ "ended", 9 * SECOND, ENDED, 0, 0, false, LIFT | NOTE | TERM, 0, 12 * SECOND },
		{ "grace ends in kill", 12 * SECOND, TIMER, 0, 0, false, END, 0,
		  12 * SECOND + SUPERVISOR_KILL_RETRY_USEC },
		{ "again", 13 * SECOND, TIMER, 0, 0, false, END, 0,
		  13 * SECOND + SUPERVISOR_KILL_RETRY_USEC },
		{ "empty", 14 * SECOND, EMPTY, 0, 0, false, DONE, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

TEST(leftovers_that_end_on_the_signal_are_not_waited_for)
{
	static const struct step steps[] = {
		{ "ended", SECOND, ENDED, 0, 0, false, LIFT | NOTE | TERM, 0, 4 * SECOND },
		{ "empty", SECOND + 5, EMPTY, 0, 0, false, DONE, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

TEST(a_signal_goes_to_the_command_then_to_all_then_kills)
{
	static const struct step steps[] = {
		{ "asked", SECOND, STOP, SIGINT, SUPERVISOR_TO_US, false, LIFT | ASK, SIGINT,
		  4 * SECOND },
		{ "all", 4 * SECOND, TIMER, 0, 0, false, TERM, 0, 7 * SECOND },
		{ "kill", 7 * SECOND, TIMER, 0, 0, false, NOTE | END, 0,
		  7 * SECOND + SUPERVISOR_KILL_RETRY_USEC },
		{ "the command is reaped", 8 * SECOND, ENDED, 0, 0, false, 0, 0,
		  7 * SECOND + SUPERVISOR_KILL_RETRY_USEC },
		{ "empty", 8 * SECOND, EMPTY, 0, 0, false, DONE, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
	expect_int(supervisor.stop_reason, STOP_SIGNAL);
	expect_int(supervisor.stop_signal, SIGINT);
}

TEST(a_command_with_a_polite_signal_of_its_own_gets_that)
{
	static const struct step steps[] = {
		{ "asked", SECOND, STOP, SIGTERM, SUPERVISOR_TO_GROUP, false, LIFT | ASK, SIGHUP,
		  4 * SECOND },
		{ "ended, tools left", 2 * SECOND, ENDED, 0, 0, false, LIFT | NOTE | TERM, 0,
		  5 * SECOND },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, SIGHUP);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

TEST(every_further_signal_skips_to_the_next_rung)
{
	static const struct step steps[] = {
		{ "first", SECOND, STOP, SIGTERM, SUPERVISOR_TO_US, false, LIFT | ASK, SIGTERM,
		  4 * SECOND },
		{ "second", SECOND + 1, STOP, SIGTERM, SUPERVISOR_TO_US, false, TERM, 0,
		  4 * SECOND + 1 },
		{ "third", SECOND + 2, STOP, SIGINT, SUPERVISOR_TO_US, false, NOTE | END, 0,
		  SECOND + 2 + SUPERVISOR_KILL_RETRY_USEC },
		{ "fourth", SECOND + 3, STOP, SIGINT, SUPERVISOR_TO_US, false, END, 0,
		  SECOND + 2 + SUPERVISOR_KILL_RETRY_USEC },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

TEST(a_closed_terminal_hangs_up_once_though_the_shell_repeats_it)
{
	static const struct step steps[] = {
		{ "the kernel's, to the group", SECOND, STOP, SIGHUP, SUPERVISOR_TO_GROUP, false,
		  LIFT, 0, 4 * SECOND },
		{ "the shell's echo", SECOND + 1000, STOP, SIGHUP, SUPERVISOR_TO_MAYBE, false, 0, 0,
		  4 * SECOND },
		{ "a later one counts", 3 * SECOND, STOP, SIGHUP, SUPERVISOR_TO_US, false, TERM, 0,
		  6 * SECOND },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, SIGHUP);
	run(&supervisor, steps, ARRAY_SIZE(steps));
	expect_int(supervisor.stop_reason, STOP_HANGUP);
}

TEST(a_signal_from_the_shell_is_repeated_only_if_the_command_did_not_act)
{
	static const struct step steps[] = {
		{ "maybe the command has it", SECOND, STOP, SIGTERM, SUPERVISOR_TO_MAYBE, false,
		  LIFT, 0, SECOND + SUPERVISOR_EXPECT_USEC },
		{ "it did not act", SECOND + SUPERVISOR_EXPECT_USEC, TIMER, 0, 0, false, ASK,
		  SIGTERM, 4 * SECOND + SUPERVISOR_EXPECT_USEC },
	};
	static const struct step acts[] = {
		{ "maybe the command has it", SECOND, STOP, SIGTERM, SUPERVISOR_TO_MAYBE, false,
		  LIFT, 0, SECOND + SUPERVISOR_EXPECT_USEC },
		{ "it acted", SECOND + 1000, ENDED, 0, 0, true, LIFT | DONE, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, acts, ARRAY_SIZE(acts));
}

TEST(without_grace_everything_is_killed_at_once)
{
	static const struct step steps[] = {
		{ "asked", SECOND, STOP, SIGTERM, SUPERVISOR_TO_MAYBE, false,
		  LIFT | ASK | TERM | NOTE | END, SIGTERM, SECOND + SUPERVISOR_KILL_RETRY_USEC },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 0, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

TEST(what_cannot_be_killed_is_given_up_after_ten_seconds)
{
	struct supervisor supervisor;
	struct supervisor_event event = {
		.kind = SUPERVISOR_EVENT_AGENT_ENDED,
		.now_usec = SECOND,
	};
	struct supervisor_answer answer;
	uint64_t first_kill_usec = 0;

	supervisor_init(&supervisor, SECOND, 0);
	answer = supervisor_step(&supervisor, &event);
	event.kind = SUPERVISOR_EVENT_TIMER;
	while (!(answer.actions & DONE)) {
		expect(answer.deadline_usec > event.now_usec);
		event.now_usec = answer.deadline_usec;
		answer = supervisor_step(&supervisor, &event);
		if (!first_kill_usec)
			first_kill_usec = event.now_usec;
		expect(event.now_usec < 60 * SECOND);
	}
	expect_uint(event.now_usec - first_kill_usec, SUPERVISOR_KILL_LIMIT_USEC);
}

TEST(an_empty_cgroup_is_not_the_end_while_the_command_lives)
{
	/* It may have moved itself to another cgroup. */
	static const struct step steps[] = {
		{ "empty", SECOND, EMPTY, 0, 0, false, 0, 0, 0 },
		{ "asked", SECOND, STOP, SIGTERM, SUPERVISOR_TO_US, false, LIFT | ASK, SIGTERM,
		  4 * SECOND },
		{ "empty", 2 * SECOND, EMPTY, 0, 0, false, 0, 0, 4 * SECOND },
		{ "all", 4 * SECOND, TIMER, 0, 0, false, TERM, 0, 7 * SECOND },
		{ "empty", 5 * SECOND, EMPTY, 0, 0, false, 0, 0, 7 * SECOND },
		{ "reaped", 5 * SECOND, ENDED, 0, 0, true, DONE, 0, 0 },
	};
	struct supervisor supervisor;

	supervisor_init(&supervisor, 3 * SECOND, 0);
	run(&supervisor, steps, ARRAY_SIZE(steps));
}

UNIT_MAIN("supervisor", a_command_that_leaves_nothing_ends_the_session_at_once,
	  what_a_command_leaves_is_noted_terminated_and_killed,
	  leftovers_that_end_on_the_signal_are_not_waited_for,
	  a_signal_goes_to_the_command_then_to_all_then_kills,
	  a_command_with_a_polite_signal_of_its_own_gets_that,
	  every_further_signal_skips_to_the_next_rung,
	  a_closed_terminal_hangs_up_once_though_the_shell_repeats_it,
	  a_signal_from_the_shell_is_repeated_only_if_the_command_did_not_act,
	  without_grace_everything_is_killed_at_once,
	  what_cannot_be_killed_is_given_up_after_ten_seconds,
	  an_empty_cgroup_is_not_the_end_while_the_command_lives)
