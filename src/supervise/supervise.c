/* SPDX-License-Identifier: MIT */

/*
 * The loop of a running session: signals, children, the cgroup's event files, systemd's wish to
 * stop, timers. Each becomes an event for the state machine in supervisor.c; actions.c does what
 * it answers.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "oc-run/lock-memory.h"
#include "oc-run/process-scan.h"
#include "session-internal.h"

/* How long what the command left may take to end by itself: a language server that reads the end
 * of its input is gone within this time, and is no leftover worth a word. */
#define SETTLE_ALONE_USEC (200 * UINT64_C(1000))
/* While something is to end: how often to look whether it has. */
#define SETTLE_LOOK_USEC (40 * UINT64_C(1000))
/* Both halves of a job are stopped and continued one after the other: look again before we stop. */
#define STOPPED_LOOK_USEC (30 * UINT64_C(1000))
#define KEEPER_RESTARTS_MAX 5

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;
	const struct supervisor_event event = {
		.kind = SUPERVISOR_EVENT_TIMER,
		.now_usec = session_now_usec(),
	};

	(void)source;
	(void)usec;
	supervise_event(session, &event);
	return 0;
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata);

/* For those who look at sessions from outside. That it can't be written holds up no end. */
static void note_ending(struct session *session)
{
	if (session->registry.is_ending || session->supervisor.state == SUPERVISOR_RUNNING)
		return;
	session->registry.is_ending = true;
	(void)!registry_update(&session->registry, session->plan, session->cgroup.scope.path,
			       session->child.pid);
}

void supervise_event(struct session *session, const struct supervisor_event *event)
{
	struct supervisor_answer answer = supervisor_step(&session->supervisor, event);
	uint64_t now_usec = session_now_usec();
	int r = 0;

	actions_carry_out(session, &answer);
	note_ending(session);
	if (answer.deadline_usec > 0)
		r = session_arm(session, &session->deadline_timer,
				answer.deadline_usec > now_usec ? answer.deadline_usec - now_usec
								: 0,
				on_deadline);
	else if (session->deadline_timer)
		r = sd_event_source_set_enabled(session->deadline_timer, SD_EVENT_OFF);
	if (r >= 0 && session->supervisor.state > SUPERVISOR_ASKING &&
	    session->supervisor.state < SUPERVISOR_DONE)
		r = session_arm(session, &session->settle_timer, SETTLE_LOOK_USEC, on_settle);
	if (r < 0)
		(void)sd_event_exit(session->event, r);
}

static void tell_agent_ended(struct session *session, bool nothing_left)
{
	const struct supervisor_event event = {
		.kind = SUPERVISOR_EVENT_AGENT_ENDED,
		.now_usec = session_now_usec(),
		.nothing_left = nothing_left,
	};

	if (session->agent_end_told)
		return;
	session->agent_end_told = true;
	supervise_event(session, &event);
}

/* Has the rest of the tree gone by itself, or after it was told to? */
static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;
	bool nothing_left = actions_nothing_left(session);

	(void)source;
	(void)usec;
	if (session->record->agent_ended && !session->agent_end_told &&
	    (nothing_left || session_now_usec() >= session->settle_until_usec)) {
		tell_agent_ended(session, nothing_left);
	} else if (nothing_left && session->agent_end_told) {
		const struct supervisor_event event = {
			.kind = SUPERVISOR_EVENT_EMPTY,
			.now_usec = session_now_usec(),
		};

		supervise_event(session, &event);
	}
	if (session->supervisor.state == SUPERVISOR_DONE)
		return 0;
	return session_arm(session, &session->settle_timer, SETTLE_LOOK_USEC, on_settle);
}

static int agent_reaped(struct session *session, int wait_status)
{
	struct session_record *record = session->record;

	record->agent_ended = true;
	record->wait_status = wait_status;
	record->agent_ended_usec = session_now_usec() - session->started_usec;
	victims_agent_gone(session);
	session->settle_until_usec = session_now_usec();
	if (session->supervisor.state == SUPERVISOR_RUNNING)
		session->settle_until_usec += SETTLE_ALONE_USEC;
	return session_arm(session, &session->settle_timer, 0, on_settle);
}

/* The net under oc-run is gone (somebody killed the keeper): stretch another. */
static void keeper_gone(struct session *session)
{
	int r;

	keeper_dismiss(&session->keeper);
	if (session->keeper_restarts++ >= KEEPER_RESTARTS_MAX ||
	    session->supervisor.state != SUPERVISOR_RUNNING)
		return;
	r = session_start_keeper(session, NULL);
	if (r >= 0 && session->cgroup.keeper.dirfd >= 0)
		r = backend_adopt(session->backend, &session->cgroup, &session->cgroup.keeper,
				  session->keeper.pid);
	if (r >= 0)
		r = keeper_hand_over(&session->keeper, &session->cgroup, session->child.pid);
	if (r < 0)
		keeper_dismiss(&session->keeper);
	else
		tree_set_exclude(session->tree, session->keeper.pid);
}

