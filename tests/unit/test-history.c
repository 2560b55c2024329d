/* SPDX-License-Identifier: MIT */

/* The lines of a history: what stands in them, what never does, and how large they get. */

#include "unit.h"

#include <cjson/cJSON.h>

#include "oc-run/history.h"
#include "oc-run/timeline.h"
#include "record-fixture.h"
#include "src/session/history-internal.h"

#define WEEK_SEC (UINT64_C(7) * 24 * 3600)

static cJSON *parse(char *line)
{
	cJSON *object;

	expect(line != NULL);
	expect(strchr(line, '\n') == NULL);
	object = cJSON_Parse(line);
	expect(object != NULL);
	free(line);
	return object;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static struct figures full_figures(void)
{
	return (struct figures){
		.at_usec = 12345678,
		.counted = true,
		.unreclaimable_bytes = 3000,
		.current_bytes = 5000,
		.anon_bytes = 2000,
		.file_bytes = 1500,
		.shmem_bytes = 500,
		.kernel_bytes = 700,
		.swap_bytes = 40,
		.tasks = 17,
		.cpu_usec = 2500000,
		.memory_pressure = { .known = true,
				     .some_total_usec = 1250000,
				     .full_total_usec = 250000 },
	};
}

/* As many as there can be, as long as they can be. */
static struct history_names full_names(void)
{
	struct history_names names = { .count = HISTORY_NAMES_MAX };

	for (size_t i = 0; i < names.count; i++) {
		memset(names.items[i].name, 'a' + (int)i, sizeof(names.items[i].name) - 1);
		names.items[i].bytes = (HISTORY_NAMES_MAX - i) * GIBIBYTE;
	}
	return names;
}

TEST(a_sample_has_all_that_is_counted)
{
	const struct history_names names = full_names();
	struct figures figures = full_figures();
	cJSON *line = parse(history_line_sample(&figures, &names)), *item;

	expect(cJSON_GetObjectItem(line, "event") == NULL);
	expect(number_of(line, "at_seconds") == 12.345);
	expect(number_of(line, "memory") == 5000);
	expect(number_of(line, "unreclaimable") == 3000);
	expect(number_of(line, "anon") == 2000);
	expect(number_of(line, "file") == 1500);
	expect(number_of(line, "shmem") == 500);
	expect(number_of(line, "kernel") == 700);
	expect(number_of(line, "swap") == 40);
	expect(number_of(line, "tasks") == 17);
	expect(number_of(line, "cpu_seconds") == 2.5);
	expect(number_of(line, "some_seconds") == 1.25);
	expect(number_of(line, "full_seconds") == 0.25);
	expect_int(cJSON_GetArraySize(cJSON_GetObjectItem(line, "by_name")), HISTORY_NAMES_MAX);
	item = cJSON_GetArrayItem(cJSON_GetObjectItem(line, "by_name"), 1);
	expect_text(cJSON_GetStringValue(cJSON_GetObjectItem(item, "name")), "bbbbbbbbbbbbbbb");
	expect(number_of(item, "bytes") == 4.0 * GIBIBYTE);
	cJSON_Delete(line);
}

TEST(a_sample_claims_nothing_that_was_not_counted)
{
	static const char *const keys[] = {
		"anon",	       "file",	       "shmem",	       "kernel",
		"cpu_seconds", "some_seconds", "full_seconds", "by_name"
	};
	const struct history_names names = { .count = 0 };
	struct figures figures = full_figures();
	cJSON *line;

	figures.counted = false;
	figures.memory_pressure.known = false;
	line = parse(history_line_sample(&figures, &names));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		unit_row = keys[i];
		expect(!cJSON_HasObjectItem(line, keys[i]));
	}
	expect(number_of(line, "memory") == 5000);
	cJSON_Delete(line);
}

TEST(processes_of_a_name_are_one_the_largest_first)
{
	struct tree_process processes[] = {
		{ .pid = 1, .name = "opencode", .state = 'S', .resident_bytes = 300 * MEBIBYTE },
		{ .pid = 2, .name = "node", .state = 'S', .resident_bytes = 200 * MEBIBYTE },
		{ .pid = 3, .name = "node", .state = 'S', .resident_bytes = 150 * MEBIBYTE },
		{ .pid = 4, .name = "chrome", .state = 'Z', .resident_bytes = 900 * MEBIBYTE },
		{ .pid = 5, .name = "sh", .state = 'S', .resident_bytes = MEBIBYTE - 1 },
		{ .pid = 6, .name = "a-very-long-name", .state = 'S', .resident_bytes = MEBIBYTE },
	};
	const struct tree_sample sample = { .processes = processes,
					    .count = ARRAY_SIZE(processes) };
	struct history_names names;

	expect_int(history_names_of(&sample, &names), 0);
	expect_uint(names.count, 3);
	expect_text(names.items[0].name, "node");
	expect_uint(names.items[0].bytes, 350 * MEBIBYTE);
	expect_text(names.items[1].name, "opencode");
	expect_text(names.items[2].name, "a-very-long-nam");
	expect_int(history_names_of(NULL, &names), 0);
	expect_uint(names.count, 0);
}

