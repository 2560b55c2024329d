/* SPDX-License-Identifier: MIT */

/*
 * What a session may leave on the disk: a folder for what would else stay in /tmp. Nothing here
 * fails a session: where it can't be done the session is as it would be without oc-run.
 */

#include <stdio.h>
#include <string.h>

#include "oc-run/process-scan.h"
#include "session-internal.h"

/* A choice of the person's stands, an outer session's folder does not: it is not ours to fill. */
static bool tmp_is_chosen(const struct plan *plan, const char *variable)
{
	const char *value = getenv(variable);
	size_t length = strlen(variable);

	for (char **entry = plan->setenv; entry && *entry; entry++)
		if (strncmp(*entry, variable, length) == 0 && (*entry)[length] == '=')
			return true;
	return value && value[0] && !session_tmp_is_own(value, getenv(PROCESS_TAG));
}

static void make_tmp(struct session *session)
{
	char *bases[SESSION_TMP_BASES_MAX] = { NULL };
	struct diag diag = DIAG_INIT;
	int r = session_tmp_bases(session->host, bases);

	if (r == 0)
		r = session_tmp_make(bases, session->plan->id, &session->tmp, &diag);
	if (r == -EPERM && !session->plan->quiet)
		(void)fprintf(stderr, "oc-run: %s\n", diag.text);
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		free(bases[i]);
}

void tidy_begin(struct session *session)
{
	const struct profile *profile = session->plan->profile;

	if (profile && profile->private_temp &&
	    !tmp_is_chosen(session->plan, profile->private_temp))
		make_tmp(session);
}

void tidy_end(struct session *session)
{
	struct session_record *record = session->record;

	if (session->tmp.fd < 0)
		return;
	free(record->tmp_path);
	record->tmp_path = strdup(session->tmp.path);
	session_tmp_remove(&session->tmp, session->plan->id, &record->tmp);
}
