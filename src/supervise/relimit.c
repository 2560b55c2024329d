/* SPDX-License-Identifier: MIT */

/*
 * The files that hold the session's limits belong to the user, like the session: any of its processes
 * can write them. Whoever writes wakes us (inotify; the kernel tells of our own writes too); then the
 * files are read, and what is not as it should be was somebody else: told, and put back.
 *
 * A while passes between the two (SETTLE_USEC), for systemd writes all files of a scope when one
 * changes, and it does so after it has answered: so it is longer after a change of our own
 * (RESTORE_USEC). It is also what bounds a fight with somebody who writes without end: inotify is
 * switched off until the look, so there is one wake-up in so long, and one line in TELL_USEC.
 */

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "oc-run/cgroup.h"
#include "session-internal.h"

#define SETTLE_USEC (200 * UINT64_C(1000))
#define RESTORE_USEC (1000 * UINT64_C(1000))
#define TELL_USEC (60 * UINT64_C(1000000))
#define LIMIT_FILE_TEXT_MAX 512

static const struct cgroup *cgroup_of(const struct session *session, enum relimit_place place)
{
	return place == RELIMIT_SCOPE ? &session->cgroup.scope : &session->cgroup.payload;
}

/* What the file has to say; false: nobody cares. */
static bool wanted(const struct session *session, enum relimit_place place, enum limit_id id,
		   uint64_t *ret)
{
	if (!(session->cgroup.enforced & 1U << id))
		return false;
	if (place == RELIMIT_SCOPE)
		return backend_scope_value(session->plan, id, ret);
	*ret = session->plan->limits[id].value;
	/* These two move: see pressure-act.c. */
	if (id == LIMIT_MEMORY_HIGH)
		*ret = pressure_high(&session->pressure);
	if (id == LIMIT_MEMORY_SWAP_MAX && session->pressure.swap_held_bytes > 0)
		*ret = session->pressure.swap_held_bytes;
	return true;
}

static bool read_value(const struct session *session, enum relimit_place place, enum limit_id id,
		       uint64_t *ret)
{
	const struct limit_row *row = limit_row(id);
	char text[LIMIT_FILE_TEXT_MAX];

	return cgroup_read(cgroup_of(session, place), row->cgroup_file, text, sizeof(text)) >= 0 &&
	       limit_parse_cgroup(row, text, ret) >= 0;
}

static bool is_as_wanted(const struct session *session, enum relimit_place place, enum limit_id id,
			 uint64_t *ret_wanted, uint64_t *ret_found)
{
	return !wanted(session, place, id, ret_wanted) ||
	       !read_value(session, place, id, ret_found) ||
	       limit_matches(limit_row(id), *ret_wanted, *ret_found, session->host->page_bytes);
}

struct finding {
	enum relimit_place place;
	enum limit_id id;
	uint64_t should_be, found;
};

static void tell(struct session *session, const struct finding *finding, const char *end)
{
	struct relimit_file *file = &session->relimit.files[finding->place][finding->id];
	const struct limit_row *row = limit_row(finding->id);
	uint64_t now_usec = session_now_usec();
	char is[LIMIT_TEXT_MAX], was[LIMIT_TEXT_MAX];
	struct record_event *event;

	if (file->told_usec != 0 && now_usec - file->told_usec < TELL_USEC)
		return;
	file->told_usec = now_usec;
	event = session_note(session, RECORD_LIMIT_CHANGED, finding->found);
	if (!event)
		return;
	limit_format_human(row, finding->should_be, was);
	limit_format_human(row, finding->found, is);
	(void)snprintf(event->detail, sizeof(event->detail), "%s of its %s from %.20s to %.20s; %s",
		       row->cgroup_file, finding->place == RELIMIT_SCOPE ? "scope" : "cgroup", was,
		       is, end);
	session_tell(session, event);
}

/* With --allow-relimit: the payload's limits are the plan's from now on. Those of the scope were made
 * for the old plan, and are nobody's change. */
static void let(struct session *session, const struct finding *finding)
{
	struct relimit_file *files[RELIMIT_PLACES] = {
		&session->relimit.files[RELIMIT_PAYLOAD][finding->id],
		&session->relimit.files[RELIMIT_SCOPE][finding->id],
	};

	files[finding->place]->is_let = true;
	files[finding->place]->let = finding->found;
	if (finding->place != RELIMIT_PAYLOAD)
		return;
	adjust_take(session, finding->id, finding->found);
	if (files[RELIMIT_SCOPE]->is_watched)
		files[RELIMIT_SCOPE]->is_let =
			read_value(session, RELIMIT_SCOPE, finding->id, &files[RELIMIT_SCOPE]->let);
}

static bool find(struct session *session, struct finding *finding)
{
	const struct relimit_file *file = &session->relimit.files[finding->place][finding->id];

	return file->is_watched &&
	       !is_as_wanted(session, finding->place, finding->id, &finding->should_be,
			     &finding->found) &&
	       !(file->is_let && file->let == finding->found);
}

