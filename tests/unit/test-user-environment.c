/* SPDX-License-Identifier: MIT */

/* What the command of another user is told of root's environment. */

#include "oc-run/user-environment.h"

#include "unit.h"

static char name[] = "dev", home[] = "/home/dev", shell[] = "/bin/zsh",
	    runtime[] = "/run/user/1000";

TEST(what_speaks_of_roots_login_is_told_from_the_rest)
{
	static const struct {
		const char *entry;
		bool is_roots;
	} rows[] = {
		{ "SUDO_USER=dev", true },
		{ "XDG_RUNTIME_DIR=/run/user/0", true },
		{ "XDG_SESSION_ID=3", true },
		{ "XDG_DATA_DIRS=/usr/share", false },
		{ "XDG_CONFIG_DIRS=/etc/xdg", false },
		{ "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/0/bus", true },
		{ "SSH_AUTH_SOCK=/root/agent", true },
		{ "SSH_CONNECTION=10.0.0.1", false },
		{ "MAIL=/var/mail/root", true },
		{ "MAILTO=dev", false },
		{ "TMPDIR=/tmp/user/0", true },
		{ "NOTIFY_SOCKET=/run/systemd/notify", true },
		{ "LANG=C.UTF-8", false },
		{ "ANTHROPIC_API_KEY=x", false },
		{ "XDG_CONFIG_HOME", true },
		{ "", false },
		{ "=", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].entry;
		expect_int(user_environment_is_roots(rows[i].entry), rows[i].is_roots);
	}
}

TEST(the_users_own_variables_are_those_of_a_login)
{
	const struct user_account dev = {
		.name = name,
		.home = home,
		.shell = shell,
		.runtime_dir = runtime,
	};
	_cleanup_strv_ char **list = NULL;

	expect_int(user_environment_add(&dev, "/opt/bin:/usr/bin", &list), 0);
	expect_uint(strv_count(list), 6);
	expect(strv_contains(list, "HOME=/home/dev"));
	expect(strv_contains(list, "SHELL=/bin/zsh"));
	expect(strv_contains(list, "USER=dev"));
	expect(strv_contains(list, "LOGNAME=dev"));
	expect(strv_contains(list, "XDG_RUNTIME_DIR=/run/user/1000"));
	expect(strv_contains(list, "PATH=/opt/bin:/usr/bin:/home/dev/.local/bin:/home/dev/bin:"
				   "/home/dev/.opencode/bin"));
}

TEST(without_a_login_there_is_no_runtime_folder)
{
	const struct user_account dev = { .name = name, .home = home, .shell = shell };
	_cleanup_strv_ char **list = NULL;

	expect_int(user_environment_add(&dev, NULL, &list), 0);
	expect_uint(strv_count(list), 5);
	expect_contains(list[0], "PATH=/usr/local/bin:/usr/bin:/bin:/home/dev/.local/bin:");
}

UNIT_MAIN("user-environment", what_speaks_of_roots_login_is_told_from_the_rest,
	  the_users_own_variables_are_those_of_a_login, without_a_login_there_is_no_runtime_folder)
