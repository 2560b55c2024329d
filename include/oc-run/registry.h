/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The live sessions of this user: one file each below <runtime>/oc-run/sessions/, held with
 * flock(2) for as long as oc-run lives, so that a crashed session is told from a live one by the
 * kernel and not by a pid. The file says what has to be cleaned: id, cgroup path, unit, backend,
 * pid and start time of supervisor and command, boot id.
 */

#include "oc-run/cgroup.h"
#include "oc-run/diag.h"
#include "oc-run/host.h"
#include "oc-run/plan.h"

struct registry_entry {
	int fd;			/* locked; -1: no runtime folder could be had */
	char *path;
};

#define REGISTRY_ENTRY_INIT { .fd = -1 }

/* Makes the entry before the cgroup is made. Without a folder to write to: 0 and fd -1. */
_must_check_ int registry_enter(const struct host *host, const struct plan *plan,
				struct registry_entry *ret, struct diag *diag);

/* Adds what is known once the session stands. */
_must_check_ int registry_update(struct registry_entry *entry, const struct plan *plan,
				 const char *cgroup_path, pid_t child);
void registry_leave(struct registry_entry *entry);

/* Ends and removes what sessions left whose oc-run is gone (unlocked entries; same boot: processes
 * by cgroup and tag, cgroups). Number of sessions removed. Each removed one goes to @removed. */
_must_check_ int registry_sweep(const struct host *host,
				void (*removed)(const char *id, void *userdata), void *userdata);
