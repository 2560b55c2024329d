/* SPDX-License-Identifier: MIT */

/* The keeper with a real cgroup: at whatever moment oc-run dies, the session is over and its
 * cgroups are gone. No controller is needed. */

#include "sys-session.h"

#include <limits.h>

struct fixture {
	struct cgroup parent, above;
	char name[32];
	char *mount, *root;
	char parent_path[PATH_MAX];
	struct mini *mini;
	struct mini_request request;
};

/* A folder of our own in the hierarchy that scopes are made in. */
static void set_up(struct fixture *fixture, const char *scope_name)
{
	static char text[1 << 16];

	memset(fixture, 0, sizeof(*fixture));
	fixture->parent = fixture->above = (struct cgroup)CGROUP_INIT;
	expect(sys_make_cgroup(&fixture->above, &fixture->parent, fixture->name));
	expect_int(sys_read_proc("/proc/self/mountinfo", text, sizeof(text)), 0);
	expect_int(cgroup_parse_mountinfo(text, &fixture->mount, &fixture->root), 0);
	(void)snprintf(fixture->parent_path, sizeof(fixture->parent_path), "%s/%s",
		       strcmp(fixture->above.path, "/") == 0 ? "" : fixture->above.path,
		       fixture->name);
	fixture->mini = mini_new();
	fixture->request = (struct mini_request){
		.moment = MINI_RUNNING,
		.scope_name = scope_name,
		.parent = &fixture->parent,
		.mount = fixture->mount,
		.parent_path = fixture->parent_path,
	};
}

static void tear_down(struct fixture *fixture)
{
	sys_leave_cgroup(&fixture->above, &fixture->parent, fixture->name);
	free(fixture->mount);
	free(fixture->root);
}

static bool has_child(const struct cgroup *cgroup, const char *name)
{
	return faccessat(cgroup->dirfd, name, F_OK, 0) == 0;
}

static void run_and_kill(struct fixture *fixture)
{
	mini_start(&fixture->request, fixture->mini);
	mini_kill(fixture->mini);
	mini_expect_all_gone(fixture->mini);
}

TEST(nothing_is_left_at_whatever_moment_oc_run_dies)
{
	static const struct {
		const char *name;
		enum mini_moment moment;
	} moments[] = {
		{ "keeper started", MINI_KEEPER_STARTED },
		{ "stub started", MINI_STUB_STARTED },
		{ "scope made", MINI_SCOPE_MADE },
		{ "moved", MINI_MOVED },
		{ "handed over", MINI_HANDED_OVER },
		{ "running", MINI_RUNNING },
		{ "ended", MINI_ENDED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		struct fixture fixture;
		char path[64] = "/tmp/oc-run-test-keeper-XXXXXX";
		int fd = mkstemp(path);

		expect(fd >= 0);
		(void)close(fd);
		set_up(&fixture, "oc-" MINI_ID);
		unit_row = moments[i].name;
		fixture.request.moment = moments[i].moment;
		fixture.request.registry_path = path;
		run_and_kill(&fixture);
		expect(!has_child(&fixture.parent, "oc-" MINI_ID));
		sys_expect_absent(path);
		tear_down(&fixture);
	}
}

/* systemd removes its scope itself, once it is empty. */
TEST(a_scope_of_systemd_is_emptied_and_left_to_it)
{
	static const enum mini_moment moments[] = { MINI_SCOPE_MADE, MINI_MOVED, MINI_RUNNING };

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		struct cgroup scope = CGROUP_INIT;
		struct fixture fixture;
		bool populated = true;

		set_up(&fixture, "oc-" MINI_ID ".scope");
		fixture.request.moment = moments[i];
		run_and_kill(&fixture);
		expect_int(cgroup_open_child(&fixture.parent, "oc-" MINI_ID ".scope", &scope), 0);
		expect(!has_child(&scope, "payload"));
		expect_int(cgroup_is_populated(&scope, &populated), 0);
		expect(!populated);
		cgroup_finish(&scope);
		tear_down(&fixture);
	}
}

TEST(the_tree_is_ended_whatever_it_does)
{
	static const struct {
		const char *name, *script;
	} rows[] = {
		{ "ignores signals", "trap '' TERM HUP INT; (trap '' TERM; sleep 60) & "
				     "echo >&9; while :; do sleep 1; done" },
		{ "setsid and orphaned", "setsid sh -c '(sleep 60 9>&- &)'; echo >&9; sleep 60" },
		{ "setsid, no tag",
		  "env -i /usr/bin/setsid /bin/sh -c 'trap \"\" TERM; echo >&9; while :; do "
		  "sleep 1; done' & wait" },
		{ "stopped", "sleep 60 9>&- & kill -STOP $!; echo >&9; kill -STOP $$" },
		{ "keeps forking", "trap '' TERM; echo >&9; while :; do /bin/true & done" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		set_up(&fixture, "oc-" MINI_ID);
		unit_row = rows[i].name;
		fixture.request.script = rows[i].script;
		run_and_kill(&fixture);
		expect(!has_child(&fixture.parent, "oc-" MINI_ID));
		tear_down(&fixture);
	}
}

TEST(git_gets_its_sigterm)
{
	struct fixture fixture;
	char path[64] = "/tmp/oc-run-test-keeper-XXXXXX", script[256];
	int fd = mkstemp(path);

	expect(fd >= 0);
	(void)close(fd);
	/* As git does with its lock files. */
	(void)snprintf(script, sizeof(script),
		       "trap 'rm -f %s; exit 1' TERM; echo >&9; sleep 60 & wait", path);
	set_up(&fixture, "oc-" MINI_ID);
	fixture.request.script = script;
	run_and_kill(&fixture);
	sys_expect_absent(path);
	tear_down(&fixture);
}

TEST(a_frozen_payload_is_ended)
{
	struct cgroup scope = CGROUP_INIT, payload = CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture, "oc-" MINI_ID);
	mini_start(&fixture.request, fixture.mini);
	expect_int(cgroup_open_child(&fixture.parent, "oc-" MINI_ID, &scope), 0);
	expect_int(cgroup_open_child(&scope, "payload", &payload), 0);
	expect_int(cgroup_write(&payload, "cgroup.freeze", "1"), 0);
	mini_kill(fixture.mini);
	mini_expect_all_gone(fixture.mini);
	expect(!has_child(&fixture.parent, "oc-" MINI_ID));
	cgroup_finish(&payload);
	cgroup_finish(&scope);
	tear_down(&fixture);
}

