/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "oc-run/command.h"
#include "unit.h"

#define PID 4000
#define PARENT 3000

/* Every test has a folder of its own with the folders a, b, c in it, and works there. */
static char folder[PATH_MAX];

static void enter(void)
{
	char template[] = "/tmp/oc-run-command.XXXXXX";

	expect(mkdtemp(template) != NULL);
	expect(realpath(template, folder) != NULL);
	expect_int(chdir(folder), 0);
	expect_int(mkdir("a", 0755), 0);
	expect_int(mkdir("b", 0755), 0);
	expect_int(mkdir("c", 0755), 0);
}

static void leave(void)
{
	static const char *const names[] = { "a/tool",	 "b/tool", "c/tool", "a/oc-run",
					     "c/oc-run", "a",	   "b",	     "c" };

	expect_int(chdir(folder), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)remove(names[i]);
	expect_int(chdir("/"), 0);
	expect_int(rmdir(folder), 0);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	expect(file != NULL);
	expect(fputs(text, file) >= 0);
	expect_int(fchmod(fileno(file), mode), 0);
}

#define REAL "#!/bin/sh\necho real\n"
#define PROGRAM "\177ELF not really"
#define SHIM "#!/bin/sh\nexec oc-run -- tool \"$@\"\n"
#define HIDDEN "#!/bin/sh\nexec \"$LAUNCHER\" -- tool \"$@\"\n"

/* "a:b" to "<folder>/a:<folder>/b". */
static void make_path(const char *folders, char *path, size_t size)
{
	size_t length = 0;

	path[0] = '\0';
	for (const char *at = folders; *at; at++)
		length += (size_t)(*at == ':' ? snprintf(path + length, size - length, ":")
					      : snprintf(path + length, size - length, "%s/%c",
							 folder, *at));
}

static int resolve(const char *word, const char *folders, const char *guard,
		   struct command_resolved *ret, struct diag *diag)
{
	char path[3 * PATH_MAX];
	const struct command_request request = {
		.word = word,
		.path_variable = path,
		.guard = guard,
		.pid = PID,
		.parent = PARENT,
	};

	make_path(folders, path, sizeof(path));
	return command_resolve(&request, ret, diag);
}

/* What was found, without the test's folder in front. */
static const char *short_path(const char *path)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 ? path + length + 1 : path;
}

static void expect_resolves(const char *word, const char *folders, const char *guard, int result,
			    const char *path)
{
	struct command_resolved resolved = { NULL, NULL };

	expect_int(resolve(word, folders, guard, &resolved, NULL), result);
	if (path)
		expect_text(short_path(resolved.path), path);
	else
		expect_text(resolved.path, NULL);
	command_resolved_finish(&resolved);
}

TEST(the_first_that_can_be_run_is_found)
{
	enter();
	write_file("a/tool", REAL, 0644);
	expect_int(mkdir("b/tool", 0755), 0);
	expect_resolves("tool", "a:b", NULL, -EACCES, NULL);
	write_file("c/tool", PROGRAM, 0755);
	expect_resolves("tool", "a:b:c", NULL, COMMAND_FOUND, "c/tool");
	expect_resolves("tool", "c:a", NULL, COMMAND_FOUND, "c/tool");
	expect_resolves("tool", "b", NULL, -ENOENT, NULL);
	expect_resolves("other", "a:b:c", NULL, -ENOENT, NULL);
	expect_resolves("", "a:b:c", NULL, -ENOENT, NULL);
	leave();
}

TEST(relative_folders_are_those_of_the_working_directory)
{
	struct command_request request = {
		.word = "tool",
		.path_variable = "b:",
		.pid = PID,
		.parent = PARENT,
	};
	struct command_resolved resolved = { NULL, NULL };

	enter();
	write_file("b/tool", REAL, 0755);
	expect_int(command_resolve(&request, &resolved, NULL), COMMAND_FOUND);
	expect_text(short_path(resolved.path), "b/tool");
	command_resolved_finish(&resolved);
	request.working_directory = "b";
	expect_int(command_resolve(&request, &resolved, NULL), COMMAND_FOUND);
	expect_text(short_path(resolved.path), "b/tool");
	command_resolved_finish(&resolved);
	request.working_directory = "a";
	expect_int(command_resolve(&request, &resolved, NULL), -ENOENT);
	request.word = "../b/tool";
	expect_int(command_resolve(&request, &resolved, NULL), COMMAND_FOUND);
	expect_text(short_path(resolved.path), "a/../b/tool");
	command_resolved_finish(&resolved);
	leave();
}

