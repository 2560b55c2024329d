/* SPDX-License-Identifier: MIT */
#pragma once

/* Parsers of the kernel's cgroup files. Pure: text in, numbers out; unknown keys are ignored.
 * -EINVAL: not of the kernel's form. -ENODATA: no line that we know. *ret is written on success. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"

/* memory.events and memory.events.local (Documentation/admin-guide/cgroup-v2.rst). */
struct memory_events {
	uint64_t low, high, max, oom, oom_kill, oom_group_kill;
};

struct swap_events { /* memory.swap.events */
	uint64_t high, max, fail;
};

struct pids_events { /* pids.events: forks denied */
	uint64_t max;
};

struct cgroup_events { /* cgroup.events */
	bool populated, frozen;
};

struct memory_stat { /* bytes, of memory.stat */
	uint64_t anon, file, shmem, slab_reclaimable, inactive_file, active_file;
	uint64_t kernel; /* added up from its parts where the kernel has no sum (< 5.18) */
};

struct pressure { /* one PSI file; totals in microseconds */
	bool known;
	double some_avg10, full_avg10;
	uint64_t some_total_usec, full_total_usec;
};

_must_check_ int cgroup_parse_memory_events(const char *text, struct memory_events *ret);
_must_check_ int cgroup_parse_swap_events(const char *text, struct swap_events *ret);
_must_check_ int cgroup_parse_pids_events(const char *text, struct pids_events *ret);
_must_check_ int cgroup_parse_events(const char *text, struct cgroup_events *ret);
_must_check_ int cgroup_parse_memory_stat(const char *text, struct memory_stat *ret);
_must_check_ int cgroup_parse_cpu_usage(const char *text, uint64_t *ret_usec); /* cpu.stat */
_must_check_ int cgroup_parse_pressure(const char *text, struct pressure *ret);

/* One number or "max" (= UINT64_MAX). */
_must_check_ int cgroup_parse_number(const char *text, uint64_t *ret);

/* cgroup.controllers to bits of enum controller. */
uint32_t cgroup_parse_controllers(const char *text);

/* The path of the "0::" line of /proc/PID/cgroup. -ENODATA if there is none. Caller frees. */
_must_check_ int cgroup_parse_proc_cgroup(const char *text, char **ret_path);

/* The mount point (and root) of the first cgroup2 file system in /proc/self/mountinfo; octal
 * escapes undone. -ENODATA if there is none. Caller frees both. */
_must_check_ int cgroup_parse_mountinfo(const char *text, char **ret_mount, char **ret_root);

/* The id (16 hex digits) of the oc-run session that a cgroup path lies in ("…/oc-<id>.scope/payload…" or
 * "…/oc-<id>/payload…"), innermost, and the length of the path up to and with that session's
 * directory. false if it lies in none. */
bool cgroup_path_session(const char *path, char ret_id[17], size_t *ret_scope_length);
