/* SPDX-License-Identifier: MIT */

/*
 * All sessions together: what slice-pressure.c answers, done by one oc-run of those whose sessions
 * share a slice. It is the one that holds a lock; the others try for it at each calm look and when
 * the kernel says that the slice stands still, so that a dead leader is followed by the next.
 *
 * The leader freezes and thaws the scopes of others, and it asks: by SIGURG with a number, as an
 * older oc-run only passes that on and nobody minds. How a session gives way is its own oc-run's
 * business: its tools are told to end, the agent goes on; asked again, the session ends.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/registry-list.h"
#include "oc-run/slice-lock.h"
#include "session-internal.h"

#define PSI_WINDOW_USEC (2 * UINT64_C(1000000))
#define PSI_STALLED_USEC (100 * UINT64_C(1000))
/* Of calm looks, at which our own scope was found frozen: whoever froze it has forgotten it. */
#define FROZEN_LOOKS 10
/* Asked again by then, the whole session ends. */
#define AGAIN_USEC (120 * UINT64_C(1000000))
#define TOOLS_PARTS 4

static uint64_t read_limit(const struct cgroup *slice, const char *file)
{
	char text[64];
	uint64_t value;

	if (cgroup_read(slice, file, text, sizeof(text)) < 0 ||
	    cgroup_parse_number(text, &value) < 0)
		return LIMIT_UNLIMITED;
	return value;
}

static bool is_shared_slice(const struct session *session)
{
	const char *path = session->cgroup.parent.path;
	const char *name = path ? strrchr(path, '/') : NULL;

	return session->cgroup.parent.dirfd >= 0 && name && session->plan->slice &&
	       strcmp(name + 1, session->plan->slice) == 0;
}

/* --- the sessions below --- */

/* "oc-<id>.scope" or "oc-<id>". */
static bool is_session(const char *name, char ret_id[SLICE_SESSION_ID_MAX])
{
	char path[64];
	size_t length;

	return snprintf(path, sizeof(path), "/%s", name) < (int)sizeof(path) &&
	       cgroup_path_session(path, ret_id, &length) && path[length] == '\0';
}

typedef void (*slice_session_fn)(const struct cgroup *scope, const char *id, void *userdata);

static void for_each_session(const struct cgroup *slice, slice_session_fn call, void *userdata)
{
	int fd = openat(slice->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *item;

	if (!directory) {
		cleanup_close(&fd);
		return;
	}
	while ((item = readdir(directory))) {
		struct cgroup scope = CGROUP_INIT;
		char id[SLICE_SESSION_ID_MAX];

		if (!is_session(item->d_name, id) ||
		    cgroup_open_child(slice, item->d_name, &scope) < 0)
			continue;
		call(&scope, id, userdata);
		cgroup_finish(&scope);
	}
	(void)closedir(directory);
}

struct gathered {
	struct slice_session sessions[SLICE_SESSIONS_MAX];
	size_t count;
};

static void gather(const struct cgroup *scope, const char *id, void *userdata)
{
	struct gathered *gathered = userdata;
	struct slice_session *session = &gathered->sessions[gathered->count];
	struct cgroup_usage usage;
	struct figures figures;

	if (gathered->count == SLICE_SESSIONS_MAX || cgroup_read_usage(scope, &usage) < 0)
		return;
	figures = figures_of_usage(&usage, 0);
	memcpy(session->id, id, sizeof(session->id));
	session->used_bytes = figures.unreclaimable_bytes + figures.swap_bytes;
	gathered->count++;
}

static void freeze_held(const struct cgroup *scope, const char *id, void *userdata)
{
	const struct slice_pressure *pressure = userdata;

	for (size_t i = 0; i < pressure->known_count; i++)
		if (pressure->known[i].is_held && strcmp(pressure->known[i].id, id) == 0)
			(void)!cgroup_write(scope, "cgroup.freeze", "1");
}

static void thaw(const struct cgroup *scope, const char *id, void *userdata)
{
	(void)id;
	(void)userdata;
	(void)!cgroup_write(scope, "cgroup.freeze", "0");
}

/* --- giving way --- */

static bool is_tool(const struct tree_process *process, void *userdata)
{
	(void)userdata;
	return !process->is_spared && !process->is_outside && !process->is_agent;
}

/* All of them, under the name of the largest; bytes 0: there is none. */
static void name_tools(const struct tree_sample *sample, struct record_victim *ret)
{
	uint64_t largest = 0;

	*ret = (struct record_victim){ .source = VICTIM_OWN };
	for (size_t i = 0; sample && i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];
		uint64_t bytes = process->resident_bytes + process->swap_bytes;

		if (!is_tool(process, NULL))
			continue;
		ret->bytes += bytes;
		if (bytes < largest)
			continue;
		largest = bytes;
		ret->pid = process->pid;
		(void)snprintf(ret->name, sizeof(ret->name), "%s", process->name);
		(void)snprintf(ret->command, sizeof(ret->command), "%s",
			       process->command ? process->command : "");
	}
}

