/* SPDX-License-Identifier: MIT */

#include "top-watch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "steer.h"

/* Over less than that a share of the CPU says nothing: the one before stands. */
#define CPU_USEC_LEAST (USEC_PER_SEC / 3)

struct top_seen {
	struct ctl_view view; /* may not be moved */
	bool is_there;	      /* in the last list */
	uint64_t cpu_usec, cpu_at_usec;
	double cpu_percent;
};

static uint64_t cpu_usec_of(const struct ctl_view *view)
{
	const struct tree_sample *sample = ctl_view_sample(view);
	uint64_t ticks = 0;

	if (view->figures.counted || !sample)
		return view->figures.cpu_usec;
	for (size_t i = 0; i < sample->count; i++)
		ticks += sample->processes[i].cpu_ticks;
	return ticks * USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void count_cpu(struct top_seen *seen)
{
	uint64_t now_usec = ctl_now_usec(), elapsed = now_usec - seen->cpu_at_usec, cpu_usec;

	if (!seen->view.has_figures || (seen->cpu_at_usec > 0 && elapsed < CPU_USEC_LEAST))
		return;
	cpu_usec = cpu_usec_of(&seen->view);
	/* Without a cgroup who dies takes along what they used. */
	if (seen->cpu_at_usec > 0)
		seen->cpu_percent =
			cpu_usec > seen->cpu_usec
				? 100.0 * (double)(cpu_usec - seen->cpu_usec) / (double)elapsed
				: 0;
	seen->cpu_usec = cpu_usec;
	seen->cpu_at_usec = now_usec;
}

static struct top_seen *find_seen(const struct top_watch *watch, const char *id)
{
	for (size_t i = 0; i < watch->seen_count; i++)
		if (strcmp(watch->seen[i]->view.session->id, id) == 0)
			return watch->seen[i];
	return NULL;
}

static int open_seen(struct top_watch *watch, const struct registry_session *session,
		     enum ctl_depth depth)
{
	struct top_seen **longer =
		reallocarray(watch->seen, watch->seen_count + 1, sizeof(struct top_seen *));
	struct top_seen *seen;
	int r;

	if (!longer)
		return -ENOMEM;
	watch->seen = longer;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	r = ctl_view_open(watch->host, session, depth, &seen->view);
	if (r < 0) {
		free(seen);
		return r;
	}
	seen->is_there = true;
	seen->cpu_percent = -1;
	watch->seen[watch->seen_count++] = seen;
	return 0;
}

static void drop_absent(struct top_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->seen_count; i++) {
		struct top_seen *seen = watch->seen[i];

		if (seen->is_there) {
			seen->is_there = false;
			watch->seen[kept++] = seen;
			continue;
		}
		ctl_view_finish(&seen->view);
		free(seen);
	}
	watch->seen_count = kept;
}

/* One that can't be looked at (it is just ending, or there is no descriptor left) is left out. */
static void look_at(struct top_watch *watch, const struct registry_session *session,
		    enum ctl_depth depth)
{
	struct top_seen *seen = find_seen(watch, session->id);

	if (!seen)
		(void)!open_seen(watch, session, depth);
	else
		seen->is_there = ctl_view_again(watch->host, session, depth, &seen->view) >= 0;
}

static struct top_session describe(struct top_seen *seen, const struct top_model *model)
{
	const struct ctl_view *view = &seen->view;
	const struct registry_session *session = view->session;
	const struct registry_limit *limit = &view->limits[LIMIT_MEMORY_MAX];
	const struct pressure *pressure = &view->figures.memory_pressure;
	struct top_session one = {
		.name = session->name,
		.command = session->command_name,
		.directory = session->directory,
		.state = view->state,
		.age_usec = view->age_usec,
		.has_figures = view->has_figures,
		.memory_bytes = view->has_figures ? view->figures.current_bytes : 0,
		.peak_bytes = view->peak_bytes,
		.tasks = view->has_figures ? view->figures.tasks : 0,
		.limit_bytes = limit->known ? limit->value : 0,
		.pressure = view->has_figures && pressure->known ? pressure->some_avg10 : -1,
	};

	memcpy(one.id, session->id, sizeof(one.id));
	count_cpu(seen);
	one.cpu_percent = seen->cpu_percent;
	if (top_model_is_unfolded(model, session->id))
		one.sample = ctl_view_sample(view);
	return one;
}

int top_watch_look(struct top_watch *watch, const struct top_model *model, struct top_session **ret,
		   size_t *ret_count)
{
	struct registry_session *sessions;
	struct top_session *array;
	size_t count;
	int r = registry_list(watch->host, &sessions, &count);

	if (r < 0)
		return r;
	array = calloc(count + 1, sizeof(*array));
	if (!array) {
		registry_sessions_free(sessions, count);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		look_at(watch, &sessions[i],
			top_model_is_unfolded(model, sessions[i].id) ? CTL_LOOK_TREE
								     : CTL_LOOK_FIGURES);
	drop_absent(watch);
	/* Nobody borrows from the old list any more. */
	registry_sessions_free(watch->sessions, watch->session_count);
	watch->sessions = sessions;
	watch->session_count = count;
	for (size_t i = 0; i < watch->seen_count; i++)
		array[i] = describe(watch->seen[i], model);
	*ret = array;
	*ret_count = watch->seen_count;
	return 0;
}

void top_watch_finish(struct top_watch *watch)
{
	for (size_t i = 0; i < watch->seen_count; i++)
		watch->seen[i]->is_there = false;
	drop_absent(watch);
	cleanup_free(&watch->seen);
	registry_sessions_free(watch->sessions, watch->session_count);
	watch->sessions = NULL;
	watch->session_count = 0;
}
