/* SPDX-License-Identifier: MIT */
#pragma once

/* One session as it is now: its cgroup, its processes, its status file. */

#include <cjson/cJSON.h>

#include "ctl.h"
#include "oc-run/figures.h"
#include "oc-run/tree.h"
#include "words.h"

enum ctl_depth {
	CTL_LOOK_FIGURES, /* as cheap as can be: how it is and what it uses */
	CTL_LOOK_TREE,	  /* and all its processes, also those outside its cgroup */
};

struct ctl_view {
	const struct registry_session *session; /* borrowed */
	enum ctl_state state;
	uint64_t age_usec;	      /* of the session; 0: not known */
	struct cgroup scope, payload; /* dirfd -1: there is none */
	int proc_fd;
	struct tree *tree; /* NULL: was not needed */
	bool has_figures;
	struct figures figures;
	uint64_t peak_bytes;			   /* 0: not known */
	struct registry_limit limits[LIMIT_COUNT]; /* as they stand now where the kernel has them */
	cJSON *status;				   /* the status file; NULL: there is none */
};

/* Fills in @view, which may not be moved afterwards. -ENOMEM and the like; a session that has just
 * ended is a view without figures. */
_must_check_ int ctl_view_open(const struct host *host, const struct registry_session *session,
			       enum ctl_depth depth, struct ctl_view *view);
/* Looks once more, at what @view shows already: its tree is kept, which remembers and so reads less.
 * @session is the same one, read anew; the one before may go afterwards. On an error @view stays
 * open. */
_must_check_ int ctl_view_again(const struct host *host, const struct registry_session *session,
				enum ctl_depth depth, struct ctl_view *view);
/* The whole sample; NULL: the session has no tree that could be seen. */
const struct tree_sample *ctl_view_sample(const struct ctl_view *view);
void ctl_view_finish(struct ctl_view *view);

/* Is it still that process, and not dead? @ret_state may be NULL. */
bool ctl_process_lives(const struct registry_process *process, char *ret_state);

/* view-json.c: as list and show have it. */
struct json;
void ctl_view_json(struct json *json, cJSON *object, const struct ctl_view *view);
void ctl_view_json_limits(struct json *json, cJSON *object, const struct ctl_view *view);
void ctl_view_json_processes(struct json *json, cJSON *object, const struct ctl_view *view);
