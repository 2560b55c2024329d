/* SPDX-License-Identifier: MIT */

/*
 * What to do next. A limit that was reached is to be raised to a value that a person would choose:
 * half as much memory again, twice the tasks. Never to all of the machine's memory: the point of
 * the limit is that the rest of it stays usable.
 */

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "oc-run/parse.h"

#include "judgement.h"
#include "report-disk.h"
#include "safe-text.h"

#define STEPS_MAX 12

static uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

/* Half as much again, up to a round number, at most 90 % of what the machine has. */
static uint64_t raised_memory(uint64_t value, uint64_t ram_bytes)
{
	uint64_t wanted, step;

	if (value >= UINT64_C(1) << 50)
		return 0;

	wanted = value + value / 2;
	step = wanted < 2 * GIBIBYTE ? 128 * MEBIBYTE : GIBIBYTE;
	wanted = round_up(wanted, step);
	if (ram_bytes > 0 && wanted > ram_bytes / 10 * 9) {
		step = ram_bytes < 4 * GIBIBYTE ? 128 * MEBIBYTE : GIBIBYTE / 2;
		wanted = ram_bytes / 10 * 9 / step * step;
	}
	/* Less than a tenth more would only be reached again. */
	return wanted >= value + value / 10 ? wanted : 0;
}

uint64_t report_raised_limit(const struct session_record *record, enum limit_id id)
{
	uint64_t value = record->plan->limits[id].value;

	if (value == LIMIT_UNLIMITED)
		return 0;
	if (id == LIMIT_MEMORY_MAX)
		return raised_memory(value, record->ram_bytes);
	/* The kernel knows no more than 4194304 tasks (PID_MAX_LIMIT). */
	if (id == LIMIT_PIDS_MAX && value <= UINT64_C(2097152))
		return value < 16 ? 32 : 2 * value;
	return 0;
}

static bool was_reached(const struct report_tally *tally, enum limit_id id)
{
	if (id == LIMIT_PIDS_MAX && tally->forks_denied > 0)
		return true;
	if (id == LIMIT_MEMORY_MAX && tally->tools_ended > 0 && !tally->ended_from_above)
		return true;
	return tally->kills > 0 && !tally->from_above && tally->kill_limit == id;
}

bool report_wants_raise(const struct session_record *record, const struct report_tally *tally,
			enum limit_id id)
{
	return was_reached(tally, id) && report_raised_limit(record, id) > 0;
}

static void print_option(FILE *out, enum limit_id id, uint64_t value)
{
	char text[LIMIT_TEXT_MAX];

	limit_format_option(limit_row(id), value, text);
	(void)fprintf(out, " --%s %s", limit_row(id)->key, text);
}

/* As it was typed, so that it can be pasted: quoted where a shell would take it apart. */
static void print_word(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "%+,-./:=@_";
	bool quote = !*word || word[strspn(word, plain)];

	(void)fputs(quote ? "'" : "", out);
	safe_text_print(out, word, 60);
	(void)fputs(quote ? "'" : "", out);
}

/* "oc-run --mem 6G --pids 64 -- opencode ...": with what was given on the command line before. */
static void print_command(FILE *out, const struct session_record *record,
			  const struct report_tally *tally)
{
	(void)fputs("oc-run", out);
	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		const struct plan_limit *limit = &record->plan->limits[id];

		if (report_wants_raise(record, tally, id))
			print_option(out, id, report_raised_limit(record, id));
		else if (limit->asked && limit->where && strncmp(limit->where, "-", 1) == 0)
			print_option(out, id, limit->value);
	}
	(void)fputs(" -- ", out);
	print_word(out, record->plan->command[0]);
	if (record->plan->command[1])
		(void)fputs(" ...", out);
}

static void print_raise(FILE *out, const struct session_record *record,
			const struct report_tally *tally)
{
	(void)fputs("give it more with `", out);
	print_command(out, record, tally);
	(void)fputc('`', out);
}

