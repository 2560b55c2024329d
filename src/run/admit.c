/* SPDX-License-Identifier: MIT */

/* Whether the session may start now, as --max-sessions and --wait say. */

#include "run.h"

#include <stdio.h>

#include "oc-run/parse.h"

static void tell_waits(const char *who, void *userdata)
{
	const struct run *run = userdata;
	const struct plan *plan = run->plan;
	char text[LINE_COLUMNS_MAX], most[FORMAT_TEXT_MAX] = "", time[FORMAT_TEXT_MAX];

	if (plan->quiet)
		return;
	if (plan->wait_usec != 0 && plan->wait_usec != LIMIT_UNLIMITED) {
		format_duration(plan->wait_usec, time);
		(void)snprintf(most, sizeof(most), ", %.40s at most", time);
	}
	(void)snprintf(text, sizeof(text), "waits for a place%s (Ctrl-C gives up): %s", most, who);
	run_say(text);
}

static int complain(const struct run *run, int error, struct diag *diag)
{
	if (run->settings.values[SETTING_MAX_SESSIONS].text)
		(void)setting_blame(diag, error, &run->settings, SETTING_MAX_SESSIONS);
	return run_fail(diag, error);
}

int run_admit(struct run *run, bool keeps_place)
{
	const struct admission_request request = {
		.host = &run->host,
		.max = run->plan->max_sessions,
		.wait_usec = keeps_place ? ADMISSION_NO_END : run->plan->wait_usec,
		.first = keeps_place,
		.signals = &run->signals,
		.waits = tell_waits,
		.userdata = run,
	};
	struct diag diag = DIAG_INIT;
	int r;

	if (request.max == LIMIT_UNLIMITED || run->admission.lock_fd >= 0)
		return 0;
	r = admission_enter(&request, &run->admission, &diag);
	if (r < 0)
		return complain(run, r, &diag);
	return r == ADMISSION_STOPPED ? RUN_STOPPED : r == ADMISSION_WAITED ? RUN_WAITED : 0;
}
