/* SPDX-License-Identifier: MIT */

/* oc-ctl log: what happened in sessions, those that ended too, from their histories. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "log-words.h"
#include "oc-run/history-read.h"
#include "oc-run/parse.h"
#include "report/json-build.h"
#include "table.h"

enum {
	COLUMN_TIME,
	COLUMN_SESSION,
	COLUMN_NAME,
	COLUMN_EVENT,
	COLUMN_WHAT,
	COLUMN_COUNT,
};

static const struct table_column columns[COLUMN_COUNT] = {
	[COLUMN_TIME] = { .title = "TIME" },
	[COLUMN_SESSION] = { .title = "SESSION", .rank = 1 },
	[COLUMN_NAME] = { .title = "NAME", .least = 8, .rank = 2 },
	[COLUMN_EVENT] = { .title = "EVENT" },
	[COLUMN_WHAT] = { .title = "WHAT", .least = 24 },
};

struct log_row {
	uint64_t at_usec;
	const struct history_read *history;
	const cJSON *line;
};

struct log_rows {
	struct log_row *rows;
	size_t count;
};

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static bool is_meant(const struct history_read *history, const char *word)
{
	return !word || strncmp(history->id, word, strlen(word)) == 0 ||
	       (history->name && strcmp(history->name, word) == 0);
}

static size_t count_lines(const struct history_read *histories, size_t count)
{
	size_t lines = 0;

	for (size_t i = 0; i < count; i++)
		lines += (size_t)cJSON_GetArraySize(histories[i].lines);
	return lines;
}

static void gather(const struct history_read *history, uint64_t since_usec, const char *kinds,
		   struct log_rows *rows)
{
	const cJSON *line;

	cJSON_ArrayForEach(line, history->lines) {
		struct log_row row = { .history = history, .line = line };

		if (log_is_wanted(line, kinds) && log_time(line, &row.at_usec) &&
		    row.at_usec >= since_usec)
			rows->rows[rows->count++] = row;
	}
}

/* Those of one session stay in their order. */
static int compare(const void *a, const void *b)
{
	const struct log_row *one = a, *other = b;

	if (one->at_usec != other->at_usec)
		return one->at_usec < other->at_usec ? -1 : 1;
	if (one->line == other->line)
		return 0;
	return one->line < other->line ? -1 : 1;
}

static void add_row(struct table *table, const struct log_row *log)
{
	time_t seconds = (time_t)(log->at_usec / USEC_PER_SEC);
	char text[LOG_WORDS_MAX] = "?";
	size_t row = table_add_row(table);
	struct tm local;

	if (localtime_r(&seconds, &local))
		(void)strftime(text, sizeof(text), "%F %T", &local);
	table_set(table, row, COLUMN_TIME, text);
	(void)snprintf(text, sizeof(text), "%.8s", log->history->id);
	table_set(table, row, COLUMN_SESSION, text);
	table_set(table, row, COLUMN_NAME, log->history->name);
	table_set(table, row, COLUMN_EVENT,
		  cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(log->line, "event")));
	log_words(log->line, text);
	table_set(table, row, COLUMN_WHAT, text);
}

static int print_table(const struct log_rows *rows)
{
	struct table table = { .columns = columns, .column_count = COLUMN_COUNT };
	int r;

	for (size_t i = 0; i < rows->count; i++)
		add_row(&table, &rows->rows[i]);
	r = table_print(&table, stdout, ctl_width(), ctl_has_colours());
	table_finish(&table);
	return r < 0 ? CTL_FAILED : CTL_OK;
}

static int print_json(const struct log_rows *rows)
{
	struct json json = { 0 };
	cJSON *object = json_new_object(&json), *array;

	json_add_text(&json, object, "schema", CTL_SCHEMA);
	array = json_add_array(&json, object, "events");
	for (size_t i = 0; i < rows->count; i++) {
		cJSON *event = cJSON_Duplicate(rows->rows[i].line, true);

		if (!event || !cJSON_AddItemToArray(array, event)) {
			cJSON_Delete(event);
			json.failed = true;
			break;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(event, "session");
		cJSON_DeleteItemFromObjectCaseSensitive(event, "name");
		json_add_text(&json, event, "session", rows->rows[i].history->id);
		json_add_text(&json, event, "name", rows->rows[i].history->name);
	}
	return ctl_print(json_finish(&json, object, true));
}

static int print_chosen(struct ctl *ctl, const struct history_read *histories, size_t count,
			uint64_t since_usec)
{
	const char *word = ctl->word_count > 0 ? ctl->words[0] : NULL;
	struct log_rows rows = {
		.rows = calloc(count_lines(histories, count) + 1, sizeof(*rows.rows)),
	};
	bool any = false;
	int status;

	if (!rows.rows)
		return CTL_FAILED;
	for (size_t i = 0; i < count; i++) {
		if (!is_meant(&histories[i], word))
			continue;
		any = true;
		gather(&histories[i], since_usec, ctl->options[CTL_EVENT], &rows);
	}
	qsort(rows.rows, rows.count, sizeof(*rows.rows), compare);
	if (word && !any) {
		ctl_say("there is no history of \"%.100s\" in that time", word);
		status = CTL_FAILED;
	} else if (ctl->options[CTL_JSON]) {
		status = print_json(&rows);
	} else if (rows.count == 0) {
		ctl_say("nothing happened in that time, or no history is kept (--history)");
		status = CTL_OK;
	} else {
		status = print_table(&rows);
	}
	free(rows.rows);
	return status;
}

static uint64_t since_usec_of(struct log_since *since)
{
	uint64_t now = now_usec();
	time_t seconds;

	if (!since->is_date)
		return now > since->ago_usec ? now - since->ago_usec : 0;
	seconds = mktime(&since->date);
	return seconds > 0 ? (uint64_t)seconds * USEC_PER_SEC : 0;
}

int ctl_log(struct ctl *ctl)
{
	const char *since = ctl->options[CTL_SINCE];
	struct history_read *histories;
	struct diag diag = DIAG_INIT;
	struct log_since parsed;
	uint64_t since_usec = 0;
	size_t count;
	int status, r;

	r = since ? log_parse_since(since, &parsed, &diag) : 0;
	if (r < 0) {
		(void)diag_prefix(&diag, r, "--since \"%.100s\"", since);
		return ctl_usage(&diag);
	}
	r = ctl->options[CTL_EVENT] ? log_check_kinds(ctl->options[CTL_EVENT], &diag) : 0;
	if (r < 0) {
		(void)diag_prefix(&diag, r, "--event");
		return ctl_usage(&diag);
	}
	if (since)
		since_usec = since_usec_of(&parsed);
	r = history_read_all(geteuid(), since_usec, &histories, &count);
	if (r < 0) {
		(void)diag_set(&diag, r, "cannot read the histories: %s", strerror(-r));
		return ctl_fail(&diag);
	}
	status = print_chosen(ctl, histories, count, since_usec);
	history_read_free(histories, count);
	return status;
}
