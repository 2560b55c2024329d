/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who was killed for memory, in the kernel's own words: /dev/kmsg where we may read it, else the
 * journal's kernel messages (sd-journal; root and members of systemd-journal or adm). The parser
 * is pure.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

struct kernel_kill {
	pid_t pid;
	char comm[16];
	char cgroup[512];		/* task_memcg of the "oom-kill:" line, or "" */
	uint64_t anon_bytes, file_bytes, shmem_bytes;
	uint64_t at_usec;		/* CLOCK_MONOTONIC; 0 unknown */
	bool by_cgroup;			/* a memcg limit, not the whole machine */
};

/* Feeds one message (without the /dev/kmsg prefix). true: *ret is a complete kill. The "oom-kill:"
 * line comes before the "Killed process" line; @state carries it (zero it first). */
struct kernel_kill_parser {
	char cgroup[512];
	pid_t pid;
};
bool kernel_kill_parse(struct kernel_kill_parser *state, const char *message,
		       struct kernel_kill *ret);

struct kernel_log;

/* Opens whatever can be read, positioned at the end. -EACCES when nothing can. */
_must_check_ int kernel_log_open(struct kernel_log **ret);

/* Next kill since the last call; 0: none, 1: *ret is set. Never blocks. */
_must_check_ int kernel_log_next(struct kernel_log *log, struct kernel_kill *ret);
struct kernel_log *kernel_log_free(struct kernel_log *log);
