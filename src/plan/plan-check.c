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

/* 0: it can be changed to. */
static int folder_error(const char *path)
{
	struct stat folder;

	if (stat(path, &folder) < 0 || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return errno;
	return S_ISDIR(folder.st_mode) ? 0 : ENOTDIR;
}

static int check_folder(const struct plan *plan, const struct settings *settings, struct diag *diag)
{
	struct owner_rights rights;
	int error, r;

	if (!plan->chdir)
		return 0;
	r = user_account_borrow_rights(plan->user, &rights, diag);
	if (r < 0)
		return r;
	error = folder_error(plan->chdir);
	owner_rights_return(&rights);
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
