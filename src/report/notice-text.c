/* SPDX-License-Identifier: MIT */

/* See notice-text.h. */

#include "oc-run/notice-text.h"

#include <inttypes.h>
#include <string.h>

#include "headline.h"
#include "judgement.h"
#include "safe-text.h"

#define NAME_COLUMNS 30
#define LARGEST_COUNT 3

static void print_name(FILE *out, const char *name)
{
	safe_text_print(out, name[0] ? name : "?", NAME_COLUMNS);
}

static void print_bytes(FILE *out, uint64_t bytes)
{
	headline_print_limit(out, LIMIT_MEMORY_MAX, bytes);
}

static void print_tasks(FILE *out, uint64_t tasks)
{
	(void)fprintf(out, "%" PRIu64 " task%s", tasks, tasks == 1 ? "" : "s");
}

static const char *session_name(const struct notice_facts *facts)
{
	return facts->record->plan->name;
}

static uint64_t limit_of(const struct notice_facts *facts, enum limit_id id)
{
	return facts->record->plan->limits[id].value;
}

static bool is_for_tasks(const struct notice_subject *subject)
{
	return subject->event.kind == RECORD_WATCH_KILL && subject->event.value == LIMIT_PIDS_MAX;
}

/* ---- what ---- */

static void print_killed(FILE *out, const struct notice_subject *subject,
			 const struct notice_facts *facts)
{
	const struct record_victim *victim = &subject->event.victim;
	uint64_t others = subject->kills - subject->is_command_killed;

	print_name(out, session_name(facts));
	if (subject->is_command_killed && others == 0) {
		(void)fputs(" was killed", out);
	} else if (subject->is_command_killed) {
		(void)fprintf(out, " and %" PRIu64 " of its processes were killed", others);
	} else if (others > 1) {
		(void)fprintf(out, ": %" PRIu64 " processes were killed", others);
	} else {
		(void)fputs(": ", out);
		if (victim->pid > 0)
			print_name(out, victim->name);
		else
			(void)fputs("a process", out);
		(void)fputs(" was killed", out);
	}
	(void)fputs(is_for_tasks(subject) ? ", too many tasks" : " for memory", out);
}

static void print_title(FILE *out, const struct notice_subject *subject,
			const struct notice_facts *facts)
{
	if (subject->kind == NOTICE_KILL) {
		print_killed(out, subject, facts);
		return;
	}
	print_name(out, session_name(facts));
	switch (subject->kind) {
	case NOTICE_TOOL_ENDED:
		(void)fputs(": ", out);
		print_name(out, subject->event.victim.name);
		(void)fputs(" was asked to end, memory is nearly used up", out);
		break;
	case NOTICE_COMMAND_ENDED:
		(void)fputs(" was asked to end, memory is nearly used up", out);
		break;
	case NOTICE_MEMORY:
		(void)fputs(" is running short of memory", out);
		break;
	case NOTICE_STANDSTILL:
		(void)fputs(" stood still at --high, which has been lifted", out);
		break;
	case NOTICE_SWAP:
		(void)fputs(" has used up its swap", out);
		break;
	case NOTICE_TASKS:
		(void)fputs(" can't start more processes or threads", out);
		break;
	case NOTICE_ESCAPE:
		(void)fputs(" has a process outside of its limits", out);
		break;
	case NOTICE_KILL:
	case NOTICE_KIND_COUNT:
		break;
	}
}

/* ---- how much ---- */

static void print_of_limit(FILE *out, const struct notice_facts *facts, enum limit_id id)
{
	uint64_t limit = limit_of(facts, id);

	if (limit == LIMIT_UNLIMITED)
		return;
	(void)fputs(" of ", out);
	headline_print_limit(out, id, limit);
}

static void print_memory(FILE *out, const struct notice_facts *facts)
{
	const struct figures *figures = facts->figures;

	print_bytes(out, figures->unreclaimable_bytes);
	print_of_limit(out, facts, LIMIT_MEMORY_MAX);
	(void)fputs(" in use", out);
	if (figures->file_bytes > 0) {
		(void)fputs(", beside ", out);
		print_bytes(out, figures->file_bytes);
		(void)fputs(" of file cache that can be dropped", out);
	}
}

static void print_victim(FILE *out, const struct notice_subject *subject)
{
	const struct record_victim *victim = &subject->event.victim;

	if (victim->pid <= 0)
		return;
	(void)fputs(subject->kills > 1 ? "The largest was " : "It was ", out);
	print_name(out, victim->name);
	(void)fprintf(out, " (pid %d)", (int)victim->pid);
	if (victim->bytes > 0) {
		(void)fputs(" with ", out);
		print_bytes(out, victim->bytes);
	}
	(void)fputs("; ", out);
}

