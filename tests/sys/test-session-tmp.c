/* SPDX-License-Identifier: MIT */

/* The private folder for temporary files: where it is made, and that its removal takes all that is
 * in it and nothing else. */

#include "sys.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "oc-run/process-scan.h"
#include "oc-run/remove-tree.h"
#include "oc-run/session-tmp.h"

#define ID "00c0ffee00c0ffee"
#define OTHER_ID "0123456789abcdef"
#define DEEP 3000

/* <world>/cache and <world>/run are the bases; <world>/outside must stay as it is. */
struct tmp_world {
	char path[64];
	char cache[80], run[80];
	char *bases[SESSION_TMP_BASES_MAX];
	struct host host;
	struct session_tmp tmp;
	int removed;
};

static const char *at(const struct tmp_world *world, const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *text = path[next++ % 4];

	(void)snprintf(text, 256, "%s/%s", world->path, name);
	return text;
}

static void put(int folder, const char *name, const char *text)
{
	sys_write_file(folder, name, text, strlen(text));
}

static void set_up(struct tmp_world *world)
{
	int fd;

	*world = (struct tmp_world){ .tmp = SESSION_TMP_INIT, .host.uid = 12345 };
	/* Not /tmp itself: it may be mounted noexec, or be memory. */
	(void)snprintf(world->path, sizeof(world->path), "/var/tmp/oc-run-test-tmp-XXXXXX");
	expect(mkdtemp(world->path) != NULL);
	(void)snprintf(world->cache, sizeof(world->cache), "%s/cache", world->path);
	(void)snprintf(world->run, sizeof(world->run), "%s/run", world->path);
	world->bases[0] = world->cache;
	world->bases[1] = world->run;
	world->host.runtime_dir = world->run;
	expect_int(mkdir(at(world, "outside"), 0755), 0);
	fd = open(at(world, "outside"), O_RDONLY | O_DIRECTORY);
	put(fd, "precious", "precious");
	(void)close(fd);
	expect_int(setenv("XDG_CACHE_HOME", world->cache, 1), 0);
	(void)unsetenv(PROCESS_TAG);
}

static void make(struct tmp_world *world, const char *id)
{
	struct diag diag = DIAG_INIT;

	expect_int(session_tmp_make(world->bases, id, &world->tmp, &diag), 0);
	expect(world->tmp.fd >= 0);
}

static bool is_there(const struct tmp_world *world, const char *name)
{
	struct stat status;

	return lstat(at(world, name), &status) == 0;
}

static void tear_down(struct tmp_world *world)
{
	char text[32], command[128];

	expect_int(sys_read_proc(at(world, "outside/precious"), text, sizeof(text)), 0);
	expect_text(text, "precious");
	(void)snprintf(command, sizeof(command), "rm -r %s", world->path);
	expect_int(system(command), 0);
}

/* As a crash leaves it: nobody holds it. */
static void abandon(struct tmp_world *world)
{
	cleanup_close(&world->tmp.fd);
	cleanup_close(&world->tmp.parent_fd);
	cleanup_free(&world->tmp.path);
}

static void make_old(const struct tmp_world *world, const char *name)
{
	const struct timespec hour_ago[2] = { { .tv_sec = time(NULL) - 3600 },
					      { .tv_sec = time(NULL) - 3600 } };

	expect_int(utimensat(AT_FDCWD, at(world, name), hour_ago, 0), 0);
}

static void count(const char *id, void *userdata)
{
	struct tmp_world *world = userdata;

	expect_uint(strlen(id), 16);
	world->removed++;
}

static void sweep(struct tmp_world *world, int expected)
{
	world->removed = 0;
	expect_int(session_tmp_sweep(&world->host, count, world), expected);
	expect_int(world->removed, expected);
}

TEST(the_folder_is_ours_alone_and_locked)
{
	struct session_tmp_tally tally;
	struct tmp_world world;
	struct stat status;
	int other;

	set_up(&world);
	make(&world, ID);
	expect_text(world.tmp.path, at(&world, "cache/oc-run/tmp/" ID));
	expect_int(stat(world.tmp.path, &status), 0);
	expect_int(status.st_mode & 07777, 0700);
	expect_int(stat(at(&world, "cache/oc-run"), &status), 0);
	expect_int(status.st_mode & 07777, 0700);
	expect((fcntl(world.tmp.fd, F_GETFD) & FD_CLOEXEC) != 0);
	other = open(world.tmp.path, O_RDONLY | O_DIRECTORY);
	expect_int(flock(other, LOCK_EX | LOCK_NB), -1);
	expect_int(errno, EWOULDBLOCK);
	(void)close(other);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(tally.removed);
	expect_uint(tally.files, 0);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	expect_int(world.tmp.fd, -1);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(!tally.removed);
	tear_down(&world);
}

