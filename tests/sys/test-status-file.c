/* SPDX-License-Identifier: MIT */

/* The status file: whole whenever it is read, ours alone, and gone with its session. */

#include "sys-registry.h"

#include <sched.h>
#include <sys/mount.h>

#include "oc-run/status-file.h"

#define REWRITES 3000
#define OTHER_ID "0123456789abcdef"
#define FULL_ROUNDS 300

struct status_world {
	struct registry_world registry;
	struct registry_entry entry;
	struct status_file file;
};

static int begin(struct status_world *world, struct diag *diag)
{
	return status_file_begin(&world->entry, REGISTRY_ID, &world->file, diag);
}

/* @with_file: it is begun, too. */
static void set_up(struct status_world *world, bool with_file)
{
	struct diag diag = DIAG_INIT;

	*world = (struct status_world){ .entry = REGISTRY_ENTRY_INIT, .file = STATUS_FILE_INIT };
	world_set_up(&world->registry);
	expect_int(registry_enter(&world->registry.host, &world->registry.plan, NULL, NULL,
				  &world->entry, &diag),
		   0);
	expect(world->entry.fd >= 0);
	if (!with_file)
		return;
	expect_int(begin(world, &diag), 0);
	expect(world->file.folder_fd >= 0);
}

static void tear_down(struct status_world *world)
{
	status_file_finish(&world->file);
	registry_leave(&world->entry);
	world_tear_down(&world->registry);
}

static bool is_there(const struct status_world *world, const char *name)
{
	struct stat status;

	return lstat(world_path(&world->registry, name), &status) == 0;
}

