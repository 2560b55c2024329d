/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The register of sessions, read from outside: what their entries say, and whether somebody holds
 * them. A text that can't be understood leaves only the id.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/host.h"
#include "oc-run/limits.h"
#include "oc-run/plan.h"

struct registry_process {
	pid_t pid; /* 0: none is named */
	uint64_t start_ticks;
};

struct registry_limit {
	bool known;
	uint64_t value; /* as in struct plan_limit */
	enum enforcer enforcer;
};

struct registry_session {
	char id[17];
	char *name, *command_name, *directory; /* each text: or NULL */
	char *backend, *unit, *boot_id;
	char *cgroup;	     /* of the scope; NULL as well when it is not named after the id */
	char *cgroup_parent; /* where it is about to be made */
	char *tmp;	     /* folder for temporary files */
	char *outer;	     /* id of the session that it was started in */
	uint64_t since_usec; /* CLOCK_REALTIME; 0: not known */
	struct registry_process supervisor, command;
	struct registry_limit limits[LIMIT_COUNT];
	bool is_ending;		  /* says its oc-run */
	char *answered, *refusal; /* as in struct registry_entry */
	bool is_held;		  /* oc-run or the keeper lives */
	bool same_boot;
	char *entry_path;
	char *status_path; /* where the session's status file would be */
};

/* ---- pure ---- */

/* The text of an entry; fills in all but is_held, same_boot and the paths. -ENOMEM. */
_must_check_ int registry_parse(const char *id, const char *text, struct registry_session *ret);
void registry_session_finish(struct registry_session *session);

/* "kernel", "watching", "nobody": as in the report. */
const char *registry_enforcer_word(enum enforcer enforcer);

/* ---- the folders ---- */

/* All entries of this user, oldest session first. Free with registry_sessions_free(). */
_must_check_ int registry_list(const struct host *host, struct registry_session **ret,
			       size_t *ret_count);
void registry_sessions_free(struct registry_session *sessions, size_t count);

/* Reads the entry of @session anew. -ENOENT: it has gone. */
_must_check_ int registry_session_read(const struct registry_session *session,
				       struct registry_session *ret);
/* A number that the oc-run of another session understands; see slice-act.c. */
#define REGISTRY_ASK_GIVE_WAY 0x6f637267

/* Sends it SIGURG with that number. -ESRCH: its oc-run has gone. */
_must_check_ int registry_ask(const struct registry_session *session, int what);

/* Does oc-run or the keeper still hold it, now? */
bool registry_session_is_held(const struct registry_session *session);
