/* SPDX-License-Identifier: MIT */

/* A session with a small limit, whose tool leaks: does the limit hold? What oc-run itself tells of it
 * is the answer (--json-status-fd). */

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor-look.h"
#include "oc-run/ask.h"
#include "oc-run/parse.h"

#define LIMIT_BYTES (64 * MEBIBYTE)
#define ANSWER_MAX ((size_t)256 * 1024)
#define TIMEOUT_MSEC 30000
/* tail keeps a line until it ends, and this one does not. */
#define LEAK "tail /dev/zero >/dev/null 2>&1; exit 42"
#define WENT_ON 42

/* Beside oc-ctl, as it was built or installed; else on PATH. */
static bool find_oc_run(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	const char *folders = getenv("PATH");
	char *slash;

	if (length > 0) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash && slash - path < PATH_MAX - 8) {
			(void)strcpy(slash, "/oc-run");
			if (access(path, X_OK) == 0)
				return true;
		}
	}
	while (folders && *folders) {
		size_t size = strcspn(folders, ":");

		if (snprintf(path, PATH_MAX, "%.*s/oc-run", (int)size, folders) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return true;
		folders += size + (folders[size] == ':');
	}
	return false;
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? item->valuedouble : 0;
}

static bool is_text(const cJSON *object, const char *key, const char *text)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return value && strcmp(value, text) == 0;
}

static bool is_held_by_kernel(const cJSON *report)
{
	const cJSON *limit;

	cJSON_ArrayForEach(limit, cJSON_GetObjectItemCaseSensitive(report, "limits"))
		if (is_text(limit, "name", "mem"))
			return is_text(limit, "enforced_by", "kernel");
	return false;
}

/* A tool that was killed, or asked to end in good time. */
static bool was_leak_ended(const cJSON *report)
{
	const cJSON *kills = cJSON_GetObjectItemCaseSensitive(report, "kills");

	return number_of(kills, "count") > 0 || number_of(report, "tools_ended") > 0;
}

static void take_report(const cJSON *report, struct doctor_trial *trial)
{
	const cJSON *peaks = cJSON_GetObjectItemCaseSensitive(report, "peaks");
	const cJSON *end = cJSON_GetObjectItemCaseSensitive(report, "exit");

	const char *refused =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(report, "systemd_refused"));

	(void)snprintf(trial->refused, sizeof(trial->refused), "%s", refused ? refused : "");
	trial->result = was_leak_ended(report) ? TRIAL_HELD : TRIAL_UNENDED;
	trial->by_kernel = is_held_by_kernel(report);
	trial->leaves_agent = number_of(end, "status") == WENT_ON;
	trial->peak_bytes = (uint64_t)number_of(peaks, "memory_bytes");
	trial->seconds_100 = (uint64_t)(number_of(report, "duration_seconds") * 100);
}

/* Each line is an object; the last one has the report. */
static void read_answer(char *answer, struct doctor_trial *trial)
{
	char *rest = NULL;

	for (char *line = strtok_r(answer, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cJSON *object = cJSON_Parse(line);

		if (is_text(object, "event", "started"))
			trial->result = TRIAL_UNENDED;
		if (is_text(object, "event", "ended"))
			take_report(cJSON_GetObjectItemCaseSensitive(object, "report"), trial);
		cJSON_Delete(object);
	}
}

void doctor_try(struct doctor_trial *ret)
{
	char path[PATH_MAX], limit[32];
	char *const argv[] = {
		(char *)"oc-run",
		(char *)"--quiet",
		(char *)"--name",
		(char *)"doctor",
		(char *)"--mem",
		limit,
		(char *)"--swap",
		(char *)"0",
		(char *)"--grace",
		(char *)"1s",
		(char *)"--history",
		(char *)"no",
		(char *)"--json-status-fd",
		(char *)"1",
		(char *)"--",
		(char *)"sh",
		(char *)"-c",
		(char *)LEAK,
		NULL,
	};
	const struct ask_request request = {
		.program = path,
		.argv = argv,
		.timeout_msec = TIMEOUT_MSEC,
	};
	_cleanup_free_ char *answer = malloc(ANSWER_MAX);
	int r;

	*ret = (struct doctor_trial){ .result = TRIAL_NOT_RUN, .limit_bytes = LIMIT_BYTES };
	if (!answer || !find_oc_run(path))
		return;
	(void)snprintf(limit, sizeof(limit), "%dM", (int)(LIMIT_BYTES / MEBIBYTE));
	ret->result = TRIAL_FAILED;
	r = ask_program(&request, answer, ANSWER_MAX);
	if (r == -ETIMEDOUT)
		ret->result = TRIAL_UNENDED;
	else if (r >= 0)
		read_answer(answer, ret);
}
