/* SPDX-License-Identifier: MIT */

/* What those in a session may read of it: the words for an agent, which events are kept, when the
 * figures are news. */

#include <cjson/cJSON.h>
#include <stdio.h>

#include "oc-run/status.h"
#include "record-fixture.h"
#include "unit.h"

static struct fixture fixture;
static struct status_event told;
static struct status_words words;

static void begin(enum record_event_kind kind)
{
	fixture_init(&fixture);
	told = (struct status_event){ .sequence = 1, .event.kind = kind };
}

static void victim(const char *name, uint64_t bytes)
{
	told.event.victim.pid = 4711;
	told.event.victim.bytes = bytes;
	(void)snprintf(told.event.victim.name, sizeof(told.event.victim.name), "%s", name);
}

/* The texts stay until the next one. */
static void make(void)
{
	status_words_finish(&words);
	expect_int(status_words_make(&told, &fixture.record, &words), 0);
}

TEST(a_kill_for_memory_names_victim_size_limit_and_what_to_do)
{
	begin(RECORD_OOM_KILL);
	victim("node", 3892 * MEBIBYTE);
	make();
	expect_text(words.sentence, "node (3.8 GiB) was killed for memory: this session's limit is "
				    "4.0 GiB and nothing more fits.");
	expect_text(
		words.advice,
		"Run it on less data or in parts, or ask the user to start oc-run with a larger "
		"--mem (for example --mem 6G).");
	told.event.kind = RECORD_WATCH_KILL;
	told.event.value = LIMIT_MEMORY_MAX;
	make();
	expect_contains(words.sentence, "node (3.8 GiB) was killed for memory: this session's");
}

TEST(advice_never_asks_for_more_than_there_is)
{
	begin(RECORD_OOM_KILL);
	victim("node", GIBIBYTE);
	fixture.record.ram_bytes = 4 * GIBIBYTE;
	make();
	expect_text(words.advice, "Run it on less data or in parts.");
	told.from_above = true;
	make();
	expect_contains(words.sentence, "the machine, or all sessions together, ran out of it.");
	expect_text(words.advice, "Run it on less data or in parts, or ask the user to close other "
				  "programs.");
	told.from_above = false;
	fixture_limit(&fixture, LIMIT_MEMORY_MAX, LIMIT_UNLIMITED);
	make();
	expect_lacks(words.sentence, "no limit");
}

TEST(a_victim_without_a_name_or_a_size_is_told_all_the_same)
{
	begin(RECORD_OOM_KILL);
	make();
	expect_contains(words.sentence, "a process was killed for memory: ");
	victim("node", 0);
	make();
	expect_contains(words.sentence, "node was killed for memory: ");
	told.event.victim.is_agent = true;
	make();
	expect_contains(words.sentence, "node itself was killed for memory: ");
}

TEST(names_stay_on_one_line_and_short)
{
	begin(RECORD_OOM_KILL);
	victim("a\nb\033[2J 0123456789012345678901234567890123456789", 0);
	make();
	expect_contains(words.sentence, "a\\x0ab\\x1b[2J 0123");
	expect_contains(words.sentence, "... was killed");
	expect(strchr(words.sentence, '\n') == NULL);
}

TEST(too_many_tasks_are_told_with_their_limit)
{
	begin(RECORD_WATCH_KILL);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, 64);
	told.event.value = LIMIT_PIDS_MAX;
	victim("sleep", MEBIBYTE);
	make();
	expect_text(words.sentence, "sleep was killed: this session's limit is 64 tasks (processes "
				    "and threads), and there were more.");
	expect_text(words.advice,
		    "Run fewer things at once (fewer workers, a smaller -j), or ask the user to "
		    "start oc-run with a larger --pids (for example --pids 128).");
}

