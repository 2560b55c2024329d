/* SPDX-License-Identifier: MIT */

/* All that is found out before a session starts. Nothing is changed by it: --dry-run comes this way
 * too. */

#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "oc-run/config.h"
#include "oc-run/others.h"
#include "oc-run/profile-command.h"
#include "report/safe-text.h"

extern char **environ;

void run_say(const char *text)
{
	(void)fputs("oc-run: ", stderr);
	safe_text_print(stderr, text, LINE_COLUMNS_MAX);
	(void)fputc('\n', stderr);
}

int run_fail(const struct diag *diag, int status)
{
	run_say(diag->text);
	return status;
}

int run_gather_settings(struct run *run, struct diag *diag)
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

static int judge_user(const struct run *run, struct diag *diag)
{
	if (geteuid() != 0)
		return diag_set(diag, -EPERM,
				"only root can run a command as another user; use `sudo oc-run`, "
				"or leave it out");
	if (run->account.uid == 0)
		return diag_set(diag, -EINVAL,
				"is root, and nothing could hold the command; name another user, "
				"or leave it out");
	return 0;
}

int run_find_user(struct run *run, struct diag *diag)
{
	const char *text = run->settings.values[SETTING_USER].text;
	int r;

	if (!text)
		return 0;
	if (*text)
		r = user_account_find(text, &run->account, diag);
	else
		r = diag_set(diag, -EINVAL, "is empty; write for example --user dev");
	/* A file of settings is read by oc-run inside the session too: there is nothing to change. */
	if (r == 0 && run->account.uid != 0 && run->account.uid == geteuid())
		return 0;
	if (r == 0)
		r = judge_user(run, diag);
	if (r < 0)
		return setting_blame(diag, r, &run->settings, SETTING_USER);
	run->user = &run->account;
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

/* What of the command depends on its version, and whether that can be told. Another user's is not
 * asked: it would run as root, or as that user outside of the limits. */
static int look_as_user(struct run *run, struct diag *diag)
{
	char *const *argv = run_argv(run);
	bool takes_server = profile_takes_private_server(run->profile, argv);
	struct profile_version_request request = {
		.profile = run->profile,
		.executable = run->command.path,
		.host = &run->host,
		.id = run->id,
		.may_ask = !run->user && !run->settings.values[SETTING_DRY_RUN].text,
	};
	int r = profile_server_find(run->profile, run->user ? run->user->home : NULL, &run->server);

	run->version_result = PROFILE_VERSION_UNKNOWN;
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	if (!takes_server && run->server.pid == 0)
		return 0;
	request.insist = run->server.pid > 0 || wants_restart(run);
	r = profile_version_find(&request, &run->version);
	if (r == PROFILE_VERSION_UNASKED && run->user)
		r = PROFILE_VERSION_UNKNOWN;
	if (r >= 0)
		run->version_result = (enum profile_version_result)r;
	return 0;
}

static int look_at_command(struct run *run, struct diag *diag)
{
	struct owner_rights rights;
	int r = user_account_borrow_rights(run->user, &rights, diag);

	if (r < 0)
		return r;
	r = look_as_user(run, diag);
	owner_rights_return(&rights);
	return r;
}

/* Without the files that a cgroup takes, the processes themselves are looked at. */
static bool lacks_files(const struct run *run)
{
	struct rlimit files;
	char text[LINE_COLUMNS_MAX];

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= SESSION_FILES_MIN)
		return false;
	(void)snprintf(text, sizeof(text),
		       "only %u files may be open: the command runs without a cgroup of its own; "
		       "raise it to %d (`ulimit -n`)",
		       (unsigned)files.rlim_cur, SESSION_FILES_MIN);
	if (!run->settings.values[SETTING_QUIET].text)
		run_say(text);
	return true;
}

