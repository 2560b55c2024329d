/* SPDX-License-Identifier: MIT */

/*
 * All entries. A session may end while they are read: an entry that nobody holds is believed to be
 * left behind only if its name still leads to the file that we looked at, as oc-run removes the name
 * before it lets go of the lock.
 */

#include "oc-run/registry-list.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oc-run/process-scan.h"
#include "registry-folder.h"

#define ID_LENGTH 16

struct list {
	struct registry_session *sessions;
	size_t count;
	char boot_id[REGISTRY_BOOT_ID_MAX];
};

static bool is_id(const char *name)
{
	return strlen(name) == ID_LENGTH && strspn(name, "0123456789abcdef") == ID_LENGTH;
}

/* 1: held; 0: left behind; -ENOENT: it has gone meanwhile. */
static int look_at_lock(int folder, const char *name, int fd)
{
	struct stat ours, named;

	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : -errno;
	/* A sweep that comes by now takes it for a live one, and tries again the next time. */
	(void)flock(fd, LOCK_UN);
	if (fstat(fd, &ours) < 0 || fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
		return -ENOENT;
	return 0;
}

static int set_paths(const char *base, const char *name, struct registry_session *session)
{
	if (asprintf(&session->entry_path, "%s/oc-run/sessions/%s", base, name) < 0)
		session->entry_path = NULL;
	if (asprintf(&session->status_path, "%s/oc-run/status/%s.json", base, name) < 0)
		session->status_path = NULL;
	if (session->entry_path && session->status_path)
		return 0;
	registry_session_finish(session);
	return -ENOMEM;
}

static int read_entry(const struct list *list, const char *base, int folder, const char *name,
		      struct registry_session *ret)
{
	_cleanup_close_ int fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[REGISTRY_TEXT_MAX];
	struct stat status;
	ssize_t length;
	int held, r;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid())
		return -ENOENT;
	length = pread(fd, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	held = look_at_lock(folder, name, fd);
	if (held < 0)
		return held;
	r = registry_parse(name, text, ret);
	if (r < 0)
		return r;
	ret->is_held = held > 0;
	ret->same_boot = !ret->boot_id || strcmp(ret->boot_id, list->boot_id) == 0;
	return set_paths(base, name, ret);
}

static int add_entry(struct list *list, const char *base, int folder, const char *name)
{
	struct registry_session *grown =
		reallocarray(list->sessions, list->count + 1, sizeof(*grown));
	int r;

	if (!grown)
		return -ENOMEM;
	list->sessions = grown;
	r = read_entry(list, base, folder, name, &list->sessions[list->count]);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	list->count++;
	return 0;
}

static int list_folder(struct list *list, const char *base)
{
	struct dirent *item;
	DIR *directory;
	int folder, r = 0;

	if (registry_folder_open(base, false, &folder, NULL) < 0)
		return 0;
	directory = fdopendir(folder);
	if (!directory) {
		(void)close(folder);
		return -ENOMEM;
	}
	while (r >= 0 && (item = readdir(directory)))
		if (is_id(item->d_name))
			r = add_entry(list, base, folder, item->d_name);
	(void)closedir(directory);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct registry_session *left = a, *right = b;

	if (left->since_usec != right->since_usec)
		return left->since_usec < right->since_usec ? -1 : 1;
	return strcmp(left->id, right->id);
}

int registry_list(const struct host *host, struct registry_session **ret, size_t *ret_count)
{
	char *paths[REGISTRY_FOLDERS_MAX];
	struct list list = { 0 };
	int r = registry_folder_paths(host, paths);

	if (r < 0)
		return r;
	registry_boot_id(list.boot_id);
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++) {
		if (paths[i] && r >= 0)
			r = list_folder(&list, paths[i]);
		free(paths[i]);
	}
	if (r < 0) {
		registry_sessions_free(list.sessions, list.count);
		return r;
	}
	if (list.count > 1)
		qsort(list.sessions, list.count, sizeof(*list.sessions), compare);
	*ret = list.sessions;
	*ret_count = list.count;
	return 0;
}

void registry_sessions_free(struct registry_session *sessions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		registry_session_finish(&sessions[i]);
	free(sessions);
}

int registry_ask(const struct registry_session *session, int what)
{
	const struct registry_process *supervisor = &session->supervisor;
	siginfo_t info = {
		.si_signo = SIGURG,
		.si_code = SI_QUEUE,
		.si_pid = getpid(),
		.si_uid = getuid(),
		.si_value.sival_int = what,
	};
	_cleanup_close_ int pidfd = -1;
	struct process_facts facts;

	if (!session->same_boot || supervisor->pid <= 0)
		return -ESRCH;
	/* From here on the descriptor is one process; the start time says whether it is the right one. */
	pidfd = pidfd_open(supervisor->pid, 0);
	if (pidfd < 0)
		return -errno;
	if (process_read_facts(supervisor->pid, &facts) < 0 ||
	    facts.start_ticks != supervisor->start_ticks)
		return -ESRCH;
	return pidfd_send_signal(pidfd, SIGURG, &info, 0) < 0 ? -errno : 0;
}

bool registry_session_is_held(const struct registry_session *session)
{
	_cleanup_close_ int fd = open(session->entry_path,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && look_at_lock(AT_FDCWD, session->entry_path, fd) == 1;
}

int registry_session_read(const struct registry_session *session, struct registry_session *ret)
{
	_cleanup_close_ int fd = open(session->entry_path,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[REGISTRY_TEXT_MAX];
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = pread(fd, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return registry_parse(session->id, text, ret);
}
