/* SPDX-License-Identifier: MIT */

#include "oc-run/session-tmp.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>

#include "oc-run/process-scan.h"
#include "oc-run/remove-tree.h"
#include "private-folder.h"

#define FOLDER "tmp"
#define PATH_TAIL "/oc-run/" FOLDER "/"
#define ID_LENGTH 16
#define YOUNG_SEC 60

int session_tmp_bases(const struct host *host, char *ret_bases[SESSION_TMP_BASES_MAX])
{
	const char *runtime = host->uid == 0 ? "/run" : host->runtime_dir;
	char *second = runtime ? strdup(runtime) : NULL;

	if (runtime && !second)
		return -ENOMEM;
	ret_bases[0] = private_base(PRIVATE_BASE_CACHE, host->uid);
	ret_bases[1] = second;
	return 0;
}

int session_tmp_bases_for_user(char *ret_bases[SESSION_TMP_BASES_MAX])
{
	ret_bases[0] = strdup("/var/cache");
	ret_bases[1] = strdup("/run");
	return ret_bases[0] && ret_bases[1] ? 0 : -ENOMEM;
}

void session_tmp_give(struct session_tmp *tmp, const char *id, uid_t uid, gid_t gid)
{
	struct session_tmp_tally tally;

	if (tmp->fd >= 0 &&
	    (private_folder_let_pass(tmp->parent_fd) < 0 || fchown(tmp->fd, uid, gid) < 0))
		session_tmp_remove(tmp, id, &tally);
}

static bool may_execute(int fd)
{
	struct statvfs status;

	return fstatvfs(fd, &status) == 0 && !(status.f_flag & (ST_NOEXEC | ST_RDONLY));
}

