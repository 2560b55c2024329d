/* SPDX-License-Identifier: MIT */

/* Asks the command for its sessions: see resume.h. It runs after the session, or while the
 * command is idle, so nothing but time is lost if it hangs. Not that of another user (--user): it would
 * run as root, or as that user outside of the limits. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/ask.h"
#include "oc-run/profile-command.h"
#include "oc-run/report.h"
#include "oc-run/resume.h"
#include "oc-run/session-tmp.h"

#define ANSWER_MAX (256 * 1024)

static bool is_worth_asking(const struct session_record *record)
{
	switch (outcome_classify(record)) {
	case OUTCOME_AGENT_KILLED:
	case OUTCOME_AGENT_DIED:
	case OUTCOME_STOPPED:
		return record->plan->profile != NULL;
	case OUTCOME_CLEAN:
	case OUTCOME_TOOL_KILLED:
	case OUTCOME_TOOL_ENDED:
	case OUTCOME_FORKS_DENIED:
	case OUTCOME_LEFTOVERS:
		break;
	}
	return false;
}

/* The arguments of the listing, with a server of its own where the session had one. */
static int make_question(const struct plan *plan, char ***ret)
{
	int r = strv_append(ret, strdup(plan->command[0]));

	for (char **word = plan->profile->sessions; r == 0 && *word; word++)
		r = strv_append(ret, strdup(*word));
	if (r == 0 && plan->private_server)
		r = strv_append(ret, strdup(plan->profile->private_server));
	return r;
}

/* This is a start of the command as well, and would leave its libraries. */
static int ask_tidily(const struct session_record *record, const char *private_temp,
		      struct ask_request *question, char *answer, size_t size)
{
	const struct plan *plan = record->plan;
	struct session_tmp tmp = SESSION_TMP_INIT;
	_cleanup_free_ char *assignment = NULL;
	struct session_tmp_tally tally;
	int r;

	if (!private_temp && record->tmp_path &&
	    session_tmp_make_again(record->tmp_path, plan->id, &tmp) == 0)
		private_temp = tmp.path;
	if (private_temp && plan->profile->private_temp &&
	    asprintf(&assignment, "%s=%s", plan->profile->private_temp, private_temp) < 0)
		assignment = NULL;
	question->assignment = assignment;
	r = ask_program(question, answer, size);
	if (tmp.fd >= 0)
		session_tmp_remove(&tmp, plan->id, &tally);
	return r;
}

/* Where the session's files are: opencode takes a directory among its words for its own. */
static char *working_directory(const struct plan *plan)
{
	const char *word = profile_directory(plan->profile, plan->command);
	_cleanup_free_ char *path = NULL;

	if (word && word[0] != '/' && plan->chdir) {
		if (asprintf(&path, "%s/%s", plan->chdir, word) < 0)
			path = NULL;
		return path ? realpath(path, NULL) : NULL;
	}
	return realpath(word ? word : plan->chdir ? plan->chdir : ".", NULL);
}

/* The id of the one session that fits. -ENOENT, -EINVAL: none does for certain. */
static int find_id(const struct session_record *record, const char *directory,
		   const char *private_temp, const struct resume_wait *wait, char **ret_id)
{
	_cleanup_free_ char *answer = malloc(ANSWER_MAX);
	_cleanup_strv_ char **argv = NULL;
	struct ask_request question = {
		.program = record->plan->executable,
		.directory = directory,
		.timeout_msec = wait->msec,
		.is_cancelled = wait->is_cancelled,
		.userdata = wait->userdata,
	};
	int r = make_question(record->plan, &argv);

	if (!answer)
		return -ENOMEM;
	question.argv = argv;
	if (r == 0)
		r = ask_tidily(record, private_temp, &question, answer, ANSWER_MAX);
	if (r < 0)
		return r;
	return resume_choose(answer, record->plan->profile->session_keys, directory,
			     record->started_realtime_usec / 1000, ret_id);
}

/* "cd DIRECTORY && oc-run -- COMMAND WORD..." */
static char *make_command(const struct plan *plan, const char *directory, char *const *words,
			  const char *id)
{
	_cleanup_strv_ char **argv = NULL, **place = NULL;
	_cleanup_free_ char *shown = NULL, *before = NULL;
	char *text;
	int r = strv_append(&argv, strdup(plan->command[0]));

	if (r == 0 && plan->private_server)
		r = strv_append(&argv, strdup(plan->profile->private_server));
	for (; r == 0 && *words; words++)
		r = strv_append(&argv, id ? resume_word(*words, id) : strdup(*words));
	if (r == 0)
		r = strv_append(&place, strdup(directory));
	if (r < 0)
		return NULL;
	shown = resume_shell_words(argv);
	before = resume_shell_words(place);
	if (!shown || !before ||
	    asprintf(&text, "cd %s && oc-run %s%s%s-- %s", before, plan->user ? "--user " : "",
		     plan->user ? plan->user->name : "", plan->user ? " " : "", shown) < 0)
		return NULL;
	return text;
}

int resume_find(struct session_record *record, const struct resume_wait *wait)
{
	_cleanup_free_ char *directory = NULL;
	const struct plan *plan = record->plan;
	const struct profile *profile = plan->profile;
	int r = -ENOENT;

	if (!is_worth_asking(record))
		return 0;
	directory = working_directory(plan);
	if (!directory)
		return 0;
	if (record->resume_id)
		r = 0;
	else if (profile->sessions && profile->resume && !plan->user)
		r = find_id(record, directory, NULL, wait, &record->resume_id);
	if (r == -ENOMEM)
		return r;
	if (record->resume_id)
		record->resume_command =
			make_command(plan, directory, profile->resume, record->resume_id);
	else if (profile->resume_find)
		record->resume_find_command =
			make_command(plan, directory, profile->resume_find, NULL);
	return 0;
}

int resume_find_early(struct session_record *record, const char *private_temp)
{
	const struct resume_wait wait = { .msec = RESUME_WAIT_MSEC };
	const struct profile *profile = record->plan->profile;
	_cleanup_free_ char *directory = NULL;

	if (record->resume_id || record->plan->user || !profile || !profile->sessions ||
	    !profile->resume)
		return 0;
	directory = working_directory(record->plan);
	return directory ? find_id(record, directory, private_temp, &wait, &record->resume_id) : 0;
}
