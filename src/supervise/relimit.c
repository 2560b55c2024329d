/* SPDX-License-Identifier: MIT */

/*
 * The files that hold the session's limits belong to the user, like the session: any of its processes
 * can write them. Whoever writes wakes us (inotify; the kernel tells of our own writes too); then the
 * files are read, and what is not as it should be was somebody else: told, and put back.
 *
 * A while passes between the two (SETTLE_USEC), for systemd writes all files of a scope when one
 * changes, and oc-ctl's change is ours only once it is made. It is also what bounds a fight with
 * somebody who writes without end: one look in so long, and one line in TELL_USEC.
 */

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

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

/* With --allow-relimit: the payload's limits are the plan's from now on. */
static void let(struct session *session, const struct finding *finding)
{
	struct relimit_file *file = &session->relimit.files[finding->place][finding->id];

	file->is_let = true;
	file->let = finding->found;
	if (finding->place == RELIMIT_PAYLOAD)
		adjust_take(session, finding->id, finding->found);
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

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct session *session = userdata;

	(void)source;
	(void)usec;
	session->relimit.is_due = false;
	relimit_look(session);
	return 0;
}

static int on_written(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct session *session = userdata;
	struct relimit *relimit = &session->relimit;
	uint64_t now_usec = session_now_usec(), since = now_usec - relimit->restored_usec;

	(void)source;
	(void)event;
	if (relimit->is_due)
		return 0;
	relimit->is_due = true;
	return session_arm(session, &relimit->timer,
			   relimit->restored_usec != 0 && since < RESTORE_USEC ? RESTORE_USEC
									       : SETTLE_USEC,
			   on_due);
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
static int watch_file(struct session *session, enum relimit_place place, enum limit_id id)
{
	const struct cgroup *cgroup = cgroup_of(session, place);
	struct relimit_file *file = &session->relimit.files[place][id];
	uint64_t should_be, found;
	char path[64];
	int r;

	if (cgroup->dirfd < 0 || !wanted(session, place, id, &should_be) ||
	    !read_value(session, place, id, &found) ||
	    !limit_matches(limit_row(id), should_be, found, session->host->page_bytes))
		return 0;
	file->is_watched = true;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", cgroup->dirfd,
		       limit_row(id)->cgroup_file);
	r = sd_event_add_inotify(session->event, &file->source, path, IN_MODIFY, on_written,
				 session);
	return r < 0 ? r : 0;
}

void relimit_start(struct session *session)
{
	for (int place = 0; place < RELIMIT_PLACES; place++)
		for (int id = 0; id < LIMIT_COUNT; id++)
			if (watch_file(session, (enum relimit_place)place, (enum limit_id)id) < 0)
				session->relimit.is_blind = true;
}

void relimit_finish(struct session *session)
{
	for (int place = 0; place < RELIMIT_PLACES; place++)
		for (int id = 0; id < LIMIT_COUNT; id++)
			session->relimit.files[place][id].source =
				sd_event_source_unref(session->relimit.files[place][id].source);
	session->relimit.timer = sd_event_source_unref(session->relimit.timer);
}
