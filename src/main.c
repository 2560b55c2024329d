/* SPDX-License-Identifier: MIT */

/*
 * oc-run: from the command line to the exit status. Reads like a table of contents; what is done
 * stands in the modules.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "build-config.h"
#include "oc-run/profile-command.h"
#include "oc-run/registry.h"
#include "oc-run/report.h"
#include "oc-run/resume.h"
#include "oc-run/user-environment.h"
#include "report/safe-text.h"
#include "run/run.h"

/* What a slow reader of --json-status-fd is given for the last line. */
#define STATUS_WAIT_MSEC 1000

/* Each once, however often the command is started again. */
static void print_warnings(struct run *run)
{
	const struct plan *plan = run->plan;

	for (char **warning = plan->warnings; !plan->quiet && warning && *warning; warning++) {
		if (strv_contains(run->warned, *warning))
			continue;
		run_say(*warning);
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

static void tell_removed(const char *id, void *userdata)
{
	const struct plan *plan = userdata;

	if (plan->verbose)
		(void)fprintf(stderr, "oc-run: removed what was left of session %s\n", id);
}

static bool is_held(const char *id, void *userdata)
{
	return registry_is_held(userdata, id);
}

static void sweep(struct run *run)
{
	/* What can't be removed now is tried again by the next start; it is no reason to fail. */
	int r = registry_sweep(&run->host, tell_removed, run->plan);

	(void)r;
	backend_sweep(run->backend, run->plan, is_held, &run->host);
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
		.admission = &run->admission,
		.detached = run->detached.is ? &run->detached.session : NULL,
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
	r = run_make_plan(run, diag);
	if (r < 0)
		return r;
	r = run_admit(run, true);
	if (r < 0 || r == RUN_STOPPED)
		return diag_set(diag, -ECANCELED, "the session has not started");
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
		return run_fail(&diag, 0);
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

/* 0: the session may start. */
static int wait_for_place(struct run *run, bool keeps_place)
{
	int r = run_admit(run, keeps_place);

	if (r == RUN_STOPPED)
		return -ECANCELED;
	if (r != RUN_WAITED)
		return r;
	/* The place may be that of one that crashed. */
	sweep(run);
	return run_prepare_after_wait(run);
}

/* Between two sessions the terminal is ours. 0: go on with the next. */
static int start_again(struct run *run)
{
	const char *name = safe_text_base_name(options_command(&run->options)[0]);
	char text[LINE_COLUMNS_MAX];
	uint64_t now = now_usec();

	if (restart_stop_is_waiting(&run->signals)) {
		run_say("not started again: it was told to stop");
		return -ECANCELED;
	}
	restart_note(&run->restart, now);
	(void)snprintf(text, sizeof(text),
		       "starting %.100s again with the same session (%u of %d in %u minutes)", name,
		       restart_count(&run->restart, now), RESTARTS_MAX,
		       (unsigned)(RESTART_WINDOW_USEC / 60000000));
	if (!run->plan->quiet)
		run_say(text);
	sweep(run);
	if (run_prepare_again(run) < 0)
		return -EINVAL;
	if (wait_for_place(run, true) < 0) {
		run_say("not started again: it was told to stop");
		return -ECANCELED;
	}
	return 0;
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
			run_say(text);
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
		return run_fail(&diag, EXIT_OWN_FAILURE);
	}
	print_warnings(run);
	r = run_open_output(run, &diag);
	if (r >= 0)
		r = run_session(run, record, &exec_errno, &diag);
	if (r == SESSION_NO_CGROUP && run->backend_is_free_choice)
		r = run_without_cgroup(run, record, &exec_errno, &diag);
	if (r == SESSION_ENDED) {
		status = conclude(run, record, ret_argv);
	} else if (r == SESSION_NOT_EXECUTED) {
		status = run_fail(&diag,
				  exec_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
	} else {
		status = run_fail(&diag, EXIT_OWN_FAILURE);
	}
	admission_leave(&run->admission);
	session_record_finish(record);
	free(record);
	return status;
}

/* The exit status is that of the last session. */
static int execute(struct run *run)
{
	sweep(run);
	if (wait_for_place(run, false) < 0)
		return EXIT_OWN_FAILURE;
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
		return run_fail(&diag, EXIT_OWN_FAILURE);
	}
	if (signal_state_restore(&run->signals) >= 0)
		(void)execv(run->command.path, options_command(&run->options));
	(void)diag_set(&diag, -errno, "cannot run \"%s\": %s", run->command.path, strerror(errno));
	return run_fail(&diag, EXIT_CANNOT_EXECUTE);
}

/* As the user whose command it is, and where that user may look. */
static int resolve_as_user(struct run *run, const struct command_request *request,
			   struct diag *diag)
{
	struct owner_rights rights;
	int r = user_account_borrow_rights(run->user, &rights, diag);

	if (r < 0)
		return r;
	r = command_resolve(request, &run->command, diag);
	owner_rights_return(&rights);
	return r;
}

/* 0: go on; else the exit status. */
static int resolve_command(struct run *run)
{
	_cleanup_free_ char *path =
		run->user ? user_environment_path(run->user, getenv("PATH")) : NULL;
	const struct command_request request = {
		.word = options_command(&run->options)[0],
		.path_variable = run->user ? path : getenv("PATH"),
		.working_directory = run->settings.values[SETTING_CHDIR].text,
		/* What a session around us has said of root's command says nothing of the user's:
		 * never run it directly, as root. */
		.guard = run->user ? NULL : getenv(COMMAND_GUARD_NAME),
		.pid = getpid(),
		.parent = getppid(),
	};
	struct diag diag = DIAG_INIT;
	int r = resolve_as_user(run, &request, &diag);

	if (r < 0)
		return run_fail(&diag, r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
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
	guard_places_finish(&run->guard_places);
	profile_server_finish(&run->server);
	run->profile = profile_free(run->profile);
	settings_finish(&run->settings);
	options_finish(&run->options);
	user_account_finish(&run->account);
	command_resolved_finish(&run->command);
}

static int run_command(struct run *run, char *const *argv)
{
	struct diag diag = DIAG_INIT;
	int status;

	if (run_gather_settings(run, &diag) < 0)
		return run_fail(&diag, EXIT_OWN_FAILURE);
	if (run_is_starter(run))
		return run_detach(run, argv);
	if (run_find_user(run, &diag) < 0)
		return run_fail(&diag, EXIT_OWN_FAILURE);
	status = resolve_command(run);
	if (status == 0)
		status = run_prepare(run);
	if (status != 0)
		return status;
	if (run->plan->dry_run)
		return print_and_free(plan_describe(run->plan, backend_facts(run->backend)));
	return execute(run);
}

int main(int argc, char **argv)
{
	struct run run = RUN_INIT;
	struct diag diag = DIAG_INIT;
	int r, status;

	/* Privileges that the person does not have would be lent to any command. */
	if (getauxval(AT_SECURE)) {
		(void)diag_set(&diag, -EPERM,
			       "refuses to run with the setuid bit or file "
			       "capabilities; remove them (chmod u-s, setcap -r)");
		return run_fail(&diag, EXIT_OWN_FAILURE);
	}
	if (run_become_supervisor(&run, &argc, &argv, &diag) < 0)
		return run_fail(&diag, EXIT_OWN_FAILURE);
	if (signal_state_save(&run.signals) < 0)
		return EXIT_OWN_FAILURE;
	signal_state_raise_files(&run.signals);
	/* Somebody who stopped reading what we say must not end the session; the command gets its
	 * own disposition back. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = options_parse(argc, argv, &run.options, &diag);
	if (r < 0) {
		status = run_fail(&diag, EXIT_OWN_FAILURE);
	} else if (r == OPTIONS_HELP) {
		status = print_and_free(options_help());
	} else if (r == OPTIONS_VERSION) {
		status = puts("oc-run " OC_RUN_VERSION) < 0 ? EXIT_OWN_FAILURE : 0;
	} else {
		status = run_command(&run, argv);
	}
	run_detached_ended(&run, status);
	run_finish(&run);
	return status;
}