static void print_too_small_machine(FILE *out, const struct session_record *record)
{
	char text[LIMIT_TEXT_MAX];

	limit_format_human(limit_row(LIMIT_MEMORY_MAX), record->ram_bytes, text);
	(void)fprintf(out, "this machine has no more to give (%s); let it run fewer things at once",
		      text);
}

struct steps {
	char **texts;
	size_t count;
	FILE *out; /* the step being written */
	char *text;
	size_t size;
};

static FILE *step_begin(struct steps *steps)
{
	steps->text = NULL;
	steps->out = open_memstream(&steps->text, &steps->size);
	return steps->out;
}

static void step_end(struct steps *steps)
{
	if (fclose(steps->out) == 0)
		steps->texts[steps->count++] = steps->text;
	else
		free(steps->text);
}

static int add_limit_steps(struct steps *steps, const struct session_record *record,
			   const struct report_tally *tally)
{
	bool memory = was_reached(tally, LIMIT_MEMORY_MAX);
	bool can_raise_memory = report_wants_raise(record, tally, LIMIT_MEMORY_MAX);

	if (can_raise_memory || report_wants_raise(record, tally, LIMIT_PIDS_MAX)) {
		if (!step_begin(steps))
			return -ENOMEM;
		print_raise(steps->out, record, tally);
		step_end(steps);
	}
	if (memory && !can_raise_memory && record->ram_bytes > 0) {
		if (!step_begin(steps))
			return -ENOMEM;
		print_too_small_machine(steps->out, record);
		step_end(steps);
	}
	return 0;
}

static int add_step(struct steps *steps, const char *text)
{
	if (!step_begin(steps))
		return -ENOMEM;
	(void)fputs(text, steps->out);
	step_end(steps);
	return 0;
}

static int add_lock(struct steps *steps, const struct session_record *record)
{
	if (!step_begin(steps))
		return -ENOMEM;
	report_disk_advice(steps->out, record);
	step_end(steps);
	return 0;
}

static int add_resume(struct steps *steps, const char *before, const char *command)
{
	if (!step_begin(steps))
		return -ENOMEM;
	(void)fputs(before, steps->out);
	safe_text_print(steps->out, command, SIZE_MAX);
	(void)fputc('`', steps->out);
	step_end(steps);
	return 0;
}

static int add_steps(struct steps *steps, const struct session_record *record)
{
	struct report_tally tally;
	int result;

	report_tally(record, &tally);
	result = add_limit_steps(steps, record, &tally);
	if (result == 0 && ((tally.kills > 0 && tally.from_above) || tally.ended_from_above ||
			    record->stop_reason == STOP_SLICE))
		result =
			add_step(steps, "close other programs, run fewer sessions at once, or give "
					"each less with --mem; more for this one does not help");
	if (result == 0 && outcome_classify(record) == OUTCOME_AGENT_DIED &&
	    WTERMSIG(record->wait_status) == SIGKILL)
		result = add_step(steps,
				  "if nobody sent it by hand, `journalctl -b` may name a memory "
				  "killer (systemd-oomd, earlyoom)");
	if (result == 0 && record->unkillable)
		result =
			add_step(steps, "what could not be ended goes away by itself once its disk "
					"or network share answers");
	if (result == 0 && record->snapshots.persons_lock)
		result = add_lock(steps, record);
	/* What is done already is no advice. */
	if (record->restart.again)
		return result;
	if (result == 0 && record->resume_command)
		result = add_resume(steps, "go on with `", record->resume_command);
	else if (result == 0 && record->resume_find_command)
		result = add_resume(steps, "find the session to go on with by `",
				    record->resume_find_command);
	return result;
}

int report_next_steps(const struct session_record *record, char ***ret_steps)
{
	struct steps steps = { .texts = calloc(STEPS_MAX, sizeof(char *)) };
	int result;

	if (!steps.texts)
		return -ENOMEM;

	result = add_steps(&steps, record);
	if (result < 0) {
		report_free_strings(steps.texts);
		return result;
	}
	*ret_steps = steps.texts;
	return 0;
}

void report_free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}