TEST(a_path_is_taken_as_it_is)
{
	char path[PATH_MAX + 16];

	enter();
	write_file("b/tool", REAL, 0755);
	write_file("c/tool", REAL, 0644);
	(void)snprintf(path, sizeof(path), "%s/b/tool", folder);
	expect_resolves(path, "a", NULL, COMMAND_FOUND, "b/tool");
	expect_resolves("b/tool", "a", NULL, COMMAND_FOUND, "b/tool");
	expect_resolves("./b/tool", "a", NULL, COMMAND_FOUND, "./b/tool");
	expect_resolves("c/tool", "b", NULL, -EACCES, NULL);
	expect_resolves("a", "b", NULL, -ENOENT, NULL);
	expect_resolves("./a", "b", NULL, -EACCES, NULL);
	expect_resolves("./no", "b", NULL, -ENOENT, NULL);
	expect_resolves("b/tool/x", "b", NULL, -ENOENT, NULL);
	leave();
}

TEST(oc_run_under_another_name_is_passed_by)
{
	enter();
	/* This very program, and one that is named oc-run. */
	expect_int(symlink("/proc/self/exe", "a/tool"), 0);
	write_file("c/oc-run", PROGRAM, 0755);
	expect_int(symlink("../c/oc-run", "b/tool"), 0);
	expect_resolves("tool", "a:b", NULL, -ENOENT, NULL);
	expect_resolves("b/tool", "a:b", NULL, -ENOENT, NULL);
	write_file("c/tool", PROGRAM, 0755);
	expect_resolves("tool", "a:b:c", NULL, COMMAND_FOUND, "c/tool");
	/* A link that is named by its path stands for the command, too. */
	expect_resolves("a/tool", "a:b:c", NULL, COMMAND_FOUND, "c/tool");
	expect_resolves("b/tool", "a:b:c", NULL, COMMAND_FOUND, "c/tool");
	leave();
}

TEST(oc_run_can_be_run_by_oc_run)
{
	enter();
	write_file("c/oc-run", PROGRAM, 0755);
	expect_int(symlink("/proc/self/exe", "a/oc-run"), 0);
	expect_resolves("oc-run", "a:c", NULL, COMMAND_FOUND, "a/oc-run");
	expect_resolves("oc-run", "c", NULL, COMMAND_FOUND, "c/oc-run");
	expect_resolves("c/oc-run", "b", NULL, COMMAND_FOUND, "c/oc-run");
	leave();
}

TEST(scripts_that_run_oc_run_are_passed_by)
{
	static const struct {
		const char *name, *text;
		bool passed;
	} rows[] = {
		{ "exec", "#!/bin/sh\nexec oc-run -- tool \"$@\"\n", true },
		{ "by path", "#!/bin/bash\n/usr/local/bin/oc-run tool\n", true },
		{ "quoted", "#!/bin/sh\n'oc-run' -- tool\n", true },
		{ "as the interpreter", "#!/usr/bin/env oc-run\n", true },
		{ "in python", "#!/usr/bin/python3\nos.execvp('oc-run', argv)\n", true },
		{ "at the very end", "#!/bin/sh\noc-run", true },
		{ "another word", "#!/bin/sh\nmy-oc-run; oc-run-old; oc-run.conf; oc-runner\n",
		  false },
		{ "a comment", "#!/bin/sh\n# see oc-run\n\t# oc-run\necho x\n", false },
		{ "no script", "\177ELF oc-run ", false },
		{ "text without #!", "oc-run -- tool\n", false },
		{ "empty", "", false },
	};

	enter();
	write_file("b/tool", PROGRAM, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		write_file("a/tool", rows[i].text, 0755);
		expect_resolves("tool", "a:b", NULL, COMMAND_FOUND,
				rows[i].passed ? "b/tool" : "a/tool");
	}
	unit_row = NULL;
	leave();
}

