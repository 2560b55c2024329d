/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who was killed for memory, in the kernel's own words: /dev/kmsg where we may read it, else the
 * journal's kernel messages (root and members of systemd-journal or adm). The parser is pure.
 *
 * Open it before the command runs, so that it stands at the end of what was said before. Reading
 * costs nothing until kernel_log_next() is called, and that is only called after an oom_kill was
 * counted: the journal is not even opened before. The counter moves before the line is printed, and
 * the journal comes later still: ask again some 50 ms, 250 ms and 1 s later before giving up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"

struct kernel_kill {
	pid_t pid;	  /* in the initial pid namespace */
	char comm[16];	  /* cleaned: fit to be shown */
	char cgroup[512]; /* task_memcg of the "oom-kill:" line (absolute, as the initial
					 * cgroup namespace sees it), or "": the kernel prints that
					 * line ten times in five seconds at most */
	uint64_t anon_bytes, file_bytes, shmem_bytes; /* resident */
	uint64_t at_usec; /* the kernel's clock, close to CLOCK_MONOTONIC; 0 unknown */
	bool by_cgroup;	  /* a memcg limit, not the whole machine */
};

/* Feeds one message (without the /dev/kmsg prefix). true: *ret is a complete kill. The "oom-kill:"
 * line comes before the "Killed process" line; @state carries it (zero it first). */
struct kernel_kill_parser {
	char cgroup[512];
	pid_t pid;
};
bool kernel_kill_parse(struct kernel_kill_parser *state, const char *message,
		       struct kernel_kill *ret);

/* One record of /dev/kmsg ("6,339,5140900,-;message\n KEY=value\n"), NUL-terminated: takes the
 * message apart from the rest and undoes its \xNN, in place. false: not the kernel's own (anybody
 * who may write to /dev/kmsg can put user messages there), or not a record. */
bool kernel_log_parse_record(char *record, const char **ret_message, uint64_t *ret_usec);

struct kernel_log;

enum kernel_log_source {
	KERNEL_LOG_NONE, /* neither can be read */
	KERNEL_LOG_KMSG,
	KERNEL_LOG_JOURNAL, /* may turn out as NONE when it is needed */
};

/* Stands at the end of the log from now on. Fails with -ENOMEM only. */
_must_check_ int kernel_log_open(struct kernel_log **ret);
enum kernel_log_source kernel_log_source(const struct kernel_log *log);

/* Next kill since the last call; 0: none (yet), 1: *ret is set. -EACCES: no log can be read, now or
 * later (said by the second call at the earliest). Kills of other cgroups come too: the caller compares pid or cgroup. Never blocks, but the
 * first call may take tens of milliseconds to open the journal. */
_must_check_ int kernel_log_next(struct kernel_log *log, struct kernel_kill *ret);

/* Gives back what the journal needs (memory, an inotify instance) until the next kernel_log_next(),
 * which goes on where this one stood. Call it when every kill has been told or given up. */
void kernel_log_rest(struct kernel_log *log);
struct kernel_log *kernel_log_free(struct kernel_log *log);
