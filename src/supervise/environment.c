/* SPDX-License-Identifier: MIT */

/* The environment of the command: ours, what its profile and --setenv add, what the session
 * provides, its tag, and the guard against running into oc-run again. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/command.h"
#include "oc-run/process-scan.h"
#include "oc-run/strv.h"
#include "session-internal.h"

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

static bool has_name(char *const *environment, const char *assignment)
{
	size_t name_length = strcspn(assignment, "=") + 1;

	for (; *environment; environment++)
		if (strncmp(*environment, assignment, name_length) == 0)
			return true;
	return false;
}

char **environment_make(const struct plan *plan, const char *private_temp)
{
	char *const *defaults = plan->profile ? plan->profile->setenv : NULL;
	size_t length = 0;
	size_t room = strv_count(environ) + strv_count(plan->setenv) + strv_count(defaults) + 3;
	char **environment = calloc(room, sizeof(*environment));
	_cleanup_free_ char *folder = NULL;
	char tag[64];

	if (!environment)
		return NULL;
	for (char **entry = environ; *entry; entry++) {
		environment[length] = strdup(*entry);
		if (!environment[length++])
			goto no_memory;
	}
	for (; defaults && *defaults; defaults++) {
		if (!has_name(environment, *defaults) &&
		    environment_set(environment, &length, *defaults) < 0)
			goto no_memory;
	}
	for (char **entry = plan->setenv; entry && *entry; entry++) {
		/* A bare NAME is passed on as it is: it is there already, or not at all. */
		if (strchr(*entry, '=') && environment_set(environment, &length, *entry) < 0)
			goto no_memory;
	}
	if (private_temp) {
		if (asprintf(&folder, "%s=%s", plan->profile->private_temp, private_temp) < 0) {
			folder = NULL;
			goto no_memory;
		}
		if (environment_set(environment, &length, folder) < 0)
			goto no_memory;
	}
	(void)snprintf(tag, sizeof(tag), PROCESS_TAG "=%s", plan->id);
	if (environment_set(environment, &length, tag) < 0)
		goto no_memory;
	return environment;
no_memory:
	environment_free(environment);
	return NULL;
}
