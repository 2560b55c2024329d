/* SPDX-License-Identifier: MIT */

/*
 * Limits that are changed from outside while the session runs (limit-request.h). Whoever asks has
 * looked whether what is in use fits; here they are set, wherever they stand: in the plan, which
 * everything that judges goes by; in the kernel, on payload/ and the scope; in the entry, which is the
 * answer. The request is of the same user, who could change the files of the cgroup as well.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "oc-run/limit-request.h"
#include "session-internal.h"

#define WHERE "oc-ctl set"

/* 0: there is none. */
static ssize_t take_request(const struct session *session, char *text, size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct stat status;
	ssize_t length;

	if (asprintf(&path, "%s" REGISTRY_REQUEST_ENDING, session->registry.path) < 0) {
		path = NULL;
		return 0;
	}
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid())
		return 0;
	length = read(fd, text, size - 1);
	(void)unlink(path);
	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? length : 0;
}

static void put_limit(struct plan_limit *limit, uint64_t value, const char *by)
{
	char *where = strdup(by);

	limit->value = value;
	limit->asked = true;
	/* A wrong origin is no reason to refuse. */
	if (!where)
		return;
	free(limit->where);
	limit->where = where;
}

static int change_limit(struct session *session, enum limit_id id, uint64_t value,
			struct diag *diag)
{
	struct plan_limit *limit = &session->plan->limits[id];
	const char *key = limit_row(id)->key;
	uint64_t was = limit->value;
	int r = 0;

	if (limit->enforcer == ENFORCER_NONE ||
	    (limit->enforcer == ENFORCER_KERNEL && !(session->cgroup.enforced & (1U << id))))
		return diag_set(diag, -EOPNOTSUPP,
				"nobody enforces --%s in this session, so it can't be changed",
				key);
	limit->value = value;
	if (limit->enforcer == ENFORCER_KERNEL)
		r = backend_change_limit(session->backend, &session->cgroup, session->plan, id, was,
					 diag);
	limit->value = was;
	if (r < 0)
		return r;
	put_limit(limit, value, WHERE);
	relimit_is_ours(session, id);
	return 0;
}

/* The line that nobody asked for moves with the limit. */
static void move_high(struct session *session)
{
	struct plan *plan = session->plan;
	struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];
	uint64_t max = plan->limits[LIMIT_MEMORY_MAX].value;

	if (high->asked || plan->high_step_count == 0)
		return;
	high->value = max == LIMIT_UNLIMITED ? LIMIT_UNLIMITED
					     : max / 100 * plan->high_steps[0] / 4096 * 4096;
}

/* Whatever of it could be done is done: the entry says how the limits stand. */
static int carry_out(struct session *session, const struct limit_request *request,
		     struct diag *diag)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < LIMIT_COUNT; i++)
		if (request->is_set[i])
			r = change_limit(session, (enum limit_id)i, request->values[i], diag);
	if (request->is_set[LIMIT_MEMORY_MAX])
		move_high(session);
	sampling_watch_limits(session);
	pressure_act_change(session);
	return r;
}

void adjust_take(struct session *session, enum limit_id id, uint64_t value)
{
	put_limit(&session->plan->limits[id], value, "changed by somebody else");
	if (id == LIMIT_MEMORY_MAX)
		move_high(session);
	sampling_watch_limits(session);
	pressure_act_change(session);
	(void)!registry_update(&session->registry, session->plan, session->cgroup.scope.path,
			       session->child.pid);
	tell_status_start(session);
}

static void answer(struct session *session, const struct limit_request *request, int result,
		   const struct diag *diag)
{
	struct registry_entry *entry = &session->registry;

	(void)snprintf(entry->answered, sizeof(entry->answered), "%s", request->token);
	(void)snprintf(entry->refusal, sizeof(entry->refusal), "%.255s",
		       result < 0 ? diag->text : "");
	(void)!registry_update(entry, session->plan, session->cgroup.scope.path,
			       session->child.pid);
}

static int on_touched(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct session *session = userdata;
	struct limit_request request = { 0 };
	struct diag diag = DIAG_INIT;
	char text[LIMIT_REQUEST_TEXT_MAX];
	int r;

	(void)source;
	(void)event;
	if (take_request(session, text, sizeof(text)) == 0)
		return 0;
	r = limit_request_parse(text, &request, &diag);
	if (r >= 0 && session->supervisor.state != SUPERVISOR_RUNNING)
		r = diag_set(&diag, -ESRCH, "the session is being ended");
	if (r >= 0)
		r = carry_out(session, &request, &diag);
	answer(session, &request, r, &diag);
	/* Those in the session read there what their limits are. */
	tell_status_start(session);
	return 0;
}

void adjust_start(struct session *session)
{
	/* No instance left, or no entry: then nobody can ask. */
	if (session->registry.fd >= 0 && session->registry.path)
		(void)!sd_event_add_inotify(session->event, &session->adjust_source,
					    session->registry.path, IN_ATTRIB, on_touched, session);
}

void adjust_finish(struct session *session)
{
	session->adjust_source = sd_event_source_unref(session->adjust_source);
}
