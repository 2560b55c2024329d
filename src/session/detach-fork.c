/* SPDX-License-Identifier: MIT */

/*
 * A supervisor without a service manager: a child that leads a session of its own, has left the
 * cgroup of the oc-run session around it (if any), and execs oc-run with nothing of our environment.
 *
 * Descent it can't leave: it becomes a child of the outer session's oc-run, which is its subreaper.
 * That one knows it by its environment (DETACH_TAG) and lets it be.
 *
 * Where to? To where the outermost session's own oc-run is: that is outside of all sessions and inside
 * of whatever limits the person, or a container, has put around them.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oc-run/cgroup.h"
#include "oc-run/close-fds.h"
#include "oc-run/detach.h"
#include "oc-run/process-scan.h"
#include "oc-run/registry-list.h"

/* The id of the outermost session that the path lies in. */
static bool outermost_session(const char *path, char ret_id[17])
{
	_cleanup_free_ char *part = strdup(path);
	size_t length;
	bool found = false;

	while (part && cgroup_path_session(part, ret_id, &length)) {
		char *slash;

		found = true;
		part[length] = '\0';
		slash = strrchr(part, '/');
		*slash = '\0';
	}
	return found;
}

/* Its oc-run's cgroup; NULL: it is gone, or in a session as well. Caller frees. */
static char *cgroup_of_supervisor(const struct host *host, const char *id)
{
	struct registry_session *sessions;
	char *path = NULL, inner[17];
	struct process_facts facts;
	size_t count, length;

	if (registry_list(host, &sessions, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count && !path; i++) {
		const struct registry_process *supervisor = &sessions[i].supervisor;

		if (strcmp(sessions[i].id, id) != 0 || !sessions[i].is_held ||
		    process_read_facts(supervisor->pid, &facts) < 0 ||
		    facts.start_ticks != supervisor->start_ticks ||
		    cgroup_of_process(supervisor->pid, &path) < 0)
			path = NULL;
	}
	registry_sessions_free(sessions, count);
	if (path && cgroup_path_session(path, inner, &length))
		cleanup_free(&path);
	return path;
}

static int open_outside(const struct host *host, struct cgroup *ret, struct diag *diag)
{
	_cleanup_free_ char *path = NULL;
	char id[17];
	int r;

	if (!host->outer_session || !outermost_session(host->own_cgroup, id))
		return 0;
	path = cgroup_of_supervisor(host, id);
	if (!path)
		return diag_set(diag, -ESRCH,
				"a detached session can't leave the session %s, whose oc-run is "
				"gone; start it outside",
				id);
	r = cgroup_open(host->cgroup_mount, path, ret);
	if (r < 0)
		return diag_set(diag, r,
				"a detached session can't leave the session %s: \"%s\": %s; start "
				"it outside",
				id, path, strerror(-r));
	return 0;
}

__attribute__((noreturn)) static void child_run(const struct detach_launch *launch,
						const struct cgroup *outside, int answer)
{
	static char tag[] = DETACH_TAG, name[] = "oc-run", option[] = "--detach", end[] = "--";
	char *const argv[] = { name, option, end, (char *)launch->label, NULL };
	char *const environment[] = { tag, NULL };
	int fds[] = { launch->channel, answer }, error = 0, fd;

	if (setsid() < 0)
		error = errno;
	if (error == 0 && outside->dirfd >= 0)
		error = -cgroup_attach(outside, getpid());
	/* A tool's, that the session around us gave it. Refused where it was lower from the start. */
	fd = getenv(launch->forget) ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		(void)!write(fd, "0", 1);
	if (error == 0) {
		close_all_but(fds, ARRAY_SIZE(fds));
		(void)dup2(launch->channel, STDIN_FILENO);
		execve(launch->executable, argv, environment);
		error = errno;
	}
	(void)!write(answer, &error, sizeof(error));
	_exit(EXIT_FAILURE);
}

int detach_by_fork(const struct detach_launch *launch, struct diag *diag)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	struct cgroup outside = CGROUP_INIT;
	int pair[2], error = 0, r;
	ssize_t length;
	pid_t pid;

	r = open_outside(launch->host, &outside, diag);
	if (r < 0)
		return r;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return diag_set(diag, -errno, "cannot make a pipe: %s", strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid == 0)
		child_run(launch, &outside, theirs);
	cleanup_close(&theirs);
	cgroup_finish(&outside);
	if (pid < 0)
		return diag_set(diag, -errno, "cannot start a process: %s", strerror(errno));
	do
		length = read(ours, &error, sizeof(error));
	while (length < 0 && errno == EINTR);
	/* Its end without a word: exec has closed it. */
	if (length != (ssize_t)sizeof(error))
		return 0;
	return diag_set(diag, -error,
			"a detached session can't leave this one (%s); start it outside",
			strerror(error));
}
