/* SPDX-License-Identifier: MIT */

#include "oc-run/registry-list.h"
#include "unit.h"

#define ID "00c0ffee00c0ffee"

TEST(an_entry_is_read_whole)
{
	static const char text[] =
		"{\"id\":\"" ID "\",\"name\":\"work\",\"boot_id\":\"b\",\"backend\":\"systemd\","
		"\"unit\":\"oc-" ID ".scope\",\"cgroup\":\"/x/oc.slice/oc-" ID ".scope\","
		"\"since_usec\":1795424739087000,\"supervisor\":{\"pid\":12,\"start_ticks\":99},"
		"\"command\":{\"pid\":13,\"start_ticks\":100},\"command_name\":\"opencode\","
		"\"directory\":\"/p\",\"limits\":{\"mem\":{\"value\":4294967296,\"by\":\"kernel\"},"
		"\"pids\":{\"value\":70,\"by\":\"watching\"},\"swap\":{\"by\":\"nobody\"}},"
		"\"ending\":true}\n}trailing";
	struct registry_session session;

	expect_int(registry_parse(ID, text, &session), 0);
	expect_text(session.id, ID);
	expect_text(session.name, "work");
	expect_text(session.command_name, "opencode");
	expect_text(session.directory, "/p");
	expect_text(session.cgroup, "/x/oc.slice/oc-" ID ".scope");
	expect_uint(session.since_usec, 1795424739087000);
	expect_int(session.supervisor.pid, 12);
	expect_uint(session.command.start_ticks, 100);
	expect(session.is_ending);
	expect_uint(session.limits[LIMIT_MEMORY_MAX].value, UINT64_C(4) << 30);
	expect_int(session.limits[LIMIT_MEMORY_MAX].enforcer, ENFORCER_KERNEL);
	expect_int(session.limits[LIMIT_PIDS_MAX].enforcer, ENFORCER_WATCH);
	expect(session.limits[LIMIT_MEMORY_SWAP_MAX].known);
	expect_uint(session.limits[LIMIT_MEMORY_SWAP_MAX].value, LIMIT_UNLIMITED);
	expect(!session.limits[LIMIT_CPU_MAX].known);
	registry_session_finish(&session);
}

TEST(what_can_not_be_is_not_believed)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "nothing", "" },
		{ "half", "{\"name\":\"wo" },
		{ "a list", "[1,2]" },
		{ "pid 1", "{\"supervisor\":{\"pid\":1},\"command\":{\"pid\":0}}" },
		{ "a negative pid", "{\"supervisor\":{\"pid\":-1},\"command\":{\"pid\":1e300}}" },
		{ "another's cgroup", "{\"cgroup\":\"/oc-ffffffffffffffff.scope\"}" },
		{ "a cgroup above", "{\"cgroup\":\"/user.slice\"}" },
		{ "a cgroup below", "{\"cgroup\":\"/oc-" ID "/payload\"}" },
		{ "no path", "{\"cgroup\":\"oc-" ID "\"}" },
		{ "other kinds", "{\"name\":1,\"cgroup\":{},\"supervisor\":\"12\",\"limits\":[]}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct registry_session session;

		unit_row = rows[i].name;
		expect_int(registry_parse(ID, rows[i].text, &session), 0);
		expect_text(session.id, ID);
		expect_text(session.name, NULL);
		expect_text(session.cgroup, NULL);
		expect_int(session.supervisor.pid, 0);
		expect_int(session.command.pid, 0);
		expect(!session.limits[LIMIT_MEMORY_MAX].known);
		registry_session_finish(&session);
	}
}

UNIT_MAIN("registry-text", an_entry_is_read_whole, what_can_not_be_is_not_believed)
