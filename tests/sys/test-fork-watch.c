/* SPDX-License-Identifier: MIT */

/* Forks of one process and no other, as the kernel tells them: to anybody since Linux 6.6, in the
 * machine's own namespaces. Elsewhere: that nothing is told and nothing fails. */

#include "sys.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/utsname.h>
#include <time.h>

#include "oc-run/fork-watch.h"

struct fixture {
	sd_event *event;
	struct fork_watch *watch;
	pid_t parents[64], children[64];
	size_t count;
};

static void on_forked(pid_t parent, pid_t child, void *userdata)
{
	struct fixture *fixture = userdata;

	if (fixture->count == ARRAY_SIZE(fixture->parents))
		return;
	fixture->parents[fixture->count] = parent;
	fixture->children[fixture->count++] = child;
}

static bool is_first_of_its_kind(const char *kind, const char *wanted)
{
	char path[32], target[64];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strstr(target, wanted) != NULL;
}

/* include/linux/proc_ns.h has the numbers of the first namespaces; that of the network has none. */
static bool is_promised(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	expect_int(uname(&name), 0);
	expect_int(sscanf(name.release, "%d.%d", &major, &minor), 2);
	return (major > 6 || (major == 6 && minor >= 6)) &&
	       is_first_of_its_kind("pid", "4026531836") &&
	       is_first_of_its_kind("user", "4026531837");
}

/* false: nothing is to be expected here, and it is fine not to have it. */
static bool fixture_set_up(struct fixture *fixture)
{
	const struct fork_watch_request request = {
		.forked = on_forked,
		.userdata = fixture,
	};
	struct fork_watch_request own = request;
	int r;

	*fixture = (struct fixture){ .count = 0 };
	expect(sd_event_new(&fixture->event) >= 0);
	own.event = fixture->event;
	r = fork_watch_new(&own, &fixture->watch);
	if (is_promised()) {
		expect_int(r, 0);
		return true;
	}
	(void)printf("# this kernel or namespace tells nothing of forks (%d)\n", r);
	return false;
}

static void fixture_tear_down(struct fixture *fixture)
{
	fixture->watch = fork_watch_free(fixture->watch);
	fixture->event = sd_event_unref(fixture->event);
}

static void run(struct fixture *fixture)
{
	for (int i = 0; i < 100 && sd_event_run(fixture->event, 0) > 0; i++)
		;
}

static void nothing(void *unused)
{
	(void)unused;
	sys_ready();
}

static pid_t fork_once(void)
{
	pid_t pid = sys_start(nothing, NULL);

	expect_int(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void fork_once_in_child(void *unused)
{
	(void)unused;
	(void)fork_once();
	sys_ready();
}

static void *thread(void *unused)
{
	return unused;
}

TEST(a_fork_of_the_followed_is_told_with_its_pid)
{
	const pid_t self = getpid();
	struct fixture fixture;

	if (fixture_set_up(&fixture)) {
		pid_t child;

		expect_int(fork_watch_follow(fixture.watch, &self, 1), 0);
		expect(!fork_watch_works(fixture.watch));
		child = fork_once();
		run(&fixture);
		expect_uint(fixture.count, 1);
		expect_int(fixture.parents[0], self);
		expect_int(fixture.children[0], child);
		expect(fork_watch_works(fixture.watch));
	}
	fixture_tear_down(&fixture);
}

TEST(forks_of_others_threads_and_exits_are_not_told)
{
	const pid_t self = getpid();
	struct fixture fixture;

	if (fixture_set_up(&fixture)) {
		pthread_t id;
		pid_t child;

		/* Nobody yet, */
		(void)fork_once();
		/* then us: a child that forks too, and a thread. */
		expect_int(fork_watch_follow(fixture.watch, &self, 1), 0);
		child = sys_start(fork_once_in_child, NULL);
		expect_int(waitpid(child, NULL, 0), child);
		expect_int(pthread_create(&id, NULL, thread, NULL), 0);
		expect_int(pthread_join(id, NULL), 0);
		run(&fixture);
		expect_uint(fixture.count, 1);
		expect_int(fixture.children[0], child);
	}
	fixture_tear_down(&fixture);
}

TEST(many_can_be_followed_and_the_last_choice_counts)
{
	const pid_t self = getpid();
	struct fixture fixture;

	if (fixture_set_up(&fixture)) {
		pid_t others[FORK_WATCH_MAX + 1];

		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			others[i] = self + 1 + (pid_t)i;
		others[FORK_WATCH_MAX - 1] = self;
		expect_int(fork_watch_follow(fixture.watch, others, ARRAY_SIZE(others)), 0);
		(void)fork_once();
		run(&fixture);
		expect_uint(fixture.count, 1);
		expect_int(fork_watch_follow(fixture.watch, others, 1), 0);
		(void)fork_once();
		run(&fixture);
		expect_uint(fixture.count, 1);
	}
	fixture_tear_down(&fixture);
}

static void exec_true(void *unused)
{
	(void)unused;
	sys_ready();
	/* Until the test follows us. */
	expect_int(raise(SIGSTOP), 0);
	(void)execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

/* As the command of a session does before anything else. */
TEST(an_execve_of_the_followed_shows_that_it_works)
{
	struct fixture fixture;

	if (fixture_set_up(&fixture)) {
		pid_t child = sys_start(exec_true, NULL);
		int status;

		expect_int(waitpid(child, &status, WUNTRACED), child);
		expect_int(fork_watch_follow(fixture.watch, &child, 1), 0);
		expect_int(kill(child, SIGCONT), 0);
		expect_int(waitpid(child, &status, 0), child);
		run(&fixture);
		expect(fork_watch_works(fixture.watch));
		expect_uint(fixture.count, 0);
	}
	fixture_tear_down(&fixture);
}

/* The posix_spawn(3) of Bun and Python: CLONE_VM and CLONE_VFORK. */
TEST(a_spawn_is_a_fork)
{
	const pid_t self = getpid();
	struct fixture fixture;

	if (fixture_set_up(&fixture)) {
		char *argv[] = { (char *)"true", NULL };
		pid_t child;

		expect_int(fork_watch_follow(fixture.watch, &self, 1), 0);
		expect_int(posix_spawn(&child, "/bin/true", NULL, NULL, argv, NULL), 0);
		expect_int(waitpid(child, NULL, 0), child);
		run(&fixture);
		expect_uint(fixture.count, 1);
		expect_int(fixture.children[0], child);
	}
	fixture_tear_down(&fixture);
}

TEST(without_one_everything_is_a_no)
{
	expect(!fork_watch_works(NULL));
	expect(fork_watch_free(NULL) == NULL);
}

UNIT_MAIN("fork-watch", a_fork_of_the_followed_is_told_with_its_pid,
	  forks_of_others_threads_and_exits_are_not_told,
	  many_can_be_followed_and_the_last_choice_counts,
	  an_execve_of_the_followed_shows_that_it_works, a_spawn_is_a_fork,
	  without_one_everything_is_a_no)
