/* SPDX-License-Identifier: MIT */

/*
 * Can this systemd give us a scope, and what would the kernel enforce in it? The manager is reached
 * and asked a question; which controllers there are is read in its own cgroup, since it hands down
 * whatever reaches it. Versions are not compared.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "oc-run/limits.h"
#include "systemd-impl.h"

#define PROBE_USEC (2 * UINT64_C(1000000))

static int refuse_controllers(const struct systemd_backend *backend, uint32_t controllers,
			      const char *path, struct refusal *refusal)
{
	const char *what = controllers & CONTROLLER_MEMORY ? "pids controller"
			   : controllers & CONTROLLER_PIDS ? "memory controller"
							   : "memory and pids controllers";

	if (strcmp(backend->base.mount, "/sys/fs/cgroup") != 0)
		return refuse(refusal,
			      "boot with the kernel parameter "
			      "`systemd.unified_cgroup_hierarchy=1`",
			      "the kernel's %s belong to cgroup version 1 on this machine", what);
	if (backend->which == SYSTEMD_USER)
		return refuse(refusal,
			      "run `sudo systemctl edit user@.service`, write "
			      "`[Service]` and `Delegate=cpu memory pids`, and log in again",
			      "systemd does not hand the kernel's %s down to \"%s\"", what, path);
	return refuse(refusal,
		      "boot without `cgroup_disable=` (on a Raspberry Pi: with "
		      "`cgroup_enable=memory`)",
		      "the kernel runs without its %s", what);
}

/* What reaches the manager's cgroup: it enables for its children whatever they need of it. */
static int probe_controllers(struct systemd_backend *backend, const char *path,
			     struct refusal *refusal)
{
	const uint32_t needed = CONTROLLER_MEMORY | CONTROLLER_PIDS;
	struct cgroup cgroup = CGROUP_INIT;
	struct statvfs file_system;
	char text[512];
	int r = cgroup_open(backend->base.mount, path, &cgroup);

	if (r >= 0)
		r = cgroup_read(&cgroup, "cgroup.controllers", text, sizeof(text));
	if (r >= 0 && fstatvfs(cgroup.dirfd, &file_system) < 0)
		r = -errno;
	cgroup_finish(&cgroup);
	if (r < 0)
		return refuse(refusal, "mount the whole cgroup v2 file system there",
			      "the cgroup \"%s\" of systemd cannot be seen below \"%s\" (%s)", path,
			      backend->base.mount, strerror(-r));
	if (file_system.f_flag & ST_RDONLY)
		return refuse(refusal, "mount it writable", "\"%s\" is mounted read-only here",
			      backend->base.mount);
	backend->base.facts.controllers = cgroup_parse_controllers(text);
	backend->base.facts.contains = true;
	if ((backend->base.facts.controllers & needed) != needed) {
		struct refusal partial;

		(void)refuse_controllers(backend, backend->base.facts.controllers, path, &partial);
		backend_set_partial(&backend->base, &partial);
	}
	return 0;
}

static int probe_manager(struct systemd_backend *backend, struct refusal *refusal)
{
	_cleanup_free_ char *path = NULL;
	int r = manager_get_string(&backend->manager, SYSTEMD_PATH, SYSTEMD_MANAGER, "ControlGroup",
				   now_usec() + PROBE_USEC, &path);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return refuse(refusal, "look at `systemctl status` and `journalctl -b`",
			      "systemd does not answer questions about itself (%s)", strerror(-r));
	/* The system's manager says "" for the root. */
	if (path[0] == '\0') {
		free(path);
		path = strdup("/");
		if (!path)
			return -ENOMEM;
	}
	r = probe_controllers(backend, path, refusal);
	if (r == 0)
		backend_set_parent(&backend->base, take_pointer(path));
	return r;
}

static int probe_host(enum systemd_which which, const struct host *host, struct refusal *refusal)
{
	if (!host->cgroup_mount)
		return refuse(refusal,
			      "boot with the kernel parameter "
			      "`systemd.unified_cgroup_hierarchy=1`",
			      "no cgroup v2 file system is mounted");
	if (!host->systemd_booted)
		return refuse(refusal, "use a machine or container that systemd runs in",
			      "systemd does not run here");
	if (which == SYSTEMD_SYSTEM && host->uid != 0)
		return refuse(refusal, "run as root", "only root may use the system manager");
	return 0;
}

int systemd_probe(enum systemd_which which, const struct host *host, struct backend **ret,
		  struct refusal *refusal)
{
	struct systemd_backend *backend;
	struct backend *base;
	int r = probe_host(which, host, refusal);

	if (r < 0)
		return r;
	r = backend_new(&systemd_ops, BACKEND_SYSTEMD, sizeof(*backend), host, &base);
	if (r < 0)
		return r;
	backend = (struct systemd_backend *)base;
	backend->which = which;
	base->facts.manager = which == SYSTEMD_USER ? "user systemd" : "system systemd";
	r = manager_bus_open(which, host, now_usec() + PROBE_USEC, &backend->manager, refusal);
	if (r >= 0)
		r = probe_manager(backend, refusal);
	if (r < 0) {
		(void)backend_free(base);
		return r;
	}
	*ret = base;
	return 0;
}