TEST(files_and_bytes_are_counted)
{
	static char text[64 * 1024];
	struct session_tmp_tally tally;
	struct tmp_world world;

	set_up(&world);
	make(&world, ID);
	memset(text, 'x', sizeof(text));
	sys_write_file(world.tmp.fd, ".one.so", text, sizeof(text));
	expect_int(mkdirat(world.tmp.fd, "folder", 0700), 0);
	sys_write_file(world.tmp.fd, "folder/two.so", text, sizeof(text));
	/* Two names of one file are two entries and take its bytes once. */
	expect_int(linkat(world.tmp.fd, ".one.so", world.tmp.fd, "again.so", 0), 0);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(tally.removed);
	expect_uint(tally.files, 3);
	expect(tally.bytes >= 2 * sizeof(text) && tally.bytes < 3 * sizeof(text));
	tear_down(&world);
}

TEST(what_is_linked_to_stays)
{
	struct session_tmp_tally tally;
	struct tmp_world world;
	char target[80];

	set_up(&world);
	make(&world, ID);
	(void)snprintf(target, sizeof(target), "%s", at(&world, "outside"));
	expect_int(symlinkat(target, world.tmp.fd, "folder-link"), 0);
	expect_int(symlinkat("../../../../outside/precious", world.tmp.fd, "file-link"), 0);
	expect_int(symlinkat("..", world.tmp.fd, "up"), 0);
	expect_int(symlinkat("nothing", world.tmp.fd, "dangling"), 0);
	expect_int(mkdirat(world.tmp.fd, "inner", 0700), 0);
	expect_int(symlinkat(target, world.tmp.fd, "inner/link"), 0);
	expect_int(linkat(AT_FDCWD, at(&world, "outside/precious"), world.tmp.fd, "hard", 0), 0);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(tally.removed);
	expect_uint(tally.files, 6);
	tear_down(&world);
}

TEST(things_that_are_no_files_go_too)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct session_tmp_tally tally;
	struct tmp_world world;
	int fd;

	set_up(&world);
	make(&world, ID);
	expect_int(mkfifoat(world.tmp.fd, "pipe", 0600), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/s", world.tmp.path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_int(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	put(world.tmp.fd, "-rf", "");
	put(world.tmp.fd, "line\nbreak \033[2J", "");
	put(world.tmp.fd, ".oc-run-0", "");
	session_tmp_remove(&world.tmp, ID, &tally);
	(void)close(fd);
	expect(tally.removed);
	expect_uint(tally.files, 5);
	tear_down(&world);
}

/* Far deeper than a path or a stack reaches, and with a side branch at each step. */
TEST(a_tree_of_any_depth_goes)
{
	struct session_tmp_tally tally;
	struct tmp_world world;
	int folder;

	set_up(&world);
	make(&world, ID);
	folder = openat(world.tmp.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; depth < DEEP; depth++) {
		int below;

		expect_int(mkdirat(folder, "d", 0700), 0);
		if (depth % 100 == 0) {
			expect_int(mkdirat(folder, "side", 0700), 0);
			put(folder, "side/file", "x");
		}
		below = openat(folder, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		expect(below >= 0);
		(void)close(folder);
		folder = below;
	}
	put(folder, "bottom", "x");
	(void)close(folder);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(tally.removed);
	expect_uint(tally.files, DEEP / 100 + 1);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	tear_down(&world);
}

/* As an ordinary user: root is not stopped by a mode. */
TEST(modes_do_not_hold_it_up)
{
	struct session_tmp_tally tally = { 0 };
	struct tmp_world world;
	int status;
	pid_t pid;

	set_up(&world);
	expect_int(chmod(world.path, 0755), 0);
	expect_int(mkdir(world.cache, 0700), 0);
	if (geteuid() == 0)
		expect_int(chown(world.cache, 65534, 65534), 0);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(1);
		if (session_tmp_make(world.bases, ID, &world.tmp, NULL) < 0 || world.tmp.fd < 0 ||
		    mkdirat(world.tmp.fd, "a", 0700) < 0 ||
		    mkdirat(world.tmp.fd, "a/b", 0700) < 0 ||
		    mkdirat(world.tmp.fd, "a/b/c", 0700) < 0 ||
		    mkdirat(world.tmp.fd, "a/b/c/d", 0700) < 0)
			_exit(2);
		put(world.tmp.fd, "a/b/c/file", "x");
		if (fchmodat(world.tmp.fd, "a/b/c/d", 0, 0) < 0 ||
		    fchmodat(world.tmp.fd, "a/b/c", 0500, 0) < 0 ||
		    fchmodat(world.tmp.fd, "a/b", 0, 0) < 0 ||
		    fchmodat(world.tmp.fd, "a", 0555, 0) < 0 || fchmod(world.tmp.fd, 0) < 0)
			_exit(3);
		session_tmp_remove(&world.tmp, ID, &tally);
		_exit(tally.removed && tally.files == 1 ? 0 : 4);
	}
	expect_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	tear_down(&world);
}

