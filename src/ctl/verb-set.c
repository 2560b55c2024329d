/* SPDX-License-Identifier: MIT */

/*
 * oc-ctl set: other limits for a session that runs. A limit that is lowered below what is in use
 * would kill (memory.max) or hold the session up (the others): so that is looked at first, and what
 * the kernel can give back is asked for in steps before memory.max comes down. The limits themselves
 * are set by the session's oc-run (limit-request.h), which goes by them.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "oc-run/limit-request.h"
#include "oc-run/registry.h"
#include "steer.h"

#define RECLAIM_STEP (32 * MEBIBYTE)
#define RECLAIM_STEPS_MAX 2048
#define ANSWER_USEC (15 * USEC_PER_SEC)
/* Between what is in use and the limit there has to be a little, or the next page is the last. */
#define ROOM_PARTS 20

static int parse_limits(struct ctl *ctl, struct limit_request *request, struct diag *diag)
{
	bool any = false;

	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = limit_row((enum limit_id)i);
		const char *text = ctl->options[CTL_LIMIT + i];
		int r;

		if (!text)
			continue;
		any = request->is_set[i] = true;
		r = limit_parse(row, text, ctl->host.ram_bytes, &request->values[i], diag);
		if (r < 0)
			return diag_prefix(diag, r, "--%s \"%.100s\"", row->key, text);
	}
	if (!any)
		return diag_set(diag, -EINVAL,
				"which limit? For example: oc-ctl set %.100s --mem 6G",
				ctl->words[0]);
	return 0;
}

static bool is_lowered(const struct ctl_view *view, const struct limit_request *request,
		       enum limit_id id)
{
	return request->is_set[id] && request->values[id] < view->limits[id].value;
}

static uint64_t current_bytes(const struct ctl_view *view)
{
	char text[64];
	uint64_t bytes;

	if (cgroup_read(&view->payload, "memory.current", text, sizeof(text)) < 0 ||
	    cgroup_parse_number(text, &bytes) < 0)
		return 0;
	return bytes;
}

/* Asks the kernel for what it can give back, until @wanted or until nothing more comes. */
static void reclaim_to(const struct ctl_view *view, uint64_t wanted)
{
	for (int i = 0; i < RECLAIM_STEPS_MAX; i++) {
		uint64_t now = current_bytes(view), step;
		char text[32];

		if (now <= wanted)
			return;
		step = now - wanted < RECLAIM_STEP ? now - wanted : RECLAIM_STEP;
		(void)snprintf(text, sizeof(text), "%" PRIu64, step);
		/* EAGAIN: less than that could be had. ENOENT: a kernel before 5.19. */
		if (cgroup_write(&view->payload, "memory.reclaim", text) < 0 &&
		    current_bytes(view) + MEBIBYTE > now)
			return;
	}
}

static int complain(struct diag *diag, const char *key, const char *uses, const char *wanted,
		    const char *what)
{
	return diag_set(diag, -EBUSY,
			"uses %s now%s, so --%s %s would hurt it: end something in it first "
			"(`oc-ctl show` names the largest)",
			uses, what, key, wanted);
}

static int check_memory(const struct ctl_view *view, const struct limit_request *request,
			struct diag *diag)
{
	uint64_t wanted = request->values[LIMIT_MEMORY_MAX], used = view->figures.current_bytes;
	char uses[FORMAT_TEXT_MAX], limit[FORMAT_TEXT_MAX];

	if (!is_lowered(view, request, LIMIT_MEMORY_MAX) || !view->has_figures)
		return 0;
	wanted -= wanted / ROOM_PARTS;
	if (view->figures.counted) {
		/* Not even tried where it can't do. */
		used = view->figures.unreclaimable_bytes;
		if (used <= wanted + view->figures.swap_bytes)
			reclaim_to(view, wanted);
		used = current_bytes(view);
	}
	if (used <= wanted)
		return 0;
	format_bytes(used, uses);
	format_bytes(request->values[LIMIT_MEMORY_MAX], limit);
	return complain(diag, "mem", uses, limit,
			view->figures.counted ? " that it can't give back" : "");
}

static int check_others(const struct ctl_view *view, const struct limit_request *request,
			struct diag *diag)
{
	const struct {
		enum limit_id id;
		uint64_t used;
	} rows[] = {
		{ LIMIT_PIDS_MAX, view->figures.tasks },
		{ LIMIT_MEMORY_SWAP_MAX, view->figures.swap_bytes },
		{ LIMIT_MEMORY_HIGH, view->figures.unreclaimable_bytes },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct limit_row *row = limit_row(rows[i].id);
		char uses[LIMIT_TEXT_MAX], limit[LIMIT_TEXT_MAX];

		if (!is_lowered(view, request, rows[i].id) ||
		    rows[i].used <= request->values[rows[i].id])
			continue;
		limit_format_human(row, rows[i].used, uses);
		limit_format_human(row, request->values[rows[i].id], limit);
		return complain(diag, row->key, uses, limit, "");
	}
	return 0;
}

