/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's event files of a session's cgroup, on an sd-event loop. Made before exec. inotify
 * is the first channel; when no instance is left (128 for each user) EPOLLPRI on the open files is
 * used alone. Level-triggered: the counters are read after the watch stands, after every wake-up
 * and once more before the cgroup goes; wake-ups are never counted, only differences.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "oc-run/cgroup.h"

struct watch;

struct watch_state {
	struct cgroup_counters payload;
	struct cgroup_counters scope;	/* hard limits stand here too; all zero without a scope */
	bool populated;
	bool gone;			/* the files answer ENODEV */
};

/* @before and @now differ in at least one field. */
typedef void (*watch_fn)(const struct watch_state *before, const struct watch_state *now,
			 void *userdata);

struct watch_request {
	sd_event *event;
	const struct cgroup *payload;
	const struct cgroup *scope;	/* may be NULL */
	bool without_inotify;		/* for tests: as if no instance were left */
	watch_fn changed;
	void *userdata;
};

_must_check_ int watch_new(const struct watch_request *request, struct watch **ret);

/* Reads all files now and calls changed() if anything did. -ENODEV when the cgroup is gone. */
_must_check_ int watch_read(struct watch *watch);
const struct watch_state *watch_state(const struct watch *watch);
bool watch_uses_inotify(const struct watch *watch);
struct watch *watch_free(struct watch *watch);
