/* SPDX-License-Identifier: MIT */

/*
 * The version of a command, cheaply: see profile-world.h. What was asked is kept in the cache
 * folder, a line for each program: which file it was (device, inode, size, time of change), and what
 * it said. An upgrade is another file, and is asked again.
 */

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/ask.h"
#include "oc-run/profile-world.h"
#include "oc-run/session-tmp.h"
#include "session/private-folder.h"

#define ASK_MSEC 10000
#define FOLDER "versions"
#define FILE_NAME "known"
#define NEW_FILE_NAME "known.new"
#define LINES_MAX 32
#define KEY_MAX 128
#define PACKAGE_MAX (64 * 1024)
/* What a program said that tells no version. */
#define NO_VERSION "-"

/* What names the file as it is now. */
static int make_key(const char *path, char key[KEY_MAX])
{
	struct stat file;

	if (stat(path, &file) < 0)
		return -errno;
	(void)snprintf(key, KEY_MAX, "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64 ".%09ld",
		       (uint64_t)file.st_dev, (uint64_t)file.st_ino, (uint64_t)file.st_size,
		       (uint64_t)file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static size_t read_start(const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

/* One of the names that the profile is for, also as ".opencode" and "opencode.exe". */
static bool has_our_name(const struct profile *profile, const char *path)
{
	const char *name = base_name(path) + (base_name(path)[0] == '.');

	for (char **command = profile->commands; command && *command; command++) {
		size_t length = strlen(*command);

		if (strncmp(name, *command, length) == 0 && (!name[length] || name[length] == '.'))
			return true;
	}
	return false;
}

/* A program of that name, and no script or shim. */
static bool is_program(const struct profile *profile, const char *path)
{
	char start[5];

	return read_start(path, start, sizeof(start)) == 4 && memcmp(start, "\177ELF", 4) == 0 &&
	       has_our_name(profile, path);
}

/* .../node_modules/PACKAGE/bin/PROGRAM: the version in .../PACKAGE/package.json. */
static bool read_package(const char *path, struct profile_version *ret)
{
	_cleanup_free_ char *file = NULL, *text = malloc(PACKAGE_MAX);
	const char *program = strrchr(path, '/'), *version;
	cJSON *package;
	bool found;

	if (!text || !program || !strstr(path, "/node_modules/") ||
	    asprintf(&file, "%.*s/../package.json", (int)(program - path), path) < 0)
		return false;
	(void)read_start(file, text, PACKAGE_MAX);
	package = cJSON_Parse(text);
	version = cJSON_GetStringValue(cJSON_GetObjectItem(package, "version"));
	found = version && profile_version_parse(version, ret) == 0;
	cJSON_Delete(package);
	return found;
}

static int open_cache(bool make, int *ret_fd)
{
	_cleanup_free_ char *base = private_base(PRIVATE_BASE_CACHE, geteuid());

	if (!base)
		return -ENOENT;
	return private_folder_open(base, FOLDER, make, "versions can't be kept there", ret_fd,
				   NULL);
}

static char *read_cache(int folder_fd)
{
	char *text = malloc(LINES_MAX * 2 * KEY_MAX);
	_cleanup_close_ int fd = openat(folder_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t length;

	if (!text)
		return NULL;
	length = fd < 0 ? 0 : read(fd, text, LINES_MAX * 2 * KEY_MAX - 1);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

/* PROFILE_VERSION_x, or -ENOENT: it was not asked yet. */
static int recall(const char *key, struct profile_version *ret)
{
	_cleanup_close_ int folder_fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t length = strlen(key);

	if (open_cache(false, &folder_fd) < 0)
		return -ENOENT;
	text = read_cache(folder_fd);
	for (const char *line = text; line && *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		char said[KEY_MAX] = "";

		if (strncmp(line, key, length) != 0 || line[length] != ' ')
			continue;
		(void)snprintf(said, sizeof(said), "%.*s", (int)strcspn(line + length + 1, "\n"),
			       line + length + 1);
		return profile_version_parse(said, ret) == 0 ? PROFILE_VERSION_KNOWN
							     : PROFILE_VERSION_UNKNOWN;
	}
	return -ENOENT;
}

/* The newest first. That it can't be written is no reason to fail: it is asked again. */
static void remember(const char *key, const char *said)
{
	_cleanup_close_ int folder_fd = -1, fd = -1;
	_cleanup_free_ char *text = NULL;
	const char *line;

	if (open_cache(true, &folder_fd) < 0)
		return;
	text = read_cache(folder_fd);
	fd = openat(folder_fd, NEW_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (!text || fd < 0 || dprintf(fd, "%s %s\n", key, said) < 0)
		return;
	line = text;
	for (int i = 1; i < LINES_MAX && *line; i++) {
		int length = (int)strcspn(line, "\n");

		if (dprintf(fd, "%.*s\n", length, line) < 0)
			return;
		line += length;
		line += *line == '\n';
	}
	(void)!renameat(folder_fd, NEW_FILE_NAME, folder_fd, FILE_NAME);
}

/* This is a start of the command as well, and would leave its libraries. */
static int ask_tidily(const struct profile_version_request *request, struct ask_request *question,
		      char *answer, size_t size)
{
	const char *variable = request->profile->private_temp;
	char *bases[SESSION_TMP_BASES_MAX] = { NULL };
	struct session_tmp tmp = SESSION_TMP_INIT;
	_cleanup_free_ char *assignment = NULL;
	struct session_tmp_tally tally;
	int r;

	if (variable && !getenv(variable) && session_tmp_bases(request->host, bases) == 0)
		(void)!session_tmp_make(bases, request->id, &tmp, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		free(bases[i]);
	if (tmp.fd >= 0 && asprintf(&assignment, "%s=%s", variable, tmp.path) < 0)
		assignment = NULL;
	question->assignment = assignment;
	r = ask_program(question, answer, size);
	if (tmp.fd >= 0)
		session_tmp_remove(&tmp, request->id, &tally);
	return r;
}

static int ask(const struct profile_version_request *request, const char *path, const char *key,
	       struct profile_version *ret)
{
	_cleanup_strv_ char **argv = NULL;
	char answer[4096], said[KEY_MAX] = NO_VERSION;
	struct ask_request question = { .program = path, .timeout_msec = ASK_MSEC };
	struct profile_version version;
	int r = strv_append(&argv, strdup(request->executable));

	for (char **word = request->profile->version; r == 0 && *word; word++)
		r = strv_append(&argv, strdup(*word));
	question.argv = argv;
	if (r == 0)
		r = ask_tidily(request, &question, answer, sizeof(answer));
	if (r < 0)
		return r;
	r = profile_version_parse(answer, &version) == 0 ? PROFILE_VERSION_KNOWN
							 : PROFILE_VERSION_UNKNOWN;
	if (r == PROFILE_VERSION_KNOWN) {
		(void)snprintf(said, sizeof(said), "%u.%u.%u", version.parts[0], version.parts[1],
			       version.parts[2]);
		*ret = version;
	}
	if (key)
		remember(key, said);
	return r;
}

int profile_version_find(const struct profile_version_request *request, struct profile_version *ret)
{
	_cleanup_free_ char *path = realpath(request->executable, NULL);
	bool can_keep;
	char key[KEY_MAX];
	int r;

	if (!path)
		return PROFILE_VERSION_UNKNOWN;
	if (read_package(path, ret))
		return PROFILE_VERSION_KNOWN;
	if (!request->profile->version)
		return PROFILE_VERSION_UNKNOWN;
	can_keep = is_program(request->profile, path) && make_key(path, key) == 0;
	if (can_keep) {
		r = recall(key, ret);
		if (r >= 0)
			return r;
	} else if (!request->insist) {
		return PROFILE_VERSION_UNKNOWN;
	}
	if (!request->may_ask)
		return PROFILE_VERSION_UNASKED;
	return ask(request, path, can_keep ? key : NULL, ret);
}
