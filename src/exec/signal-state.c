/* SPDX-License-Identifier: MIT */

/*
 * The signal mask and the ignored signals, as they were when oc-run started, and the limit on open
 * files.
 *
 * Both survive exec, so a command that was started with nohup, or by a parent that blocks signals,
 * must find what it would have found without oc-run. The C library hides its two internal signals
 * (32 and 33) from sigprocmask(), so the mask goes through the system call; dispositions that are
 * already right are left alone, which keeps those two as they are as well.
 */

#include "oc-run/spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's sigset has one bit for each of _NSIG - 1 signals; the C library's is longer. */
#define KERNEL_SIGSET_BYTES ((_NSIG - 1) / 8)

#define FILES_WANTED 256

static int change_mask(const sigset_t *set, sigset_t *ret_old)
{
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, set, ret_old, KERNEL_SIGSET_BYTES) < 0)
		return -errno;
	return 0;
}

int signal_state_save(struct signal_state *ret)
{
	struct signal_state state;
	struct sigaction action;
	int error;

	memset(&state, 0, sizeof(state));
	error = change_mask(NULL, &state.mask);
	if (error < 0)
		return error;
	sigemptyset(&state.ignored);
	for (int number = 1; number < _NSIG; number++) {
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			sigaddset(&state.ignored, number);
	}
	*ret = state;
	return 0;
}

void signal_state_raise_files(struct signal_state *state)
{
	struct rlimit found, wanted = { .rlim_cur = FILES_WANTED, .rlim_max = FILES_WANTED };

	if (getrlimit(RLIMIT_NOFILE, &found) < 0 || found.rlim_cur >= FILES_WANTED)
		return;
	if (found.rlim_max > FILES_WANTED)
		wanted.rlim_max = found.rlim_max;
	/* More than the hard limit is for root only. */
	if (setrlimit(RLIMIT_NOFILE, &wanted) < 0) {
		wanted.rlim_cur = wanted.rlim_max = found.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &wanted) < 0)
			return;
	}
	state->files = found;
	state->raised_files = true;
}

int signal_state_restore(const struct signal_state *state)
{
	struct sigaction action;

	if (state->raised_files && setrlimit(RLIMIT_NOFILE, &state->files) < 0)
		return -errno;
	for (int number = 1; number < _NSIG; number++) {
		void (*wanted)(int) = SIG_DFL;

		if (sigismember(&state->ignored, number) == 1)
			wanted = SIG_IGN;
		if (sigaction(number, NULL, &action) < 0 || action.sa_handler == wanted)
			continue;
		memset(&action, 0, sizeof(action));
		action.sa_handler = wanted;
		if (sigaction(number, &action, NULL) < 0)
			return -errno;
	}
	return change_mask(&state->mask, NULL);
}

pid_t signal_state_fork(void)
{
	sigset_t all, before;
	pid_t pid;
	int saved_errno;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		return 0;
	saved_errno = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
	return pid;
}
