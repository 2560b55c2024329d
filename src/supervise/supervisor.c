/* SPDX-License-Identifier: MIT */

/* The state machine of the end: see supervisor.h. One function a state, one switch without default,
 * so that the compiler finds a forgotten event. */

#include <signal.h>

#include "oc-run/supervisor.h"

void supervisor_init(struct supervisor *supervisor, uint64_t grace_usec, int polite_signal)
{
	*supervisor = (struct supervisor){
		.state = SUPERVISOR_RUNNING,
		.grace_usec = grace_usec,
		.polite_signal = polite_signal,
	};
}

static unsigned note_leftovers_once(struct supervisor *supervisor)
{
	if (supervisor->leftovers_noted)
		return 0;
	supervisor->leftovers_noted = true;
	return SUPERVISOR_NOTE_LEFTOVERS;
}

static void enter_killing(struct supervisor *supervisor, uint64_t now_usec,
			  struct supervisor_answer *answer)
{
	answer->actions |= note_leftovers_once(supervisor) | SUPERVISOR_KILL_ALL;
	supervisor->state = SUPERVISOR_KILLING;
	supervisor->killing_since_usec = now_usec;
	supervisor->deadline_usec = now_usec + SUPERVISOR_KILL_RETRY_USEC;
}

static void enter_ending(struct supervisor *supervisor, uint64_t now_usec,
			 struct supervisor_answer *answer)
{
	if (supervisor->agent_ended)
		answer->actions |= note_leftovers_once(supervisor);
	answer->actions |= SUPERVISOR_TERMINATE_ALL;
	supervisor->state = SUPERVISOR_ENDING;
	supervisor->deadline_usec = now_usec + supervisor->grace_usec;
	if (supervisor->grace_usec == 0)
		enter_killing(supervisor, now_usec, answer);
}

static void enter_done(struct supervisor *supervisor, struct supervisor_answer *answer)
{
	answer->actions |= SUPERVISOR_FINISH;
	supervisor->state = SUPERVISOR_DONE;
	supervisor->deadline_usec = 0;
}

static void enter_asking(struct supervisor *supervisor, uint64_t now_usec, int signal_number,
			 struct supervisor_answer *answer)
{
	if (signal_number > 0) {
		answer->actions |= SUPERVISOR_SIGNAL_AGENT;
		answer->signal = signal_number;
	}
	supervisor->state = SUPERVISOR_ASKING;
	supervisor->deadline_usec = now_usec + supervisor->grace_usec;
	if (supervisor->grace_usec == 0)
		enter_ending(supervisor, now_usec, answer);
}

static void first_stop(struct supervisor *supervisor, const struct supervisor_event *event,
		       struct supervisor_answer *answer)
{
	int signal_number = supervisor->polite_signal ? supervisor->polite_signal : event->signal;
	bool same = signal_number == event->signal;

	supervisor->stop_reason = event->reason;
	supervisor->stop_signal = event->signal;
	supervisor->stopped_at_usec = event->now_usec;
	answer->actions |= SUPERVISOR_LIFT_HIGH;
	if (same && event->delivery == SUPERVISOR_TO_GROUP) {
		enter_asking(supervisor, event->now_usec, 0, answer);
	} else if (same && event->delivery == SUPERVISOR_TO_MAYBE && supervisor->grace_usec > 0) {
		supervisor->state = SUPERVISOR_EXPECTING;
		supervisor->pending_signal = signal_number;
		supervisor->deadline_usec = event->now_usec + SUPERVISOR_EXPECT_USEC;
	} else {
		enter_asking(supervisor, event->now_usec, signal_number, answer);
	}
}

static bool is_echo(const struct supervisor *supervisor, const struct supervisor_event *event)
{
	return event->signal == SIGHUP && supervisor->stop_signal == SIGHUP &&
	       event->now_usec < supervisor->stopped_at_usec + SUPERVISOR_HANGUP_ECHO_USEC;
}

static void agent_ended(struct supervisor *supervisor, const struct supervisor_event *event,
			struct supervisor_answer *answer)
{
	supervisor->agent_ended = true;
	answer->actions |= SUPERVISOR_LIFT_HIGH;
	if (event->nothing_left)
		enter_done(supervisor, answer);
	else
		enter_ending(supervisor, event->now_usec, answer);
}

