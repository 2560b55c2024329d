/* SPDX-License-Identifier: MIT */

/* See stray-libraries.h. A library that is mapped is found by its inode in /proc/PID/maps: a name there
 * may be another mount's. */

#include "oc-run/stray-libraries.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_DIGITS 16
#define COUNT_DIGITS 8
#define AGE_SECONDS 600

struct library {
	char name[48];
	ino_t inode;
	uint64_t bytes;
	bool is_mapped;
};

struct libraries {
	struct library *items;
	size_t count;
};

static bool are_hex(const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static bool is_library_name(const char *name)
{
	const char *count = name + 1 + NAME_DIGITS + 1, *ending = count + COUNT_DIGITS;

	return strlen(name) > 1 + NAME_DIGITS + 1 + COUNT_DIGITS && name[0] == '.' &&
	       are_hex(name + 1, NAME_DIGITS) && name[1 + NAME_DIGITS] == '-' &&
	       are_hex(count, COUNT_DIGITS) &&
	       (strcmp(ending, ".so") == 0 || strcmp(ending, ".node") == 0);
}

static int add(struct libraries *libraries, const char *name, const struct stat *file)
{
	struct library *grown =
		reallocarray(libraries->items, libraries->count + 1, sizeof(*libraries->items));

	if (!grown)
		return -ENOMEM;
	libraries->items = grown;
	grown[libraries->count] = (struct library){
		.inode = file->st_ino,
		.bytes = (uint64_t)file->st_blocks * 512,
	};
	(void)snprintf(grown[libraries->count].name, sizeof(grown->name), "%.47s", name);
	libraries->count++;
	return 0;
}

static int list(DIR *folder, struct libraries *ret)
{
	struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(folder))) {
		struct stat file;

		if (is_library_name(entry->d_name) &&
		    fstatat(dirfd(folder), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(file.st_mode) && file.st_uid == geteuid() &&
		    file.st_mtime + AGE_SECONDS < time(NULL))
			r = add(ret, entry->d_name, &file);
	}
	return r;
}

/* "start-end perms offset dev inode path" */
static void mark_mapped(const char *maps, struct libraries *libraries)
{
	_cleanup_fclose_ FILE *file = fopen(maps, "re");
	unsigned long long inode;
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %*s %llu", &inode) != 1 || inode == 0)
			continue;
		for (size_t i = 0; i < libraries->count; i++)
			if (libraries->items[i].inode == (ino_t)inode)
				libraries->items[i].is_mapped = true;
	}
}

static void look_at_processes(struct libraries *libraries)
{
	DIR *proc = libraries->count > 0 ? opendir("/proc") : NULL;
	struct dirent *entry;

	/* Not to know who maps what is no licence. */
	for (size_t i = 0; i < libraries->count; i++)
		libraries->items[i].is_mapped = proc == NULL;
	while (proc && (entry = readdir(proc))) {
		char path[64];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/maps", entry->d_name);
		mark_mapped(path, libraries);
	}
	if (proc)
		(void)closedir(proc);
}

int stray_libraries_look(const char *path, bool removes, struct stray_libraries *ret)
{
	struct stray_libraries strays = { .folder = strdup(path) };
	struct libraries libraries = { NULL, 0 };
	DIR *folder = opendir(path);
	int r = strays.folder ? 0 : -ENOMEM;

	if (folder && r == 0)
		r = list(folder, &libraries);
	if (r == 0)
		look_at_processes(&libraries);
	for (size_t i = 0; r == 0 && i < libraries.count; i++) {
		const struct library *library = &libraries.items[i];

		if (library->is_mapped ||
		    (removes && unlinkat(dirfd(folder), library->name, 0) < 0))
			continue;
		strays.count++;
		strays.bytes += library->bytes;
	}
	if (folder)
		(void)closedir(folder);
	free(libraries.items);
	if (r < 0)
		stray_libraries_finish(&strays);
	else
		*ret = strays;
	return r;
}

void stray_libraries_finish(struct stray_libraries *strays)
{
	cleanup_free(&strays->folder);
}