static bool agent_is_stopped(const struct session *session)
{
	struct process_facts facts;

	return !session->record->agent_ended &&
	       process_read_facts(session->child.pid, &facts) >= 0 && facts.state == 'T';
}

static int on_stopped_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	(void)usec;
	if (session->supervisor.state != SUPERVISOR_RUNNING || !agent_is_stopped(session))
		return 0;
	/* The shell waits for us, not for the command: stop as well, or the terminal is dead. */
	session->suspended = true;
	terminal_suspend_self(&session->terminal);
	return 0;
}

static int child_changed(struct session *session, const siginfo_t *info)
{
	int wait_status;

	if (info->si_code == CLD_STOPPED || info->si_code == CLD_CONTINUED ||
	    info->si_code == CLD_TRAPPED) {
		siginfo_t taken;

		(void)waitid(P_PID, (id_t)info->si_pid, &taken, WSTOPPED | WCONTINUED | WNOHANG);
		if (info->si_pid == session->child.pid && info->si_code == CLD_STOPPED)
			return session_arm(session, &session->stopped_timer, STOPPED_LOOK_USEC,
					   on_stopped_look);
		return 0;
	}
	if (info->si_pid == session->keeper.pid) {
		keeper_gone(session);
		return 0;
	}
	if (waitpid(info->si_pid, &wait_status, WNOHANG) <= 0)
		return 0;
	if (info->si_pid == session->child.pid)
		return agent_reaped(session, wait_status);
	(void)notify_reaped(session, info->si_pid, wait_status);
	return 0;
}

/* Every child: the command, the keeper, a helper that shows a notice, and orphans of the tree that came to us as their
 * subreaper. Unreaped they would count for pids.max. */
static int on_sigchld(sd_event_source *source, const struct signalfd_siginfo *signal_info,
		      void *userdata)
{
	struct session *session = userdata;

	(void)source;
	(void)signal_info;
	for (;;) {
		siginfo_t info = { 0 };
		int r;

		if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) <
		    0)
			return errno == EINTR || errno == ECHILD ? 0 : -errno;
		if (info.si_pid == 0)
			return 0;
		r = child_changed(session, &info);
		if (r < 0)
			return r;
	}
}

static enum supervisor_delivery delivery_of(const struct session *session,
					    const struct signalfd_siginfo *info)
{
	if (info->ssi_code == SI_KERNEL)
		return SUPERVISOR_TO_GROUP;
	/* A shell sends to the whole job as often as to one process, and looks the same. */
	if (session->terminal.fd >= 0 && (pid_t)info->ssi_pid == getsid(0))
		return SUPERVISOR_TO_MAYBE;
	return SUPERVISOR_TO_US;
}

static void note_stop(struct session *session, enum stop_reason reason, const char *detail,
		      int signal_number)
{
	struct record_event *event =
		session_note(session, RECORD_STOP_ASKED, (uint64_t)signal_number);

	if (event) {
		event->reason = reason;
		(void)snprintf(event->detail, sizeof(event->detail), "%s", detail);
	}
	session_tell(session, event);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info,
			  void *userdata)
{
	struct session *session = userdata;
	const struct supervisor_event event = {
		.kind = SUPERVISOR_EVENT_STOP,
		.now_usec = session_now_usec(),
		.signal = (int)info->ssi_signo,
		.reason = info->ssi_signo == SIGHUP ? STOP_HANGUP : STOP_SIGNAL,
		.delivery = delivery_of(session, info),
	};

	(void)source;
	/* Ctrl-C and Ctrl-\ are keys of the command, which had them too: what they mean is its
	 * business, and we stay for as long as it does. */
	if (info->ssi_code == SI_KERNEL && info->ssi_signo != SIGHUP)
		return 0;
	note_stop(session, event.reason, strsignal((int)info->ssi_signo), (int)info->ssi_signo);
	supervise_event(session, &event);
	return 0;
}

static int on_other_signal(sd_event_source *source, const struct signalfd_siginfo *info,
			   void *userdata)
{
	struct session *session = userdata;

	(void)source;
	if (slice_act_is_asked(info)) {
		slice_act_give_way(session);
		return 0;
	}
	/* From the terminal (SIGWINCH) the command's group has it already; a SIGPIPE of our own
	 * writing is nobody's. */
	if (info->ssi_code == SI_KERNEL || (pid_t)info->ssi_pid == getpid() ||
	    session->record->agent_ended)
		return 0;
	(void)kill(session->child.pid, (int)info->ssi_signo);
	return 0;
}

