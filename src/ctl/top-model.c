/* SPDX-License-Identifier: MIT */

#include "top-model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void top_model_finish(struct top_model *model)
{
	cleanup_free(&model->sessions);
	cleanup_free(&model->rows);
	cleanup_free(&model->unfolded);
	*model = (struct top_model){ .sort = model->sort };
}

static const char *name_of(const struct top_session *session)
{
	return session->name ? session->name : session->id;
}

/* Negative: the first is the smaller one. */
static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Ties are broken by the id: two that are alike do not change places at each look. */
static int compare_ids(const struct top_session *a, const struct top_session *b)
{
	return strcmp(a->id, b->id);
}

static int by_memory(const void *a, const void *b)
{
	const struct top_session *one = a, *other = b;
	int r = compare(other->memory_bytes, one->memory_bytes);

	return r ? r : compare_ids(one, other);
}

static int by_cpu(const void *a, const void *b)
{
	const struct top_session *one = a, *other = b;
	int r = (other->cpu_percent > one->cpu_percent) - (other->cpu_percent < one->cpu_percent);

	return r ? r : compare_ids(one, other);
}

static int by_tasks(const void *a, const void *b)
{
	const struct top_session *one = a, *other = b;
	int r = compare(other->tasks, one->tasks);

	return r ? r : compare_ids(one, other);
}

static int by_age(const void *a, const void *b)
{
	const struct top_session *one = a, *other = b;
	int r = compare(other->age_usec, one->age_usec);

	return r ? r : compare_ids(one, other);
}

static int by_name(const void *a, const void *b)
{
	const struct top_session *one = a, *other = b;
	int r = strcasecmp(name_of(one), name_of(other));

	return r ? r : compare_ids(one, other);
}

static const struct {
	const char *name;
	int (*compare)(const void *a, const void *b);
} sorts[TOP_SORT_COUNT] = {
	[TOP_SORT_MEMORY] = { "memory", by_memory }, [TOP_SORT_CPU] = { "cpu", by_cpu },
	[TOP_SORT_TASKS] = { "tasks", by_tasks },    [TOP_SORT_AGE] = { "age", by_age },
	[TOP_SORT_NAME] = { "name", by_name },
};

const char *top_sort_name(enum top_sort sort)
{
	return sorts[sort].name;
}

/* By value: what the rows borrow may be gone when they are built again. */
static void note_selection(struct top_model *model)
{
	const struct top_session *session = top_model_selected(model);
	const struct tree_process *process = top_model_selected_process(model);

	model->selection = (struct top_selection){
		.pid = process ? process->pid : 0,
		.start_ticks = process ? process->start_ticks : 0,
	};
	if (session)
		memcpy(model->selection.id, session->id, TOP_ID_MAX);
}

/* A process that has ended leaves its session selected, a session that has ended its line. */
static void select_again(struct top_model *model)
{
	const struct top_selection *selection = &model->selection;

	if (model->selected >= model->row_count)
		model->selected = model->row_count > 0 ? model->row_count - 1 : 0;
	for (size_t i = 0; i < model->row_count; i++) {
		const struct tree_process *process = model->rows[i].process.process;

		if (strcmp(model->sessions[model->rows[i].session].id, selection->id) != 0)
			continue;
		if (process && (process->pid != selection->pid ||
				process->start_ticks != selection->start_ticks))
			continue;
		model->selected = i;
		if (process || selection->pid == 0)
			break;
	}
	note_selection(model);
}

static const struct tree_sample *shown_sample(const struct top_model *model, size_t session)
{
	const struct top_session *one = &model->sessions[session];

	return top_model_is_unfolded(model, one->id) ? one->sample : NULL;
}

static int add_processes(struct top_model *model, size_t session)
{
	const struct tree_sample *sample = shown_sample(model, session);
	_cleanup_free_ struct process_place *places = NULL;

	if (!sample || sample->count == 0)
		return 0;
	places = process_order(sample);
	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < sample->count; i++)
		model->rows[model->row_count++] = (struct top_row){
			.session = session,
			.process = places[i],
		};
	return 0;
}

