/* SPDX-License-Identifier: MIT */

/* What a profile has looked up in the world, in a folder that is home, cache and state. */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "oc-run/profile-world.h"
#include "profile-fixture.h"

static char folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void enter(void)
{
	char template[] = "/tmp/oc-run-profile.XXXXXX";

	expect(mkdtemp(template) != NULL);
	(void)snprintf(folder, sizeof(folder), "%s", template);
	expect_int(chdir(folder), 0);
	expect_int(setenv("HOME", folder, 1), 0);
	for (const char *const *name = (const char *const[]){ "XDG_CONFIG_HOME", "XDG_DATA_HOME",
							      "XDG_STATE_HOME", NULL };
	     *name; name++)
		expect_int(unsetenv(*name), 0);
	expect_int(setenv("XDG_CACHE_HOME", folder, 1), 0);
	expect_int(unsetenv("BUN_TMPDIR"), 0);
}

static void leave(void)
{
	expect_int(chdir("/"), 0);
	expect_int(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_folders(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		(void)mkdir(part, 0755);
	}
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_fclose_ FILE *file = NULL;

	make_folders(path);
	file = fopen(path, "w");
	expect(file != NULL);
	expect(fputs(text, file) >= 0);
	expect_int(fchmod(fileno(file), mode), 0);
}

/* A real program under another name. */
static void place_program(const char *program, const char *path)
{
	char command[3 * PATH_MAX];

	make_folders(path);
	(void)snprintf(command, sizeof(command), "cp %s '%s.new' && mv '%s.new' '%s'", program,
		       path, path, path);
	expect_int(system(command), 0);
}

static int find_version(const char *executable, bool may_ask, bool insist,
			struct profile_version *ret)
{
	const struct host host = { .uid = geteuid() };
	const struct profile_version_request request = {
		.profile = shipped_profile_for("opencode"),
		.executable = executable,
		.host = &host,
		.id = "0123456789abcdef",
		.may_ask = may_ask,
		.insist = insist,
	};

	return profile_version_find(&request, ret);
}

TEST(paths_begin_with_a_folder_of_the_person)
{
	static const struct {
		const char *path, *variable, *value, *expected; /* expected: below the folder */
	} rows[] = {
		{ "/etc/x", NULL, NULL, "/etc/x" },
		{ "~/a b", NULL, NULL, "+/a b" },
		{ "$HOME/x", NULL, NULL, "+/x" },
		{ "$XDG_STATE_HOME/o/s.json", NULL, NULL, "+/.local/state/o/s.json" },
		{ "$XDG_DATA_HOME", NULL, NULL, "+/.local/share" },
		{ "$XDG_CONFIG_HOME/x", NULL, NULL, "+/.config/x" },
		{ "$XDG_STATE_HOME/x", "XDG_STATE_HOME", "/state", "/state/x" },
		{ "$XDG_STATE_HOME/x", "XDG_STATE_HOME", "relative", "+/.local/state/x" },
		{ "$XDG_STATE_HOMES/x", NULL, NULL, NULL },
		{ "$PATH/x", NULL, NULL, NULL },
		{ "~/x", "HOME", "relative", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path = NULL, *expected = NULL;

		enter();
		unit_row = rows[i].path;
		if (rows[i].variable)
			expect_int(setenv(rows[i].variable, rows[i].value, 1), 0);
		path = profile_expand_path(rows[i].path, NULL);
		if (rows[i].expected && rows[i].expected[0] == '+')
			expect(asprintf(&expected, "%s%s", folder, rows[i].expected + 1) > 0);
		else if (rows[i].expected)
			expected = strdup(rows[i].expected);
		expect_text(path, expected);
		leave();
	}
}

TEST(the_package_tells_the_version)
{
	struct profile_version version;

	enter();
	write_file("node_modules/opencode-ai/bin/opencode", "#!/bin/sh\nexit 1\n", 0755);
	write_file("node_modules/opencode-ai/package.json",
		   "{\"name\":\"opencode-ai\",\"version\":\"2.0.18\"}", 0644);
	make_folders("bin/x");
	expect_int(symlink("../node_modules/opencode-ai/bin/opencode", "bin/opencode"), 0);
	expect_int(find_version("bin/opencode", false, false, &version), PROFILE_VERSION_KNOWN);
	expect_uint(version.parts[0], 2);
	expect_uint(version.parts[2], 18);
	write_file("node_modules/opencode-ai/package.json", "{\"name\":\"x\"}", 0644);
	expect_int(find_version("bin/opencode", true, false, &version), PROFILE_VERSION_UNKNOWN);
	write_file("node_modules/opencode-ai/package.json", "nonsense", 0644);
	expect_int(find_version("bin/opencode", true, false, &version), PROFILE_VERSION_UNKNOWN);
	leave();
}

TEST(a_package_of_somebody_elses_tells_nothing)
{
	struct profile_version version;

	enter();
	write_file("home/bin/opencode", "#!/bin/sh\nexit 1\n", 0755);
	write_file("home/package.json", "{\"version\":\"2.0.18\"}", 0644);
	expect_int(find_version("home/bin/opencode", true, false, &version),
		   PROFILE_VERSION_UNKNOWN);
	leave();
}

TEST(a_program_is_asked_once)
{
	struct profile_version version = { { 0 } }, again = { { 0 } };
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	enter();
	place_program("/bin/echo", "bin/opencode");
	expect_int(find_version("bin/opencode", false, false, &version), PROFILE_VERSION_UNASKED);
	expect_int(find_version("bin/opencode", true, false, &version), PROFILE_VERSION_KNOWN);
	expect(version.parts[0] > 1);
	/* Now it is known, and needs no asking. */
	expect_int(find_version("bin/opencode", false, false, &again), PROFILE_VERSION_KNOWN);
	expect_int(profile_version_compare(&version, &again), 0);
	/* Another file at the same place, and the same file changed, are asked again. */
	place_program("/bin/echo", "bin/opencode");
	expect_int(find_version("bin/opencode", false, false, &again), PROFILE_VERSION_UNASKED);
	expect_int(find_version("bin/opencode", true, false, &again), PROFILE_VERSION_KNOWN);
	expect_int(utimensat(AT_FDCWD, "bin/opencode", times, 0), 0);
	expect_int(find_version("bin/opencode", false, false, &again), PROFILE_VERSION_UNASKED);
	leave();
}

TEST(an_answer_without_a_version_is_kept_too)
{
	struct profile_version version;

	enter();
	/* It knows no --version, and says so on stderr. */
	place_program("/bin/dash", "bin/opencode");
	expect_int(find_version("bin/opencode", true, false, &version), PROFILE_VERSION_UNKNOWN);
	expect_int(find_version("bin/opencode", false, false, &version), PROFILE_VERSION_UNKNOWN);
	leave();
}

TEST(a_script_is_asked_only_when_it_matters_and_each_time)
{
	struct profile_version version;

	enter();
	write_file("bin/opencode", "#!/bin/sh\necho asked >>asked; echo opencode v3.1.4\n", 0755);
	expect_int(find_version("bin/opencode", true, false, &version), PROFILE_VERSION_UNKNOWN);
	expect(access("asked", F_OK) < 0);
	for (int i = 0; i < 2; i++) {
		expect_int(find_version("bin/opencode", true, true, &version),
			   PROFILE_VERSION_KNOWN);
		expect_uint(version.parts[0], 3);
		expect_int(unlink("asked"), 0);
	}
	expect_int(find_version("bin/opencode", false, true, &version), PROFILE_VERSION_UNASKED);
	leave();
}

TEST(asking_leaves_no_temporary_files)
{
	struct profile_version version;

	enter();
	write_file("bin/opencode",
		   "#!/bin/sh\n: >\"$BUN_TMPDIR/library\" && echo 2.0; echo $BUN_TMPDIR >where\n",
		   0755);
	expect_int(find_version("bin/opencode", true, true, &version), PROFILE_VERSION_KNOWN);
	expect_int(access("where", F_OK), 0);
	expect(access("oc-run/tmp/0123456789abcdef", F_OK) < 0);
	expect_int(access("oc-run/tmp", F_OK), 0);
	leave();
}

/* A child that sleeps; in its registration as its pid, or another. */
static pid_t start_server(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	expect(pid > 0);
	return pid;
}

static void end_server(pid_t pid)
{
	expect_int(kill(pid, SIGKILL), 0);
	expect_int(waitpid(pid, NULL, 0), pid);
}

static void register_server(const char *path, pid_t pid)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "{\"url\":\"http://127.0.0.1:1\",\"pid\":%d}", (int)pid);
	write_file(path, text, 0600);
}

