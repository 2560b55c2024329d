/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * --detach: the supervisor of a session runs outside of the terminal, the login and the session that
 * it was asked for in, and so does its session. Two sides:
 *
 *	starter		what the person called: hands over its command line, environment, directory,
 *			umask and stderr, waits until the command runs or has failed, and ends
 *	supervisor	oc-run once more, started by the user's systemd as a service (root: by the
 *			system's), or where no systemd runs forked off into a session of its own and
 *			out of the outer session's cgroup
 *
 * They talk through a socket, the supervisor's stdin, and not through properties of the service:
 * systemd knows no variable that is not UTF-8, expands "$", shows the system's services to
 * everybody, and keeps descriptors that it was given for as long as the service lives.
 *
 * If the starter goes before the command runs (Ctrl-C), the supervisor gets SIGTERM.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/host.h"

/* In the supervisor's own environment, and in nobody else's: a process of that environment that leads
 * a session of the terminal is no member of an oc-run session, whoever started it. */
#define DETACH_TAG "OC_RUN_DETACHED=1"
#define DETACH_VARIABLE "OC_RUN_DETACHED"

#define DETACH_NAME_MAX 65
#define DETACH_WORDS_MAX 512

/* What the supervisor says when the command runs, or at the end if it never did. */
struct detach_result {
	int status; /* 0: it runs; else the exit status */
	char id[17];
	char name[DETACH_NAME_MAX];
	char output[DETACH_WORDS_MAX]; /* where the command's output goes: a command or a path */
};

enum detach_way {
	DETACH_BY_SYSTEMD,
	DETACH_BY_FORK,
};

struct detach_launch {
	const struct host *host;
	const char *executable; /* oc-run's own path */
	const char *label;	/* of the command, for lists of processes; printable ASCII */
	const char *forget;	/* variable that the session around us has and it must not */
	int channel;		/* becomes its stdin */
};

/* ---- starter ---- */

/* Both ends. */
_must_check_ int detach_channel_new(int *ret_ours, int *ret_theirs, struct diag *diag);

/* backend/systemd-service.c. -EOPNOTSUPP with @diag: no manager can be reached. */
_must_check_ int detach_by_systemd(const struct detach_launch *launch, struct diag *diag);

/* session/detach-fork.c. Negative errno with @diag, also when it can't leave the session around us. */
_must_check_ int detach_by_fork(const struct detach_launch *launch, struct diag *diag);

/* @environment: what the command is to have. */
_must_check_ int detach_hand_over(int channel, char *const *argv, char *const *environment,
				  struct diag *diag);

/* Waits for the end of the start. -ECONNRESET with @diag: the supervisor is gone. */
_must_check_ int detach_await(int channel, struct detach_result *ret, struct diag *diag);

/* ---- supervisor ---- */

/* Were we started as one? */
bool detach_is_supervisor(void);

/* First thing in main(): takes over what was handed over, stdin and stdout are /dev/null then, and
 * all signals as a new process has them. Replaces *argc and *argv and the environment. */
_must_check_ int detach_take_over(int *argc, char ***argv, int *ret_channel, struct diag *diag);

/* Ends the conversation: the starter may go. */
void detach_tell(int *channel, const struct detach_result *result);
