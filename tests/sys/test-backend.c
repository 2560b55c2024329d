/* SPDX-License-Identifier: MIT */

/* The members that need no systemd, on the hierarchy of this machine; no controller is needed. The
 * facts of the host are made up where the machine may have others. */

#include "sys.h"

#include <errno.h>

#include "oc-run/backend.h"
#include "oc-run/host.h"
#include "src/backend/systemd-impl.h"

#define ID "00c0ffee00c0ffee"

struct fixture {
	struct host host;
	struct cgroup root, outer; /* our own cgroup, and a fresh one below it to play in */
	char name[32];
	struct backend *backend;
	struct plan plan;
	struct diag diag;
	pid_t child, keeper;
};

/* Sessions go below a fresh cgroup, as if that were ours: nothing else is in it. */
static void set_up(struct fixture *fixture)
{
	*fixture = (struct fixture){ .root = CGROUP_INIT, .outer = CGROUP_INIT };
	expect(sys_make_cgroup(&fixture->root, &fixture->outer, fixture->name));
	expect_int(host_gather(&fixture->host, &fixture->diag), 0);
	fixture->host.systemd_booted = false;
	free(fixture->host.own_cgroup);
	fixture->host.own_cgroup = strdup(fixture->outer.path);
	fixture->plan = (struct plan){ .id = ID,
				       .unit = (char *)"oc-" ID ".scope",
				       .slice = (char *)"oc.slice",
				       .name = (char *)"test" };
	fixture->child = sys_start(sys_idle, NULL);
	fixture->keeper = sys_start(sys_idle, NULL);
}

static void tear_down(struct fixture *fixture)
{
	fixture->backend = backend_free(fixture->backend);
	sys_end(fixture->child);
	sys_end(fixture->keeper);
	host_finish(&fixture->host);
	sys_leave_cgroup(&fixture->root, &fixture->outer, fixture->name);
}

static int probe(struct fixture *fixture, enum backend_kind choice)
{
	return backend_probe(choice, &fixture->host, false, &fixture->backend, &fixture->diag);
}

static int enter(struct fixture *fixture, struct session_cgroup *ret)
{
	return backend_enter(fixture->backend, &fixture->plan, fixture->child, fixture->keeper, ret,
			     &fixture->diag);
}

/* Is there anything in the cgroup that sessions are made in? */
static bool is_bare(struct fixture *fixture)
{
	char *full = NULL;
	struct stat status;
	int r;

	expect(asprintf(&full, "%s%s", fixture->host.cgroup_mount, fixture->outer.path) > 0);
	r = stat(full, &status);
	free(full);
	expect_int(r, 0);
	return status.st_nlink == 2; /* no folder in it */
}

static void expect_in(pid_t pid, const char *path)
{
	_cleanup_free_ char *actual = NULL;

	expect_int(cgroup_of_process(pid, &actual), 0);
	expect_text(actual, path);
}

TEST(a_session_is_made_and_removed_without_a_trace)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	_cleanup_free_ char *payload = NULL, *keeper = NULL;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	expect_int(backend_facts(fixture.backend)->kind, BACKEND_CGROUPFS);
	expect(backend_facts(fixture.backend)->contains);
	expect_text(backend_facts(fixture.backend)->parent, fixture.outer.path);
	expect(is_bare(&fixture));
	expect_int(enter(&fixture, &cgroup), 0);
	expect_contains(cgroup.scope.path, "/oc-" ID);
	expect(asprintf(&payload, "%s/payload", cgroup.scope.path) > 0);
	expect(asprintf(&keeper, "%s/keeper", cgroup.scope.path) > 0);
	expect_in(fixture.child, payload);
	expect_in(fixture.keeper, keeper);
	expect_uint(cgroup.enforced, 0);
	sys_end(fixture.child);
	sys_end(fixture.keeper);
	for (int i = 0; i < 2; i++) {
		expect_int(backend_leave(fixture.backend, &cgroup, &fixture.diag), 0);
		expect(is_bare(&fixture));
	}
	session_cgroup_finish(&cgroup);
	session_cgroup_finish(&cgroup);
	tear_down(&fixture);
}

TEST(leaving_ends_what_is_still_in_the_session)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	struct cgroup deep = CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	expect_int(enter(&fixture, &cgroup), 0);
	expect_int(cgroup_make(&cgroup.payload, "deep", &deep), 0);
	expect_int(cgroup_attach(&deep, fixture.child), 0);
	expect_int(backend_leave(fixture.backend, &cgroup, &fixture.diag), 0);
	expect(is_bare(&fixture));
	sys_wait_gone(fixture.child);
	sys_wait_gone(fixture.keeper);
	cgroup_finish(&deep);
	session_cgroup_finish(&cgroup);
	tear_down(&fixture);
}

TEST(a_command_that_is_dead_leaves_nothing)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	sys_end(fixture.child);
	expect_int(enter(&fixture, &cgroup), -ESRCH);
	expect_contains(fixture.diag.text, "could not move the command");
	expect_contains(fixture.diag.text, "it is dead");
	expect_int(cgroup.scope.dirfd, -1);
	expect(is_bare(&fixture));
	tear_down(&fixture);
}

