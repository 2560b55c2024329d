/* SPDX-License-Identifier: MIT */

/*
 * One scan: first the pids of the cgroup, then (TREE_SCAN_OUTSIDE) a pass over /proc that reads one
 * stat for each process of the machine and finds descendants and tagged ones, then the details of
 * the members only.
 *
 * The order matters: whoever is forked while the cgroup is listed still shows up in the pass over
 * /proc, as a child of a member. Whoever vanishes at any point is simply not in the sample.
 *
 * The pass is made over the whole of /proc and not along /proc/PID/task/TID/children, which may
 * miss children while others exit (proc(5)) and is missing from many kernels.
 */

#include "tree-internal.h"

#include "oc-run/detach.h"

#include <string.h>
#include <time.h>

static bool is_inherited(const struct tree *tree, const struct tree_seen *entry)
{
	const struct tree_seen *inherited =
		tree_find_seen(tree->inherited, tree->inherited_count, entry->pid);

	return inherited && inherited->start_ticks == entry->start_ticks;
}

/* Its environment is read once, again while it is young: the fork before its exec has ours. */
static void ask_released(const struct tree *tree, const struct tree_seen *before,
			 struct tree_seen *entry)
{
	bool known = before && before->start_ticks == entry->start_ticks;

	entry->released = known && before->released;
	entry->asked = known && before->asked;
	if (entry->released || entry->asked || !entry->leads ||
	    entry->start_ticks < tree->agent_start_ticks)
		return;
	entry->released = tree_proc_has_tag(tree->proc_fd, entry->pid, tree->uid, DETACH_TAG);
	entry->asked = tree_age_usec(tree, entry->start_ticks) > TREE_YOUTH_USEC;
}

bool tree_is_released(struct tree_seen *entries, size_t count, pid_t pid, uint64_t start_ticks)
{
	const struct tree_seen *entry = tree_find_seen(entries, count, pid);

	return entry && entry->released && entry->start_ticks == start_ticks;
}

/* What is known of a process without looking at others: not yet descent, not yet its tag. */
static void judge_alone(const struct tree *tree, const struct tree_pids *inside,
			struct tree_seen *entry)
{
	const struct tree_seen *before = tree_find_seen(tree->seen, tree->seen_count, entry->pid);

	ask_released(tree, before, entry);
	entry->never =
		tree_is_never(tree, entry->pid) || is_inherited(tree, entry) || entry->released;
	if (entry->never)
		return;
	entry->checked = before && before->start_ticks == entry->start_ticks && before->checked;
	entry->member = tree_has_pid(inside, entry->pid) ||
			tree_find(tree, entry->pid, entry->start_ticks) >= 0 ||
			(tree->agent > 0 && entry->pid == tree->agent &&
			 entry->start_ticks == tree->agent_start_ticks) ||
			/* Orphans of the session come to us, their subreaper. */
			(tree->agent > 0 && entry->parent == tree->self);
}

int tree_note_inherited(struct tree *tree)
{
	_cleanup_tree_seen_ struct tree_seen_list list = { 0 };
	size_t kept = 0;
	int r = tree_list_processes(tree, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct tree_seen *entry = &list.entries[i];

		if (entry->parent == tree->self && !tree_is_never(tree, entry->pid) &&
		    entry->pid != tree->agent && entry->start_ticks <= tree->agent_start_ticks)
			list.entries[kept++] = *entry;
	}
	if (kept == 0)
		return 0;
	tree->inherited = reallocarray(NULL, kept, sizeof(*tree->inherited));
	if (!tree->inherited)
		return -ENOMEM;
	memcpy(tree->inherited, list.entries, kept * sizeof(*tree->inherited));
	tree->inherited_count = kept;
	return 0;
}

/* Children of members are members. A parent mostly has the smaller pid, so that one pass and one
 * more that changes nothing do; after the pids went round it may take more. */