static void step_running(struct supervisor *supervisor, const struct supervisor_event *event,
			 struct supervisor_answer *answer)
{
	switch (event->kind) {
	case SUPERVISOR_EVENT_STOP:
		first_stop(supervisor, event, answer);
		break;
	case SUPERVISOR_EVENT_AGENT_ENDED:
		agent_ended(supervisor, event, answer);
		break;
	case SUPERVISOR_EVENT_EMPTY: /* the command's SIGCHLD is on its way */
	case SUPERVISOR_EVENT_TIMER:
		break;
	}
}

static void step_asking(struct supervisor *supervisor, const struct supervisor_event *event,
			struct supervisor_answer *answer)
{
	switch (event->kind) {
	case SUPERVISOR_EVENT_STOP:
		if (!is_echo(supervisor, event))
			enter_ending(supervisor, event->now_usec, answer);
		break;
	case SUPERVISOR_EVENT_TIMER:
		if (supervisor->state == SUPERVISOR_EXPECTING)
			enter_asking(supervisor, event->now_usec, supervisor->pending_signal,
				     answer);
		else
			enter_ending(supervisor, event->now_usec, answer);
		break;
	case SUPERVISOR_EVENT_AGENT_ENDED:
		agent_ended(supervisor, event, answer);
		break;
	case SUPERVISOR_EVENT_EMPTY:
		break;
	}
}

static void step_ending(struct supervisor *supervisor, const struct supervisor_event *event,
			struct supervisor_answer *answer)
{
	switch (event->kind) {
	case SUPERVISOR_EVENT_STOP:
		if (!is_echo(supervisor, event))
			enter_killing(supervisor, event->now_usec, answer);
		break;
	case SUPERVISOR_EVENT_TIMER:
		enter_killing(supervisor, event->now_usec, answer);
		break;
	case SUPERVISOR_EVENT_AGENT_ENDED:
		supervisor->agent_ended = true;
		if (event->nothing_left)
			enter_done(supervisor, answer);
		else
			answer->actions |= note_leftovers_once(supervisor);
		break;
	case SUPERVISOR_EVENT_EMPTY:
		if (supervisor->agent_ended)
			enter_done(supervisor, answer);
		break;
	}
}

static void step_killing(struct supervisor *supervisor, const struct supervisor_event *event,
			 struct supervisor_answer *answer)
{
	switch (event->kind) {
	case SUPERVISOR_EVENT_STOP:
		answer->actions |= SUPERVISOR_KILL_ALL;
		break;
	case SUPERVISOR_EVENT_TIMER:
		if (event->now_usec >=
		    supervisor->killing_since_usec + SUPERVISOR_KILL_LIMIT_USEC) {
			enter_done(supervisor, answer);
		} else {
			answer->actions |= SUPERVISOR_KILL_ALL;
			supervisor->deadline_usec = event->now_usec + SUPERVISOR_KILL_RETRY_USEC;
		}
		break;
	case SUPERVISOR_EVENT_AGENT_ENDED:
		supervisor->agent_ended = true;
		if (event->nothing_left)
			enter_done(supervisor, answer);
		break;
	case SUPERVISOR_EVENT_EMPTY:
		if (supervisor->agent_ended)
			enter_done(supervisor, answer);
		break;
	}
}

struct supervisor_answer supervisor_step(struct supervisor *supervisor,
					 const struct supervisor_event *event)
{
	struct supervisor_answer answer = { 0 };

	switch (supervisor->state) {
	case SUPERVISOR_RUNNING:
		step_running(supervisor, event, &answer);
		break;
	case SUPERVISOR_EXPECTING:
	case SUPERVISOR_ASKING:
		step_asking(supervisor, event, &answer);
		break;
	case SUPERVISOR_ENDING:
		step_ending(supervisor, event, &answer);
		break;
	case SUPERVISOR_KILLING:
		step_killing(supervisor, event, &answer);
		break;
	case SUPERVISOR_DONE:
		break;
	}
	answer.deadline_usec = supervisor->deadline_usec;
	return answer;
}
