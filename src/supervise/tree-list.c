/* SPDX-License-Identifier: MIT */

/* The lists that a scan works on: pids of the cgroup, and every process of the machine with its
 * parent and start time. Sorted by pid, so that looking one up is a binary search. */

#include "tree-internal.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>

static int grow(void **array, size_t *allocated, size_t count, size_t size)
{
	size_t wanted = *allocated ? *allocated * 2 : 64;
	void *grown;

	if (count < *allocated)
		return 0;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*allocated = wanted;
	return 0;
}

int tree_add_pid(pid_t pid, void *userdata)
{
	struct tree_pids *list = userdata;
	int r = grow((void **)&list->pids, &list->allocated, list->count, sizeof(*list->pids));

	if (r >= 0)
		list->pids[list->count++] = pid;
	return r;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

void tree_sort_pids(struct tree_pids *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->pids, list->count, sizeof(*list->pids), compare_pids);
	for (size_t i = 1; i < list->count; i++)
		if (list->pids[i] != list->pids[kept])
			list->pids[++kept] = list->pids[i];
	list->count = kept + 1;
}

bool tree_has_pid(const struct tree_pids *list, pid_t pid)
{
	return list->count > 0 &&
	       bsearch(&pid, list->pids, list->count, sizeof(pid), compare_pids) != NULL;
}

/* A cgroup that is gone has nobody in it, and half a list (too many cgroups below it, too few fds)
 * is better than none: the last sample and the pass over /proc find the others. */
int tree_list_cgroup(const struct tree *tree, struct tree_pids *list)
{
	int r = tree->top ? cgroup_for_each_pid(tree->top, tree_add_pid, list) : 0;

	tree_sort_pids(list);
	return r == -ENOMEM ? r : 0;
}

/* The entries of a table by pid start with the pid, so that it is the key. */
static int compare_seen(const void *a, const void *b)
{
	return compare_pids(&((const struct tree_seen *)a)->pid,
			    &((const struct tree_seen *)b)->pid);
}

struct tree_seen *tree_find_seen(struct tree_seen *entries, size_t count, pid_t pid)
{
	struct tree_seen key = { .pid = pid };

	return count ? bsearch(&key, entries, count, sizeof(key), compare_seen) : NULL;
}

static int add_process(const struct tree *tree, pid_t pid, struct tree_seen_list *list)
{
	struct proc_stat stat;
	int r;

	if (tree_proc_stat(tree->proc_fd, pid, &stat) < 0)
		return 0;
	r = grow((void **)&list->entries, &list->allocated, list->count, sizeof(*list->entries));
	if (r < 0)
		return r;
	list->entries[list->count++] = (struct tree_seen){
		.pid = pid,
		.parent = stat.parent,
		.start_ticks = stat.start_ticks,
		.leads = stat.session == pid,
	};
	return 0;
}

/* Every process of the machine, by pid. */
int tree_list_processes(const struct tree *tree, struct tree_seen_list *list)
{
	DIR *directory;
	struct dirent *item;
	int fd, r = 0;

	/* "." once more: the position in the directory belongs to the open file. */
	fd = openat(tree->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	while (r >= 0 && (item = readdir(directory)))
		if (isdigit((unsigned char)item->d_name[0]))
			r = add_process(tree, (pid_t)strtol(item->d_name, NULL, 10), list);
	(void)closedir(directory);
	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries), compare_seen);
	return r;
}
