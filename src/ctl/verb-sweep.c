/* SPDX-License-Identifier: MIT */

/* oc-ctl sweep: what sessions left whose oc-run and keeper were both killed, and what opencode leaves
 * where it runs without oc-run. Shows it; with --yes it is
 * ended and removed, by the same sweep that every start of oc-run makes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oc-run/registry.h"
#include "oc-run/session-tmp.h"
#include "oc-run/stray-libraries.h"
#include "steer.h"

static void print_processes(const struct ctl_view *view)
{
	const struct tree_sample *sample = ctl_view_sample(view);
	char size[FORMAT_TEXT_MAX];

	if (!view->session->same_boot) {
		ctl_tell("  from before the last boot: files only");
		return;
	}
	if (!sample || sample->alive == 0)
		ctl_tell("  no process");
	for (size_t i = 0; sample && i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		ctl_format_size(process->resident_bytes + process->swap_bytes, size);
		ctl_tell("  process %d, %s, %s", (int)process->pid, process->name, size);
	}
}

static int show_one(struct ctl *ctl, const struct registry_session *session, struct diag *diag)
{
	char label[CTL_LABEL_MAX], age[FORMAT_TEXT_MAX];
	struct ctl_view view;
	int r = ctl_view_open(&ctl->host, session, CTL_LOOK_TREE, &view);

	if (r < 0)
		return diag_set(diag, r, "cannot look at session %s: %s", session->id,
				strerror(-r));
	ctl_label(session, label);
	ctl_format_age(view.age_usec, age);
	ctl_tell("%s, begun %s ago%s:", label, age,
		 ctl_is_inside(&ctl->host, session)
			 ? "; oc-ctl runs in it: it can only be removed from outside"
			 : "");
	print_processes(&view);
	if (view.scope.dirfd >= 0)
		ctl_tell("  cgroup %s", session->cgroup);
	if (session->tmp && access(session->tmp, F_OK) == 0)
		ctl_tell("  temporary files in %s", session->tmp);
	ctl_view_finish(&view);
	return 0;
}

struct strays {
	const struct ctl *ctl;
	size_t count;
};

/* A folder of one that is shown already is no stray. */
static void show_stray(const char *id, void *userdata)
{
	struct strays *strays = userdata;

	for (size_t i = 0; i < strays->ctl->session_count; i++)
		if (strcmp(strays->ctl->sessions[i].id, id) == 0)
			return;
	ctl_tell("session %.8s: temporary files only", id);
	strays->count++;
}

static void tell_removed(const char *id, void *userdata)
{
	(void)userdata;
	ctl_tell("removed what was left of session %s", id);
}

static int show_all(struct ctl *ctl, size_t *ret_count, struct diag *diag)
{
	struct strays strays = { .ctl = ctl };
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ctl->session_count; i++) {
		if (ctl->sessions[i].is_held)
			continue;
		count++;
		r = show_one(ctl, &ctl->sessions[i], diag);
	}
	if (r >= 0)
		r = session_tmp_look(&ctl->host, show_stray, &strays);
	*ret_count = count + strays.count;
	return r;
}

/* What opencode leaves at each start without oc-run. */
static int look_at_libraries(bool removes, size_t *ret_count, struct diag *diag)
{
	const char *named = getenv("TMPDIR"), *folder = named && named[0] == '/' ? named : "/tmp";
	struct stray_libraries strays;
	char size[FORMAT_TEXT_MAX];
	int r = stray_libraries_look(folder, removes, &strays);

	if (r < 0)
		return diag_set(diag, r, "out of memory");
	*ret_count = strays.count;
	ctl_format_size(strays.bytes, size);
	if (strays.count > 0)
		ctl_tell("%s%zu librar%s that opencode or another program of Bun's left in %s, %s",
			 removes ? "removed " : "", strays.count, strays.count == 1 ? "y" : "ies",
			 strays.folder, size);
	stray_libraries_finish(&strays);
	return 0;
}

/* What could not be ended has kept its entry. */
static int check_rest(const struct ctl *ctl)
{
	struct registry_session *sessions;
	int status = CTL_OK;
	size_t count;

	if (registry_list(&ctl->host, &sessions, &count) < 0)
		return CTL_FAILED;
	for (size_t i = 0; i < count; i++) {
		if (sessions[i].is_held)
			continue;
		ctl_say("session %s: not all of it could be ended; `oc-ctl show %.8s` shows what is "
			"left",
			sessions[i].id, sessions[i].id);
		status = CTL_FAILED;
	}
	registry_sessions_free(sessions, count);
	return status;
}

int ctl_sweep(struct ctl *ctl)
{
	struct diag diag = DIAG_INIT;
	size_t count = 0, libraries = 0;
	int r = ctl_load_sessions(ctl, &diag);

	if (r >= 0)
		r = show_all(ctl, &count, &diag);
	if (r >= 0)
		r = look_at_libraries(false, &libraries, &diag);
	count += libraries;
	if (r < 0)
		return ctl_fail(&diag);
	if (count == 0)
		ctl_say("nothing was left behind");
	else if (!ctl->options[CTL_YES])
		ctl_say("`oc-ctl sweep --yes` ends and removes that");
	if (count == 0 || !ctl->options[CTL_YES])
		return CTL_OK;
	r = registry_sweep(&ctl->host, tell_removed, NULL);
	if (r < 0) {
		(void)diag_set(&diag, r, "cannot sweep: %s", strerror(-r));
		return ctl_fail(&diag);
	}
	if (libraries > 0 && look_at_libraries(true, &libraries, &diag) < 0)
		return ctl_fail(&diag);
	return check_rest(ctl);
}