TEST(the_look_into_scripts_ends_after_4_kib)
{
	char text[8192];

	enter();
	write_file("b/tool", PROGRAM, 0755);
	memset(text, '\n', sizeof(text));
	memcpy(text, "#!/bin/sh", strlen("#!/bin/sh"));
	memcpy(text + 5000, "oc-run", strlen("oc-run") + 1);
	write_file("a/tool", text, 0755);
	expect_resolves("tool", "a:b", NULL, COMMAND_FOUND, "a/tool");
	leave();
}

TEST(a_script_that_seems_a_shim_is_tried_when_there_is_nothing_else_but_not_for_ever)
{
	struct command_resolved resolved = { NULL, NULL };
	struct diag diag = DIAG_INIT;
	char guard[4 * PATH_MAX];

	enter();
	write_file("a/tool", SHIM, 0755);
	expect_resolves("tool", "a:b", NULL, COMMAND_FOUND, "a/tool");
	(void)snprintf(guard, sizeof(guard), "%010d:%s/a/tool", PID, folder);
	expect_resolves("tool", "a:b", guard, COMMAND_FOUND, "a/tool");
	(void)snprintf(guard, sizeof(guard), "%010d:%s/a/tool:%s/a/tool", PID, folder, folder);
	expect_int(resolve("tool", "a:b", guard, &resolved, &diag), -ENOENT);
	expect_contains(diag.text, "a/tool\" only leads back to oc-run");
	expect_resolves("a/tool", "b", NULL, COMMAND_FOUND, "a/tool");
	leave();
}

TEST(a_hidden_shim_is_known_by_having_run_us)
{
	static const struct {
		const char *name, *text;
		int pid;
		int result;
		const char *path;
	} rows[] = {
		{ "it exec'ed us", HIDDEN, PID, COMMAND_EXEC_DIRECTLY, "b/tool" },
		{ "it is our parent", HIDDEN, PARENT, COMMAND_EXEC_DIRECTLY, "b/tool" },
		{ "bash by env", "#!/usr/bin/env bash\n$X tool\n", PID, COMMAND_EXEC_DIRECTLY,
		  "b/tool" },
		{ "it is further up", HIDDEN, 2000, COMMAND_FOUND, "a/tool" },
		{ "not stamped", HIDDEN, 0, COMMAND_FOUND, "a/tool" },
		{ "a program is none: sh -c 'oc-run -- sh'", PROGRAM, PID, COMMAND_FOUND,
		  "a/tool" },
		{ "an agent in node is none", "#!/usr/bin/env node\nrun()\n", PARENT, COMMAND_FOUND,
		  "a/tool" },
		{ "a shim that the look finds, run by its path", SHIM, PID, COMMAND_EXEC_DIRECTLY,
		  "b/tool" },
	};
	char guard[2 * PATH_MAX];

	enter();
	write_file("b/tool", PROGRAM, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		write_file("a/tool", rows[i].text, 0755);
		(void)snprintf(guard, sizeof(guard), "%010d:%s/a/tool", rows[i].pid, folder);
		expect_resolves("tool", "a:b", guard, rows[i].result, rows[i].path);
		(void)snprintf(guard, sizeof(guard), "%010d:%s/c/tool", rows[i].pid, folder);
		expect_resolves("tool", "a:b", guard, COMMAND_FOUND,
				strcmp(rows[i].text, SHIM) == 0 ? "b/tool" : "a/tool");
	}
	unit_row = NULL;
	leave();
}

