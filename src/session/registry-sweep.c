/* SPDX-License-Identifier: MIT */

/*
 * What crashed sessions left. An entry that nobody holds the lock of has neither oc-run nor keeper.
 * The sweep takes the lock itself while it works, so two of them never do the same work.
 *
 * The text of an entry decides what is killed, so it is believed only as far as it must be: the
 * cgroup has to be named oc-<id> or oc-<id>.scope after the entry's own file name, the folder for
 * temporary files <id>, and processes are found by the tag with that id. In the snapshot store
 * nothing goes that snapshot.h does not describe. What a text says beyond that is not used.
 */

#include "oc-run/registry.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "oc-run/process-scan.h"
#include "oc-run/session-tmp.h"
#include "oc-run/snapshot.h"
#include "oc-run/status-file.h"
#include "registry-folder.h"

#define ID_LENGTH 16
#define SLICE_DIRECTORY "oc.slice"

/* The patience for each step. */
#define END_MSEC 2000
#define REPEAT_KILL_MSEC 1000
#define STEP_MSEC 10

struct sweep {
	const struct host *host;
	void (*removed)(const char *id, void *userdata);
	void *userdata;
	char boot_id[REGISTRY_BOOT_ID_MAX];
	int count;
};

struct remains {
	char id[ID_LENGTH + 1];
	bool same_boot;
	uint64_t not_before_ticks;
	char *parent;	/* cgroup path that the scope lay below, or NULL */
	char *names[2]; /* of the scope, as it may be called */
	char *tmp;	/* folder for temporary files, or NULL */
	char *snapshot_store;
	uint64_t since_usec;
};

static uint64_t now_msec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(void)
{
	const struct timespec step = { .tv_nsec = STEP_MSEC * 1000000L };

	(void)nanosleep(&step, NULL);
}

static bool is_id(const char *name)
{
	return strlen(name) == ID_LENGTH && strspn(name, "0123456789abcdef") == ID_LENGTH;
}

static void remains_finish(struct remains *remains)
{
	cleanup_free(&remains->parent);
	cleanup_free(&remains->names[0]);
	cleanup_free(&remains->names[1]);
	cleanup_free(&remains->tmp);
	cleanup_free(&remains->snapshot_store);
}

