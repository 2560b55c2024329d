/* SPDX-License-Identifier: MIT */

/*
 * Inside the session's cgroup. The order matters:
 *
 *	1. make payload/ and keeper/, move both processes in: a cgroup that hands controllers down
 *	   must not hold processes itself (the no-internal-process rule of cgroup v2);
 *	2. enable the controllers in the scope's cgroup.subtree_control, one by one, since a write
 *	   with several names fails as a whole when one of them is missing;
 *	3. write each limit on payload/ and read it back: only then it counts as enforced.
 *
 * Limits that hold the machine together (memory, tasks) have to be set, and so have those that a
 * person asked for; a weight that is only a default is dropped where the kernel has none.
 */

#include "leaves.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/limits.h"

#define BUSY_PATIENCE_USEC (500 * UINT64_C(1000))
#define POLL_MIN_USEC (2 * UINT64_C(1000))
#define POLL_MAX_USEC (50 * UINT64_C(1000))
#define KILL_AGAIN_USEC (500 * UINT64_C(1000))

#define HEADROOM_BYTES_MIN (32 * UINT64_C(1024) * 1024)
#define HEADROOM_PERCENT 3
#define HEADROOM_TASKS 16

static const struct {
	enum controller bit;
	const char *enable;
} controllers[] = {
	{ CONTROLLER_MEMORY, "+memory" },
	{ CONTROLLER_PIDS, "+pids" },
	{ CONTROLLER_CPU, "+cpu" },
	{ CONTROLLER_IO, "+io" },
};

static int read_controllers(const struct cgroup *cgroup, const char *file, uint32_t *ret)
{
	char text[512];
	int r = cgroup_read(cgroup, file, text, sizeof(text));

	if (r < 0)
		return r;
	*ret = cgroup_parse_controllers(text);
	return 0;
}

static int enable_one(const struct cgroup *cgroup, const char *text, uint64_t deadline)
{
	int r;

	while ((r = cgroup_write(cgroup, "cgroup.subtree_control", text)) == -EBUSY) {
		if (time_left(deadline) == 0)
			break;
		pause_usec(POLL_MIN_USEC);
	}
	return r;
}

int leaves_enable_controllers(const struct cgroup *cgroup, uint32_t wanted, uint64_t deadline,
			      uint32_t *ret_enabled)
{
	uint64_t patience = now_usec() + BUSY_PATIENCE_USEC;
	uint32_t available, enabled;
	int r = read_controllers(cgroup, "cgroup.controllers", &available);

	if (r < 0)
		return r;
	r = read_controllers(cgroup, "cgroup.subtree_control", &enabled);
	if (r < 0)
		return r;
	if (patience > deadline)
		patience = deadline;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		uint32_t bit = (uint32_t)controllers[i].bit;

		if ((wanted & available & ~enabled & bit) == 0)
			continue;
		if (enable_one(cgroup, controllers[i].enable, patience) == 0)
			enabled |= bit;
	}
	*ret_enabled = enabled & wanted;
	return 0;
}

uint32_t leaves_wanted_controllers(const struct plan *plan)
{
	uint32_t wanted = CONTROLLER_MEMORY | CONTROLLER_PIDS;

	for (int id = 0; id < LIMIT_COUNT; id++)
		if (plan->limits[id].enforcer == ENFORCER_KERNEL)
			wanted |= (uint32_t)limit_row((enum limit_id)id)->controller;
	return wanted;
}

static uint64_t add_saturated(uint64_t value, uint64_t extra)
{
	return value > LIMIT_UNLIMITED - extra ? LIMIT_UNLIMITED : value + extra;
}

bool leaves_scope_value(const struct plan *plan, enum limit_id id, uint64_t *ret_value)
{
	uint64_t value = plan->limits[id].value, extra = value / 100 * HEADROOM_PERCENT;

	if (plan->limits[id].enforcer != ENFORCER_KERNEL)
		return false;
	switch (id) {
	case LIMIT_MEMORY_HIGH:
		return false;
	case LIMIT_MEMORY_MAX:
		extra = extra < HEADROOM_BYTES_MIN ? HEADROOM_BYTES_MIN : extra;
		break;
	case LIMIT_MEMORY_SWAP_MAX:
		break;
	case LIMIT_PIDS_MAX:
		extra = HEADROOM_TASKS;
		break;
	case LIMIT_CPU_MAX:
	case LIMIT_CPU_WEIGHT:
	case LIMIT_IO_WEIGHT:
	case LIMIT_COUNT:
		extra = 0;
		break;
	}
	*ret_value = add_saturated(value, extra);
	return true;
}

