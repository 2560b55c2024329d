/* SPDX-License-Identifier: MIT */

/*
 * The stub and its handshake.
 *
 * One socket pair carries it all: a byte from oc-run means "go", the end of it means that oc-run is
 * gone; the stub answers with a struct handshake for each milestone, and exec closes its end. The
 * stub announces the exec before it tries it, so that an end without that announcement is known to
 * be the death of the stub and not a success.
 *
 * Every fd of oc-run is close-on-exec: the command sees those that oc-run inherited, and no other.
 * After the fork the stub allocates nothing: the caller built argv and environment, and the argv
 * for /bin/sh stands ready too.
 */

#include "oc-run/spawn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oc-run/command.h"

/* What a script without "#!" is run by, as execvp(3) and every shell do. */
#define SHELL_PATH "/bin/sh"
#define STOPPED_LOOK_MSEC 20

enum spawn_stage {
	SPAWN_STAGE_OUTPUT,
	SPAWN_STAGE_USER,
	SPAWN_STAGE_CHDIR,
	SPAWN_STAGE_SIGNALS,
	SPAWN_STAGE_GUARD,
	SPAWN_STAGE_EXEC,
};

struct handshake {
	enum spawn_stage stage;
	int error; /* 0: about to do it; else the errno it failed with */
	enum guard_step guard_step;
};

static void tell(int socket, enum spawn_stage stage, int error)
{
	const struct handshake message = { .stage = stage, .error = error };

	/* oc-run may be gone: then there is nobody to tell, and the stub exits anyway. */
	(void)!send(socket, &message, sizeof(message), MSG_NOSIGNAL);
}

static bool wait_for_release(int socket)
{
	char byte;
	ssize_t length;

	do
		length = recv(socket, &byte, 1, 0);
	while (length < 0 && errno == EINTR);
	return length == 1;
}

__attribute__((noreturn)) static void give_up(int socket, enum spawn_stage stage, int error)
{
	tell(socket, stage, error);
	_exit(EXIT_FAILURE);
}

static void put_guard_on(const struct guard *guard, int socket)
{
	struct handshake message = { .stage = SPAWN_STAGE_GUARD };

	message.error = -guard_put_on(guard, &message.guard_step);
	if (message.error == 0)
		return;
	(void)!send(socket, &message, sizeof(message), MSG_NOSIGNAL);
	_exit(EXIT_FAILURE);
}

/* Another user may not be allowed where root stands. */
static const char *folder_of(const struct spawn_request *request)
{
	return request->user && !request->working_directory ? "." : request->working_directory;
}

__attribute__((noreturn)) static void stub_run(const struct spawn_request *request,
					       char *const *shell_argv, int socket)
{
	const char *folder = folder_of(request);
	int error;

	if (!wait_for_release(socket))
		_exit(EXIT_FAILURE);
	if (request->output_fd && (dup2(*request->output_fd, STDOUT_FILENO) < 0 ||
				   dup2(*request->output_fd, STDERR_FILENO) < 0))
		give_up(socket, SPAWN_STAGE_OUTPUT, errno);
	/* Before the user, who could not drop capabilities or do without no_new_privs. */
	if (request->guard)
		put_guard_on(request->guard, socket);
	/* From here to the exec nobody but root can trace us: the change of ids sees to that. */
	error = request->user ? user_account_become(request->user) : 0;
	if (error < 0)
		give_up(socket, SPAWN_STAGE_USER, -error);
	if (folder && chdir(folder) < 0)
		give_up(socket, SPAWN_STAGE_CHDIR, errno);
	tell(socket, SPAWN_STAGE_EXEC, 0);
	/* From here on a signal that came during the set-up takes effect as it does on a command. */
	error = signal_state_restore(request->signals);
	if (error < 0)
		give_up(socket, SPAWN_STAGE_SIGNALS, -error);
	/* Only here is it known which process runs the command: a shim is told by it. */
	command_stamp_guard(request->environment, getpid());
	execve(request->executable, request->argv, request->environment);
	if (errno == ENOEXEC)
		execve(SHELL_PATH, shell_argv, request->environment);
	give_up(socket, SPAWN_STAGE_EXEC, errno);
}