TEST(a_keeper_that_is_dead_leaves_nothing)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	sys_end(fixture.keeper);
	expect_int(enter(&fixture, &cgroup), -ESRCH);
	expect_contains(fixture.diag.text, "could not move the keeper");
	expect(is_bare(&fixture));
	/* The command had been moved: it is given up with the rest. */
	sys_wait_gone(fixture.child);
	tear_down(&fixture);
}

TEST(another_session_of_the_same_name_is_left_alone)
{
	struct session_cgroup first = SESSION_CGROUP_INIT, second = SESSION_CGROUP_INIT;
	struct fixture fixture;
	pid_t child;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	expect_int(enter(&fixture, &first), 0);
	child = sys_start(sys_idle, NULL);
	expect_int(backend_enter(fixture.backend, &fixture.plan, child, 0, &second, &fixture.diag),
		   -EEXIST);
	expect_contains(fixture.diag.text, "File exists");
	expect_int(kill(fixture.child, 0), 0);
	expect_in(fixture.child, first.payload.path);
	expect_int(kill(child, 0), 0);
	sys_end(child);
	expect_int(backend_leave(fixture.backend, &first, &fixture.diag), 0);
	expect(is_bare(&fixture));
	session_cgroup_finish(&first);
	tear_down(&fixture);
}

TEST(a_session_in_a_session_lies_beside_the_outer_payload)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	_cleanup_free_ char *scope = NULL;
	struct fixture fixture;

	set_up(&fixture);
	fixture.host.outer_session = strdup("0123456789abcdef");
	fixture.host.outer_scope = strdup(fixture.outer.path);
	free(fixture.host.own_cgroup);
	expect(asprintf(&fixture.host.own_cgroup, "%s/payload", fixture.outer.path) > 0);
	/* Also where systemd runs: its scope would be outside of the outer session's. */
	fixture.host.systemd_booted = true;
	expect_int(probe(&fixture, BACKEND_SYSTEMD), -EOPNOTSUPP);
	expect_contains(fixture.diag.text, "0123456789abcdef");
	expect_int(probe(&fixture, BACKEND_AUTO), 0);
	expect_int(backend_facts(fixture.backend)->kind, BACKEND_CGROUPFS);
	expect_int(enter(&fixture, &cgroup), 0);
	expect(asprintf(&scope, "%s/oc-" ID, fixture.outer.path) > 0);
	expect_text(cgroup.scope.path, scope);
	expect_int(backend_leave(fixture.backend, &cgroup, &fixture.diag), 0);
	expect(is_bare(&fixture));
	session_cgroup_finish(&cgroup);
	tear_down(&fixture);
}

TEST(a_cgroup_that_cannot_be_seen_is_a_reason)
{
	struct fixture fixture;

	set_up(&fixture);
	free(fixture.host.own_cgroup);
	fixture.host.own_cgroup = strdup("/../outside");
	expect_int(probe(&fixture, BACKEND_CGROUPFS), -EOPNOTSUPP);
	expect_contains(fixture.diag.text, "the backend \"cgroupfs\" cannot be used");
	expect_int(probe(&fixture, BACKEND_AUTO), 0);
	expect_int(backend_facts(fixture.backend)->kind, BACKEND_NONE);
	expect(backend_facts(fixture.backend)->why);
	expect(backend_facts(fixture.backend)->remedy);
	tear_down(&fixture);
}

TEST(where_systemd_manages_our_cgroup_it_is_left_alone)
{
	struct cgroup service = CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	expect_int(cgroup_make(&fixture.outer, "some.service", &service), 0);
	free(fixture.host.own_cgroup);
	fixture.host.own_cgroup = strdup(service.path);
	fixture.host.systemd_booted = true;
	expect_int(probe(&fixture, BACKEND_CGROUPFS), -EOPNOTSUPP);
	expect_contains(fixture.diag.text, "has not delegated it");
	cgroup_finish(&service);
	tear_down(&fixture);
}

TEST(without_systemd_its_backend_is_refused_with_a_reason)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_SYSTEMD), -EOPNOTSUPP);
	expect_text(fixture.diag.text,
		    "the backend \"systemd\" cannot be used: systemd does not run "
		    "here; use a machine or container that systemd runs in");
	tear_down(&fixture);
}

TEST(without_a_mount_there_is_no_cgroup_and_a_reason)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	struct fixture fixture;

	set_up(&fixture);
	cleanup_free(&fixture.host.cgroup_mount);
	expect_int(probe(&fixture, BACKEND_AUTO), 0);
	expect_int(backend_facts(fixture.backend)->kind, BACKEND_NONE);
	expect(!backend_facts(fixture.backend)->contains);
	expect_text(backend_facts(fixture.backend)->why, "no cgroup v2 file system is mounted");
	expect_int(enter(&fixture, &cgroup), 0);
	expect_int(cgroup.payload.dirfd, -1);
	expect_int(backend_leave(fixture.backend, &cgroup, &fixture.diag), 0);
	expect_int(kill(fixture.child, 0), 0);
	session_cgroup_finish(&cgroup);
	tear_down(&fixture);
}

