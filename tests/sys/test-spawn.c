/* SPDX-License-Identifier: MIT */

/* The stub: it waits, it execs, it says why it could not, and the command finds everything as
 * oc-run found it. */

#include "sys.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "oc-run/spawn.h"

static struct signal_state found;

static void set_up(void)
{
	expect_int(signal_state_save(&found), 0);
}

static struct spawn_request request_for(char *const *argv)
{
	static char *const environment[] = { (char *)"LANG=C", NULL };

	return (struct spawn_request){
		.executable = argv[0],
		.argv = argv,
		.environment = environment,
		.signals = &found,
	};
}

static int wait_status_of(struct child *child)
{
	int status;

	expect_int(waitpid(child->pid, &status, 0), child->pid);
	child_finish(child);
	return status;
}

static int run(const struct spawn_request *request)
{
	struct child child = CHILD_INIT;
	struct diag diag = DIAG_INIT;
	bool is_exec;

	expect_int(spawn_stub(request, &child, &diag), 0);
	expect_int(spawn_release(&child, &is_exec, &diag), 0);
	return wait_status_of(&child);
}

/* Runs it with its standard output in @text. */
static int run_for_output(const struct spawn_request *request, char *text, size_t size)
{
	int before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100), status;
	_cleanup_close_ int file = memfd_create("output", MFD_CLOEXEC);
	ssize_t length;

	expect(before >= 0 && file >= 0);
	expect(dup2(file, STDOUT_FILENO) >= 0);
	status = run(request);
	expect(dup2(before, STDOUT_FILENO) >= 0);
	(void)close(before);
	length = pread(file, text, size - 1, 0);
	expect(length >= 0);
	text[length] = '\0';
	return status;
}

static void write_script(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	expect(fd >= 0);
	expect_int(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	expect_int(close(fd), 0);
}

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[128];

	if (folder[0] == '\0') {
		(void)snprintf(folder, sizeof(folder), "/tmp/oc-run-test-spawn-XXXXXX");
		expect(mkdtemp(folder) != NULL);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void remove_folder(void)
{
	static const char *const names[] = { "script", "plain" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(in_folder(names[i]));
	(void)rmdir(folder);
}

/* The lines of /proc/self/status that a command can read about itself. */
static void signal_lines_of(const char *status, char *ret, size_t size)
{
	static const char *const keys[] = { "SigBlk:", "SigIgn:", "SigCgt:" };
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *line = strstr(status, keys[i]);

		expect(line != NULL);
		used += (size_t)snprintf(ret + used, size - used, "%.*s\n",
					 (int)strcspn(line, "\n"), line);
	}
}

static void on_signal(int number)
{
	(void)number;
}

TEST(the_command_gets_the_signals_that_oc_run_was_started_with)
{
	char *const argv[] = { (char *)"/bin/cat", (char *)"/proc/self/status", NULL };
	char text[8192], before[512], output[8192];
	uint64_t hidden = (uint64_t)1 << (33 - 1); /* the C library's own: sigprocmask() hides it */
	struct spawn_request request;
	sigset_t mask;

	/* As started: a mixed bag. */
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGRTMIN + 1, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGRTMIN + 3);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	expect_int(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &hidden, NULL, sizeof(hidden)), 0);
	set_up();
	expect_int(sys_read_proc("/proc/self/status", text, sizeof(text)), 0);
	signal_lines_of(text, before, sizeof(before));

	/* What oc-run then does to itself. */
	(void)signal(SIGUSR1, SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGRTMIN + 1, on_signal);
	sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);

	request = request_for(argv);
	expect_int(run_for_output(&request, output, sizeof(output)), 0);
	signal_lines_of(output, text, sizeof(text));
	/* The harness may catch some: handlers end with exec, so the command catches none. */
	*strstr(before, "SigCgt:") = '\0';
	expect_contains(text, "SigCgt:\t0000000000000000\n");
	*strstr(text, "SigCgt:") = '\0';
	expect_text(text, before);
}