static void print_kill(FILE *out, const struct notice_subject *subject,
		       const struct notice_facts *facts)
{
	enum limit_id id = is_for_tasks(subject) ? LIMIT_PIDS_MAX : LIMIT_MEMORY_MAX;

	print_victim(out, subject);
	if (facts->from_above) {
		(void)fputs("the machine, or all sessions together, ran out of memory", out);
		return;
	}
	(void)fputs("the session's limit is ", out);
	headline_print_limit(out, id, limit_of(facts, id));
}

static void print_amount(FILE *out, const struct notice_subject *subject,
			 const struct notice_facts *facts)
{
	const struct record_victim *victim = &subject->event.victim;

	switch (subject->kind) {
	case NOTICE_TOOL_ENDED:
		print_victim(out, subject);
		print_memory(out, facts);
		break;
	case NOTICE_COMMAND_ENDED:
	case NOTICE_MEMORY:
		print_memory(out, facts);
		break;
	case NOTICE_STANDSTILL:
		print_memory(out, facts);
		(void)fprintf(out, "; %s", subject->event.detail);
		break;
	case NOTICE_SWAP:
		print_bytes(out, facts->figures->swap_bytes);
		(void)fputs(" of swap in use; memory: ", out);
		print_memory(out, facts);
		break;
	case NOTICE_TASKS:
		if (limit_of(facts, LIMIT_PIDS_MAX) == LIMIT_UNLIMITED)
			print_tasks(out, facts->figures->tasks);
		else
			(void)fprintf(out, "%" PRIu64, facts->figures->tasks);
		print_of_limit(out, facts, LIMIT_PIDS_MAX);
		(void)fputs(" in use, threads included; programs may fail or hang", out);
		break;
	case NOTICE_ESCAPE:
		if (victim->pid > 0) {
			print_name(out, victim->name);
			(void)fprintf(out, " (pid %d) ", (int)victim->pid);
		} else {
			(void)fputs("It ", out);
		}
		(void)fputs("has left the session's cgroup and could not be brought back", out);
		break;
	case NOTICE_KILL:
		print_kill(out, subject, facts);
		break;
	case NOTICE_KIND_COUNT:
		break;
	}
	(void)fputc('.', out);
}

/* ---- the largest ---- */

static void print_group(FILE *out, const struct report_group *group, enum report_group_order order)
{
	if (group->count > 1)
		(void)fprintf(out, "%zu x ", group->count);
	print_name(out, group->name);
	(void)fputc(' ', out);
	if (order == REPORT_GROUP_BY_TASKS)
		print_tasks(out, group->tasks);
	else
		print_bytes(out, group->bytes);
}

static int print_largest(FILE *out, const struct notice_subject *subject,
			 const struct notice_facts *facts)
{
	enum report_group_order order = subject->kind == NOTICE_TASKS || is_for_tasks(subject)
						? REPORT_GROUP_BY_TASKS
						: REPORT_GROUP_BY_BYTES;
	pid_t dead = subject->kind == NOTICE_KILL ? subject->event.victim.pid : 0;
	_cleanup_free_ struct report_group *groups = NULL;
	size_t count;
	int r;

	if (!facts->sample || subject->is_command_killed)
		return 0;
	r = report_group_sample(facts->sample, dead, order, &groups, &count);
	if (r < 0 || count == 0)
		return r;
	(void)fputs(subject->kind == NOTICE_KILL ? "\nLargest now: " : "\nLargest: ", out);
	for (size_t i = 0; i < count && i < LARGEST_COUNT; i++) {
		(void)fputs(i > 0 ? ", " : "", out);
		print_group(out, &groups[i], order);
	}
	(void)fputc('.', out);
	return 0;
}

/* ---- what to do ---- */

/* The largest process that is not the command itself. */
static const struct tree_process *largest_tool(const struct tree_sample *sample)
{
	const struct tree_process *largest = NULL;

	for (size_t i = 0; sample && i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (process->is_spared || process->state == 'Z' || process->state == 'X')
			continue;
		if (!largest || process->resident_bytes > largest->resident_bytes)
			largest = process;
	}
	return largest;
}

/* Is it worth ending? A small one does not help. */
static bool is_worth_ending(const struct tree_process *tool, const struct notice_facts *facts)
{
	return tool && tool->resident_bytes > facts->figures->unreclaimable_bytes / 8;
}