/* Absolute, and going down only. */
static bool is_plain_path(const char *path)
{
	return path && path[0] == '/' && !strstr(path, "/../") &&
	       (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static bool names_session(const char *name, const char *id)
{
	char found[ID_LENGTH + 1];
	size_t length;

	return cgroup_path_session(name, found, &length) && name[length] == '\0' &&
	       strcmp(found, id) == 0;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static int remember_cgroup(struct remains *remains, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!is_plain_path(path) || !names_session(slash + 1, remains->id))
		return 0;
	remains->parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	remains->names[0] = strdup(slash + 1);
	return remains->parent && remains->names[0] ? 0 : -ENOMEM;
}

static int remember_parent(struct remains *remains, const char *parent)
{
	if (!is_plain_path(parent))
		return 0;
	remains->parent = strdup(parent);
	if (!remains->parent || asprintf(&remains->names[0], "oc-%s.scope", remains->id) < 0 ||
	    asprintf(&remains->names[1], "oc-%s", remains->id) < 0)
		return -ENOMEM;
	return 0;
}

/* What is removed there is named by git and was written since: without a time there is nothing. */
static int remember_store(struct remains *remains, const cJSON *object)
{
	const char *store = text_of(object, "snapshot_store");
	const cJSON *since = cJSON_GetObjectItemCaseSensitive(object, "since_usec");

	if (!is_plain_path(store) || !cJSON_IsNumber(since) || since->valuedouble <= 0)
		return 0;
	remains->since_usec = (uint64_t)since->valuedouble;
	remains->snapshot_store = strdup(store);
	return remains->snapshot_store ? 0 : -ENOMEM;
}

/* A text that can't be understood leaves only the id: then the tag is all there is to go by. */
static int remains_read(int fd, const char *id, const char *boot_id, struct remains *ret)
{
	char text[REGISTRY_TEXT_MAX];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	const char *recorded_boot, *cgroup, *tmp;
	cJSON *object;
	const cJSON *start;
	int error;

	(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
	text[length > 0 ? length : 0] = '\0';
	object = cJSON_Parse(text);
	recorded_boot = text_of(object, "boot_id");
	cgroup = text_of(object, "cgroup");
	tmp = text_of(object, "tmp");
	start = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(object, "supervisor"), "start_ticks");
	ret->same_boot = !recorded_boot || strcmp(recorded_boot, boot_id) == 0;
	ret->not_before_ticks =
		cJSON_IsNumber(start) && start->valuedouble > 0 ? (uint64_t)start->valuedouble : 0;
	error = cgroup ? remember_cgroup(ret, cgroup)
		       : remember_parent(ret, text_of(object, "cgroup_parent"));
	if (tmp && !(ret->tmp = strdup(tmp)))
		error = -ENOMEM;
	if (error == 0)
		error = remember_store(ret, object);
	cJSON_Delete(object);
	return error;
}

static int signal_one(pid_t pid, void *userdata)
{
	(void)userdata;
	if (pid != getpid())
		(void)!process_signal(pid, SIGKILL);
	return 0;
}

static bool end_cgroup(const struct cgroup *scope)
{
	uint64_t start = now_msec(), killed_at = 0;
	bool populated = true;

	/* ENODEV: gone meanwhile. */
	while (cgroup_is_populated(scope, &populated) == 0 && populated) {
		uint64_t now = now_msec();

		if (now - start >= END_MSEC)
			return false;
		if (killed_at == 0 || now - killed_at >= REPEAT_KILL_MSEC) {
			/* A scope of the system manager may not be ours to kill, but its
			 * processes are. */
			if (cgroup_kill(scope) < 0)
				(void)!cgroup_for_each_pid(scope, signal_one, NULL);
			killed_at = now;
		}
		rest();
	}
	return true;
}

/* Where cgroupfs made it; systemd would have removed its own. Fails, as it should, while another
 * session is in it. */
static void remove_empty_slice(const struct cgroup *parent, const struct remains *remains)
{
	const char *slash = strrchr(remains->parent, '/');
	_cleanup_close_ int above = -1;

	if (!slash || strcmp(slash + 1, SLICE_DIRECTORY) != 0)
		return;
	above = openat(parent->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above >= 0)
		(void)unlinkat(above, SLICE_DIRECTORY, AT_REMOVEDIR);
}

/* false: something is left. */
static bool remove_cgroup(const struct cgroup *parent, const char *name)
{
	struct cgroup scope = CGROUP_INIT;
	uint64_t start = now_msec();
	int error;

	if (cgroup_open_child(parent, name, &scope) < 0)
		return true;
	if (!end_cgroup(&scope)) {
		cgroup_finish(&scope);
		return false;
	}
	cgroup_finish(&scope);
	/* What has just died may hold its cgroup for a moment: EBUSY. */
	while ((error = cgroup_remove(parent, name)) == -EBUSY && now_msec() - start < END_MSEC)
		rest();
	return error == 0;
}

static bool remove_cgroups(const struct host *host, const struct remains *remains)
{
	struct cgroup parent = CGROUP_INIT;
	bool clean = true;

	if (!remains->parent || !host->cgroup_mount ||
	    cgroup_open(host->cgroup_mount, remains->parent, &parent) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(remains->names); i++) {
		if (remains->names[i] && !remove_cgroup(&parent, remains->names[i]))
			clean = false;
	}
	if (clean && remains->names[0] && !strstr(remains->names[0], ".scope"))
		remove_empty_slice(&parent, remains);
	cgroup_finish(&parent);
	return clean;
}

static bool end_tagged(const struct remains *remains)
{
	const struct process_tagged request = {
		.session_id = remains->id,
		.not_before_ticks = remains->not_before_ticks,
	};
	uint64_t start = now_msec();

	while (process_signal_tagged(&request, SIGKILL) > 0) {
		if (now_msec() - start >= END_MSEC)
			return false;
		rest();
	}
	return true;
}

/* A session that died around us: ending it would end us. */
static bool is_around_us(const struct host *host, const char *id)
{
	const char *tag = getenv(PROCESS_TAG), *path = host->own_cgroup, *found;
	char name[sizeof("oc-") + ID_LENGTH];

	if (tag && strcmp(tag, id) == 0)
		return true;
	(void)snprintf(name, sizeof(name), "oc-%.*s", ID_LENGTH, id);
	found = path ? strstr(path, name) : NULL;
	return found != NULL;
}

static void clean_store(const struct remains *remains)
{
	_cleanup_close_ int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct timespec now;
	struct snapshot_request request = {
		.store = remains->snapshot_store,
		.proc_fd = proc_fd,
		.since_usec = remains->since_usec,
	};
	struct snapshot_result result;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	request.until_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (proc_fd >= 0 && snapshot_clean(&request, &result) == 0)
		snapshot_result_finish(&result);
}

static bool clean_up(const struct sweep *sweep, int fd, const char *id)
{
	struct remains remains = { 0 };
	bool clean = remains_read(fd, id, sweep->boot_id, &remains) == 0;

	if (clean && remains.same_boot) {
		clean = remove_cgroups(sweep->host, &remains);
		clean = end_tagged(&remains) && clean;
	}
	/* On a disk it outlives the boot. What can't be removed holds nothing else up. */
	if (clean && remains.tmp)
		session_tmp_sweep_path(remains.tmp, id);
	if (clean && remains.snapshot_store)
		clean_store(&remains);
	remains_finish(&remains);
	return clean;
}

/* The lock is worth something only if the name still leads to the file that we locked. */
static bool is_still(int folder, const char *name, int fd)
{
	struct stat locked, named;

	return fstat(fd, &locked) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

static int open_unheld(int folder, const char *name, struct stat *ret_status)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_status) < 0 || !S_ISREG(ret_status->st_mode) ||
	    ret_status->st_uid != geteuid() || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
	    !is_still(folder, name, fd))
		return -1;
	return take_fd(&fd);
}