static void end_tools(struct session *session, const struct record_victim *tools)
{
	struct record_event *event = session_note(session, RECORD_TOOL_ENDED, SIGTERM);

	if (event) {
		event->victim = *tools;
		event->from_above = true;
		(void)snprintf(event->detail, sizeof(event->detail),
			       "SIGTERM to all tools: the sessions together ran short of memory");
	}
	(void)tree_signal_chosen(session->tree, is_tool, NULL, SIGTERM);
	session_tell(session, event);
}

void slice_act_thaw(struct session *session)
{
	session->slice.frozen_looks = 0;
	if (is_shared_slice(session) && session->cgroup.scope.dirfd >= 0)
		thaw(&session->cgroup.scope, NULL, NULL);
}

void slice_act_give_way(struct session *session)
{
	struct session_slice *slice = &session->slice;
	uint64_t now_usec = session_now_usec(), used_bytes;
	struct record_victim tools;
	bool is_again = slice->asked_usec > 0 && now_usec < slice->asked_usec + AGAIN_USEC;
	bool ends_tools =
		session->plan->pressure_rungs & PLAN_RUNG_TOOL && session->plan->oom == OOM_TOOL;
	bool tools_suffice;

	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return;
	if (!(session->plan->pressure_rungs & (PLAN_RUNG_TOOL | PLAN_RUNG_AGENT))) {
		slice_act_thaw(session);
		return;
	}
	slice->asked_usec = now_usec;
	sampling_look(session, 0);
	used_bytes = session->figures.unreclaimable_bytes + session->figures.swap_bytes;
	name_tools(tree_last(session->tree), &tools);
	tools_suffice = ends_tools && !is_again && tools.bytes >= used_bytes / TOOLS_PARTS;
	pressure_act_lift(session);
	if (ends_tools && tools.pid > 0)
		end_tools(session, &tools);
	if (!tools_suffice)
		supervise_stop(session, STOP_SLICE, "the sessions together ran short of memory");
	/* Last, so that they have the signal when they run again. */
	slice_act_thaw(session);
}

bool slice_act_is_asked(const struct signalfd_siginfo *info)
{
	return info->ssi_signo == SIGURG && info->ssi_code == SI_QUEUE &&
	       info->ssi_int == REGISTRY_ASK_GIVE_WAY;
}

