/* SPDX-License-Identifier: MIT */

/* Gathers the facts of the machine: see host.h. What can't be read counts as not there, except
 * RAM, without which no default can be worked out. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "oc-run/cgroup.h"
#include "oc-run/host.h"
#include "oc-run/limits.h"

/* mountinfo can be long in containers. */
#define FILE_TEXT_MAX (256 * 1024)

static char *read_file(const char *path)
{
	_cleanup_free_ char *text = malloc(FILE_TEXT_MAX);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n;

	if (!text || fd < 0)
		return NULL;
	while (length < FILE_TEXT_MAX - 1 &&
	       (n = read(fd, text + length, FILE_TEXT_MAX - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	return take_pointer(text);
}

static int gather_machine(struct host *host, struct diag *diag)
{
	struct sysinfo info;
	struct stat booted;
	cpu_set_t cpus;
	long page = sysconf(_SC_PAGESIZE);

	if (sysinfo(&info) < 0)
		return diag_set(diag, -errno, "cannot read the size of RAM: %s", strerror(errno));
	host->ram_bytes = (uint64_t)info.totalram * info.mem_unit;
	host->swap_bytes = (uint64_t)info.totalswap * info.mem_unit;
	host->page_bytes = page > 0 ? (uint64_t)page : 4096;
	host->cpus = 1;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		host->cpus = (unsigned)CPU_COUNT(&cpus);
	host->uid = geteuid();
	/* As sd_booted(3) does. */
	host->systemd_booted = stat("/run/systemd/system", &booted) == 0 &&
		S_ISDIR(booted.st_mode);
	return 0;
}

/* A runtime folder is only taken when it is ours: after `su` the variable may name another's. */
static bool is_our_folder(const char *path, uid_t uid)
{
	struct stat folder;

	return stat(path, &folder) == 0 && S_ISDIR(folder.st_mode) && folder.st_uid == uid;
}

static int gather_runtime_dir(struct host *host)
{
	const char *variable = getenv("XDG_RUNTIME_DIR");
	char path[64];

	(void)snprintf(path, sizeof(path), "/run/user/%u", (unsigned)host->uid);
	if (variable && variable[0] == '/' && is_our_folder(variable, host->uid))
		host->runtime_dir = strdup(variable);
	else if (is_our_folder(path, host->uid))
		host->runtime_dir = strdup(path);
	else
		return 0;
	return host->runtime_dir ? 0 : -ENOMEM;
}

static void tighten(const struct cgroup *cgroup, const char *file, uint64_t *limit)
{
	char text[64];
	uint64_t value;

	if (cgroup_read(cgroup, file, text, sizeof(text)) >= 0 &&
	    cgroup_parse_number(text, &value) >= 0 && value < *limit)
		*limit = value;
}

/* The limits of a cgroup hold for all below it: the tightest of our own and its ancestors'. */
static int gather_outer_limits(struct host *host)
{
	_cleanup_free_ char *path = host->own_cgroup ? strdup(host->own_cgroup) : NULL;

	if (!path)
		return host->own_cgroup ? -ENOMEM : 0;
	for (;;) {
		struct cgroup cgroup = CGROUP_INIT;
		char *slash;

		if (cgroup_open(host->cgroup_mount, path[0] ? path : "/", &cgroup) >= 0) {
			tighten(&cgroup, "memory.max", &host->outer_memory_max);
			tighten(&cgroup, "memory.swap.max", &host->outer_swap_max);
			tighten(&cgroup, "pids.max", &host->outer_pids_max);
		}
		cgroup_finish(&cgroup);
		slash = strrchr(path, '/');
		if (!slash || path[0] == '\0' || strcmp(path, "/") == 0)
			return 0;
		*slash = '\0';
	}
}

static int gather_cgroup(struct host *host)
{
	_cleanup_free_ char *mountinfo = read_file("/proc/self/mountinfo");
	_cleanup_free_ char *own = read_file("/proc/self/cgroup");
	_cleanup_free_ char *root = NULL;
	char id[17];
	size_t length;

	if (!mountinfo || cgroup_parse_mountinfo(mountinfo, &host->cgroup_mount, &root) < 0 ||
	    !own || cgroup_parse_proc_cgroup(own, &host->own_cgroup) < 0)
		return 0;
	if (cgroup_path_session(host->own_cgroup, id, &length)) {
		host->outer_session = strdup(id);
		host->outer_scope = strndup(host->own_cgroup, length);
		if (!host->outer_session || !host->outer_scope)
			return -ENOMEM;
	}
	return gather_outer_limits(host);
}

int host_gather(struct host *ret_host, struct diag *diag)
{
	struct host host = {
		.outer_memory_max = LIMIT_UNLIMITED,
		.outer_swap_max = LIMIT_UNLIMITED,
		.outer_pids_max = LIMIT_UNLIMITED,
	};
	int r = gather_machine(&host, diag);

	if (r < 0)
		return r;
	r = gather_runtime_dir(&host);
	if (r >= 0)
		r = gather_cgroup(&host);
	if (r < 0) {
		host_finish(&host);
		return diag_set(diag, r, "cannot gather the facts of this machine: %s",
				strerror(-r));
	}
	*ret_host = host;
	return 0;
}

void host_finish(struct host *host)
{
	if (!host)
		return;
	free(host->runtime_dir);
	free(host->cgroup_mount);
	free(host->own_cgroup);
	free(host->outer_session);
	free(host->outer_scope);
	*host = (struct host){ 0 };
}
