/* SPDX-License-Identifier: MIT */

/*
 * A session's start and end. The order is the point:
 *
 *	folder for temporary files	its own lock is its entry, until it has one
 *	registry entry, keeper, stub	from here on a SIGKILL of oc-run leaves nothing
 *	cgroup with limits, read back	the stub is still blocked
 *	tree, watch, kernel log		so that no event before exec is missed
 *	exec				the command runs
 *	...				supervise.c
 *	last counters			before the cgroup goes
 *	keeper, files, cgroup, registry	away, in this order
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "oc-run/report.h"
#include "report/safe-text.h"
#include "session-internal.h"

uint64_t session_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t session_realtime_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int session_arm(struct session *session, sd_event_source **source, uint64_t in_usec,
		sd_event_time_handler_t handler)
{
	uint64_t at_usec = session_now_usec() + in_usec;
	/* Late by a tenth at most, so that slow timers of the whole machine wake together. */
	uint64_t accuracy_usec = in_usec / 10 > 1000 ? in_usec / 10 : 1000;
	int r;

	if (!*source)
		return sd_event_add_time(session->event, source, CLOCK_MONOTONIC, at_usec,
					 accuracy_usec, handler, session);
	r = sd_event_source_set_time(*source, at_usec);
	if (r < 0)
		return r;
	r = sd_event_source_set_time_accuracy(*source, accuracy_usec);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

/* What a tool of the command may have died of. */
static bool is_for_tools(enum record_event_kind kind)
{
	return kind == RECORD_OOM_KILL || kind == RECORD_WATCH_KILL || kind == RECORD_FORK_DENIED;
}

struct record_event *session_note(struct session *session, enum record_event_kind kind,
				  uint64_t value)
{
	uint64_t at_usec = session_now_usec() - session->started_usec;
	uint64_t realtime_usec = session_realtime_usec();
	struct record_event *event =
		session_record_add(session->record, kind, at_usec, realtime_usec);

	/* The report has a place for the first ones only; those who look on are told of each. */
	if (!event && is_for_tools(kind)) {
		event = &session->spare;
		*event = (struct record_event){ .kind = kind };
		event->at_usec = at_usec;
		event->realtime_usec = realtime_usec;
	}
	if (event)
		event->value = value;
	return event;
}

void session_status_line(struct session *session, char *text)
{
	_cleanup_free_ char *line = text;

	/* A reader that went away is its own business: the session goes on. */
	if (line && session->plan->json_status_fd >= 0)
		(void)!report_status_line(session->plan->json_status_fd, line, 0);
}

void session_tell(struct session *session, const struct record_event *event)
{
	if (event)
		session_observe_event(session, event);
}

/* What oc-run takes itself arrives through the loop: SIGTSTP too, so that oc-run stops when its
 * command has stopped, and not while it runs on. An ignored SIGCHLD would reap our children
 * without us, and an ignored SIGTSTP would keep us from stopping. */
static int block_signals(void)
{
	sigset_t mask;

	if (sigfillset(&mask) < 0 || sigdelset(&mask, SIGTTIN) < 0 ||
	    sigdelset(&mask, SIGTTOU) < 0 || sigprocmask(SIG_SETMASK, &mask, NULL) < 0 ||
	    signal(SIGCHLD, SIG_DFL) == SIG_ERR || signal(SIGTSTP, SIG_DFL) == SIG_ERR)
		return -errno;
	return 0;
}

int session_start_keeper(struct session *session, struct diag *diag)
{
	const struct keeper_request request = {
		.session_id = session->plan->id,
		.terminal = &session->terminal,
		.cgroup_mount = session->host->cgroup_mount,
		.cgroup_parent = backend_scope_parent(session->backend, session->plan),
		.registry_path = session->registry.path,
		.registry_fd = session->registry.fd,
		.tmp_parent_fd = session->tmp.parent_fd,
		.tmp_fd = session->tmp.fd,
		.tidy = tidy_after_death,
		.userdata = session,
	};

	return keeper_start(&request, &session->keeper, diag);
}

/* See spawn_request: the command is not there yet, and the job is stopped. */
static void suspend_at_start(void *userdata)
{
	struct session *session = userdata;

	terminal_suspend_self(&session->terminal);
	(void)kill(session->child.pid, SIGCONT);
}