static void put(const struct status_world *world, const char *name)
{
	int fd = open(world_path(&world->registry, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	expect(fd >= 0);
	(void)close(fd);
}

static void expect_content(const struct status_world *world, const char *expected)
{
	char text[256];

	expect_int(sys_read_proc(world->file.path, text, sizeof(text)), 0);
	expect_text(text, expected);
}

TEST(the_file_is_ours_alone_and_goes_with_the_session)
{
	struct status_world world;
	struct stat status;

	set_up(&world, true);
	expect_text(world.file.path,
		    world_path(&world.registry, "/oc-run/status/" REGISTRY_ID ".json"));
	expect(!is_there(&world, "/oc-run/status/" REGISTRY_ID ".json"));
	expect_int(status_file_write(&world.file, "one"), 0);
	expect_content(&world, "one");
	expect_int(stat(world.file.path, &status), 0);
	expect_int(status.st_mode & 07777, 0600);
	expect_int(stat(world_path(&world.registry, "/oc-run/status"), &status), 0);
	expect_int(status.st_mode & 07777, 0700);
	expect((fcntl(world.file.folder_fd, F_GETFD) & FD_CLOEXEC) != 0);
	expect_int(status_file_write(&world.file, "another"), 0);
	expect_content(&world, "another");
	status_file_finish(&world.file);
	expect(!is_there(&world, "/oc-run/status/" REGISTRY_ID ".json"));
	expect(world.file.path == NULL);
	status_file_finish(&world.file);
	tear_down(&world);
}

TEST(what_an_interrupted_write_left_is_in_nobodys_way)
{
	struct status_world world;

	set_up(&world, true);
	put(&world, "/oc-run/status/." REGISTRY_ID ".json");
	expect_int(status_file_write(&world.file, "one"), 0);
	expect_content(&world, "one");
	expect(!is_there(&world, "/oc-run/status/." REGISTRY_ID ".json"));
	tear_down(&world);
}

/* Two texts by turns, of different lengths, each of one letter. */
static void rewrite(void *argument)
{
	const struct status_file *file = argument;
	static char texts[2][40000];

	memset(texts[0], 'a', 39999);
	memset(texts[1], 'b', 20000);
	sys_ready();
	for (int i = 0; i < REWRITES; i++)
		if (status_file_write(file, texts[i % 2]) < 0)
			_exit(1);
}

/* The length of what it holds; it must be one of the two, whole. */
static size_t read_whole(const char *path)
{
	static char text[40001];
	size_t length = 0, same = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	expect(fd >= 0);
	while ((got = read(fd, text + length, sizeof(text) - length)) > 0)
		length += (size_t)got;
	(void)close(fd);
	expect_int(got, 0);
	while (same < length && text[same] == text[0])
		same++;
	expect_uint(same, length);
	expect_uint(length, text[0] == 'a' ? 39999 : 20000);
	return length;
}

TEST(a_reader_never_sees_half_a_file)
{
	struct status_world world;
	size_t seen[2] = { 0 };
	int status;
	pid_t pid;

	set_up(&world, true);
	pid = sys_start(rewrite, &world.file);
	while (!is_there(&world, "/oc-run/status/" REGISTRY_ID ".json"))
		(void)usleep(1000);
	while (waitpid(pid, &status, WNOHANG) == 0)
		seen[read_whole(world.file.path) == 20000]++;
	expect_int(status, 0);
	expect(seen[0] > 0 && seen[1] > 0);
	tear_down(&world);
}

TEST(without_an_entry_there_is_no_file)
{
	struct registry_entry none = REGISTRY_ENTRY_INIT;
	struct status_file file = { .folder_fd = 77 };
	struct diag diag = DIAG_INIT;

	expect_int(status_file_begin(&none, REGISTRY_ID, &file, &diag), 0);
	expect_int(file.folder_fd, -1);
	expect(file.path == NULL);
	expect_int(status_file_write(&file, "one"), 0);
	status_file_finish(&file);
}

TEST(a_folder_that_others_may_write_to_is_refused)
{
	struct diag diag = DIAG_INIT;
	struct status_world world;

	set_up(&world, false);
	expect_int(mkdir(world_path(&world.registry, "/oc-run/status"), 0700), 0);
	expect_int(chmod(world_path(&world.registry, "/oc-run/status"), 0777), 0);
	expect_int(begin(&world, &diag), -EPERM);
	expect_contains(diag.text, "\"status\"");
	expect_contains(diag.text, "others may write to it");
	expect_int(world.file.folder_fd, -1);
	tear_down(&world);
}

TEST(somebody_elses_folder_is_refused)
{
	struct diag diag = DIAG_INIT;
	struct status_world world;

	if (geteuid() != 0) {
		printf("# SKIP: only root can give a folder away\n");
		expect(getenv("OC_RUN_TESTS_NO_SKIP") == NULL);
		return;
	}
	set_up(&world, false);
	expect_int(mkdir(world_path(&world.registry, "/oc-run/status"), 0700), 0);
	expect_int(chown(world_path(&world.registry, "/oc-run/status"), 65534, 65534), 0);
	expect_int(begin(&world, &diag), -EPERM);
	expect_contains(diag.text, "belongs to another user");
	tear_down(&world);
}

TEST(a_link_is_not_followed)
{
	struct diag diag = DIAG_INIT;
	struct status_world world;

	set_up(&world, false);
	expect_int(symlink("/tmp", world_path(&world.registry, "/oc-run/status")), 0);
	expect_int(begin(&world, &diag), -EPERM);
	expect_contains(diag.text, "is no folder");
	tear_down(&world);
}

/* On a tmpfs of 64 KiB with nothing else on it, until it is full. */
static void fill(struct status_world *world, const char *text)
{
	int r = 0;

	for (int i = 0; r == 0 && i < FULL_ROUNDS; i++) {
		char name[64];
		int fd;

		(void)snprintf(name, sizeof(name), "/fill-%d", i);
		fd = open(world_path(&world->registry, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, text, strlen(text)) < (ssize_t)strlen(text))
			r = -ENOSPC;
		if (fd >= 0)
			(void)close(fd);
	}
	expect_int(r, -ENOSPC);
}

TEST(on_a_full_disk_what_was_there_stays)
{
	static char large[8193];
	struct status_world world;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("# SKIP: no mount namespace of its own can be had here\n");
		expect(getenv("OC_RUN_TESTS_NO_SKIP") == NULL);
		return;
	}
	/* Nothing that is mounted now is seen outside, and it all goes with this process. */
	expect_int(mount("tmpfs", "/tmp", "tmpfs", 0, "mode=700,size=64k"), 0);
	memset(large, 'x', sizeof(large) - 1);
	set_up(&world, true);
	expect_int(status_file_write(&world.file, "what was there"), 0);
	fill(&world, large);
	expect_int(status_file_write(&world.file, large), -ENOSPC);
	expect_content(&world, "what was there");
	expect(!is_there(&world, "/oc-run/status/." REGISTRY_ID ".json"));
	expect_int(unlink(world_path(&world.registry, "/fill-0")), 0);
	expect_int(unlink(world_path(&world.registry, "/fill-1")), 0);
	expect_int(status_file_write(&world.file, "there is room again"), 0);
	expect_content(&world, "there is room again");
	tear_down(&world);
}

TEST(a_sweep_takes_what_has_no_entry_and_nothing_else)
{
	struct status_world world;

	set_up(&world, true);
	expect_int(status_file_write(&world.file, "alive"), 0);
	put(&world, "/oc-run/status/" OTHER_ID ".json");
	put(&world, "/oc-run/status/." OTHER_ID ".json");
	put(&world, "/oc-run/status/" OTHER_ID ".jsonl");
	put(&world, "/oc-run/status/notes");
	world_sweep(&world.registry, 0);
	expect_content(&world, "alive");
	expect(!is_there(&world, "/oc-run/status/" OTHER_ID ".json"));
	expect(!is_there(&world, "/oc-run/status/." OTHER_ID ".json"));
	expect(is_there(&world, "/oc-run/status/" OTHER_ID ".jsonl"));
	expect(is_there(&world, "/oc-run/status/notes"));
	tear_down(&world);
}

TEST(the_file_of_a_session_that_crashed_is_swept_with_it)
{
	struct status_world world;

	set_up(&world, true);
	expect_int(status_file_write(&world.file, "crashed"), 0);
	/* As the kernel lets go of the lock. */
	cleanup_close(&world.entry.fd);
	world_sweep(&world.registry, 1);
	expect(!is_there(&world, "/oc-run/status/" REGISTRY_ID ".json"));
	tear_down(&world);
}

UNIT_MAIN("status-file", the_file_is_ours_alone_and_goes_with_the_session,
	  what_an_interrupted_write_left_is_in_nobodys_way, a_reader_never_sees_half_a_file,
	  without_an_entry_there_is_no_file, a_folder_that_others_may_write_to_is_refused,
	  somebody_elses_folder_is_refused, a_link_is_not_followed,
	  on_a_full_disk_what_was_there_stays, a_sweep_takes_what_has_no_entry_and_nothing_else,
	  the_file_of_a_session_that_crashed_is_swept_with_it)
