/* SPDX-License-Identifier: MIT */

/*
 * What the strict guard leaves open, and what it hides: the project, the command's own state, caches
 * and temporary folders; the sockets of whoever starts processes for others. See guard.h.
 *
 * Programs that are started outside later (~/.bashrc, ~/bin, autostart files) are in none of the
 * folders: of a tool's folder only the part that holds its cache is named.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/bus-address.h"
#include "oc-run/guard.h"
#include "oc-run/profile-world.h"

#define PATH_TEXT_MAX 4096

static const char *const always_written[] = {
	"/tmp",	     "/var/tmp",    "/proc",	    "/dev/null", "/dev/zero",
	"/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",	 "/dev/ptmx",
	"/dev/pts",  "/dev/shm",    "/dev/dri",	    "/dev/fuse", "/dev/kvm",
};

static const char *const caches[] = {
	"$XDG_CACHE_HOME",   "~/.npm",		 "~/.bun/install",
	"~/.cargo/registry", "~/.cargo/git",	 "~/go/pkg",
	"~/.gradle/caches",  "~/.m2/repository", "$XDG_DATA_HOME/pnpm",
};

/* Of the machine; those of the user are below its runtime folder. */
static const char *const machine_sockets[] = {
	"/run/dbus/system_bus_socket",
	"/run/systemd/private",
	"/run/systemd/io.systemd.Manager",
	"/run/docker.sock",
	"/run/podman",
	"/run/containerd",
	"/run/crio",
	"/run/lxd.socket",
	"/run/incus",
	"/run/snapd.socket",
	"/run/libvirt",
	"/run/screen",
};

static const char *const user_sockets[] = { "bus", "systemd", "docker.sock", "podman", "tmux" };

/* Ours say nothing of another user. */
static const char *variable(const struct guard_places_request *request, const char *name)
{
	return request->home ? NULL : getenv(name);
}

static bool exists(const char *path)
{
	struct stat file;

	return stat(path, &file) == 0;
}

/* Moves @path; what is not there, or is there twice, is left out. */
static int add(char ***list, char *path)
{
	if (!path)
		return 0;
	if (!exists(path) || strv_contains(*list, path)) {
		free(path);
		return 0;
	}
	return strv_append(list, path);
}