TEST(a_denied_fork_is_told_with_how_often_and_the_limit)
{
	begin(RECORD_FORK_DENIED);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, 64);
	told.event.value = 1;
	make();
	expect_text(words.sentence, "a new process or thread was denied: this session's limit is "
				    "64 tasks (processes and threads), and all were in use.");
	told.event.value = 12;
	make();
	expect_contains(words.sentence, "was denied (12 times): ");
	expect_contains(words.advice, "--pids 128");
	fixture_limit(&fixture, LIMIT_PIDS_MAX, LIMIT_UNLIMITED);
	make();
	expect_contains(words.sentence, ": a limit outside of this session was reached.");
	expect_text(words.advice, "Run fewer things at once (fewer workers, a smaller -j).");
}

TEST(every_kind_of_event_has_a_sentence)
{
	for (int kind = 0; kind < RECORD_EVENT_KIND_COUNT; kind++) {
		begin((enum record_event_kind)kind);
		told.event.value = kind == RECORD_WATCH_KILL ? LIMIT_MEMORY_MAX : 15;
		unit_row = record_event_kind_name(told.event.kind);
		make();
		expect(words.sentence != NULL);
		expect(words.sentence[strlen(words.sentence) - 1] == '.');
		expect(strchr(words.sentence, '\n') == NULL);
	}
}

static struct status_log add_many(const enum record_event_kind *kinds, size_t count)
{
	struct status_log log = { .count = 0 };

	for (size_t i = 0; i < count; i++) {
		const struct record_event event = { .kind = kinds[i], .value = i + 1 };

		status_log_add(&log, &event, false);
	}
	return log;
}

TEST(events_are_numbered_and_kills_outlive_what_comes_by_the_hundred)
{
	enum record_event_kind kinds[102];
	struct status_log log;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		kinds[i] = i % 2 ? RECORD_MEMORY_MAX : RECORD_FORK_DENIED;
	kinds[0] = RECORD_OOM_KILL;
	log = add_many(kinds, ARRAY_SIZE(kinds));
	expect_uint(log.count, 3);
	expect_uint(log.last_sequence, 102);
	expect_int(log.events[0].event.kind, RECORD_OOM_KILL);
	expect_uint(log.events[0].sequence, 1);
	expect_uint(log.events[1].sequence, 101);
	expect_uint(log.events[2].sequence, 102);
	expect_uint(log.kills, 1);
	expect_uint(log.forks_denied, 50 * 52);
}

TEST(of_many_kills_the_last_ones_are_kept)
{
	enum record_event_kind kinds[40];
	struct status_log log;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		kinds[i] = RECORD_WATCH_KILL;
	log = add_many(kinds, ARRAY_SIZE(kinds));
	expect_uint(log.count, STATUS_EVENTS_MAX);
	expect_uint(log.events[0].sequence, 25);
	expect_uint(log.events[STATUS_EVENTS_MAX - 1].sequence, 40);
	expect_uint(log.kills, 40);
}

static cJSON *parse(const struct status_log *log, const struct figures *figures)
{
	const struct status_facts facts = {
		.record = &fixture.record,
		.figures = figures,
		.log = log,
		.now_realtime_usec = UINT64_C(1772368300000999),
	};
	_cleanup_free_ char *text = status_json(&facts);
	cJSON *status = cJSON_Parse(text);

	expect(status != NULL);
	return status;
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	unit_row = name;
	expect(cJSON_IsNumber(item));
	return item->valuedouble;
}

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	unit_row = name;
	expect(item != NULL);
	return item;
}

