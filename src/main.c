/* SPDX-License-Identifier: MIT */

/*
 * oc-run: from the command line to the exit status. Reads like a table of contents; what is done
 * stands in the modules.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

#include "build-config.h"
#include "oc-run/command.h"
#include "oc-run/config.h"
#include "oc-run/host.h"
#include "oc-run/options.h"
#include "oc-run/others.h"
#include "oc-run/plan.h"
#include "oc-run/profile-command.h"
#include "oc-run/profile-world.h"
#include "oc-run/registry.h"
#include "oc-run/report.h"
#include "oc-run/restart.h"
#include "oc-run/resume.h"
#include "oc-run/session.h"
#include "report/safe-text.h"

/* oc-run's own failures; a command that can't be run has the shells' 126 and 127. */
#define EXIT_OWN_FAILURE 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define LINE_COLUMNS_MAX 1000
/* What a slow reader of --json-status-fd is given for the last line. */
#define STATUS_WAIT_MSEC 1000

extern char **environ;

struct run {
	struct signal_state signals;
	struct options options;
	struct settings settings;
	struct profile *profile;
	struct profile_server server;
	struct profile_version version;
	enum profile_version_result version_result;
	struct host host;
	struct command_resolved command;
	char id[17];
	struct backend *backend;
	struct plan *plan;
	bool backend_is_free_choice;
	struct restart restart;
	char **warned;	    /* what was said at an earlier start */
	char **resumed;	    /* argv of a restart; NULL: the first start */
	char before_id[17]; /* of the session before; or "" */
};

/* One line, whatever bytes a person or a file put into what it names. */
static void say(const char *text)
{
	(void)fputs("oc-run: ", stderr);
	safe_text_print(stderr, text, LINE_COLUMNS_MAX);
	(void)fputc('\n', stderr);
}

static int fail(const struct diag *diag, int status)
{
	say(diag->text);
	return status;
}

/* Each once, however often the command is started again. */
static void print_warnings(struct run *run)
{
	const struct plan *plan = run->plan;

	for (char **warning = plan->warnings; !plan->quiet && warning && *warning; warning++) {
		if (strv_contains(run->warned, *warning))
			continue;
		say(*warning);
		/* Without memory for it, it is said again. */
		(void)!strv_append(&run->warned, strdup(*warning));
	}
}

static int print_and_free(char *text)
{
	bool written = text && fputs(text, stdout) >= 0 && fflush(stdout) == 0;

	free(text);
	return written ? 0 : EXIT_OWN_FAILURE;
}

/* Settings from files, variables and options, in this order; options win. */
static int gather_settings(struct run *run, struct diag *diag)
{
	_cleanup_free_ char *user_dir = config_user_dir();
	const struct config_roots roots = {
		.system_dir = config_system_dir(),
		.user_dir = user_dir,
	};
	int r = config_load(&roots, environ, &run->settings, diag);

	if (r < 0)
		return r;
	settings_override(&run->settings, &run->options.settings);
	return 0;
}

static int find_profile(struct run *run, struct diag *diag)
{
	_cleanup_free_ char *user_dir = config_user_dir();
	const struct profile_roots roots = {
		.system_dir = config_system_dir(),
		.user_dir = user_dir,
	};

	return profile_find(&roots, &run->settings, options_command(&run->options)[0],
			    &run->profile, diag);
}

/* What is run now: as the person typed it, or the words that resume its session. */
static char *const *run_argv(const struct run *run)
{
	return run->resumed ? run->resumed : options_command(&run->options);
}

/* Then it matters whether it has a server that others use. */
static bool wants_restart(const struct run *run)
{
	const char *text = run->settings.values[SETTING_RESTART].text;

	return text && strcmp(text, "no") != 0;
}

/* What of the command depends on its version, and whether that can be told. */
static int look_at_command(struct run *run, struct diag *diag)
{
	char *const *argv = run_argv(run);
	bool takes_server = profile_takes_private_server(run->profile, argv);
	struct profile_version_request request = {
		.profile = run->profile,
		.executable = run->command.path,
		.host = &run->host,
		.id = run->id,
		.may_ask = !run->settings.values[SETTING_DRY_RUN].text,
	};
	int r = profile_server_find(run->profile, &run->server);

	run->version_result = PROFILE_VERSION_UNKNOWN;
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	if (!takes_server && run->server.pid == 0)
		return 0;
	request.insist = run->server.pid > 0 || wants_restart(run);
	r = profile_version_find(&request, &run->version);
	if (r >= 0)
		run->version_result = (enum profile_version_result)r;
	return 0;
}

