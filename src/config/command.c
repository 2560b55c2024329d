/* SPDX-License-Identifier: MIT */

/*
 * PATH is searched as execvp(3) does it, but what would come back to oc-run is passed by: see
 * command.h. When nothing else is left, a script that was passed by is taken after all (it may only
 * mention oc-run, or wrap itself once), but not a third time.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command-guard.h"
#include "command-script.h"
#include "oc-run/command.h"

#define OUR_NAME "oc-run"
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SCRIPT_LOOK_BYTES 4096
/* A program that runs itself through oc-run this often does nothing else. */
#define REPEATS_MAX 16
/* A script that seems to be a shim is tried this often when there is nothing else. */
#define LAST_RESORT_MAX 2

struct search {
	const struct command_request *request;
	const char *word;      /* base name */
	const char *directory; /* what relative folders are relative to; NULL: gone */
	struct command_guard guard;
	bool is_guarded;     /* the guard speaks of our own process or of our parent */
	bool passed_guarded; /* ... and of a shim that ran us */
	char *found;
	char *last_resort; /* a script that was passed by */
	char *passed;	   /* the first that was passed by, for the error */
	char *unusable;	   /* the first that may not be executed, for the error */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* This very file, or one named oc-run: another installation. */
static bool is_oc_run(const char *path, const struct stat *file)
{
	_cleanup_free_ char *target = realpath(path, NULL);
	struct stat self;

	if (target && strcmp(base_name(target), OUR_NAME) == 0)
		return true;
	return stat("/proc/self/exe", &self) == 0 && self.st_dev == file->st_dev &&
	       self.st_ino == file->st_ino;
}

/* What is no script, or may not be read, is "". */
static void read_script(const char *path, char text[SCRIPT_LOOK_BYTES + 1])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, SCRIPT_LOOK_BYTES);

	if (length < 2 || strncmp(text, "#!", 2) != 0)
		length = 0;
	text[length] = '\0';
}

enum look {
	LOOK_RUN,	  /* it is what was meant */
	LOOK_PASS,	  /* leads back here */
	LOOK_PASS_SCRIPT, /* seems to */
};

static enum look look_at(struct search *search, const char *path, const struct stat *file)
{
	char script[SCRIPT_LOOK_BYTES + 1];
	unsigned repeats = command_guard_count(&search->guard, path);
	bool ran_us = search->is_guarded && repeats > 0;

	if (strncmp(search->word, OUR_NAME, strlen(OUR_NAME)) == 0)
		return LOOK_RUN;
	if (is_oc_run(path, file))
		return LOOK_PASS;
	read_script(path, script);
	if (!command_script_runs(script, OUR_NAME) && repeats < REPEATS_MAX &&
	    !(ran_us && command_script_is_shell(script)))
		return LOOK_RUN;
	search->passed_guarded |= ran_us;
	return script[0] && repeats < LAST_RESORT_MAX ? LOOK_PASS_SCRIPT : LOOK_PASS;
}

/* Keeps the first. */
static int keep(char **slot, const char *path)
{
	if (*slot)
		return 0;
	*slot = strdup(path);
	return *slot ? 0 : -ENOMEM;
}

/* Sets search->found when @path is it. */
static int try_candidate(struct search *search, const char *path)
{
	struct stat file;
	int r;

	if (stat(path, &file) < 0 || !S_ISREG(file.st_mode))
		return 0;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return keep(&search->unusable, path);
	switch (look_at(search, path, &file)) {
	case LOOK_RUN:
		return keep(&search->found, path);
	case LOOK_PASS_SCRIPT:
		r = keep(&search->last_resort, path);
		return r < 0 ? r : keep(&search->passed, path);
	case LOOK_PASS:
		break;
	}
	return keep(&search->passed, path);
}

static int try_folder(struct search *search, const char *folder, size_t length)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (length > 0 && folder[0] == '/')
		r = asprintf(&path, "%.*s/%s", (int)length, folder, search->word);
	else if (!search->directory)
		return 0;
	else if (length == 0 || (length == 1 && folder[0] == '.'))
		r = asprintf(&path, "%s/%s", search->directory, search->word);
	else
		r = asprintf(&path, "%s/%.*s/%s", search->directory, (int)length, folder,
			     search->word);
	if (r < 0)
		return -ENOMEM;
	return try_candidate(search, path);
}

static int search_path(struct search *search)
{
	const char *at = search->request->path_variable;
	int r;

	/* An empty entry is the working directory, as in every shell. */
	for (at = at ? at : DEFAULT_PATH;; at++) {
		size_t length = strcspn(at, ":");

		r = try_folder(search, at, length);
		if (r < 0 || search->found)
			return r;
		at += length;
		if (!*at)
			return 0;
	}
}

