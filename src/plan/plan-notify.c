/* SPDX-License-Identifier: MIT */

/* --notify: which of the ways to tell a person are used. Unlike most settings one that can't be
 * kept is no error: the same file serves a desktop and a login over ssh. */

#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"
#include "plan-internal.h"

static const char *const words[] = { "auto", "off", "desktop", "tmux" };

static int refuse(const struct settings *settings, const char *word, struct diag *diag)
{
	const char *nearest = parse_nearest(word, words, ARRAY_SIZE(words));

	(void)diag_set(diag, -EINVAL, "is not auto, off, desktop, tmux or desktop,tmux%s%s%s",
		       nearest ? "; did you mean " : "", nearest ? nearest : "",
		       nearest ? "?" : "");
	return setting_blame(diag, -EINVAL, settings, SETTING_NOTIFY);
}

/* "desktop,tmux", in any order. */
static int parse_ways(const struct settings *settings, unsigned *ret, struct diag *diag)
{
	const char *at = settings->values[SETTING_NOTIFY].text;
	unsigned ways = 0;

	do {
		size_t length = strcspn(at, ",");
		char word[32];

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, at);
		if (strcmp(word, "desktop") == 0)
			ways |= NOTIFY_DESKTOP;
		else if (strcmp(word, "tmux") == 0)
			ways |= NOTIFY_TMUX;
		else
			return refuse(settings, word, diag);
		at += length;
	} while (*at++ == ',');
	*ret = ways;
	return 0;
}

static unsigned ways_here(const struct host *host)
{
	return (host->session_bus ? NOTIFY_DESKTOP : 0U) | (host->tmux_socket ? NOTIFY_TMUX : 0U);
}

/* A bus that nobody named is that of another login, unless there is a desktop here. */
static unsigned ways_auto(const struct host *host)
{
	unsigned ways = ways_here(host);

	if (!host->session_bus_is_named && !host->is_graphical)
		ways &= ~(unsigned)NOTIFY_DESKTOP;
	return ways;
}

static int warn_of_missing(struct plan *plan, const struct settings *settings, unsigned missing)
{
	int r = 0;

	/* What stands in a file is a wish for all logins. */
	if (missing == 0 || settings->values[SETTING_NOTIFY].where[0] != '-')
		return 0;
	if (missing & NOTIFY_DESKTOP)
		r = plan_warn(plan,
			      "--notify \"%.100s\": there is no session bus of yours here, so "
			      "there will be no desktop notification",
			      settings->values[SETTING_NOTIFY].text);
	if (r == 0 && missing & NOTIFY_TMUX)
		r = plan_warn(plan,
			      "--notify \"%.100s\": oc-run was not started in a tmux of yours, "
			      "so there will be no message in one",
			      settings->values[SETTING_NOTIFY].text);
	return r;
}

int plan_resolve_notify(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct settings *settings = request->settings;
	const char *text = settings->values[SETTING_NOTIFY].text;
	unsigned wanted = 0;
	int r;

	if (!text || strcmp(text, "auto") == 0) {
		plan->notify = ways_auto(request->host);
		return 0;
	}
	if (strcmp(text, "off") == 0)
		return 0;
	r = parse_ways(settings, &wanted, diag);
	if (r < 0)
		return r;
	plan->notify = wanted & ways_here(request->host);
	return warn_of_missing(plan, settings, wanted & ~plan->notify);
}
