/* SPDX-License-Identifier: MIT */

/*
 * The report for people: the headline, then the facts, then what to do; a dozen lines at most. No
 * colours: it is read in logs and mails too. Everything that a process chose (its name, its command
 * line) goes through safe_text_print().
 */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "headline.h"
#include "judgement.h"
#include "report-disk.h"
#include "safe-text.h"

#define NAME_COLUMNS 32
#define COMMAND_COLUMNS 60
#define KILL_LINES_MAX 4
#define GROUPS_MAX 6

static void print_bytes(FILE *out, uint64_t bytes)
{
	headline_print_limit(out, LIMIT_MEMORY_MAX, bytes);
}

static const char *source_clause(enum victim_source source)
{
	switch (source) {
	case VICTIM_KERNEL_LOG:
		return ", from the kernel's log";
	case VICTIM_SAMPLE:
		return ", as last seen by oc-run";
	case VICTIM_OWN:
		return ", by oc-run";
	case VICTIM_UNKNOWN:
		break;
	}
	return "";
}

static void print_killed_one(FILE *out, const struct record_victim *victim)
{
	(void)fprintf(out, " (pid %d", (int)victim->pid);
	if (victim->bytes > 0) {
		(void)fputs(", ", out);
		print_bytes(out, victim->bytes);
	}
	if (victim->command[0]) {
		(void)fputs(", `", out);
		safe_text_print(out, victim->command, COMMAND_COLUMNS);
		(void)fputc('`', out);
	}
	(void)fprintf(out, ")%s\n", source_clause(victim->source));
}

static void print_killed_group(FILE *out, const struct report_group *group)
{
	(void)fputs("  killed: ", out);
	if (group->count > 1)
		(void)fprintf(out, "%zu x ", group->count);
	safe_text_print(out, group->name, NAME_COLUMNS);
	if (group->count == 1) {
		print_killed_one(out, group->largest);
		return;
	}
	if (group->bytes > 0) {
		(void)fputs(" (", out);
		print_bytes(out, group->bytes);
		(void)fprintf(out, " together, the largest pid %d with ", (int)group->largest->pid);
		print_bytes(out, group->largest->bytes);
		(void)fputc(')', out);
	}
	(void)fprintf(out, "%s\n", source_clause(group->largest->source));
}

static int print_killed(FILE *out, const struct session_record *record,
			const struct report_tally *tally)
{
	_cleanup_free_ struct report_group *groups = NULL;
	size_t count, shown, rest = 0;

	if (tally->kills == 0)
		return 0;
	if (report_group(record, REPORT_GROUP_VICTIMS, &groups, &count) < 0)
		return -ENOMEM;

	shown = count > KILL_LINES_MAX ? KILL_LINES_MAX : count;
	for (size_t i = 0; i < shown; i++)
		print_killed_group(out, &groups[i]);
	for (size_t i = shown; i < count; i++)
		rest += groups[i].count;
	if (rest > 0)
		(void)fprintf(out, "  killed: %zu smaller ones\n", rest);
	if (tally->kills_unnamed > 0)
		(void)fprintf(out,
			      "  killed: %" PRIu64 " more that left no name (the kernel's log "
			      "can't be read, or they were gone too fast)\n",
			      tally->kills_unnamed);
	return 0;
}

/* Said where it makes a difference: the rest was page cache. */
static void print_unreclaimable(FILE *out, const struct session_record *record)
{
	uint64_t bytes = record->unreclaimable_peak_bytes;

	if (bytes == 0 || bytes > record->memory_peak_bytes / 10 * 9)
		return;
	(void)fputs(" (at most ", out);
	print_bytes(out, bytes);
	(void)fputs(" without page cache)", out);
}

