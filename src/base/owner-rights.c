/* SPDX-License-Identifier: MIT */

/* See owner-rights.h. A change of the file system's user from 0 takes the capabilities that pass
 * over permissions out of the effective set, and the way back restores them (capabilities(7)). */

#include "oc-run/owner-rights.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

/* They tell the value before, and no error: an id that is none only asks. */
static bool set_ids(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return setfsuid((uid_t)-1) == (int)uid && setfsgid((gid_t)-1) == (int)gid;
}

int owner_rights_borrow(uid_t uid, gid_t gid, const gid_t *groups, size_t count,
			struct owner_rights *ret)
{
	ret->is_borrowed = false;
	if (geteuid() != 0 || uid == 0)
		return 0;
	ret->group_count = getgroups(OWNER_RIGHTS_GROUPS_MAX, ret->groups);
	if (ret->group_count < 0 || setgroups(count, groups) < 0)
		return -errno;
	ret->is_borrowed = true;
	if (set_ids(uid, gid))
		return 0;
	owner_rights_return(ret);
	return -EPERM;
}

int owner_rights_borrow_of(int fd, struct owner_rights *ret)
{
	struct stat status;

	ret->is_borrowed = false;
	if (fstat(fd, &status) < 0)
		return -errno;
	return owner_rights_borrow(status.st_uid, status.st_gid, NULL, 0, ret);
}

void owner_rights_return(struct owner_rights *rights)
{
	if (!rights->is_borrowed)
		return;
	rights->is_borrowed = false;
	if (!set_ids(geteuid(), getegid()) ||
	    setgroups((size_t)rights->group_count, rights->groups) < 0)
		abort();
}
