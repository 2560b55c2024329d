/* SPDX-License-Identifier: MIT */

/* Settings, host and backend become a plan: everything but the limits. See plan.h. */

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"
#include "oc-run/profile-command.h"
#include "plan-internal.h"

#define GRACE_DEFAULT_USEC (3 * USEC_PER_SEC)
#define SLICE_DEFAULT "oc.slice"
#define NAME_MAX_BYTES 64
#define UNIT_MAX_BYTES 255

static const char *const backend_names[] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_SYSTEMD] = "systemd",
	[BACKEND_CGROUPFS] = "cgroupfs",
	[BACKEND_NONE] = "none",
};

static const char *const enforce_names[] = {
	[ENFORCE_AUTO] = "auto",
	[ENFORCE_KERNEL] = "kernel",
};

static const char *const oom_names[] = {
	[OOM_TOOL] = "tool",
	[OOM_AGENT] = "agent",
	[OOM_GROUP] = "group",
};

static const char *const escape_names[] = {
	[ESCAPE_RECAPTURE] = "recapture",
	[ESCAPE_REPORT] = "report",
	[ESCAPE_KILL] = "kill",
};

const char *oom_choice_name(enum oom_choice choice)
{
	return oom_names[choice];
}

const char *backend_kind_name(enum backend_kind kind)
{
	return backend_names[kind];
}

const char *enforcer_name(enum enforcer enforcer)
{
	switch (enforcer) {
	case ENFORCER_KERNEL:
		return "the kernel";
	case ENFORCER_WATCH:
		return "watching";
	case ENFORCER_NONE:
		break;
	}
	return "nobody";
}

int plan_warn(struct plan *plan, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return strv_append(&plan->warnings, length < 0 ? NULL : text);
}

int plan_choose_word(const struct settings *settings, enum setting_id id, const char *const *words,
		     size_t count, int fallback, struct diag *diag)
{
	const char *text = settings->values[id].text, *nearest;
	char list[128];
	size_t length = 0;

	if (!text)
		return fallback;
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return (int)i;
	for (size_t i = 0; i < count; i++)
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
					   i == 0	   ? ""
					   : i + 1 < count ? ", "
							   : " or ",
					   words[i]);
	nearest = parse_nearest(text, words, count);
	(void)diag_set(diag, -EINVAL, "is not one of %s%s%s%s", list,
		       nearest ? "; did you mean " : "", nearest ? nearest : "",
		       nearest ? "?" : "");
	return setting_blame(diag, -EINVAL, settings, id);
}

int plan_backend_choice(const struct settings *settings, enum backend_kind *ret_kind,
			struct diag *diag)
{
	int choice = plan_choose_word(settings, SETTING_BACKEND, backend_names,
				      ARRAY_SIZE(backend_names), BACKEND_AUTO, diag);

	if (choice < 0)
		return choice;
	*ret_kind = (enum backend_kind)choice;
	return 0;
}

int plan_enforce_choice(const struct settings *settings, enum enforce_mode *ret_mode,
			struct diag *diag)
{
	int choice = plan_choose_word(settings, SETTING_ENFORCE, enforce_names,
				      ARRAY_SIZE(enforce_names), ENFORCE_AUTO, diag);

	if (choice < 0)
		return choice;
	*ret_mode = (enum enforce_mode)choice;
	return 0;
}

static int resolve_oom(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	int choice = plan_choose_word(settings, SETTING_OOM, oom_names, ARRAY_SIZE(oom_names),
				      OOM_TOOL, diag);

	if (choice < 0)
		return choice;
	plan->oom = (enum oom_choice)choice;
	return 0;
}

static int resolve_escape(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	int choice = plan_choose_word(settings, SETTING_ESCAPE, escape_names,
				      ARRAY_SIZE(escape_names), ESCAPE_RECAPTURE, diag);

	if (choice < 0)
		return choice;
	plan->escape = (enum escape_choice)choice;
	return 0;
}

int plan_resolve_switch(const struct settings *settings, enum setting_id id, bool *ret,
			struct diag *diag)
{
	int r = 0;

	if (settings->values[id].text)
		r = parse_switch(settings->values[id].text, ret, diag);
	return r < 0 ? setting_blame(diag, r, settings, id) : 0;
}

static int resolve_grace(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	int r = 0;

	plan->grace_usec = GRACE_DEFAULT_USEC;
	if (settings->values[SETTING_GRACE].text)
		r = parse_duration(settings->values[SETTING_GRACE].text, &plan->grace_usec, diag);
	return r < 0 ? setting_blame(diag, r, settings, SETTING_GRACE) : 0;
}