TEST(nothing_runs_before_the_release)
{
	char *const argv[] = { (char *)"/bin/sleep", (char *)"60", NULL };
	struct spawn_request request = request_for(argv);
	struct child child = CHILD_INIT;
	char path[64], own[256] = "", its[256] = "";
	bool is_exec;

	set_up();
	expect_int(spawn_stub(&request, &child, NULL), 0);
	expect_int(getpgid(child.pid), getpgrp());
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)child.pid);
	expect(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	expect(readlink(path, its, sizeof(its) - 1) > 0);
	expect_text(its, own);
	expect_int(spawn_release(&child, &is_exec, NULL), 0);
	memset(its, 0, sizeof(its));
	expect(readlink(path, its, sizeof(its) - 1) > 0);
	expect_lacks(its, "test-");
	expect_int(kill(child.pid, SIGKILL), 0);
	expect_int(WTERMSIG(wait_status_of(&child)), SIGKILL);
}

TEST(the_exit_status_is_the_commands)
{
	static const char *const scripts[] = { "exit 0", "exit 1", "exit 127", "exit 255" };
	static const int statuses[] = { 0, 1, 127, 255 };

	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)scripts[i], NULL };
		struct spawn_request request = request_for(argv);

		unit_row = scripts[i];
		expect_int(WEXITSTATUS(run(&request)), statuses[i]);
	}
}

TEST(a_failed_stage_comes_back_with_its_error)
{
	const struct {
		const char *name, *executable, *folder;
		int error;
		bool is_exec;
		const char *says;
	} stages[] = {
		{ "missing", "/no/such/program", NULL, -ENOENT, true, "\"/no/such/program\"" },
		{ "no right", in_folder("plain"), NULL, -EACCES, true, "Permission" },
		{ "a folder", "/tmp", NULL, -EACCES, true, "\"/tmp\"" },
		{ "folder missing", "/bin/true", "/no/such/folder", -ENOENT, false,
		  "\"/no/such/folder\"" },
		{ "folder is a file", "/bin/true", "/bin/true", -ENOTDIR, false, "directory" },
	};
	char plain[128];

	set_up();
	(void)snprintf(plain, sizeof(plain), "%s", in_folder("plain"));
	write_script(plain, "true\n", 0644);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		bool is_plain = strcmp(stages[i].name, "no right") == 0;
		char *const argv[] = { (char *)(is_plain ? plain : stages[i].executable), NULL };
		struct spawn_request request = request_for(argv);
		struct child child = CHILD_INIT;
		struct diag diag = DIAG_INIT;
		bool is_exec = !stages[i].is_exec;
		pid_t pid;

		unit_row = stages[i].name;
		request.working_directory = stages[i].folder;
		expect_int(spawn_stub(&request, &child, &diag), 0);
		pid = child.pid;
		expect_int(spawn_release(&child, &is_exec, &diag), stages[i].error);
		expect_int(is_exec, stages[i].is_exec);
		expect_contains(diag.text, stages[i].says);
		expect_int(child.pid, 0);
		/* Reaped. */
		expect_int(waitpid(pid, NULL, WNOHANG), -1);
		child_finish(&child);
	}
	remove_folder();
}

TEST(a_script_without_a_first_line_is_run_by_sh)
{
	char path[128], output[256];
	char *argv[] = { NULL, (char *)"a b", (char *)"c", NULL };
	struct spawn_request request;

	set_up();
	(void)snprintf(path, sizeof(path), "%s", in_folder("script"));
	write_script(path, "echo \"$#:$1:$2\"; exit 7\n", 0755);
	argv[0] = path;
	request = request_for(argv);
	expect_int(WEXITSTATUS(run_for_output(&request, output, sizeof(output))), 7);
	expect_text(output, "2:a b:c\n");
	remove_folder();
}

TEST(environment_and_folder_are_those_asked_for)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c",
			       (char *)"/usr/bin/env | grep -v -e ^_= -e ^PWD= | sort; pwd", NULL };
	char *const environment[] = { (char *)"B=2", (char *)"A=1 x", NULL };
	struct spawn_request request = request_for(argv);
	char output[512];

	set_up();
	request.environment = environment;
	request.working_directory = "/usr";
	expect_int(run_for_output(&request, output, sizeof(output)), 0);
	expect_text(output, "A=1 x\nB=2\n/usr\n");
}

