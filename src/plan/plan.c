/* SPDX-License-Identifier: MIT */

/* Settings, host and backend become a plan: see plan.h. Pure. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/command.h"
#include "plan-internal.h"

#define DEFAULT_SLICE "oc.slice"
#define DEFAULT_GRACE_USEC (3 * USEC_PER_SEC)
#define NAME_MAX_LENGTH 64

static const char *const backend_names[] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_SYSTEMD] = "systemd",
	[BACKEND_CGROUPFS] = "cgroupfs",
	[BACKEND_NONE] = "none",
};

const char *backend_kind_name(enum backend_kind kind)
{
	return backend_names[kind];
}

const char *enforcer_name(enum enforcer enforcer)
{
	switch (enforcer) {
	case ENFORCER_KERNEL:
		return "kernel";
	case ENFORCER_WATCH:
		return "oc-run, by watching";
	case ENFORCER_NONE:
		break;
	}
	return "nobody";
}

int plan_warn(struct plan *plan, const char *format, ...)
{
	size_t count = 0;
	char **warnings;
	va_list arguments;
	int r;

	while (plan->warnings && plan->warnings[count])
		count++;
	warnings = realloc(plan->warnings, (count + 2) * sizeof(*warnings));
	if (!warnings)
		return -ENOMEM;
	plan->warnings = warnings;
	warnings[count] = NULL;
	va_start(arguments, format);
	r = vasprintf(&warnings[count], format, arguments);
	va_end(arguments);
	if (r < 0)
		warnings[count] = NULL;
	warnings[count + 1] = NULL;
	return r < 0 ? -ENOMEM : 0;
}

int plan_backend_choice(const struct settings *settings, enum backend_kind *ret_kind,
			struct diag *diag)
{
	const struct setting *setting = &settings->values[SETTING_BACKEND];

	*ret_kind = BACKEND_AUTO;
	if (!setting->text)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(backend_names); i++) {
		if (strcmp(setting->text, backend_names[i]) == 0) {
			*ret_kind = (enum backend_kind)i;
			return 0;
		}
	}
	return diag_set(diag, -EINVAL, "%s: \"%s\" is no backend; write auto, systemd, cgroupfs or "
			"none", setting->where, setting->text);
}

int plan_enforce_choice(const struct settings *settings, enum enforce_mode *ret_mode,
			struct diag *diag)
{
	const struct setting *setting = &settings->values[SETTING_ENFORCE];

	if (!setting->text || strcmp(setting->text, "auto") == 0)
		*ret_mode = ENFORCE_AUTO;
	else if (strcmp(setting->text, "kernel") == 0)
		*ret_mode = ENFORCE_KERNEL;
	else
		return diag_set(diag, -EINVAL, "%s: \"%s\" is no way to enforce; write auto or kernel",
				setting->where, setting->text);
	return 0;
}

static int copy_strings(char *const *strings, char ***ret_copy)
{
	size_t count = 0;
	char **copy;

	while (strings && strings[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*ret_copy = copy;
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(strings[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	return 0;
}

static void free_strings(char **strings)
{
	for (char **string = strings; strings && *string; string++)
		free(*string);
	free(strings);
}

static int copy_setting(const struct plan_request *request, enum setting_id id, const char *other,
			char **ret_text)
{
	const char *text = request->settings->values[id].text;

	text = text ? text : other;
	*ret_text = text ? strdup(text) : NULL;
	return text && !*ret_text ? -ENOMEM : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static int copy_texts(struct plan *plan, const struct plan_request *request)
{
	int r;

	(void)snprintf(plan->id, sizeof(plan->id), "%s", request->id);
	if (asprintf(&plan->unit, "oc-%s.scope", plan->id) < 0) {
		plan->unit = NULL;
		return -ENOMEM;
	}
	plan->executable = strdup(request->executable);
	if (!plan->executable)
		return -ENOMEM;
	r = copy_setting(request, SETTING_NAME, base_name(request->command[0]), &plan->name);
	if (r >= 0)
		r = copy_setting(request, SETTING_SLICE, DEFAULT_SLICE, &plan->slice);
	if (r >= 0)
		r = copy_setting(request, SETTING_CHDIR, NULL, &plan->chdir);
	if (r >= 0)
		r = copy_setting(request, SETTING_REPORT, NULL, &plan->report_path);
	if (r >= 0)
		r = copy_strings(request->command, &plan->command);
	if (r >= 0)
		r = copy_strings(request->setenv, &plan->setenv);
	return r;
}

static bool is_unit_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-_.:\\@", c) != NULL;
}

/* As systemd.unit(5) has it; a wrong name would come back as an error of the bus that names nothing
 * a person typed. */