TEST(freeing_before_entering_and_freeing_nothing_are_safe)
{
	struct fixture fixture;

	set_up(&fixture);
	expect_int(probe(&fixture, BACKEND_CGROUPFS), 0);
	tear_down(&fixture);
	expect(!backend_free(NULL));
	session_cgroup_finish(NULL);
}

TEST(what_was_given_up_is_told_by_name)
{
	struct scope_request request = { .given_up = 0 };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char text[BACKEND_REFUSED_MAX];

	scope_request_refused(&request, text);
	expect_text(text, "");
	sd_bus_error_set_const(&error, "org.freedesktop.DBus.Error.UnknownProperty", "OOMPolicy");
	expect(scope_request_give_up(&request, &error));
	scope_request_refused(&request, text);
	expect_text(text, "OOMPolicy");
	request.given_up = UINT32_MAX;
	scope_request_refused(&request, text);
	expect_contains(text, "OOMPolicy, Controller, ");
	expect_contains(text, ", TasksMax, MemoryMax");
	sd_bus_error_free(&error);
}

#define READ_ONLY "org.freedesktop.DBus.Error.PropertyReadOnly"
#define INVALID "org.freedesktop.DBus.Error.InvalidArgs"

TEST(the_property_that_an_error_names_is_given_up)
{
	static const struct {
		const char *name, *message;
		const char *same_as; /* another message that names the same one; or NULL */
	} rows[] = {
		{ READ_ONLY, "Cannot set property OOMPolicy, or unknown property.", NULL },
		{ INVALID, "CPUWeight= value 20000 is out of range", "bad CPUWeight" },
		{ READ_ONLY, "Cannot set property TasksMax, or unknown property.", "TasksMax" },
		{ INVALID, "MemoryMax", NULL },
		{ INVALID, "MemorySwapMax", NULL },
	};
	uint32_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(rows[i].name, rows[i].message);
		struct scope_request first = { 0 }, second = { 0 };

		unit_row = rows[i].message;
		expect(scope_request_give_up(&first, &error));
		expect_int(__builtin_popcount(first.given_up), 1);
		expect_uint(all & first.given_up, 0);
		all |= first.given_up;
		if (!rows[i].same_as)
			continue;
		error = SD_BUS_ERROR_MAKE_CONST(rows[i].name, rows[i].same_as);
		expect(scope_request_give_up(&second, &error));
		expect_uint(second.given_up, first.given_up);
	}
}

TEST(an_error_that_names_none_costs_one_after_the_other)
{
	/* A part of a longer word is no name: StartupCPUWeight is not CPUWeight. */
	sd_bus_error vague = SD_BUS_ERROR_MAKE_CONST(INVALID, "StartupCPUWeight XMemoryMax");
	sd_bus_error named = SD_BUS_ERROR_MAKE_CONST(INVALID, "TimeoutStopUSec");
	struct scope_request request = { 0 };
	int count = 0;

	expect(scope_request_give_up(&request, &named));
	while (count < 32 && scope_request_give_up(&request, &vague))
		expect_int(__builtin_popcount(request.given_up), ++count + 1);
	expect_int(count, 9);
}

TEST(an_error_about_something_else_costs_nothing)
{
	static const char *const names[] = {
		"org.freedesktop.systemd1.UnitExists",
		"org.freedesktop.DBus.Error.AccessDenied",
		"org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.LimitsExceeded",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(names[i], "MemoryMax");
		struct scope_request request = { 0 };

		unit_row = names[i];
		expect(!scope_request_give_up(&request, &error));
		expect_uint(request.given_up, 0);
	}
}

TEST(a_dash_in_the_name_of_a_slice_is_a_level)
{
	static const struct {
		const char *slice, *path;
	} rows[] = {
		{ "oc.slice", "oc.slice" },
		{ "a-b.slice", "a.slice/a-b.slice" },
		{ "a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice" },
		{ "-.slice", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan plan = { .slice = (char *)rows[i].slice };
		_cleanup_free_ char *path = NULL;

		unit_row = rows[i].slice;
		expect_int(systemd_slice_path(NULL, &plan, &path), 0);
		expect_text(path, rows[i].path);
	}
}

SYS_MAIN_WITH_CGROUP(
	"backend", the_property_that_an_error_names_is_given_up, what_was_given_up_is_told_by_name,
	an_error_that_names_none_costs_one_after_the_other,
	an_error_about_something_else_costs_nothing, a_dash_in_the_name_of_a_slice_is_a_level,
	a_session_is_made_and_removed_without_a_trace, leaving_ends_what_is_still_in_the_session,
	a_command_that_is_dead_leaves_nothing, a_keeper_that_is_dead_leaves_nothing,
	another_session_of_the_same_name_is_left_alone,
	a_session_in_a_session_lies_beside_the_outer_payload,
	a_cgroup_that_cannot_be_seen_is_a_reason, where_systemd_manages_our_cgroup_it_is_left_alone,
	without_systemd_its_backend_is_refused_with_a_reason,
	without_a_mount_there_is_no_cgroup_and_a_reason,
	freeing_before_entering_and_freeing_nothing_are_safe)