TEST(the_command_sees_only_the_fds_that_were_inherited)
{
	char *const argv[] = { (char *)"/bin/ls", (char *)"/proc/self/fd", NULL };
	struct spawn_request request = request_for(argv);
	char output[512];

	set_up();
	/* What the harness has open is not the matter here. */
	for (int fd = 3; fd < 256; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	expect_int(dup2(STDIN_FILENO, 50), 50);
	expect_int(run_for_output(&request, output, sizeof(output)), 0);
	/* 3 is the folder that ls reads. */
	expect_text(output, "0\n1\n2\n3\n50\n");
}

TEST(a_signal_during_the_set_up_ends_the_command_as_it_starts)
{
	char *const argv[] = { (char *)"/bin/sleep", (char *)"60", NULL };
	struct spawn_request request = request_for(argv);
	struct child child = CHILD_INIT;
	bool is_exec;

	set_up();
	expect_int(spawn_stub(&request, &child, NULL), 0);
	expect_int(kill(child.pid, SIGINT), 0);
	expect_int(spawn_release(&child, &is_exec, NULL), 0);
	expect_int(WTERMSIG(wait_status_of(&child)), SIGINT);
}

TEST(a_stub_that_was_killed_is_no_success)
{
	char *const argv[] = { (char *)"/bin/true", NULL };
	struct spawn_request request = request_for(argv);
	struct child child = CHILD_INIT;
	struct diag diag = DIAG_INIT;
	bool is_exec = true;

	set_up();
	expect_int(spawn_stub(&request, &child, NULL), 0);
	expect_int(kill(child.pid, SIGKILL), 0);
	expect_int(spawn_release(&child, &is_exec, &diag), -ECHILD);
	expect_int(is_exec, false);
	expect_contains(diag.text, "/bin/true");
	child_finish(&child);
}

TEST(an_abandoned_stub_is_gone)
{
	char *const argv[] = { (char *)"/bin/true", NULL };
	struct spawn_request request = request_for(argv);
	struct child child = CHILD_INIT;
	pid_t pid;

	set_up();
	expect_int(spawn_stub(&request, &child, NULL), 0);
	pid = child.pid;
	spawn_abandon(&child);
	spawn_abandon(&child);
	expect_int(kill(pid, 0), -1);
	expect_int(child.pidfd, -1);
	expect_int(child.handshake_fd, -1);
}

struct parent_plan {
	int pid_fd;
};

static void spawn_and_wait(void *argument)
{
	const struct parent_plan *plan = argument;
	char *const argv[] = { (char *)"/bin/sleep", (char *)"60", NULL };
	struct spawn_request request = request_for(argv);
	struct child child = CHILD_INIT;

	if (spawn_stub(&request, &child, NULL) < 0)
		_exit(1);
	(void)!write(plan->pid_fd, &child.pid, sizeof(child.pid));
	sys_ready();
	for (;;)
		(void)pause();
}

TEST(the_stub_ends_when_its_oc_run_is_killed)
{
	struct parent_plan plan;
	pid_t parent, stub;
	int fds[2];

	set_up();
	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	expect_int(pipe2(fds, O_CLOEXEC), 0);
	plan.pid_fd = fds[1];
	parent = sys_start(spawn_and_wait, &plan);
	expect_int(read(fds[0], &stub, sizeof(stub)), (ssize_t)sizeof(stub));
	expect_int(kill(stub, 0), 0);
	sys_end(parent);
	sys_wait_gone(stub);
}

UNIT_MAIN("spawn", the_command_gets_the_signals_that_oc_run_was_started_with,
	  nothing_runs_before_the_release, the_exit_status_is_the_commands,
	  a_failed_stage_comes_back_with_its_error, a_script_without_a_first_line_is_run_by_sh,
	  environment_and_folder_are_those_asked_for,
	  the_command_sees_only_the_fds_that_were_inherited,
	  a_signal_during_the_set_up_ends_the_command_as_it_starts,
	  a_stub_that_was_killed_is_no_success, an_abandoned_stub_is_gone,
	  the_stub_ends_when_its_oc_run_is_killed)
