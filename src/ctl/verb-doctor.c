/* SPDX-License-Identifier: MIT */

/* oc-ctl doctor: looks at the machine, tries a session, and says what could be better and how. */

#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "doctor-look.h"
#include "report/json-build.h"

/* For scripts; 1 and 2 are as of any verb. */
static int status_of(enum doctor_severity worst)
{
	switch (worst) {
	case DOCTOR_OK:
	case DOCTOR_NOTE:
		break;
	case DOCTOR_WARNING:
		return CTL_WARNED;
	case DOCTOR_ERROR:
		return CTL_BROKEN;
	}
	return CTL_OK;
}

static const char *style_of(enum doctor_severity severity)
{
	static const char *const styles[] = {
		[DOCTOR_OK] = "32",
		[DOCTOR_NOTE] = "36",
		[DOCTOR_WARNING] = "33",
		[DOCTOR_ERROR] = "31",
	};

	return styles[severity];
}

/* Words, broken between them where the width ends; all lines begin below the first. */
static void print_words(const char *text, size_t indent, size_t width)
{
	size_t at = indent;

	for (const char *word = text; *word;) {
		size_t length = strcspn(word, " ");

		if (at > indent && width > 0 && at + 1 + length > width) {
			(void)printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			(void)putchar(' ');
			at++;
		}
		(void)printf("%.*s", (int)length, word);
		at += length;
		word += length;
		word += strspn(word, " ");
	}
	(void)putchar('\n');
}

static void print_finding(const struct doctor_finding *finding, size_t width, bool has_colours)
{
	const char *name = doctor_severity_name(finding->severity);
	const size_t indent = 9;

	if (has_colours)
		(void)printf("\033[%sm%-*s\033[0m", style_of(finding->severity), (int)indent, name);
	else
		(void)printf("%-*s", (int)indent, name);
	print_words(finding->text, indent, width);
	if (!finding->remedy[0])
		return;
	(void)printf("%*s", (int)indent, "");
	(void)fputs("-> ", stdout);
	print_words(finding->remedy, indent + 3, width);
}

static int print_json(const struct doctor_findings *findings)
{
	struct json json = { .failed = false };
	cJSON *object = json_new_object(&json), *array;

	json_add_text(&json, object, "schema", CTL_SCHEMA);
	json_add_text(&json, object, "worst", doctor_severity_name(doctor_worst(findings)));
	array = json_add_array(&json, object, "findings");
	for (size_t i = 0; i < findings->count; i++) {
		const struct doctor_finding *finding = &findings->items[i];
		cJSON *item = json_append_object(&json, array);

		json_add_text(&json, item, "check", finding->check);
		json_add_text(&json, item, "severity", doctor_severity_name(finding->severity));
		json_add_text(&json, item, "text", finding->text);
		json_add_text(&json, item, "remedy", finding->remedy[0] ? finding->remedy : NULL);
	}
	return ctl_print(json_finish(&json, object, true));
}

int ctl_doctor(struct ctl *ctl)
{
	struct doctor_findings findings;
	struct diag diag = DIAG_INIT;
	struct doctor_look look;
	int r = host_gather(&ctl->host, &diag), status;

	if (r < 0)
		return ctl_fail(&diag);
	ctl->has_host = true;
	r = doctor_look(&ctl->host, &look);
	if (r < 0) {
		(void)diag_set(&diag, r, "out of memory");
		return ctl_fail(&diag);
	}
	doctor_judge(&look.facts, &findings);
	status = status_of(doctor_worst(&findings));
	if (ctl->options[CTL_JSON]) {
		if (print_json(&findings) != CTL_OK)
			status = CTL_FAILED;
	} else {
		for (size_t i = 0; i < findings.count; i++)
			print_finding(&findings.items[i], ctl_width(), ctl_has_colours());
	}
	doctor_look_finish(&look);
	return status;
}
