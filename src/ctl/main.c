/* SPDX-License-Identifier: MIT */

/* oc-ctl: looks after the sessions of oc-run. From the command line to the exit status. */

#include <stdarg.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "build-config.h"
#include "ctl.h"
#include "report/safe-text.h"

#define LINE_COLUMNS_MAX 1000
#define LINE_BYTES_MAX 4096

static void print_line(FILE *out, const char *before, const char *format, va_list arguments)
{
	char text[LINE_BYTES_MAX];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	(void)fputs(before, out);
	safe_text_print(out, text, LINE_COLUMNS_MAX);
	(void)fputc('\n', out);
}

void ctl_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stderr, "oc-ctl: ", format, arguments);
	va_end(arguments);
}

void ctl_tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stdout, "", format, arguments);
	va_end(arguments);
}

int ctl_fail(const struct diag *diag)
{
	ctl_say("%s", diag->text);
	return CTL_FAILED;
}

int ctl_usage(const struct diag *diag)
{
	(void)ctl_fail(diag);
	return CTL_USAGE;
}

int ctl_print(char *text)
{
	bool written = text && fputs(text, stdout) >= 0 && fflush(stdout) == 0;

	free(text);
	return written ? CTL_OK : CTL_FAILED;
}

static int print_sessions(struct ctl *ctl)
{
	struct diag diag = DIAG_INIT;

	if (ctl_load_sessions(ctl, &diag) < 0)
		return ctl_fail(&diag);
	return ctl_print(ctl_session_lines(ctl->sessions, ctl->session_count));
}

static int run(struct ctl *ctl, enum ctl_request request)
{
	switch (request) {
	case CTL_HELP:
		return ctl_print(ctl_help(ctl_verbs, ctl->verb));
	case CTL_VERSION:
		return puts("oc-ctl " OC_RUN_VERSION) < 0 ? CTL_FAILED : CTL_OK;
	case CTL_VERB_LINES:
		return ctl_print(ctl_verb_lines(ctl_verbs));
	case CTL_SESSION_LINES:
		return print_sessions(ctl);
	case CTL_RUN_VERB:
		return ctl->verb->run(ctl);
	}
	return CTL_FAILED;
}

static void ctl_finish(struct ctl *ctl)
{
	registry_sessions_free(ctl->sessions, ctl->session_count);
	if (ctl->has_host)
		host_finish(&ctl->host);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	struct diag diag = DIAG_INIT;
	enum ctl_request request;
	int status;

	/* Other people's sessions would be within reach. */
	if (getauxval(AT_SECURE)) {
		ctl_say("refuses to run with the setuid bit or file capabilities; remove them "
			"(chmod u-s, setcap -r)");
		return CTL_FAILED;
	}
	if (ctl_arguments_parse(ctl_verbs, argc, argv, &ctl, &request, &diag) < 0)
		return ctl_usage(&diag);
	status = run(&ctl, request);
	ctl_finish(&ctl);
	return status;
}