static int start_stub(struct session *session, const struct session_request *session_request,
		      struct diag *diag)
{
	struct spawn_request request = {
		.executable = session->plan->executable,
		.argv = session->plan->command,
		.working_directory = session->plan->chdir,
		.user = session->plan->user,
		.signals = session_request->signals,
		.output_fd =
			session_request->detached ? &session_request->detached->output_fd : NULL,
		.stopped = suspend_at_start,
		.userdata = session,
	};
	const struct environment_provided provided = {
		.private_temp = session->tmp.path,
		.status_path = session->status.file.path,
	};
	char **environment = environment_make(session->plan, &provided);
	struct guard guard = GUARD_INIT;
	int r;

	if (!environment)
		return diag_set(diag, -ENOMEM, "out of memory");
	request.environment = environment;
	r = guard_prepare(&session->plan->guard, session->plan->guard_places, session->tmp.path,
			  &guard, diag);
	if (r == 0) {
		request.guard = &guard;
		r = spawn_stub(&request, &session->child, diag);
	}
	/* The stub has its own. */
	guard_finish(&guard);
	environment_free(environment);
	return r;
}

static int start_watching(struct session *session, struct diag *diag)
{
	bool contained = session->cgroup.payload.dirfd >= 0;
	const struct tree_request tree = {
		.session_id = session->plan->id,
		.agent_name = safe_text_base_name(session->plan->command[0]),
		.agent_server =
			session->plan->profile ? session->plan->profile->server_subcommand : NULL,
		.agent = session->child.pid,
		.exclude = session->keeper.pid,
		.payload = contained ? &session->cgroup.payload : NULL,
		.scope = contained ? &session->cgroup.scope : NULL,
		.proc_fd = session->proc_fd,
	};
	const struct watch_request watch = {
		.event = session->event,
		.payload = &session->cgroup.payload,
		.scope = &session->cgroup.scope,
		.changed = supervise_counters,
		.userdata = session,
	};
	int r;

	r = tree_new(&tree, &session->tree);
	if (r < 0)
		return diag_set(diag, r, "cannot look at the session's processes: %s",
				strerror(-r));
	if (contained) {
		r = watch_new(&watch, &session->watch);
		if (r < 0)
			return diag_set(diag, r, "cannot watch the cgroup's event files: %s",
					strerror(-r));
		session->counters_start = watch_state(session->watch)->payload;
		session->scope_start = watch_state(session->watch)->scope;
	}
	r = kernel_log_open(&session->kernel_log);
	if (r < 0)
		return diag_set(diag, r, "out of memory");
	return 0;
}

static void enter_registry(struct session *session, struct diag *diag)
{
	const struct registry_disk disk = {
		.tmp_path = session->tmp.path,
		.snapshot_store = session->snapshot_store,
		.since_usec = session->since_usec,
	};
	int r = registry_enter(session->host, session->plan,
			       backend_scope_parent(session->backend, session->plan), &disk,
			       &session->registry, diag);

	if (r < 0 && !session->plan->quiet)
		(void)fprintf(stderr,
			      "oc-run: %s; this session cannot be found again if oc-run and "
			      "its keeper are killed\n",
			      diag->text);
}

/* Not having one is no error; that somebody else has its folder is worth a line. */
static void start_history(struct session *session, struct diag *diag)
{
	const struct history_request request = {
		.id = session->plan->id,
		.uid = session->host->uid,
		.started_usec = session->since_usec,
		.keep = session->plan->history_keep,
	};

	if (session->plan->history && history_new(&request, &session->history, diag) < 0 &&
	    !session->plan->quiet)
		(void)fprintf(stderr, "oc-run: %s\n", diag->text);
}