static void ask(struct session *session, const char *id)
{
	struct registry_session *sessions = NULL;
	size_t count = 0;

	if (strcmp(id, session->plan->id) == 0) {
		slice_act_give_way(session);
		return;
	}
	if (registry_list(session->host, &sessions, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (strcmp(sessions[i].id, id) == 0)
			(void)!registry_ask(&sessions[i], REGISTRY_ASK_GIVE_WAY);
	registry_sessions_free(sessions, count);
}

/* --- looking --- */

static void write_swap(struct session *session, uint64_t bytes)
{
	const struct limit_row *row = limit_row(LIMIT_MEMORY_SWAP_MAX);
	char text[LIMIT_TEXT_MAX];

	limit_format_cgroup(row, bytes, text);
	(void)!cgroup_write(&session->cgroup.parent, row->cgroup_file, text);
}

static void carry_out(struct session *session, const struct slice_answer *answer)
{
	struct cgroup *parent = &session->cgroup.parent;

	if (answer->actions & SLICE_FREEZE)
		for_each_session(parent, freeze_held, &session->slice.pressure);
	if (answer->actions & (SLICE_HOLD_SWAP | SLICE_FREE_SWAP))
		write_swap(session, answer->swap_bytes);
	if (answer->actions & SLICE_THAW)
		for_each_session(parent, thaw, NULL);
	if (answer->actions & SLICE_ASK)
		ask(session, answer->session_id);
}

/* Whoever leads from now on does not know what the one before has frozen. */
static bool lead(struct session *session)
{
	struct session_slice *slice = &session->slice;

	if (slice->leads)
		return true;
	if (slice->lock_fd < 0 || slice_lock_try(slice->lock_fd, &session->cgroup.parent) < 0)
		return false;
	slice->leads = true;
	slice_pressure_init(&slice->pressure, session->cgroup.slice_capped);
	for_each_session(&session->cgroup.parent, thaw, NULL);
	return true;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return slice_act_look(userdata);
}

/* A leader that was stopped cannot thaw. */
static void look_after_own(struct session *session)
{
	char text[16];

	if (cgroup_read(&session->cgroup.scope, "cgroup.freeze", text, sizeof(text)) < 0 ||
	    text[0] != '1')
		session->slice.frozen_looks = 0;
	else if (++session->slice.frozen_looks >= FROZEN_LOOKS)
		slice_act_thaw(session);
}

int slice_act_look(struct session *session)
{
	struct session_slice *slice = &session->slice;
	const struct cgroup *parent = &session->cgroup.parent;
	struct gathered gathered = { .count = 0 };
	struct slice_answer answer;
	struct slice_look look = { .sessions = gathered.sessions };
	struct cgroup_usage usage;
	struct figures figures;

	if (slice->lock_fd < 0)
		return 0;
	if (!lead(session)) {
		look_after_own(session);
		return 0;
	}
	if (cgroup_read_usage(parent, &usage) < 0)
		return 0;
	figures = figures_of_usage(&usage, 0);
	for_each_session(parent, gather, &gathered);
	look.at_usec = session_now_usec();
	look.max_bytes = read_limit(parent, "memory.max");
	look.swap_max_bytes = read_limit(parent, "memory.swap.max");
	if (look.swap_max_bytes > session->host->swap_bytes)
		look.swap_max_bytes = session->host->swap_bytes;
	look.unreclaimable_bytes = figures.unreclaimable_bytes;
	look.swap_bytes = figures.swap_bytes;
	look.stall = figures.memory_pressure;
	look.count = gathered.count;
	answer = slice_pressure_step(&slice->pressure, &look);
	carry_out(session, &answer);
	if (answer.next_look_usec == 0)
		return 0;
	return session_arm(session, &slice->timer, answer.next_look_usec, on_look);
}

static void on_psi(void *userdata)
{
	(void)!slice_act_look(userdata);
}

int slice_act_start(struct session *session)
{
	struct session_slice *slice = &session->slice;
	const struct psi_request request = {
		.event = session->event,
		.dirfd = session->cgroup.parent.dirfd,
		.file = "memory.pressure",
		.stalled_usec = PSI_STALLED_USEC,
		.window_usec = PSI_WINDOW_USEC,
		.woken = on_psi,
		.userdata = session,
	};
	int r;

	slice->lock_fd = -1;
	if (!is_shared_slice(session) ||
	    read_limit(&session->cgroup.parent, "memory.max") == LIMIT_UNLIMITED ||
	    slice_lock_open(session->host, &slice->lock_fd) < 0)
		return 0;
	r = psi_new(&request, &slice->psi);
	/* Without it the calm looks have to do. */
	return r == -ENOMEM ? r : 0;
}

void slice_act_finish(struct session *session)
{
	struct session_slice *slice = &session->slice;

	if (slice->leads && slice->pressure.held_since_usec > 0)
		for_each_session(&session->cgroup.parent, thaw, NULL);
	slice->psi = psi_free(slice->psi);
	slice->timer = sd_event_source_unref(slice->timer);
	cleanup_close(&slice->lock_fd);
	slice->leads = false;
}
