/* SPDX-License-Identifier: MIT */

/*
 * What an agent is told. It can't change a limit, and may take a killed tool for a broken one: so
 * each sentence names what was killed and the limit, and the advice is what it can do itself, then
 * what it may ask for. Names are the processes' own choice and come out on one line.
 */

#include "oc-run/status.h"

#include <inttypes.h>
#include <signal.h>

#include "headline.h"
#include "judgement.h"
#include "safe-text.h"

#define NAME_COLUMNS 40

struct words {
	const struct status_event *told;
	const struct session_record *record;
	FILE *out;
};

static uint64_t limit_of(const struct words *words, enum limit_id id)
{
	return words->record->plan->limits[id].value;
}

static void print_limit(const struct words *words, enum limit_id id)
{
	headline_print_limit(words->out, id, limit_of(words, id));
}

static bool is_for_tasks(const struct record_event *event)
{
	return event->kind == RECORD_WATCH_KILL && event->value == LIMIT_PIDS_MAX;
}

/* A session without a limit of its own can only be killed by others'. */
static bool is_from_above(const struct words *words)
{
	return words->told->from_above || limit_of(words, LIMIT_MEMORY_MAX) == LIMIT_UNLIMITED;
}

static void print_victim(const struct words *words)
{
	const struct record_victim *victim = &words->told->event.victim;

	if (victim->pid <= 0 || !victim->name[0]) {
		(void)fputs("a process", words->out);
		return;
	}
	safe_text_print(words->out, victim->name, NAME_COLUMNS);
	if (victim->is_agent)
		(void)fputs(" itself", words->out);
	if (victim->bytes > 0 && !is_for_tasks(&words->told->event)) {
		(void)fputs(" (", words->out);
		headline_print_limit(words->out, LIMIT_MEMORY_MAX, victim->bytes);
		(void)fputs(")", words->out);
	}
}

static void print_kill(const struct words *words)
{
	print_victim(words);
	if (is_for_tasks(&words->told->event)) {
		(void)fputs(" was killed: this session's limit is ", words->out);
		print_limit(words, LIMIT_PIDS_MAX);
		(void)fputs(" (processes and threads), and there were more.", words->out);
	} else if (is_from_above(words)) {
		(void)fputs(" was killed for memory: the machine, or all sessions together, ran "
			    "out of it.",
			    words->out);
	} else {
		(void)fputs(" was killed for memory: this session's limit is ", words->out);
		print_limit(words, LIMIT_MEMORY_MAX);
		(void)fputs(" and nothing more fits.", words->out);
	}
}

static void print_ended(const struct words *words)
{
	print_victim(words);
	(void)fprintf(words->out, " was %s, with all its processes, before memory was used up: ",
		      words->told->event.value == SIGKILL ? "killed" : "asked to end");
	if (words->told->from_above) {
		(void)fputs("all sessions together came near what they may have.", words->out);
		return;
	}
	(void)fputs("this session's limit is ", words->out);
	print_limit(words, LIMIT_MEMORY_MAX);
	(void)fputs(".", words->out);
}

static void print_denied(const struct words *words)
{
	uint64_t count = words->told->event.value;

	(void)fputs("a new process or thread was denied", words->out);
	if (count > 1)
		(void)fprintf(words->out, " (%" PRIu64 " times)", count);
	if (limit_of(words, LIMIT_PIDS_MAX) == LIMIT_UNLIMITED) {
		(void)fputs(": a limit outside of this session was reached.", words->out);
		return;
	}
	(void)fputs(": this session's limit is ", words->out);
	print_limit(words, LIMIT_PIDS_MAX);
	(void)fputs(" (processes and threads), and all were in use.", words->out);
}

static void print_short(const struct words *words)
{
	const struct record_event *event = &words->told->event;

	(void)fputs("memory is getting short", words->out);
	if (event->unreclaimable_bytes > 0) {
		(void)fputs(": ", words->out);
		headline_print_limit(words->out, LIMIT_MEMORY_MAX, event->unreclaimable_bytes);
		(void)fputs(" of this session's ", words->out);
		print_limit(words, LIMIT_MEMORY_MAX);
		(void)fputs(" can't be given back", words->out);
	}
	(void)fputs(".", words->out);
}

static void print_escape(const struct words *words)
{
	print_victim(words);
	(void)fputs(" left the limits of this session; it is brought back, or ended with it.",
		    words->out);
}

static void print_step(const struct words *words)
{
	(void)fputs("this session is being ended: ", words->out);
	headline_print_signal(words->out, (int)words->told->event.value);
	(void)fputs(" was sent.", words->out);
}

