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

static const uint64_t ask_again_usec[] = { 50000, 200000, 750000 };

static int on_ask(sd_event_source *source, uint64_t usec, void *userdata);

static void keep_candidate(struct victims *victims, const struct tree_process *process)
{
	struct record_victim *victim = &victims->candidates[victims->candidate_count];

	if (victims->candidate_count >= ARRAY_SIZE(victims->candidates))
		return;
	*victim = (struct record_victim){
		.pid = process->pid,
		.bytes = process->resident_bytes,
		.source = VICTIM_SAMPLE,
		.is_agent = process->is_agent,
	};
	(void)snprintf(victim->name, sizeof(victim->name), "%s", process->name);
	if (process->command)
		(void)snprintf(victim->command, sizeof(victim->command), "%s", process->command);
	victims->candidate_count++;
}

static bool is_in(const struct tree_sample *sample, pid_t pid, uint64_t start_ticks)
{
	for (size_t i = 0; i < sample->count; i++) {
		if (sample->processes[i].pid == pid &&
		    sample->processes[i].start_ticks == start_ticks)
			return sample->processes[i].state != 'Z' &&
			       sample->processes[i].state != 'X';
	}
	return false;
}

/* The members of the last sample, as candidates; then those that still live are struck out. */
static void find_candidates(struct session *session)
{
	struct victims *victims = &session->victims;
	const struct tree_sample *last = tree_last(session->tree), *now;
	uint64_t starts[VICTIMS_PENDING_MAX];
	size_t first = victims->candidate_count, kept = first;

	for (size_t i = 0; last && i < last->count; i++) {
		size_t place = victims->candidate_count;

		keep_candidate(victims, &last->processes[i]);
		if (victims->candidate_count > place)
			starts[place] = last->processes[i].start_ticks;
	}
	if (tree_scan(session->tree, 0, &now) < 0)
		return;
	for (size_t i = first; i < victims->candidate_count; i++) {
		if (is_in(now, victims->candidates[i].pid, starts[i]))
			continue;
		starts[kept] = starts[i];
		victims->candidates[kept++] = victims->candidates[i];
	}
	victims->candidate_count = kept;
}

static void tell(struct session *session, const struct record_victim *victim)
{
	struct record_event *event = session_note(session, RECORD_OOM_KILL, 1);

	if (event) {
		event->at_usec = session->victims.at_usec;
		event->victim = *victim;
	}
	session_tell(session, event);
	if (session->victims.unnamed > 0)
		session->victims.unnamed--;
}

static void strike_out(struct victims *victims, size_t index)
{
	victims->candidate_count--;
	memmove(&victims->candidates[index], &victims->candidates[index + 1],
		(victims->candidate_count - index) * sizeof(victims->candidates[0]));
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
	bool ours = strstr(kill->cgroup, session->plan->id) != NULL;

	(void)snprintf(victim.name, sizeof(victim.name), "%s", kill->comm);
	for (size_t i = 0; i < victims->candidate_count; i++) {
		if (victims->candidates[i].pid != kill->pid)
			continue;
		(void)snprintf(victim.name, sizeof(victim.name), "%s", victims->candidates[i].name);
		(void)snprintf(victim.command, sizeof(victim.command), "%s",
			       victims->candidates[i].command);
		strike_out(victims, i);
		ours = true;
		break;
	}
	if (ours)
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

/* What is left is told from the sample, the largest first. */
static void give_up(struct session *session)
{
	struct victims *victims = &session->victims;

	while (victims->unnamed > 0) {
		struct record_victim victim = { .source = VICTIM_UNKNOWN };
		size_t largest = 0;

		for (size_t i = 1; i < victims->candidate_count; i++) {
			if (victims->candidates[i].bytes > victims->candidates[largest].bytes)
				largest = i;
		}
		if (victims->candidate_count > 0) {
			victim = victims->candidates[largest];
			strike_out(victims, largest);
		}
		tell(session, &victim);
	}
	victims->candidate_count = 0;
	kernel_log_rest(session->kernel_log);
}

static void ask(struct session *session)
{
	struct victims *victims = &session->victims;

	if (!ask_log(session) || victims->unnamed == 0 ||
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
	find_candidates(session);
	ask(session);
}

/* The command died of SIGKILL while kills are unnamed: it was one of them. It is a candidate even
 * if no sample ever saw it. */
void victims_agent_gone(struct session *session)
{
	struct victims *victims = &session->victims;
	struct record_victim agent = {
		.pid = session->child.pid,
		.source = VICTIM_SAMPLE,
		.is_agent = true,
	};

	if (session->watch)
		(void)!watch_read(session->watch);
	if (!WIFSIGNALED(session->record->wait_status) ||
	    WTERMSIG(session->record->wait_status) != SIGKILL || victims->unnamed == 0)
		return;
	for (size_t i = 0; i < victims->candidate_count; i++) {
		if (victims->candidates[i].is_agent)
			return;
	}
	(void)snprintf(agent.name, sizeof(agent.name), "%s", session->plan->name);
	if (victims->candidate_count < ARRAY_SIZE(victims->candidates))
		victims->candidates[victims->candidate_count++] = agent;
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
	give_up(session);
}
