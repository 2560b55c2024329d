/* SPDX-License-Identifier: MIT */

/* oc-ctl report: the post-mortem of a session again, from its history. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "oc-run/history-read.h"
#include "post-mortem.h"
#include "report/json-build.h"
#include "timeline-svg.h"

static bool is_meant(const struct history_read *history, const char *word)
{
	return strncmp(history->id, word, strlen(word)) == 0 ||
	       (history->name && strcmp(history->name, word) == 0);
}

/* Of several of a name the newest is meant; the beginning of an id has to fit one. */
static int find_history(const struct history_read *histories, size_t count, const char *word,
			const struct history_read **ret, struct diag *diag)
{
	const struct history_read *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!is_meant(&histories[i], word))
			continue;
		if (found && !(found->name && strcmp(found->name, word) == 0))
			return diag_set(diag, -ENOTUNIQ,
					"\"%.100s\" can be several sessions; give more of the id "
					"(`oc-ctl log` shows them)",
					word);
		found = &histories[i];
	}
	if (!found)
		return diag_set(diag, -ENOENT,
				"there is no history of \"%.100s\" (`oc-ctl log` shows them)",
				word);
	*ret = found;
	return 0;
}

/* Replaced as a whole, so that a page that is open is never half a one. Takes over @text. */
static int write_file(const char *path, char *text, struct diag *diag)
{
	_cleanup_free_ char *mine = text, *beside = NULL;
	FILE *out;
	bool written;

	if (!mine || asprintf(&beside, "%s.oc-ctl~", path) < 0) {
		beside = NULL;
		return diag_set(diag, -ENOMEM, "out of memory");
	}
	out = fopen(beside, "we");
	if (!out)
		return diag_set(diag, -errno, "cannot write \"%.200s\": %s", path, strerror(errno));
	written = fputs(mine, out) >= 0;
	written = fclose(out) == 0 && written;
	if (written && rename(beside, path) == 0)
		return 0;
	(void)diag_set(diag, -EIO, "cannot write \"%.200s\": %s", path, strerror(errno));
	(void)remove(beside);
	return -EIO;
}

static void print_fact(const char *label, const char *value, void *userdata)
{
	(void)userdata;
	ctl_tell("%-14s %s", label, value);
}

static int print_json(const struct history_read *history)
{
	struct json json = { 0 };
	cJSON *object = json_new_object(&json), *lines = cJSON_Duplicate(history->lines, true);

	json_add_text(&json, object, "schema", CTL_SCHEMA);
	if (!lines || !cJSON_AddItemToObject(object, "history", lines)) {
		cJSON_Delete(lines);
		json.failed = true;
	}
	return ctl_print(json_finish(&json, object, true));
}

static int print_report(struct ctl *ctl, const struct history_read *history, struct diag *diag)
{
	const char *page = ctl->options[CTL_HTML], *picture = ctl->options[CTL_SVG];
	int r = 0;

	if (page)
		r = write_file(page, post_mortem_html(history->lines), diag);
	if (r >= 0 && picture)
		r = write_file(picture, timeline_svg(history->lines), diag);
	if (r < 0)
		return ctl_fail(diag);
	if (ctl->options[CTL_JSON])
		return print_json(history);
	if (!page && !picture)
		post_mortem_each(history->lines, print_fact, NULL);
	return CTL_OK;
}

int ctl_report(struct ctl *ctl)
{
	const struct history_read *history = NULL;
	struct history_read *histories;
	struct diag diag = DIAG_INIT;
	size_t count;
	int status, r = history_read_all(geteuid(), 0, &histories, &count);

	if (r < 0) {
		(void)diag_set(&diag, r, "cannot read the histories: %s", strerror(-r));
		return ctl_fail(&diag);
	}
	r = find_history(histories, count, ctl->words[0], &history, &diag);
	status = r < 0 ? ctl_fail(&diag) : print_report(ctl, history, &diag);
	history_read_free(histories, count);
	return status;
}
