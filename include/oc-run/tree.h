/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who belongs to the session: whoever is in its cgroup; descendants of the command (we are their
 * subreaper); and whoever carries OC_RUN_SESSION=<id> and started after the session did. Never a
 * name; never pid 1, ourselves or the keeper. Once a member, always one (by pid and start time). A
 * member outside the cgroup has escaped; a session of another oc-run below ours is inside.
 *
 * A scan reads files that take no lock of the process (stat, statm, status, comm, cgroup);
 * cmdline and environ, which take mmap_lock and can hang under memory pressure, are read once,
 * when a process is first seen, and kept (once more when it was seen younger than a second or its
 * comm changes: it may not have called execve(2) yet).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cgroup.h"
#include "oc-run/cleanup.h"

struct tree_process {
	pid_t pid, parent, process_group, session;
	uint64_t start_ticks;	 /* field 22 of stat: with pid it names the process */
	char comm[16];		 /* as in /proc/PID/comm: node shows as MainThread; cleaned */
	char name[64];		 /* for people: base name of the executable, else comm; cleaned */
	char *command;		 /* command line, when first seen, 199 bytes at most; or NULL */
	uint64_t resident_bytes; /* anonymous + shmem resident (RssAnon + RssShmem of status) */
	uint64_t swap_bytes;
	uint64_t held_bytes; /* resident when it last held anything: the dying have given it back */
	unsigned threads;
	uint64_t cpu_ticks; /* used so far, in units of sysconf(_SC_CLK_TCK) */
	char state;	    /* R S D Z T ...; Z: dead but not reaped yet */
	bool is_agent;	    /* the command itself */
	bool is_spared; /* the agent as a whole: see spared.h. Tools go first when memory runs out */
	bool is_outside; /* a member that is not in the session's cgroup */
	uint64_t age_usec;
};

struct tree_sample {
	struct tree_process *processes; /* by pid */
	size_t count;
	size_t alive;		 /* count without zombies */
	size_t outside;		 /* of those alive */
	uint64_t resident_bytes; /* sum */
	uint64_t tasks;		 /* sum of threads; zombies count */
};

/* Or NULL. Pure. */
const struct tree_process *tree_sample_find(const struct tree_sample *sample, pid_t pid);

struct tree;

struct tree_request {
	const char *session_id;
	const char *agent_name;	      /* base name of the command, or NULL */
	const char *agent_server;     /* subcommand of its server, or NULL */
	pid_t agent;		      /* 0: not known; cgroup and tag only, any start */
	pid_t exclude;		      /* the keeper, or 0 */
	const struct cgroup *payload; /* dirfd -1 or NULL: no cgroup, tag and descent only */
	const struct cgroup *scope;   /* or NULL; both have to live as long as the tree */
	int proc_fd;		      /* /proc, open; borrowed */
};

/* While the agent is still blocked before its exec: its process group is taken from now, and children
 * that we have besides it are none of the session's (what we were exec'ed over may leave some: the
 * sd-pam of a PAM service, background jobs of a shell). -ESRCH when the agent is gone. */
_must_check_ int tree_new(const struct tree_request *request, struct tree **ret);

/* Another keeper has taken the place of the first. */
void tree_set_exclude(struct tree *tree, pid_t exclude);

/* A child of oc-run's own that it starts while the session runs; 0: there is none any more. */
void tree_set_helper(struct tree *tree, pid_t helper);

enum tree_scan_flags {
	/* Look for members outside the cgroup too: the whole of /proc is listed, descendants by
	 * parentage, tags read once for each new process of ours. Without it: the cgroup and the
	 * known members only: what it costs grows with the session alone. Always on without a
	 * cgroup. */
	TREE_SCAN_OUTSIDE = 1 << 0,
};

/* The sample belongs to the tree and holds until the next scan, tree_signal() or tree_free().
 * On an error (-ENOMEM, -EMFILE) the last one stands. */
_must_check_ int tree_scan(struct tree *tree, unsigned flags, const struct tree_sample **ret);
const struct tree_sample *tree_last(const struct tree *tree);

/* Proportional size (PSS, anonymous and shmem, and swap) of the whole last sample, bytes; reads
 * smaps_rollup, which can hang under pressure: only where we enforce by watching. */
uint64_t tree_proportional_bytes(struct tree *tree);

enum tree_signal_scope {
	TREE_SIGNAL_AGENT_GROUP, /* members in the agent's process group, never ourselves */
	TREE_SIGNAL_ALL,	 /* every member */
	TREE_SIGNAL_OUTSIDE,	 /* members outside the cgroup only */
};

/* Scans with TREE_SCAN_OUTSIDE, signals, and again for those forked meanwhile; nobody gets the
 * signal twice in one call. By pidfd, after checking pid + start time. SIGCONT follows a SIGTERM or
 * SIGHUP to those that are stopped, so that they see it. SIGKILL to all then kills and reaps whoever
 * is our child by now, but the agent, which is left to be reaped by the caller. May take some tenths
 * of a second against those that fork without end. Returns the number signalled. */
_must_check_ int tree_signal(struct tree *tree, enum tree_signal_scope scope, int signal_number);

/* Those of the last sample that @is_chosen() says yes to, without a scan; as above otherwise. */
int tree_signal_chosen(struct tree *tree,
		       bool (*is_chosen)(const struct tree_process *process, void *userdata),
		       void *userdata, int signal_number);

/* Brings the members outside (of the last sample) back into @payload where the kernel lets us.
 * Number brought back. */
_must_check_ int tree_recapture(struct tree *tree);
struct tree *tree_free(struct tree *tree);
