/* SPDX-License-Identifier: MIT */

/*
 * One entry's life. It is written and locked under a hidden name and then renamed, so that a sweep
 * never sees an entry that is not locked yet; should a sweep take the hidden file for a stale one in
 * the instant before it is locked, the entry is simply made again.
 *
 * Later changes are written in place: a new file would not carry the lock that the keeper shares.
 * An entry only grows and is written with one write(2), so a death in between leaves the old text
 * or the new.
 */

#include "oc-run/registry.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "oc-run/process-scan.h"
#include "oc-run/registry-list.h"
#include "registry-folder.h"
#include "report/safe-text.h"

#define ENTER_TRIES 10
#define DIRECTORY_MAX 1000

/* What an entry can hold beyond the plan. */
struct entry_facts {
	const char *cgroup_parent, *cgroup_path; /* or NULL */
	pid_t child;				 /* or 0 */
	struct registry_disk disk;
	const char *outer;		    /* or NULL */
	const struct registry_entry *entry; /* or NULL: the session does not stand yet */
};

static bool add_text(cJSON *object, const char *key, const char *text)
{
	return !text || text[0] == '\0' || cJSON_AddStringToObject(object, key, text);
}

/* As text: cJSON would round the number or print it with an exponent. */
static bool add_number(cJSON *object, const char *key, uint64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	return cJSON_AddRawToObject(object, key, text);
}

static bool add_time(cJSON *object, const char *key, uint64_t usec)
{
	return usec == 0 || add_number(object, key, usec);
}

static bool add_process(cJSON *object, const char *key, pid_t pid)
{
	struct process_facts facts;
	cJSON *process;

	if (pid <= 0 || process_read_facts(pid, &facts) < 0)
		return true;
	process = cJSON_AddObjectToObject(object, key);
	return process && cJSON_AddNumberToObject(process, "pid", pid) &&
	       cJSON_AddNumberToObject(process, "start_ticks", (double)facts.start_ticks);
}

static bool add_command(cJSON *object, const struct plan *plan)
{
	_cleanup_free_ char *name = NULL, *here = NULL;

	/* The name alone: arguments may hold what nobody else is to read. */
	if (plan->command && plan->command[0]) {
		name = safe_text_utf8(safe_text_base_name(plan->command[0]));
		if (!name)
			return false;
	}
	here = plan->chdir ? strdup(plan->chdir) : get_current_dir_name();
	/* Control characters are six bytes each in JSON: the entry must not fail for its place. */
	if (here && strlen(here) > DIRECTORY_MAX)
		cleanup_free(&here);
	return add_text(object, "command_name", name) && add_text(object, "directory", here);
}

static const char *enforcer_word(const struct plan *plan, uint32_t enforced, enum limit_id id)
{
	enum enforcer enforcer = plan->limits[id].enforcer;

	if (enforcer == ENFORCER_KERNEL && !(enforced & (1U << id)))
		enforcer = ENFORCER_NONE;
	return registry_enforcer_word(enforcer);
}

static bool add_limits(cJSON *object, const struct plan *plan, uint32_t enforced)
{
	cJSON *limits = cJSON_AddObjectToObject(object, "limits");

	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		cJSON *limit = cJSON_AddObjectToObject(limits, limit_row(id)->key);

		if ((plan->limits[id].value != LIMIT_UNLIMITED &&
		     !add_number(limit, "value", plan->limits[id].value)) ||
		    !cJSON_AddStringToObject(limit, "by", enforcer_word(plan, enforced, id)))
			return false;
	}
	return true;
}

static bool fill_stand(cJSON *object, const struct plan *plan, const struct registry_entry *entry)
{
	if (!entry)
		return true;
	return add_limits(object, plan, entry->enforced) &&
	       add_text(object, "answered", entry->answered) &&
	       add_text(object, "refusal", entry->refusal) &&
	       (!entry->is_ending || cJSON_AddTrueToObject(object, "ending"));
}

static bool fill_object(cJSON *object, const struct plan *plan, const struct entry_facts *facts)
{
	char boot_id[REGISTRY_BOOT_ID_MAX];

	registry_boot_id(boot_id);
	return add_text(object, "id", plan->id) && add_text(object, "name", plan->name) &&
	       add_text(object, "boot_id", boot_id) &&
	       add_text(object, "backend", backend_kind_name(plan->backend)) &&
	       add_text(object, "unit", plan->unit) &&
	       add_text(object, "cgroup_parent", facts->cgroup_parent) &&
	       add_text(object, "cgroup", facts->cgroup_path) &&
	       add_text(object, "tmp", facts->disk.tmp_path) &&
	       add_text(object, "outer", facts->outer) &&
	       add_text(object, "snapshot_store", facts->disk.snapshot_store) &&
	       add_time(object, "since_usec", facts->disk.since_usec) &&
	       add_process(object, "supervisor", getpid()) &&
	       add_process(object, "command", facts->child) && add_command(object, plan) &&
	       fill_stand(object, plan, facts->entry);
}

