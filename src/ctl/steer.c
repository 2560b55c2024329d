/* SPDX-License-Identifier: MIT */

/* Signals, the freezer, and waiting: what stop, kill, freeze and thaw are made of. */

#include "steer.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include "oc-run/process-scan.h"

#define STEP_MSEC 20
#define FREEZE_USEC (3 * USEC_PER_SEC)
#define TIMEOUT_USEC (30 * USEC_PER_SEC)

uint64_t ctl_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

void ctl_rest(void)
{
	const struct timespec step = { .tv_nsec = STEP_MSEC * 1000000L };

	(void)nanosleep(&step, NULL);
}

bool ctl_supervisor_is_stopped(const struct registry_session *session)
{
	char state;

	return ctl_process_lives(&session->supervisor, &state) && state == 'T';
}

int ctl_signal_supervisor(const struct registry_session *session, int signal_number)
{
	_cleanup_close_ int pidfd = -1;
	char state = 0;

	if (!session->same_boot || session->supervisor.pid <= 0)
		return -ESRCH;
	/* From here on the descriptor is one process; the start time says whether it is the right one. */
	pidfd = pidfd_open(session->supervisor.pid, 0);
	if (pidfd < 0)
		return -errno;
	if (!ctl_process_lives(&session->supervisor, &state))
		return -ESRCH;
	if (pidfd_send_signal(pidfd, signal_number, NULL, 0) < 0)
		return -errno;
	if (state == 'T' && signal_number != SIGCONT)
		(void)pidfd_send_signal(pidfd, SIGCONT, NULL, 0);
	return 0;
}

static bool is_stopped(const struct tree_process *process, void *userdata)
{
	(void)userdata;
	return process->state == 'T';
}

static int freeze_by_signals(struct ctl_view *view, bool frozen)
{
	bool contained = view->payload.dirfd >= 0;

	if (!view->tree)
		return contained ? 0 : -ESRCH;
	if (frozen)
		return tree_signal(view->tree, contained ? TREE_SIGNAL_OUTSIDE : TREE_SIGNAL_ALL,
				   SIGSTOP);
	if (contained)
		return tree_signal(view->tree, TREE_SIGNAL_OUTSIDE, SIGCONT);
	return tree_signal_chosen(view->tree, is_stopped, NULL, SIGCONT);
}

static int freeze_cgroup(const struct ctl_view *view, bool frozen)
{
	uint64_t deadline_usec = ctl_now_usec() + FREEZE_USEC;
	int r = cgroup_write(&view->payload, "cgroup.freeze", frozen ? "1" : "0");

	while (r >= 0) {
		struct cgroup_events events;
		char text[512];

		r = cgroup_read(&view->payload, "cgroup.events", text, sizeof(text));
		if (r >= 0)
			r = cgroup_parse_events(text, &events);
		/* Nobody in it can be frozen, and nobody need be. */
		if (r < 0 || events.frozen == frozen || !events.populated)
			return r;
		if (ctl_now_usec() >= deadline_usec)
			return -ETIMEDOUT;
		ctl_rest();
	}
	return r;
}

int ctl_set_frozen(struct ctl_view *view, bool frozen)
{
	int r = view->payload.dirfd >= 0 ? freeze_cgroup(view, frozen) : 0;
	int signalled = freeze_by_signals(view, frozen);

	return r < 0 ? r : signalled < 0 ? signalled : 0;
}

bool ctl_wait_gone(const struct registry_session *session, uint64_t deadline_usec)
{
	while (registry_session_is_held(session)) {
		if (ctl_now_usec() >= deadline_usec)
			return false;
		ctl_rest();
	}
	return true;
}

bool ctl_is_inside(const struct host *host, const struct registry_session *session)
{
	const char *tag = getenv(PROCESS_TAG);
	size_t length = session->cgroup ? strlen(session->cgroup) : 0;

	if (tag && strcmp(tag, session->id) == 0)
		return true;
	return length > 0 && host->own_cgroup &&
	       strncmp(host->own_cgroup, session->cgroup, length) == 0 &&
	       (host->own_cgroup[length] == '/' || host->own_cgroup[length] == '\0');
}

int ctl_timeout(const struct ctl *ctl, uint64_t *ret_usec, struct diag *diag)
{
	*ret_usec = TIMEOUT_USEC;
	if (!ctl->options[CTL_TIMEOUT])
		return 0;
	if (parse_duration(ctl->options[CTL_TIMEOUT], ret_usec, diag) < 0)
		return diag_prefix(diag, -EINVAL, "--timeout \"%.100s\"",
				   ctl->options[CTL_TIMEOUT]);
	return 0;
}

int ctl_steer_one(struct ctl *ctl, const struct registry_session *session, enum ctl_depth depth,
		  ctl_steer_fn steer)
{
	struct diag diag = DIAG_INIT;
	char label[CTL_LABEL_MAX];
	struct ctl_view view;
	int r = ctl_view_open(&ctl->host, session, depth, &view);

	ctl_label(session, label);
	if (r < 0) {
		ctl_say("%s: cannot be looked at: %s", label, strerror(-r));
		return r;
	}
	if (view.state == CTL_STATE_ORPHANED)
		r = diag_set(&diag, -ESRCH,
			     "its oc-run was killed; `oc-ctl sweep --yes` ends what is left");
	else
		r = steer(ctl, &view, &diag);
	if (r < 0 && diag.text[0])
		ctl_say("%s: %s", label, diag.text);
	ctl_view_finish(&view);
	return r;
}

int ctl_steer_begin(struct ctl *ctl, const struct registry_session ***ret, size_t *ret_count,
		    struct diag *diag)
{
	int r = ctl_load_sessions(ctl, diag);

	if (r >= 0)
		r = ctl_chosen_sessions(ctl, ret, ret_count, diag);
	if (r >= 0 && *ret_count == 0)
		ctl_say("no session runs");
	return r;
}

int ctl_steer_each(struct ctl *ctl, enum ctl_depth depth, ctl_steer_fn steer)
{
	_cleanup_free_ const struct registry_session **chosen = NULL;
	struct diag diag = DIAG_INIT;
	int status = CTL_OK;
	size_t count;

	if (ctl_steer_begin(ctl, &chosen, &count, &diag) < 0)
		return ctl_fail(&diag);
	for (size_t i = 0; i < count; i++)
		if (ctl_steer_one(ctl, chosen[i], depth, steer) < 0)
			status = CTL_FAILED;
	return status;
}
