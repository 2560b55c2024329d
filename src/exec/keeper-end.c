/* SPDX-License-Identifier: MIT */

/*
 * The end of a session whose oc-run is dead. It should be over within a second:
 *
 *	0 s	the shell takes the terminal; who is told to end may still write to it, and over what
 *		the shell has set
 *	0.1 s	memory.high off (a throttled handler takes seconds), thaw, SIGTERM to all
 *	0.4 s	cgroup.kill on payload/ and whatever else was made in the scope, until it is empty
 *	then	what had left the cgroup, by its tag; the terminal; temporary files; directories; the
 *		registry entry
 *
 * Only the keeper itself is spared, and other sessions: nothing is chosen by a name or a path that
 * is not this session's own. The kill needs no memory and no fd that could not be had: the payload's
 * directory is open since the hand-over, and a keeper has nearly all fds of its limit free.
 *
 * The registry entry stays when something could not be removed; the next sweep tries again.
 */

#include "keeper-state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "oc-run/process-scan.h"
#include "oc-run/remove-tree.h"

#define TERM_MSEC 300	    /* for handlers: git removes its lock files in it */
#define KILL_MSEC 500	    /* before the terminal is put right all the same */
#define STUBBORN_MSEC 30000 /* processes that hang in the kernel; then the sweep has to do it */
#define TAGGED_TERM_MSEC 200
#define NESTED_KEEPER_MSEC 1500 /* a keeper inside this session ends its own one */
#define REMOVE_MSEC 2000
#define STEP_MSEC 10
#define REPEAT_KILL_MSEC 200

#define KEEPER_DIRECTORY "keeper"
#define SLICE_DIRECTORY "oc.slice"

static uint64_t now_msec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(unsigned msec)
{
	struct timespec left = { .tv_nsec = (long)msec * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* ---- finding the cgroups, where they were not handed over ---- */

static bool is_session_name(const struct keeper_state *state, const char *name)
{
	char id[sizeof(state->session_id)];
	size_t length;

	return cgroup_path_session(name, id, &length) && name[length] == '\0' &&
	       strcmp(id, state->session_id) == 0;
}

static void open_scope(struct keeper_state *state, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !is_session_name(state, slash + 1))
		return;
	if (cgroup_open(state->cgroup_mount, path, &state->scope) < 0)
		return;
	(void)snprintf(state->scope_name, sizeof(state->scope_name), "%.*s",
		       (int)sizeof(state->scope_name) - 1, slash + 1);
}

static void find_scope_of_our_own(struct keeper_state *state)
{
	_cleanup_free_ char *path = NULL;
	char id[sizeof(state->session_id)];
	size_t length;

	if (cgroup_of_process(getpid(), &path) < 0 || !cgroup_path_session(path, id, &length) ||
	    strcmp(id, state->session_id) != 0)
		return;
	path[length] = '\0';
	open_scope(state, path);
}

static void find_scope_below_parent(struct keeper_state *state)
{
	static const char *const suffixes[] = { ".scope", "" };
	char path[PATH_MAX];

	if (state->cgroup_parent[0] == '\0')
		return;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && state->scope.dirfd < 0; i++) {
		bool is_root = strcmp(state->cgroup_parent, "/") == 0;
		int length = snprintf(path, sizeof(path), "%s/oc-%s%s",
				      is_root ? "" : state->cgroup_parent, state->session_id,
				      suffixes[i]);

		if (length > 0 && (size_t)length < sizeof(path))
			open_scope(state, path);
	}
}

static void find_cgroups(struct keeper_state *state)
{
	if (state->scope.dirfd < 0 && state->cgroup_mount[0] != '\0') {
		find_scope_of_our_own(state);
		if (state->scope.dirfd < 0)
			find_scope_below_parent(state);
	}
	if (state->scope.dirfd >= 0 && state->payload.dirfd < 0)
		(void)!cgroup_open_child(&state->scope, "payload", &state->payload);
}

/* ---- the scope ---- */

typedef void (*child_callback)(struct keeper_state *state, const char *name);

