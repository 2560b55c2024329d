/* SPDX-License-Identifier: MIT */

#include "oc-run/user-account.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oc-run/parse.h"

#define GROUPS_AT_FIRST 32
#define SHELL_DEFAULT "/bin/sh"

/* NULL with errno 0: there is none. */
static const struct passwd *look_up(const char *text)
{
	const struct passwd *entry;
	uint64_t number;

	errno = 0;
	entry = getpwnam(text);
	if (entry || parse_unsigned(text, &number) < 0 || number >= (uid_t)-1)
		return entry;
	errno = 0;
	return getpwuid((uid_t)number);
}

static int find_groups(struct user_account *account)
{
	int count = GROUPS_AT_FIRST;

	for (;;) {
		gid_t *groups = reallocarray(account->groups, (size_t)count, sizeof(*groups));

		if (!groups)
			return -ENOMEM;
		account->groups = groups;
		if (getgrouplist(account->name, account->gid, groups, &count) >= 0)
			break;
	}
	account->group_count = (size_t)count;
	return 0;
}

/* It is there while the user is logged in, and is made by root. */
static int find_runtime_dir(struct user_account *account)
{
	struct stat folder;

	if (asprintf(&account->runtime_dir, "/run/user/%u", (unsigned)account->uid) < 0) {
		account->runtime_dir = NULL;
		return -ENOMEM;
	}
	if (lstat(account->runtime_dir, &folder) < 0 || !S_ISDIR(folder.st_mode) ||
	    folder.st_uid != account->uid)
		cleanup_free(&account->runtime_dir);
	return 0;
}

static int fill(struct user_account *account, const struct passwd *entry)
{
	int r;

	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	account->name = strdup(entry->pw_name);
	account->home = strdup(entry->pw_dir && entry->pw_dir[0] == '/' ? entry->pw_dir : "/");
	account->shell =
		strdup(entry->pw_shell && entry->pw_shell[0] ? entry->pw_shell : SHELL_DEFAULT);
	if (!account->name || !account->home || !account->shell)
		return -ENOMEM;
	r = find_groups(account);
	return r < 0 ? r : find_runtime_dir(account);
}

int user_account_find(const char *text, struct user_account *ret, struct diag *diag)
{
	struct user_account account = { 0 };
	const struct passwd *entry = look_up(text);
	int r;

	/* getpwnam(3): these too say that there is none. */
	if (!entry && (errno == 0 || errno == ENOENT || errno == ESRCH))
		return diag_set(diag, -ENOENT,
				"there is no such user here; `getent passwd` lists them");
	if (!entry)
		return diag_set(diag, -errno, "cannot look the user up: %s", strerror(errno));
	r = fill(&account, entry);
	if (r < 0) {
		user_account_finish(&account);
		return diag_set(diag, r, "cannot look the user up: %s", strerror(-r));
	}
	*ret = account;
	return 0;
}

void user_account_finish(struct user_account *account)
{
	cleanup_free(&account->name);
	cleanup_free(&account->home);
	cleanup_free(&account->shell);
	cleanup_free(&account->runtime_dir);
	cleanup_free(&account->groups);
	account->group_count = 0;
}

int user_account_borrow_rights(const struct user_account *account, struct owner_rights *ret,
			       struct diag *diag)
{
	int r = 0;

	ret->is_borrowed = false;
	if (account)
		r = owner_rights_borrow(account->uid, account->gid, account->groups,
					account->group_count, ret);
	return r < 0 ? diag_set(diag, r, "cannot look at files as the user \"%s\": %s",
				account->name, strerror(-r))
		     : 0;
}

/* The change of the ids takes them too, but not where somebody has set securebits(7). */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* Before Linux 4.3 there are no ambient ones. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static bool is_become(const struct user_account *account)
{
	uid_t uid, effective_uid, saved_uid;
	gid_t gid, effective_gid, saved_gid;

	return getresuid(&uid, &effective_uid, &saved_uid) == 0 &&
	       getresgid(&gid, &effective_gid, &saved_gid) == 0 && uid == account->uid &&
	       effective_uid == account->uid && saved_uid == account->uid && gid == account->gid &&
	       effective_gid == account->gid && saved_gid == account->gid &&
	       setresuid((uid_t)-1, 0, (uid_t)-1) < 0;
}

int user_account_become(const struct user_account *account)
{
	int r;

	if (setgroups(account->group_count, account->groups) < 0 ||
	    setresgid(account->gid, account->gid, account->gid) < 0 ||
	    setresuid(account->uid, account->uid, account->uid) < 0)
		return -errno;
	r = drop_capabilities();
	if (r < 0)
		return r;
	/* A kernel without keyrings, a container that may not use them: there is nothing to leave. */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return is_become(account) ? 0 : -EPERM;
}