TEST(the_file_has_who_the_limits_and_the_figures)
{
	const struct figures figures = {
		.at_usec = 5 * USEC_PER_SEC,
		.counted = true,
		.unreclaimable_bytes = GIBIBYTE,
		.current_bytes = 3 * GIBIBYTE,
		.file_bytes = 2 * GIBIBYTE,
		.swap_bytes = MEBIBYTE,
		.tasks = 99,
		.memory_pressure = { .known = true, .some_avg10 = 12.345, .full_avg10 = 0.5 },
	};
	const struct status_log log = { .count = 0 };
	const cJSON *now, *limit, *pressure;
	cJSON *status;

	begin(RECORD_OOM_KILL);
	fixture.plan.limits[LIMIT_PIDS_MAX].enforcer = ENFORCER_WATCH;
	status = parse(&log, &figures);
	expect_text(cJSON_GetStringValue(member(status, "schema")), "oc-run.status.v1");
	expect_text(cJSON_GetStringValue(member(status, "session")), "0123456789abcdef");
	expect_text(cJSON_GetStringValue(member(status, "name")), "opencode");
	expect(number(status, "pid") == 100);
	expect(number(status, "started_msec") == 1772368205250.0);
	expect(number(status, "written_msec") == 1772368300000.0);
	now = member(status, "now");
	expect(number(now, "unreclaimable_bytes") == (double)GIBIBYTE);
	expect(number(now, "memory_bytes") == 3.0 * GIBIBYTE);
	expect(number(now, "cache_bytes") == 2.0 * GIBIBYTE);
	expect(number(now, "swap_bytes") == (double)MEBIBYTE);
	expect(number(now, "tasks") == 99);
	pressure = member(now, "memory_pressure");
	expect(number(pressure, "some_avg10_percent") > 12.34);
	expect(number(pressure, "some_avg10_percent") < 12.36);
	expect(number(pressure, "full_avg10_percent") == 0.5);
	expect(number(member(status, "peaks"), "memory_bytes") == (double)GIBIBYTE);
	limit = cJSON_GetArrayItem(member(status, "limits"), LIMIT_MEMORY_MAX);
	expect_text(cJSON_GetStringValue(member(limit, "enforced_by")), "kernel");
	expect(number(limit, "value") == 4.0 * GIBIBYTE);
	limit = cJSON_GetArrayItem(member(status, "limits"), LIMIT_PIDS_MAX);
	expect_text(cJSON_GetStringValue(member(limit, "enforced_by")), "watching");
	cJSON_Delete(status);
}

TEST(before_the_first_look_there_are_no_figures)
{
	const struct figures figures = { .at_usec = 0 };
	const struct status_log log = { .count = 0 };
	cJSON *status;

	begin(RECORD_OOM_KILL);
	status = parse(&log, &figures);
	expect(cJSON_IsNull(member(status, "now")));
	expect(number(status, "last_sequence") == 0);
	expect_int(cJSON_GetArraySize(member(status, "events")), 0);
	cJSON_Delete(status);
}

TEST(an_event_in_the_file_has_number_time_victim_and_words)
{
	const struct figures figures = { .at_usec = 0 };
	struct status_log log = { .count = 0 };
	const cJSON *event;
	cJSON *status;

	begin(RECORD_OOM_KILL);
	victim("node", 3 * GIBIBYTE);
	told.event.realtime_usec = UINT64_C(1772368250123456);
	status_log_add(&log, &told.event, true);
	status = parse(&log, &figures);
	expect(number(status, "kills") == 1);
	expect(number(status, "last_sequence") == 1);
	event = cJSON_GetArrayItem(member(status, "events"), 0);
	expect(number(event, "sequence") == 1);
	expect(number(event, "time_msec") == 1772368250123.0);
	expect_text(cJSON_GetStringValue(member(event, "event")), "oom-kill");
	expect(cJSON_IsFalse(member(event, "own_limit")));
	expect(number(member(event, "victim"), "pid") == 4711);
	expect(number(member(event, "victim"), "bytes") == 3.0 * GIBIBYTE);
	expect_contains(cJSON_GetStringValue(member(event, "sentence")), "node (3.0 GiB) was");
	expect_contains(cJSON_GetStringValue(member(event, "advice")), "Run it on less data");
	cJSON_Delete(status);
}

