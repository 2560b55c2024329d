/* SPDX-License-Identifier: MIT */

/*
 * A message in the status line of the tmux that oc-run was started in, by `tmux display-message`:
 * the protocol of tmux's socket is private to each version, its commands are not.
 *
 * The program is started by fork, and not by posix_spawn(3), which would hold us until the exec is
 * through: with a PATH that leads over a share that hangs, for ever. It has nothing of ours: no
 * terminal (a session of its own, so that no Ctrl-C reaches it either), no open file, default
 * signals. It is our only child that is not of the session; whoever counts and kills the session's
 * processes is told of it.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notice-channel.h"
#include "oc-run/spawn.h"

#define ANSWER_USEC (3 * UINT64_C(1000000))
/* What a killed process takes to be gone. */
#define DEATH_USEC (100 * UINT64_C(1000))
/* How long the message stands. tmux does not draw the pane in that time, and the usual 750 ms are
 * too short to read it; a key ends it at once. */
#define MESSAGE_MSEC "5000"

struct tmux {
	struct notice_channel base;
	char *text;  /* of the notice that is on its way */
	pid_t child; /* 0: none */
	bool is_old; /* before 3.2: display-message takes no time */
};

static struct tmux *tmux_of(struct notice_channel *channel)
{
	return (struct tmux *)channel;
}

static void set_child(struct tmux *tmux, pid_t pid)
{
	const struct notices_request *request = tmux->base.request;

	tmux->child = pid;
	request->child_changed(pid, request->userdata);
}

__attribute__((noreturn)) static void run(char *const *argv)
{
	static const struct signal_state plain;
	int null;

	(void)setsid();
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(EXIT_FAILURE);
	/* Those that we inherited stay open across an exec. (Kernels before 5.9 can't.) */
	(void)close_range(3, ~0U, 0);
	if (signal_state_restore(&plain) >= 0)
		(void)execvp(argv[0], argv);
	_exit(127);
}

static int start(struct tmux *tmux)
{
	const struct host *host = tmux->base.request->host;
	char *argv[16];
	size_t count = 0;
	pid_t pid;

	argv[count++] = (char *)"tmux";
	argv[count++] = (char *)"-S";
	argv[count++] = host->tmux_socket;
	argv[count++] = (char *)"display-message";
	if (host->tmux_pane) {
		argv[count++] = (char *)"-t";
		argv[count++] = host->tmux_pane;
	}
	if (!tmux->is_old) {
		argv[count++] = (char *)"-d";
		argv[count++] = (char *)MESSAGE_MSEC;
	}
	argv[count++] = tmux->text;
	argv[count] = NULL;
	pid = signal_state_fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(argv);
	set_child(tmux, pid);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct tmux *tmux = tmux_of(userdata);

	(void)source;
	(void)usec;
	/* With whatever a wrapper of that name started. Nobody else reaps it: the pid is its. */
	if (tmux->child > 0 && kill(-tmux->child, SIGKILL) < 0)
		(void)kill(tmux->child, SIGKILL);
	return 0;
}

static int tmux_show(struct notice_channel *channel, const struct notice *notice)
{
	struct tmux *tmux = tmux_of(channel);
	int r;

	cleanup_free(&tmux->text);
	/* Gone, with all its clients: `tmux` need not be asked. */
	if (access(channel->request->host->tmux_socket, F_OK) < 0)
		return -errno;
	tmux->text = notice_text_tmux(notice);
	if (!tmux->text)
		return -ENOMEM;
	r = start(tmux);
	if (r >= 0)
		notice_channel_arm(channel, ANSWER_USEC, on_deadline);
	return r;
}

static bool tmux_reaped(struct notice_channel *channel, pid_t pid, int wait_status)
{
	struct tmux *tmux = tmux_of(channel);
	bool is_refused = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 1;

	if (tmux->child <= 0 || pid != tmux->child)
		return false;
	set_child(tmux, 0);
	if (is_refused) {
		/* Why, it told to nobody: try once the way that every version knows. */
		tmux->is_old = !tmux->is_old;
		if (tmux->is_old && start(tmux) >= 0)
			return true;
	}
	notice_channel_done(channel, WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
	return true;
}

/* 0: it has ended, or can't be waited for. */
static int wait_for(pid_t pid, uint64_t deadline_usec)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd item = { .fd = pidfd, .events = POLLIN };
	uint64_t now_usec = notice_now_usec();

	if (pidfd < 0 || now_usec >= deadline_usec)
		return -ETIMEDOUT;
	return poll(&item, 1, (int)((deadline_usec - now_usec) / 1000) + 1) == 1 ? 0 : -ETIMEDOUT;
}

static void tmux_settle(struct notice_channel *channel, uint64_t deadline_usec)
{
	struct tmux *tmux = tmux_of(channel);
	pid_t pid = tmux->child;
	int wait_status;

	if (wait_for(pid, deadline_usec) < 0) {
		(void)on_deadline(NULL, 0, tmux);
		(void)!wait_for(pid, notice_now_usec() + DEATH_USEC);
	}
	if (waitpid(pid, &wait_status, WNOHANG) > 0) {
		(void)tmux_reaped(channel, pid, wait_status);
		return;
	}
	/* It hangs in the kernel, and is left to init. */
	set_child(tmux, 0);
	notice_channel_done(channel, false);
}

static void tmux_free(struct notice_channel *channel)
{
	struct tmux *tmux = tmux_of(channel);

	(void)on_deadline(NULL, 0, tmux);
	free(tmux->text);
	free(tmux);
}

int notice_tmux_new(const struct notices_request *request, struct notice_channel **ret)
{
	static const struct notice_ops ops = {
		.show = tmux_show,
		.reaped = tmux_reaped,
		.settle = tmux_settle,
		.free = tmux_free,
	};
	struct tmux *tmux = calloc(1, sizeof(*tmux));

	if (!tmux)
		return -ENOMEM;
	tmux->base.ops = &ops;
	tmux->base.request = request;
	*ret = &tmux->base;
	return 0;
}