static int build_rows(struct top_model *model)
{
	size_t count = model->session_count;
	int r = 0;

	cleanup_free(&model->rows);
	model->row_count = 0;
	if (count > 1)
		qsort(model->sessions, count, sizeof(*model->sessions), sorts[model->sort].compare);
	for (size_t i = 0; i < model->session_count; i++)
		count += shown_sample(model, i) ? shown_sample(model, i)->count : 0;
	model->rows = calloc(count + 1, sizeof(*model->rows));
	if (!model->rows)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < model->session_count; i++) {
		model->rows[model->row_count++].session = i;
		r = add_processes(model, i);
	}
	select_again(model);
	return r;
}

static void remove_unfolded(struct top_model *model, size_t at)
{
	memmove(model->unfolded[at], model->unfolded[--model->unfolded_count], TOP_ID_MAX);
}

/* Those of sessions that have ended. */
static void tidy_unfolded(struct top_model *model)
{
	for (size_t i = model->unfolded_count; i > 0; i--)
		if (!top_model_find(model, model->unfolded[i - 1]))
			remove_unfolded(model, i - 1);
}

int top_model_take(struct top_model *model, struct top_session *sessions, size_t count)
{
	free(model->sessions);
	model->sessions = sessions;
	model->session_count = count;
	tidy_unfolded(model);
	return build_rows(model);
}

int top_model_sort(struct top_model *model)
{
	model->sort = (enum top_sort)((model->sort + 1) % TOP_SORT_COUNT);
	return build_rows(model);
}

void top_model_move(struct top_model *model, long rows)
{
	size_t by = (size_t)(rows < 0 ? -rows : rows);

	if (model->row_count == 0)
		return;
	if (rows < 0)
		model->selected -= by < model->selected ? by : model->selected;
	else if (by < model->row_count - model->selected)
		model->selected += by;
	else
		model->selected = model->row_count - 1;
	note_selection(model);
}

void top_model_scroll(struct top_model *model, size_t height)
{
	if (height == 0)
		height = 1;
	if (model->selected < model->first)
		model->first = model->selected;
	if (model->selected >= model->first + height)
		model->first = model->selected - height + 1;
	/* No empty lines below while there are rows above. */
	if (model->first + height > model->row_count)
		model->first = model->row_count > height ? model->row_count - height : 0;
}

const struct top_session *top_model_selected(const struct top_model *model)
{
	return model->selected < model->row_count
		       ? &model->sessions[model->rows[model->selected].session]
		       : NULL;
}

const struct tree_process *top_model_selected_process(const struct top_model *model)
{
	return model->selected < model->row_count ? model->rows[model->selected].process.process
						  : NULL;
}

const struct top_session *top_model_find(const struct top_model *model, const char *id)
{
	for (size_t i = 0; i < model->session_count; i++)
		if (strcmp(model->sessions[i].id, id) == 0)
			return &model->sessions[i];
	return NULL;
}

static size_t unfolded_index(const struct top_model *model, const char *id)
{
	size_t i = 0;

	while (i < model->unfolded_count && strcmp(model->unfolded[i], id) != 0)
		i++;
	return i;
}

bool top_model_is_unfolded(const struct top_model *model, const char *id)
{
	return unfolded_index(model, id) < model->unfolded_count;
}

static int unfold(struct top_model *model, const char *id)
{
	void *longer = reallocarray(model->unfolded, model->unfolded_count + 1, TOP_ID_MAX);

	if (!longer)
		return -ENOMEM;
	model->unfolded = longer;
	memcpy(model->unfolded[model->unfolded_count++], id, TOP_ID_MAX);
	return 0;
}

int top_model_fold(struct top_model *model, bool unfolded)
{
	const char *id = model->selection.id;
	size_t at = unfolded_index(model, id);
	int r = 0;

	if (model->row_count == 0 || unfolded == (at < model->unfolded_count))
		return 0;
	if (unfolded)
		r = unfold(model, id);
	else
		remove_unfolded(model, at);
	model->selection.pid = 0;
	return r < 0 ? r : build_rows(model);
}
