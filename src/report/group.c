/* SPDX-License-Identifier: MIT */

/* Processes of the same name become one entry ("5 x node"), the largest first. */

#include <string.h>

#include "judgement.h"

struct groups {
	struct report_group *items;
	size_t count;
};

static struct report_group *group_of(struct groups *groups, const char *name)
{
	struct report_group *group;

	for (size_t i = 0; i < groups->count; i++) {
		if (strcmp(groups->items[i].name, name) == 0)
			return &groups->items[i];
	}
	group = &groups->items[groups->count++];
	*group = (struct report_group){ .name = name };
	return group;
}

static void add_victim(struct groups *groups, const struct record_victim *victim)
{
	struct report_group *group = group_of(groups, victim->name[0] ? victim->name : "?");

	group->count++;
	group->bytes += victim->bytes;
	if (!group->largest || victim->bytes > group->largest->bytes)
		group->largest = victim;
}

static bool is_wanted(const struct session_record *record, size_t index,
		      enum report_group_source source)
{
	const struct record_event *event = &record->events[index];

	if (event->victim.pid <= 0)
		return false;
	if (source == REPORT_GROUP_ESCAPES)
		return event->kind == RECORD_ESCAPE && !report_is_repeated_escape(record, index);
	return event->kind == RECORD_OOM_KILL || event->kind == RECORD_WATCH_KILL;
}

static int compare(const void *left, const void *right)
{
	const struct report_group *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->name, b->name);
}

int report_group(const struct session_record *record, enum report_group_source source,
		 struct report_group **ret_groups, size_t *ret_count)
{
	size_t room =
		source == REPORT_GROUP_LEFTOVERS ? record->leftover_count : record->event_count;
	struct groups groups = { .items = calloc(room + 1, sizeof(struct report_group)) };

	if (!groups.items)
		return -ENOMEM;

	for (size_t i = 0; i < room; i++) {
		if (source == REPORT_GROUP_LEFTOVERS) {
			const struct record_leftover *leftover = &record->leftovers[i];
			const char *name = leftover->name[0] ? leftover->name : "?";
			struct report_group *group = group_of(&groups, name);

			group->count++;
			group->bytes += leftover->bytes;
		} else if (is_wanted(record, i, source)) {
			add_victim(&groups, &record->events[i].victim);
		}
	}

	qsort(groups.items, groups.count, sizeof(struct report_group), compare);
	*ret_groups = groups.items;
	*ret_count = groups.count;
	return 0;
}

static int compare_tasks(const void *left, const void *right)
{
	const struct report_group *a = left, *b = right;

	if (a->tasks != b->tasks)
		return a->tasks < b->tasks ? 1 : -1;
	return compare(left, right);
}

int report_group_sample(const struct tree_sample *sample, pid_t except,
			enum report_group_order order, struct report_group **ret_groups,
			size_t *ret_count)
{
	struct groups groups = { .items = calloc(sample->count + 1, sizeof(struct report_group)) };

	if (!groups.items)
		return -ENOMEM;
	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];
		struct report_group *group;

		if (process->pid == except || process->state == 'Z' || process->state == 'X')
			continue;
		group = group_of(&groups, process->name[0] ? process->name : "?");
		group->count++;
		group->bytes += process->resident_bytes;
		group->tasks += process->threads;
	}
	qsort(groups.items, groups.count, sizeof(struct report_group),
	      order == REPORT_GROUP_BY_TASKS ? compare_tasks : compare);
	*ret_groups = groups.items;
	*ret_count = groups.count;
	return 0;
}