static int write_entry(int fd, const struct plan *plan, const struct entry_facts *facts)
{
	cJSON *object = cJSON_CreateObject();
	char text[REGISTRY_TEXT_MAX];
	size_t length;
	bool printed = object && fill_object(object, plan, facts) &&
		       cJSON_PrintPreallocated(object, text, (int)sizeof(text) - 8, false);

	cJSON_Delete(object);
	if (!printed)
		return -ENOBUFS;
	length = strlen(text);
	text[length++] = '\n';
	if (pwrite(fd, text, length, 0) != (ssize_t)length || ftruncate(fd, (off_t)length) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

/* -ESTALE: a sweep was quicker; try again. */
static int make_entry(int folder, const struct plan *plan, const struct entry_facts *facts,
		      int *ret_fd)
{
	char hidden[sizeof(plan->id) + 1];
	_cleanup_close_ int fd = -1;
	int error;

	(void)snprintf(hidden, sizeof(hidden), ".%s", plan->id);
	fd = openat(folder, hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error = errno == EWOULDBLOCK ? -ESTALE : -errno;
		(void)unlinkat(folder, hidden, 0);
		return error;
	}
	error = write_entry(fd, plan, facts);
	if (error == 0 && renameat(folder, hidden, folder, plan->id) < 0)
		error = errno == ENOENT ? -ESTALE : -errno;
	if (error < 0) {
		(void)unlinkat(folder, hidden, 0);
		return error;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static int enter_folder(const char *base, const struct plan *plan, const struct entry_facts *facts,
			struct registry_entry *ret, struct diag *diag)
{
	_cleanup_close_ int folder = -1, fd = -1;
	char *path;
	int error = registry_folder_open(base, true, &folder, diag);

	for (int tries = 0; error == 0 && tries < ENTER_TRIES; tries++) {
		error = make_entry(folder, plan, facts, &fd);
		if (error != -ESTALE)
			break;
		error = 0;
	}
	if (error < 0)
		return error;
	if (fd < 0)
		return -EAGAIN;
	if (asprintf(&path, "%s/oc-run/sessions/%s", base, plan->id) < 0) {
		(void)unlinkat(folder, plan->id, 0);
		return -ENOMEM;
	}
	ret->path = path;
	ret->disk = facts->disk;
	ret->outer = facts->outer;
	ret->fd = take_fd(&fd);
	return 0;
}

const char *registry_outer(const struct host *host)
{
	const char *tag = getenv(PROCESS_TAG);

	if (host->outer_session)
		return host->outer_session;
	return tag && strlen(tag) == 16 && strspn(tag, "0123456789abcdef") == 16 ? tag : NULL;
}

int registry_enter(const struct host *host, const struct plan *plan, const char *cgroup_parent,
		   const struct registry_disk *disk, struct registry_entry *ret, struct diag *diag)
{
	const struct entry_facts facts = {
		.cgroup_parent = cgroup_parent,
		.disk = disk ? *disk : (struct registry_disk){ 0 },
		.outer = registry_outer(host),
	};
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	char *paths[REGISTRY_FOLDERS_MAX];
	int error = registry_folder_paths(host, paths);

	if (error < 0)
		return diag_set(diag, error, "cannot record the session: out of memory");
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX && entry.fd < 0 && error != -EPERM; i++) {
		if (paths[i])
			error = enter_folder(paths[i], plan, &facts, &entry, diag);
	}
	for (size_t i = 0; i < REGISTRY_FOLDERS_MAX; i++)
		free(paths[i]);
	if (entry.fd < 0 && error == -EPERM)
		return error;
	*ret = entry;
	return 0;
}

int registry_update(struct registry_entry *entry, const struct plan *plan, const char *cgroup_path,
		    pid_t child)
{
	const struct entry_facts facts = {
		.cgroup_path = cgroup_path,
		.child = child,
		.disk = entry->disk,
		.outer = entry->outer,
		.entry = entry,
	};

	return entry->fd < 0 ? 0 : write_entry(entry->fd, plan, &facts);
}

static void remove_request(const char *entry_path)
{
	char *path;

	if (asprintf(&path, "%s" REGISTRY_REQUEST_ENDING, entry_path) < 0)
		return;
	(void)unlink(path);
	free(path);
}

void registry_leave(struct registry_entry *entry)
{
	/* While it is locked: nobody else can be about to sweep it. */
	if (entry->fd >= 0 && entry->path) {
		remove_request(entry->path);
		(void)unlink(entry->path);
	}
	cleanup_close(&entry->fd);
	cleanup_free(&entry->path);
}
