/* SPDX-License-Identifier: MIT */

/*
 * Which file a command word means. PATH is searched as execvp(3) does, but what would come back to
 * oc-run is passed over: oc-run itself under another name, and shims, that is, scripts of the same
 * name that run oc-run. A shim is known by its text; one that hides it better is known by having
 * been run by an oc-run that found it for the same word.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/command.h"
#include "oc-run/process-scan.h"

#define GUARD_VARIABLE "OC_RUN_RESOLVED"
#define SHIM_LOOK_BYTES 4096

struct search {
	const char *guarded;		/* path that an oc-run above us found, if it ran us; or NULL */
	bool skipped_guarded;
	bool saw_unusable;		/* a file that may not be executed */
	char *unusable;
	char *skipped;			/* the first candidate that leads back to oc-run */
};

static bool is_ourselves(const struct stat *candidate)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == candidate->st_dev &&
	       self.st_ino == candidate->st_ino;
}

static bool is_word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

/* Up to SHIM_LOOK_BYTES of a script; "" for what is none. */
static void read_script(const char *path, char text[SHIM_LOOK_BYTES + 1])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, text, SHIM_LOOK_BYTES);

	if (length < 2 || text[0] != '#' || text[1] != '!')
		length = 0;
	text[length] = '\0';
	for (ssize_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
}

static bool runs_oc_run(const char *script)
{
	static const char name[] = "oc-run";

	for (const char *at = strstr(script, name); at; at = strstr(at + 1, name)) {
		/* "my-oc-run" and "oc-run.conf" are other words; "/usr/bin/oc-run" is ours. */
		if ((at == script || !is_word_character(at[-1])) &&
		    !is_word_character(at[sizeof(name) - 1]))
			return true;
	}
	return false;
}

static bool leads_back(struct search *search, const char *path, const struct stat *candidate)
{
	char script[SHIM_LOOK_BYTES + 1];

	if (is_ourselves(candidate))
		return true;
	if (search->guarded && strcmp(search->guarded, path) == 0) {
		search->skipped_guarded = true;
		return true;
	}
	read_script(path, script);
	return runs_oc_run(script);
}

/* 0: not this one, 1: found, -ENOMEM. */
static int try_candidate(struct search *search, const char *path, char **ret_path)
{
	struct stat candidate;

	if (stat(path, &candidate) < 0 || !S_ISREG(candidate.st_mode))
		return 0;
	if (access(path, X_OK) < 0) {
		if (!search->unusable)
			search->unusable = strdup(path);
		return 0;
	}
	if (leads_back(search, path, &candidate)) {
		if (!search->skipped)
			search->skipped = strdup(path);
		return 0;
	}
	*ret_path = strdup(path);
	return *ret_path ? 1 : -ENOMEM;
}

static int search_path(struct search *search, const char *word, const char *path_variable,
		       char **ret_path)
{
	for (const char *at = path_variable;;) {
		size_t length = strcspn(at, ":");
		char folder[PATH_MAX], path[PATH_MAX], *absolute;
		int r;

		/* An empty entry is the working directory, as in every shell. */
		if (length < sizeof(folder)) {
			memcpy(folder, at, length);
			folder[length] = '\0';
			if (length == 0)
				(void)strcpy(folder, ".");
			if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, word) <
			    sizeof(path)) {
				absolute = folder[0] == '/' ? strdup(path) : realpath(path, NULL);
				r = absolute ? try_candidate(search, absolute, ret_path) : 0;
				free(absolute);
				if (r != 0)
					return r;
			}
		}
		if (at[length] == '\0')
			return 0;
		at += length + 1;
	}
}

/* The path that an oc-run found which then ran us: as its own child (a shim that execs), or as the
 * child of its child (a script that does not). Caller frees; NULL if there is none. */
static char *guarded_path(void)
{
	const char *value = getenv(GUARD_VARIABLE);
	const char *at = value ? strrchr(value, '@') : NULL;
	char script[SHIM_LOOK_BYTES + 1];
	struct process_facts parent;
	char *path, *end;
	long pid;

	if (!at)
		return NULL;
	pid = strtol(at + 1, &end, 10);
	if (*end != '\0' || pid <= 1)
		return NULL;
	path = strndup(value, (size_t)(at - value));
	if (!path || getppid() == (pid_t)pid)
		return path;
	read_script(path, script);
	if (script[0] && process_read_facts(getppid(), &parent) >= 0 &&
	    parent.parent == (pid_t)pid)
		return path;
	free(path);
	return NULL;
}

static int resolve_word(const char *word, const char *path_variable, char **ret_path,
			struct diag *diag)
{
	_cleanup_free_ char *guarded = guarded_path();
	struct search search = { .guarded = guarded };
	int r = search_path(&search, word, path_variable ? path_variable : "/usr/bin:/bin",
			    ret_path);

	if (r == 1)
		r = search.skipped_guarded ? COMMAND_EXEC_DIRECTLY : COMMAND_FOUND;
	else if (r < 0)
		(void)diag_set(diag, r, "out of memory");
	else if (search.skipped)
		r = diag_set(diag, -ENOENT, "command \"%s\" not found: \"%s\" only leads back to "
			     "oc-run; put the folder of the real one into PATH", word,
			     search.skipped);
	else if (search.unusable)
		r = diag_set(diag, -EACCES, "cannot run \"%s\": it is not executable (chmod +x?)",
			     search.unusable);
	else
		r = diag_set(diag, -ENOENT, "command \"%s\" not found; is it installed, and its "
			     "folder in PATH?", word);
	free(search.skipped);
	free(search.unusable);
	return r;
}

/* A word with a slash is a path: relative to where the command will run. */
static int resolve_path(const char *word, const char *working_directory, char **ret_path,
			struct diag *diag)
{
	char path[PATH_MAX];
	struct stat file;
	int length = word[0] == '/' || !working_directory ?
		snprintf(path, sizeof(path), "%s", word) :
		snprintf(path, sizeof(path), "%s/%s", working_directory, word);

	if (length < 0 || (size_t)length >= sizeof(path))
		return diag_set(diag, -ENAMETOOLONG, "the command's path is too long");
	if (stat(path, &file) < 0)
		return diag_set(diag, -errno, "cannot run \"%s\": %s", word, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return diag_set(diag, -EACCES, "cannot run \"%s\": it is no regular file", word);
	if (access(path, X_OK) < 0)
		return diag_set(diag, -errno, "cannot run \"%s\": %s", word, strerror(errno));
	*ret_path = realpath(path, NULL);
	/* The name it was called by matters to multi-call programs; only make it absolute. */
	if (*ret_path && path[0] == '/') {
		free(*ret_path);
		*ret_path = strdup(path);
	}
	return *ret_path ? COMMAND_FOUND : diag_set(diag, -ENOMEM, "out of memory");
}

int command_resolve(const char *word, const char *path_variable, const char *working_directory,
		    char **ret_path, struct diag *diag)
{
	if (word[0] == '\0')
		return diag_set(diag, -ENOENT, "the command is an empty word");
	if (strchr(word, '/'))
		return resolve_path(word, working_directory, ret_path, diag);
	return resolve_word(word, path_variable, ret_path, diag);
}

char *command_guard_value(const char *path)
{
	char *value;

	if (asprintf(&value, "%s@%d", path, (int)getpid()) < 0)
		return NULL;
	return value;
}