int leaves_set_limit(const struct cgroup *cgroup, const struct limit_row *row, uint64_t value,
		     uint64_t page_bytes)
{
	char wanted[LIMIT_TEXT_MAX], text[512];
	uint64_t read_back;
	int r;

	limit_format_cgroup(row, value, wanted);
	r = cgroup_write(cgroup, row->cgroup_file, wanted);
	if (r < 0)
		return r;
	r = cgroup_read(cgroup, row->cgroup_file, text, sizeof(text));
	if (r < 0)
		return r;
	r = limit_parse_cgroup(row, text, &read_back);
	if (r < 0)
		return r;
	return limit_matches(row, value, read_back, page_bytes) ? 0 : -EIO;
}

static bool limit_is_required(const struct plan *plan, enum limit_id id)
{
	return plan->limits[id].asked || id == LIMIT_MEMORY_MAX || id == LIMIT_MEMORY_HIGH ||
	       id == LIMIT_PIDS_MAX;
}

static int set_limits(struct session_cgroup *cgroup, const struct plan *plan, uint64_t page_bytes,
		      struct diag *diag)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		const struct limit_row *row = limit_row(id);
		char human[LIMIT_TEXT_MAX];
		int r;

		if (plan->limits[id].enforcer != ENFORCER_KERNEL)
			continue;
		r = leaves_set_limit(&cgroup->payload, row, plan->limits[id].value, page_bytes);
		if (r == 0) {
			cgroup->enforced |= UINT32_C(1) << id;
		} else if (limit_is_required(plan, id)) {
			limit_format_human(row, plan->limits[id].value, human);
			return diag_set(diag, r, "could not set \"%s\" of \"%s\" to %s: %s",
					row->cgroup_file, cgroup->payload.path, human,
					r == -EIO ? "the kernel kept another value" : strerror(-r));
		}
	}
	/* One fat tool must not take the whole session along. Absent before 4.19, and 0 anyway. */
	best_effort(cgroup_write(&cgroup->payload, "memory.oom.group", "0"));
	return 0;
}

static bool process_is_dead(pid_t pid)
{
	char name[64], text[512];
	_cleanup_close_ int fd = -1;
	const char *end;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ESRCH;
	text[n] = '\0';
	/* "PID (COMM) STATE": the name may have any character. */
	end = strrchr(text, ')');
	return end && end[1] == ' ' && (end[2] == 'Z' || end[2] == 'X');
}

int leaves_check_place(pid_t pid, const char *what, const char *path, struct diag *diag)
{
	_cleanup_free_ char *actual = NULL;
	int r = cgroup_of_process(pid, &actual);

	/* The kernel takes a zombie for cgroup.procs, and leaves it where it is. */
	if (r == -ESRCH || process_is_dead(pid))
		return diag_set(diag, -ESRCH,
				"could not move %s (pid %d) into the cgroup \"%s\": it "
				"is dead",
				what, (int)pid, path);
	if (r < 0)
		return diag_set(diag, r, "could not see the cgroup of %s (pid %d): %s", what,
				(int)pid, strerror(-r));
	if (strcmp(actual, path) != 0)
		return diag_set(diag, -EIO, "%s (pid %d) is in the cgroup \"%s\" instead of \"%s\"",
				what, (int)pid, actual, path);
	return 0;
}

static int move_into(const struct cgroup *leaf, pid_t pid, const char *what, struct diag *diag)
{
	int r = cgroup_attach(leaf, pid);

	if (r < 0 && !process_is_dead(pid))
		return diag_set(diag, r, "could not move %s (pid %d) into the cgroup \"%s\": %s",
				what, (int)pid, leaf->path, strerror(-r));
	return leaves_check_place(pid, what, leaf->path, diag);
}

static int make_leaf(const struct cgroup *scope, const char *name, struct cgroup *ret,
		     struct diag *diag)
{
	int r = cgroup_make(scope, name, ret);