static int find_backend(struct run *run, enum backend_kind choice, struct diag *diag)
{
	bool insist = choice == BACKEND_CGROUPFS;
	enum enforce_mode enforce;
	int r = plan_enforce_choice(&run->settings, &enforce, diag);

	if (r < 0)
		return r;
	run->backend_is_free_choice = choice == BACKEND_AUTO && enforce == ENFORCE_AUTO;
	if (run->backend_is_free_choice && lacks_files(run))
		choice = BACKEND_NONE;
	return backend_probe(choice, &run->host, insist || enforce == ENFORCE_KERNEL, &run->backend,
			     diag);
}

/* Where a strict guard lets the command write; with the user's rights, as folders are made there. */
static int find_guard_places(struct run *run, struct diag *diag)
{
	const struct settings *settings = &run->settings;
	const struct user_account *user = run->user;
	const struct guard_places_request request = {
		.working_directory = settings->values[SETTING_CHDIR].text,
		.home = user ? user->home : NULL,
		.profile = run->profile,
		.runtime_dir = user ? user->runtime_dir : run->host.runtime_dir,
		.extra = settings->values[SETTING_GUARD_WRITES].text,
		.uid = user ? user->uid : run->host.uid,
		.makes_folders = !settings->values[SETTING_DRY_RUN].text,
	};
	struct owner_rights rights;
	int r = user_account_borrow_rights(user, &rights, diag);

	if (r < 0)
		return r;
	r = guard_places_find(&request, &run->guard_places, diag);
	owner_rights_return(&rights);
	return r == -EINVAL ? setting_blame(diag, r, settings, SETTING_GUARD_WRITES) : r;
}

/* What the kernel can refuse, and where a strict guard lets the command write. */
static int look_at_guard(struct run *run, struct diag *diag)
{
	enum guard_level level;
	int r;

	guard_places_finish(&run->guard_places);
	guard_facts_gather(false, &run->guard_facts);
	r = plan_guard_choice(&run->settings, &run->guard_facts, &level, diag);
	if (r < 0 || level != GUARD_STRICT)
		return r;
	guard_facts_gather(true, &run->guard_facts);
	/* What root hides from another user at paths of that user must not mislead setuid programs:
	 * the strict guard sets no_new_privs then too. */
	if (run->user)
		run->guard_facts.is_admin = false;
	return find_guard_places(run, diag);
}

int run_make_plan(struct run *run, struct diag *diag)
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
		.user = run->user,
		.server = run->server.pid,
		.host = &run->host,
		.backend = backend_facts(run->backend),
		.guard_facts = &run->guard_facts,
		.guard_places = run->guard_places.writable ? &run->guard_places : NULL,
	};
	const char *slice = run->settings.values[SETTING_SLICE].text;

	/* Not knowing of them costs a warning. */
	(void)!others_count(&run->host, slice ? slice : "oc.slice", &request.others);
	backend_slice(run->backend, slice ? slice : "oc.slice", &request.slice);
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
	    look_at_command(run, diag) < 0 || look_at_guard(run, diag) < 0 ||
	    plan_backend_choice(&run->settings, &choice, diag) < 0 ||
	    find_backend(run, choice, diag) < 0 || run_make_plan(run, diag) < 0 ||
	    plan_check(run->plan, &run->settings, diag) < 0)
		return -EINVAL;
	return 0;
}

int run_prepare(struct run *run)
{
	struct diag diag = DIAG_INIT;

	if (find_profile(run, &diag) < 0 || prepare_start(run, &diag) < 0)
		return run_fail(&diag, EXIT_OWN_FAILURE);
	return 0;
}

static int prepare_anew(struct run *run)
{
	struct diag diag = DIAG_INIT;

	run->plan = plan_free(run->plan);
	run->backend = backend_free(run->backend);
	host_finish(&run->host);
	profile_server_finish(&run->server);
	return prepare_start(run, &diag) < 0 ? run_fail(&diag, -EINVAL) : 0;
}

int run_prepare_again(struct run *run)
{
	memcpy(run->before_id, run->id, sizeof(run->before_id));
	return prepare_anew(run);
}

int run_prepare_after_wait(struct run *run)
{
	return prepare_anew(run);
}
