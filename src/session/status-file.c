/* SPDX-License-Identifier: MIT */

#include "oc-run/status-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "private-folder.h"

#define FOLDER "status"
#define ENTRIES "sessions"
#define ENDING ".json"
#define ID_LENGTH 16
#define NAME_MAX_LENGTH 32

static void name_of(const char *id, char name[NAME_MAX_LENGTH])
{
	(void)snprintf(name, NAME_MAX_LENGTH, "%.16s" ENDING, id);
}

/* While it is written; an entry's own hidden name lies in another folder. */
static void hidden_name_of(const char *id, char name[NAME_MAX_LENGTH])
{
	(void)snprintf(name, NAME_MAX_LENGTH, ".%.16s" ENDING, id);
}

/* "<base>" of "<base>/oc-run/sessions/<id>"; NULL: it is not so, or no memory. */
static char *base_of(const char *entry_path, const char *id)
{
	_cleanup_free_ char *tail = NULL;
	size_t length = strlen(entry_path), tail_length;

	if (asprintf(&tail, "/oc-run/" ENTRIES "/%s", id) < 0) {
		tail = NULL;
		return NULL;
	}
	tail_length = strlen(tail);
	if (length <= tail_length || strcmp(entry_path + length - tail_length, tail) != 0)
		return NULL;
	return strndup(entry_path, length - tail_length);
}

int status_file_begin(const struct registry_entry *entry, const char *id, struct status_file *ret,
		      struct diag *diag)
{
	struct status_file file = STATUS_FILE_INIT;
	_cleanup_free_ char *base = NULL;
	int r;

	if (entry->fd < 0 || !entry->path) {
		*ret = file;
		return 0;
	}
	base = base_of(entry->path, id);
	if (!base)
		return -ENOMEM;
	r = private_folder_open(base, FOLDER, true,
				"the command can't be told there how its session is",
				&file.folder_fd, diag);
	if (r < 0)
		return r;
	if (asprintf(&file.path, "%s/oc-run/" FOLDER "/%s" ENDING, base, id) < 0) {
		cleanup_close(&file.folder_fd);
		return -ENOMEM;
	}
	(void)snprintf(file.id, sizeof(file.id), "%s", id);
	*ret = file;
	return 0;
}

int status_file_share(struct status_file *file, gid_t gid)
{
	int r = file->folder_fd < 0 ? 0 : private_folder_let_pass(file->folder_fd);

	if (r < 0)
		return r;
	file->is_shared = true;
	file->gid = gid;
	return 0;
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t written = write(fd, text, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		text += written;
		left -= (size_t)written;
	}
	return 0;
}

static int make_hidden(const struct status_file *file, const char *name, const char *text)
{
	_cleanup_close_ int fd = -1;

	/* What an interrupted write may have left. */
	(void)unlinkat(file->folder_fd, name, 0);
	fd = openat(file->folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	if (file->is_shared && (fchown(fd, (uid_t)-1, file->gid) < 0 || fchmod(fd, 0640) < 0))
		return -errno;
	return write_all(fd, text);
}

int status_file_write(const struct status_file *file, const char *text)
{
	char name[NAME_MAX_LENGTH], hidden[NAME_MAX_LENGTH];
	int r;

	if (file->folder_fd < 0)
		return 0;
	name_of(file->id, name);
	hidden_name_of(file->id, hidden);
	r = make_hidden(file, hidden, text);
	if (r == 0 && renameat(file->folder_fd, hidden, file->folder_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(file->folder_fd, hidden, 0);
	return r;
}

void status_file_finish(struct status_file *file)
{
	char name[NAME_MAX_LENGTH];

	if (file->folder_fd >= 0) {
		name_of(file->id, name);
		(void)unlinkat(file->folder_fd, name, 0);
	}
	cleanup_close(&file->folder_fd);
	cleanup_free(&file->path);
}

/* The session that a file name belongs to, hidden or not. */
static bool session_of(const char *name, char id[ID_LENGTH + 1])
{
	const char *start = name[0] == '.' ? name + 1 : name;

	if (strspn(start, "0123456789abcdef") != ID_LENGTH ||
	    strcmp(start + ID_LENGTH, ENDING) != 0)
		return false;
	memcpy(id, start, ID_LENGTH);
	id[ID_LENGTH] = '\0';
	return true;
}

static void sweep_one(int folder_fd, int entries_fd, const char *name)
{
	char id[ID_LENGTH + 1];
	struct stat status;

	if (session_of(name, id) && fstatat(entries_fd, id, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		(void)unlinkat(folder_fd, name, 0);
}

void status_file_sweep(const char *base)
{
	_cleanup_close_ int entries_fd = -1;
	struct dirent *entry;
	int folder_fd;
	DIR *directory;

	if (private_folder_open(base, FOLDER, false, "", &folder_fd, NULL) < 0)
		return;
	directory = fdopendir(folder_fd);
	if (!directory) {
		(void)close(folder_fd);
		return;
	}
	if (private_folder_open(base, ENTRIES, false, "", &entries_fd, NULL) >= 0) {
		while ((entry = readdir(directory)))
			sweep_one(dirfd(directory), entries_fd, entry->d_name);
	}
	(void)closedir(directory);
}
