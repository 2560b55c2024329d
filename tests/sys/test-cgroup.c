/* SPDX-License-Identifier: MIT */

/* cgroup.c and cgroup-walk.c on the real hierarchy: no controller is needed for any of it. */

#include "sys.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

struct fixture {
	struct cgroup parent, cgroup;
	char name[32];
};

static void set_up(struct fixture *fixture)
{
	*fixture = (struct fixture){ .parent = CGROUP_INIT, .cgroup = CGROUP_INIT };
	expect(sys_make_cgroup(&fixture->parent, &fixture->cgroup, fixture->name));
}

static void tear_down(struct fixture *fixture)
{
	sys_leave_cgroup(&fixture->parent, &fixture->cgroup, fixture->name);
}

static pid_t start_in(const struct cgroup *cgroup, sys_body body)
{
	pid_t pid = sys_start(body, NULL);

	expect_int(cgroup_attach(cgroup, pid), 0);
	return pid;
}

static bool is_populated(const struct cgroup *cgroup)
{
	bool populated;

	expect_int(cgroup_is_populated(cgroup, &populated), 0);
	return populated;
}

static void wait_empty(const struct cgroup *cgroup)
{
	for (int i = 0; i < SYS_LIFE_SECONDS * 100 && is_populated(cgroup); i++)
		(void)usleep(10 * 1000);
	expect(!is_populated(cgroup));
}

static bool was_killed(pid_t pid)
{
	int status;

	expect_int(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(a_process_is_moved_and_found_there)
{
	struct fixture fixture;
	_cleanup_free_ char *path = NULL;
	pid_t pid;

	set_up(&fixture);
	expect(!is_populated(&fixture.cgroup));
	pid = start_in(&fixture.cgroup, sys_idle);
	expect(is_populated(&fixture.cgroup));
	expect_int(cgroup_of_process(pid, &path), 0);
	expect_text(path, fixture.cgroup.path);
	sys_end(pid);
	wait_empty(&fixture.cgroup);
	tear_down(&fixture);
}

TEST(nobody_is_moved_for_a_pid_that_is_none)
{
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture);
	expect_int(cgroup_attach(&fixture.cgroup, 0), -EINVAL);
	expect_int(cgroup_attach(&fixture.cgroup, -1), -EINVAL);
	expect(!is_populated(&fixture.cgroup));
	pid = sys_start(sys_idle, NULL);
	sys_end(pid);
	expect_int(cgroup_attach(&fixture.cgroup, pid), -ESRCH);
	tear_down(&fixture);
}

TEST(a_dead_process_has_no_cgroup)
{
	_cleanup_free_ char *path = NULL;
	pid_t pid = sys_start(sys_idle, NULL);

	sys_end(pid);
	expect_int(cgroup_of_process(pid, &path), -ESRCH);
	expect_int(cgroup_of_process(0, &path), -EINVAL);
	expect_text(path, NULL);
}

TEST(a_second_cgroup_of_the_same_name_is_refused)
{
	struct fixture fixture;
	struct cgroup again = CGROUP_INIT;

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.parent, fixture.name, &again), -EEXIST);
	expect_int(again.dirfd, -1);
	tear_down(&fixture);
}

TEST(a_name_cannot_lead_elsewhere)
{
	static const char *const names[] = { "", ".", "..", "a/b", "../x", "/tmp" };
	struct fixture fixture;

	set_up(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct cgroup child = CGROUP_INIT;

		unit_row = names[i];
		expect_int(cgroup_make(&fixture.cgroup, names[i], &child), -EINVAL);
		expect_int(cgroup_open_child(&fixture.cgroup, names[i], &child), -EINVAL);
		expect_int(cgroup_remove(&fixture.cgroup, names[i]), -EINVAL);
	}
	unit_row = NULL;
	tear_down(&fixture);
}

