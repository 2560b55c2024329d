/* SPDX-License-Identifier: MIT */

/* The watch on a real cgroup: cgroup.events is there without any controller. */

#include "sys.h"

#include <sys/inotify.h>

#include "oc-run/watch.h"

struct fixture {
	struct cgroup parent, scope, payload;
	char name[32];
	sd_event *event;
	struct watch *watch;
	struct watch_state before, now;
	int calls;
};

static void on_change(const struct watch_state *before, const struct watch_state *now,
		      void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->calls++;
	fixture->before = *before;
	fixture->now = *now;
}

static void set_up(struct fixture *fixture, bool without_inotify)
{
	struct watch_request request;

	*fixture = (struct fixture){ .parent = CGROUP_INIT,
				     .scope = CGROUP_INIT,
				     .payload = CGROUP_INIT };
	expect(sys_make_cgroup(&fixture->parent, &fixture->scope, fixture->name));
	expect_int(cgroup_make(&fixture->scope, "payload", &fixture->payload), 0);
	expect(sd_event_new(&fixture->event) >= 0);
	request = (struct watch_request){
		.event = fixture->event,
		.payload = &fixture->payload,
		.scope = &fixture->scope,
		.without_inotify = without_inotify,
		.changed = on_change,
		.userdata = fixture,
	};
	expect_int(watch_new(&request, &fixture->watch), 0);
}

static void tear_down(struct fixture *fixture)
{
	watch_free(fixture->watch);
	sd_event_unref(fixture->event);
	cgroup_finish(&fixture->payload);
	sys_leave_cgroup(&fixture->parent, &fixture->scope, fixture->name);
}

static void run_until_called(struct fixture *fixture, int calls)
{
	for (int i = 0; i < 100 && fixture->calls < calls; i++)
		expect(sd_event_run(fixture->event, 100 * 1000) >= 0);
	expect_int(fixture->calls, calls);
}

/* Nothing is ready: a source that stays ready would be a busy loop. inotify comes by way of a
 * kernel thread, so a wake-up or two may still be under way. */
static void expect_rest(struct fixture *fixture)
{
	int wakeups = 0;

	for (int i = 0; i < 50; i++)
		wakeups += sd_event_run(fixture->event, 2000) > 0;
	expect(wakeups < 10);
	expect_int(sd_event_run(fixture->event, 0), 0);
}

static void follow_a_session(bool without_inotify)
{
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture, without_inotify);
	expect_int(watch_uses_inotify(fixture.watch), !without_inotify);
	expect(!watch_state(fixture.watch)->populated);

	pid = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&fixture.payload, pid), 0);
	run_until_called(&fixture, 1);
	expect(!fixture.before.populated);
	expect(fixture.now.populated);
	expect_rest(&fixture);

	sys_end(pid);
	run_until_called(&fixture, 2);
	expect(!fixture.now.populated);
	expect(!fixture.now.gone);
	expect_rest(&fixture);
	expect_int(fixture.calls, 2);
	tear_down(&fixture);
}

TEST(both_channels_tell_when_the_cgroup_gets_its_first_and_loses_its_last_process)
{
	follow_a_session(false);
}

TEST(epollpri_alone_does_the_same)
{
	follow_a_session(true);
}

TEST(a_process_further_below_counts)
{
	struct cgroup below = CGROUP_INIT;
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture, false);
	expect_int(cgroup_make(&fixture.payload, "below", &below), 0);
	pid = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&below, pid), 0);
	run_until_called(&fixture, 1);
	expect(fixture.now.populated);
	sys_end(pid);
	run_until_called(&fixture, 2);
	expect(!fixture.now.populated);
	cgroup_finish(&below);
	tear_down(&fixture);
}

TEST(a_removed_cgroup_is_gone_and_keeps_nobody_awake)
{
	struct fixture fixture;

	for (int without_inotify = 0; without_inotify < 2; without_inotify++) {
		unit_row = without_inotify ? "EPOLLPRI" : "both";
		set_up(&fixture, without_inotify);
		expect_int(cgroup_remove(&fixture.scope, "payload"), 0);
		expect_int(watch_read(fixture.watch), -ENODEV);
		expect_int(fixture.calls, 1);
		expect(fixture.now.gone);
		expect(!fixture.now.populated);
		expect_rest(&fixture);
		expect_int(watch_read(fixture.watch), -ENODEV);
		expect_int(fixture.calls, 1);
		tear_down(&fixture);
	}
}

TEST(when_no_inotify_instance_is_left_epollpri_takes_over)
{
	static int instances[1 << 16];
	struct fixture fixture;
	size_t count = 0;
	pid_t pid;

	while (count < ARRAY_SIZE(instances) && (instances[count] = inotify_init1(IN_CLOEXEC)) >= 0)
		count++;
	expect_int(errno, EMFILE);
	set_up(&fixture, false);
	expect(!watch_uses_inotify(fixture.watch));
	for (size_t i = 0; i < count; i++)
		(void)close(instances[i]);

	pid = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&fixture.payload, pid), 0);
	run_until_called(&fixture, 1);
	expect(fixture.now.populated);
	sys_end(pid);
	run_until_called(&fixture, 2);
	tear_down(&fixture);
}

SYS_MAIN_WITH_CGROUP("watch-cgroup",
		     both_channels_tell_when_the_cgroup_gets_its_first_and_loses_its_last_process,
		     epollpri_alone_does_the_same, a_process_further_below_counts,
		     a_removed_cgroup_is_gone_and_keeps_nobody_awake,
		     when_no_inotify_instance_is_left_epollpri_takes_over)