TEST(a_link_in_the_folders_place_is_removed_and_not_followed)
{
	struct session_tmp_tally tally;
	struct tmp_world world;

	set_up(&world);
	make(&world, ID);
	expect_int(rename(world.tmp.path, at(&world, "moved")), 0);
	expect_int(symlink(at(&world, "outside"), world.tmp.path), 0);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	expect(is_there(&world, "outside"));
	tear_down(&world);
}

TEST(another_folder_in_its_place_stays)
{
	struct session_tmp_tally tally;
	struct tmp_world world;

	set_up(&world);
	make(&world, ID);
	expect_int(rename(world.tmp.path, at(&world, "moved")), 0);
	expect_int(rename(at(&world, "outside"), world.tmp.path), 0);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect(!tally.removed);
	expect_int(rename(at(&world, "cache/oc-run/tmp/" ID), at(&world, "outside")), 0);
	tear_down(&world);
}

TEST(a_folder_that_others_may_write_to_is_refused)
{
	struct session_tmp tmp = SESSION_TMP_INIT;
	struct diag diag = DIAG_INIT;
	struct tmp_world world;

	set_up(&world);
	expect_int(mkdir(world.cache, 0700), 0);
	expect_int(mkdir(at(&world, "cache/oc-run"), 0700), 0);
	expect_int(chmod(at(&world, "cache/oc-run"), 0770), 0);
	world.bases[1] = NULL;
	expect_int(session_tmp_make(world.bases, ID, &tmp, &diag), -EPERM);
	expect_contains(diag.text, "oc-run\" in \"");
	expect_int(tmp.fd, -1);
	/* Another base will do all the same. */
	world.bases[1] = world.run;
	make(&world, ID);
	expect_text(world.tmp.path, at(&world, "run/oc-run/tmp/" ID));
	abandon(&world);
	tear_down(&world);
}

TEST(a_link_instead_of_our_folder_is_refused)
{
	struct session_tmp tmp = SESSION_TMP_INIT;
	struct diag diag = DIAG_INIT;
	struct tmp_world world;

	set_up(&world);
	world.bases[1] = NULL;
	expect_int(mkdir(world.cache, 0700), 0);
	expect_int(mkdir(at(&world, "cache/oc-run"), 0700), 0);
	expect_int(symlink(at(&world, "outside"), at(&world, "cache/oc-run/tmp")), 0);
	expect_int(session_tmp_make(world.bases, ID, &tmp, &diag), -EPERM);
	expect_contains(diag.text, "is no folder");
	expect_int(tmp.fd, -1);
	tear_down(&world);
}

TEST(where_no_base_will_do_there_is_no_folder)
{
	char nowhere[] = "/proc/nowhere";
	char *const bases[SESSION_TMP_BASES_MAX] = { nowhere, NULL };
	struct session_tmp tmp = SESSION_TMP_INIT;

	expect_int(session_tmp_make(bases, ID, &tmp, NULL), 0);
	expect_int(tmp.fd, -1);
	expect(tmp.path == NULL);
}

TEST(a_sweep_takes_what_nobody_holds)
{
	struct session_tmp live = SESSION_TMP_INIT;
	struct session_tmp_tally tally;
	struct tmp_world world;

	set_up(&world);
	make(&world, OTHER_ID);
	live = world.tmp;
	make_old(&world, "cache/oc-run/tmp/" OTHER_ID);
	make(&world, ID);
	put(world.tmp.fd, "file", "x");
	abandon(&world);
	/* It was made just now: its session may be about to lock it. */
	sweep(&world, 0);
	make_old(&world, "cache/oc-run/tmp/" ID);
	/* Not named as ours are. */
	expect_int(mkdir(at(&world, "cache/oc-run/tmp/mine"), 0700), 0);
	make_old(&world, "cache/oc-run/tmp/mine");
	/* Those that a session around us was given stay. */
	expect_int(setenv(PROCESS_TAG, ID, 1), 0);
	sweep(&world, 0);
	(void)unsetenv(PROCESS_TAG);
	sweep(&world, 1);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	expect(is_there(&world, "cache/oc-run/tmp/" OTHER_ID));
	expect(is_there(&world, "cache/oc-run/tmp/mine"));
	sweep(&world, 0);
	session_tmp_remove(&live, OTHER_ID, &tally);
	expect(tally.removed);
	tear_down(&world);
}

