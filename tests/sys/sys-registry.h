/* SPDX-License-Identifier: MIT */
#pragma once

/* A registry in a folder of its own, and sessions that die at once. */

#include "sys.h"

#include <dirent.h>
#include <errno.h>

#include "oc-run/process-scan.h"
#include "oc-run/registry.h"

#define REGISTRY_ID "00c0ffee00c0ffee"

struct registry_world {
	char base[64];
	struct host host;
	struct plan plan;
	struct registry_disk disk;
	int removed;
	char removed_id[17];
};

static inline void world_set_up(struct registry_world *world)
{
	memset(world, 0, sizeof(*world));
	(void)snprintf(world->base, sizeof(world->base), "/tmp/oc-run-test-registry-XXXXXX");
	expect(mkdtemp(world->base) != NULL);
	world->host.runtime_dir = world->base;
	/* Root's registry is in /run; this one is not root's. */
	world->host.uid = 12345;
	(void)snprintf(world->plan.id, sizeof(world->plan.id), "%s", REGISTRY_ID);
	world->plan.name = (char *)"test";
	world->plan.unit = (char *)"oc-" REGISTRY_ID ".scope";
	world->plan.backend = BACKEND_CGROUPFS;
	/* The other place is looked at too: it must be an empty one. */
	expect_int(setenv("XDG_CACHE_HOME", "/nonexistent", 1), 0);
	(void)unsetenv(PROCESS_TAG);
}

static inline const char *world_path(const struct registry_world *world, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s%s", world->base, name);
	return path;
}

static inline void world_tear_down(struct registry_world *world)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", world->base);
	expect_int(system(command), 0);
}

static inline bool world_has_entry(const struct registry_world *world)
{
	return access(world_path(world, "/oc-run/sessions/" REGISTRY_ID), F_OK) == 0;
}

static inline void world_count(const char *id, void *userdata)
{
	struct registry_world *world = userdata;

	world->removed++;
	(void)snprintf(world->removed_id, sizeof(world->removed_id), "%.16s", id);
}

static inline void world_sweep(struct registry_world *world, int expected)
{
	world->removed = 0;
	expect_int(registry_sweep(&world->host, world_count, world), expected);
	expect_int(world->removed, expected);
	if (expected > 0)
		expect_text(world->removed_id, REGISTRY_ID);
}

/* A session that dies without leaving; with @cgroup_path recorded if not NULL. */
static inline void world_die(struct registry_world *world, const char *parent,
			     const char *cgroup_path)
{
	pid_t pid = fork();
	int status;

	expect(pid >= 0);
	if (pid == 0) {
		struct registry_entry entry = REGISTRY_ENTRY_INIT;
		struct diag diag = DIAG_INIT;

		if (registry_enter(&world->host, &world->plan, parent, &world->disk, &entry,
				   &diag) < 0 ||
		    entry.fd < 0)
			_exit(1);
		if (cgroup_path && registry_update(&entry, &world->plan, cgroup_path, getpid()) < 0)
			_exit(2);
		_exit(0);
	}
	expect_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect(world_has_entry(world));
}

/* Something with the session's tag. */
static inline void world_member(void *tag)
{
	char *const argv[] = { (char *)"sleep", (char *)"60", NULL };
	char *const environment[] = { tag ? tag : (char *)PROCESS_TAG "=" REGISTRY_ID, NULL };

	sys_ready();
	(void)execve("/bin/sleep", argv, environment);
}

/* The tag stands only after the exec. */
static inline pid_t world_start_member(void)
{
	const struct process_tagged request = { .session_id = REGISTRY_ID };
	pid_t pid = sys_start(world_member, NULL);

	for (int i = 0; i < SYS_LIFE_SECONDS * 20; i++) {
		if (process_signal_tagged(&request, 0) > 0)
			return pid;
		(void)usleep(50 * 1000);
	}
	expect(!"the member has its tag");
	return pid;
}