static int check_session(const struct ctl_view *view, const struct limit_request *request,
			 struct diag *diag)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		if (request->is_set[i] && view->limits[i].enforcer == ENFORCER_NONE)
			return diag_set(
				diag, -EOPNOTSUPP,
				"nobody enforces --%s in this session, so it can't be changed",
				limit_row((enum limit_id)i)->key);
	switch (view->state) {
	case CTL_STATE_RUNNING:
	case CTL_STATE_FROZEN:
		return 0;
	case CTL_STATE_STOPPED:
		if (!ctl_supervisor_is_stopped(view->session))
			return 0;
		return diag_set(diag, -EBUSY,
				"its oc-run is stopped and can't change limits; continue it first "
				"(fg, or `oc-ctl thaw`)");
	case CTL_STATE_STARTING:
	case CTL_STATE_ENDING:
	case CTL_STATE_ORPHANED:
		break;
	}
	return diag_set(diag, -ESRCH, "is %s", ctl_state_name(view->state));
}

static int write_request(const char *path, const char *text)
{
	_cleanup_free_ char *hidden = NULL;
	_cleanup_close_ int fd = -1;
	size_t length = strlen(text);

	if (asprintf(&hidden, "%s~", path) < 0) {
		hidden = NULL;
		return -ENOMEM;
	}
	(void)unlink(hidden);
	fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, length) == (ssize_t)length && rename(hidden, path) == 0)
		return 0;
	(void)unlink(hidden);
	return -EIO;
}

static int wait_for_answer(const struct registry_session *session, const char *token,
			   struct diag *diag)
{
	uint64_t deadline_usec = ctl_now_usec() + ANSWER_USEC;

	do {
		struct registry_session now = { 0 };
		bool answered;
		int r = registry_session_read(session, &now);

		if (r < 0)
			return diag_set(diag, r, "ended meanwhile");
		answered = now.answered && strcmp(now.answered, token) == 0;
		if (answered && now.refusal)
			r = diag_set(diag, -EIO, "%s", now.refusal);
		registry_session_finish(&now);
		if (answered)
			return r;
		ctl_rest();
	} while (ctl_now_usec() < deadline_usec);
	return diag_set(
		diag, -ETIMEDOUT,
		"its oc-run does not answer (no inotify instance left for it, or it is of an "
		"older version); nothing was changed");
}

static int ask(const struct registry_session *session, struct limit_request *request,
	       struct diag *diag)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	uint64_t number;
	int r;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return diag_set(diag, -EIO, "cannot make a token");
	(void)snprintf(request->token, sizeof(request->token), "%016" PRIx64, number);
	text = limit_request_format(request);
	if (asprintf(&path, "%s" REGISTRY_REQUEST_ENDING, session->entry_path) < 0)
		path = NULL;
	if (!text || !path)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = write_request(path, text);
	/* Wakes its oc-run. */
	if (r >= 0 && utimensat(AT_FDCWD, session->entry_path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r < 0)
		r = diag_set(diag, r, "cannot write \"%s\": %s", path, strerror(-r));
	else
		r = wait_for_answer(session, request->token, diag);
	/* Taken, if it was answered. */
	(void)unlink(path);
	return r;
}

static void tell(const struct ctl_view *view, const struct limit_request *request)
{
	char label[CTL_LABEL_MAX];

	ctl_label(view->session, label);
	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = limit_row((enum limit_id)i);
		char before[LIMIT_TEXT_MAX], now[LIMIT_TEXT_MAX];

		if (!request->is_set[i])
			continue;
		limit_format_human(row, view->limits[i].value, before);
		limit_format_human(row, request->values[i], now);
		ctl_tell("%s: --%s %s (was %s)", label, row->key, now, before);
	}
}

static int set_one(struct ctl *ctl, struct ctl_view *view, struct diag *diag)
{
	struct limit_request request = { 0 };
	int r = parse_limits(ctl, &request, diag);

	if (r >= 0)
		r = check_session(view, &request, diag);
	if (r >= 0)
		r = check_others(view, &request, diag);
	if (r >= 0)
		r = check_memory(view, &request, diag);
	if (r >= 0)
		r = ask(view->session, &request, diag);
	if (r >= 0)
		tell(view, &request);
	return r;
}

int ctl_set(struct ctl *ctl)
{
	struct limit_request request = { 0 };
	struct diag diag = DIAG_INIT;

	/* A mistake in a value is one of the command line. */
	if (ctl_load_sessions(ctl, &diag) < 0)
		return ctl_fail(&diag);
	if (parse_limits(ctl, &request, &diag) < 0)
		return ctl_usage(&diag);
	return ctl_steer_each(ctl, CTL_LOOK_FIGURES, set_one);
}