TEST(two_hidden_shims_in_a_row_come_to_an_end)
{
	struct command_resolved first = { NULL, NULL }, second = { NULL, NULL };
	char guard[4 * PATH_MAX];

	enter();
	write_file("a/tool", HIDDEN, 0755);
	write_file("b/tool", HIDDEN, 0755);
	write_file("c/tool", PROGRAM, 0755);
	(void)snprintf(guard, sizeof(guard), "%010d:%s/a/tool", PID, folder);
	expect_int(resolve("tool", "a:b:c", guard, &first, NULL), COMMAND_EXEC_DIRECTLY);
	expect_text(short_path(first.path), "b/tool");
	/* The second one comes back with what the first step noted. */
	expect_int(resolve("tool", "a:b:c", strchr(first.guard, '=') + 1, &second, NULL),
		   COMMAND_EXEC_DIRECTLY);
	expect_text(short_path(second.path), "c/tool");
	command_resolved_finish(&first);
	command_resolved_finish(&second);
	leave();
}

TEST(a_program_that_only_runs_itself_comes_to_an_end)
{
	char guard[64 * 1024] = "";
	int rounds = 0, r = 0;

	enter();
	write_file("a/tool", PROGRAM, 0755);
	for (; rounds < 100; rounds++) {
		struct command_resolved resolved = { NULL, NULL };

		r = resolve("tool", "a", guard[0] ? guard : NULL, &resolved, NULL);
		if (r < 0)
			break;
		(void)snprintf(guard, sizeof(guard), "%s", strchr(resolved.guard, '=') + 1);
		command_resolved_finish(&resolved);
	}
	expect_int(r, -ENOENT);
	expect_int(rounds, 16);
	leave();
}

TEST(the_guard_tells_what_was_run_and_takes_the_pid_later)
{
	char other[] = "OC_RUN_RESOLVEDX=0000000000:/x", foreign[] = "OC_RUN_RESOLVED=12:/x";
	struct command_resolved resolved = { NULL, NULL };
	char *environment[] = { other, foreign, NULL, NULL };
	char expected[2 * PATH_MAX];

	enter();
	write_file("a/tool", REAL, 0755);
	expect_int(resolve("tool", "a", "nonsense", &resolved, NULL), COMMAND_FOUND);
	(void)snprintf(expected, sizeof(expected), "OC_RUN_RESOLVED=0000000000:%s/a/tool", folder);
	expect_text(resolved.guard, expected);
	environment[2] = resolved.guard;
	command_stamp_guard(environment, 4194303);
	(void)snprintf(expected, sizeof(expected), "OC_RUN_RESOLVED=0004194303:%s/a/tool", folder);
	expect_text(resolved.guard, expected);
	expect_text(other, "OC_RUN_RESOLVEDX=0000000000:/x");
	expect_text(foreign, "OC_RUN_RESOLVED=12:/x");
	command_stamp_guard(NULL, 1);
	command_resolved_finish(&resolved);
	leave();
}

TEST(errors_say_what_to_do)
{
	struct command_resolved resolved = { NULL, NULL };
	struct diag diag = DIAG_INIT;

	enter();
	expect_int(resolve("tool", "a:b", NULL, &resolved, &diag), -ENOENT);
	expect_text(diag.text,
		    "command \"tool\" not found; is it installed, and its folder in PATH?");
	write_file("b/tool", REAL, 0644);
	expect_int(resolve("tool", "a:b", NULL, &resolved, &diag), -EACCES);
	expect_contains(diag.text, "it is not executable; chmod +x");
	leave();
}

UNIT_MAIN("command", the_first_that_can_be_run_is_found,
	  relative_folders_are_those_of_the_working_directory, a_path_is_taken_as_it_is,
	  oc_run_under_another_name_is_passed_by, oc_run_can_be_run_by_oc_run,
	  scripts_that_run_oc_run_are_passed_by, the_look_into_scripts_ends_after_4_kib,
	  a_script_that_seems_a_shim_is_tried_when_there_is_nothing_else_but_not_for_ever,
	  a_hidden_shim_is_known_by_having_run_us, two_hidden_shims_in_a_row_come_to_an_end,
	  a_program_that_only_runs_itself_comes_to_an_end,
	  the_guard_tells_what_was_run_and_takes_the_pid_later, errors_say_what_to_do)