static void print_peak(FILE *out, const struct session_record *record, enum limit_id id,
		       uint64_t peak, const char **separator)
{
	uint64_t limit = record->plan->limits[id].value;
	bool is_limited = limit != LIMIT_UNLIMITED && !report_limit_is_missing(record, id) &&
			  record->plan->limits[id].enforcer != ENFORCER_NONE;

	if (peak == 0)
		return;
	(void)fputs(*separator, out);
	*separator = ", ";
	if (id == LIMIT_PIDS_MAX) {
		(void)fprintf(out, "%" PRIu64, peak);
		if (is_limited)
			(void)fprintf(out, " of %" PRIu64, limit);
		(void)fputs(" tasks", out);
		return;
	}
	print_bytes(out, peak);
	if (is_limited) {
		(void)fputs(" of ", out);
		print_bytes(out, limit);
	}
	(void)fputs(id == LIMIT_MEMORY_MAX ? " memory" : " swap", out);
	if (id == LIMIT_MEMORY_MAX)
		print_unreclaimable(out, record);
}

static void print_peaks(FILE *out, const struct session_record *record)
{
	const char *separator = "  peak: ";

	print_peak(out, record, LIMIT_MEMORY_MAX, record->memory_peak_bytes, &separator);
	print_peak(out, record, LIMIT_MEMORY_SWAP_MAX, record->swap_peak_bytes, &separator);
	print_peak(out, record, LIMIT_PIDS_MAX, record->tasks_peak, &separator);
	if (separator[0] != ',')
		return;
	(void)fputs(record->peak_is_sampled ? " (largest sample; bursts may have been higher)\n"
					    : "\n",
		    out);
}

static void print_ended_tool(FILE *out, const struct record_event *event)
{
	const struct record_victim *victim = &event->victim;

	(void)fprintf(out, "  %s: ", event->value == SIGKILL ? "and killed" : "asked to end");
	safe_text_print(out, victim->name, NAME_COLUMNS);
	print_killed_one(out, victim);
}

static void print_shortage(FILE *out, const struct session_record *record,
			   const struct report_tally *tally)
{
	unsigned shown = 0;

	if (tally->short_usec > 0) {
		(void)fputs("  memory was short for ", out);
		headline_print_duration(out, tally->short_usec);
		(void)fputs(", first after ", out);
		headline_print_duration(out, tally->first_short_usec);
		(void)fputc('\n', out);
	}
	for (size_t i = 0; i < record->event_count; i++) {
		if (record->events[i].kind == RECORD_LIVELOCK)
			(void)fprintf(out, "  memory.high was lifted after %s\n",
				      record->events[i].detail);
		if (record->events[i].kind == RECORD_LIMIT_CHANGED)
			(void)fprintf(out, "  somebody changed a limit: %s\n",
				      record->events[i].detail);
		if (record->events[i].kind == RECORD_TOOL_ENDED && shown++ < KILL_LINES_MAX)
			print_ended_tool(out, &record->events[i]);
	}
}

/* "3 chrome, 2 node, 1 git" */
static void print_groups(FILE *out, const struct report_group *groups, size_t count)
{
	size_t shown = count > GROUPS_MAX ? GROUPS_MAX : count, rest = 0;

	for (size_t i = 0; i < shown; i++) {
		(void)fprintf(out, "%s%zu ", i > 0 ? ", " : "", groups[i].count);
		safe_text_print(out, groups[i].name, NAME_COLUMNS);
	}
	for (size_t i = shown; i < count; i++)
		rest += groups[i].count;
	if (rest > 0)
		(void)fprintf(out, ", %zu others", rest);
}

static int print_leftovers(FILE *out, const struct session_record *record,
			   const struct report_tally *tally)
{
	bool is_headline = outcome_classify(record) == OUTCOME_LEFTOVERS;
	_cleanup_free_ struct report_group *groups = NULL;
	size_t count;

	if (record->leftover_count == 0)
		return 0;
	if (report_group(record, REPORT_GROUP_LEFTOVERS, &groups, &count) < 0)
		return -ENOMEM;

	(void)fputs(is_headline ? "  ended: " : "  also ended: ", out);
	print_groups(out, groups, count);
	if (tally->leftover_bytes > 0) {
		(void)fputs(" (", out);
		print_bytes(out, tally->leftover_bytes);
		(void)fputc(')', out);
	}
	if (!is_headline) {
		(void)fputs(", still alive when ", out);
		safe_text_print(out, report_command_name(record), NAME_COLUMNS);
		(void)fputs(" had ended", out);
	}
	(void)fputc('\n', out);
	return 0;
}

