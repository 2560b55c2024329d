/* SPDX-License-Identifier: MIT */

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "headline.h"
#include "journal-fields.h"
#include "message-ids.h"
#include "safe-text.h"

#define NAME_COLUMNS 64

static void add(struct journal_fields *fields, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct journal_fields *fields, const char *format, ...)
{
	char *text;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);

	if (length < 0) {
		fields->failed = true;
	} else if (fields->count == JOURNAL_FIELDS_MAX) {
		free(text);
		fields->failed = true;
	} else {
		fields->texts[fields->count++] = text;
	}
}

/* A name that a process chose: on one line, without anything that acts on a terminal. */
static void add_name(struct journal_fields *fields, const char *field, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		fields->failed = true;
		return;
	}
	safe_text_print(out, name, NAME_COLUMNS);
	if (fclose(out) == 0)
		add(fields, "%s=%s", field, text);
	else
		fields->failed = true;
	free(text);
}

static void add_limits(struct journal_fields *fields, const struct session_record *record)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct plan_limit *limit = &record->plan->limits[i];
		char name[32];

		if (limit->value == LIMIT_UNLIMITED)
			continue;
		(void)snprintf(name, sizeof(name), "%s", limit_row((enum limit_id)i)->key);
		for (char *at = name; *at; at++) {
			if (*at == '-')
				*at = '_';
			else
				*at = (char)toupper((unsigned char)*at);
		}
		add(fields, "OC_RUN_LIMIT_%s=%" PRIu64, name, limit->value);
	}
}

static void begin(struct journal_fields *fields, const struct session_record *record,
		  const char *event, const char *message_id, int priority)
{
	*fields = (struct journal_fields){ .count = 0 };
	add(fields, "MESSAGE_ID=%s", message_id);
	add(fields, "PRIORITY=%d", priority);
	add(fields, "SYSLOG_IDENTIFIER=oc-run");
	add(fields, "OC_RUN_EVENT=%s", event);
	add(fields, "OC_RUN_SESSION=%s", record->plan->id);
	add_name(fields, "OC_RUN_NAME", record->plan->name);
	add_name(fields, "OC_RUN_COMMAND", report_command_name(record));
	add(fields, "OC_RUN_BACKEND=%s", backend_kind_name(record->backend));
	if (record->backend == BACKEND_SYSTEMD)
		add(fields, "OC_RUN_UNIT=%s", record->plan->unit);
	if (record->cgroup_path)
		add(fields, "OC_RUN_CGROUP=%s", record->cgroup_path);
}

void journal_fields_started(const struct session_record *record, struct journal_fields *ret)
{
	char memory[LIMIT_TEXT_MAX], tasks[LIMIT_TEXT_MAX];

	begin(ret, record, "started", MESSAGE_ID_STARTED, LOG_INFO);
	add_limits(ret, record);
	add(ret, "OC_RUN_PID=%d", (int)record->agent_pid);
	limit_format_human(limit_row(LIMIT_MEMORY_MAX),
			   record->plan->limits[LIMIT_MEMORY_MAX].value, memory);
	limit_format_human(limit_row(LIMIT_PIDS_MAX), record->plan->limits[LIMIT_PIDS_MAX].value,
			   tasks);
	add(ret, "MESSAGE=Session %s started (memory: %s, pids: %s)", record->plan->id, memory,
	    tasks);
}

struct event_kind {
	const char *message_id;
	int priority;
	const char *words;
};

static const struct event_kind event_kinds[RECORD_EVENT_KIND_COUNT] = {
	[RECORD_HIGH] = { MESSAGE_ID_MEMORY_HIGH, LOG_NOTICE, "crossed memory.high" },
	[RECORD_HIGH_LOWERED] = { MESSAGE_ID_HIGH_LOWERED, LOG_INFO, "uses less memory again" },
	[RECORD_SWAP_HELD] = { MESSAGE_ID_SWAP_HELD, LOG_NOTICE, "stood still for swap" },
	[RECORD_SWAP_FREED] = { MESSAGE_ID_SWAP_FREED, LOG_INFO, "may use its swap again" },
	[RECORD_LIVELOCK] = { MESSAGE_ID_LIVELOCK, LOG_WARNING,
			      "stood still at memory.high, which was lifted" },
	[RECORD_PRESSURE] = { MESSAGE_ID_PRESSURE, LOG_WARNING, "runs short of memory" },
	[RECORD_PRESSURE_OVER] = { MESSAGE_ID_PRESSURE_OVER, LOG_INFO, "has enough memory again" },
	[RECORD_TOOL_ENDED] = { MESSAGE_ID_TOOL_ENDED, LOG_WARNING,
				"was about to use up its memory, oc-run ends a tool" },
	[RECORD_MEMORY_MAX] = { MESSAGE_ID_MEMORY_MAX, LOG_NOTICE, "reached its memory limit" },
	[RECORD_OOM_KILL] = { MESSAGE_ID_OOM_KILL, LOG_WARNING,
			      "lost a process to the kernel's out-of-memory killer" },
	[RECORD_WATCH_KILL] = { MESSAGE_ID_WATCH_KILL, LOG_WARNING,
				"was over a limit, oc-run ended a process" },
	[RECORD_FORK_DENIED] = { MESSAGE_ID_FORK_DENIED, LOG_WARNING,
				 "reached its task limit, fork was denied" },
	[RECORD_SWAP_FULL] = { MESSAGE_ID_SWAP_FULL, LOG_NOTICE, "reached its swap limit" },
	[RECORD_ESCAPE] = { MESSAGE_ID_ESCAPE, LOG_NOTICE, "had a process leave its cgroup" },
	[RECORD_LIMIT_CHANGED] = { MESSAGE_ID_LIMIT_CHANGED, LOG_NOTICE,
				   "had a limit changed by somebody else" },
	[RECORD_STOP_ASKED] = { MESSAGE_ID_STOP_ASKED, LOG_INFO, "was asked to stop" },
	[RECORD_LADDER] = { MESSAGE_ID_LADDER, LOG_INFO, "is being ended" },
};