TEST(a_path_outside_of_the_namespace_is_refused)
{
	static const struct {
		const char *path;
		int result;
	} rows[] = {
		{ "/../x", -EXDEV },
		{ "/a/../../x", -EXDEV },
		{ "/..", -EXDEV },
		{ "relative", -EXDEV },
		{ "/nothing-of-this-name", -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cgroup cgroup = CGROUP_INIT;

		unit_row = rows[i].path;
		expect_int(cgroup_open("/sys/fs/cgroup", rows[i].path, &cgroup), rows[i].result);
		expect_int(cgroup.dirfd, -1);
		expect_text(cgroup.path, NULL);
	}
}

TEST(a_file_that_does_not_fit_is_an_error)
{
	struct fixture fixture;
	char small[4], large[512];

	set_up(&fixture);
	expect_int(cgroup_read(&fixture.cgroup, "cgroup.events", small, sizeof(small)), -EFBIG);
	expect_int(cgroup_read(&fixture.cgroup, "cgroup.events", large, sizeof(large)), 0);
	expect_contains(large, "populated 0");
	expect_int(cgroup_read(&fixture.cgroup, "cgroup.procs", large, sizeof(large)), 0);
	expect_text(large, "");
	expect_int(cgroup_read(&fixture.cgroup, "no.such.file", large, sizeof(large)), -ENOENT);
	expect_int(cgroup_write(&fixture.cgroup, "no.such.file", "1"), -ENOENT);
	tear_down(&fixture);
}

struct pid_list {
	pid_t pids[8];
	int count;
	int stop_after;
};

static int note_pid(pid_t pid, void *userdata)
{
	struct pid_list *list = userdata;

	if (list->stop_after && list->count == list->stop_after)
		return -ECANCELED;
	if ((size_t)list->count < ARRAY_SIZE(list->pids))
		list->pids[list->count] = pid;
	list->count++;
	return 0;
}

static bool holds(const struct pid_list *list, pid_t pid)
{
	for (int i = 0; i < list->count; i++)
		if (list->pids[i] == pid)
			return true;
	return false;
}

TEST(all_processes_below_are_listed_once)
{
	struct pid_list list = { 0 }, first = { .stop_after = 1 };
	struct cgroup child = CGROUP_INIT, grandchild = CGROUP_INIT;
	struct fixture fixture;
	pid_t a, b, c;

	set_up(&fixture);
	expect_int(cgroup_for_each_pid(&fixture.cgroup, note_pid, &list), 0);
	expect_int(cgroup_make(&fixture.cgroup, "child", &child), 0);
	expect_int(cgroup_make(&child, "grandchild", &grandchild), 0);
	a = start_in(&fixture.cgroup, sys_idle);
	b = start_in(&child, sys_idle);
	c = start_in(&grandchild, sys_idle);
	expect_int(cgroup_for_each_pid(&fixture.cgroup, note_pid, &list), 3);
	expect_int(list.count, 3);
	expect(holds(&list, a) && holds(&list, b) && holds(&list, c));
	/* The descriptor's own position is not used up. */
	list.count = 0;
	expect_int(cgroup_for_each_pid(&child, note_pid, &list), 2);
	expect_int(cgroup_for_each_pid(&fixture.cgroup, note_pid, &first), -ECANCELED);
	expect_int(first.count, 1);
	sys_end(a);
	sys_end(b);
	sys_end(c);
	cgroup_finish(&grandchild);
	cgroup_finish(&child);
	tear_down(&fixture);
}

TEST(more_pids_than_one_read_gives_are_whole)
{
	enum {
		COUNT = 120
	}; /* well over the 512 bytes that are read at a time */
	struct fixture fixture;
	struct pid_list list = { 0 };
	pid_t pids[COUNT];

	set_up(&fixture);
	for (int i = 0; i < COUNT; i++)
		pids[i] = start_in(&fixture.cgroup, sys_idle);
	expect_int(cgroup_for_each_pid(&fixture.cgroup, note_pid, &list), COUNT);
	expect_int(cgroup_kill(&fixture.cgroup), 0);
	for (int i = 0; i < COUNT; i++)
		expect(was_killed(pids[i]));
	tear_down(&fixture);
}

static void fork_forever(void *unused)
{
	(void)unused;
	(void)signal(SIGCHLD, SIG_IGN);
	sys_ready();
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)usleep(2000);
			_exit(0);
		}
		(void)usleep(500);
	}
}

static void ignore_all(void *unused)
{
	(void)unused;
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_IGN);
	(void)setsid();
	sys_ready();
	for (;;)
		(void)pause();
}

