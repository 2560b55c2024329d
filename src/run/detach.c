/* SPDX-License-Identifier: MIT */

/* --detach, both sides: see detach.h. */

#include "run.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oc-run/detach-output.h"
#include "oc-run/parse.h"
#include "oc-run/process-scan.h"
#include "oc-run/session-tmp.h"
#include "report/safe-text.h"

extern char **environ;

/* ---- starter ---- */

static int check_wishes(const struct run *run, struct diag *diag)
{
	if (!run->options.command)
		return diag_set(diag, -EINVAL,
				"--detach needs a command: oc-run --detach -- COMMAND");
	if (!run->settings.values[SETTING_JSON_STATUS_FD].text)
		return 0;
	(void)diag_set(diag, -EINVAL,
		       "ends with this terminal, and can't be used with --detach; `oc-ctl log` has "
		       "the events");
	return setting_blame(diag, -EINVAL, &run->settings, SETTING_JSON_STATUS_FD);
}

/* What belongs to the session that we are in, and to no other. */
static bool is_of_outer_session(const char *entry)
{
	static const char *const names[] = { PROCESS_TAG, "OC_RUN_STATUS", COMMAND_GUARD_NAME,
					     DETACH_VARIABLE };
	const char *value = strchr(entry, '=');

	if (!value)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == (size_t)(value - entry) &&
		    strncmp(entry, names[i], (size_t)(value - entry)) == 0)
			return true;
	return session_tmp_is_own(value + 1, getenv(PROCESS_TAG));
}

/* The texts are borrowed. NULL for no memory. */
static char **environment_outside(void)
{
	char **list = calloc(strv_count(environ) + 1, sizeof(*list));
	size_t count = 0;

	for (char **entry = environ; list && *entry; entry++)
		if (!is_of_outer_session(*entry))
			list[count++] = *entry;
	return list;
}

static void make_label(const char *command, char label[DETACH_NAME_MAX])
{
	(void)snprintf(label, DETACH_NAME_MAX, "%s", safe_text_base_name(command));
	for (char *c = label; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-+", *c))
			*c = '_';
}

static int launch(const struct run *run, const struct host *host, int channel, enum detach_way *ret,
		  struct diag *diag)
{
	char executable[4096], label[DETACH_NAME_MAX];
	const struct detach_launch launch = {
		.host = host,
		.executable = executable,
		.label = label,
		.forget = PROCESS_TAG,
		.channel = channel,
	};
	ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);

	if (length < 0)
		return diag_set(diag, -errno, "cannot find oc-run itself: %s", strerror(errno));
	executable[length] = '\0';
	make_label(options_command(&run->options)[0], label);
	*ret = host->systemd_booted ? DETACH_BY_SYSTEMD : DETACH_BY_FORK;
	return host->systemd_booted ? detach_by_systemd(&launch, diag)
				    : detach_by_fork(&launch, diag);
}

/* A user's manager goes with the last login, and takes all its services along. */
static bool ends_with_logins(uid_t uid)
{
	const struct passwd *entry = uid == 0 ? NULL : getpwuid(uid);
	char path[256];

	if (!entry)
		return false;
	(void)snprintf(path, sizeof(path), "/var/lib/systemd/linger/%.200s", entry->pw_name);
	return access(path, F_OK) < 0;
}

/* There is no plan yet; a value that makes no sense was refused by the supervisor. */
static bool is_quiet(const struct run *run)
{
	const char *text = run->settings.values[SETTING_QUIET].text;
	struct diag diag = DIAG_INIT;
	bool quiet = false;

	return text && parse_switch(text, &quiet, &diag) >= 0 && quiet;
}

static void tell_started(const struct run *run, const struct detach_result *result, bool is_user)
{
	char text[LINE_COLUMNS_MAX];

	(void)printf("%s\n", result->id);
	(void)fflush(stdout);
	if (is_quiet(run))
		return;
	(void)snprintf(text, sizeof(text), "\"%s\" runs detached; stop it with `oc-ctl stop %.8s`",
		       result->name, result->id);
	run_say(text);
	(void)snprintf(text, sizeof(text), "its output: %s", result->output);
	run_say(text);
	if (is_user && ends_with_logins(geteuid()))
		run_say("it ends when you have logged out everywhere; `loginctl enable-linger` "
			"lets it go on");
}

static int start(struct run *run, const struct host *host, char *const *argv,
		 struct detach_result *ret, enum detach_way *ret_way, struct diag *diag)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	_cleanup_free_ char **environment = environment_outside();
	int r;

	if (!environment)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = detach_channel_new(&ours, &theirs, diag);
	if (r >= 0)
		r = launch(run, host, theirs, ret_way, diag);
	cleanup_close(&theirs);
	if (r >= 0)
		r = detach_hand_over(ours, argv, environment, diag);
	if (r >= 0)
		r = detach_await(ours, ret, diag);
	return r;
}

bool run_is_starter(const struct run *run)
{
	return run->settings.values[SETTING_DETACH].text && !run->detached.is &&
	       !run->settings.values[SETTING_DRY_RUN].text;
}

int run_detach(struct run *run, char *const *argv)
{
	struct detach_result result = { 0 };
	enum detach_way way = DETACH_BY_FORK;
	struct diag diag = DIAG_INIT;
	struct host host = { 0 };
	int r = check_wishes(run, &diag);

	if (r >= 0)
		r = host_gather(&host, &diag);
	if (r >= 0)
		r = start(run, &host, argv, &result, &way, &diag);
	host_finish(&host);
	if (r < 0)
		return run_fail(&diag, EXIT_OWN_FAILURE);
	/* Why not, the supervisor has said on our stderr. */
	if (result.status == 0)
		tell_started(run, &result, way == DETACH_BY_SYSTEMD);
	return result.status;
}

/* ---- supervisor ---- */

int run_become_supervisor(struct run *run, int *argc, char ***argv, struct diag *diag)
{
	int r;

	if (!detach_is_supervisor())
		return 0;
	r = detach_take_over(argc, argv, &run->detached.channel, diag);
	run->detached.is = r >= 0;
	return r;
}

static void tell_running(void *userdata)
{
	struct run *run = userdata;
	struct detach_result result = { .status = 0 };

	if (run->detached.channel < 0)
		return;
	(void)snprintf(result.id, sizeof(result.id), "%s", run->plan->id);
	(void)snprintf(result.name, sizeof(result.name), "%s", run->plan->name);
	(void)snprintf(result.output, sizeof(result.output), "%s", run->detached.output_words);
	/* What there is to say from here on belongs to what the command says. */
	(void)dup2(run->detached.output_fd, STDOUT_FILENO);
	(void)dup2(run->detached.output_fd, STDERR_FILENO);
	detach_tell(&run->detached.channel, &result);
}

int run_open_output(struct run *run, struct diag *diag)
{
	int fd;

	if (!run->detached.is || run->detached.output_fd >= 0)
		return 0;
	fd = detach_output_open(run->plan, run->host.uid, run->detached.output_words, diag);
	if (fd < 0)
		return fd;
	run->detached.output_fd = fd;
	run->detached.session = (struct session_detached){
		.output_fd = fd,
		.started = tell_running,
		.userdata = run,
	};
	return 0;
}

void run_detached_ended(struct run *run, int status)
{
	const struct detach_result result = { .status = status ? status : EXIT_OWN_FAILURE };

	detach_tell(&run->detached.channel, &result);
	cleanup_close(&run->detached.output_fd);
}