/* All that must stand before exec. */
static int session_prepare(struct session *session, const struct session_request *request,
			   struct diag *diag)
{
	int r;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return diag_set(diag, -errno, "cannot become a subreaper: %s", strerror(errno));
	session->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (session->proc_fd < 0)
		return diag_set(diag, -errno, "cannot open \"/proc\": %s", strerror(errno));
	if (session->plan->json_status_fd >= 0 &&
	    fcntl(session->plan->json_status_fd, F_SETFD, FD_CLOEXEC) < 0)
		return diag_set(diag, -errno, "cannot use file descriptor %d for the status: %s",
				session->plan->json_status_fd, strerror(errno));
	r = block_signals();
	if (r < 0)
		return diag_set(diag, r, "cannot block signals: %s", strerror(-r));
	r = sd_event_new(&session->event);
	if (r < 0)
		return diag_set(diag, r, "cannot make an event loop: %s", strerror(-r));
	r = terminal_save(&session->terminal);
	if (r < 0)
		return diag_set(diag, r, "cannot read the state of the terminal: %s", strerror(-r));
	tidy_begin(session);
	enter_registry(session, diag);
	admission_leave(request->admission);
	tell_status_begin(session);
	r = session_start_keeper(session, diag);
	if (r < 0)
		return r;
	start_history(session, diag);
	r = start_stub(session, request, diag);
	if (r < 0)
		return r;
	r = backend_enter(session->backend, session->plan, session->child.pid, session->keeper.pid,
			  &session->cgroup, diag);
	if (r < 0)
		return SESSION_NO_CGROUP;
	if (session->plan->oom == OOM_GROUP &&
	    session->cgroup.enforced & (1U << LIMIT_MEMORY_MAX)) {
		r = cgroup_write(&session->cgroup.payload, "memory.oom.group", "1");
		if (r < 0)
			return diag_set(diag, r, "cannot set \"memory.oom.group\": %s",
					strerror(-r));
	}
	if (session->cgroup.payload.dirfd >= 0)
		session->kill_fd = cgroup_kill_prepare(&session->cgroup.payload);
	r = keeper_hand_over(&session->keeper, &session->cgroup, session->child.pid);
	if (r < 0)
		return diag_set(diag, r, "the keeper did not take over the session: %s",
				strerror(-r));
	session->registry.enforced = session->cgroup.enforced;
	r = registry_update(&session->registry, session->plan, session->cgroup.scope.path,
			    session->child.pid);
	if (r < 0)
		return diag_set(diag, r, "cannot write the session's entry \"%s\": %s",
				session->registry.path, strerror(-r));
	return start_watching(session, diag);
}

static void record_start(struct session *session)
{
	struct session_record *record = session->record;

	session->started_usec = session_now_usec();
	record->plan = session->plan;
	record->backend = session->plan->backend;
	record->enforced = session->cgroup.enforced;
	memcpy(record->systemd_refused, session->cgroup.refused, sizeof(record->systemd_refused));
	record->started_realtime_usec = session_realtime_usec();
	record->ram_bytes = session->host->ram_bytes < session->host->outer_memory_max
				    ? session->host->ram_bytes
				    : session->host->outer_memory_max;
	record->agent_pid = session->child.pid;
	if (session->cgroup.scope.path)
		record->cgroup_path = strdup(session->cgroup.scope.path);
}

static void counters_difference(struct cgroup_counters *now, const struct cgroup_counters *start)
{
	now->memory.low -= start->memory.low;
	now->memory.high -= start->memory.high;
	now->memory.max -= start->memory.max;
	now->memory.oom -= start->memory.oom;
	now->memory.oom_kill -= start->memory.oom_kill;
	now->memory.oom_group_kill -= start->memory.oom_group_kill;
	now->memory_local.low -= start->memory_local.low;
	now->memory_local.high -= start->memory_local.high;
	now->memory_local.max -= start->memory_local.max;
	now->memory_local.oom -= start->memory_local.oom;
	now->memory_local.oom_kill -= start->memory_local.oom_kill;
	now->memory_local.oom_group_kill -= start->memory_local.oom_group_kill;
	now->swap.high -= start->swap.high;
	now->swap.max -= start->swap.max;
	now->swap.fail -= start->swap.fail;
	now->pids.max -= start->pids.max;
}

/* Before the cgroup goes: what it counted is gone with it. */
static void record_end(struct session *session)
{
	struct session_record *record = session->record;

	if (session->watch) {
		int r = watch_read(session->watch);

		(void)r; /* -ENODEV: the last counters stand */
		record->counters = watch_state(session->watch)->payload;
		counters_difference(&record->counters, &session->counters_start);
	}
	sampling_peaks(session);
	victims_finish(session);
	noisy_tell(session);
	record->stop_reason = session->supervisor.stop_reason;
	record->stop_signal = session->supervisor.stop_signal;
	record->duration_usec = session_now_usec() - session->started_usec;
}