static int find_backend(struct run *run, enum backend_kind choice, struct diag *diag)
{
	bool insist = choice == BACKEND_CGROUPFS;
	enum enforce_mode enforce;
	int r = plan_enforce_choice(&run->settings, &enforce, diag);

	if (r < 0)
		return r;
	run->backend_is_free_choice = choice == BACKEND_AUTO && enforce == ENFORCE_AUTO;
	return backend_probe(choice, &run->host, insist || enforce == ENFORCE_KERNEL, &run->backend,
			     diag);
}

static int make_plan(struct run *run, struct diag *diag)
{
	struct plan_request request = {
		.id = run->id,
		.command = run_argv(run),
		.executable = run->command.path,
		.guard = run->command.guard,
		.setenv = run->options.setenv,
		.settings = &run->settings,
		.profile = run->profile,
		.version = run->version_result == PROFILE_VERSION_KNOWN ? &run->version : NULL,
		.version_is_open = run->version_result == PROFILE_VERSION_UNASKED,
		.server = run->server.pid,
		.host = &run->host,
		.backend = backend_facts(run->backend),
	};
	const char *slice = run->settings.values[SETTING_SLICE].text;

	/* Not knowing of them costs a warning. */
	(void)!others_count(&run->host, slice ? slice : "oc.slice", &request.others);
	return plan_resolve(&request, &run->plan, diag);
}

static int make_id(struct run *run, struct diag *diag)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return diag_set(diag, -errno, "cannot make an id: %s", strerror(errno));
	(void)snprintf(run->id, sizeof(run->id), "%016" PRIx64, number);
	return 0;
}

/* What each start has anew: its id, what the host is like now, the backend, the plan. */
static int prepare_start(struct run *run, struct diag *diag)
{
	enum backend_kind choice;

	if (make_id(run, diag) < 0 || host_gather(&run->host, diag) < 0 ||
	    look_at_command(run, diag) < 0 ||
	    plan_backend_choice(&run->settings, &choice, diag) < 0 ||
	    find_backend(run, choice, diag) < 0 || make_plan(run, diag) < 0 ||
	    plan_check(run->plan, &run->settings, diag) < 0)
		return -EINVAL;
	return 0;
}

/* 0: there is a plan; else the exit status, with the error printed. */
static int prepare(struct run *run)
{
	struct diag diag = DIAG_INIT;

	if (find_profile(run, &diag) < 0 || prepare_start(run, &diag) < 0)
		return fail(&diag, EXIT_OWN_FAILURE);
	return 0;
}

/* After a session: nothing of it is used again, least of all its cgroup. */
static int prepare_again(struct run *run)
{
	struct diag diag = DIAG_INIT;

	memcpy(run->before_id, run->id, sizeof(run->before_id));
	run->plan = plan_free(run->plan);
	run->backend = backend_free(run->backend);
	host_finish(&run->host);
	profile_server_finish(&run->server);
	return prepare_start(run, &diag) < 0 ? fail(&diag, -EINVAL) : 0;
}

static void tell_removed(const char *id, void *userdata)
{
	const struct plan *plan = userdata;

	if (plan->verbose)
		(void)fprintf(stderr, "oc-run: removed what was left of session %s\n", id);
}

static void sweep(const struct run *run)
{
	/* What can't be removed now is tried again by the next start; it is no reason to fail. */
	int r = registry_sweep(&run->host, tell_removed, run->plan);

	(void)r;
}

static int run_session(struct run *run, struct session_record *record, int *ret_errno,
		       struct diag *diag)
{
	const struct session_request request = {
		.plan = run->plan,
		.host = &run->host,
		.backend = run->backend,
		.signals = &run->signals,
		.restart = &run->restart,
	};

	return session_run(&request, record, ret_errno, diag);
}

/* The backend looked right and failed all the same: run without a cgroup rather than not at all,
 * and say so. */
static int run_without_cgroup(struct run *run, struct session_record *record, int *ret_errno,
			      struct diag *diag)
{
	int r;