/* { "/bin/sh", executable, argv[1], ... }; the texts are borrowed. */
static char **make_shell_argv(const struct spawn_request *request)
{
	size_t count = 0;
	char **argv;

	while (request->argv[count])
		count++;
	argv = calloc(count + 3, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = (char *)SHELL_PATH;
	argv[1] = (char *)request->executable;
	for (size_t i = 1; i < count; i++)
		argv[i + 1] = request->argv[i];
	return argv;
}

static void reap(struct child *child)
{
	if (child->pid > 0)
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	child->pid = 0;
}

int spawn_stub(const struct spawn_request *request, struct child *ret, struct diag *diag)
{
	struct child child = CHILD_INIT;
	_cleanup_free_ char **shell_argv = make_shell_argv(request);
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2];

	if (!shell_argv)
		return diag_set(diag, -ENOMEM, "cannot prepare the command: out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return diag_set(diag, -errno, "cannot prepare the command: socketpair: %s",
				strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	child.pid = signal_state_fork();
	if (child.pid < 0)
		return diag_set(diag, -errno, "cannot start a process: %s", strerror(errno));
	if (child.pid == 0) {
		/* The stub must not keep oc-run's end: it would never see it close. */
		(void)close(ours);
		stub_run(request, shell_argv, theirs);
	}
	child.handshake_fd = take_fd(&ours);
	child.pidfd = pidfd_open(child.pid, 0);
	if (child.pidfd < 0) {
		int error = -errno;

		spawn_abandon(&child);
		return diag_set(diag, error, "cannot watch the command: pidfd_open: %s",
				strerror(-error));
	}
	child.executable = request->executable;
	child.working_directory = request->working_directory;
	child.user = request->user;
	child.stopped = request->stopped;
	child.userdata = request->userdata;
	*ret = child;
	return 0;
}

static int stage_failed(const struct child *child, const struct handshake *message,
			struct diag *diag)
{
	const char *cause = strerror(message->error);

	switch (message->stage) {
	case SPAWN_STAGE_USER:
		return diag_set(diag, -message->error, "cannot become the user \"%s\": %s",
				child->user->name, cause);
	case SPAWN_STAGE_CHDIR:
		if (!child->working_directory)
			return diag_set(diag, -message->error,
					"the user \"%s\" cannot enter the directory that oc-run "
					"was started in: %s; name another with --chdir",
					child->user->name, cause);
		return diag_set(diag, -message->error, "cannot change to the directory \"%s\": %s",
				child->working_directory, cause);
	case SPAWN_STAGE_OUTPUT:
		return diag_set(diag, -message->error, "cannot redirect the command's output: %s",
				cause);
	case SPAWN_STAGE_SIGNALS:
		return diag_set(diag, -message->error,
				"cannot give the command its signals back: %s", cause);
	case SPAWN_STAGE_GUARD:
		return diag_set(diag, -message->error,
				"cannot put on the guard (%s): %s; --guard=off runs without",
				guard_step_name(message->guard_step), cause);
	case SPAWN_STAGE_EXEC:
		break;
	}
	return diag_set(diag, -message->error, "cannot run \"%s\": %s", child->executable, cause);
}

static bool is_stopped(const struct child *child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WNOHANG) == 0 &&
	       info.si_code == CLD_STOPPED;
}

/* An exec takes less than a millisecond, unless the stub is stopped right before it. */
static void wait_for_message(int socket, const struct child *child)
{
	struct pollfd ready = { .fd = socket, .events = POLLIN };

	while (child->stopped && poll(&ready, 1, STOPPED_LOOK_MSEC) == 0)
		if (is_stopped(child))
			child->stopped(child->userdata);
}

static ssize_t receive(int socket, const struct child *child, struct handshake *ret)
{
	ssize_t length;

	wait_for_message(socket, child);
	do
		length = recv(socket, ret, sizeof(*ret), 0);
	while (length < 0 && errno == EINTR);
	return length;
}

int spawn_release(struct child *child, bool *ret_is_exec, struct diag *diag)
{
	_cleanup_close_ int socket = take_fd(&child->handshake_fd);
	struct handshake message;
	bool announced = false;

	*ret_is_exec = false;
	(void)!send(socket, "", 1, MSG_NOSIGNAL);
	while (receive(socket, child, &message) == (ssize_t)sizeof(message)) {
		if (message.error == 0) {
			announced = true;
			continue;
		}
		*ret_is_exec = message.stage == SPAWN_STAGE_EXEC;
		reap(child);
		return stage_failed(child, &message, diag);
	}
	if (announced)
		return 0;
	reap(child);
	return diag_set(diag, -ECHILD, "\"%s\" was killed before it could start",
			child->executable);
}

void spawn_abandon(struct child *child)
{
	if (child->pid > 0) {
		(void)kill(child->pid, SIGKILL);
		reap(child);
	}
	child_finish(child);
}

void child_finish(struct child *child)
{
	cleanup_close(&child->pidfd);
	cleanup_close(&child->handshake_fd);
	child->pid = 0;
}
