/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's event files of a session's cgroup, on an sd-event loop. Made before exec, so that
 * nothing the command does (it has the same uid) can use up what the watch needs.
 *
 * Two channels, both on from the start. inotify sees IN_MODIFY on each file, but instances are few
 * (128 for each user), each event is memory that has to be had, and it comes by way of a kworker.
 * EPOLLPRI on the open files has none of these weaknesses, costs nothing while asleep and does the
 * same alone when no inotify instance is left. Whichever comes first wakes us; the other then finds
 * nothing new.
 *
 * Level-triggered: the counters are read once the watch stands, after every wake-up, and once more
 * before the cgroup goes. Wake-ups are merged by the kernel and never counted, only differences.
 * Removing a cgroup wakes nobody: "populated 0" comes before it, and reading tells the rest.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "oc-run/cgroup.h"

struct watch;

struct watch_state {
	struct cgroup_counters payload;
	struct cgroup_counters scope; /* hard limits stand here too; all zero without a scope */
	bool populated;		      /* payload or below; zombies do not count */
	bool gone; /* the payload's files answer ENODEV; counters are the last ones */
};

/* @before and @now differ in at least one field. Called last: it may call watch_read() and even
 * watch_free(). */
typedef void (*watch_fn)(const struct watch_state *before, const struct watch_state *now,
			 void *userdata);

struct watch_request {
	sd_event *event;
	const struct cgroup *payload;
	const struct cgroup *scope; /* may be NULL, or not open */
	bool without_inotify;	    /* for tests: as if no instance were left */
	watch_fn changed;
	void *userdata;
};

/* Opens what there is (a file that is missing for want of a controller is not watched; cgroup.events
 * must be there), then reads the state to start from. changed() is not called by this. */
_must_check_ int watch_new(const struct watch_request *request, struct watch **ret);

/* Reads all files now and calls changed() if anything did. -ENODEV when the cgroup is gone. */
_must_check_ int watch_read(struct watch *watch);
const struct watch_state *watch_state(const struct watch *watch);

/* false: EPOLLPRI alone. */
bool watch_uses_inotify(const struct watch *watch);
struct watch *watch_free(struct watch *watch);