static void spread_to_children(struct tree_seen_list *list)
{
	bool changed;

	do {
		changed = false;
		for (size_t i = 0; i < list->count; i++) {
			struct tree_seen *entry = &list->entries[i];
			const struct tree_seen *parent;

			if (entry->member || entry->never)
				continue;
			parent = tree_find_seen(list->entries, list->count, entry->parent);
			/* A parent that is younger is another one that got its pid. */
			if (!parent || !parent->member || parent->start_ticks > entry->start_ticks)
				continue;
			entry->member = true;
			changed = true;
		}
	} while (changed);
}

/* Reads the environment of those that nothing else tells of: once each, again while young. */
static bool find_tagged(const struct tree *tree, struct tree_seen_list *list)
{
	bool found = false;

	for (size_t i = 0; i < list->count; i++) {
		struct tree_seen *entry = &list->entries[i];

		if (entry->member || entry->never || entry->checked ||
		    entry->start_ticks < tree->agent_start_ticks)
			continue;
		if (tree_proc_has_tag(tree->proc_fd, entry->pid, tree->uid, tree->tag))
			found = entry->member = true;
		else
			entry->checked = tree_age_usec(tree, entry->start_ticks) > TREE_YOUTH_USEC;
	}
	return found;
}

static int look_outside(struct tree *tree, const struct tree_pids *inside,
			struct tree_seen_list *list)
{
	int r = tree_list_processes(tree, list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list->count; i++)
		judge_alone(tree, inside, &list->entries[i]);
	spread_to_children(list);
	if (find_tagged(tree, list))
		spread_to_children(list);
	return 0;
}

/* Everybody who may be a member: in the cgroup, in the last sample, found outside. */
static int gather_candidates(const struct tree *tree, const struct tree_pids *inside,
			     const struct tree_seen_list *seen, struct tree_pids *list)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < inside->count; i++)
		r = tree_add_pid(inside->pids[i], list);
	for (size_t i = 0; r >= 0 && i < tree->sample.count; i++)
		r = tree_add_pid(tree->sample.processes[i].pid, list);
	for (size_t i = 0; r >= 0 && i < seen->count; i++)
		if (seen->entries[i].member)
			r = tree_add_pid(seen->entries[i].pid, list);
	tree_sort_pids(list);
	return r;
}

struct scan {
	struct tree *tree;
	const struct tree_pids *inside;
	const struct tree_seen_list *seen;
	struct tree_sample sample;
	struct tree_note *notes;
};

/* Is it in the session's cgroup? Being listed there is taken for an answer for known ones only:
 * else the pid may have gone to another process since. */
static bool is_inside(const struct scan *scan, pid_t pid, bool known)
{
	const struct tree *tree = scan->tree;
	bool listed = tree_has_pid(scan->inside, pid), below;

	if (!tree->top)
		return true;
	if (listed && known)
		return true;
	if (tree_proc_is_below(tree->proc_fd, pid, tree->top->path, &below) < 0)
		return listed;
	return below;
}

static bool is_found_outside(const struct scan *scan, const struct proc_stat *stat)
{
	const struct tree_seen *entry =
		tree_find_seen(scan->seen->entries, scan->seen->count, stat->pid);

	return entry && entry->member && entry->start_ticks == stat->start_ticks;
}

static void identify(const struct scan *scan, struct tree_process *process, struct tree_note *note,
		     const struct tree_process *before)
{
	bool is_old = process->age_usec > TREE_YOUTH_USEC;

	/* Another comm is the trace that execve(2) leaves. */
	if (before && strcmp(before->comm, process->comm) == 0 && (note->settled || !is_old))
		return;
	tree_proc_identify(scan->tree->proc_fd, process);
	note->settled = is_old;
}

static void add_up(struct tree_sample *sample, const struct tree_process *process)
{
	sample->count++;
	sample->resident_bytes += process->resident_bytes;
	sample->tasks += process->threads ? process->threads : 1;
	if (tree_is_dead(process))
		return;
	sample->alive++;
	sample->outside += process->is_outside;
}

/* It may have been a member, before its exec. */
static bool is_released(const struct scan *scan, const struct proc_stat *stat)
{
	const struct tree *tree = scan->tree;

	return scan->seen->count > 0 ? tree_is_released(scan->seen->entries, scan->seen->count,
							stat->pid, stat->start_ticks)
				     : tree_is_released(tree->seen, tree->seen_count, stat->pid,
							stat->start_ticks);
}

