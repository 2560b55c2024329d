/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What will be done, decided before anything is: settings + facts of the host + what the backend
 * found out -> struct plan. Pure; --dry-run prints it; nothing changes it afterwards but
 * `oc-ctl set`, which changes limits.
 */

#include "oc-run/guard.h"
#include "oc-run/host.h"
#include "oc-run/limits.h"
#include "oc-run/options.h"
#include "oc-run/policy.h"
#include "oc-run/profile.h"
#include "oc-run/user-account.h"

struct backend_facts;

enum enforcer {
	/* Not asked for, or nobody can: then the plan carries a warning if a person asked. Without
	 * the kernel memory.high has no use, and swap counts as memory. */
	ENFORCER_NONE,
	ENFORCER_KERNEL,
	ENFORCER_WATCH, /* the supervisor, by watching the tree */
};

enum backend_kind {
	BACKEND_AUTO,
	BACKEND_SYSTEMD,
	BACKEND_CGROUPFS,
	BACKEND_NONE,
};

/* What is done with a member of the session that has left its cgroup. Whatever it is, it ends with the
 * session. */
enum escape_choice {
	ESCAPE_RECAPTURE, /* brought back where the kernel lets us */
	ESCAPE_REPORT,	  /* told, and left where it is */
	ESCAPE_KILL,	  /* SIGKILL at once */
};

enum enforce_mode {
	ENFORCE_AUTO,
	ENFORCE_KERNEL,
};

/* When the command is started again with the same session. */
enum restart_choice {
	RESTART_NO,
	RESTART_ON_OOM,	     /* after it was killed for memory */
	RESTART_ON_PRESSURE, /* the same, and in good time, while it is idle: see idle.h */
};

/* By which ways the person is told while the session runs, beside the journal. */
enum notify_way {
	NOTIFY_DESKTOP = 1 << 0,
	NOTIFY_TMUX = 1 << 1,
};

struct plan_limit {
	uint64_t value; /* in the unit of limit_row.kind; LIMIT_UNLIMITED is "max" */
	bool asked;	/* a person set it; otherwise it is a default */
	char *where;	/* "--mem", "/etc/oc-run.conf:3", "default: half of RAM", ... */
	enum enforcer enforcer;
};

#define PLAN_HIGH_STEPS_MAX 8

/* What is done as memory runs short, in this order; bits. */
enum plan_rung {
	PLAN_RUNG_NOTICE = 1 << 0, /* tell that it does */
	PLAN_RUNG_TOOL = 1 << 1,   /* ask the largest tool with all its processes to end */
	PLAN_RUNG_AGENT = 1 << 2,  /* ask the command */
};

struct plan {
	char id[17];		   /* random hex, names unit and cgroup: oc-<id>.scope */
	char *name;		   /* for people: --name, else the command's base name */
	char *unit;		   /* "oc-<id>.scope" */
	char *slice;		   /* "oc.slice" */
	enum backend_kind backend; /* never AUTO */
	enum enforce_mode enforce;
	enum oom_choice oom;
	enum escape_choice escape;
	bool allow_relimit; /* what somebody else makes of our limits stays */
	struct guard_choice guard;
	const char *guard_where;		 /* static, or of the settings */
	const struct guard_places *guard_places; /* borrowed from the request; or NULL */
	struct plan_limit limits[LIMIT_COUNT];
	bool slice_is_given;	   /* its limits are not ours to set */
	uint64_t slice_memory_max; /* of all sessions together, bytes; may be LIMIT_UNLIMITED */
	uint64_t slice_swap_max;   /* may be LIMIT_UNLIMITED */
	uint64_t slice_pids_max;   /* tasks; may be LIMIT_UNLIMITED */
	/* Where memory.high may stand when --high was not given: percent of memory.max, rising. */
	unsigned high_steps[PLAN_HIGH_STEPS_MAX];
	size_t high_step_count;
	enum restart_choice restart;
	/* What ran for less is not started again. */
	uint64_t restart_min_age_usec;
	uint64_t max_sessions;	 /* of this user at once; LIMIT_UNLIMITED */
	uint64_t wait_usec;	 /* for a place among them; 0: not; LIMIT_UNLIMITED: without end */
	unsigned pressure_rungs; /* enum plan_rung */
	bool livelock_guard;	 /* memory.high is lifted when the session stands still at it */
	uint64_t grace_usec;	 /* a rung of the ladder at the end */
	int stop_signal;	 /* first rung; 0: the signal that oc-run was sent */
	char **command;		 /* argv of the command */
	char *executable;	 /* absolute path that is exec'ed */
	char *chdir;		 /* or NULL */
	/* Another user, whom the command runs as; NULL: the one that oc-run runs as. Borrowed. */
	const struct user_account *user;
	char **setenv;	       /* "NAME=VALUE" to add, OC_RUN_RESOLVED among them; or NULL */
	char *report_path;     /* or NULL */
	int json_status_fd;    /* or -1 */
	bool history;	       /* keep one of the session */
	uint64_t history_keep; /* of so many sessions; 0: no end */
	unsigned notify;       /* enum notify_way bits: asked for, and to be had here */
	bool detach;
	bool dry_run;
	bool quiet;
	bool verbose;
	char **warnings;	       /* NULL-terminated sentences, printed before the start */
	const struct profile *profile; /* borrowed from the request; NULL only in tests */
	bool private_server;	       /* the command has a server of its own */
	bool may_share_server;	       /* works through one that other sessions use, perhaps */
	bool server_is_own;	       /* for certain no other session uses its server */
	bool version_is_open;	       /* and with it, what is added to the command line */
};

