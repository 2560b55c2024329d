/* SPDX-License-Identifier: MIT */

/* Gathers the facts of the machine: see host.h. */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "host-notify.h"
#include "host-v1.h"
#include "oc-run/cgroup.h"
#include "oc-run/host.h"
#include "oc-run/limits.h"
#include "oc-run/parse.h"

/* mountinfo can be long in containers. */
#define FILE_TEXT_MAX (256 * KIBIBYTE)

static char *read_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = malloc(FILE_TEXT_MAX);
	_cleanup_close_ int fd = -1;
	size_t length = 0;
	ssize_t n;

	if (!text || asprintf(&path, "%s/%s", folder, name) < 0)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while (length < FILE_TEXT_MAX - 1 &&
	       (n = read(fd, text + length, FILE_TEXT_MAX - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	return take_pointer(text);
}

/* "MemTotal:  20 kB". */
static bool read_meminfo(const char *text, const char *key, uint64_t *ret_bytes)
{
	const char *line = strstr(text, key);
	unsigned long long kibibytes;
	char *end;

	if (!line)
		return false;
	kibibytes = strtoull(line + strlen(key), &end, 10);
	if (strncmp(end, " kB", 3) != 0)
		return false;
	*ret_bytes = kibibytes * KIBIBYTE;
	return true;
}

/* From /proc/meminfo, which containers may have an honest one of (lxcfs); else from the kernel. */
static int gather_memory(const struct host_roots *roots, struct host *host, struct diag *diag)
{
	_cleanup_free_ char *text = read_file(roots->proc, "meminfo");
	struct sysinfo info;

	if (text && read_meminfo(text, "MemTotal:", &host->ram_bytes) && host->ram_bytes > 0) {
		(void)read_meminfo(text, "SwapTotal:", &host->swap_bytes);
		return 0;
	}
	if (sysinfo(&info) < 0)
		return diag_set(diag, -errno, "cannot read the size of RAM: %s", strerror(errno));
	host->ram_bytes = (uint64_t)info.totalram * info.mem_unit;
	host->swap_bytes = (uint64_t)info.totalswap * info.mem_unit;
	return 0;
}

static unsigned count_cpus(void)
{
	cpu_set_t cpus;
	long online;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		return (unsigned)CPU_COUNT(&cpus);
	/* More than a cpu_set_t holds. */
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

static bool is_folder(const char *root, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat folder;

	return asprintf(&path, "%s/%s", root, name) >= 0 && stat(path, &folder) == 0 &&
	       S_ISDIR(folder.st_mode);
}

static int gather_machine(const struct host_roots *roots, struct host *host, struct diag *diag)
{
	long page = sysconf(_SC_PAGESIZE);

	host->page_bytes = page > 0 ? (uint64_t)page : 4096;
	host->cpus = count_cpus();
	host->uid = geteuid();
	/* As sd_booted(3) does. */
	host->systemd_booted = is_folder(roots->run, "systemd/system");
	return gather_memory(roots, host, diag);
}

/* A runtime folder is only taken when it is ours: after `su` the variable may name another's. */
static bool is_our_folder(const char *path, uid_t uid)
{
	struct stat folder;

	return stat(path, &folder) == 0 && S_ISDIR(folder.st_mode) && folder.st_uid == uid;
}

static int gather_runtime_dir(const struct host_roots *roots, struct host *host)
{
	const char *variable = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/user/%u", roots->run, (unsigned)host->uid) < 0) {
		path = NULL;
		return -ENOMEM;
	}
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

/* Our path as it stands below the mount point: in a container without a cgroup namespace the mount
 * shows only the part below @root. */
static const char *path_below(const char *path, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0'))
		return path + length;
	return path;
}

/* The limits of a cgroup hold for all below it: the tightest of our own and its ancestors'. */
static int gather_outer_limits(struct host *host, const char *root)
{
	_cleanup_free_ char *path = strdup(path_below(host->own_cgroup, root));

	if (!path)
		return -ENOMEM;
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
		if (!slash || strcmp(path, "/") == 0)
			return 0;
		*slash = '\0';
	}
}

static int gather_session(struct host *host)
{
	char id[17];
	size_t length;

	if (!cgroup_path_session(host->own_cgroup, id, &length))
		return 0;
	host->outer_session = strdup(id);
	host->outer_scope = strndup(host->own_cgroup, length);
	return host->outer_session && host->outer_scope ? 0 : -ENOMEM;
}

static int gather_cgroup(const struct host_roots *roots, struct host *host)
{
	_cleanup_free_ char *mountinfo = read_file(roots->proc, "self/mountinfo");
	_cleanup_free_ char *own = read_file(roots->proc, "self/cgroup");
	_cleanup_free_ char *root = NULL;
	int r;

	if (own)
		host_v1_tighten(roots->memory_v1, own, &host->outer_memory_max);
	if (!mountinfo || cgroup_parse_mountinfo(mountinfo, &host->cgroup_mount, &root) < 0 ||
	    !own || cgroup_parse_proc_cgroup(own, &host->own_cgroup) < 0)
		return 0;
	r = gather_session(host);
	return r < 0 ? r : gather_outer_limits(host, root);
}

int host_gather_from(const struct host_roots *roots, struct host *ret_host, struct diag *diag)
{
	struct host host = {
		.outer_memory_max = LIMIT_UNLIMITED,
		.outer_swap_max = LIMIT_UNLIMITED,
		.outer_pids_max = LIMIT_UNLIMITED,
	};
	int r = gather_machine(roots, &host, diag);

	if (r < 0)
		return r;
	r = gather_runtime_dir(roots, &host);
	if (r >= 0)
		r = host_gather_notify(&host);
	if (r >= 0)
		r = gather_cgroup(roots, &host);
	if (r < 0) {
		host_finish(&host);
		return diag_set(diag, r, "cannot gather the facts of this machine: %s",
				strerror(-r));
	}
	*ret_host = host;
	return 0;
}

int host_gather(struct host *ret_host, struct diag *diag)
{
	static const struct host_roots roots = {
		.proc = "/proc",
		.run = "/run",
		.memory_v1 = "/sys/fs/cgroup/memory",
	};

	return host_gather_from(&roots, ret_host, diag);
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
	free(host->session_bus);
	free(host->tmux_socket);
	free(host->tmux_pane);
	*host = (struct host){ 0 };
}