TEST(the_first_line_is_the_plan_without_secrets)
{
	_cleanup_free_ char *text = NULL;
	char *secrets[] = { (char *)"SECRET_VARIABLE=hunter2", NULL };
	struct fixture fixture;
	cJSON *line;

	fixture_init(&fixture);
	fixture.command[0] = (char *)"/opt/hunter2/bin/opencode";
	fixture.command[1] = (char *)"--token=hunter2";
	fixture.plan.setenv = secrets;
	fixture.plan.chdir = (char *)"/home/hunter2";
	text = history_line_started(&fixture.record);
	expect_lacks(text, "hunter2");
	expect_lacks(text, "SECRET");
	line = parse(strdup(text));
	expect_text(text_of(line, "event"), "started");
	expect_text(text_of(line, "schema"), "oc-run.history.v1");
	expect_text(text_of(line, "session"), fixture.plan.id);
	expect_text(text_of(line, "command"), "opencode");
	expect_text(text_of(line, "time"), "2026-03-01T12:30:05.250Z");
	expect_int(cJSON_GetArraySize(cJSON_GetObjectItem(line, "limits")), LIMIT_COUNT);
	cJSON_Delete(line);
}

TEST(events_and_the_end_have_no_command_line_of_a_victim)
{
	_cleanup_free_ char *event = NULL, *ended = NULL;
	struct record_victim *victim;
	struct fixture fixture;
	cJSON *line;

	fixture_init(&fixture);
	victim = fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	(void)snprintf(victim->command, sizeof(victim->command), "node --token hunter2");
	event = history_line_event(&fixture.record.events[0]);
	ended = history_line_ended(&fixture.record);
	expect_lacks(event, "hunter2");
	expect_lacks(ended, "hunter2");
	line = parse(strdup(event));
	expect_text(text_of(line, "event"), "oom-kill");
	expect_text(text_of(cJSON_GetObjectItem(line, "victim"), "name"), "node");
	cJSON_Delete(line);
	line = parse(strdup(ended));
	expect_text(text_of(line, "event"), "ended");
	expect_text(text_of(line, "outcome"), "tool-killed");
	expect(number_of(cJSON_GetObjectItem(line, "peaks"), "memory_bytes") == (double)GIBIBYTE);
	expect_int(cJSON_GetArraySize(cJSON_GetObjectItem(line, "victims")), 1);
	cJSON_Delete(line);
}

/* What the scribe does, without a disk: append, thin when it is full. */
struct paper {
	char *text;
	size_t length, room, thinned, most;
	unsigned times;
};

static void write_down(struct paper *paper, char *line)
{
	size_t length = strlen(line);

	if (paper->length + length + 1 > paper->room) {
		paper->room = 2 * (paper->length + length + 1);
		paper->text = realloc(paper->text, paper->room);
		expect(paper->text != NULL);
	}
	memcpy(paper->text + paper->length, line, length);
	paper->text[paper->length + length] = '\n';
	paper->length += length + 1;
	free(line);
	if (paper->length > paper->most)
		paper->most = paper->length;
	if (timeline_is_full(paper->length, paper->thinned)) {
		char *thinned;
		size_t thinned_length;

		expect_int(history_thin_text(paper->text, paper->length, &thinned, &thinned_length),
			   0);
		free(paper->text);
		paper->text = thinned;
		paper->length = paper->room = paper->thinned = thinned_length;
		paper->times++;
	}
}

static size_t count_lines_with(const struct paper *paper, const char *part)
{
	size_t count = 0;

	for (const char *at = paper->text;
	     (at = memmem(at, paper->length - (size_t)(at - paper->text), part, strlen(part)));
	     at++)
		count++;
	return count;
}

/* A line with as many digits as such figures have. Only time and memory differ from one to the next:
 * to make each as JSON would take the test half a minute under a sanitizer. */
static char *sample_line(const char *model, uint64_t second, uint64_t bytes)
{
	const char *rest = strstr(model, ",\"memory\":");
	char *line;

	expect(rest != NULL);
	expect(asprintf(&line, "{\"at_seconds\":%" PRIu64 ".000,\"unreclaimable\":%" PRIu64 "%s",
			second, bytes, rest) > 0);
	return line;
}

