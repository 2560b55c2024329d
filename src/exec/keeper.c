/* SPDX-License-Identifier: MIT */

/*
 * The keeper's sleep, and oc-run's side of it.
 *
 * After the fork it keeps seven fds: oc-run's pidfd (opened by oc-run on itself before the fork, so
 * that no pid can be mistaken), the socket, the terminal, the registry entry, the folder for
 * temporary files and the one that it lies in, and the cgroup.procs of the cgroup it was born in, so
 * that it can leave the session's at the end. It sits in poll()
 * without a timeout until oc-run is gone or says that all is well. It calls nothing that would make
 * it grow: what it has is what was shared at the fork.
 *
 * oc-run's death shows twice: the socket ends (unless the stub still has a copy), the pidfd becomes
 * readable. A socket that ends without a dismissal is a death.
 */

#include "oc-run/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper-state.h"
#include "oc-run/close-fds.h"
#include "oc-run/lock-memory.h"
#include "oc-run/process-scan.h"
#include "oc-run/spawn.h"

#define HAND_OVER_MSEC 5000
#define DISMISS_MSEC 1000

enum message_kind {
	MESSAGE_HAND_OVER,
	MESSAGE_DISMISS,
};

enum message_fd {
	MESSAGE_FD_PARENT,
	MESSAGE_FD_SCOPE,
	MESSAGE_FD_PAYLOAD,
	MESSAGE_FD_COUNT,
};

struct message {
	enum message_kind kind;
	pid_t child;
	bool has_fd[MESSAGE_FD_COUNT]; /* those that come along, in this order */
	char scope_name[KEEPER_SCOPE_NAME_MAX];
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(MESSAGE_FD_COUNT * sizeof(int))];
};

/* What it is forked with. */
struct keeper_fds {
	int supervisor, socket, born;
};

static struct keeper_state keeper_state;

/* ---- the keeper's side ---- */