/* One of each kind that is hard to end, two levels down. */
static void kill_hard_ones(int (*kill_all)(const struct cgroup *cgroup))
{
	struct cgroup child = CGROUP_INIT;
	struct fixture fixture;
	pid_t deaf, stopped, busy;

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.cgroup, "child", &child), 0);
	deaf = start_in(&child, ignore_all);
	stopped = start_in(&fixture.cgroup, sys_idle);
	expect_int(kill(stopped, SIGSTOP), 0);
	busy = start_in(&child, fork_forever);
	expect_int(kill_all(&fixture.cgroup), 0);
	expect(was_killed(deaf));
	expect(was_killed(stopped));
	expect(was_killed(busy));
	wait_empty(&fixture.cgroup);
	cgroup_finish(&child);
	tear_down(&fixture);
}

TEST(a_prepared_kill_needs_no_descriptor)
{
	struct rlimit before, none;
	struct fixture fixture;
	int kill_fd, r;
	pid_t pid;

	set_up(&fixture);
	pid = start_in(&fixture.cgroup, sys_idle);
	kill_fd = cgroup_kill_prepare(&fixture.cgroup);
	expect(kill_fd >= 0);
	expect_int(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	expect_int(setrlimit(RLIMIT_NOFILE, &none), 0);
	expect_int(cgroup_kill(&fixture.cgroup), -EMFILE);
	r = cgroup_kill_with(&fixture.cgroup, kill_fd);
	expect_int(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect_int(r, 0);
	expect(was_killed(pid));
	(void)close(kill_fd);
	tear_down(&fixture);
}

TEST(kill_ends_deaf_stopped_and_forking_ones)
{
	kill_hard_ones(cgroup_kill);
}

TEST(kill_by_pid_does_the_same)
{
	kill_hard_ones(cgroup_kill_by_pid);
}

TEST(kill_by_pid_leaves_the_cgroup_thawed)
{
	struct fixture fixture;
	char text[16];

	set_up(&fixture);
	expect_int(cgroup_kill_by_pid(&fixture.cgroup), 0);
	expect_int(cgroup_read(&fixture.cgroup, "cgroup.freeze", text, sizeof(text)), 0);
	expect_text(text, "0\n");
	tear_down(&fixture);
}

TEST(remove_takes_everything_below_along)
{
	struct cgroup a = CGROUP_INIT, b = CGROUP_INIT, c = CGROUP_INIT;
	struct fixture fixture;
	char text[64];

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.cgroup, "a", &a), 0);
	expect_int(cgroup_make(&a, "b", &b), 0);
	expect_int(cgroup_make(&fixture.cgroup, "c", &c), 0);
	expect_int(cgroup_remove(&fixture.parent, fixture.name), 0);
	expect_int(cgroup_read(&b, "cgroup.events", text, sizeof(text)), -ENOENT);
	expect_int(cgroup_remove(&fixture.parent, fixture.name), 0);
	cgroup_finish(&a);
	cgroup_finish(&b);
	cgroup_finish(&c);
	cgroup_finish(&fixture.cgroup);
	cgroup_finish(&fixture.parent);
}

TEST(remove_says_busy_while_somebody_lives_and_removes_the_rest)
{
	struct cgroup empty = CGROUP_INIT, held = CGROUP_INIT, again = CGROUP_INIT;
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.cgroup, "empty", &empty), 0);
	expect_int(cgroup_make(&fixture.cgroup, "held", &held), 0);
	pid = start_in(&held, sys_idle);
	expect_int(cgroup_remove(&fixture.parent, fixture.name), -EBUSY);
	expect_int(cgroup_open_child(&fixture.cgroup, "empty", &again), -ENOENT);
	expect(is_populated(&held));
	sys_end(pid);
	wait_empty(&fixture.cgroup);
	cgroup_finish(&empty);
	cgroup_finish(&held);
	tear_down(&fixture);
}

TEST(a_zombie_does_not_keep_its_cgroup)
{
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture);
	pid = start_in(&fixture.cgroup, sys_idle);
	expect_int(cgroup_kill(&fixture.cgroup), 0);
	wait_empty(&fixture.cgroup);
	expect_int(cgroup_remove(&fixture.parent, fixture.name), 0);
	expect(was_killed(pid));
	cgroup_finish(&fixture.cgroup);
	cgroup_finish(&fixture.parent);
}

TEST(a_deep_nest_is_removed)
{
	enum {
		DEPTH = 60
	};
	struct cgroup nest[DEPTH];
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture);
	for (int i = 0; i < DEPTH; i++) {
		nest[i] = (struct cgroup)CGROUP_INIT;
		expect_int(cgroup_make(i ? &nest[i - 1] : &fixture.cgroup, "n", &nest[i]), 0);
	}
	pid = start_in(&nest[DEPTH - 1], sys_idle);
	expect_int(cgroup_kill(&fixture.cgroup), 0);
	expect(was_killed(pid));
	for (int i = 0; i < DEPTH; i++)
		cgroup_finish(&nest[i]);
	wait_empty(&fixture.cgroup);
	tear_down(&fixture);
}