/* What plan_resolve() was not given by settings or host. */
/* Sessions of this person that run in the same slice already. */
struct plan_others {
	size_t count;
	uint64_t memory_bytes; /* what they may take; LIMIT_UNLIMITED: one has no limit */
};

/* A slice whose limits are not ours to set: it has a unit file, or another name than the default. */
struct plan_slice {
	bool is_given;
	uint64_t memory_bytes, swap_bytes, tasks; /* may be LIMIT_UNLIMITED */
};

struct plan_request {
	const char *id;		/* 16 hex digits */
	char *const *command;	/* argv of the command */
	const char *executable; /* resolved path */
	char *const *setenv;	/* of --setenv; or NULL */
	const char *guard;	/* of command_resolve(), for the environment; or NULL */
	const struct settings *settings;
	const struct profile *profile;
	const struct profile_version *version; /* of the command; NULL: not known */
	bool version_is_open;		       /* it will be asked at the start */
	struct plan_others others;
	struct plan_slice slice;
	const struct user_account *user; /* of --user, when it is another; or NULL */
	pid_t server;			 /* that sessions share, and runs; 0: none does */
	const struct host *host;
	const struct backend_facts *backend;
	const struct guard_facts *guard_facts;
	const struct guard_places *guard_places; /* NULL unless the guard is strict */
};

/* -EINVAL: a value makes no sense; -EOPNOTSUPP: --enforce=kernel cannot be kept. @diag says why
 * and what to do. */
_must_check_ int plan_resolve(const struct plan_request *request, struct plan **ret_plan,
			      struct diag *diag);
struct plan *plan_free(struct plan *plan);

/* What of the plan is wrong in the world outside: a status fd that is not open, a directory that
 * can't be changed to. Not pure. Negative errno with @diag. */
_must_check_ int plan_check(const struct plan *plan, const struct settings *settings,
			    struct diag *diag);

/* Only what the probe of backends needs to know before there is a plan. -EINVAL with @diag. */
_must_check_ int plan_backend_choice(const struct settings *settings, enum backend_kind *ret_kind,
				     struct diag *diag);
_must_check_ int plan_enforce_choice(const struct settings *settings, enum enforce_mode *ret_mode,
				     struct diag *diag);

/* The level that the settings ask for; without one GUARD_BASIC where it has no price, because
 * no_new_privs is set already, and GUARD_OFF elsewhere. -EINVAL with @diag. */
_must_check_ int plan_guard_choice(const struct settings *settings, const struct guard_facts *facts,
				   enum guard_level *ret_level, struct diag *diag);

/* The text of --dry-run. Caller frees. */
char *plan_describe(const struct plan *plan, const struct backend_facts *backend);

const char *backend_kind_name(enum backend_kind kind);
const char *oom_choice_name(enum oom_choice choice);
const char *enforcer_name(enum enforcer enforcer);
