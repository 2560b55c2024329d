/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by tree.c (the object), tree-scan.c (who is a member), tree-list.c (lists), tree-proc.c
 * (/proc) and tree-signal.c. */

#include "oc-run/proc-parse.h"
#include "oc-run/spared.h"
#include "oc-run/tree.h"

/* What tree keeps beside each process of the sample, by the same index. */
struct tree_note {
	bool settled;	/* name and command were read after its youth */
	unsigned round; /* last tree_signal() that reached it */
};

/* Every process of the machine as of the last scan with TREE_SCAN_OUTSIDE, by pid. */
struct tree_seen {
	pid_t pid, parent;
	uint64_t start_ticks;
	bool member;
	bool never;    /* pid 1, we ourselves, the keeper, a helper; released */
	bool leads;    /* a session of the terminal's kind, setsid(2) */
	bool released; /* the supervisor of a detached session: see detach.h */
	bool asked;    /* its environment does not say so */
	bool checked;  /* its environment has been read and has no tag of ours */
};

struct tree_pids {
	pid_t *pids;
	size_t count, allocated;
};

struct tree_seen_list {
	struct tree_seen *entries;
	size_t count, allocated;
};

static inline void tree_pids_finish(struct tree_pids *list)
{
	free(list->pids);
}

static inline void tree_seen_finish(struct tree_seen_list *list)
{
	free(list->entries);
}

#define _cleanup_tree_pids_ __attribute__((cleanup(tree_pids_finish)))
#define _cleanup_tree_seen_ __attribute__((cleanup(tree_seen_finish)))

struct tree {
	char tag[64]; /* "OC_RUN_SESSION=<id>" */
	char agent_name[64], server[64];
	pid_t agent, exclude, helper, self;
	uid_t uid;
	uint64_t agent_start_ticks;
	pid_t agent_group;
	struct spared_rule rule; /* of agent_name, server */
	/* Children that oc-run had before the session: what it was exec'ed over left them (the
	 * sd-pam of a PAM service, background jobs of a shell). They are nobody's members. */
	struct tree_seen *inherited;
	size_t inherited_count;
	uint64_t ticks_per_second;
	const struct cgroup *payload; /* NULL: no cgroup */
	const struct cgroup *top;     /* what is below it is inside: the scope, else the payload */
	int proc_fd;
	struct tree_sample sample;
	struct tree_note *notes;
	struct tree_seen *seen;
	size_t seen_count;
	unsigned round;
};

/* Once, while the command is still blocked. */
int tree_note_inherited(struct tree *tree);

/* Youth: until then a process may be a fork that has not called execve(2). */
#define TREE_YOUTH_USEC 1000000ULL

/* -ENOMEM. For cgroup_for_each_pid(). */
int tree_add_pid(pid_t pid, void *userdata);
/* By number, each once. */
void tree_sort_pids(struct tree_pids *list);
bool tree_has_pid(const struct tree_pids *list, pid_t pid);
int tree_list_cgroup(const struct tree *tree, struct tree_pids *list);
int tree_list_processes(const struct tree *tree, struct tree_seen_list *list);
struct tree_seen *tree_find_seen(struct tree_seen *entries, size_t count, pid_t pid);

static inline bool tree_is_dead(const struct tree_process *process)
{
	return process->state == 'Z' || process->state == 'X';
}

/* Never a member, whatever else speaks for it. */
static inline bool tree_is_never(const struct tree *tree, pid_t pid)
{
	return pid <= 1 || pid == tree->self || pid == tree->exclude ||
	       (tree->helper > 0 && pid == tree->helper);
}

/* The supervisor of a detached session, as of the last scan with TREE_SCAN_OUTSIDE. */
bool tree_is_released(struct tree_seen *entries, size_t count, pid_t pid, uint64_t start_ticks);

int tree_scan_once(struct tree *tree, unsigned flags);
uint64_t tree_age_usec(const struct tree *tree, uint64_t start_ticks);
/* Index in the last sample, or -1. */
ssize_t tree_find(const struct tree *tree, pid_t pid, uint64_t start_ticks);
void tree_sample_finish(struct tree_sample *sample);

/* -ESRCH when the process is gone. */
int tree_proc_stat(int proc_fd, pid_t pid, struct proc_stat *ret);
/* Zombies and kernel threads have none: 0. */
void tree_proc_memory(int proc_fd, pid_t pid, uint64_t *ret_resident, uint64_t *ret_swap);
int tree_proc_proportional(int proc_fd, pid_t pid, uint64_t *ret_bytes);
/* Is the process in @ancestor's cgroup or below it? */
int tree_proc_is_below(int proc_fd, pid_t pid, const char *ancestor, bool *ret);
bool tree_proc_has_tag(int proc_fd, pid_t pid, uid_t uid, const char *tag);
void tree_proc_identify(int proc_fd, struct tree_process *process);
