/* SPDX-License-Identifier: MIT */

/* The watch on a folder of ordinary files: inotify works on them, EPOLLPRI does not. That is the one
 * way to have inotify alone, and counters that move as the test wants. */

#include "sys.h"

#include "oc-run/watch.h"

#define MEMORY_EVENTS(high, kills) \
	"low 0\nhigh " high "\nmax 0\noom 0\noom_kill " kills "\noom_group_kill 0\n"

struct fixture {
	char folder[32];
	struct cgroup payload, scope;
	sd_event *event;
	struct watch *watch;
	struct watch_state before, now;
	int calls;
	bool free_in_callback;
};

static void on_change(const struct watch_state *before, const struct watch_state *now,
		      void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->calls++;
	fixture->before = *before;
	fixture->now = *now;
	if (fixture->free_in_callback)
		fixture->watch = watch_free(fixture->watch);
}

static int make_folder(int parent_fd, const char *name)
{
	int fd;

	expect_int(mkdirat(parent_fd, name, 0700), 0);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(fd >= 0);
	return fd;
}

static void put(int folder_fd, const char *name, const char *text)
{
	sys_write_file(folder_fd, name, text, strlen(text));
}

static void set_up(struct fixture *fixture)
{
	_cleanup_close_ int fd = -1;

	*fixture = (struct fixture){ .folder = "/tmp/oc-run-test-XXXXXX" };
	expect(mkdtemp(fixture->folder));
	fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fixture->scope.dirfd = make_folder(fd, "scope");
	fixture->payload.dirfd = make_folder(fixture->scope.dirfd, "payload");
	put(fixture->payload.dirfd, "cgroup.events", "populated 1\nfrozen 0\n");
	put(fixture->payload.dirfd, "memory.events", MEMORY_EVENTS("3", "1"));
	put(fixture->payload.dirfd, "memory.events.local", MEMORY_EVENTS("2", "1"));
	put(fixture->payload.dirfd, "memory.swap.events", "high 0\nmax 4\nfail 5\n");
	put(fixture->payload.dirfd, "pids.events", "max 7\n");
	put(fixture->scope.dirfd, "memory.events", MEMORY_EVENTS("30", "1"));
	put(fixture->scope.dirfd, "pids.events", "max 70\n");
	expect(sd_event_new(&fixture->event) >= 0);
}

static int start(struct fixture *fixture)
{
	struct watch_request request = {
		.event = fixture->event,
		.payload = &fixture->payload,
		.scope = &fixture->scope,
		.changed = on_change,
		.userdata = fixture,
	};

	return watch_new(&request, &fixture->watch);
}

static void tear_down(struct fixture *fixture)
{
	char command[64];

	watch_free(fixture->watch);
	sd_event_unref(fixture->event);
	(void)close(fixture->payload.dirfd);
	(void)close(fixture->scope.dirfd);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", fixture->folder);
	expect_int(system(command), 0);
}

/* Until a change is told. */
static void run_until_called(struct fixture *fixture, int calls)
{
	for (int i = 0; i < 100 && fixture->calls < calls; i++)
		expect(sd_event_run(fixture->event, 100 * 1000) >= 0);
	expect_int(fixture->calls, calls);
}

TEST(the_state_to_start_from_is_read_and_not_told_as_a_change)
{
	struct fixture fixture;
	const struct watch_state *state;

	set_up(&fixture);
	expect_int(start(&fixture), 0);
	state = watch_state(fixture.watch);
	expect(watch_uses_inotify(fixture.watch));
	expect(state->populated);
	expect(!state->gone);
	expect_uint(state->payload.memory.high, 3);
	expect_uint(state->payload.memory.oom_kill, 1);
	expect_uint(state->payload.memory_local.high, 2);
	expect_uint(state->payload.swap.max, 4);
	expect_uint(state->payload.swap.fail, 5);
	expect_uint(state->payload.pids.max, 7);
	expect_uint(state->scope.memory.high, 30);
	expect_uint(state->scope.memory_local.high, 0);
	expect_uint(state->scope.pids.max, 70);
	expect_int(sd_event_run(fixture.event, 0), 0);
	expect_int(watch_read(fixture.watch), 0);
	expect_int(fixture.calls, 0);
	tear_down(&fixture);
}

