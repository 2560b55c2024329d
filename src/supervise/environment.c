/* SPDX-License-Identifier: MIT */

/* The environment of the command: ours (of root's no more than --user leaves), what its profile and --setenv add, what the session
 * provides, its tag, and the guard against running into oc-run again. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/command.h"
#include "oc-run/process-scan.h"
#include "oc-run/strv.h"
#include "oc-run/user-environment.h"
#include "session-internal.h"

/* Variables that fill() adds by itself. */
#define PROVIDED_MAX 3

extern char **environ;

void environment_free(char **environment)
{
	for (char **entry = environment; entry && *entry; entry++)
		free(*entry);
	free(environment);
}

/* Replaces or appends NAME=VALUE. -ENOMEM. */
static int environment_set(char **environment, size_t *length, const char *assignment)
{
	size_t name_length = strcspn(assignment, "=") + 1;
	char *copy = strdup(assignment);

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < *length; i++) {
		if (strncmp(environment[i], assignment, name_length) == 0) {
			free(environment[i]);
			environment[i] = copy;
			return 0;
		}
	}
	environment[(*length)++] = copy;
	environment[*length] = NULL;
	return 0;
}

/* @assignment: NAME=anything */
static void environment_remove(char **environment, size_t *length, const char *assignment)
{
	size_t name_length = strcspn(assignment, "=") + 1, kept = 0;

	for (size_t i = 0; i < *length; i++) {
		if (strncmp(environment[i], assignment, name_length) == 0)
			free(environment[i]);
		else
			environment[kept++] = environment[i];
	}
	environment[kept] = NULL;
	*length = kept;
}

static bool has_name(char *const *environment, const char *assignment)
{
	size_t name_length = strcspn(assignment, "=") + 1;

	for (; *environment; environment++)
		if (strncmp(*environment, assignment, name_length) == 0)
			return true;
	return false;
}

/* What oc-run itself provides. NULL takes away what an outer session may have left. -ENOMEM. */
static int provide(char **environment, size_t *length, const char *name, const char *value)
{
	_cleanup_free_ char *assignment = NULL;

	if (asprintf(&assignment, "%s=%s", name, value ? value : "") < 0) {
		assignment = NULL;
		return -ENOMEM;
	}
	if (value)
		return environment_set(environment, length, assignment);
	environment_remove(environment, length, assignment);
	return 0;
}

static int set_all(char **environment, size_t *length, char *const *assignments)
{
	int r = 0;

	for (; r == 0 && assignments && *assignments; assignments++)
		r = environment_set(environment, length, *assignments);
	return r;
}

/* @users: what --user adds. */
static int fill(char **environment, size_t *length, const struct plan *plan, char *const *users,
		const struct environment_provided *provided)
{
	char *const *defaults = plan->profile ? plan->profile->setenv : NULL;
	int r = 0;

	for (char **entry = environ; *entry; entry++) {
		if (plan->user && user_environment_is_roots(*entry))
			continue;
		environment[*length] = strdup(*entry);
		if (!environment[(*length)++])
			return -ENOMEM;
	}
	r = set_all(environment, length, users);
	for (; r == 0 && defaults && *defaults; defaults++) {
		if (!has_name(environment, *defaults))
			r = environment_set(environment, length, *defaults);
	}
	for (char **entry = plan->setenv; r == 0 && entry && *entry; entry++) {
		/* A bare NAME is passed on as it is: it is there already, or not at all. */
		if (strchr(*entry, '='))
			r = environment_set(environment, length, *entry);
	}
	if (r == 0 && provided->private_temp)
		r = provide(environment, length, plan->profile->private_temp,
			    provided->private_temp);
	if (r == 0)
		r = provide(environment, length, ENVIRONMENT_STATUS, provided->status_path);
	if (r == 0)
		r = provide(environment, length, PROCESS_TAG, plan->id);
	return r;
}

char **environment_make(const struct plan *plan, const struct environment_provided *provided)
{
	size_t room = strv_count(environ) + strv_count(plan->setenv) + PROVIDED_MAX + 1;
	_cleanup_strv_ char **users = NULL;
	char **environment;
	size_t length = 0;

	if (plan->user && user_environment_add(plan->user, getenv("PATH"), &users) < 0)
		return NULL;
	if (plan->profile)
		room += strv_count(plan->profile->setenv);
	room += strv_count(users);
	environment = calloc(room, sizeof(*environment));
	if (environment && fill(environment, &length, plan, users, provided) < 0) {
		environment_free(environment);
		return NULL;
	}
	return environment;
}