static void ignore_signals(void)
{
	struct sigaction ignore, standard;
	sigset_t none;

	memset(&ignore, 0, sizeof(ignore));
	ignore.sa_handler = SIG_IGN;
	memset(&standard, 0, sizeof(standard));
	standard.sa_handler = SIG_DFL;
	for (int number = 1; number < _NSIG; number++) {
		bool is_fault = number == SIGSEGV || number == SIGBUS || number == SIGILL ||
				number == SIGFPE || number == SIGABRT || number == SIGTRAP;

		(void)sigaction(number, is_fault ? &standard : &ignore, NULL);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* An absent or overlong text is as good as none. */
static void copy_text(char *target, size_t size, const char *text)
{
	int length = snprintf(target, size, "%s", text ? text : "");

	if (length < 0 || (size_t)length >= size)
		target[0] = '\0';
}

static void settle(struct keeper_state *state, const struct keeper_request *request,
		   const struct keeper_fds *fds)
{
	int keep[7];

	(void)prctl(PR_SET_NAME, PROCESS_KEEPER_NAME);
	(void)setpgid(0, 0);
	ignore_signals();
	copy_text(state->session_id, sizeof(state->session_id), request->session_id);
	copy_text(state->cgroup_mount, sizeof(state->cgroup_mount), request->cgroup_mount);
	copy_text(state->cgroup_parent, sizeof(state->cgroup_parent), request->cgroup_parent);
	copy_text(state->registry_path, sizeof(state->registry_path), request->registry_path);
	state->terminal = request->terminal ? *request->terminal : (struct terminal)TERMINAL_INIT;
	state->registry_fd = request->registry_fd;
	state->tmp_parent_fd = request->tmp_parent_fd;
	state->tmp_fd = request->tmp_fd;
	state->tidy = request->tidy;
	state->userdata = request->userdata;
	state->supervisor_fd = fds->supervisor;
	state->socket = fds->socket;
	state->born_fd = fds->born;
	state->child_fd = -1;
	state->kill_fd = -1;
	state->parent.dirfd = state->scope.dirfd = state->payload.dirfd = -1;
	keep[0] = fds->supervisor;
	keep[1] = fds->socket;
	keep[2] = fds->born;
	keep[3] = state->terminal.fd;
	keep[4] = state->registry_fd;
	keep[5] = state->tmp_parent_fd;
	keep[6] = state->tmp_fd;
	close_all_but(keep, ARRAY_SIZE(keep));
	/* A folder that somebody works in can't be unmounted. */
	(void)!chdir("/");
	lock_memory();
}

/* The fds that came with @header; none is left open by accident. */
static size_t received_fds(struct msghdr *header, int fds[MESSAGE_FD_COUNT])
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	size_t bytes;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = control->cmsg_len - CMSG_LEN(0);
	if (bytes > MESSAGE_FD_COUNT * sizeof(int))
		return 0;
	memcpy(fds, CMSG_DATA(control), bytes);
	return bytes / sizeof(int);
}

static void take_over(struct keeper_state *state, const struct message *message, const int *fds,
		      size_t count)
{
	struct cgroup *const targets[MESSAGE_FD_COUNT] = {
		[MESSAGE_FD_PARENT] = &state->parent,
		[MESSAGE_FD_SCOPE] = &state->scope,
		[MESSAGE_FD_PAYLOAD] = &state->payload,
	};
	size_t used = 0;

	for (size_t i = 0; i < MESSAGE_FD_COUNT; i++) {
		if (message->has_fd[i] && used < count)
			targets[i]->dirfd = fds[used++];
	}
	copy_text(state->scope_name, sizeof(state->scope_name), message->scope_name);
	/* The stub is not reaped before we have answered, so the pid is its own. */
	if (message->child > 0)
		state->child_fd = pidfd_open(message->child, 0);
	if (state->payload.dirfd >= 0)
		state->kill_fd = cgroup_kill_prepare(&state->payload);
	(void)!send(state->socket, "", 1, MSG_NOSIGNAL);
}

/* false: oc-run is gone. */
static bool handle_message(struct keeper_state *state)
{
	struct message message;
	union control control;
	struct iovec data = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fds[MESSAGE_FD_COUNT];
	ssize_t length = recvmsg(state->socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (length < 0)
		return errno == EINTR || errno == EAGAIN;
	if (length != (ssize_t)sizeof(message))
		return false;
	switch (message.kind) {
	case MESSAGE_HAND_OVER:
		take_over(state, &message, fds, received_fds(&header, fds));
		return true;
	case MESSAGE_DISMISS:
		break;
	}
	_exit(EXIT_SUCCESS);
}

static void sleep_until_death(struct keeper_state *state)
{
	struct pollfd waiting[] = {
		{ .fd = state->socket, .events = POLLIN },
		{ .fd = state->supervisor_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(waiting, ARRAY_SIZE(waiting), -1) < 0)
			continue;
		/* The socket first: a dismissal may have come right before the death. */
		if (waiting[0].revents != 0) {
			if (!handle_message(state))
				return;
		} else if (waiting[1].revents != 0) {
			return;
		}
	}
}

__attribute__((noreturn)) static void keeper_run(const struct keeper_request *request,
						 const struct keeper_fds *fds)
{
	settle(&keeper_state, request, fds);
	sleep_until_death(&keeper_state);
	keeper_end_session(&keeper_state);
	_exit(EXIT_SUCCESS);
}

/* ---- oc-run's side ---- */

/* Before the fork: the keeper may be moved as soon as it exists. -1 where it can't be had. */
static int open_born_cgroup(const char *mount)
{
	_cleanup_free_ char *path = NULL;
	char file[PATH_MAX];
	int length;

	if (!mount || cgroup_of_process(getpid(), &path) < 0)
		return -1;
	length = snprintf(file, sizeof(file), "%s%s/cgroup.procs", mount, path);
	if (length < 0 || (size_t)length >= sizeof(file))
		return -1;
	return open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

int keeper_start(const struct keeper_request *request, struct keeper *ret, struct diag *diag)
{
	_cleanup_close_ int supervisor_fd = pidfd_open(getpid(), 0);
	_cleanup_close_ int born_fd = open_born_cgroup(request->cgroup_mount);
	_cleanup_close_ int ours = -1, theirs = -1;
	struct keeper keeper = KEEPER_INIT;
	struct keeper_fds fds;
	int pair[2];

	if (supervisor_fd < 0)
		return diag_set(diag, -errno, "cannot start the keeper: pidfd_open: %s",
				strerror(errno));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return diag_set(diag, -errno, "cannot start the keeper: socketpair: %s",
				strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	fds = (struct keeper_fds){ .supervisor = supervisor_fd, .socket = theirs, .born = born_fd };
	keeper.pid = signal_state_fork();
	if (keeper.pid < 0)
		return diag_set(diag, -errno, "cannot start the keeper: %s", strerror(errno));
	if (keeper.pid == 0)
		keeper_run(request, &fds);
	keeper.socket = take_fd(&ours);
	keeper.pidfd = pidfd_open(keeper.pid, 0);
	if (keeper.pidfd < 0) {
		int error = -errno;

		(void)kill(keeper.pid, SIGKILL);
		(void)waitpid(keeper.pid, NULL, 0);
		cleanup_close(&keeper.socket);
		return diag_set(diag, error, "cannot watch the keeper: pidfd_open: %s",
				strerror(-error));
	}
	*ret = keeper;
	return 0;
}

/* "oc-<id>.scope" of "/some/slice/oc-<id>.scope". */
static const char *last_component(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : "";
}

static int send_message(int socket, const struct message *message, const int *fds, size_t count)
{
	union control control;
	struct iovec data = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int wait_for_answer(int socket)
{
	struct pollfd waiting = { .fd = socket, .events = POLLIN };
	char byte;
	int ready;

	do
		ready = poll(&waiting, 1, HAND_OVER_MSEC);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	if (ready == 0)
		return -ETIMEDOUT;
	return recv(socket, &byte, 1, MSG_DONTWAIT) == 1 ? 0 : -EPIPE;
}

int keeper_hand_over(struct keeper *keeper, const struct session_cgroup *cgroup, pid_t child)
{
	const int all[MESSAGE_FD_COUNT] = {
		[MESSAGE_FD_PARENT] = cgroup->parent.dirfd,
		[MESSAGE_FD_SCOPE] = cgroup->scope.dirfd,
		[MESSAGE_FD_PAYLOAD] = cgroup->payload.dirfd,
	};
	struct message message;
	int fds[MESSAGE_FD_COUNT], error;
	size_t count = 0;

	if (keeper->socket < 0)
		return -EPIPE;
	memset(&message, 0, sizeof(message));
	message.kind = MESSAGE_HAND_OVER;
	message.child = child;
	for (size_t i = 0; i < MESSAGE_FD_COUNT; i++) {
		message.has_fd[i] = all[i] >= 0;
		if (all[i] >= 0)
			fds[count++] = all[i];
	}
	copy_text(message.scope_name, sizeof(message.scope_name),
		  last_component(cgroup->scope.path));
	error = send_message(keeper->socket, &message, fds, count);
	return error < 0 ? error : wait_for_answer(keeper->socket);
}

void keeper_dismiss(struct keeper *keeper)
{
	const struct message message = { .kind = MESSAGE_DISMISS };
	struct pollfd waiting = { .fd = keeper->pidfd, .events = POLLIN };
	siginfo_t info;

	if (keeper->pid <= 0)
		return;
	if (keeper->socket < 0 || send_message(keeper->socket, &message, NULL, 0) < 0 ||
	    poll(&waiting, 1, DISMISS_MSEC) <= 0)
		(void)pidfd_send_signal(keeper->pidfd, SIGKILL, NULL, 0);
	/* ECHILD where the supervisor's loop has reaped it already. */
	while (waitid(P_PIDFD, (id_t)keeper->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	cleanup_close(&keeper->socket);
	cleanup_close(&keeper->pidfd);
	keeper->pid = 0;
}
