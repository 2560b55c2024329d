/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A wake-up by the kernel when tasks stand still for memory: a trigger of the pressure stall
 * information (Documentation/accounting/psi.rst). It sees what memory.events does not say: a session
 * that swaps, that reads its own programs again and again, or that is held up by a limit above it.
 *
 * Not every kernel has it (PSI is off by default on some), and without privilege only windows of a
 * multiple of two seconds are taken (6.4, and stable kernels since 6.1): whoever uses it has to do
 * without it as well.
 */

#include <stdint.h>
#include <systemd/sd-event.h>

#include "oc-run/cleanup.h"

struct psi;

struct psi_request {
	sd_event *event;
	int dirfd;	  /* of the cgroup */
	const char *file; /* "memory.pressure" */
	uint64_t stalled_usec, window_usec;
	void (*woken)(void *userdata); /* at most once in a window */
	void *userdata;
};

/* -ENOENT, -EOPNOTSUPP, -EPERM, -EINVAL: this kernel has none for us. */
_must_check_ int psi_new(const struct psi_request *request, struct psi **ret);

/* The second half of psi_new(): wakes for the urgent data of @fd, which is taken over on success. For
 * the tests, as a trigger needs a machine under pressure. */
_must_check_ int psi_watch(const struct psi_request *request, int fd, struct psi **ret);

struct psi *psi_free(struct psi *psi);
