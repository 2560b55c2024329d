/* SPDX-License-Identifier: MIT */

/* What is removed of a snapshot store and what stays, with real processes that hold files and real
 * gits that work. */

#include "sys.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>

#include "oc-run/snapshot.h"

#define OLD_LAYOUT "store/0123456789012345678901234567890123456789"
#define NEW_LAYOUT \
	"store/abcdefabcdefabcdefabcdefabcdefabcdefabcd/1111111111111111111111111111111111111111"

struct snapshot_world {
	char path[64], store[80], tree[80];
	int proc_fd;
	uint64_t since_usec;
	struct snapshot_result result;
};

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static const char *at(const struct snapshot_world *world, const char *name)
{
	static char path[4][512];
	static unsigned next;
	char *text = path[next++ % 4];

	(void)snprintf(text, 512, "%s/%s", world->path, name);
	return text;
}

static void run(const char *command)
{
	unit_row = command;
	expect_int(system(command), 0);
	unit_row = NULL;
}

static void put(const struct snapshot_world *world, const char *name)
{
	int fd = open(at(world, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	unit_row = name;
	expect(fd >= 0);
	expect_int(write(fd, "x", 1), 1);
	(void)close(fd);
	unit_row = NULL;
}

static bool is_there(const struct snapshot_world *world, const char *name)
{
	struct stat status;

	return lstat(at(world, name), &status) == 0;
}

static void set_up(struct snapshot_world *world)
{
	char command[1024];

	*world = (struct snapshot_world){ .proc_fd = open("/proc", O_PATH | O_DIRECTORY) };
	(void)snprintf(world->path, sizeof(world->path), "/tmp/oc-run-test-snapshot-XXXXXX");
	expect(mkdtemp(world->path) != NULL);
	(void)snprintf(world->store, sizeof(world->store), "%s/store", world->path);
	(void)snprintf(world->tree, sizeof(world->tree), "%s/tree", world->path);
	(void)snprintf(command, sizeof(command),
		       "cd %s && mkdir -p tree/deep " OLD_LAYOUT " " NEW_LAYOUT
		       " && for d in " OLD_LAYOUT " " NEW_LAYOUT
		       "; do git init -q --bare $d && mkdir -p $d/objects/pack $d/objects/3f; done"
		       " && git init -q tree",
		       world->path);
	run(command);
	world->since_usec = now_usec();
	/* File times are those of the last tick. */
	(void)usleep(20 * 1000);
}

static void clean(struct snapshot_world *world, const char *working_directory)
{
	struct snapshot_request request = {
		.store = world->store,
		.working_directory = working_directory,
		.proc_fd = world->proc_fd,
		.since_usec = world->since_usec,
		.until_usec = now_usec(),
	};

	snapshot_result_finish(&world->result);
	expect_int(snapshot_clean(&request, &world->result), 0);
}

static void tear_down(struct snapshot_world *world)
{
	char command[128];

	snapshot_result_finish(&world->result);
	(void)close(world->proc_fd);
	(void)snprintf(command, sizeof(command), "rm -r %s", world->path);
	run(command);
}

static void make_old(const struct snapshot_world *world, const char *name)
{
	const struct timespec before[2] = { { .tv_sec = time(NULL) - 3600 },
					    { .tv_sec = time(NULL) - 3600 } };

	expect_int(utimensat(AT_FDCWD, at(world, name), before, AT_SYMLINK_NOFOLLOW), 0);
}

TEST(debris_in_both_layouts_is_removed_and_named)
{
	static const char *const names[] = {
		OLD_LAYOUT "/index.lock",
		OLD_LAYOUT "/objects/pack/tmp_pack_Abc123",
		OLD_LAYOUT "/objects/3f/tmp_obj_Abc123",
		NEW_LAYOUT "/index.lock",
		NEW_LAYOUT "/objects/pack/.tmp-1-pack-0.pack",
	};
	static const char *const others[] = {
		OLD_LAYOUT "/HEAD",
		OLD_LAYOUT "/mine.lock",
		OLD_LAYOUT "/objects/pack/pack-0.pack",
		OLD_LAYOUT "/objects/3f/0000000000000000000000000000000000000000",
		NEW_LAYOUT "/index",
		"store/index.lock",
		"index.lock",
	};
	struct snapshot_world world;

	set_up(&world);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put(&world, names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		put(&world, others[i]);
	clean(&world, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool is_named = false;

		unit_row = names[i];
		expect(!is_there(&world, names[i]));
		for (size_t j = 0; j < world.result.named; j++)
			is_named |= strcmp(world.result.removed[j].path, at(&world, names[i])) == 0;
		expect(is_named);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		unit_row = others[i];
		expect(is_there(&world, others[i]));
	}
	unit_row = NULL;
	expect_uint(world.result.count, ARRAY_SIZE(names));
	expect_uint(world.result.named, ARRAY_SIZE(names));
	expect(world.result.bytes > 0);
	clean(&world, NULL);
	expect_uint(world.result.count, 0);
	tear_down(&world);
}

TEST(what_is_older_than_the_session_stays)
{
	struct snapshot_world world;

	set_up(&world);
	put(&world, OLD_LAYOUT "/index.lock");
	put(&world, OLD_LAYOUT "/objects/pack/tmp_pack_new");
	make_old(&world, OLD_LAYOUT "/index.lock");
	clean(&world, NULL);
	expect(is_there(&world, OLD_LAYOUT "/index.lock"));
	expect(!is_there(&world, OLD_LAYOUT "/objects/pack/tmp_pack_new"));
	tear_down(&world);
}

static void hold(void *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		_exit(1);
	sys_ready();
	sys_sleep();
}

TEST(what_somebody_holds_open_stays_until_they_let_go)
{
	struct snapshot_world world;
	pid_t holder;

	set_up(&world);
	put(&world, OLD_LAYOUT "/index.lock");
	put(&world, NEW_LAYOUT "/index.lock");
	holder = sys_start(hold, (void *)at(&world, OLD_LAYOUT "/index.lock"));
	clean(&world, NULL);
	expect(is_there(&world, OLD_LAYOUT "/index.lock"));
	expect(!is_there(&world, NEW_LAYOUT "/index.lock"));
	sys_end(holder);
	clean(&world, NULL);
	expect(!is_there(&world, OLD_LAYOUT "/index.lock"));
	tear_down(&world);
}

TEST(a_file_held_under_another_path_is_held)
{
	struct snapshot_world world;
	pid_t holder;

	set_up(&world);
	put(&world, OLD_LAYOUT "/index.lock");
	expect_int(mkdir(at(&world, "other"), 0700), 0);
	expect_int(link(at(&world, OLD_LAYOUT "/index.lock"), at(&world, "other/index.lock")), 0);
	holder = sys_start(hold, (void *)at(&world, "other/index.lock"));
	clean(&world, NULL);
	expect(is_there(&world, OLD_LAYOUT "/index.lock"));
	sys_end(holder);
	tear_down(&world);
}

/* git reads its objects from a pipe that stays open, so it runs for as long as we like. */
struct git_play {
	const char *git_dir, *directory;
	bool by_environment;
};

static void work(void *argument)
{
	const struct git_play *play = argument;
	char variable[600];
	char *const by_option[] = { (char *)"git",	(char *)"--git-dir", (char *)play->git_dir,
				    (char *)"cat-file", (char *)"--batch",   NULL };
	char *const by_environment[] = { (char *)"git", (char *)"cat-file", (char *)"--batch",
					 NULL };
	char *const environment[] = { (char *)"PATH=/usr/bin:/bin",
				      play->by_environment ? variable : NULL, NULL };
	int fds[2];

	(void)snprintf(variable, sizeof(variable), "GIT_DIR=%s", play->git_dir);
	if (chdir(play->directory) < 0 || pipe(fds) < 0 || dup2(fds[0], STDIN_FILENO) < 0)
		_exit(1);
	sys_ready();
	(void)execve("/usr/bin/git",
		     play->git_dir && !play->by_environment ? by_option : by_environment,
		     environment);
	_exit(1);
}

/* "Ready" came before its exec. */
static pid_t start_git(const struct git_play *play)
{
	pid_t pid = sys_start(work, (void *)play);
	char path[64], name[32] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	for (int i = 0; i < SYS_LIFE_SECONDS * 100 && strcmp(name, "git\n") != 0; i++) {
		(void)usleep(10 * 1000);
		expect_int(sys_read_proc(path, name, sizeof(name)), 0);
	}
	expect_text(name, "git\n");
	return pid;
}

TEST(where_a_git_works_nothing_goes)
{
	static const struct {
		const char *name;
		bool by_environment, in_place;
	} rows[] = {
		{ "--git-dir", false, false },
		{ "GIT_DIR", true, false },
		{ "in the folder itself", false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct snapshot_world world;
		struct git_play play;
		char git_dir[512];
		pid_t git;

		set_up(&world);
		put(&world, OLD_LAYOUT "/index.lock");
		put(&world, NEW_LAYOUT "/index.lock");
		(void)snprintf(git_dir, sizeof(git_dir), "%s", at(&world, OLD_LAYOUT));
		play = (struct git_play){
			.git_dir = rows[i].in_place ? NULL : git_dir,
			.directory = rows[i].in_place ? git_dir : world.tree,
			.by_environment = rows[i].by_environment,
		};
		git = start_git(&play);
		unit_row = rows[i].name;
		clean(&world, NULL);
		expect(is_there(&world, OLD_LAYOUT "/index.lock"));
		/* In another repository it is of no account. */
		expect(!is_there(&world, NEW_LAYOUT "/index.lock"));
		sys_end(git);
		clean(&world, NULL);
		expect(!is_there(&world, OLD_LAYOUT "/index.lock"));
		unit_row = NULL;
		tear_down(&world);
	}
}

TEST(links_are_not_followed_and_no_links_go)
{
	struct snapshot_world world;

	set_up(&world);
	expect_int(mkdir(at(&world, "outside"), 0700), 0);
	put(&world, "outside/HEAD");
	expect_int(mkdir(at(&world, "outside/objects"), 0700), 0);
	expect_int(mkdir(at(&world, "outside/objects/pack"), 0700), 0);
	put(&world, "outside/index.lock");
	put(&world, "outside/objects/pack/tmp_pack_x");
	expect_int(symlink(at(&world, "outside"), at(&world, "store/linked-project")), 0);
	expect_int(symlink(at(&world, "outside"),
			   at(&world, "store/abcdefabcdefabcdefabcdefabcdefabcdefabcd/linked")),
		   0);
	expect_int(rmdir(at(&world, OLD_LAYOUT "/objects/pack")), 0);
	expect_int(symlink(at(&world, "outside/objects/pack"),
			   at(&world, OLD_LAYOUT "/objects/pack")),
		   0);
	expect_int(symlink(at(&world, "outside/index.lock"), at(&world, NEW_LAYOUT "/index.lock")),
		   0);
	clean(&world, NULL);
	expect_uint(world.result.count, 0);
	expect(is_there(&world, "outside/index.lock"));
	expect(is_there(&world, "outside/objects/pack/tmp_pack_x"));
	expect(is_there(&world, NEW_LAYOUT "/index.lock"));
	tear_down(&world);
}

TEST(the_persons_own_lock_is_told_and_stays)
{
	struct snapshot_world world;

	set_up(&world);
	put(&world, "tree/.git/index.lock");
	put(&world, "tree/.git/config.lock");
	expect_int(mkdir(at(&world, "tree/.git/objects/3f"), 0755), 0);
	put(&world, "tree/.git/objects/3f/tmp_obj_x");
	clean(&world, at(&world, "tree/deep"));
	expect_text(world.result.persons_lock, at(&world, "tree/.git/index.lock"));
	expect(is_there(&world, "tree/.git/index.lock"));
	expect(is_there(&world, "tree/.git/config.lock"));
	expect(is_there(&world, "tree/.git/objects/3f/tmp_obj_x"));
	expect_uint(world.result.count, 0);
	make_old(&world, "tree/.git/index.lock");
	clean(&world, at(&world, "tree/deep"));
	expect(world.result.persons_lock == NULL);
	tear_down(&world);
}

TEST(a_git_at_work_in_the_tree_speaks_for_the_persons_lock)
{
	struct snapshot_world world;
	struct git_play play;
	char tree[512];
	pid_t git;

	set_up(&world);
	put(&world, "tree/.git/index.lock");
	(void)snprintf(tree, sizeof(tree), "%s", at(&world, "tree/deep"));
	play = (struct git_play){ .directory = tree };
	git = start_git(&play);
	clean(&world, world.tree);
	expect(world.result.persons_lock == NULL);
	sys_end(git);
	clean(&world, world.tree);
	expect(world.result.persons_lock != NULL);
	tear_down(&world);
}

TEST(the_repository_is_found_as_git_finds_it)
{
	struct snapshot_world world;
	char command[1024];

	set_up(&world);
	(void)snprintf(command, sizeof(command),
		       "cd %s/tree && git -c user.name=x -c user.email=x@y commit -q --allow-empty "
		       "-m x && git worktree add -q ../linked HEAD",
		       world.path);
	run(command);
	/* A linked work tree has its own index in the main repository. */
	put(&world, "tree/.git/worktrees/linked/index.lock");
	clean(&world, at(&world, "linked"));
	expect_text(world.result.persons_lock, at(&world, "tree/.git/worktrees/linked/index.lock"));
	/* In none at all. */
	clean(&world, "/");
	expect(world.result.persons_lock == NULL);
	clean(&world, at(&world, "no/such/folder"));
	expect(world.result.persons_lock == NULL);
	tear_down(&world);
}

TEST(two_at_once_do_not_meet)
{
	struct snapshot_world world;
	struct snapshot_request request;
	int fd;

	set_up(&world);
	put(&world, OLD_LAYOUT "/index.lock");
	fd = open(world.store, O_RDONLY | O_DIRECTORY);
	expect_int(flock(fd, LOCK_EX), 0);
	request = (struct snapshot_request){
		.store = world.store,
		.proc_fd = world.proc_fd,
		.since_usec = world.since_usec,
		.until_usec = now_usec(),
	};
	expect_int(snapshot_clean(&request, &world.result), -EWOULDBLOCK);
	expect(is_there(&world, OLD_LAYOUT "/index.lock"));
	(void)close(fd);
	clean(&world, NULL);
	expect_uint(world.result.count, 1);
	tear_down(&world);
}

TEST(a_store_that_is_not_there_is_no_error)
{
	struct snapshot_world world;

	set_up(&world);
	(void)snprintf(world.store, sizeof(world.store), "%.60s/none", world.path);
	clean(&world, NULL);
	expect_uint(world.result.count, 0);
	tear_down(&world);
}

TEST(there_may_be_more_projects_than_fds)
{
	const struct rlimit few = { .rlim_cur = 48, .rlim_max = 48 };
	struct snapshot_world world;
	char command[512];

	set_up(&world);
	(void)snprintf(
		command, sizeof(command),
		"cd %s && for i in $(seq 100); do mkdir -p p$i/objects/pack && touch p$i/HEAD || "
		"exit 1; done; for i in 1 50 100; do touch p$i/index.lock; done",
		world.store);
	run(command);
	expect_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	clean(&world, NULL);
	expect_uint(world.result.count, 3);
	tear_down(&world);
}

TEST(without_proc_nothing_goes)
{
	struct snapshot_world world;

	set_up(&world);
	put(&world, OLD_LAYOUT "/index.lock");
	(void)close(world.proc_fd);
	world.proc_fd = open(at(&world, "tree/.git/HEAD"), O_RDONLY);
	clean(&world, NULL);
	expect(is_there(&world, OLD_LAYOUT "/index.lock"));
	tear_down(&world);
}

int main(void)
{
	const TTest *const tests[] = {
		debris_in_both_layouts_is_removed_and_named,
		what_is_older_than_the_session_stays,
		what_somebody_holds_open_stays_until_they_let_go,
		a_file_held_under_another_path_is_held,
		where_a_git_works_nothing_goes,
		links_are_not_followed_and_no_links_go,
		the_persons_own_lock_is_told_and_stays,
		a_git_at_work_in_the_tree_speaks_for_the_persons_lock,
		the_repository_is_found_as_git_finds_it,
		two_at_once_do_not_meet,
		a_store_that_is_not_there_is_no_error,
		there_may_be_more_projects_than_fds,
		without_proc_nothing_goes,
	};

	if (access("/usr/bin/git", X_OK) < 0)
		return sys_skip("no git");
	return unit_run("snapshot", tests, ARRAY_SIZE(tests));
}