static void session_finish(struct session *session)
{
	struct diag diag = DIAG_INIT;

	if (session->child.handshake_fd >= 0)
		spawn_abandon(&session->child);
	keeper_dismiss(&session->keeper);
	session->watch = watch_free(session->watch);
	tidy_end(session);
	tell_status_finish(session);
	/* What could not be removed now is found by the next start: the entry stays. */
	if (backend_leave(session->backend, &session->cgroup, &diag) >= 0)
		registry_leave(&session->registry);
	notify_finish(session);
	session->tree = tree_free(session->tree);
	session->kernel_log = kernel_log_free(session->kernel_log);
	adjust_finish(session);
	relimit_finish(session);
	session->deadline_timer = sd_event_source_unref(session->deadline_timer);
	session->psi = psi_free(session->psi);
	slice_act_finish(session);
	newcomers_finish(session);
	session->look_timer = sd_event_source_unref(session->look_timer);
	session->pressure_timer = sd_event_source_unref(session->pressure_timer);
	session->settle_timer = sd_event_source_unref(session->settle_timer);
	session->stopped_timer = sd_event_source_unref(session->stopped_timer);
	session->victims.timer = sd_event_source_unref(session->victims.timer);
	session->event = sd_event_unref(session->event);
	session_cgroup_finish(&session->cgroup);
	child_finish(&session->child);
	cleanup_close(&session->registry.fd);
	free(session->registry.path);
	free(session->snapshot_store);
	cleanup_close(&session->proc_fd);
	cleanup_close(&session->kill_fd);
	terminal_finish(&session->terminal);
}

static void restore_terminal(struct session *session)
{
	bool hard = session->record->agent_ended && WIFSIGNALED(session->record->wait_status);

	session->record->terminal_was_reset =
		terminal_restore(&session->terminal, hard) == TERMINAL_RESTORED;
}

/* Keys that were pressed before the command was a process: only we have them. The stub has them
 * blocked, so that one it has as well is still one. */
static void pass_on_keys(const struct session *session)
{
	static const int keys[] = { SIGINT, SIGQUIT, SIGTSTP };
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (sigismember(&pending, keys[i]) == 1)
			(void)kill(session->child.pid, keys[i]);
}

static int session_go(struct session *session, const struct session_request *request,
		      int *ret_errno, struct diag *diag)
{
	bool is_exec = false;
	int r;

	r = session_prepare(session, request, diag);
	if (r != 0)
		return r;
	record_start(session);
	tell_status_start(session);
	r = supervise_attach(session);
	if (r >= 0)
		r = notify_start(session);
	if (r < 0)
		return diag_set(diag, r, "cannot set up the event loop: %s", strerror(-r));
	pass_on_keys(session);
	r = spawn_release(&session->child, &is_exec, diag);
	if (r < 0) {
		*ret_errno = -r;
		return is_exec ? SESSION_NOT_EXECUTED : r;
	}
	if (request->detached)
		request->detached->started(request->detached->userdata);
	session_observe_started(session);
	r = supervise_loop(session);
	if (r < 0) {
		/* A loop that fails must not leave the tree without anybody to end it. */
		const struct supervisor_answer end = { .actions = SUPERVISOR_KILL_ALL };

		actions_carry_out(session, &end);
	}
	record_end(session);
	restore_terminal(session);
	if (r < 0)
		return diag_set(diag, r, "the event loop failed: %s", strerror(-r));
	return SESSION_ENDED;
}

int session_run(const struct session_request *request, struct session_record *record,
		int *ret_errno, struct diag *diag)
{
	struct session session = {
		.plan = request->plan,
		.host = request->host,
		.backend = request->backend,
		.restart = request->restart,
		.record = record,
		.cgroup = SESSION_CGROUP_INIT,
		.registry = REGISTRY_ENTRY_INIT,
		.tmp = SESSION_TMP_INIT,
		.status.file = STATUS_FILE_INIT,
		.slice.lock_fd = -1,
		.terminal = TERMINAL_INIT,
		.keeper = KEEPER_INIT,
		.child = CHILD_INIT,
		.proc_fd = -1,
		.kill_fd = -1,
	};
	int r;

	supervisor_init(&session.supervisor, request->plan->grace_usec, request->plan->stop_signal);
	r = session_go(&session, request, ret_errno, diag);
	session_finish(&session);
	if (r == SESSION_ENDED)
		session_observe_ended(&session);
	session.history = history_free(session.history);
	return r;
}