static pid_t found_server(void)
{
	struct profile_server server;
	pid_t pid;

	expect_int(profile_server_find(shipped_profile_for("opencode"), NULL, &server), 0);
	pid = server.pid;
	expect((server.path != NULL) == (pid > 0));
	profile_server_finish(&server);
	return pid;
}

TEST(a_registered_server_is_found_while_it_lives)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	pid_t pid;

	enter();
	expect_int(found_server(), 0);
	pid = start_server();
	register_server(".local/state/opencode/service.json", pid);
	expect_int(found_server(), pid);
	/* Written long before this process was there: the pid is used anew. */
	expect_int(utimensat(AT_FDCWD, ".local/state/opencode/service.json", old, 0), 0);
	expect_int(found_server(), 0);
	register_server(".local/state/opencode/service.json", 1);
	expect_int(found_server(), 0);
	register_server(".local/state/opencode/service-dev.json", pid);
	expect_int(found_server(), pid);
	end_server(pid);
	expect_int(found_server(), 0);
	leave();
}

TEST(a_registration_that_is_none_is_passed_by)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "null",
					     "{\"pid\":\"1\"}",
					     "{\"pid\":-5}",
					     "{\"pid\":1e30}",
					     "{\"pid\":2.5e9}" };

	enter();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		unit_row = texts[i];
		write_file(".local/state/opencode/service.json", texts[i], 0600);
		expect_int(found_server(), 0);
	}
	expect_int(unlink(".local/state/opencode/service.json"), 0);
	expect_int(mkfifo(".local/state/opencode/service.json", 0600), 0);
	expect_int(found_server(), 0);
	leave();
}

UNIT_MAIN("sys-profile-world", paths_begin_with_a_folder_of_the_person,
	  the_package_tells_the_version, a_package_of_somebody_elses_tells_nothing,
	  a_program_is_asked_once, an_answer_without_a_version_is_kept_too,
	  a_script_is_asked_only_when_it_matters_and_each_time, asking_leaves_no_temporary_files,
	  a_registered_server_is_found_while_it_lives, a_registration_that_is_none_is_passed_by)
