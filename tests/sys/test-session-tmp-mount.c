/* SPDX-License-Identifier: MIT */

/* The folder for temporary files and mounts: which file systems will do, and what somebody has
 * mounted into it. Each test runs in a mount namespace of its own. */

#include "sys.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "oc-run/session-tmp.h"

#define ID "00c0ffee00c0ffee"

struct mount_world {
	char path[64], cache[80], run[80], outside[80];
	char *bases[SESSION_TMP_BASES_MAX];
	struct session_tmp tmp;
};

/* Nothing that is mounted now is seen outside, and it all goes with this process. */
static bool leave_world(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void set_up(struct mount_world *world)
{
	*world = (struct mount_world){ .tmp = SESSION_TMP_INIT };
	(void)snprintf(world->path, sizeof(world->path), "/var/tmp/oc-run-test-mnt-XXXXXX");
	expect(mkdtemp(world->path) != NULL);
	expect(leave_world());
	(void)snprintf(world->cache, sizeof(world->cache), "%s/cache", world->path);
	(void)snprintf(world->run, sizeof(world->run), "%s/run", world->path);
	(void)snprintf(world->outside, sizeof(world->outside), "%s/outside", world->path);
	world->bases[0] = world->cache;
	world->bases[1] = world->run;
	expect_int(mkdir(world->cache, 0700), 0);
	expect_int(mkdir(world->run, 0700), 0);
	expect_int(mkdir(world->outside, 0700), 0);
}

static void tear_down(struct mount_world *world)
{
	char command[256];

	cleanup_close(&world->tmp.fd);
	cleanup_close(&world->tmp.parent_fd);
	cleanup_free(&world->tmp.path);
	(void)snprintf(
		command, sizeof(command),
		"grep -o ' %s[^ ]*' /proc/self/mounts | sort -r | xargs -r umount && rm -r %s",
		world->path, world->path);
	expect_int(system(command), 0);
}

static void mount_tmpfs(const char *path, unsigned long flags)
{
	expect_int(mount("tmpfs", path, "tmpfs", flags, "mode=700,size=1m"), 0);
}

static const char *base_taken(struct mount_world *world)
{
	struct session_tmp_tally tally;
	const char *base = "none";

	expect_int(session_tmp_make(world->bases, ID, &world->tmp, NULL), 0);
	if (world->tmp.fd >= 0)
		base = strncmp(world->tmp.path, world->cache, strlen(world->cache)) == 0 ? "cache"
											 : "run";
	session_tmp_remove(&world->tmp, ID, &tally);
	return base;
}

TEST(a_disk_is_taken_before_memory_and_noexec_never)
{
	static const struct {
		const char *name;
		unsigned long cache_flags, run_flags;
		bool cache_is_mounted, run_is_mounted;
		const char *expected;
	} rows[] = {
		{ "both on a disk", 0, 0, false, false, "cache" },
		{ "the runtime folder is memory", 0, 0, false, true, "cache" },
		{ "the cache is memory", 0, 0, true, false, "run" },
		{ "both are memory", 0, 0, true, true, "cache" },
		{ "the cache is noexec", MS_NOEXEC, 0, true, true, "run" },
		{ "the cache is read-only", MS_RDONLY, 0, true, true, "run" },
		{ "both are noexec", MS_NOEXEC, MS_NOEXEC, true, true, "none" },
		{ "memory rather than none", 0, MS_NOEXEC, true, true, "cache" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mount_world world;

		unit_row = rows[i].name;
		set_up(&world);
		if (rows[i].cache_is_mounted)
			mount_tmpfs(world.cache, rows[i].cache_flags);
		if (rows[i].run_is_mounted)
			mount_tmpfs(world.run, rows[i].run_flags);
		expect_text(base_taken(&world), rows[i].expected);
		tear_down(&world);
	}
}

/* A bind mount is of the same device: only the id of the mount tells. */
TEST(what_is_mounted_in_it_is_not_entered)
{
	struct session_tmp_tally tally;
	struct mount_world world;
	char inner[256], file[256], precious[256];
	int fd;

	set_up(&world);
	(void)snprintf(precious, sizeof(precious), "%s/precious", world.outside);
	fd = open(precious, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0);
	(void)close(fd);
	expect_int(session_tmp_make(world.bases, ID, &world.tmp, NULL), 0);
	expect(world.tmp.fd >= 0);
	(void)snprintf(inner, sizeof(inner), "%s/a", world.tmp.path);
	expect_int(mkdir(inner, 0700), 0);
	(void)snprintf(inner, sizeof(inner), "%s/a/b", world.tmp.path);
	expect_int(mkdir(inner, 0700), 0);
	(void)snprintf(inner, sizeof(inner), "%s/a/b/mounted", world.tmp.path);
	expect_int(mkdir(inner, 0700), 0);
	expect_int(mount(world.outside, inner, NULL, MS_BIND, NULL), 0);
	(void)snprintf(inner, sizeof(inner), "%s/mounted", world.tmp.path);
	expect_int(mkdir(inner, 0700), 0);
	expect_int(mount(world.outside, inner, NULL, MS_BIND, NULL), 0);
	(void)snprintf(file, sizeof(file), "%s/file", world.tmp.path);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0);
	(void)close(fd);
	expect_int(mount(precious, file, NULL, MS_BIND, NULL), 0);
	(void)snprintf(file, sizeof(file), "%s/a/gone", world.tmp.path);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0);
	(void)close(fd);

	session_tmp_remove(&world.tmp, ID, &tally);
	expect(!tally.removed);
	expect_uint(tally.files, 1);
	expect_int(access(precious, F_OK), 0);
	expect_int(access(file, F_OK), -1);
	tear_down(&world);
}

TEST(a_mount_over_the_folder_is_not_swept)
{
	struct mount_world world;
	char precious[256], path[256];
	int fd;

	set_up(&world);
	(void)snprintf(precious, sizeof(precious), "%s/precious", world.outside);
	fd = open(precious, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0);
	(void)close(fd);
	expect_int(session_tmp_make(world.bases, ID, &world.tmp, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s", world.tmp.path);
	cleanup_close(&world.tmp.fd);
	expect_int(mount(world.outside, path, NULL, MS_BIND, NULL), 0);
	session_tmp_sweep_path(path, ID);
	expect_int(access(precious, F_OK), 0);
	tear_down(&world);
}

int main(void)
{
	const TTest *const tests[] = {
		a_disk_is_taken_before_memory_and_noexec_never,
		what_is_mounted_in_it_is_not_entered,
		a_mount_over_the_folder_is_not_swept,
	};
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(leave_world() ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return sys_skip("no mount namespace can be made (root only)");
	return unit_run("session-tmp-mount", tests, ARRAY_SIZE(tests));
}