static char *join(const char *folder, const char *name)
{
	char *path;

	if (!folder || folder[0] != '/')
		return NULL;
	return asprintf(&path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0 ? NULL
											  : path;
}

/* Up from @start to the folder that git looks after; NULL: none does. */
static char *find_repository(const char *start)
{
	_cleanup_free_ char *folder = strdup(start);

	while (folder && folder[0] == '/' && folder[1]) {
		_cleanup_free_ char *git = join(folder, ".git");

		if (git && exists(git))
			return take_pointer(folder);
		*strrchr(folder, '/') = '\0';
	}
	return NULL;
}

/* Is it the home, or a folder above it? */
static bool holds_home(const char *folder, const char *home_of_other)
{
	const char *named = home_of_other ? home_of_other : getenv("HOME");
	_cleanup_free_ char *home = named ? realpath(named, NULL) : NULL;
	size_t length = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return true;
	return home && strncmp(home, folder, length) == 0 &&
	       (home[length] == '/' || home[length] == '\0');
}

static bool read_line(const char *path, char *line, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(line, (int)size, file))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* A worktree's ".git" is a file that names its part of the repository, and that names the rest
 * (gitrepository-layout(5)). */
static int add_worktree(char ***list, const char *project)
{
	static const char prefix[] = "gitdir: ";
	_cleanup_free_ char *git = join(project, ".git"), *part = NULL, *common_file = NULL;
	char line[PATH_TEXT_MAX];
	const char *named = line + sizeof(prefix) - 1;
	struct stat file;
	int r;

	if (!git || stat(git, &file) < 0 || !S_ISREG(file.st_mode) ||
	    !read_line(git, line, sizeof(line)) || strncmp(line, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	part = named[0] == '/' ? strdup(named) : join(project, named);
	common_file = part ? join(part, "commondir") : NULL;
	r = add(list, part ? realpath(part, NULL) : NULL);
	if (r == 0 && common_file && read_line(common_file, line, sizeof(line))) {
		_cleanup_free_ char *common = line[0] == '/' ? strdup(line) : join(part, line);

		r = add(list, common ? realpath(common, NULL) : NULL);
	}
	return r;
}

/* The whole of a home is no project: what is started outside later lies in it. */
static int add_project(const struct guard_places_request *request, struct guard_places *places)
{
	const char *directory = request->working_directory;
	_cleanup_free_ char *folder = realpath(directory ? directory : ".", NULL);
	_cleanup_free_ char *project = folder ? find_repository(folder) : NULL;
	int r;

	if (project && holds_home(project, request->home))
		cleanup_free(&project);
	if (!project)
		project = take_pointer(folder);
	if (!project || holds_home(project, request->home))
		return 0;
	places->project = strdup(project);
	r = places->project ? add(&places->writable, strdup(project)) : -ENOMEM;
	return r == 0 ? add_worktree(&places->writable, project) : r;
}

static int add_extra(const struct guard_places_request *request, struct guard_places *places,
		     struct diag *diag)
{
	_cleanup_free_ char *rest = strdup(request->extra);
	char *at = rest, *word;

	while (at && (word = strsep(&at, ":"))) {
		_cleanup_free_ char *path =
			word[0] ? profile_expand_path(word, request->home) : NULL;

		if (!path)
			return diag_set(diag, -EINVAL,
					"\"%.100s\" is no whole path; begin it with / or ~/", word);
		if (!exists(path))
			return diag_set(diag, -EINVAL, "there is no \"%.200s\"; make it first",
					path);
		if (add(&places->writable, take_pointer(path)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* A path that ends in a slash is a folder that the command makes at its first start, which it can't
 * when the folder above is not its own. */
static int add_state(const struct guard_places_request *request, char ***list, const char *named)
{
	_cleanup_free_ char *path = profile_expand_path(named, request->home);
	size_t length = path ? strlen(path) : 0;

	if (length < 2)
		return 0;
	if (path[length - 1] == '/') {
		for (char *at = strchr(path + 1, '/'); request->makes_folders && at;
		     at = strchr(at + 1, '/')) {
			*at = '\0';
			(void)mkdir(path, 0700);
			*at = '/';
		}
		path[length - 1] = '\0';
	}
	return add(list, take_pointer(path));
}

static int add_writable(const struct guard_places_request *request, struct guard_places *places)
{
	char **writes = request->profile ? request->profile->writes : NULL;
	const char *temp = variable(request, "TMPDIR");
	int r = add_project(request, places);

	for (; r == 0 && writes && *writes; writes++)
		r = add_state(request, &places->writable, *writes);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(caches); i++)
		r = add(&places->writable, profile_expand_path(caches[i], request->home));
	if (r == 0 && temp && temp[0] == '/')
		r = add(&places->writable, strdup(temp));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(always_written); i++)
		r = add(&places->writable, strdup(always_written[i]));
	/* On a console the terminal is none of those. */
	if (r == 0 && ttyname(STDIN_FILENO))
		r = add(&places->writable, strdup(ttyname(STDIN_FILENO)));
	return r;
}

/* dbus-launch(1) has it in /tmp. */
static int add_bus(char ***list, const char *address)
{
	_cleanup_free_ char *entry = NULL, *path = NULL;
	int r = address ? bus_address_pick(address, &entry, &path) : -ENOENT;

	if (r == -ENOMEM)
		return r;
	return r == 0 ? add(list, take_pointer(path)) : 0;
}

static int add_hidden(const struct guard_places_request *request, struct guard_places *places)
{
	const char *tmux_folder = variable(request, "TMUX_TMPDIR");
	char *tmux;
	int r = add_bus(&places->hidden, variable(request, "DBUS_SESSION_BUS_ADDRESS"));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(machine_sockets); i++)
		r = add(&places->hidden, strdup(machine_sockets[i]));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(user_sockets); i++)
		r = add(&places->hidden, join(request->runtime_dir, user_sockets[i]));
	if (asprintf(&tmux, "%s/tmux-%u", tmux_folder ? tmux_folder : "/tmp",
		     (unsigned)request->uid) < 0)
		tmux = NULL;
	return r == 0 ? add(&places->hidden, tmux) : r;
}

int guard_places_find(const struct guard_places_request *request, struct guard_places *ret,
		      struct diag *diag)
{
	struct guard_places places = { 0 };
	int r = add_writable(request, &places);

	if (r == 0)
		r = add_hidden(request, &places);
	if (r < 0)
		(void)diag_set(diag, r, "out of memory");
	else if (request->extra)
		r = add_extra(request, &places, diag);
	if (r < 0) {
		guard_places_finish(&places);
		return r;
	}
	*ret = places;
	return 0;
}

void guard_places_finish(struct guard_places *places)
{
	free(places->project);
	strv_free(places->writable);
	strv_free(places->hidden);
	*places = (struct guard_places){ 0 };
}