static void act(struct session *session, const struct finding *finding)
{
	int r;

	if (session->plan->allow_relimit) {
		tell(session, finding, "it stays");
		let(session, finding);
		return;
	}
	r = backend_restore_limit(session->backend, &session->cgroup, session->plan, finding->id,
				  finding->place == RELIMIT_SCOPE, finding->should_be);
	session->relimit.restored_usec = session_now_usec();
	tell(session, finding, r < 0 ? "it can't be put back" : "put back");
}

/* Emptied before the files are read: what is written from here on makes a new event. */
static void listen_again(const struct relimit *relimit)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t length;

	do
		length = read(sd_event_source_get_io_fd(relimit->source), events, sizeof(events));
	while (length == (ssize_t)sizeof(events));
	(void)sd_event_source_set_enabled(relimit->source, SD_EVENT_ONESHOT);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	(void)usec;
	session->relimit.is_due = false;
	listen_again(&session->relimit);
	relimit_look(session);
	return 0;
}

static int on_written(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct session *session = userdata;
	struct relimit *relimit = &session->relimit;
	uint64_t now_usec = session_now_usec(), since = now_usec - relimit->restored_usec;

	(void)source;
	(void)fd;
	(void)revents;
	relimit->is_due = true;
	return session_arm(session, &relimit->timer,
			   relimit->restored_usec != 0 && since < RESTORE_USEC ? RESTORE_USEC
									       : SETTLE_USEC,
			   on_due);
}

void relimit_is_ours(struct session *session, enum limit_id id)
{
	struct relimit *relimit = &session->relimit;

	for (int place = 0; place < RELIMIT_PLACES; place++)
		relimit->files[place][id].is_let = false;
	relimit->restored_usec = session_now_usec();
	/* A look that is due already would come before systemd has written. */
	if (relimit->is_due)
		(void)!session_arm(session, &relimit->timer, RESTORE_USEC, on_due);
}

/* All are found before the first is put back: systemd writes all files of a scope for one of them. */
void relimit_look(struct session *session)
{
	struct finding findings[RELIMIT_PLACES * LIMIT_COUNT];
	size_t count = 0;

	if (session->supervisor.state != SUPERVISOR_RUNNING)
		return;
	for (int place = 0; place < RELIMIT_PLACES; place++) {
		for (int id = 0; id < LIMIT_COUNT; id++) {
			findings[count].place = (enum relimit_place)place;
			findings[count].id = (enum limit_id)id;
			if (find(session, &findings[count]))
				count++;
		}
	}
	for (size_t i = 0; i < count; i++)
		act(session, &findings[i]);
}

/* An older systemd may have refused a property of the scope: what is not as the plan says at the
 * start is not watched. */
static int watch_file(struct session *session, int inotify_fd, enum relimit_place place,
		      enum limit_id id)
{
	const struct cgroup *cgroup = cgroup_of(session, place);
	struct relimit_file *file = &session->relimit.files[place][id];
	uint64_t should_be, found;
	char path[64];

	if (cgroup->dirfd < 0 || !wanted(session, place, id, &should_be) ||
	    !read_value(session, place, id, &found) ||
	    !limit_matches(limit_row(id), should_be, found, session->host->page_bytes))
		return 0;
	file->is_watched = true;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", cgroup->dirfd,
		       limit_row(id)->cgroup_file);
	return inotify_add_watch(inotify_fd, path, IN_MODIFY) < 0 ? -errno : 0;
}

/* Not sd-event's own inotify: a source of that wakes the loop even while it is off. */
static int listen_first(struct session *session, int *inotify_fd)
{
	sd_event_source *source = NULL;
	int r = sd_event_add_io(session->event, &source, *inotify_fd, EPOLLIN, on_written, session);

	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(source, true);
	if (r < 0) {
		sd_event_source_disable_unref(source);
		return r;
	}
	(void)take_fd(inotify_fd);
	(void)sd_event_source_set_description(source, "relimit");
	session->relimit.source = source;
	return 0;
}

void relimit_start(struct session *session)
{
	_cleanup_close_ int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct relimit *relimit = &session->relimit;

	relimit->is_blind = fd < 0;
	for (int place = 0; place < RELIMIT_PLACES; place++)
		for (int id = 0; id < LIMIT_COUNT; id++)
			if (watch_file(session, fd, (enum relimit_place)place, (enum limit_id)id) <
			    0)
				relimit->is_blind = true;
	if (fd >= 0 && listen_first(session, &fd) < 0)
		relimit->is_blind = true;
}

void relimit_finish(struct session *session)
{
	session->relimit.source = sd_event_source_disable_unref(session->relimit.source);
	session->relimit.timer = sd_event_source_unref(session->relimit.timer);
}