static bool is_memory(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 &&
	       (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

/* 1: the base will do, and @ret_fd is its folder; 0: it won't. */
static int open_parent(const char *base, bool take_memory, int *ret_fd, struct diag *diag)
{
	_cleanup_close_ int fd = -1;
	int r = private_folder_open(base, FOLDER, true,
				    "no temporary files of a session can be put there", &fd, diag);

	if (r < 0)
		return r == -EPERM || r == -ENOMEM ? r : 0;
	if (!may_execute(fd) || (!take_memory && is_memory(fd)))
		return 0;
	*ret_fd = take_fd(&fd);
	return 1;
}

static int make_below(const char *base, int parent_fd, const char *id, struct session_tmp *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s" PATH_TAIL "%s", base, id) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (mkdirat(parent_fd, id, 0700) < 0)
		return -errno;
	fd = openat(parent_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Where folders can't be locked (NFS), a sweep can't lock them either, and lets them be. */
	(void)!flock(fd, LOCK_EX | LOCK_NB);
	ret->parent_fd = parent_fd;
	ret->fd = take_fd(&fd);
	ret->path = take_pointer(path);
	return 0;
}

static int try_bases(char *const bases[SESSION_TMP_BASES_MAX], const char *id, bool take_memory,
		     struct session_tmp *ret, struct diag *diag)
{
	int refused = 0;

	for (size_t i = 0; i < SESSION_TMP_BASES_MAX; i++) {
		_cleanup_close_ int parent_fd = -1;
		int r = bases[i] ? open_parent(bases[i], take_memory, &parent_fd, diag) : 0;

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			refused = r;
		if (r > 0 && make_below(bases[i], parent_fd, id, ret) == 0) {
			(void)take_fd(&parent_fd);
			return 0;
		}
	}
	return refused;
}

int session_tmp_make(char *const bases[SESSION_TMP_BASES_MAX], const char *id,
		     struct session_tmp *ret, struct diag *diag)
{
	struct session_tmp tmp = SESSION_TMP_INIT;
	int r = try_bases(bases, id, false, &tmp, diag);

	if (tmp.fd < 0 && r != -ENOMEM)
		r = try_bases(bases, id, true, &tmp, diag);
	if (tmp.fd >= 0)
		r = 0;
	if (r == 0)
		*ret = tmp;
	return r;
}

/* NULL: @path is not <base>/oc-run/tmp/<id>, or no memory. */
static char *base_of(const char *path, const char *id)
{
	if (path[0] != '/' || strstr(path, "/../") || !session_tmp_is_own(path, id))
		return NULL;
	return strndup(path, strlen(path) - strlen(PATH_TAIL) - strlen(id));
}

int session_tmp_make_again(const char *path, const char *id, struct session_tmp *ret)
{
	_cleanup_free_ char *base = base_of(path, id);
	char *const bases[SESSION_TMP_BASES_MAX] = { base, NULL };
	struct session_tmp tmp = SESSION_TMP_INIT;
	int r = base ? session_tmp_make(bases, id, &tmp, NULL) : -EINVAL;

	if (r < 0)
		return r;
	if (tmp.fd < 0)
		return -ENOENT;
	*ret = tmp;
	return 0;
}

void session_tmp_remove(struct session_tmp *tmp, const char *id, struct session_tmp_tally *ret)
{
	struct remove_tally tally;

	*ret = (struct session_tmp_tally){ 0 };
	if (tmp->fd < 0)
		return;
	ret->removed = remove_folder(tmp->parent_fd, id, tmp->fd, &tally);
	ret->files = tally.files;
	ret->bytes = tally.bytes;
	cleanup_close(&tmp->fd);
	cleanup_close(&tmp->parent_fd);
	cleanup_free(&tmp->path);
}

static bool is_id(const char *name)
{
	return strlen(name) == ID_LENGTH && strspn(name, "0123456789abcdef") == ID_LENGTH;
}

/* On the same mount as its parent, locked by us now, and our own; or, since the parent is root's
 * alone, one that root gave away. -1: not, or it lives. */
static int open_dead(int parent_fd, const char *id, struct statx *ret_status)
{
	const unsigned wanted = STATX_BASIC_STATS | STATX_MNT_ID;
	_cleanup_close_ int fd =
		openat(parent_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statx parent;

	if (fd < 0 || statx(parent_fd, "", AT_EMPTY_PATH, wanted, &parent) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, wanted, ret_status) < 0 ||
	    (ret_status->stx_uid != geteuid() && geteuid() != 0) ||
	    ret_status->stx_mnt_id != parent.stx_mnt_id ||
	    ret_status->stx_dev_major != parent.stx_dev_major ||
	    ret_status->stx_dev_minor != parent.stx_dev_minor || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return take_fd(&fd);
}

void session_tmp_sweep_path(const char *path, const char *id)
{
	_cleanup_close_ int parent_fd = -1, fd = -1;
	_cleanup_free_ char *base = base_of(path, id);
	struct remove_tally tally;
	struct statx status;

	if (!base || private_folder_open(base, FOLDER, false, "", &parent_fd, NULL) < 0)
		return;
	fd = open_dead(parent_fd, id, &status);
	if (fd >= 0)
		(void)remove_folder(parent_fd, id, fd, &tally);
}

static bool sweep_one(int parent_fd, const char *id, bool look_only)
{
	struct remove_tally tally;
	struct statx status;
	_cleanup_close_ int fd = open_dead(parent_fd, id, &status);

	/* Its session may be about to lock it. */
	return fd >= 0 && time(NULL) - (time_t)status.stx_mtime.tv_sec > YOUNG_SEC &&
	       (look_only || remove_folder(parent_fd, id, fd, &tally));
}

/* A session that died around us: what we and others in it were told to use stays. */
static bool is_around_us(const char *id)
{
	const char *tag = getenv(PROCESS_TAG);

	return tag && strcmp(tag, id) == 0;
}

static int sweep_base(const char *base, bool look_only,
		      void (*removed)(const char *id, void *userdata), void *userdata)
{
	struct dirent *entry;
	int fd, count = 0;
	DIR *directory;

	if (private_folder_open(base, FOLDER, false, "", &fd, NULL) < 0)
		return 0;
	directory = fdopendir(fd);
	if (!directory) {
		(void)close(fd);
		return 0;
	}
	while ((entry = readdir(directory))) {
		if (!is_id(entry->d_name) || is_around_us(entry->d_name) ||
		    !sweep_one(dirfd(directory), entry->d_name, look_only))
			continue;
		count++;
		if (removed)
			removed(entry->d_name, userdata);
	}
	(void)closedir(directory);
	return count;
}

static int sweep_bases(const struct host *host, bool look_only,
		       void (*removed)(const char *id, void *userdata), void *userdata)
{
	char *bases[SESSION_TMP_BASES_MAX];
	int count = 0, r = session_tmp_bases(host, bases);

	if (r < 0)
		return r;
	for (size_t i = 0; i < SESSION_TMP_BASES_MAX; i++) {
		if (bases[i])
			count += sweep_base(bases[i], look_only, removed, userdata);
		free(bases[i]);
	}
	return count;
}

int session_tmp_sweep(const struct host *host, void (*removed)(const char *id, void *userdata),
		      void *userdata)
{
	return sweep_bases(host, false, removed, userdata);
}

int session_tmp_look(const struct host *host, void (*found)(const char *id, void *userdata),
		     void *userdata)
{
	return sweep_bases(host, true, found, userdata);
}

bool session_tmp_is_own(const char *value, const char *id)
{
	size_t length = value ? strlen(value) : 0;
	const size_t tail = strlen(PATH_TAIL);

	return id && is_id(id) && length > tail + ID_LENGTH &&
	       strcmp(value + length - ID_LENGTH, id) == 0 &&
	       strncmp(value + length - ID_LENGTH - tail, PATH_TAIL, tail) == 0;
}