/* Ctrl-Z right after `fg`: the command may have stopped again already, and is not to be woken. */
static bool is_to_stop_again(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGTSTP) == 1;
}

static int on_sigcont(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	/* `fg` continues the whole job; somebody who continues oc-run alone means the command. */
	if (session->suspended ||
	    ((pid_t)info->ssi_pid != getpid() && info->ssi_code != SI_KERNEL)) {
		session->suspended = false;
		if (!session->record->agent_ended && !is_to_stop_again())
			(void)kill(session->child.pid, SIGCONT);
	}
	return 0;
}

void supervise_stop(struct session *session, enum stop_reason reason, const char *detail)
{
	const struct supervisor_event event = {
		.kind = SUPERVISOR_EVENT_STOP,
		.now_usec = session_now_usec(),
		.signal = SIGTERM,
		.reason = reason,
		.delivery = SUPERVISOR_TO_US,
	};

	note_stop(session, reason, detail, SIGTERM);
	supervise_event(session, &event);
}

static void on_request_stop(void *userdata)
{
	supervise_stop(userdata, STOP_SYSTEMD, "systemd was asked to stop the unit");
}

/* Ctrl-Z reaches the command as well, and kill(0, SIGTSTP) comes from it: when it has stopped, so
 * do we. From anybody else it is meant for both. */
static int on_sigtstp(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	if (info->ssi_code != SI_KERNEL && (pid_t)info->ssi_pid != getpid() &&
	    getpgid((pid_t)info->ssi_pid) != getpgrp() && !session->record->agent_ended)
		(void)kill(session->child.pid, SIGTSTP);
	return 0;
}

static int attach_signal(struct session *session, int signal_number)
{
	sd_event_signal_handler_t handler = on_other_signal;

	switch (signal_number) {
	case SIGTSTP:
		handler = on_sigtstp;
		break;
	case SIGKILL:
	case SIGSTOP:
	case SIGTTIN:
	case SIGTTOU:
		return 0;
	case SIGCHLD:
		handler = on_sigchld;
		break;
	case SIGCONT:
		handler = on_sigcont;
		break;
	case SIGHUP:
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		handler = on_stop_signal;
		break;
	default:
		break;
	}
	return sd_event_add_signal(session->event, NULL, signal_number, handler, session);
}

int supervise_attach(struct session *session)
{
	int r;

	for (int signal_number = 1; signal_number < SIGSYS + 1; signal_number++) {
		r = attach_signal(session, signal_number);
		if (r < 0)
			return r;
	}
	for (int signal_number = SIGRTMIN; signal_number <= SIGRTMAX; signal_number++) {
		r = attach_signal(session, signal_number);
		if (r < 0)
			return r;
	}
	r = backend_attach(session->backend, session->event, on_request_stop, session);
	if (r < 0)
		return r;
	adjust_start(session);
	r = pressure_act_start(session);
	if (r >= 0)
		r = slice_act_start(session);
	if (r >= 0)
		r = newcomers_start(session);
	if (r < 0)
		return r;
	relimit_start(session);
	r = sampling_start(session);
	/* All that the session needs is there; the stub does not inherit it. */
	lock_memory();
	return r;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

void supervise_counters(const struct watch_state *before, const struct watch_state *now,
			void *userdata)
{
	struct session *session = userdata;
	const struct cgroup_counters *was = &before->payload, *is = &now->payload;
	uint64_t kills = grown(was->memory.oom_kill, is->memory.oom_kill);
	uint64_t high = grown(was->memory.high, is->memory.high);

	if (kills > 0)
		victims_counted(session, kills);
	if (high > 0)
		(void)!pressure_act_wake(session);
	noisy_count(session, RECORD_MEMORY_MAX, grown(was->memory.max, is->memory.max));
	/* At the wall: whoever is killed in a moment has a name now. */
	if (grown(was->memory.max, is->memory.max) > 0 && kills == 0)
		sampling_look_soon(session);
	noisy_count(session, RECORD_FORK_DENIED,
		    grown(was->pids.max, is->pids.max) > 0
			    ? grown(was->pids.max, is->pids.max)
			    : grown(before->scope.pids.max, now->scope.pids.max));
	noisy_count(session, RECORD_SWAP_FULL, grown(was->swap.fail, is->swap.fail));
	if (!now->populated && session->record->agent_ended)
		(void)!session_arm(session, &session->settle_timer, 0, on_settle);
}

int supervise_loop(struct session *session)
{
	return sd_event_loop(session->event);
}
