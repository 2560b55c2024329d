/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which of the oc-runs whose sessions share a slice handles what concerns all of them: the one that
 * holds the lock. One file for each user, <runtime>/oc-run/slices/lock, with a lock of its own for
 * each slice (an open file description's, of the byte that its directory's inode number names): it
 * goes when oc-run does, and leaves nothing to clean.
 */

#include "oc-run/cgroup.h"
#include "oc-run/host.h"

/* The file, in the first folder that can be had. */
_must_check_ int slice_lock_open(const struct host *host, int *ret_fd);
/* -EAGAIN: somebody else has it. */
_must_check_ int slice_lock_try(int fd, const struct cgroup *slice);
