/* SPDX-License-Identifier: MIT */

/* What of a plan can be wrong in the world outside: asked before anything is started. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/plan.h"

static int check_status_fd(const struct plan *plan, const struct settings *settings,
			   struct diag *diag)
{
	int flags;

	if (plan->json_status_fd < 0)
		return 0;
	flags = fcntl(plan->json_status_fd, F_GETFL);
	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		return 0;
	(void)diag_set(diag, -EINVAL, "%s; open it in the shell, for example %d>status.json",
		       flags < 0 ? "is not open" : "is open for reading only",
		       plan->json_status_fd);
	return setting_blame(diag, -EINVAL, settings, SETTING_JSON_STATUS_FD);
}

static int check_folder(const struct plan *plan, const struct settings *settings, struct diag *diag)
{
	struct stat folder;
	int error = 0;

	if (!plan->chdir)
		return 0;
	if (stat(plan->chdir, &folder) < 0 || access(plan->chdir, X_OK) < 0)
		error = errno;
	else if (!S_ISDIR(folder.st_mode))
		error = ENOTDIR;
	if (error == 0)
		return 0;
	(void)diag_set(diag, -error, "cannot change to this directory: %s", strerror(error));
	return setting_blame(diag, -error, settings, SETTING_CHDIR);
}

int plan_check(const struct plan *plan, const struct settings *settings, struct diag *diag)
{
	int r = check_status_fd(plan, settings, diag);

	return r < 0 ? r : check_folder(plan, settings, diag);
}
