/* SPDX-License-Identifier: MIT */

/*
 * Who was killed for memory. The kernel counts first and tells the name later, if we may read its
 * log at all. So: at the count, note who was there a moment ago and is gone; then ask the log a few
 * times; what it does not tell is taken from the sample, and the report says which it was.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "session-internal.h"

/* No pid comes back within this time. */
#define TWICE_USEC (2 * UINT64_C(1000000))
static const uint64_t ask_again_usec[] = { 50000, 200000, 750000 };

static int on_ask(sd_event_source *source, uint64_t usec, void *userdata);

static struct victim_suspect *find_suspect(struct victims *victims, pid_t pid)
{
	for (size_t i = 0; i < victims->suspect_count; i++) {
		if (victims->suspects[i].victim.pid == pid)
			return &victims->suspects[i];
	}
	return NULL;
}

static void suspect(struct victims *victims, const struct tree_process *process)
{
	struct victim_suspect *place = find_suspect(victims, process->pid);
	struct record_victim *victim;

	if (!place) {
		if (victims->suspect_count >= ARRAY_SIZE(victims->suspects))
			return;
		place = &victims->suspects[victims->suspect_count++];
	}
	*place = (struct victim_suspect){ .start_ticks = process->start_ticks };
	victim = &place->victim;
	victim->pid = process->pid;
	victim->bytes = process->held_bytes;
	victim->source = VICTIM_SAMPLE;
	victim->is_agent = process->is_spared;
	(void)snprintf(victim->name, sizeof(victim->name), "%s", process->name);
	if (process->command)
		(void)snprintf(victim->command, sizeof(victim->command), "%s", process->command);
}

static bool is_alive_in(const struct tree_sample *sample, const struct victim_suspect *suspect)
{
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (process->pid != suspect->victim.pid ||
		    process->start_ticks != suspect->start_ticks)
			continue;
		/* One that is on its way out has given its memory back and is no zombie yet. */
		return process->state != 'Z' && process->state != 'X' &&
		       (process->resident_bytes > 0 || suspect->victim.bytes == 0);
	}
	return false;
}

/* The kernel counts a kill before the process is gone: so this is asked again and again. */
static size_t look_who_is_gone(struct session *session)
{
	struct victims *victims = &session->victims;
	const struct tree_sample *now;
	size_t gone = 0;

	if (tree_scan(session->tree, 0, &now) < 0)
		return 0;
	for (size_t i = 0; i < victims->suspect_count; i++) {
		struct victim_suspect *suspect = &victims->suspects[i];

		/* How the command itself died is known by its status: victims_agent_gone(). One that
		 * ends because its tool was killed was not killed. */
		if (suspect->victim.pid != session->child.pid)
			suspect->gone = suspect->gone || !is_alive_in(now, suspect);
		gone += suspect->gone;
	}
	return gone;
}

static void suspect_everybody(struct session *session)
{
	const struct tree_sample *last = tree_last(session->tree);

	for (size_t i = 0; last && i < last->count; i++) {
		if (last->processes[i].state != 'Z')
			suspect(&session->victims, &last->processes[i]);
	}
}

static void tell(struct session *session, const struct record_victim *victim)
{
	struct record_event *event = session_note(session, RECORD_OOM_KILL, 1);

	if (event) {
		/* It was counted before it had a name. */
		event->realtime_usec -= event->at_usec - session->victims.at_usec;
		event->at_usec = session->victims.at_usec;
		event->victim = *victim;
	}
	session_tell(session, event);
	if (session->victims.unnamed > 0)
		session->victims.unnamed--;
}

static void strike_out(struct victims *victims, struct victim_suspect *suspect)
{
	*suspect = victims->suspects[--victims->suspect_count];
}

/* With memory.oom.group the kernel kills, counts and logs the first victim once more with the rest
 * (mm/oom_kill.c, oom_kill_process()). */
static bool was_told(const struct session *session, pid_t pid)
{
	const struct session_record *record = session->record;

	for (size_t i = 0; i < record->event_count; i++)
		if (record->events[i].kind == RECORD_OOM_KILL &&
		    record->events[i].victim.pid == pid &&
		    record->events[i].at_usec + TWICE_USEC > session->victims.at_usec)
			return true;
	return false;
}

/* A kill that the log tells: ours if its cgroup is (absolute there, maybe shorter here), or, where
 * the kernel left the cgroup out, if the pid was in the session. */