TEST(a_change_of_each_file_wakes_the_loop)
{
	static const struct {
		const char *name, *text;
		bool in_scope;
	} rows[] = {
		{ "cgroup.events", "populated 0\nfrozen 0\n", false },
		{ "memory.events", MEMORY_EVENTS("4", "1"), false },
		{ "memory.events.local", MEMORY_EVENTS("2", "2"), false },
		{ "memory.swap.events", "high 0\nmax 5\nfail 5\n", false },
		{ "pids.events", "max 8\n", false },
		{ "memory.events", MEMORY_EVENTS("30", "2"), true },
		{ "pids.events", "max 71\n", true },
	};
	struct fixture fixture;

	set_up(&fixture);
	expect_int(start(&fixture), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct cgroup *where = rows[i].in_scope ? &fixture.scope : &fixture.payload;

		unit_row = rows[i].name;
		put(where->dirfd, rows[i].name, rows[i].text);
		run_until_called(&fixture, (int)i + 1);
		expect(memcmp(&fixture.now, watch_state(fixture.watch), sizeof(fixture.now)) == 0);
	}
	expect(!fixture.now.populated);
	expect_uint(fixture.before.scope.pids.max, 70);
	expect_uint(fixture.now.scope.pids.max, 71);
	expect_uint(fixture.now.payload.memory_local.oom_kill, 2);
	tear_down(&fixture);
}

TEST(changes_in_several_files_are_one_change)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(start(&fixture), 0);
	put(fixture.payload.dirfd, "pids.events", "max 9\n");
	put(fixture.payload.dirfd, "memory.events", MEMORY_EVENTS("9", "9"));
	expect_int(watch_read(fixture.watch), 0);
	expect_int(fixture.calls, 1);
	expect_uint(fixture.now.payload.pids.max - fixture.before.payload.pids.max, 2);
	expect_uint(fixture.now.payload.memory.oom_kill - fixture.before.payload.memory.oom_kill,
		    8);
	/* What the loop still has to say about it is nothing new. */
	for (int i = 0; i < 5; i++)
		expect(sd_event_run(fixture.event, 0) >= 0);
	expect_int(fixture.calls, 1);
	tear_down(&fixture);
}

TEST(a_file_that_is_not_there_is_not_watched)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(unlinkat(fixture.payload.dirfd, "memory.events", 0), 0);
	expect_int(unlinkat(fixture.payload.dirfd, "memory.events.local", 0), 0);
	expect_int(unlinkat(fixture.payload.dirfd, "memory.swap.events", 0), 0);
	expect_int(start(&fixture), 0);
	expect_uint(watch_state(fixture.watch)->payload.memory.high, 0);
	put(fixture.payload.dirfd, "pids.events", "max 8\n");
	run_until_called(&fixture, 1);
	tear_down(&fixture);
}

TEST(without_cgroup_events_there_is_no_watch)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(unlinkat(fixture.payload.dirfd, "cgroup.events", 0), 0);
	expect_int(start(&fixture), -ENOENT);
	tear_down(&fixture);
}

TEST(without_any_channel_there_is_no_watch)
{
	struct fixture fixture;
	struct watch_request request;

	set_up(&fixture);
	request = (struct watch_request){
		.event = fixture.event,
		.payload = &fixture.payload,
		.without_inotify = true,
		.changed = on_change,
		.userdata = &fixture,
	};
	expect_int(watch_new(&request, &fixture.watch), -EPERM);
	tear_down(&fixture);
}

TEST(a_file_that_makes_no_sense_keeps_its_last_values)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(start(&fixture), 0);
	put(fixture.payload.dirfd, "memory.events", "");
	expect_int(watch_read(fixture.watch), 0);
	expect_int(fixture.calls, 0);
	expect_uint(watch_state(fixture.watch)->payload.memory.high, 3);
	tear_down(&fixture);
}

TEST(the_callback_may_free_the_watch)
{
	struct fixture fixture;

	set_up(&fixture);
	fixture.free_in_callback = true;
	expect_int(start(&fixture), 0);
	put(fixture.payload.dirfd, "pids.events", "max 8\n");
	run_until_called(&fixture, 1);
	expect(!fixture.watch);
	put(fixture.payload.dirfd, "pids.events", "max 9\n");
	expect_int(sd_event_run(fixture.event, 0), 0);
	tear_down(&fixture);
}

UNIT_MAIN("watch", the_state_to_start_from_is_read_and_not_told_as_a_change,
	  a_change_of_each_file_wakes_the_loop, changes_in_several_files_are_one_change,
	  a_file_that_is_not_there_is_not_watched, without_cgroup_events_there_is_no_watch,
	  without_any_channel_there_is_no_watch, a_file_that_makes_no_sense_keeps_its_last_values,
	  the_callback_may_free_the_watch)