	if (r < 0)
		return diag_set(diag, r, "could not make the cgroup \"%s/%s\": %s", scope->path,
				name, strerror(-r));
	return 0;
}

static int check_controllers(const struct cgroup *scope, const struct plan *plan, uint32_t enabled,
			     struct diag *diag)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;
		const struct limit_row *row = limit_row(id);

		if (plan->limits[id].enforcer == ENFORCER_KERNEL && limit_is_required(plan, id) &&
		    (enabled & (uint32_t)row->controller) == 0)
			return diag_set(diag, -EOPNOTSUPP,
					"the controller for \"%s\" could not be enabled in the "
					"cgroup \"%s\"",
					row->cgroup_file, scope->path);
	}
	return 0;
}

int leaves_make(struct session_cgroup *cgroup, const struct plan *plan, pid_t child, pid_t keeper,
		uint64_t page_bytes, uint64_t deadline, struct diag *diag)
{
	uint32_t enabled;
	int r = make_leaf(&cgroup->scope, "payload", &cgroup->payload, diag);

	if (r < 0)
		return r;
	r = make_leaf(&cgroup->scope, "keeper", &cgroup->keeper, diag);
	if (r < 0)
		return r;
	r = move_into(&cgroup->payload, child, "the command", diag);
	if (r < 0)
		return r;
	if (keeper > 0) {
		r = move_into(&cgroup->keeper, keeper, "the keeper", diag);
		if (r < 0)
			return r;
	}
	r = leaves_enable_controllers(&cgroup->scope, leaves_wanted_controllers(plan), deadline,
				      &enabled);
	if (r < 0)
		return diag_set(diag, r, "could not read the controllers of the cgroup \"%s\": %s",
				cgroup->scope.path, strerror(-r));
	r = check_controllers(&cgroup->scope, plan, enabled, diag);
	if (r < 0)
		return r;
	return set_limits(cgroup, plan, page_bytes, diag);
}

const char *leaves_scope_name(const struct session_cgroup *cgroup)
{
	const char *slash = cgroup->scope.path ? strrchr(cgroup->scope.path, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

bool leaves_scope_is_gone(const struct session_cgroup *cgroup)
{
	const char *name = leaves_scope_name(cgroup);
	struct stat status, now;

	if (!name || cgroup->scope.dirfd < 0)
		return true;
	/* Another directory of the same name is not ours. */
	return fstatat(cgroup->parent.dirfd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	       fstat(cgroup->scope.dirfd, &status) < 0 || status.st_ino != now.st_ino;
}

/* A cgroup that went away is empty. */
static int is_empty(const struct cgroup *cgroup, bool *ret_empty)
{
	bool populated = false;
	int r = cgroup_is_populated(cgroup, &populated);

	if (r < 0 && r != -ENODEV)
		return r;
	*ret_empty = !populated;
	return 0;
}

static int kill_scope(const struct cgroup *cgroup)
{
	int r = cgroup_kill(cgroup);

	return r == -ENODEV ? 0 : r;
}

int leaves_empty(const struct session_cgroup *cgroup, uint64_t deadline)
{
	uint64_t pause = POLL_MIN_USEC, kill_at = 0;
	bool empty;
	int r;

	while ((r = is_empty(&cgroup->scope, &empty)) == 0 && !empty) {
		uint64_t now = now_usec();

		/* Before 6.14 a fork can slip through: once more now and then. */
		if (now >= kill_at) {
			r = kill_scope(&cgroup->scope);
			if (r < 0)
				return r;
			kill_at = now + KILL_AGAIN_USEC;
		}
		if (now >= deadline)
			return -EBUSY;
		pause_usec(pause);
		if (pause < POLL_MAX_USEC)
			pause *= 2;
	}
	return r;
}

int leaves_remove(const struct session_cgroup *cgroup)
{
	struct dirent *entry;
	DIR *directory;
	int result = 0, fd;

	if (cgroup->scope.dirfd < 0)
		return 0;
	fd = openat(cgroup->scope.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	directory = fdopendir(fd);
	if (!directory) {
		cleanup_close(&fd);
		return -ENOMEM;
	}
	while ((entry = readdir(directory))) {
		int r;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		r = cgroup_remove(&cgroup->scope, entry->d_name);
		if (r < 0 && result == 0)
			result = r;
	}
	(void)closedir(directory);
	return result;
}
