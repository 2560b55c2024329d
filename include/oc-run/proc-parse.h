/* SPDX-License-Identifier: MIT */
#pragma once

/* Parsers of /proc/PID files (proc(5)). Pure: bytes in, numbers out. What another process chose
 * (its names, its arguments) is hostile: nothing in it can move a field or reach a terminal raw. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

struct proc_stat { /* /proc/PID/stat */
	pid_t pid, parent, process_group, session;
	char comm[16]; /* cleaned, see proc_clean_text() */
	char state;
	unsigned threads;
	uint64_t cpu_ticks;   /* used by all its threads, in units of sysconf(_SC_CLK_TCK) */
	uint64_t start_ticks; /* since boot, in the same units */
};

struct proc_status { /* the memory lines of /proc/PID/status, bytes */
	uint64_t anon_bytes, shmem_bytes, swap_bytes;
	bool has_memory; /* false: zombie or kernel thread (all 0), or a kernel before 4.5 */
};

/* -EINVAL when the text is not of the kernel's form. comm may hold blanks, brackets and newlines:
 * it reaches from the first "(" to the last ")". */
_must_check_ int proc_parse_stat(const char *text, struct proc_stat *ret);
void proc_parse_status(const char *text, struct proc_status *ret);

/* /proc/PID/statm: resident pages that are no file's and not shared, i.e. anonymous ones. */
_must_check_ int proc_parse_statm_anon(const char *text, uint64_t *ret_pages);

/* Proportional size of /proc/PID/smaps_rollup: anonymous + shmem where the kernel tells them apart
 * (5.14), else all of it; and swap. Bytes. -EINVAL when there is no such line. */
_must_check_ int proc_parse_smaps_rollup(const char *text, uint64_t *ret_bytes);

/* The path of the "0::" line of /proc/PID/cgroup within @text, without copying: NULL if there is
 * none. */
const char *proc_parse_cgroup(const char *text, size_t *ret_length);

/* Is the cgroup path @path (of @length) @ancestor or below it? */
bool proc_cgroup_is_below(const char *path, size_t length, const char *ancestor);

/* Looks for one variable in /proc/PID/environ, fed piece by piece. */
struct proc_environ_match {
	const char *wanted; /* "NAME=value" */
	size_t matched;
	bool skip; /* to the end of this variable */
};

/* true once the whole variable has gone by. */
bool proc_environ_feed(struct proc_environ_match *match, const char *bytes, size_t length);

/* Copies @length bytes of somebody else's text so that they can be shown: a NUL between words
 * becomes a blank, a control character or what is no UTF-8 becomes "?"; cut at a whole character.
 * NULs and blanks at the end go. */
void proc_clean_text(const char *bytes, size_t length, char *ret_text, size_t size);

/* What a person would call a process: the base name of its executable (without " (deleted)"), or
 * its comm when that can't be read (@executable NULL) or holds no letter ("2.0.14"). */
void proc_display_name(const char *executable, const char *comm, char *ret_name, size_t size);