void journal_fields_event(const struct session_record *record, const struct record_event *event,
			  struct journal_fields *ret)
{
	const struct event_kind *kind = &event_kinds[event->kind];
	const struct record_victim *victim = &event->victim;

	begin(ret, record, record_event_kind_name(event->kind), kind->message_id, kind->priority);
	add_limits(ret, record);
	if (event->kind == RECORD_WATCH_KILL && event->value < LIMIT_COUNT)
		add(ret, "OC_RUN_LIMIT=%s", limit_row((enum limit_id)event->value)->key);
	else
		add(ret, "OC_RUN_VALUE=%" PRIu64, event->value);
	if (event->detail[0])
		add_name(ret, "OC_RUN_DETAIL", event->detail);
	if (event->memory_bytes > 0) {
		add(ret, "OC_RUN_MEMORY=%" PRIu64, event->memory_bytes);
		add(ret, "OC_RUN_UNRECLAIMABLE=%" PRIu64, event->unreclaimable_bytes);
	}
	if (victim->pid <= 0) {
		add(ret, "MESSAGE=Session %s %s", record->plan->id, kind->words);
		return;
	}
	add(ret, "OC_RUN_VICTIM_PID=%d", (int)victim->pid);
	add_name(ret, "OC_RUN_VICTIM_NAME", victim->name);
	add(ret, "OC_RUN_VICTIM_BYTES=%" PRIu64, victim->bytes);
	add(ret, "OC_RUN_VICTIM_SOURCE=%s", victim_source_name(victim->source));
	add(ret, "MESSAGE=Session %s %s: pid %d, %" PRIu64 " MiB", record->plan->id, kind->words,
	    (int)victim->pid, victim->bytes >> 20);
}

void journal_fields_notice(const struct session_record *record, enum notice_kind kind,
			   const struct notice *notice, struct journal_fields *ret)
{
	_cleanup_free_ char *line = notice_text_line(notice);

	begin(ret, record, "notice", MESSAGE_ID_NOTICE, notice->is_kill ? LOG_WARNING : LOG_NOTICE);
	add(ret, "OC_RUN_NOTICE=%s", notice_kind_name(kind));
	if (line)
		add(ret, "MESSAGE=%s", line);
	else
		ret->failed = true;
}

static int ended_priority(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_AGENT_KILLED:
	case OUTCOME_AGENT_DIED:
	case OUTCOME_TOOL_KILLED:
	case OUTCOME_TOOL_ENDED:
	case OUTCOME_FORKS_DENIED:
		return LOG_WARNING;
	case OUTCOME_LEFTOVERS:
		return LOG_NOTICE;
	case OUTCOME_CLEAN:
	case OUTCOME_STOPPED:
		break;
	}
	return LOG_INFO;
}

void journal_fields_ended(const struct session_record *record, struct journal_fields *ret)
{
	_cleanup_free_ char *headline = report_headline(record);
	enum outcome outcome = outcome_classify(record);
	struct report_tally tally;

	report_tally(record, &tally);
	begin(ret, record, "ended", MESSAGE_ID_ENDED, ended_priority(outcome));
	add_limits(ret, record);
	add(ret, "OC_RUN_OUTCOME=%s", outcome_name(outcome));
	add(ret, "OC_RUN_EXIT_STATUS=%d", outcome_exit_status(record));
	add(ret, "OC_RUN_DURATION_USEC=%" PRIu64, record->duration_usec);
	add(ret, "OC_RUN_PEAK_MEMORY=%" PRIu64, record->memory_peak_bytes);
	add(ret, "OC_RUN_PEAK_SWAP=%" PRIu64, record->swap_peak_bytes);
	add(ret, "OC_RUN_PEAK_TASKS=%" PRIu64, record->tasks_peak);
	add(ret, "OC_RUN_KILLS=%" PRIu64, tally.kills);
	add(ret, "OC_RUN_TOOLS_ENDED=%" PRIu64, tally.tools_ended);
	add(ret, "OC_RUN_FORKS_DENIED=%" PRIu64, tally.forks_denied);
	add(ret, "OC_RUN_LEFTOVERS=%zu", record->leftover_count);
	add(ret, "OC_RUN_ESCAPES=%" PRIu64, tally.escapes);
	if (headline)
		add(ret, "MESSAGE=Session %s ended: %s", record->plan->id, headline);
	else
		ret->failed = true;
}

void journal_fields_finish(struct journal_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		free(fields->texts[i]);
	fields->count = 0;
}