TEST(names_that_are_no_utf8_leave_the_file_readable)
{
	const struct figures figures = { .at_usec = 0 };
	struct status_log log = { .count = 0 };

	begin(RECORD_OOM_KILL);
	victim("no\xff\xfe\"de", GIBIBYTE);
	status_log_add(&log, &told.event, false);
	cJSON_Delete(parse(&log, &figures));
}

TEST(figures_are_news_from_a_fiftieth_of_the_limit_on)
{
	static const struct {
		const char *name;
		struct figures told, now;
		bool news;
	} rows[] = {
		{ "nothing seen", { 0 }, { 0 }, false },
		{ "first look", { 0 }, { .at_usec = 1 }, true },
		{ "the same", { .at_usec = 1, .tasks = 5 }, { .at_usec = 2, .tasks = 5 }, false },
		{ "80 MiB of 4 GiB",
		  { .at_usec = 1 },
		  { .at_usec = 2, .unreclaimable_bytes = 80 * MEBIBYTE },
		  false },
		{ "84 MiB of 4 GiB",
		  { .at_usec = 1 },
		  { .at_usec = 2, .unreclaimable_bytes = 84 * MEBIBYTE },
		  true },
		{ "84 MiB less",
		  { .at_usec = 1, .unreclaimable_bytes = 84 * MEBIBYTE },
		  { .at_usec = 2 },
		  true },
		{ "cache", { .at_usec = 1 }, { .at_usec = 2, .current_bytes = GIBIBYTE }, true },
		{ "swap", { .at_usec = 1 }, { .at_usec = 2, .swap_bytes = GIBIBYTE }, true },
		{ "few tasks of 4352", { .at_usec = 1 }, { .at_usec = 2, .tasks = 86 }, false },
		{ "many tasks of 4352", { .at_usec = 1 }, { .at_usec = 2, .tasks = 87 }, true },
	};

	begin(RECORD_OOM_KILL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_int(status_is_news(&rows[i].told, &rows[i].now, &fixture.plan),
			   rows[i].news);
	}
}

TEST(without_limits_figures_are_news_by_what_is_used)
{
	struct figures was = { .at_usec = 1, .unreclaimable_bytes = GIBIBYTE, .tasks = 3 };
	struct figures is = was;

	begin(RECORD_OOM_KILL);
	fixture_limit(&fixture, LIMIT_MEMORY_MAX, LIMIT_UNLIMITED);
	fixture_limit(&fixture, LIMIT_PIDS_MAX, LIMIT_UNLIMITED);
	is.unreclaimable_bytes += 3 * MEBIBYTE;
	is.tasks++;
	expect(!status_is_news(&was, &is, &fixture.plan));
	is.unreclaimable_bytes += 100 * MEBIBYTE;
	expect(status_is_news(&was, &is, &fixture.plan));
	is.unreclaimable_bytes = was.unreclaimable_bytes;
	is.tasks += 5;
	expect(status_is_news(&was, &is, &fixture.plan));
}

UNIT_MAIN("status", a_kill_for_memory_names_victim_size_limit_and_what_to_do,
	  advice_never_asks_for_more_than_there_is,
	  a_victim_without_a_name_or_a_size_is_told_all_the_same, names_stay_on_one_line_and_short,
	  too_many_tasks_are_told_with_their_limit,
	  a_denied_fork_is_told_with_how_often_and_the_limit, every_kind_of_event_has_a_sentence,
	  events_are_numbered_and_kills_outlive_what_comes_by_the_hundred,
	  of_many_kills_the_last_ones_are_kept, the_file_has_who_the_limits_and_the_figures,
	  before_the_first_look_there_are_no_figures,
	  an_event_in_the_file_has_number_time_victim_and_words,
	  names_that_are_no_utf8_leave_the_file_readable,
	  figures_are_news_from_a_fiftieth_of_the_limit_on,
	  without_limits_figures_are_news_by_what_is_used)