static char *model_line(void)
{
	const struct history_names names = full_names();
	struct figures figures = full_figures();
	char *model, *same;

	figures.at_usec = 604799 * USEC_PER_SEC;
	figures.unreclaimable_bytes = figures.current_bytes = figures.anon_bytes =
		figures.file_bytes = figures.shmem_bytes = figures.kernel_bytes =
			figures.swap_bytes = 9 * GIBIBYTE;
	figures.tasks = 4000;
	figures.cpu_usec = figures.memory_pressure.some_total_usec =
		figures.memory_pressure.full_total_usec = 8 * figures.at_usec;
	model = history_line_sample(&figures, &names);
	expect(model != NULL);
	same = sample_line(model, 604799, 9 * GIBIBYTE);
	expect_text(same, model);
	free(same);
	return model;
}

/* With names as long as they can be, of bytes that take six in JSON. */
static void write_event(struct paper *paper, struct fixture *fixture, uint64_t second)
{
	struct record_event *event =
		fixture_event(fixture, RECORD_OOM_KILL, second * USEC_PER_SEC, 1);

	event->victim.pid = 4711;
	memset(event->victim.name, '\x01', sizeof(event->victim.name) - 1);
	memset(event->detail, '"', sizeof(event->detail) - 1);
	write_down(paper, history_line_event(event));
}

TEST(a_week_at_a_sample_a_second_stays_below_a_mebibyte)
{
	_cleanup_free_ char *model = model_line();
	struct paper paper = { .text = NULL };
	struct fixture fixture;
	uint32_t state = 7;

	fixture_init(&fixture);
	write_down(&paper, history_line_started(&fixture.record));
	for (uint64_t second = 1; second <= WEEK_SEC; second++) {
		uint64_t bytes;

		state = state * 1103515245 + 12345;
		bytes = second == WEEK_SEC / 3 ? 20 * GIBIBYTE : 9 * GIBIBYTE + state % GIBIBYTE;
		write_down(&paper, sample_line(model, second, bytes));
		/* All the events that a record can hold; on the last day, when there are most samples. */
		if (second > WEEK_SEC - (uint64_t)RECORD_EVENTS_MAX * 300 && second % 300 == 0)
			write_event(&paper, &fixture, second);
	}
	fixture.record.counters.memory.oom_kill = RECORD_EVENTS_MAX;
	write_down(&paper, history_line_ended(&fixture.record));
	expect(paper.most < MEBIBYTE);
	expect(paper.times > 10);
	expect(memcmp(paper.text, "{\"event\":\"started\"", 18) == 0);
	expect_uint(count_lines_with(&paper, "{\"event\":\"oom-kill\""), RECORD_EVENTS_MAX);
	expect_uint(count_lines_with(&paper, "{\"event\":\"ended\""), 1);
	expect_uint(count_lines_with(&paper, "\"unreclaimable\":21474836480"), 1);
	free(paper.text);
}

TEST(lines_that_make_no_sense_go_and_the_rest_stays)
{
	static const char text[] = "{\"event\":\"started\",\"at_seconds\":0.000}\n"
				   "{\"at_seconds\":1.000,\"memory\":1}\n"
				   "{\"at_seconds\":2.0\n"
				   "\n"
				   "[1]\n"
				   "{\"at_seconds\":3.000,\"memory\":1}\n"
				   "{\"at_seconds\":2.500,\"memory\":1}\n"
				   "{\"event\":\"ladder\",\"at_seconds\":4.000}\n"
				   "{\"event\":\"en";
	static const char expected[] = "{\"event\":\"started\",\"at_seconds\":0.000}\n"
				       "{\"at_seconds\":1.000,\"memory\":1}\n"
				       "{\"at_seconds\":3.000,\"memory\":1}\n"
				       "{\"event\":\"ladder\",\"at_seconds\":4.000}\n";
	char *thinned;
	size_t length;

	expect_int(history_thin_text(text, sizeof(text) - 1, &thinned, &length), 0);
	expect_uint(length, sizeof(expected) - 1);
	expect(memcmp(thinned, expected, length) == 0);
	free(thinned);
	expect_int(history_thin_text("", 0, &thinned, &length), 0);
	expect_uint(length, 0);
	free(thinned);
}

UNIT_MAIN("history", a_sample_has_all_that_is_counted, a_sample_claims_nothing_that_was_not_counted,
	  processes_of_a_name_are_one_the_largest_first, the_first_line_is_the_plan_without_secrets,
	  events_and_the_end_have_no_command_line_of_a_victim,
	  a_week_at_a_sample_a_second_stays_below_a_mebibyte,
	  lines_that_make_no_sense_go_and_the_rest_stays)
