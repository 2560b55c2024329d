/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A session's private folder for temporary files, <base>/oc-run/tmp/<id>, mode 0700. Every start of
 * opencode leaves 4 to 19 MB of native libraries in the folder that BUN_TMPDIR names (else TMPDIR,
 * else /tmp) and never removes them; where that is a tmpfs they are memory. Here they are removed
 * with the session.
 *
 * <base> is the cache folder ($XDG_CACHE_HOME or ~/.cache; for root /var/cache), as pages of a file
 * on a disk can be reclaimed. The runtime folder, which is memory, comes second, and so does a cache
 * folder on a tmpfs. A file system mounted noexec will not do: the libraries are mapped to be run.
 *
 * The folder's own flock(2) says that its session lives: a folder that nobody holds was left by a
 * crash, perhaps of the whole machine, and is swept by the next start.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"
#include "oc-run/host.h"

#define SESSION_TMP_BASES_MAX 2

struct session_tmp {
	int parent_fd; /* <base>/oc-run/tmp; -1: there is no folder */
	int fd;	       /* the folder itself, locked */
	char *path;
};

#define SESSION_TMP_INIT                  \
	{                                 \
		.parent_fd = -1, .fd = -1 \
	}

/* What was in it. */
struct session_tmp_tally {
	uint64_t files, bytes;
	bool removed; /* all of it, and the folder */
};

/* Absolute paths of the bases, best first; NULL where there is no further one. Caller frees each.
 * -ENOMEM. */
_must_check_ int session_tmp_bases(const struct host *host, char *ret_bases[SESSION_TMP_BASES_MAX]);

/* Those that another user can reach, for the command of one (--user). As root. -ENOMEM. */
_must_check_ int session_tmp_bases_for_user(char *ret_bases[SESSION_TMP_BASES_MAX]);

/* Makes the folder that user's. The folders above it are still root's alone, and now let pass who knows
 * a name. If that can't be done, the folder is removed and @tmp empty. */
void session_tmp_give(struct session_tmp *tmp, const char *id, uid_t uid, gid_t gid);

/* Makes the folder below the first of @bases that will do (NULL entries are skipped). 0 with
 * ret->fd -1: none will do. -EPERM with @diag: one is somebody else's, and no other will do. */
_must_check_ int session_tmp_make(char *const bases[SESSION_TMP_BASES_MAX], const char *id,
				  struct session_tmp *ret, struct diag *diag);

/* Makes the folder at @path again, which a session has had. Negative errno: it can't be had. */
_must_check_ int session_tmp_make_again(const char *path, const char *id, struct session_tmp *ret);

/* Removes what is in the folder and the folder. Nothing outside of it is touched, whatever was put
 * there. Safe to call again. */
void session_tmp_remove(struct session_tmp *tmp, const char *id, struct session_tmp_tally *ret);

/* Removes the folder at @path that a registry entry named: believed only if it is <base>/oc-run/tmp/
 * <id> and ours. */
void session_tmp_sweep_path(const char *path, const char *id);

/* Removes the folders of sessions that are gone, but those younger than a minute, whose sessions may
 * just be starting. Each removed one goes to @removed (may be NULL). Their number. */
int session_tmp_sweep(const struct host *host, void (*removed)(const char *id, void *userdata),
		      void *userdata);

/* The same, and removes nothing. */
int session_tmp_look(const struct host *host, void (*found)(const char *id, void *userdata),
		     void *userdata);

/* Is @value (of BUN_TMPDIR) a folder that oc-run made for the session @id, and not a choice of the
 * person? Each NULL is no. */
bool session_tmp_is_own(const char *value, const char *id);