static void print_sentence(const struct words *words)
{
	switch (words->told->event.kind) {
	case RECORD_OOM_KILL:
	case RECORD_WATCH_KILL:
		print_kill(words);
		break;
	case RECORD_FORK_DENIED:
		print_denied(words);
		break;
	case RECORD_PRESSURE:
		print_short(words);
		break;
	case RECORD_PRESSURE_OVER:
		(void)fputs("memory is no longer short.", words->out);
		break;
	case RECORD_HIGH:
		(void)fputs("programs are slowed down to free memory.", words->out);
		break;
	case RECORD_SWAP_HELD:
		(void)fputs("programs stood still for swap, which is slow here: no more is used "
			    "for now.",
			    words->out);
		break;
	case RECORD_SWAP_FREED:
		(void)fputs("swap may be used again.", words->out);
		break;
	case RECORD_TOOL_ENDED:
		print_ended(words);
		break;
	case RECORD_HIGH_LOWERED:
		(void)fputs("programs use less memory again.", words->out);
		break;
	case RECORD_LIVELOCK:
		(void)fputs("programs stood still for want of memory and were let go on.",
			    words->out);
		break;
	case RECORD_MEMORY_MAX:
		(void)fputs("memory is at this session's limit of ", words->out);
		print_limit(words, LIMIT_MEMORY_MAX);
		(void)fputs("; the next step is a kill.", words->out);
		break;
	case RECORD_SWAP_FULL:
		(void)fputs("the swap of this session is used up.", words->out);
		break;
	case RECORD_ESCAPE:
		print_escape(words);
		break;
	case RECORD_LIMIT_CHANGED:
		(void)fputs("somebody changed a limit of this session.", words->out);
		break;
	case RECORD_STOP_ASKED:
		(void)fputs("this session was asked to end.", words->out);
		break;
	case RECORD_LADDER:
		print_step(words);
		break;
	case RECORD_EVENT_KIND_COUNT:
		break;
	}
}

static void print_raise(const struct words *words, enum limit_id id)
{
	uint64_t raised = report_raised_limit(words->record, id);
	char text[LIMIT_TEXT_MAX];

	if (raised == 0)
		return;
	limit_format_option(limit_row(id), raised, text);
	(void)fprintf(words->out,
		      ", or ask the user to start oc-run with a larger --%s (for example --%s %s)",
		      limit_row(id)->key, limit_row(id)->key, text);
}

static void print_memory_advice(const struct words *words)
{
	(void)fputs("Run it on less data or in parts", words->out);
	if (is_from_above(words))
		(void)fputs(", or ask the user to close other programs", words->out);
	else
		print_raise(words, LIMIT_MEMORY_MAX);
	(void)fputs(".", words->out);
}

static void print_tasks_advice(const struct words *words)
{
	(void)fputs("Run fewer things at once (fewer workers, a smaller -j)", words->out);
	print_raise(words, LIMIT_PIDS_MAX);
	(void)fputs(".", words->out);
}

static void print_advice(const struct words *words)
{
	const struct record_event *event = &words->told->event;

	switch (event->kind) {
	case RECORD_OOM_KILL:
	case RECORD_WATCH_KILL:
		if (is_for_tasks(event))
			print_tasks_advice(words);
		else
			print_memory_advice(words);
		break;
	case RECORD_TOOL_ENDED:
		print_memory_advice(words);
		break;
	case RECORD_FORK_DENIED:
		print_tasks_advice(words);
		break;
	case RECORD_PRESSURE:
	case RECORD_HIGH:
	case RECORD_LIVELOCK:
	case RECORD_MEMORY_MAX:
	case RECORD_SWAP_FULL:
		(void)fputs("End what is not needed, and run fewer or smaller things at once.",
			    words->out);
		break;
	case RECORD_HIGH_LOWERED:
	case RECORD_SWAP_HELD:
	case RECORD_SWAP_FREED:
	case RECORD_PRESSURE_OVER:
	case RECORD_ESCAPE:
	case RECORD_LIMIT_CHANGED:
	case RECORD_STOP_ASKED:
	case RECORD_LADDER:
	case RECORD_EVENT_KIND_COUNT:
		break;
	}
}

/* -ENOMEM; 0 with NULL: it printed nothing. */
static int print_to(struct words *words, void (*print)(const struct words *words), char **ret)
{
	char *text = NULL;
	size_t size;

	words->out = open_memstream(&text, &size);
	if (!words->out)
		return -ENOMEM;
	print(words);
	if (fclose(words->out) != 0) {
		free(text);
		return -ENOMEM;
	}
	if (size == 0)
		cleanup_free(&text);
	*ret = text;
	return 0;
}

int status_words_make(const struct status_event *event, const struct session_record *record,
		      struct status_words *ret)
{
	struct words words = { .told = event, .record = record };
	struct status_words made = { .sentence = NULL };
	int r = print_to(&words, print_sentence, &made.sentence);

	if (r == 0)
		r = print_to(&words, print_advice, &made.advice);
	if (r < 0)
		status_words_finish(&made);
	else
		*ret = made;
	return r;
}

void status_words_finish(struct status_words *words)
{
	cleanup_free(&words->sentence);
	cleanup_free(&words->advice);
}