static void add_candidate(struct scan *scan, pid_t pid)
{
	struct tree *tree = scan->tree;
	struct tree_process *process = &scan->sample.processes[scan->sample.count];
	struct tree_note *note = &scan->notes[scan->sample.count];
	struct tree_process *before = NULL;
	struct proc_stat stat;
	ssize_t index;
	bool inside;

	if (tree_is_never(tree, pid) || tree_proc_stat(tree->proc_fd, pid, &stat) < 0)
		return;
	if (is_released(scan, &stat))
		return;
	index = tree_find(tree, pid, stat.start_ticks);
	if (index >= 0)
		before = &tree->sample.processes[index];
	inside = is_inside(scan, pid, before != NULL);
	/* One that is in the list only, or whose pid was a member's, has to be in the cgroup. */
	if (!before && !is_found_outside(scan, &stat) && !(tree->top && inside))
		return;

	*note = before ? tree->notes[index] : (struct tree_note){ 0 };
	*process = before ? *before : (struct tree_process){ 0 };
	process->pid = pid;
	process->parent = stat.parent;
	process->process_group = stat.process_group;
	process->session = stat.session;
	process->start_ticks = stat.start_ticks;
	process->threads = stat.threads;
	process->cpu_ticks = stat.cpu_ticks;
	process->state = stat.state;
	process->age_usec = tree_age_usec(tree, stat.start_ticks);
	process->is_agent = pid == tree->agent && stat.start_ticks == tree->agent_start_ticks;
	process->is_outside = !inside;
	memcpy(process->comm, stat.comm, sizeof(process->comm));
	tree_proc_memory(tree->proc_fd, pid, &process->resident_bytes, &process->swap_bytes);
	if (process->resident_bytes > 0)
		process->held_bytes = process->resident_bytes;
	identify(scan, process, note, before);
	if (before)
		before->command = NULL; /* it has moved */
	add_up(&scan->sample, process);
}

static int fill_sample(struct scan *scan, const struct tree_pids *candidates)
{
	size_t size = candidates->count ? candidates->count : 1;

	scan->sample.processes = calloc(size, sizeof(*scan->sample.processes));
	scan->notes = calloc(size, sizeof(*scan->notes));
	if (!scan->sample.processes || !scan->notes) {
		free(scan->sample.processes);
		free(scan->notes);
		return -ENOMEM;
	}
	/* From here on nothing can fail, so that the last sample may be taken to pieces. */
	for (size_t i = 0; i < candidates->count; i++)
		add_candidate(scan, candidates->pids[i]);
	spared_mark(&scan->tree->rule, &scan->sample);
	return 0;
}

int tree_scan_once(struct tree *tree, unsigned flags)
{
	_cleanup_tree_pids_ struct tree_pids inside = { 0 }, candidates = { 0 };
	_cleanup_tree_seen_ struct tree_seen_list seen = { 0 };
	struct scan scan = { .tree = tree, .inside = &inside, .seen = &seen };
	bool outside = (flags & TREE_SCAN_OUTSIDE) || !tree->top;
	int r;

	r = tree_list_cgroup(tree, &inside);
	if (r >= 0 && outside)
		r = look_outside(tree, &inside, &seen);
	if (r >= 0)
		r = gather_candidates(tree, &inside, &seen, &candidates);
	if (r >= 0)
		r = fill_sample(&scan, &candidates);
	if (r < 0)
		return r;
	tree_sample_finish(&tree->sample);
	free(tree->notes);
	tree->sample = scan.sample;
	tree->notes = scan.notes;
	if (outside) {
		free(tree->seen);
		tree->seen = take_pointer(seen.entries);
		tree->seen_count = seen.count;
	}
	return 0;
}

uint64_t tree_age_usec(const struct tree *tree, uint64_t start_ticks)
{
	struct timespec now;
	uint64_t now_usec, start_usec;

	/* The clock that start times are told in. */
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	start_usec = start_ticks / tree->ticks_per_second * 1000000 +
		     start_ticks % tree->ticks_per_second * 1000000 / tree->ticks_per_second;
	return now_usec > start_usec ? now_usec - start_usec : 0;
}
