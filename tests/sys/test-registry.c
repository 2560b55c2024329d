/* SPDX-License-Identifier: MIT */

/* The registry of sessions: who is alive is told by the lock, and a sweep believes no more of an
 * entry than it must. */

#include "sys-registry.h"

#include <cjson/cJSON.h>
#include <sys/file.h>
#include <time.h>

#include "oc-run/registry-list.h"
#include "oc-run/session-tmp.h"

static void enter(struct registry_world *world, struct registry_entry *ret)
{
	struct diag diag = DIAG_INIT;

	expect_int(registry_enter(&world->host, &world->plan, "/some/oc.slice", NULL, ret, &diag),
		   0);
	expect(ret->fd >= 0);
}

static cJSON *read_entry(const struct registry_world *world)
{
	char text[8192];
	cJSON *object;

	expect_int(sys_read_proc(world_path(world, "/oc-run/sessions/" REGISTRY_ID), text,
				 sizeof(text)),
		   0);
	object = cJSON_Parse(text);
	expect(object != NULL);
	return object;
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void put_entry(const struct registry_world *world, const char *name, const char *text)
{
	int folder;

	/* Another test may have it already, for its temporary files. */
	(void)mkdir(world_path(world, "/oc-run"), 0700);
	expect_int(mkdir(world_path(world, "/oc-run/sessions"), 0700), 0);
	folder = open(world_path(world, "/oc-run/sessions"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(folder >= 0);
	sys_write_file(folder, name, text, strlen(text));
	(void)close(folder);
}

TEST(an_entry_says_what_has_to_be_cleaned)
{
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	struct registry_world world;
	struct stat status;
	cJSON *object;

	world_set_up(&world);
	enter(&world, &entry);
	expect_text(entry.path, world_path(&world, "/oc-run/sessions/" REGISTRY_ID));
	expect_int(stat(entry.path, &status), 0);
	expect_int(status.st_mode & 07777, 0600);
	expect_int(stat(world_path(&world, "/oc-run"), &status), 0);
	expect_int(status.st_mode & 07777, 0700);
	expect((fcntl(entry.fd, F_GETFD) & FD_CLOEXEC) != 0);
	object = read_entry(&world);
	expect_text(text_of(object, "id"), REGISTRY_ID);
	expect_text(text_of(object, "backend"), "cgroupfs");
	expect_text(text_of(object, "unit"), "oc-" REGISTRY_ID ".scope");
	expect_text(text_of(object, "cgroup_parent"), "/some/oc.slice");
	expect_uint(strlen(text_of(object, "boot_id")), 36);
	expect_int(cJSON_GetObjectItem(cJSON_GetObjectItem(object, "supervisor"), "pid")->valueint,
		   getpid());
	cJSON_Delete(object);

	expect_int(registry_update(&entry, &world.plan, "/some/oc.slice/oc-" REGISTRY_ID,
				   getppid()),
		   0);
	object = read_entry(&world);
	expect_text(text_of(object, "cgroup"), "/some/oc.slice/oc-" REGISTRY_ID);
	expect_int(cJSON_GetObjectItem(cJSON_GetObjectItem(object, "command"), "pid")->valueint,
		   getppid());
	cJSON_Delete(object);
	registry_leave(&entry);
	registry_leave(&entry);
	expect(!world_has_entry(&world));
	expect_int(entry.fd, -1);
	world_tear_down(&world);
}

TEST(a_live_session_is_not_swept)
{
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	struct registry_world world;

	world_set_up(&world);
	enter(&world, &entry);
	world_sweep(&world, 0);
	expect(world_has_entry(&world));
	expect_int(registry_update(&entry, &world.plan, "/some/oc-" REGISTRY_ID, 0), 0);
	world_sweep(&world, 0);
	registry_leave(&entry);
	world_tear_down(&world);
}

TEST(a_dead_session_is_swept_once)
{
	struct registry_world world;

	world_set_up(&world);
	world_die(&world, NULL, NULL);
	world_sweep(&world, 1);
	expect(!world_has_entry(&world));
	world_sweep(&world, 0);
	world_tear_down(&world);
}

TEST(a_keeper_at_work_holds_the_entry)
{
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	struct registry_world world;
	pid_t keeper;

	world_set_up(&world);
	enter(&world, &entry);
	keeper = sys_start(sys_idle, NULL);
	/* oc-run is gone: */
	(void)close(entry.fd);
	world_sweep(&world, 0);
	expect(world_has_entry(&world));
	sys_end(keeper);
	expect_int(waitpid(keeper, NULL, WNOHANG), -1);
	world_sweep(&world, 1);
	free(entry.path);
	world_tear_down(&world);
}

TEST(members_of_a_dead_session_are_ended)
{
	struct registry_world world;
	pid_t member;

	world_set_up(&world);
	world_die(&world, NULL, NULL);
	member = world_start_member();
	world_sweep(&world, 1);
	sys_wait_gone(member);
	world_tear_down(&world);
}

TEST(members_older_than_the_session_are_not_its_own)
{
	struct registry_world world;
	pid_t member;

	world_set_up(&world);
	member = world_start_member();
	/* Start times have a resolution of 10 ms. */
	(void)usleep(50 * 1000);
	world_die(&world, NULL, NULL);
	world_sweep(&world, 1);
	expect_int(waitpid(member, NULL, WNOHANG), 0);
	sys_end(member);
	world_tear_down(&world);
}

TEST(after_a_reboot_only_the_entry_goes)
{
	struct registry_world world;
	pid_t member;

	world_set_up(&world);
	put_entry(&world, REGISTRY_ID,
		  "{\"id\":\"" REGISTRY_ID
		  "\",\"boot_id\":\"another\",\"cgroup\":\"/x/oc-" REGISTRY_ID "\"}\n");
	member = world_start_member();
	world_sweep(&world, 1);
	expect(!world_has_entry(&world));
	expect_int(waitpid(member, NULL, WNOHANG), 0);
	sys_end(member);
	world_tear_down(&world);
}

static void make_tmp(struct registry_world *world, struct session_tmp *ret)
{
	char *const bases[SESSION_TMP_BASES_MAX] = { world->base, NULL };

	expect_int(session_tmp_make(bases, REGISTRY_ID, ret, NULL), 0);
	expect(ret->fd >= 0);
	sys_write_file(ret->fd, "library.so", "x", 1);
}

TEST(temporary_files_go_with_the_entry_that_names_them)
{
	struct session_tmp tmp = SESSION_TMP_INIT;
	struct registry_world world;
	char path[256];

	world_set_up(&world);
	make_tmp(&world, &tmp);
	(void)snprintf(path, sizeof(path), "%s", tmp.path);
	world.disk.tmp_path = path;
	world_die(&world, NULL, "/some/oc-" REGISTRY_ID);
	/* Somebody still holds it. */
	world_sweep(&world, 1);
	expect_int(access(path, F_OK), 0);
	world_die(&world, NULL, "/some/oc-" REGISTRY_ID);
	cleanup_close(&tmp.fd);
	world_sweep(&world, 1);
	expect_int(access(path, F_OK), -1);
	cleanup_close(&tmp.parent_fd);
	free(tmp.path);
	world_tear_down(&world);
}

TEST(temporary_files_go_after_a_reboot_too)
{
	struct session_tmp tmp = SESSION_TMP_INIT;
	struct registry_world world;
	char text[512];

	world_set_up(&world);
	make_tmp(&world, &tmp);
	cleanup_close(&tmp.fd);
	(void)snprintf(text, sizeof(text),
		       "{\"id\":\"" REGISTRY_ID "\",\"boot_id\":\"another\",\"tmp\":\"%s\"}\n",
		       tmp.path);
	put_entry(&world, REGISTRY_ID, text);
	world_sweep(&world, 1);
	expect_int(access(tmp.path, F_OK), -1);
	cleanup_close(&tmp.parent_fd);
	free(tmp.path);
	world_tear_down(&world);
}

TEST(what_a_killed_git_left_goes_with_the_entry)
{
	struct registry_world world;
	char command[512], store[128];
	struct timespec now;

	world_set_up(&world);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(store, sizeof(store), "%s/store", world.base);
	(void)snprintf(command, sizeof(command),
		       "mkdir -p %s/project/objects/pack && cd %s/project && "
		       "touch HEAD index.lock objects/pack/tmp_pack_x objects/pack/pack-x.pack",
		       store, store);
	expect_int(system(command), 0);
	world.disk.snapshot_store = store;
	/* An entry that does not say since when is believed in nothing. */
	world_die(&world, NULL, "/some/oc-" REGISTRY_ID);
	world_sweep(&world, 1);
	expect_int(access(world_path(&world, "/store/project/index.lock"), F_OK), 0);
	world.disk.since_usec = (uint64_t)(now.tv_sec - 1) * 1000000;
	world_die(&world, NULL, "/some/oc-" REGISTRY_ID);
	world_sweep(&world, 1);
	expect_int(access(world_path(&world, "/store/project/index.lock"), F_OK), -1);
	expect_int(access(world_path(&world, "/store/project/objects/pack/tmp_pack_x"), F_OK), -1);
	expect_int(access(world_path(&world, "/store/project/objects/pack/pack-x.pack"), F_OK), 0);
	world_tear_down(&world);
}

TEST(an_entry_that_makes_no_sense_is_removed)
{
	static const char *const texts[] = { "",
					     "{",
					     "[1,2]",
					     "null",
					     "{\"cgroup\":7}",
					     "{\"cgroup\":\"\"}",
					     "{\"cgroup\":\"oc-" REGISTRY_ID "\"}",
					     "{\"supervisor\":[],\"boot_id\":{}}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct registry_world world;

		unit_row = texts[i];
		world_set_up(&world);
		put_entry(&world, REGISTRY_ID, texts[i]);
		world_sweep(&world, 1);
		expect(!world_has_entry(&world));
		world_tear_down(&world);
	}
}

TEST(what_is_no_entry_is_left_alone)
{
	static const char *const names[] = { "README", "00C0FFEE00C0FFEE", "00c0ffee00c0ffee0",
					     "00c0ffee" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct registry_world world;
		char path[128];

		unit_row = names[i];
		world_set_up(&world);
		put_entry(&world, names[i], "{}");
		world_sweep(&world, 0);
		(void)snprintf(path, sizeof(path), "/oc-run/sessions/%s", names[i]);
		expect_int(access(world_path(&world, path), F_OK), 0);
		world_tear_down(&world);
	}
}

/* Of an oc-run that died while it wrote its entry; one that is writing holds the lock. */
TEST(a_hidden_file_is_removed_unless_it_is_held)
{
	struct registry_world world;
	const char *name = "/oc-run/sessions/." REGISTRY_ID;
	int fd;

	world_set_up(&world);
	put_entry(&world, "." REGISTRY_ID, "");
	fd = open(world_path(&world, name), O_RDWR | O_CLOEXEC);
	expect(fd >= 0);
	expect_int(flock(fd, LOCK_EX | LOCK_NB), 0);
	world_sweep(&world, 0);
	expect_int(access(world_path(&world, name), F_OK), 0);
	(void)close(fd);
	world_sweep(&world, 0);
	expect_int(access(world_path(&world, name), F_OK), -1);
	world_tear_down(&world);
}

TEST(an_entry_that_another_sweep_works_on_is_left_to_it)
{
	struct registry_world world;
	int fd;

	world_set_up(&world);
	world_die(&world, NULL, NULL);
	fd = open(world_path(&world, "/oc-run/sessions/" REGISTRY_ID), O_RDWR | O_CLOEXEC);
	expect(fd >= 0);
	expect_int(flock(fd, LOCK_EX | LOCK_NB), 0);
	world_sweep(&world, 0);
	expect(world_has_entry(&world));
	(void)close(fd);
	world_sweep(&world, 1);
	world_tear_down(&world);
}

TEST(a_session_around_the_caller_is_not_swept)
{
	struct registry_world world;

	world_set_up(&world);
	world_die(&world, NULL, NULL);
	expect_int(setenv(PROCESS_TAG, REGISTRY_ID, 1), 0);
	world_sweep(&world, 0);
	expect_int(unsetenv(PROCESS_TAG), 0);
	world.host.own_cgroup = (char *)"/a/oc-" REGISTRY_ID ".scope/payload/x";
	world_sweep(&world, 0);
	world.host.own_cgroup = (char *)"/a/b";
	world_sweep(&world, 1);
	world_tear_down(&world);
}

enum trap {
	TRAP_GROUP_WRITABLE,
	TRAP_WORLD_WRITABLE,
	TRAP_FOREIGN,
	TRAP_LINK,
	TRAP_FILE,
};

static void set_trap(const struct registry_world *world, enum trap trap)
{
	const char *path = world_path(world, "/oc-run");

	switch (trap) {
	case TRAP_GROUP_WRITABLE:
		expect_int(mkdir(path, 0700), 0);
		expect_int(chmod(path, 0770), 0);
		return;
	case TRAP_WORLD_WRITABLE:
		expect_int(mkdir(path, 0700), 0);
		expect_int(chmod(path, 01707), 0);
		return;
	case TRAP_FOREIGN:
		expect_int(mkdir(path, 0755), 0);
		expect_int(chown(path, 4321, 4321), 0);
		return;
	case TRAP_LINK:
		expect_int(symlink("/tmp", path), 0);
		return;
	case TRAP_FILE:
		expect_int(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
		return;
	}
}

TEST(a_folder_that_is_not_ours_alone_is_refused)
{
	static const struct {
		const char *name;
		enum trap trap;
	} rows[] = {
		{ "group may write", TRAP_GROUP_WRITABLE },
		{ "world may write", TRAP_WORLD_WRITABLE },
		{ "belongs to another user", TRAP_FOREIGN },
		{ "a symbolic link", TRAP_LINK },
		{ "a file", TRAP_FILE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct registry_entry entry = REGISTRY_ENTRY_INIT;
		struct diag diag = DIAG_INIT;
		struct registry_world world;

		if (rows[i].trap == TRAP_FOREIGN && geteuid() != 0) {
			(void)fprintf(stderr, "# SKIP %s: needs root\n", rows[i].name);
			continue;
		}
		unit_row = rows[i].name;
		world_set_up(&world);
		set_trap(&world, rows[i].trap);
		expect_int(registry_enter(&world.host, &world.plan, NULL, NULL, &entry, &diag),
			   -EPERM);
		expect_contains(diag.text, world.base);
		expect_int(entry.fd, -1);
		world_sweep(&world, 0);
		world_tear_down(&world);
	}
}

TEST(without_a_runtime_folder_the_cache_is_used)
{
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	struct registry_world world;
	char cache[128];

	world_set_up(&world);
	world.host.runtime_dir = NULL;
	(void)snprintf(cache, sizeof(cache), "%s/cache", world.base);
	expect_int(setenv("XDG_CACHE_HOME", cache, 1), 0);
	enter(&world, &entry);
	expect_text(entry.path, world_path(&world, "/cache/oc-run/sessions/" REGISTRY_ID));
	registry_leave(&entry);
	/* Else in the home; a relative XDG_CACHE_HOME does not count. */
	expect_int(setenv("XDG_CACHE_HOME", "relative", 1), 0);
	expect_int(setenv("HOME", world.base, 1), 0);
	enter(&world, &entry);
	expect_text(entry.path, world_path(&world, "/.cache/oc-run/sessions/" REGISTRY_ID));
	registry_leave(&entry);
	world_tear_down(&world);
}

TEST(without_any_folder_a_session_runs_unrecorded)
{
	struct registry_entry entry = REGISTRY_ENTRY_INIT;
	struct diag diag = DIAG_INIT;
	struct registry_world world;

	world_set_up(&world);
	world.host.runtime_dir = (char *)"/proc/self";
	expect_int(setenv("XDG_CACHE_HOME", "/proc/none", 1), 0);
	expect_int(registry_enter(&world.host, &world.plan, NULL, NULL, &entry, &diag), 0);
	expect_int(entry.fd, -1);
	expect(entry.path == NULL);
	expect_int(registry_update(&entry, &world.plan, "/x", 1), 0);
	registry_leave(&entry);
	world_tear_down(&world);
}

#define ROUNDS 20000

/* Sessions of one id that come and go, until the pipe is closed. */
static void come_and_go(struct registry_world *world)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct registry_entry entry = REGISTRY_ENTRY_INIT;
		struct diag diag = DIAG_INIT;

		if (registry_enter(&world->host, &world->plan, NULL, NULL, &entry, &diag) < 0)
			_exit(1);
		registry_leave(&entry);
	}
	_exit(0);
}

TEST(a_list_never_takes_an_ended_session_for_a_crashed_one)
{
	struct registry_world world;
	unsigned seen = 0;
	int status = -1;
	pid_t pid;

	world_set_up(&world);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0)
		come_and_go(&world);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct registry_session *sessions;
		size_t count;

		expect_int(registry_list(&world.host, &sessions, &count), 0);
		for (size_t i = 0; i < count; i++) {
			expect_text(sessions[i].id, REGISTRY_ID);
			expect(sessions[i].is_held);
			expect_text(sessions[i].name, "test");
		}
		seen += count > 0;
		registry_sessions_free(sessions, count);
	}
	expect_int(status, 0);
	expect(seen > 0);
	world_tear_down(&world);
}

UNIT_MAIN("registry", a_list_never_takes_an_ended_session_for_a_crashed_one,
	  an_entry_says_what_has_to_be_cleaned, a_live_session_is_not_swept,
	  a_dead_session_is_swept_once, a_keeper_at_work_holds_the_entry,
	  members_of_a_dead_session_are_ended, members_older_than_the_session_are_not_its_own,
	  after_a_reboot_only_the_entry_goes, temporary_files_go_with_the_entry_that_names_them,
	  temporary_files_go_after_a_reboot_too, what_a_killed_git_left_goes_with_the_entry,
	  an_entry_that_makes_no_sense_is_removed, what_is_no_entry_is_left_alone,
	  a_hidden_file_is_removed_unless_it_is_held,
	  an_entry_that_another_sweep_works_on_is_left_to_it,
	  a_session_around_the_caller_is_not_swept, a_folder_that_is_not_ours_alone_is_refused,
	  without_a_runtime_folder_the_cache_is_used, without_any_folder_a_session_runs_unrecorded)
