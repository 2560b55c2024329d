/* SPDX-License-Identifier: MIT */

/*
 * Looks at one session from outside. The entry says where its cgroup is and who it is; what it uses
 * is read from the kernel: from the cgroup where its controllers count, else by adding up its
 * processes. Everything may vanish at any line.
 */

#include "view.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "oc-run/process-scan.h"

#define STATUS_TEXT_MAX ((size_t)256 * 1024)

bool ctl_process_lives(const struct registry_process *process, char *ret_state)
{
	struct process_facts facts;

	if (process->pid <= 0 || process_read_facts(process->pid, &facts) < 0 ||
	    facts.start_ticks != process->start_ticks || facts.state == 'Z' || facts.state == 'X')
		return false;
	if (ret_state)
		*ret_state = facts.state;
	return true;
}

static bool is_frozen(const struct cgroup *payload)
{
	struct cgroup_events events;
	char text[512];

	return payload->dirfd >= 0 &&
	       cgroup_read(payload, "cgroup.events", text, sizeof(text)) >= 0 &&
	       cgroup_parse_events(text, &events) >= 0 && events.frozen;
}

static enum ctl_state state_now(const struct ctl_view *view)
{
	const struct registry_session *session = view->session;
	char supervisor = 0, command = 0;
	struct ctl_state_facts facts = {
		.is_held = session->is_held,
		.is_ending = session->is_ending,
		.has_command = session->command.pid > 0,
		.is_frozen = is_frozen(&view->payload),
	};

	if (session->same_boot) {
		facts.supervisor_lives = ctl_process_lives(&session->supervisor, &supervisor);
		facts.command_lives = ctl_process_lives(&session->command, &command);
	}
	facts.supervisor_is_stopped = supervisor == 'T';
	facts.command_is_stopped = command == 'T';
	return ctl_state_of(&facts);
}

/* It belongs to the same person; still, what is no file of a plain size is not read. */
static cJSON *read_status(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	ssize_t length;

	if (fd < 0)
		return NULL;
	text = malloc(STATUS_TEXT_MAX);
	length = text ? read(fd, text, STATUS_TEXT_MAX - 1) : -1;
	if (length <= 0)
		return NULL;
	text[length] = '\0';
	return cJSON_Parse(text);
}

static uint64_t status_number(const cJSON *status, const char *part, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(status, part), key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static void open_cgroup(const struct host *host, struct ctl_view *view)
{
	const struct registry_session *session = view->session;

	if (!session->cgroup || !host->cgroup_mount || !session->same_boot ||
	    cgroup_open(host->cgroup_mount, session->cgroup, &view->scope) < 0)
		return;
	if (cgroup_open_child(&view->scope, "payload", &view->payload) < 0)
		cgroup_finish(&view->scope);
}

/* @ret_sample NULL: it could not be had. */
static int look_at_tree(struct ctl_view *view, unsigned flags,
			const struct tree_sample **ret_sample)
{
	const struct registry_session *session = view->session;
	bool contained = view->payload.dirfd >= 0;
	struct tree_request request = {
		.session_id = session->id,
		.agent_name = session->command_name,
		.payload = contained ? &view->payload : NULL,
		.proc_fd = view->proc_fd,
	};
	int r;

	if (ctl_process_lives(&session->command, NULL))
		request.agent = session->command.pid;
	r = view->tree ? 0 : tree_new(&request, &view->tree);
	if (r == -ESRCH) {
		request.agent = 0;
		r = tree_new(&request, &view->tree);
	}
	return r < 0 ? r : tree_scan(view->tree, flags, ret_sample);
}

static void read_limits(struct ctl_view *view)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = limit_row((enum limit_id)i);
		struct registry_limit *limit = &view->limits[i];
		char text[128];
		uint64_t value;

		*limit = view->session->limits[i];
		if (limit->enforcer == ENFORCER_KERNEL && view->payload.dirfd >= 0 &&
		    cgroup_read(&view->payload, row->cgroup_file, text, sizeof(text)) >= 0 &&
		    limit_parse_cgroup(row, text, &value) >= 0)
			limit->value = value;
	}
}

static int look(struct ctl_view *view, enum ctl_depth depth)
{
	struct cgroup_usage usage = { 0 };
	const struct tree_sample *sample = NULL;
	unsigned flags = depth == CTL_LOOK_TREE ? TREE_SCAN_OUTSIDE : 0;
	int r = 0;

	if (!view->session->same_boot)
		return 0;
	if (view->payload.dirfd >= 0 && cgroup_read_usage(&view->payload, &usage) >= 0 &&
	    usage.memory_current > 0) {
		view->figures = figures_of_usage(&usage, view->age_usec + 1);
		view->peak_bytes = usage.memory_peak;
		view->has_figures = true;
	}
	if (depth == CTL_LOOK_TREE || !view->has_figures || view->figures.tasks == 0)
		r = look_at_tree(view, flags, &sample);
	if (r < 0 || !sample)
		return r;
	if (!view->has_figures) {
		view->figures = figures_of_sample(sample, view->age_usec + 1);
		view->figures.memory_pressure = usage.memory_pressure;
		view->has_figures = true;
	}
	if (view->figures.tasks == 0)
		view->figures.tasks = sample->tasks;
	return 0;
}

static uint64_t age_of(const struct registry_session *session)
{
	struct timespec now;
	uint64_t usec;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
	return session->since_usec > 0 && usec > session->since_usec ? usec - session->since_usec
								     : 0;
}

static int fill_in(struct ctl_view *view, enum ctl_depth depth)
{
	int r;

	view->age_usec = age_of(view->session);
	view->has_figures = false;
	view->peak_bytes = 0;
	cJSON_Delete(view->status);
	view->status = read_status(view->session->status_path);
	view->state = state_now(view);
	read_limits(view);
	r = look(view, depth);
	if (view->peak_bytes == 0)
		view->peak_bytes = status_number(view->status, "peaks", "memory_bytes");
	if (view->peak_bytes > 0 && view->peak_bytes < view->figures.current_bytes)
		view->peak_bytes = view->figures.current_bytes;
	return r;
}

/* In place: the tree borrows the cgroups from where they are. */
int ctl_view_open(const struct host *host, const struct registry_session *session,
		  enum ctl_depth depth, struct ctl_view *view)
{
	int r;

	*view = (struct ctl_view){
		.session = session,
		.scope = CGROUP_INIT,
		.payload = CGROUP_INIT,
		.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	open_cgroup(host, view);
	r = fill_in(view, depth);
	if (r < 0)
		ctl_view_finish(view);
	return r;
}

int ctl_view_again(const struct host *host, const struct registry_session *session,
		   enum ctl_depth depth, struct ctl_view *view)
{
	bool is_restarted = session->command.pid != view->session->command.pid ||
			    session->command.start_ticks != view->session->command.start_ticks;
	bool has_cgroup = view->payload.dirfd >= 0;

	view->session = session;
	if (!has_cgroup)
		open_cgroup(host, view);
	/* It was made for another command, or without the cgroup. */
	if (is_restarted || has_cgroup != (view->payload.dirfd >= 0))
		view->tree = tree_free(view->tree);
	return fill_in(view, depth);
}

const struct tree_sample *ctl_view_sample(const struct ctl_view *view)
{
	return view->tree ? tree_last(view->tree) : NULL;
}

void ctl_view_finish(struct ctl_view *view)
{
	view->tree = tree_free(view->tree);
	cgroup_finish(&view->payload);
	cgroup_finish(&view->scope);
	cleanup_close(&view->proc_fd);
	cJSON_Delete(view->status);
	view->status = NULL;
}
