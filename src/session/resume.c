/* SPDX-License-Identifier: MIT */

/* Asks opencode for its sessions: see resume.h. It runs after the session, so nothing but time is
 * lost if it hangs; it is in a process group of its own and is killed then. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "oc-run/report.h"
#include "oc-run/resume.h"
#include "oc-run/session-tmp.h"
#include "report/safe-text.h"

#define ASK_MSEC 8000
#define ANSWER_MAX (256 * 1024)

extern char **environ;

static bool is_worth_asking(const struct session_record *record)
{
	switch (outcome_classify(record)) {
	case OUTCOME_AGENT_KILLED:
	case OUTCOME_AGENT_DIED:
	case OUTCOME_STOPPED:
		return strcmp(safe_text_base_name(record->plan->command[0]), "opencode") == 0;
	case OUTCOME_CLEAN:
	case OUTCOME_TOOL_KILLED:
	case OUTCOME_FORKS_DENIED:
	case OUTCOME_LEFTOVERS:
		break;
	}
	return false;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
	    posix_spawnattr_setsigdefault(attributes, &all) != 0 ||
	    posix_spawnattr_setpgroup(attributes, 0) != 0 ||
	    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							 POSIX_SPAWN_SETPGROUP) != 0)
		return -EINVAL;
	return 0;
}

static int start_asking(const char *program, const char *directory, int output, pid_t *ret_pid)
{
	char *const words[] = { (char *)"opencode", (char *)"session",
				(char *)"list",	    (char *)"--format",
				(char *)"json",	    (char *)"-n",
				(char *)"20",	    NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attributes);
	if (r < 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	r = set_attributes(&attributes);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, output, 1);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_addchdir_np(&actions, directory);
	if (r == 0)
		r = -posix_spawn(ret_pid, program, &actions, &attributes, words, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

static uint64_t now_msec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int read_answer(int fd, char *answer, size_t size)
{
	uint64_t until_msec = now_msec() + ASK_MSEC;
	size_t length = 0;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		uint64_t now = now_msec();
		ssize_t n;

		if (now >= until_msec || length == size - 1)
			return -ETIMEDOUT;
		if (poll(&ready, 1, (int)(until_msec - now)) <= 0)
			continue;
		n = read(fd, answer + length, size - 1 - length);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	answer[length] = '\0';
	return 0;
}

static int ask(const char *program, const char *directory, char *answer, size_t size)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = start_asking(program, directory, ends[1], &pid);
	(void)close(ends[1]);
	if (r == 0) {
		r = read_answer(ends[0], answer, size);
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(ends[0]);
	return r;
}

/* This is a start of opencode as well, and would leave its libraries. */
static int ask_tidily(const struct session_record *record, const char *directory, char *answer,
		      size_t size)
{
	const char *program = record->plan->executable, *id = record->plan->id;
	struct session_tmp tmp = SESSION_TMP_INIT;
	struct session_tmp_tally tally;
	int r;

	if (!record->tmp_path || !record->plan->profile || session_tmp_make_again(record->tmp_path, id, &tmp) < 0)
		return ask(program, directory, answer, size);
	(void)setenv(record->plan->profile->private_temp, tmp.path, 1);
	r = ask(program, directory, answer, size);
	session_tmp_remove(&tmp, id, &tally);
	return r;
}

/* In single quotes for the shell, where it has to be. */
static char *quoted(const char *text)
{
	size_t quotes = 0;
	char *copy, *at;

	for (const char *c = text; *c; c++)
		quotes += *c == '\'';
	copy = at = malloc(strlen(text) + 3 + 3 * quotes);
	if (!copy)
		return NULL;
	*at++ = '\'';
	for (const char *c = text; *c; c++) {
		if (*c == '\'')
			at = stpcpy(at, "'\\'");
		*at++ = *c;
	}
	at = stpcpy(at, "'");
	return copy;
}

static bool is_plain(const char *path)
{
	for (const char *c = path; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+",
			    *c))
			return false;
	}
	return true;
}

int resume_find(struct session_record *record)
{
	_cleanup_free_ char *answer = NULL, *id = NULL, *directory = NULL, *shown = NULL;
	const struct plan *plan = record->plan;
	int r;

	if (!is_worth_asking(record))
		return 0;
	directory = realpath(plan->chdir ? plan->chdir : ".", NULL);
	answer = malloc(ANSWER_MAX);
	if (!directory || !answer)
		return -ENOMEM;
	r = ask_tidily(record, directory, answer, ANSWER_MAX);
	if (r == 0)
		r = resume_choose(answer, directory, record->started_realtime_usec / 1000, &id);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	shown = is_plain(directory) ? strdup(directory) : quoted(directory);
	if (!shown || asprintf(&record->resume_command, "cd %s && oc-run -- %s -s %s", shown,
			       plan->command[0], id) < 0) {
		record->resume_command = NULL;
		return -ENOMEM;
	}
	return 0;
}