TEST(a_link_named_like_a_session_is_not_swept_through)
{
	struct tmp_world world;

	set_up(&world);
	make(&world, OTHER_ID);
	abandon(&world);
	expect_int(symlink(at(&world, "outside"), at(&world, "cache/oc-run/tmp/" ID)), 0);
	make_old(&world, "outside");
	sweep(&world, 0);
	session_tmp_sweep_path(at(&world, "cache/oc-run/tmp/" ID), ID);
	expect(is_there(&world, "outside/precious"));
	tear_down(&world);
}

TEST(an_entrys_path_is_believed_only_if_it_is_ours)
{
	struct tmp_world world;

	set_up(&world);
	make(&world, ID);
	abandon(&world);
	session_tmp_sweep_path(at(&world, "outside"), ID);
	session_tmp_sweep_path(at(&world, "cache/oc-run/tmp/" ID), OTHER_ID);
	session_tmp_sweep_path("cache/oc-run/tmp/" ID, ID);
	session_tmp_sweep_path(at(&world, "outside/../cache/oc-run/tmp/" ID), ID);
	session_tmp_sweep_path("", ID);
	expect(is_there(&world, "cache/oc-run/tmp/" ID));
	session_tmp_sweep_path(at(&world, "cache/oc-run/tmp/" ID), ID);
	expect(!is_there(&world, "cache/oc-run/tmp/" ID));
	tear_down(&world);
}

static void expect_bases(const struct tmp_world *world, uid_t uid, const char *first)
{
	struct host host = { .uid = uid, .runtime_dir = (char *)world->run };
	char *bases[SESSION_TMP_BASES_MAX];

	expect_int(session_tmp_bases(&host, bases), 0);
	expect_text(bases[0], first);
	expect_text(bases[1], uid == 0 ? "/run" : world->run);
	free(bases[0]);
	free(bases[1]);
}

TEST(root_takes_no_folder_of_another)
{
	struct tmp_world world;

	set_up(&world);
	if (geteuid() == 0) {
		expect_bases(&world, 0, world.cache);
		expect_int(mkdir(world.cache, 0700), 0);
		expect_bases(&world, 0, world.cache);
		/* As `sudo -E` leaves the variable. */
		expect_int(chown(world.cache, 65534, 65534), 0);
		expect_bases(&world, 0, "/var/cache");
	}
	expect_bases(&world, 65534, world.cache);
	expect_int(setenv("XDG_CACHE_HOME", "relative", 1), 0);
	expect_int(setenv("HOME", "/home/somebody", 1), 0);
	expect_bases(&world, 65534, "/home/somebody/.cache");
	expect_bases(&world, 0, "/var/cache");
	tear_down(&world);
}

TEST(it_can_be_made_once_more)
{
	struct session_tmp_tally tally;
	struct tmp_world world;
	char path[256];

	set_up(&world);
	make(&world, ID);
	(void)snprintf(path, sizeof(path), "%s", world.tmp.path);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect_int(session_tmp_make_again(path, ID, &world.tmp), 0);
	expect_text(world.tmp.path, path);
	session_tmp_remove(&world.tmp, ID, &tally);
	expect_int(session_tmp_make_again(at(&world, "outside"), ID, &world.tmp), -EINVAL);
	tear_down(&world);
}

TEST(own_folders_are_told_from_a_persons)
{
	expect(session_tmp_is_own("/home/u/.cache/oc-run/tmp/" ID, ID));
	expect(!session_tmp_is_own("/home/u/.cache/oc-run/tmp/" ID, OTHER_ID));
	expect(!session_tmp_is_own("/home/u/.cache/oc-run/tmp/" ID "/x", ID));
	expect(!session_tmp_is_own("/home/u/tmp/" ID, ID));
	expect(!session_tmp_is_own("/var/tmp", ID));
	expect(!session_tmp_is_own("/home/u/.cache/oc-run/tmp/" ID, NULL));
	expect(!session_tmp_is_own("/home/u/.cache/oc-run/tmp/", ""));
	expect(!session_tmp_is_own(NULL, ID));
}

UNIT_MAIN("session-tmp", the_folder_is_ours_alone_and_locked, files_and_bytes_are_counted,
	  what_is_linked_to_stays, things_that_are_no_files_go_too, a_tree_of_any_depth_goes,
	  modes_do_not_hold_it_up, a_link_in_the_folders_place_is_removed_and_not_followed,
	  another_folder_in_its_place_stays, a_folder_that_others_may_write_to_is_refused,
	  a_link_instead_of_our_folder_is_refused, where_no_base_will_do_there_is_no_folder,
	  a_sweep_takes_what_nobody_holds, a_link_named_like_a_session_is_not_swept_through,
	  an_entrys_path_is_believed_only_if_it_is_ours, root_takes_no_folder_of_another,
	  it_can_be_made_once_more, own_folders_are_told_from_a_persons)