	(void)fprintf(stderr, "oc-run: %s; the command runs without a cgroup of its own\n",
		      diag->text);
	run->plan = plan_free(run->plan);
	run->backend = backend_free(run->backend);
	r = backend_probe(BACKEND_NONE, &run->host, false, &run->backend, diag);
	if (r < 0)
		return r;
	r = make_plan(run, diag);
	if (r < 0)
		return r;
	print_warnings(run);
	session_record_finish(record);
	return run_session(run, record, ret_errno, diag);
}

static int tell_report(const struct plan *plan, struct session_record *record)
{
	struct diag diag = DIAG_INIT;

	if (plan->verbose || (!plan->quiet && report_is_needed(record))) {
		_cleanup_free_ char *text = report_text(record);

		if (text)
			(void)fputs(text, stderr);
	}
	if (plan->json_status_fd >= 0) {
		_cleanup_free_ char *line = report_json_ended(record);

		if (line)
			(void)!report_status_line(plan->json_status_fd, line, STATUS_WAIT_MSEC);
	}
	if (plan->report_path && report_write_file(record, plan->report_path, &diag) < 0)
		return fail(&diag, 0);
	return 0;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Into the record, and if it is to be: the words into *ret_argv. */
static void judge_restart(struct run *run, struct session_record *record, char ***ret_argv)
{
	char *const *command = options_command(&run->options);
	enum restart_verdict verdict;
	struct restart_facts facts;

	restart_facts_of(record, command, &facts);
	facts.told_to_stop |= restart_stop_is_waiting(&run->signals);
	facts.now_usec = now_usec();
	verdict = restart_decide(&run->restart, &facts);
	if (verdict == RESTART_AGAIN &&
	    profile_resume_command(run->profile, command, record->resume_id, ret_argv) < 0)
		verdict = RESTART_NO_WAY;
	record->restart.again = verdict == RESTART_AGAIN;
	restart_why_not(verdict, &facts, record->restart.why_not);
}

/* Between two sessions the terminal is ours. 0: go on with the next. */
static int start_again(struct run *run)
{
	const char *name = safe_text_base_name(options_command(&run->options)[0]);
	char text[LINE_COLUMNS_MAX];
	uint64_t now = now_usec();

	if (restart_stop_is_waiting(&run->signals)) {
		say("not started again: it was told to stop");
		return -ECANCELED;
	}
	restart_note(&run->restart, now);
	(void)snprintf(text, sizeof(text),
		       "starting %.100s again with the same session (%u of %d in %u minutes)", name,
		       restart_count(&run->restart, now), RESTARTS_MAX,
		       (unsigned)(RESTART_WINDOW_USEC / 60000000));
	if (!run->plan->quiet)
		say(text);
	return prepare_again(run);
}

static bool is_told_to_stop(void *userdata)
{
	const struct run *run = userdata;

	return restart_stop_is_waiting(&run->signals);
}

/* Which session it was; not knowing is no error: the report is about what happened. */
static void find_resume(struct run *run, struct session_record *record)
{
	struct resume_wait wait = {
		.msec = RESUME_WAIT_MSEC,
		.is_cancelled = is_told_to_stop,
		.userdata = run,
	};
	char text[LINE_COLUMNS_MAX];

	if (restart_needs_id(&run->restart, record, options_command(&run->options), now_usec())) {
		wait.msec = RESUME_RESTART_WAIT_MSEC;
		(void)snprintf(text, sizeof(text),
			       "%.100s was killed for memory; asking it which session that was",
			       safe_text_base_name(options_command(&run->options)[0]));
		if (!run->plan->quiet)
			say(text);
	}
	(void)!resume_find(record, &wait);
}

/* A session that ended. Its exit status; *ret_argv: what to start now, if anything. */
static int conclude(struct run *run, struct session_record *record, char ***ret_argv)
{
	memcpy(record->restart.after, run->before_id, sizeof(record->restart.after));
	find_resume(run, record);
	judge_restart(run, record, ret_argv);
	(void)tell_report(run->plan, record);
	return outcome_exit_status(record);
}

static int execute_once(struct run *run, char ***ret_argv)
{
	struct session_record *record = calloc(1, sizeof(*record));
	struct diag diag = DIAG_INIT;
	int exec_errno = 0, status, r;

	if (!record) {
		(void)diag_set(&diag, -ENOMEM, "out of memory");
		return fail(&diag, EXIT_OWN_FAILURE);
	}
	print_warnings(run);
	sweep(run);
	r = run_session(run, record, &exec_errno, &diag);
	if (r == SESSION_NO_CGROUP && run->backend_is_free_choice)
		r = run_without_cgroup(run, record, &exec_errno, &diag);
	if (r == SESSION_ENDED) {
		status = conclude(run, record, ret_argv);
	} else if (r == SESSION_NOT_EXECUTED) {
		status = fail(&diag, exec_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
	} else {
		status = fail(&diag, EXIT_OWN_FAILURE);
	}
	session_record_finish(record);
	free(record);
	return status;
}

/* The exit status is that of the last session. */
static int execute(struct run *run)
{
	for (;;) {
		char **next = NULL;
		int status = execute_once(run, &next);

		if (!next)
			return status;
		strv_free(run->resumed);
		run->resumed = next;
		if (start_again(run) < 0)
			return status;
	}
}

/* There is a session around us already, made for this very command: what is left to do is what was
 * said about the command itself. */
static int exec_directly(struct run *run)
{
	const char *folder = run->settings.values[SETTING_CHDIR].text;
	struct diag diag = DIAG_INIT;

	for (char **entry = run->options.setenv; entry && *entry; entry++)
		if (strchr(*entry, '='))
			(void)putenv(*entry);
	(void)putenv(run->command.guard);
	if (folder && chdir(folder) < 0) {
		(void)diag_set(&diag, -errno, "cannot change to the directory \"%s\": %s", folder,
			       strerror(errno));
		return fail(&diag, EXIT_OWN_FAILURE);
	}
	if (signal_state_restore(&run->signals) >= 0)
		(void)execv(run->command.path, options_command(&run->options));
	(void)diag_set(&diag, -errno, "cannot run \"%s\": %s", run->command.path, strerror(errno));
	return fail(&diag, EXIT_CANNOT_EXECUTE);
}

/* 0: go on; else the exit status. */
static int resolve_command(struct run *run)
{
	const struct command_request request = {
		.word = options_command(&run->options)[0],
		.path_variable = getenv("PATH"),
		.working_directory = run->settings.values[SETTING_CHDIR].text,
		.guard = getenv(COMMAND_GUARD_NAME),
		.pid = getpid(),
		.parent = getppid(),
	};
	struct diag diag = DIAG_INIT;
	int r = command_resolve(&request, &run->command, &diag);

	if (r < 0)
		return fail(&diag, r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
	if (r == COMMAND_EXEC_DIRECTLY && !run->settings.values[SETTING_DRY_RUN].text)
		return exec_directly(run);
	return 0;
}

static void run_finish(struct run *run)
{
	run->plan = plan_free(run->plan);
	strv_free(run->resumed);
	strv_free(run->warned);
	run->backend = backend_free(run->backend);
	host_finish(&run->host);
	profile_server_finish(&run->server);
	run->profile = profile_free(run->profile);
	settings_finish(&run->settings);
	options_finish(&run->options);
	command_resolved_finish(&run->command);
}

static int run_command(struct run *run)
{
	struct diag diag = DIAG_INIT;
	int status;

	if (gather_settings(run, &diag) < 0)
		return fail(&diag, EXIT_OWN_FAILURE);
	status = resolve_command(run);
	if (status == 0)
		status = prepare(run);
	if (status != 0)
		return status;
	if (run->plan->dry_run)
		return print_and_free(plan_describe(run->plan, backend_facts(run->backend)));
	return execute(run);
}

int main(int argc, char **argv)
{
	struct run run = { 0 };
	struct diag diag = DIAG_INIT;
	int r, status;

	if (signal_state_save(&run.signals) < 0)
		return EXIT_OWN_FAILURE;
	/* Somebody who stopped reading what we say must not end the session; the command gets its
	 * own disposition back. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Privileges that the person does not have would be lent to any command. */
	if (getauxval(AT_SECURE)) {
		(void)diag_set(&diag, -EPERM,
			       "refuses to run with the setuid bit or file "
			       "capabilities; remove them (chmod u-s, setcap -r)");
		return fail(&diag, EXIT_OWN_FAILURE);
	}
	r = options_parse(argc, argv, &run.options, &diag);
	if (r < 0) {
		status = fail(&diag, EXIT_OWN_FAILURE);
	} else if (r == OPTIONS_HELP) {
		status = print_and_free(options_help());
	} else if (r == OPTIONS_VERSION) {
		status = puts("oc-run " OC_RUN_VERSION) < 0 ? EXIT_OWN_FAILURE : 0;
	} else {
		status = run_command(&run);
	}
	run_finish(&run);
	return status;
}
