/* SPDX-License-Identifier: MIT */

/*
 * What a session may leave on the disk: a folder for what would else stay in /tmp, and what a git
 * that was killed hard leaves in the command's snapshot store. Nothing here fails a session: where
 * it can't be done the session is as it would be without oc-run.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/process-scan.h"
#include "oc-run/profile-world.h"
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
	const struct user_account *user = session->plan->user;
	int r = user ? session_tmp_bases_for_user(bases) : session_tmp_bases(session->host, bases);

	if (r == 0)
		r = session_tmp_make(bases, session->plan->id, &session->tmp, &diag);
	if (r == 0 && user)
		session_tmp_give(&session->tmp, session->plan->id, user->uid, user->gid);
	if (r == -EPERM && !session->plan->quiet)
		(void)fprintf(stderr, "oc-run: %s\n", diag.text);
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		free(bases[i]);
}

void tidy_begin(struct session *session)
{
	const struct profile *profile = session->plan->profile;

	session->since_usec = session_realtime_usec();
	/* Another user's store is left alone: the names in it are that user's to change under root's
	 * hands. */
	if (profile && profile->snapshot_store && !session->plan->user)
		session->snapshot_store = profile_expand_path(profile->snapshot_store, NULL);
	if (profile && profile->private_temp &&
	    !tmp_is_chosen(session->plan, profile->private_temp))
		make_tmp(session);
}

static void remove_tmp(struct session *session)
{
	struct session_record *record = session->record;

	if (session->tmp.fd < 0)
		return;
	free(record->tmp_path);
	record->tmp_path = strdup(session->tmp.path);
	session_tmp_remove(&session->tmp, session->plan->id, &record->tmp);
}

/* Another oc-run that is at it does what we would do. */
static void clean_snapshots(const struct session *session, const char *working_directory,
			    struct snapshot_result *result)
{
	_cleanup_close_ int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct snapshot_request request = {
		.store = session->snapshot_store,
		.working_directory = working_directory,
		.proc_fd = proc_fd,
		.since_usec = session->since_usec,
		.until_usec = session_realtime_usec(),
	};

	if (proc_fd >= 0)
		(void)!snapshot_clean(&request, result);
}

void tidy_end(struct session *session)
{
	const char *folder = session->plan->chdir;

	remove_tmp(session);
	if (!session->plan->user && snapshot_is_due(session->record))
		clean_snapshots(session, folder ? folder : ".", &session->record->snapshots);
}

void tidy_after_death(void *userdata)
{
	const struct session *session = userdata;
	struct snapshot_result result = { .named = 0 };

	if (session->status.file.path)
		(void)unlink(session->status.file.path);
	if (!session->snapshot_store)
		return;
	clean_snapshots(session, NULL, &result);
	snapshot_result_finish(&result);
}
