/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "oc-run/cleanup.h"

/* The path of a controller's line in /proc/PID/cgroup ("4:memory:/docker/abc"). Pure. -ENODATA if
 * there is none. Caller frees. */
_must_check_ int host_v1_parse_path(const char *proc_cgroup, const char *controller,
				    char **ret_path);

/* The number behind @key in a memory.stat. Pure. -ENODATA if it is not there. */
_must_check_ int host_v1_parse_stat(const char *stat, const char *key, uint64_t *ret_value);

/* Lowers *@limit to the memory limit of version 1 that we are in, if there is one. @folder: where
 * the memory controller of version 1 is mounted. */
void host_v1_tighten(const char *folder, const char *proc_cgroup, uint64_t *limit);