/* Every directory of the scope but the keeper's own. */
static void for_each_child(struct keeper_state *state, child_callback callback)
{
	_cleanup_close_ int fd =
		openat(state->scope.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union {
		struct dirent64 alignment;
		char bytes[2048];
	} buffer;
	ssize_t length;

	if (fd < 0)
		return;
	while ((length = getdents64(fd, buffer.bytes, sizeof(buffer.bytes))) > 0) {
		for (ssize_t offset = 0; offset < length;) {
			const struct dirent64 *entry = (const void *)(buffer.bytes + offset);
			const char *name = entry->d_name;

			offset += entry->d_reclen;
			if (entry->d_type == DT_DIR && strcmp(name, ".") != 0 &&
			    strcmp(name, "..") != 0 && strcmp(name, KEEPER_DIRECTORY) != 0)
				callback(state, name);
		}
	}
}

static void kill_child(struct keeper_state *state, const char *name)
{
	struct cgroup child = CGROUP_INIT;

	child.dirfd = openat(state->scope.dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (child.dirfd < 0)
		return;
	(void)!cgroup_kill(&child);
	cleanup_close(&child.dirfd);
}

static int signal_other(pid_t pid, void *userdata)
{
	const int *signal_number = userdata;

	if (pid == getpid())
		return 0;
	(void)!process_signal(pid, *signal_number);
	if (*signal_number == SIGTERM)
		(void)!process_signal(pid, SIGCONT);
	return 0;
}

static int count_other(pid_t pid, void *userdata)
{
	unsigned *count = userdata;

	if (pid != getpid())
		(*count)++;
	return 0;
}

/* In the scope itself, in directories below it, or sneaked into the keeper's. */
static void signal_all(struct keeper_state *state, int signal_number)
{
	if (state->scope.dirfd >= 0)
		(void)!cgroup_for_each_pid(&state->scope, signal_other, &signal_number);
	if (state->child_fd >= 0)
		(void)pidfd_send_signal(state->child_fd, signal_number, NULL, 0);
}

static void kill_all(struct keeper_state *state)
{
	if (state->payload.dirfd >= 0)
		(void)!cgroup_kill_with(&state->payload, state->kill_fd);
	if (state->scope.dirfd >= 0)
		for_each_child(state, kill_child);
	signal_all(state, SIGKILL);
}

static bool is_empty(const struct keeper_state *state)
{
	bool populated = false;
	unsigned others = 0;

	if (state->scope.dirfd < 0)
		return true;
	/* A threaded cgroup has no list of processes, but it is populated. */
	if (state->payload.dirfd >= 0 && cgroup_is_populated(&state->payload, &populated) == 0 &&
	    populated)
		return false;
	(void)!cgroup_for_each_pid(&state->scope, count_other, &others);
	return others == 0;
}

static bool wait_until_empty(const struct keeper_state *state, unsigned msec)
{
	uint64_t deadline = now_msec() + msec;

	while (!is_empty(state)) {
		if (now_msec() >= deadline)
			return false;
		rest(STEP_MSEC);
	}
	return true;
}

/* One write of cgroup.kill is enough on current kernels; before 6.14 a fork could slip through. */
static bool kill_until_empty(struct keeper_state *state, unsigned msec)
{
	uint64_t deadline = now_msec() + msec;

	while (!is_empty(state)) {
		kill_all(state);
		if (wait_until_empty(state, REPEAT_KILL_MSEC))
			break;
		if (now_msec() >= deadline)
			return false;
	}
	return true;
}

static void ask_to_end(struct keeper_state *state)
{
	if (state->payload.dirfd >= 0) {
		(void)!cgroup_write(&state->payload, "memory.high", "max");
		(void)!cgroup_write(&state->payload, "cgroup.freeze", "0");
	}
	signal_all(state, SIGTERM);
}

/* ---- who is outside, or where there is no cgroup: by tag ---- */

static int signal_tagged(const struct keeper_state *state, int signal_number, bool spare_keepers)
{
	const struct process_tagged request = {
		.session_id = state->session_id,
		.spare_keepers = spare_keepers,
	};

	return process_signal_tagged(&request, signal_number);
}

static bool wait_until_untagged(const struct keeper_state *state, int signal_number,
				bool spare_keepers, unsigned msec)
{
	uint64_t deadline = now_msec() + msec;

	while (signal_tagged(state, signal_number, spare_keepers) > 0) {
		if (now_msec() >= deadline)
			return false;
		rest(STEP_MSEC);
	}
	return true;
}

static void end_tagged(const struct keeper_state *state)
{
	unsigned grace = state->scope.dirfd < 0 ? TERM_MSEC : TAGGED_TERM_MSEC;

	if (signal_tagged(state, SIGTERM, true) > 0 && !wait_until_untagged(state, 0, true, grace))
		(void)wait_until_untagged(state, SIGKILL, true, KILL_MSEC);
	if (!wait_until_untagged(state, 0, false, NESTED_KEEPER_MSEC))
		(void)wait_until_untagged(state, SIGKILL, false, KILL_MSEC);
}

/* ---- removal ---- */

static bool is_systemds(const struct keeper_state *state)
{
	size_t length = strlen(state->scope_name);

	return length > 6 && strcmp(state->scope_name + length - 6, ".scope") == 0;
}

static void remove_child(struct keeper_state *state, const char *name)
{
	(void)!cgroup_remove(&state->scope, name);
}

/* A process that has just died may hold its cgroup for a moment: EBUSY. */
static bool remove_patiently(const struct cgroup *parent, const char *name)
{
	uint64_t deadline = now_msec() + REMOVE_MSEC;

	for (;;) {
		int error = cgroup_remove(parent, name);

		if (error == 0)
			return true;
		if (error != -EBUSY || now_msec() >= deadline)
			return false;
		rest(STEP_MSEC);
	}
}

static bool leave_scope(const struct keeper_state *state)
{
	if (state->born_fd >= 0 && write(state->born_fd, "0", 1) == 1)
		return true;
	return state->parent.dirfd >= 0 && cgroup_write(&state->parent, "cgroup.procs", "0") == 0;
}

static void remove_empty_slice(const struct keeper_state *state)
{
	const char *slash = strrchr(state->cgroup_parent, '/');
	_cleanup_close_ int above = -1;

	if (!slash || strcmp(slash + 1, SLICE_DIRECTORY) != 0)
		return;
	above = openat(state->parent.dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Fails, as it should, while another session is in it. */
	if (above >= 0)
		(void)unlinkat(above, SLICE_DIRECTORY, AT_REMOVEDIR);
}

/* false: something is left. */
static bool remove_cgroups(struct keeper_state *state)
{
	if (state->scope.dirfd < 0)
		return true;
	if (is_systemds(state)) {
		/* The scope is empty once we exit; systemd then removes it and what is in it. */
		for_each_child(state, remove_child);
		return true;
	}
	if (state->parent.dirfd < 0)
		state->parent.dirfd =
			openat(state->scope.dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->parent.dirfd < 0 || !is_session_name(state, state->scope_name))
		return false;
	/* Before the hand-over we may never have been moved in: then leaving is not needed. */
	(void)!leave_scope(state);
	if (!remove_patiently(&state->parent, state->scope_name))
		return false;
	remove_empty_slice(state);
	return true;
}

void keeper_end_session(struct keeper_state *state)
{
	struct terminal_look at_death;
	struct remove_tally tally;
	bool clean;

	terminal_look_at_death(&state->terminal, &at_death);
	find_cgroups(state);
	ask_to_end(state);
	(void)wait_until_empty(state, TERM_MSEC);
	(void)kill_until_empty(state, KILL_MSEC);
	end_tagged(state);
	/* Where there is no cgroup: the command itself, whatever its environment says. */
	signal_all(state, SIGKILL);
	(void)!terminal_restore_after_death(&state->terminal, &at_death);
	clean = kill_until_empty(state, STUBBORN_MSEC);
	if (state->tmp_fd >= 0)
		(void)remove_folder(state->tmp_parent_fd, state->session_id, state->tmp_fd, &tally);
	if (state->tidy)
		state->tidy(state->userdata);
	if (remove_cgroups(state) && clean && state->registry_path[0] != '\0')
		(void)unlink(state->registry_path);
}