static int print_escapes(FILE *out, const struct session_record *record,
			 const struct report_tally *tally)
{
	_cleanup_free_ struct report_group *groups = NULL;
	size_t count, named = 0;

	if (tally->escapes == 0)
		return 0;
	if (report_group(record, REPORT_GROUP_ESCAPES, &groups, &count) < 0)
		return -ENOMEM;

	for (size_t i = 0; i < count; i++)
		named += groups[i].count;
	(void)fputs("  left the cgroup: ", out);
	print_groups(out, groups, count);
	if (named < tally->escapes)
		(void)fprintf(out, "%s%" PRIu64 " process%s", named > 0 ? " and " : "",
			      tally->escapes - named, tally->escapes - named == 1 ? "" : "es");
	if (record->recaptured >= tally->escapes)
		(void)fputs("; brought back\n", out);
	else if (record->recaptured > 0)
		(void)fprintf(out, "; %zu brought back, the rest ended with the session\n",
			      record->recaptured);
	else if (record->plan->escape == ESCAPE_KILL)
		(void)fputs("; killed\n", out);
	else
		(void)fputs("; ended with the session\n", out);
	return 0;
}

/* Limits whose enforcer @matches, as "--mem 4.0 GiB, --pids 64 tasks". */
static void print_limits(FILE *out, const struct session_record *record, const char *before,
			 bool (*matches)(const struct session_record *, enum limit_id),
			 const char *after)
{
	const char *separator = before;

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;

		if (!matches(record, id))
			continue;
		(void)fprintf(out, "%s--%s ", separator, limit_row(id)->key);
		headline_print_limit(out, id, record->plan->limits[id].value);
		separator = ", ";
	}
	if (separator != before)
		(void)fputs(after, out);
}

static bool is_watched(const struct session_record *record, enum limit_id id)
{
	const struct plan_limit *limit = &record->plan->limits[id];

	return limit->enforcer == ENFORCER_WATCH && limit->value != LIMIT_UNLIMITED;
}

static void print_state(FILE *out, const struct session_record *record,
			const struct report_tally *tally)
{
	if (tally->forks_denied > 0 && outcome_classify(record) != OUTCOME_FORKS_DENIED) {
		(void)fputs("  also: ", out);
		headline_print_denied(out, record, tally);
		(void)fputc('\n', out);
	}
	if (record->unkillable) {
		(void)fputs("  could not be ended: ", out);
		safe_text_print(out, record->unkillable, 200);
		(void)fputc('\n', out);
	}
	print_limits(out, record, "  not held: ", report_limit_is_missing, ", nobody could here\n");
	print_limits(out, record, "  held by watching, not by the kernel: ", is_watched, "\n");
	if (record->terminal_was_reset)
		(void)fputs("  the terminal was put back as it was before\n", out);
}

static int print_next(FILE *out, const struct session_record *record)
{
	char **steps;

	if (report_next_steps(record, &steps) < 0)
		return -ENOMEM;
	for (size_t i = 0; steps[i]; i++)
		(void)fprintf(out, "  next: %s\n", steps[i]);
	report_free_strings(steps);
	return 0;
}

static int print_report(FILE *out, const struct session_record *record)
{
	_cleanup_free_ char *headline = report_headline(record);
	struct report_tally tally;

	if (!headline)
		return -ENOMEM;

	report_tally(record, &tally);
	(void)fprintf(out, "oc-run: %s\n", headline);
	if (print_killed(out, record, &tally) < 0)
		return -ENOMEM;
	print_peaks(out, record);
	print_shortage(out, record, &tally);
	if (print_leftovers(out, record, &tally) < 0 || print_escapes(out, record, &tally) < 0)
		return -ENOMEM;
	print_state(out, record, &tally);
	report_disk_text(out, record);
	if (record->restart.why_not[0])
		(void)fprintf(out, "  not started again: %s\n", record->restart.why_not);
	return print_next(out, record);
}

char *report_text(const struct session_record *record)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int result;

	if (!out)
		return NULL;
	result = print_report(out, record);
	if (fclose(out) != 0 || result < 0) {
		free(text);
		return NULL;
	}
	return text;
}