static int check_slice(const struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const char *where = settings->values[SETTING_SLICE].where;
	size_t length = strlen(plan->slice);
	bool good = length > 6 && length < 200 && strcmp(plan->slice + length - 6, ".slice") == 0 &&
		plan->slice[0] != '-' && plan->slice[0] != '.' && !strstr(plan->slice, "--") &&
		plan->slice[length - 7] != '-';

	for (const char *c = plan->slice; good && *c; c++)
		good = is_unit_character(*c);
	if (good)
		return 0;
	return diag_set(diag, -EINVAL, "%s: \"%s\" is no name of a slice; write one like work.slice",
			where ? where : "--slice", plan->slice);
}

static int check_name(const struct plan *plan, const struct settings *settings, struct diag *diag)
{
	const struct setting *setting = &settings->values[SETTING_NAME];
	bool good = plan->name[0] && strlen(plan->name) <= NAME_MAX_LENGTH;

	if (!setting->text)
		return 0;
	for (const char *c = plan->name; good && *c; c++)
		good = is_unit_character(*c) && *c != '\\';
	if (good)
		return 0;
	return diag_set(diag, -EINVAL, "%s: \"%s\" is no name; use up to %d letters, digits and . _ - "
			": @", setting->where, setting->text, NAME_MAX_LENGTH);
}

static int resolve_switch(const struct settings *settings, enum setting_id id, bool *ret,
			  struct diag *diag)
{
	const struct setting *setting = &settings->values[id];
	int r;

	if (!setting->text)
		return 0;
	r = parse_switch(setting->text, ret, diag);
	return r < 0 ? setting_blame(diag, r, settings, id) : 0;
}

static int resolve_rest(struct plan *plan, const struct plan_request *request, struct diag *diag)
{
	const struct settings *settings = request->settings;
	const struct setting *grace = &settings->values[SETTING_GRACE];
	const struct setting *fd = &settings->values[SETTING_JSON_STATUS_FD];
	uint64_t number;
	int r;

	plan->grace_usec = DEFAULT_GRACE_USEC;
	if (grace->text) {
		r = parse_duration(grace->text, &plan->grace_usec, diag);
		if (r < 0)
			return setting_blame(diag, r, settings, SETTING_GRACE);
	}
	plan->json_status_fd = -1;
	if (fd->text) {
		if (parse_unsigned(fd->text, &number) < 0 || number > 1 << 20)
			return diag_set(diag, -EINVAL, "%s: \"%s\" is no number of a file descriptor",
					fd->where, fd->text);
		plan->json_status_fd = (int)number;
	}
	r = resolve_switch(settings, SETTING_DRY_RUN, &plan->dry_run, diag);
	if (r >= 0)
		r = resolve_switch(settings, SETTING_QUIET, &plan->quiet, diag);
	if (r >= 0)
		r = resolve_switch(settings, SETTING_VERBOSE, &plan->verbose, diag);
	if (r >= 0)
		r = plan_enforce_choice(settings, &plan->enforce, diag);
	if (r >= 0)
		r = check_slice(plan, settings, diag);
	if (r >= 0)
		r = check_name(plan, settings, diag);
	return r;
}

static int warn_about_pids(struct plan *plan, const struct plan_request *request)
{
	_cleanup_free_ char *text = NULL;

	if (plan->limits[LIMIT_PIDS_MAX].value == LIMIT_UNLIMITED)
		return 0;
	text = command_pids_warning(request->command[0], plan->limits[LIMIT_PIDS_MAX].value,
				    request->host->cpus);
	return text ? plan_warn(plan, "%s", text) : 0;
}

int plan_resolve(const struct plan_request *request, struct plan **ret_plan, struct diag *diag)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return diag_set(diag, -ENOMEM, "out of memory");
	plan->backend = request->backend->kind;
	plan->stop_signal = command_stop_signal(request->command[0]);
	r = copy_texts(plan, request);
	if (r < 0) {
		plan_free(plan);
		return diag_set(diag, r, "out of memory");
	}
	r = resolve_rest(plan, request, diag);
	if (r >= 0)
		r = plan_resolve_limits(plan, request, diag);
	if (r >= 0 && warn_about_pids(plan, request) < 0)
		r = diag_set(diag, -ENOMEM, "out of memory");
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
	for (int id = 0; id < LIMIT_COUNT; id++)
		free(plan->limits[id].where);
	free(plan->name);
	free(plan->unit);
	free(plan->slice);
	free(plan->executable);
	free(plan->chdir);
	free(plan->report_path);
	free_strings(plan->command);
	free_strings(plan->setenv);
	free_strings(plan->warnings);
	free(plan);
	return NULL;
}
