/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The child is a stub that is blocked on a socket until its cgroup is right; then it execs. It
 * stays in oc-run's process group (native job control) and gets the signal mask and dispositions
 * that oc-run was started with. If oc-run dies first the socket ends and the stub exits.
 * Set-up errors come back as {stage, errno}; success is the end of the socket, which exec closes.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/guard.h"
#include "oc-run/user-account.h"

/* Mask and ignored signals as oc-run found them, taken first thing in main(); and how many files it
 * may open, which oc-run raises for itself. */
struct signal_state {
	sigset_t mask;
	sigset_t ignored;
	bool raised_files;
	struct rlimit files; /* as found, where it was raised */
};

/* What a session in a cgroup takes, with room to look at processes. */
#define SESSION_FILES_MIN 48

struct spawn_request {
	const char *executable; /* absolute path */
	char *const *argv;
	char *const *environment;
	const char *working_directory;	 /* or NULL */
	const struct user_account *user; /* whom it becomes, or NULL */
	const struct signal_state *signals;
	const struct guard *guard; /* put on right before exec; or NULL */
	const int *output_fd;	   /* becomes its stdout and stderr; NULL: they are ours */
	/* The stub was stopped (Ctrl-Z) after its signals were unblocked and before its exec: the
	 * shell waits for us, who have to stop as well. Comes back when the job goes on. Or NULL. */
	void (*stopped)(void *userdata);
	void *userdata;
};

struct child {
	pid_t pid; /* 0: none */
	int pidfd;
	int handshake_fd;	/* our end of the socket; -1 once released */
	const char *executable; /* for the diagnosis; all borrowed from the request */
	const char *working_directory;
	const struct user_account *user;
	void (*stopped)(void *userdata); /* of the request */
	void *userdata;
};

#define CHILD_INIT                              \
	{                                       \
		.pidfd = -1, .handshake_fd = -1 \
	}

/* Call before anything else in main(): libraries may change a disposition. */
_must_check_ int signal_state_save(struct signal_state *ret);

/* A limit of a few files only is raised as far as that is allowed: a supervisor that can't open a
 * file can't end a session. The state gives it back. */
void signal_state_raise_files(struct signal_state *state);

/* Gives this process @state: the limit and the dispositions first, the mask last, so that whatever arrived while it
 * was blocked takes effect at the very end. For the stub; no allocation. */
_must_check_ int signal_state_restore(const struct signal_state *state);

/* fork(2) with every signal blocked in the child (the parent's mask is as before): what arrives
 * before the child has sorted out its own signals stays pending. */
_must_check_ pid_t signal_state_fork(void);

/* Forks the stub; the process must have one thread. Every signal stays blocked in the stub until
 * right before exec, so a Ctrl-C during the set-up ends the command as it starts. */
_must_check_ int spawn_stub(const struct spawn_request *request, struct child *ret,
			    struct diag *diag);

/* Lets it exec and waits for the outcome. On error the errno of the failed stage (-ENOENT,
 * -EACCES, ...) with @diag; the child is reaped then. *ret_is_exec tells a failed execve(2)
 * (126, 127) from other stages (125); always written.
 * -ECHILD: the stub was killed before its set-up was through. A command that a pending signal ends
 * at the moment of its exec is no error: its wait status tells. */
_must_check_ int spawn_release(struct child *child, bool *ret_is_exec, struct diag *diag);

/* Ends and reaps a stub that was not released. Safe to call again. */
void spawn_abandon(struct child *child);

/* Closes the fds; forgets the process without touching it. */
void child_finish(struct child *child);
