/* SPDX-License-Identifier: MIT */

/* Lines of histories, for people. */

#include <errno.h>

#include "src/ctl/log-words.h"
#include "unit.h"

static const struct {
	const char *name, *line, *words;
} lines[] = {
	{ "the start", "{\"event\":\"started\",\"command\":\"opencode\",\"backend\":\"systemd\"}",
	  "opencode (systemd)" },
	{ "the end", "{\"event\":\"ended\",\"summary\":\"sh ended after 2 s\"}",
	  "sh ended after 2 s" },
	{ "oc-run was killed", "{\"event\":\"lost\"}", "oc-run was killed" },
	{ "a kill",
	  "{\"event\":\"oom-kill\",\"detail\":null,"
	  "\"victim\":{\"pid\":12,\"name\":\"node\",\"bytes\":1073741824}}",
	  "node (pid 12, 1.0 GiB)" },
	{ "a kill of a size that is not known",
	  "{\"event\":\"oom-kill\",\"victim\":{\"pid\":12,\"name\":\"node\"}}", "node (pid 12)" },
	{ "with a detail",
	  "{\"event\":\"tool-ended\",\"detail\":\"SIGTERM to a tool\","
	  "\"victim\":{\"pid\":12,\"name\":\"node\"}}",
	  "node (pid 12): SIGTERM to a tool" },
	{ "a detail alone", "{\"event\":\"ladder\",\"detail\":\"to every process\"}",
	  "to every process" },
	{ "memory alone",
	  "{\"event\":\"memory-short\",\"detail\":null,"
	  "\"memory\":{\"unreclaimable_bytes\":1073741824}}",
	  "1.0 GiB in use" },
	{ "fields of other kinds than expected",
	  "{\"event\":1,\"detail\":{},\"victim\":{\"pid\":\"x\",\"name\":3}}", "? (pid 0)" },
};

TEST(a_line_says_what_happened)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		cJSON *line = cJSON_Parse(lines[i].line);
		char text[LOG_WORDS_MAX];

		unit_row = lines[i].name;
		expect(line);
		log_words(line, text);
		expect_text(text, lines[i].words);
		cJSON_Delete(line);
	}
}

TEST(only_events_with_a_time_are_lines_of_a_log)
{
	static const struct {
		const char *name, *line;
		uint64_t usec; /* 0: none */
	} rows[] = {
		{ "an event", "{\"event\":\"x\",\"time\":\"1970-01-02T00:00:01.250Z\"}",
		  UINT64_C(86401250000) },
		{ "without parts of a second",
		  "{\"event\":\"x\",\"time\":\"1970-01-02T00:00:01Z\"}", UINT64_C(86401000000) },
		{ "a sample", "{\"at_seconds\":1,\"memory\":5}", 0 },
		{ "no time", "{\"event\":\"x\"}", 0 },
		{ "nonsense", "{\"event\":\"x\",\"time\":\"yesterday\"}", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cJSON *line = cJSON_Parse(rows[i].line);
		uint64_t usec = 0;

		unit_row = rows[i].name;
		expect_int(log_time(line, &usec), rows[i].usec > 0);
		expect_uint(usec, rows[i].usec);
		cJSON_Delete(line);
	}
}

TEST(since_is_a_duration_or_a_date)
{
	static const struct {
		const char *text;
		int result;
		uint64_t ago_seconds;
		int year, day, hour, second; /* of a date */
	} rows[] = {
		{ "2h", 0, 7200, 0, 0, 0, 0 },
		{ "90", 0, 90, 0, 0, 0, 0 },
		{ "2026-01-03", 0, 0, 126, 3, 0, 0 },
		{ "2026-01-03 01:02", 0, 0, 126, 3, 1, 0 },
		{ "2026-01-03 01:02:03", 0, 0, 126, 3, 1, 3 },
		{ "2026-01-03 1", -EINVAL, 0, 0, 0, 0, 0 },
		{ "2026-13-77", -EINVAL, 0, 0, 0, 0, 0 },
		{ "soon", -EINVAL, 0, 0, 0, 0, 0 },
		{ "", -EINVAL, 0, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		struct log_since since;

		unit_row = rows[i].text;
		expect_int(log_parse_since(rows[i].text, &since, &diag), rows[i].result);
		if (rows[i].result < 0)
			continue;
		expect_int(since.is_date, rows[i].year > 0);
		expect_uint(since.ago_usec, rows[i].ago_seconds * 1000000);
		expect_int(since.date.tm_year, rows[i].year);
		expect_int(since.date.tm_mday, rows[i].day);
		expect_int(since.date.tm_hour, rows[i].hour);
		expect_int(since.date.tm_sec, rows[i].second);
	}
}

TEST(kinds_are_chosen_by_whole_words)
{
	cJSON *line = cJSON_Parse("{\"event\":\"oom-kill\"}"),
	      *other = cJSON_Parse("{\"event\":3}");
	struct diag diag = DIAG_INIT;

	expect(log_is_wanted(line, NULL));
	expect(log_is_wanted(line, "ended,oom-kill"));
	expect(!log_is_wanted(line, "oom-kil,oom-kills,kill"));
	expect(log_is_wanted(other, NULL));
	expect(!log_is_wanted(other, "ended"));
	expect_int(log_check_kinds("oom-kill,ended,started,lost", &diag), 0);
	expect_int(log_check_kinds("oom-kill,", &diag), 0);
	expect_int(log_check_kinds("", &diag), -EINVAL);
	expect_int(log_check_kinds("ended,oom", &diag), -EINVAL);
	expect_contains(diag.text, "\"oom\" is no kind of event");
	cJSON_Delete(line);
	cJSON_Delete(other);
}

UNIT_MAIN("ctl-log", kinds_are_chosen_by_whole_words, a_line_says_what_happened,
	  only_events_with_a_time_are_lines_of_a_log, since_is_a_duration_or_a_date)