static bool can_raise(const struct notice_facts *facts, enum limit_id id)
{
	return report_raised_limit(facts->record, id) > 0;
}

static void print_raise(FILE *out, const struct notice_facts *facts, enum limit_id id)
{
	char text[LIMIT_TEXT_MAX];

	limit_format_option(limit_row(id), report_raised_limit(facts->record, id), text);
	(void)fprintf(out, "start with --%s %s next time", limit_row(id)->key, text);
}

static void print_memory_advice(FILE *out, const struct notice_facts *facts)
{
	const struct tree_process *tool = largest_tool(facts->sample);
	bool raise = can_raise(facts, LIMIT_MEMORY_MAX);

	if (is_worth_ending(tool, facts)) {
		(void)fputs("\nEnd ", out);
		print_name(out, tool->name);
		(void)fprintf(out, " (pid %d) if you do not need it%s", (int)tool->pid,
			      raise ? ", or " : "");
	} else if (raise) {
		(void)fputs("\nTo give it more, ", out);
	} else {
		(void)fputs("\nStart it anew in good time: this machine has no more to give", out);
	}
	if (raise)
		print_raise(out, facts, LIMIT_MEMORY_MAX);
	(void)fputc('.', out);
}

static void print_limit_advice(FILE *out, const struct notice_facts *facts, enum limit_id id)
{
	if (can_raise(facts, id)) {
		(void)fputs("\nTo give it more, ", out);
		print_raise(out, facts, id);
		(void)fputc('.', out);
	} else {
		(void)fputs("\nLet it run fewer things at once: there is no more to give here.",
			    out);
	}
}

static void print_advice(FILE *out, const struct notice_subject *subject,
			 const struct notice_facts *facts)
{
	switch (subject->kind) {
	case NOTICE_MEMORY:
	case NOTICE_SWAP:
		print_memory_advice(out, facts);
		break;
	case NOTICE_STANDSTILL:
		(void)fputs("\nLeave --high out next time: then the line goes up by itself.", out);
		break;
	case NOTICE_TASKS:
		print_limit_advice(out, facts, LIMIT_PIDS_MAX);
		break;
	case NOTICE_ESCAPE:
		(void)fputs("\nIt is ended with the session, but has no limit until then.", out);
		break;
	case NOTICE_TOOL_ENDED:
	case NOTICE_COMMAND_ENDED:
		print_limit_advice(out, facts, LIMIT_MEMORY_MAX);
		break;
	case NOTICE_KILL:
		if (facts->from_above)
			(void)fputs("\nClose other programs, or run fewer sessions at once.", out);
		else
			print_limit_advice(out, facts,
					   is_for_tasks(subject) ? LIMIT_PIDS_MAX
								 : LIMIT_MEMORY_MAX);
		break;
	case NOTICE_KIND_COUNT:
		break;
	}
}

/* ---- both texts ---- */

static int make_title(const struct notice_subject *subject, const struct notice_facts *facts,
		      struct notice *notice)
{
	size_t size;
	FILE *out = open_memstream(&notice->title, &size);

	if (!out)
		return -ENOMEM;
	print_title(out, subject, facts);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

static int make_body(const struct notice_subject *subject, const struct notice_facts *facts,
		     struct notice *notice)
{
	size_t size;
	FILE *out = open_memstream(&notice->body, &size);
	int r;

	if (!out)
		return -ENOMEM;
	print_amount(out, subject, facts);
	r = print_largest(out, subject, facts);
	print_advice(out, subject, facts);
	return fclose(out) == 0 ? r : -ENOMEM;
}

int notice_text_make(const struct notice_subject *subject, const struct notice_facts *facts,
		     struct notice *ret)
{
	struct notice notice = { .is_kill = subject->kind >= NOTICE_TOOL_ENDED };
	int r = make_title(subject, facts, &notice);

	if (r == 0)
		r = make_body(subject, facts, &notice);
	if (r < 0)
		notice_finish(&notice);
	else
		*ret = notice;
	return r;
}

int notice_copy(const struct notice *notice, struct notice *ret)
{
	struct notice copy = {
		.title = strdup(notice->title),
		.body = strdup(notice->body),
		.is_kill = notice->is_kill,
	};

	if (!copy.title || !copy.body) {
		notice_finish(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void notice_finish(struct notice *notice)
{
	cleanup_free(&notice->title);
	cleanup_free(&notice->body);
}