static int resolve_status_fd(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *text = settings->values[SETTING_JSON_STATUS_FD].text;
	uint64_t fd;

	plan->json_status_fd = -1;
	if (!text)
		return 0;
	if (parse_unsigned(text, &fd) < 0 || fd > INT_MAX) {
		(void)diag_set(diag, -EINVAL,
			       "is no file descriptor; write the number of an open one such as 3");
		return setting_blame(diag, -EINVAL, settings, SETTING_JSON_STATUS_FD);
	}
	plan->json_status_fd = (int)fd;
	return 0;
}

/* What systemd takes in the name of a unit (systemd.unit(5)), without the dash at the ends and the
 * double one that it refuses in slices. */
static bool is_slice_name(const char *name, size_t length)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		":_.\\-";

	return length > 0 && strspn(name, allowed) >= length && name[0] != '-' &&
	       name[length - 1] != '-' && name[0] != '.' && !memmem(name, length, "--", 2);
}

static int resolve_slice_name(struct plan *plan, const struct settings *settings, struct diag *diag)
{
	static const char suffix[] = ".slice";
	const char *text = settings->values[SETTING_SLICE].text;
	size_t length = text ? strlen(text) : 0;
	int r;

	if (!text) {
		plan->slice = strdup(SLICE_DEFAULT);
		return plan->slice ? 0 : -ENOMEM;
	}
	if (length > strlen(suffix) && strcmp(text + length - strlen(suffix), suffix) == 0)
		length -= strlen(suffix);
	if (!is_slice_name(text, length) || length + strlen(suffix) > UNIT_MAX_BYTES) {
		(void)diag_set(diag, -EINVAL,
			       "is no name of a slice; write for example work.slice");
		return setting_blame(diag, -EINVAL, settings, SETTING_SLICE);
	}
	r = asprintf(&plan->slice, "%.*s%s", (int)length, text, suffix);
	return r < 0 ? -ENOMEM : 0;
}

/* A text that a person typed as it is, or NULL. Empty is a mistake. */
static int resolve_text(const struct settings *settings, enum setting_id id, const char *advice,
			char **ret, struct diag *diag)
{
	const char *text = settings->values[id].text;

	if (!text)
		return 0;
	if (!*text) {
		(void)diag_set(diag, -EINVAL, "is empty; %s", advice);
		return setting_blame(diag, -EINVAL, settings, id);
	}
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static bool has_control_character(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return true;
	return false;
}

static int resolve_name(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const char *slash = strrchr(request->command[0], '/');
	const char *word = slash && slash[1] ? slash + 1 : request->command[0];
	int r;

	r = resolve_text(request->settings, SETTING_NAME,
			 "write for example --name \"night build\"", &plan->name, diag);
	if (r < 0)
		return r;
	if (plan->name &&
	    (strlen(plan->name) > NAME_MAX_BYTES || has_control_character(plan->name))) {
		(void)diag_set(diag, -EINVAL, "is no name; write at most %d characters in one line",
			       NAME_MAX_BYTES);
		return setting_blame(diag, -EINVAL, request->settings, SETTING_NAME);
	}
	if (plan->name)
		return 0;
	plan->name = strndup(word, NAME_MAX_BYTES);
	for (char *at = plan->name; at && *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	return plan->name ? 0 : -ENOMEM;
}

static int resolve_command(struct plan *plan, const struct plan_request *request)
{
	int r = 0;

	for (size_t i = 0; r == 0 && request->command[i]; i++)
		r = strv_append(&plan->command, strdup(request->command[i]));
	/* "NAME" alone stays as it is in the environment: nothing to add. */
	for (size_t i = 0; r == 0 && request->setenv && request->setenv[i]; i++)
		if (strchr(request->setenv[i], '='))
			r = strv_append(&plan->setenv, strdup(request->setenv[i]));
	if (r == 0 && request->guard)
		r = strv_append(&plan->setenv, strdup(request->guard));
	if (r < 0)
		return r;
	plan->executable = strdup(request->executable);
	plan->profile = request->profile;
	plan->stop_signal = request->profile->stop_signal;
	(void)snprintf(plan->id, sizeof(plan->id), "%s", request->id);
	r = asprintf(&plan->unit, "oc-%s.scope", request->id);
	if (r < 0)
		plan->unit = NULL;
	return plan->executable && plan->unit ? 0 : -ENOMEM;
}

static int resolve_choices(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct settings *settings = request->settings;
	int r;

	plan->backend = request->backend->kind;
	r = plan_enforce_choice(settings, &plan->enforce, diag);
	if (r == 0)
		r = resolve_oom(plan, settings, diag);
	if (r == 0)
		r = resolve_escape(plan, settings, diag);
	if (r == 0)
		r = plan_resolve_pressure(plan, settings, diag);
	if (r == 0)
		r = resolve_grace(plan, settings, diag);
	if (r == 0)
		r = resolve_status_fd(plan, settings, diag);
	if (r == 0)
		r = resolve_slice_name(plan, settings, diag);
	if (r == 0)
		r = resolve_text(settings, SETTING_CHDIR, "write for example --chdir /tmp",
				 &plan->chdir, diag);
	if (r == 0)
		r = resolve_text(settings, SETTING_REPORT, "write for example --report report.json",
				 &plan->report_path, diag);
	if (r == 0)
		r = plan_resolve_restart(plan, settings, diag);
	if (r == 0)
		r = plan_resolve_sessions(plan, settings, diag);
	if (r == 0)
		r = plan_resolve_history(plan, settings, diag);
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_ALLOW_RELIMIT, &plan->allow_relimit,
					diag);
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_DETACH, &plan->detach, diag);
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_DRY_RUN, &plan->dry_run, diag);
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_QUIET, &plan->quiet, diag);
	if (r == 0)
		r = plan_resolve_switch(settings, SETTING_VERBOSE, &plan->verbose, diag);
	return r;
}