static void take_from_log(struct session *session, const struct kernel_kill *kill)
{
	struct victims *victims = &session->victims;
	struct record_victim victim = {
		.pid = kill->pid,
		.bytes = kill->anon_bytes + kill->shmem_bytes,
		.source = VICTIM_KERNEL_LOG,
		.is_agent = kill->pid == session->child.pid,
	};
	struct victim_suspect *known = find_suspect(victims, kill->pid);
	bool ours = strstr(kill->cgroup, session->plan->id) != NULL;

	(void)snprintf(victim.name, sizeof(victim.name), "%s", kill->comm);
	if (known) {
		(void)snprintf(victim.name, sizeof(victim.name), "%s", known->victim.name);
		(void)snprintf(victim.command, sizeof(victim.command), "%s", known->victim.command);
		victim.is_agent = victim.is_agent || known->victim.is_agent;
		strike_out(victims, known);
		ours = true;
	}
	if (ours && was_told(session, kill->pid))
		session->victims.unnamed--;
	else if (ours)
		tell(session, &victim);
}

/* false: no log will ever tell. */
static bool ask_log(struct session *session)
{
	struct kernel_kill kill;
	int r;

	while (session->victims.unnamed > 0) {
		r = kernel_log_next(session->kernel_log, &kill);
		if (r <= 0)
			return r == 0;
		take_from_log(session, &kill);
	}
	return true;
}

/* What the command launched ends when the command does, and when its tool was killed perhaps: it is
 * the last to be suspected. */
static bool is_likelier(const struct session *session, const struct victim_suspect *a,
			const struct victim_suspect *b)
{
	bool a_may_have_left = a->victim.is_agent && a->victim.pid != session->child.pid;
	bool b_may_have_left = b->victim.is_agent && b->victim.pid != session->child.pid;

	return a_may_have_left == b_may_have_left ? a->victim.bytes > b->victim.bytes
						  : b_may_have_left;
}

static struct victim_suspect *likeliest_gone(struct session *session)
{
	struct victims *victims = &session->victims;
	struct victim_suspect *likeliest = NULL;

	for (size_t i = 0; i < victims->suspect_count; i++) {
		struct victim_suspect *suspect = &victims->suspects[i];

		if (suspect->gone && (!likeliest || is_likelier(session, suspect, likeliest)))
			likeliest = suspect;
	}
	return likeliest;
}

/* What is left is told from the sample, the largest first. */
static void give_up(struct session *session)
{
	struct victims *victims = &session->victims;

	while (victims->unnamed > 0) {
		struct victim_suspect *suspect = likeliest_gone(session);
		struct record_victim victim = { .source = VICTIM_UNKNOWN };

		if (suspect) {
			victim = suspect->victim;
			strike_out(victims, suspect);
		} else if (session->plan->oom == OOM_GROUP) {
			victims->unnamed = 0; /* one was counted twice: see was_told() */
			break;
		}
		tell(session, &victim);
	}
	victims->suspect_count = 0;
	kernel_log_rest(session->kernel_log);
}

static void ask(struct session *session)
{
	struct victims *victims = &session->victims;
	size_t gone;

	if (!victims->log_is_closed)
		victims->log_is_closed = !ask_log(session);
	gone = look_who_is_gone(session);
	if (victims->unnamed == 0 || (victims->log_is_closed && gone >= victims->unnamed) ||
	    victims->tries >= ARRAY_SIZE(ask_again_usec) ||
	    session_arm(session, &victims->timer, ask_again_usec[victims->tries++], on_ask) < 0)
		give_up(session);
}

static int on_ask(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	ask(userdata);
	return 0;
}

void victims_counted(struct session *session, uint64_t kills)
{
	struct victims *victims = &session->victims;

	victims->unnamed += kills;
	victims->tries = 0;
	victims->at_usec = session_now_usec() - session->started_usec;
	suspect_everybody(session);
	ask(session);
}

/* The command died of SIGKILL while kills are unnamed: it was one of them. It is a candidate even
 * if no sample ever saw it. */
void victims_agent_gone(struct session *session)
{
	struct victims *victims = &session->victims;
	struct victim_suspect *agent;

	if (session->watch)
		(void)!watch_read(session->watch);
	if (!WIFSIGNALED(session->record->wait_status) ||
	    WTERMSIG(session->record->wait_status) != SIGKILL || victims->unnamed == 0)
		return;
	agent = find_suspect(victims, session->child.pid);
	if (!agent) {
		if (victims->suspect_count >= ARRAY_SIZE(victims->suspects))
			return;
		agent = &victims->suspects[victims->suspect_count++];
		*agent = (struct victim_suspect){ .victim.source = VICTIM_SAMPLE };
		agent->victim.pid = session->child.pid;
		agent->victim.is_agent = true;
		(void)snprintf(agent->victim.name, sizeof(agent->victim.name), "%s",
			       session->plan->name);
	}
	agent->gone = true;
}

/* The session is over: the log has a quarter of a second more. */
void victims_finish(struct session *session)
{
	const struct timespec pause = { .tv_nsec = 25 * 1000 * 1000 };

	for (unsigned tries = 0; session->victims.unnamed > 0 && tries < 10; tries++) {
		if (!ask_log(session) || session->victims.unnamed == 0)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (session->victims.unnamed > 0)
		(void)look_who_is_gone(session);
	give_up(session);
}
