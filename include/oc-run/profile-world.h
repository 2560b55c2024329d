/* SPDX-License-Identifier: MIT */
#pragma once

/* What has to be looked up in the world for a profile: paths with variables, the version of the
 * command, a server that runs already. None of it pure. */

#include "oc-run/host.h"
#include "oc-run/profile.h"

/* @path with ~/ and $HOME, $XDG_CONFIG_HOME, $XDG_DATA_HOME, $XDG_STATE_HOME or $XDG_CACHE_HOME at
 * its beginning filled in; with @home those of the user who lives there, as they are without a
 * variable, else by our environment. NULL: no memory, no home, or another variable. Caller frees. */
char *profile_expand_path(const char *path, const char *home);

struct profile_server {
	pid_t pid;  /* 0: none is registered and alive */
	char *path; /* of its registration */
};

/* The one that "shared-server" registers, if it is alive. @home: as above. -ENOMEM. */
_must_check_ int profile_server_find(const struct profile *profile, const char *home,
				     struct profile_server *ret);
void profile_server_finish(struct profile_server *server);

enum profile_version_result {
	PROFILE_VERSION_KNOWN = 0,
	PROFILE_VERSION_UNKNOWN = 1, /* it can't be told */
	PROFILE_VERSION_UNASKED = 2, /* it could be, but @may_ask is not set */
};

struct profile_version_request {
	const struct profile *profile;
	const char *executable; /* that will be run */
	const struct host *host;
	const char *id; /* of the session, for a folder for temporary files */
	bool may_ask;	/* start it, if nothing else tells */
	bool insist;	/* also where the answer can't be kept for the next time */
};

/* A start of opencode takes 1.4 s, so it is asked last: the package that the program lies in tells
 * (npm's), or the answer of the last time for the same file. Only the answer of a program is kept:
 * a script, or a shim that many commands share, may run another version tomorrow. Negative errno:
 * it could not be asked now. */
_must_check_ int profile_version_find(const struct profile_version_request *request,
				      struct profile_version *ret);