/* Never renamed: its oc-run died in between. One that lives and was about to lock it makes another
 * (make_entry(), -ESTALE). */
static void sweep_hidden(int folder, const char *name)
{
	struct stat status;
	_cleanup_close_ int fd = open_unheld(folder, name, &status);

	if (fd >= 0)
		(void)unlinkat(folder, name, 0);
}

static void sweep_entry(struct sweep *sweep, int folder, const char *name)
{
	struct stat status;
	_cleanup_close_ int fd = -1;

	if (is_around_us(sweep->host, name))
		return;
	fd = open_unheld(folder, name, &status);
	if (fd < 0 || !clean_up(sweep, fd, name) || unlinkat(folder, name, 0) < 0)
		return;
	sweep->count++;
	if (sweep->removed)
		sweep->removed(name, sweep->userdata);
}

static void sweep_folder(struct sweep *sweep, const char *base)
{
	struct dirent *entry;
	DIR *directory;
	int folder;

	if (registry_folder_open(base, false, &folder, NULL) < 0)
		return;
	directory = fdopendir(folder);
	if (!directory) {
		(void)close(folder);
		return;
	}
	while ((entry = readdir(directory))) {
		if (is_id(entry->d_name))
			sweep_entry(sweep, folder, entry->d_name);
		else if (entry->d_name[0] == '.' && is_id(entry->d_name + 1))
			sweep_hidden(folder, entry->d_name);
	}
	(void)closedir(directory);
}

static bool is_held_in(const char *base, const char *id)
{
	_cleanup_close_ int folder = -1, fd = -1;

	if (registry_folder_open(base, false, &folder, NULL) < 0)
		return false;
	fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

bool registry_is_held(const struct host *host, const char *id)
{
	char *paths[REGISTRY_FOLDERS_MAX];
	bool is_held = false;

	/* Not to know is no licence. */
	if (registry_folder_paths(host, paths) < 0)
		return true;
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		is_held = is_held || (paths[i] && is_held_in(paths[i], id));
		free(paths[i]);
	}
	return is_held;
}

int registry_sweep(const struct host *host, void (*removed)(const char *id, void *userdata),
		   void *userdata)
{
	struct sweep sweep = { .host = host, .removed = removed, .userdata = userdata };
	char *paths[REGISTRY_FOLDERS_MAX];
	int error = registry_folder_paths(host, paths);

	if (error < 0)
		return error;
	registry_boot_id(sweep.boot_id);
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		if (paths[i]) {
			sweep_folder(&sweep, paths[i]);
			status_file_sweep(paths[i]);
		}
		free(paths[i]);
	}
	error = session_tmp_sweep(host, removed, userdata);
	return error < 0 ? error : sweep.count + error;
}