/* Where a member can hide: beside the payload, in the keeper's own cgroup, below it, in a cgroup of
 * its own below the payload, outside of the scope. */
TEST(a_member_that_moved_is_ended)
{
	static const struct {
		const char *name, *directory;
	} rows[] = {
		{ "in the scope itself", "." },		{ "beside the payload", "elsewhere" },
		{ "in the keeper's", "keeper" },	{ "below the keeper's", "keeper/below" },
		{ "below the payload", "payload/a/b" }, { "outside", "../outside" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;
		char script[2 * PATH_MAX];
		int length;

		set_up(&fixture, "oc-" MINI_ID);
		unit_row = rows[i].name;
		length = snprintf(script, sizeof(script),
				  "trap '' TERM; d=%s%s/oc-" MINI_ID "/%s; mkdir -p $d; "
				  "(trap '' TERM; echo 0 >$d/cgroup.procs; echo >&9; "
				  "while :; do sleep 1; done) & while :; do sleep 1; done",
				  fixture.mount, fixture.parent_path, rows[i].directory);
		expect(length > 0 && (size_t)length < sizeof(script));
		fixture.request.script = script;
		run_and_kill(&fixture);
		expect(!has_child(&fixture.parent, "oc-" MINI_ID));
		tear_down(&fixture);
	}
}

TEST(a_cgroup_of_another_session_is_left_alone)
{
	struct cgroup other = CGROUP_INIT;
	struct fixture fixture;
	pid_t pid;

	set_up(&fixture, "oc-" MINI_ID);
	expect_int(cgroup_make(&fixture.parent, "oc-00c0ffee00c0ffef", &other), 0);
	pid = sys_start(sys_idle, NULL);
	expect_int(cgroup_attach(&other, pid), 0);
	run_and_kill(&fixture);
	expect_int(waitpid(pid, NULL, WNOHANG), 0);
	expect(has_child(&fixture.parent, "oc-00c0ffee00c0ffef"));
	sys_end(pid);
	cgroup_finish(&other);
	tear_down(&fixture);
}

TEST(an_empty_slice_goes_with_its_last_session)
{
	struct cgroup slice = CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture, "oc-" MINI_ID);
	expect_int(cgroup_make(&fixture.parent, "oc.slice", &slice), 0);
	(void)strncat(fixture.parent_path, "/oc.slice",
		      sizeof(fixture.parent_path) - strlen(fixture.parent_path) - 1);
	fixture.request.parent = &slice;
	run_and_kill(&fixture);
	expect(!has_child(&fixture.parent, "oc.slice"));
	cgroup_finish(&slice);
	tear_down(&fixture);
}

/* What can't be removed keeps its entry, so that the next start tries again. */
TEST(the_entry_stays_while_something_is_left)
{
	struct fixture fixture;
	char path[64] = "/tmp/oc-run-test-keeper-XXXXXX";
	int fd = mkstemp(path);

	expect(fd >= 0);
	(void)close(fd);
	set_up(&fixture, "oc-" MINI_ID);
	fixture.request.registry_path = path;
	/* A name that is not the session's: it must not be touched. */
	fixture.request.scope_name = "oc-00c0ffee00c0ffef";
	mini_start(&fixture.request, fixture.mini);
	mini_kill(fixture.mini);
	mini_expect_all_gone(fixture.mini);
	expect(has_child(&fixture.parent, "oc-00c0ffee00c0ffef"));
	expect_int(access(path, F_OK), 0);
	expect_int(unlink(path), 0);
	tear_down(&fixture);
}

SYS_MAIN_WITH_CGROUP("keeper-cgroup", nothing_is_left_at_whatever_moment_oc_run_dies,
		     a_scope_of_systemd_is_emptied_and_left_to_it,
		     the_tree_is_ended_whatever_it_does, git_gets_its_sigterm,
		     a_frozen_payload_is_ended, a_member_that_moved_is_ended,
		     a_cgroup_of_another_session_is_left_alone,
		     an_empty_slice_goes_with_its_last_session,
		     the_entry_stays_while_something_is_left)
