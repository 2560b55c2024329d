/* SPDX-License-Identifier: MIT */

/* One sentence that answers "what happened?", for all kinds of report; and how times are written.
 * No arguments of the command: the journal is read by others too. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "headline.h"
#include "judgement.h"
#include "safe-text.h"

#define NAME_COLUMNS 40

void headline_print_duration(FILE *out, uint64_t usec)
{
	uint64_t seconds = usec / 1000000, minutes = seconds / 60, hours = minutes / 60;

	if (seconds < 1)
		(void)fprintf(out, "%" PRIu64 ".%" PRIu64 " s", seconds, usec / 100000 % 10);
	else if (minutes < 1)
		(void)fprintf(out, "%" PRIu64 " s", seconds);
	else if (minutes < 10)
		(void)fprintf(out, "%" PRIu64 " min %" PRIu64 " s", minutes, seconds % 60);
	else if (hours < 1)
		(void)fprintf(out, "%" PRIu64 " min", minutes);
	else if (hours < 48)
		(void)fprintf(out, "%" PRIu64 " h %" PRIu64 " min", hours, minutes % 60);
	else
		(void)fprintf(out, "%" PRIu64 " days %" PRIu64 " h", hours / 24, hours % 24);
}

void headline_print_limit(FILE *out, enum limit_id id, uint64_t value)
{
	char text[LIMIT_TEXT_MAX];

	limit_format_human(limit_row(id), value, text);
	(void)fputs(text, out);
}

void headline_print_signal(FILE *out, int signal_number)
{
	const char *name = sigabbrev_np(signal_number);

	if (name)
		(void)fprintf(out, "SIG%s", name);
	else
		(void)fprintf(out, "signal %d", signal_number);
}

static void print_name(FILE *out, const struct session_record *record)
{
	safe_text_print(out, report_command_name(record), NAME_COLUMNS);
}

static void print_cause(FILE *out, const struct session_record *record,
			const struct report_tally *tally)
{
	if (tally->from_above) {
		(void)fputs("the machine, or all sessions together, ran out of memory", out);
		return;
	}
	(void)fprintf(out, "%s limit reached (",
		      tally->kill_limit == LIMIT_PIDS_MAX ? "task" : "memory");
	headline_print_limit(out, tally->kill_limit, record->plan->limits[tally->kill_limit].value);
	(void)fputs(")", out);
}

static void print_kills(FILE *out, uint64_t count)
{
	if (count == 1)
		(void)fputs("a tool was killed", out);
	else
		(void)fprintf(out, "%" PRIu64 " tools were killed", count);
}

static void print_aftermath(FILE *out, const struct session_record *record,
			    const struct report_tally *tally)
{
	(void)fputs(", ", out);
	print_name(out, record);
	if (report_agent_went_on(record, tally))
		(void)fputs(" went on", out);
	else
		(void)fprintf(out, " ended right after it with exit status %d",
			      outcome_exit_status(record));
}

static void print_killed(FILE *out, const struct session_record *record,
			 const struct report_tally *tally)
{
	print_cause(out, record, tally);
	if (tally->first_kill_usec > 0) {
		(void)fputs(" after ", out);
		headline_print_duration(out, tally->first_kill_usec);
	}
	(void)fputs("; ", out);
	if (!tally->agent_killed) {
		print_kills(out, tally->kills);
		print_aftermath(out, record, tally);
		return;
	}
	print_name(out, record);
	if (tally->kills > 1) {
		(void)fputs(" and ", out);
		if (tally->kills == 2)
			(void)fputs("a tool were killed", out);
		else
			(void)fprintf(out, "%" PRIu64 " tools were killed", tally->kills - 1);
	} else {
		(void)fputs(" was killed", out);
	}
}

static void print_tool_ended(FILE *out, const struct session_record *record,
			     const struct report_tally *tally)
{
	if (tally->ended_from_above) {
		(void)fputs("all sessions together were about to use up their memory", out);
	} else {
		(void)fputs("memory was about to be used up (", out);
		headline_print_limit(out, LIMIT_MEMORY_MAX,
				     record->plan->limits[LIMIT_MEMORY_MAX].value);
		(void)fputs(")", out);
	}
	(void)fputs(" after ", out);
	headline_print_duration(out, tally->first_ended_usec);
	if (tally->tools_ended == 1)
		(void)fputs("; a tool was asked to end", out);
	else
		(void)fprintf(out, "; %" PRIu64 " tools were asked to end", tally->tools_ended);
	print_aftermath(out, record, tally);
}

static void print_died(FILE *out, const struct session_record *record)
{
	int signal_number = WTERMSIG(record->wait_status);

	print_name(out, record);
	(void)fprintf(out, " was killed by signal %d (", signal_number);
	headline_print_signal(out, signal_number);
	(void)fputs(") after ", out);
	headline_print_duration(out, record->duration_usec);
	if (signal_number != SIGKILL)
		return;
	if (record->enforced & (UINT32_C(1) << LIMIT_MEMORY_MAX))
		(void)fputs("; no out-of-memory kill was recorded in its cgroup", out);
	else
		(void)fputs("; whether for memory can't be told, it had no memory controller", out);
}

void headline_print_denied(FILE *out, const struct session_record *record,
			   const struct report_tally *tally)
{
	uint64_t limit = record->plan->limits[LIMIT_PIDS_MAX].value;

	if (tally->forks_denied == 1)
		(void)fputs("fork denied once", out);
	else
		(void)fprintf(out, "fork denied %" PRIu64 " times", tally->forks_denied);
	if (limit == LIMIT_UNLIMITED) {
		(void)fputs(" by a task limit outside the session", out);
		return;
	}
	(void)fputs(" at the limit of ", out);
	headline_print_limit(out, LIMIT_PIDS_MAX, limit);
	(void)fputs(" (--pids)", out);
}

static void print_stopped(FILE *out, const struct session_record *record)
{
	switch (record->stop_reason) {
	case STOP_HANGUP:
		(void)fputs("the terminal was closed", out);
		break;
	case STOP_SYSTEMD:
		(void)fputs("systemd stopped the session", out);
		break;
	case STOP_SIGNAL:
		(void)fputs("told to stop by ", out);
		headline_print_signal(out, record->stop_signal);
		break;
	case STOP_MEMORY:
		(void)fputs("memory was about to be used up", out);
		break;
	case STOP_SLICE:
		(void)fputs("all sessions together were about to use up their memory", out);
		break;
	case STOP_RESTART:
		(void)fputs("memory was short while it was idle", out);
		break;
	case STOP_NONE:
		break;
	}
	(void)fputs("; ", out);
	print_name(out, record);
	(void)fputs(" ended after ", out);
	headline_print_duration(out, record->duration_usec);
}

static void print_ended(FILE *out, const struct session_record *record)
{
	print_name(out, record);
	(void)fputs(" ended after ", out);
	headline_print_duration(out, record->duration_usec);
	(void)fprintf(out, ", exit status %d", outcome_exit_status(record));
}

static void print_leftovers(FILE *out, const struct session_record *record)
{
	print_ended(out, record);
	if (record->leftover_count == 1)
		(void)fputs("; a process was still alive and was ended", out);
	else if (record->leftover_count > 1)
		(void)fprintf(out, "; %zu processes were still alive and were ended",
			      record->leftover_count);
}

static void print_headline(FILE *out, const struct session_record *record)
{
	struct report_tally tally;

	report_tally(record, &tally);
	switch (outcome_classify(record)) {
	case OUTCOME_TOOL_KILLED:
	case OUTCOME_AGENT_KILLED:
		print_killed(out, record, &tally);
		break;
	case OUTCOME_TOOL_ENDED:
		print_tool_ended(out, record, &tally);
		break;
	case OUTCOME_AGENT_DIED:
		print_died(out, record);
		break;
	case OUTCOME_FORKS_DENIED:
		headline_print_denied(out, record, &tally);
		(void)fputs(" in ", out);
		headline_print_duration(out, record->duration_usec);
		(void)fputs("; some programs may have failed", out);
		break;
	case OUTCOME_STOPPED:
		print_stopped(out, record);
		break;
	case OUTCOME_LEFTOVERS:
		print_leftovers(out, record);
		break;
	case OUTCOME_CLEAN:
		print_ended(out, record);
		break;
	}
}

char *report_headline(const struct session_record *record)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_headline(out, record);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
