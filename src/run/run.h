/* SPDX-License-Identifier: MIT */
#pragma once

/* One call of oc-run, as main.c and the files beside this one share it. They may print. */

#include "oc-run/admission.h"
#include "oc-run/command.h"
#include "oc-run/detach.h"
#include "oc-run/host.h"
#include "oc-run/options.h"
#include "oc-run/plan.h"
#include "oc-run/profile-world.h"
#include "oc-run/restart.h"
#include "oc-run/session.h"

/* oc-run's own failures; a command that can't be run has the shells' 126 and 127. */
#define EXIT_OWN_FAILURE 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127
#define LINE_COLUMNS_MAX 1000

/* Of a supervisor that --detach started. */
struct run_detached {
	bool is;
	int channel;   /* to the starter; -1: it need not be told any more */
	int output_fd; /* -1: not yet */
	char output_words[DETACH_WORDS_MAX];
	struct session_detached session;
};

#define RUN_INIT                             \
	{                                    \
		.admission = ADMISSION_INIT, \
		.detached = {                \
			.channel = -1,       \
			.output_fd = -1,     \
		},                           \
	}

struct run {
	struct signal_state signals;
	struct options options;
	struct settings settings;
	struct profile *profile;
	struct profile_server server;
	struct profile_version version;
	enum profile_version_result version_result;
	struct host host;
	struct guard_facts guard_facts;
	struct guard_places guard_places; /* of the strict guard */
	struct command_resolved command;
	struct user_account account;
	const struct user_account *user; /* of --user, when it is another; or NULL */
	char id[17];
	struct backend *backend;
	struct plan *plan;
	bool backend_is_free_choice;
	struct admission admission;
	struct run_detached detached;
	struct restart restart;
	char **warned;	    /* what was said at an earlier start */
	char **resumed;	    /* argv of a restart; NULL: the first start */
	char before_id[17]; /* of the session before; or "" */
};

/* One line, whatever bytes a person or a file put into what it names. */
void run_say(const char *text);
/* The same, and returns @status. */
int run_fail(const struct diag *diag, int status);

/* prepare.c: settings from files, variables and options, in this order; options win. */
_must_check_ int run_gather_settings(struct run *run, struct diag *diag);
/* Whom --user names, into run->user. */
_must_check_ int run_find_user(struct run *run, struct diag *diag);
/* What the command is, where it can run, and the plan. 0, else the exit status, with the error
 * printed. */
_must_check_ int run_prepare(struct run *run);
/* The same for a further start: nothing of the one before is used again, least of all its cgroup.
 * Negative errno, with the error printed. */
_must_check_ int run_prepare_again(struct run *run);
/* The same, before anything has started, because what is known is old. */
_must_check_ int run_prepare_after_wait(struct run *run);
/* Only the plan, for another backend. */
_must_check_ int run_make_plan(struct run *run, struct diag *diag);

/* detach.c: takes over what the starter hands over, if we were started by one. */
_must_check_ int run_become_supervisor(struct run *run, int *argc, char ***argv, struct diag *diag);
/* Is a supervisor to be started, instead of a session? Once the settings are gathered. */
bool run_is_starter(const struct run *run);
/* The starter; its exit status, with all printed. @argv: as oc-run was called. */
_must_check_ int run_detach(struct run *run, char *const *argv);
/* The supervisor, once there is a plan. Does nothing for others. */
_must_check_ int run_open_output(struct run *run, struct diag *diag);
/* It is over, or never ran. */
void run_detached_ended(struct run *run, int status);

/* admit.c: comes back when the session may start, with run->admission held until it is registered.
 * @keeps_place: it goes on with one that ended: it waits whatever --wait says, before all others.
 * RUN_WAITED: what was found out before is as old as the wait. RUN_STOPPED: a signal told it to stop
 * meanwhile; it is still pending. Negative errno, with the error printed. */
#define RUN_WAITED 1
#define RUN_STOPPED 2
_must_check_ int run_admit(struct run *run, bool keeps_place);