/* A server that sessions share lies in nobody's session, or in somebody else's: avoided where the
 * version is known to let it. */
static int resolve_server(struct plan *plan, const struct plan_request *request)
{
	const struct profile *profile = request->profile;
	bool is_old = request->version &&
		      profile_version_compare(request->version, &profile->shared_server_since) < 0;
	int r = 0;

	plan->server_is_own = !profile->shared_server || is_old;
	if (plan->server_is_own)
		return 0;
	plan->version_is_open = request->version_is_open;
	if (request->version && profile_takes_private_server(profile, plan->command))
		r = profile_add_private_server(profile, &plan->command);
	if (r < 0 || profile_settles_server(profile, plan->command)) {
		plan->private_server = profile->private_server &&
				       strv_contains(plan->command, profile->private_server);
		plan->server_is_own = plan->private_server;
		return r;
	}
	plan->may_share_server = request->version || request->server > 0;
	if (request->server == 0)
		return 0;
	return plan_warn(
		plan,
		"a server that the sessions of %s share runs outside of this one (pid %d), "
		"and what it does is not limited here; `%s %s` has one of its own",
		profile->name, (int)request->server, plan->command[0],
		profile->private_server ? profile->private_server : "");
}

static int warn_of_needs(struct plan *plan, const struct plan_request *request)
{
	_cleanup_free_ char *text =
		profile_pids_warning(request->profile, request->command[0],
				     plan->limits[LIMIT_PIDS_MAX].value, request->host->cpus);

	return text ? plan_warn(plan, "%s", text) : 0;
}

static int resolve(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	int r;

	r = resolve_choices(plan, request, diag);
	if (r == 0)
		r = resolve_name(plan, request, diag);
	if (r == 0)
		r = resolve_command(plan, request);
	if (r == 0)
		r = plan_resolve_limits(plan, request, diag);
	if (r == 0)
		r = plan_resolve_enforcers(plan, request, diag);
	if (r == 0)
		r = resolve_server(plan, request);
	if (r == 0)
		r = plan_resolve_guard(plan, request, diag);
	if (r == 0)
		r = plan_resolve_user(plan, request);
	if (r == 0)
		r = plan_resolve_notify(plan, request, diag);
	if (r == 0)
		r = plan_warn_of_restart(plan, request);
	if (r == 0)
		r = warn_of_needs(plan, request);
	return r;
}

int plan_resolve(const struct plan_request *request, struct plan **ret_plan, struct diag *diag)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int r = -ENOMEM;

	if (plan)
		r = resolve(plan, request, diag);
	if (r == -ENOMEM)
		(void)diag_set(diag, r, "out of memory");
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		free(plan->limits[i].where);
	strv_free(plan->command);
	strv_free(plan->setenv);
	strv_free(plan->warnings);
	free(plan->name);
	free(plan->unit);
	free(plan->slice);
	free(plan->executable);
	free(plan->chdir);
	free(plan->report_path);
	free(plan);
	return NULL;
}
