/* SPDX-License-Identifier: MIT */

/* A sweep ends and removes the cgroups of dead sessions, those and no others. */

#include "sys-registry.h"

#include <limits.h>

struct fixture {
	struct registry_world world;
	struct cgroup above, parent;
	char name[32];
	char *mount, *root;
	char parent_path[PATH_MAX];
};

static void set_up(struct fixture *fixture)
{
	static char text[1 << 16];

	memset(fixture, 0, sizeof(*fixture));
	world_set_up(&fixture->world);
	fixture->above = fixture->parent = (struct cgroup)CGROUP_INIT;
	expect(sys_make_cgroup(&fixture->above, &fixture->parent, fixture->name));
	expect_int(sys_read_proc("/proc/self/mountinfo", text, sizeof(text)), 0);
	expect_int(cgroup_parse_mountinfo(text, &fixture->mount, &fixture->root), 0);
	fixture->world.host.cgroup_mount = fixture->mount;
	(void)snprintf(fixture->parent_path, sizeof(fixture->parent_path), "%s/%s",
		       strcmp(fixture->above.path, "/") == 0 ? "" : fixture->above.path,
		       fixture->name);
}

static void tear_down(struct fixture *fixture)
{
	sys_leave_cgroup(&fixture->above, &fixture->parent, fixture->name);
	world_tear_down(&fixture->world);
	free(fixture->mount);
	free(fixture->root);
}

/* <name>/payload/inner with a process in it. */
static pid_t populate(struct fixture *fixture, const char *name)
{
	struct cgroup scope = CGROUP_INIT, payload = CGROUP_INIT, inner = CGROUP_INIT;
	pid_t pid = sys_start(sys_idle, NULL);

	expect_int(cgroup_make(&fixture->parent, name, &scope), 0);
	expect_int(cgroup_make(&scope, "payload", &payload), 0);
	expect_int(cgroup_make(&payload, "inner", &inner), 0);
	expect_int(cgroup_attach(&inner, pid), 0);
	expect_int(cgroup_write(&payload, "cgroup.freeze", "1"), 0);
	cgroup_finish(&inner);
	cgroup_finish(&payload);
	cgroup_finish(&scope);
	return pid;
}

static bool exists(const struct fixture *fixture, const char *name)
{
	return faccessat(fixture->parent.dirfd, name, F_OK, 0) == 0;
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
	static char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->parent_path, name);
	return path;
}

TEST(the_recorded_cgroup_is_ended_and_removed)
{
	static const char *const names[] = { "oc-" REGISTRY_ID, "oc-" REGISTRY_ID ".scope" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture fixture;
		pid_t pid;

		unit_row = names[i];
		set_up(&fixture);
		pid = populate(&fixture, names[i]);
		world_die(&fixture.world, fixture.parent_path, path_of(&fixture, names[i]));
		world_sweep(&fixture.world, 1);
		sys_wait_gone(pid);
		expect(!exists(&fixture, names[i]));
		tear_down(&fixture);
	}
}

TEST(a_cgroup_is_found_before_its_path_was_recorded)
{
	static const char *const names[] = { "oc-" REGISTRY_ID, "oc-" REGISTRY_ID ".scope" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture fixture;
		pid_t pid;

		unit_row = names[i];
		set_up(&fixture);
		pid = populate(&fixture, names[i]);
		world_die(&fixture.world, fixture.parent_path, NULL);
		world_sweep(&fixture.world, 1);
		sys_wait_gone(pid);
		expect(!exists(&fixture, names[i]));
		tear_down(&fixture);
	}
}

TEST(a_cgroup_that_is_not_named_after_the_session_is_not_touched)
{
	static const char *const names[] = {
		"oc-00c0ffee00c0ffef", /* another session's */
		("oc-" REGISTRY_ID "x"), ("oc-" REGISTRY_ID ".slice"), ("xoc-" REGISTRY_ID), "work",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fixture fixture;
		pid_t pid;

		unit_row = names[i];
		set_up(&fixture);
		pid = populate(&fixture, names[i]);
		world_die(&fixture.world, NULL, path_of(&fixture, names[i]));
		world_sweep(&fixture.world, 1);
		expect_int(waitpid(pid, NULL, WNOHANG), 0);
		expect(exists(&fixture, names[i]));
		tear_down(&fixture);
		sys_wait_gone(pid);
	}
}

TEST(a_path_that_climbs_is_not_followed)
{
	struct fixture fixture;
	char path[2 * PATH_MAX + 64];
	pid_t pid;

	set_up(&fixture);
	pid = populate(&fixture, "oc-" REGISTRY_ID);
	(void)snprintf(path, sizeof(path), "%s/nothing/../oc-" REGISTRY_ID, fixture.parent_path);
	world_die(&fixture.world, NULL, path);
	world_sweep(&fixture.world, 1);
	expect_int(waitpid(pid, NULL, WNOHANG), 0);
	tear_down(&fixture);
	sys_wait_gone(pid);
}

TEST(an_empty_slice_goes_with_its_last_session)
{
	struct cgroup slice = CGROUP_INIT, scope = CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.parent, "oc.slice", &slice), 0);
	expect_int(cgroup_make(&slice, "oc-" REGISTRY_ID, &scope), 0);
	world_die(&fixture.world, NULL, path_of(&fixture, "oc.slice/oc-" REGISTRY_ID));
	world_sweep(&fixture.world, 1);
	expect(!exists(&fixture, "oc.slice"));
	cgroup_finish(&scope);
	cgroup_finish(&slice);
	tear_down(&fixture);
}

SYS_MAIN_WITH_CGROUP("registry-cgroup", the_recorded_cgroup_is_ended_and_removed,
		     a_cgroup_is_found_before_its_path_was_recorded,
		     a_cgroup_that_is_not_named_after_the_session_is_not_touched,
		     a_path_that_climbs_is_not_followed, an_empty_slice_goes_with_its_last_session)