static int complain(const struct search *search, struct diag *diag)
{
	const char *word = search->word;

	if (search->passed)
		return diag_set(
			diag, -ENOENT,
			"command \"%s\" not found: \"%s\" only leads back to oc-run; put the "
			"folder of the real one into PATH",
			word, search->passed);
	if (search->unusable)
		return diag_set(diag, -EACCES,
				"cannot run \"%s\": it is not executable; chmod +x \"%s\"", word,
				search->unusable);
	return diag_set(diag, -ENOENT,
			"command \"%s\" not found; is it installed, and its folder in PATH?", word);
}

static int resolve_word(struct search *search, struct diag *diag)
{
	int r = search_path(search);

	if (r < 0)
		return r;
	if (!search->found && search->last_resort) {
		search->found = take_pointer(search->last_resort);
		search->passed_guarded = false;
	}
	return search->found ? 0 : complain(search, diag);
}

/* A word with a slash is a path, relative to where the command will run. A link to oc-run with the
 * name of a command means that command. */
static int resolve_path(struct search *search, struct diag *diag)
{
	const char *word = search->request->word;
	_cleanup_free_ char *path = NULL;
	struct stat file;
	int r;

	if (word[0] == '/' || !search->directory)
		path = strdup(word);
	else if (asprintf(&path, "%s/%s", search->directory, word) < 0)
		path = NULL;
	if (!path)
		return -ENOMEM;
	if (stat(path, &file) < 0)
		return diag_set(diag, errno == ENOENT || errno == ENOTDIR ? -ENOENT : -EACCES,
				"cannot run \"%s\": %s", word, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return diag_set(diag, -EACCES, "cannot run \"%s\": it is no file that could be run",
				word);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return diag_set(diag, -EACCES, "cannot run \"%s\": %s; chmod +x?", word,
				strerror(errno));
	if (is_oc_run(path, &file) && strncmp(search->word, OUR_NAME, strlen(OUR_NAME)) != 0)
		return resolve_word(search, diag);
	r = try_candidate(search, path);
	if (r == 0 && search->last_resort)
		search->found = take_pointer(search->last_resort);
	search->passed_guarded = false;
	if (r < 0)
		return r;
	return search->found ? 0
			     : diag_set(diag, -ENOENT,
					"cannot run \"%s\": it only leads back to "
					"oc-run",
					word);
}

/* Absolute, so that what is found holds wherever it is run. NULL: it is gone. */
static char *make_directory(const char *working_directory)
{
	_cleanup_free_ char *here = NULL;
	char *directory;

	if (working_directory && working_directory[0] == '/')
		return strdup(working_directory);
	here = getcwd(NULL, 0);
	if (!here || !working_directory)
		return take_pointer(here);
	return asprintf(&directory, "%s/%s", here, working_directory) < 0 ? NULL : directory;
}

static int finish(struct search *search, struct command_resolved *ret)
{
	enum command_result result = search->passed_guarded ? COMMAND_EXEC_DIRECTLY : COMMAND_FOUND;
	pid_t pid = result == COMMAND_EXEC_DIRECTLY ? search->request->pid : 0;
	char *guard = command_guard_format(&search->guard, pid, search->found);

	if (!guard)
		return -ENOMEM;
	*ret = (struct command_resolved){ .path = take_pointer(search->found), .guard = guard };
	return (int)result;
}

int command_resolve(const struct command_request *request, struct command_resolved *ret,
		    struct diag *diag)
{
	_cleanup_free_ char *directory = make_directory(request->working_directory);
	struct search search = {
		.request = request,
		.word = base_name(request->word),
		.directory = directory,
		.guard = command_guard_parse(request->guard),
	};
	int r;

	if (!*request->word)
		return diag_set(diag, -ENOENT, "the command is an empty word");
	search.is_guarded = search.guard.pid > 0 && (search.guard.pid == request->pid ||
						     search.guard.pid == request->parent);
	r = strchr(request->word, '/') ? resolve_path(&search, diag) : resolve_word(&search, diag);
	if (r == 0)
		r = finish(&search, ret);
	if (r == -ENOMEM)
		(void)diag_set(diag, r, "out of memory");
	free(search.found);
	free(search.last_resort);
	free(search.passed);
	free(search.unusable);
	return r;
}

void command_resolved_finish(struct command_resolved *resolved)
{
	cleanup_free(&resolved->path);
	cleanup_free(&resolved->guard);
}