TEST(counters_are_zero_without_controllers_and_a_removed_cgroup_says_so)
{
	struct cgroup_counters counters = { .memory = { .oom_kill = 42 } };
	struct cgroup_usage usage = { .memory_current = 42 };
	struct fixture fixture;
	char controllers[256];
	bool populated;

	set_up(&fixture);
	expect_int(cgroup_read(&fixture.cgroup, "cgroup.controllers", controllers,
			       sizeof(controllers)),
		   0);
	expect_int(cgroup_read_counters(&fixture.cgroup, &counters), 0);
	expect_uint(counters.memory.oom_kill, 0);
	expect_int(cgroup_read_usage(&fixture.cgroup, &usage), 0);
	if (!strstr(controllers, "memory"))
		expect_uint(usage.memory_current, 0);
	expect_int(cgroup_remove(&fixture.parent, fixture.name), 0);
	expect_int(cgroup_read_counters(&fixture.cgroup, &counters), -ENODEV);
	expect_int(cgroup_read_usage(&fixture.cgroup, &usage), -ENODEV);
	expect_int(cgroup_is_populated(&fixture.cgroup, &populated), -ENODEV);
	cgroup_finish(&fixture.cgroup);
	cgroup_finish(&fixture.parent);
}

TEST(the_open_directory_is_not_fooled_by_a_new_one_of_the_same_name)
{
	struct cgroup old = CGROUP_INIT;
	struct pid_list list = { 0 };
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture);
	old = fixture.cgroup;
	fixture.cgroup = (struct cgroup)CGROUP_INIT;
	expect_int(cgroup_remove(&fixture.parent, fixture.name), 0);
	expect_int(cgroup_make(&fixture.parent, fixture.name, &fixture.cgroup), 0);
	pid = start_in(&fixture.cgroup, sys_idle);
	expect_int(cgroup_kill(&old), -ENODEV);
	expect_int(cgroup_attach(&old, pid), -ENODEV);
	expect_int(cgroup_for_each_pid(&old, note_pid, &list), -ENODEV);
	expect_int(kill(pid, 0), 0);
	sys_end(pid);
	cgroup_finish(&old);
	tear_down(&fixture);
}

TEST(a_reopened_cgroup_is_the_same)
{
	struct cgroup second = CGROUP_INIT;
	struct fixture fixture;
	struct stat a, b;

	set_up(&fixture);
	expect_int(cgroup_reopen(&fixture.cgroup, &second), 0);
	expect_int(fstat(fixture.cgroup.dirfd, &a), 0);
	expect_int(fstat(second.dirfd, &b), 0);
	expect_uint(a.st_ino, b.st_ino);
	expect(second.dirfd != fixture.cgroup.dirfd);
	expect_text(second.path, fixture.cgroup.path);
	cgroup_finish(&second);
	cgroup_finish(&second);
	tear_down(&fixture);
}

SYS_MAIN_WITH_CGROUP("cgroup", a_process_is_moved_and_found_there,
		     nobody_is_moved_for_a_pid_that_is_none, a_dead_process_has_no_cgroup,
		     a_second_cgroup_of_the_same_name_is_refused, a_name_cannot_lead_elsewhere,
		     a_path_outside_of_the_namespace_is_refused,
		     a_file_that_does_not_fit_is_an_error, all_processes_below_are_listed_once,
		     more_pids_than_one_read_gives_are_whole, a_prepared_kill_needs_no_descriptor,
		     kill_ends_deaf_stopped_and_forking_ones, kill_by_pid_does_the_same,
		     kill_by_pid_leaves_the_cgroup_thawed, remove_takes_everything_below_along,
		     remove_says_busy_while_somebody_lives_and_removes_the_rest,
		     a_zombie_does_not_keep_its_cgroup, a_deep_nest_is_removed,
		     counters_are_zero_without_controllers_and_a_removed_cgroup_says_so,
		     the_open_directory_is_not_fooled_by_a_new_one_of_the_same_name,
		     a_reopened_cgroup_is_the_same)
