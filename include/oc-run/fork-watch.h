/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Being told when the agent starts a process: the process connector (NETLINK_CONNECTOR,
 * drivers/connector/cn_proc.c). A filter in the kernel lets through what concerns the parents that
 * are followed and nothing else, so that the rest of the machine does not wake us.
 *
 * Since 6.6 it is there for everybody, but only in the machine's own pid, user and network namespace;
 * before, it tells all or nothing and leaks a listener when one is killed, so it is not used. Nothing
 * says that it is not going to tell anything: whoever uses it has to do without until it works.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "oc-run/cleanup.h"

/* Parents beyond this number are not followed. */
#define FORK_WATCH_MAX 8

struct fork_watch;

struct fork_watch_request {
	sd_event *event;
	/* A process (not a thread) was forked by @parent, and may be gone again. @child 0: some were
	 * lost, look for yourself. */
	void (*forked)(pid_t parent, pid_t child, void *userdata);
	void *userdata;
};

/* -EPERM, -EPROTONOSUPPORT, -ECONNREFUSED: there is none for us. Nobody is followed yet. */
_must_check_ int fork_watch_new(const struct fork_watch_request *request, struct fork_watch **ret);

/* From now on these and no others. */
_must_check_ int fork_watch_follow(struct fork_watch *watch, const pid_t *parents, size_t count);

/* It has told something: a fork, or that one of the followed called execve(2). */
bool fork_watch_works(const struct fork_watch *watch);

struct fork_watch *fork_watch_free(struct fork_watch *watch);
