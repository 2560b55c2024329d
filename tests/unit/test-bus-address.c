/* SPDX-License-Identifier: MIT */

#include "oc-run/bus-address.h"
#include "unit.h"

TEST(the_first_socket_of_this_machine_is_picked)
{
	static const struct {
		const char *list, *entry, *path;
	} rows[] = {
		{ "unix:path=/run/user/1000/bus", "unix:path=/run/user/1000/bus",
		  "/run/user/1000/bus" },
		{ "unix:path=/a,guid=0123", "unix:path=/a,guid=0123", "/a" },
		{ "unix:guid=0123,path=/a", "unix:guid=0123,path=/a", "/a" },
		{ "unix:path=/a%20b%2c%3bc", "unix:path=/a%20b%2c%3bc", "/a b,;c" },
		{ "unix:path=/a%2", "unix:path=/a%2", "/a%2" },
		{ "unix:path=/a%", "unix:path=/a%", "/a%" },
		{ "unix:path=/a%zz", "unix:path=/a%zz", "/a%zz" },
		{ "unix:abstract=/tmp/dbus-x,guid=1", "unix:abstract=/tmp/dbus-x,guid=1", NULL },
		{ "tcp:host=h,port=1;unix:path=/a;unix:path=/b", "unix:path=/a", "/a" },
		{ ";;unix:path=/a;", "unix:path=/a", "/a" },
		{ "unix:tmpdir=/tmp;unix:path=/a", "unix:path=/a", "/a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *entry = NULL, *path = NULL;

		unit_row = rows[i].list;
		expect_int(bus_address_pick(rows[i].list, &entry, &path), 0);
		expect_text(entry, rows[i].entry);
		expect_text(path, rows[i].path);
	}
}

TEST(what_starts_programs_or_asks_the_network_is_passed_over)
{
	static const char *const lists[] = {
		"",
		";",
		"autolaunch:",
		"autolaunch:scope=*user",
		"unixexec:path=/bin/sh,argv1=-c",
		"tcp:host=localhost,port=4",
		"nonce-tcp:host=h,port=1,noncefile=/x",
		"x-machine-unix:pid=1",
		"unix:",
		"unix:path=",
		"unix:path",
		"unix:dir=/tmp",
		"unix:xpath=/a",
		"path=/a",
		"unix",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char *entry = NULL, *path = NULL;

		unit_row = lists[i];
		expect_int(bus_address_pick(lists[i], &entry, &path), -ENOENT);
		expect(!entry && !path);
	}
}

TEST(what_is_formatted_is_picked_again)
{
	static const char *const paths[] = { "/run/user/0/bus", "/a b/c,d;e%f/\xc3\xa4", "/*.\\" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free_ char *entry = NULL, *path = NULL;
		char text[256];

		unit_row = paths[i];
		bus_address_format(paths[i], text, sizeof(text));
		expect_int(bus_address_pick(text, &entry, &path), 0);
		expect_text(path, paths[i]);
	}
}

UNIT_MAIN("bus-address", the_first_socket_of_this_machine_is_picked,
	  what_starts_programs_or_asks_the_network_is_passed_over,
	  what_is_formatted_is_picked_again)
