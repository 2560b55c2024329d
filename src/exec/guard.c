/* SPDX-License-Identifier: MIT */

/*
 * The guard is found out about, made ready, and put on: see guard.h. The order in the stub matters:
 * hiding needs mount(2), which the strict filter refuses; Landlock and the filter need
 * no_new_privs, or the capability that root still has.
 */

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "guard-internal.h"

struct capabilities {
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static int capabilities_get(struct capabilities *ret)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, ret->words) < 0 ? -errno : 0;
}

static int capabilities_set(const struct capabilities *capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, capabilities->words) < 0 ? -errno : 0;
}

static bool is_effective(const struct capabilities *capabilities, int number)
{
	return capabilities->words[number / 32].effective & 1U << number % 32;
}

/* The kernel looks for the program before it looks at it: EFAULT is a yes (seccomp(2)). */
static bool has_filters(void)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

void guard_facts_gather(bool tries_namespaces, struct guard_facts *ret)
{
	struct capabilities capabilities = { 0 };
	struct guard_facts facts = {
		.landlock = guard_landlock_version(),
		.filter = has_filters(),
		.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	};

	if (capabilities_get(&capabilities) == 0) {
		facts.is_admin = is_effective(&capabilities, CAP_SYS_ADMIN);
		facts.may_drop = is_effective(&capabilities, CAP_SETPCAP);
		facts.has_capabilities =
			capabilities.words[0].permitted || capabilities.words[1].permitted;
	}
	if (tries_namespaces)
		facts.may_hide = guard_hide_is_possible(facts.is_admin);
	*ret = facts;
}

static int prepare_hidden(struct guard *guard, const struct guard_places *places)
{
	size_t count = strv_count(places->hidden), used = 0;
	struct capabilities capabilities = { 0 };

	guard->hidden = calloc(count + 1, sizeof(*guard->hidden));
	if (!guard->hidden)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct stat file;

		if (stat(places->hidden[i], &file) < 0)
			continue;
		guard->hidden[used].path = strdup(places->hidden[i]);
		if (!guard->hidden[used].path)
			return -ENOMEM;
		guard->hidden[used++].is_folder = S_ISDIR(file.st_mode);
	}
	(void)!capabilities_get(&capabilities);
	guard_hide_prepare(guard, is_effective(&capabilities, CAP_SYS_ADMIN));
	return 0;
}

int guard_prepare(const struct guard_choice *choice, const struct guard_places *places,
		  const char *more, struct guard *ret, struct diag *diag)
{
	struct guard guard = GUARD_INIT;
	int r;

	guard.choice = choice;
	r = guard_filter_build(choice, &guard.filter, &guard.filter_length, diag);
	if (r == 0)
		r = guard_landlock_build(choice, places, more, &guard.ruleset_fd, diag);
	if (r == 0 && choice->hides && places) {
		r = prepare_hidden(&guard, places);
		if (r < 0)
			(void)diag_set(diag, r, "out of memory");
	}
	if (r < 0) {
		guard_finish(&guard);
		return r;
	}
	*ret = guard;
	return 0;
}

void guard_finish(struct guard *guard)
{
	for (struct guard_hidden *hidden = guard->hidden; hidden && hidden->path; hidden++)
		free(hidden->path);
	free(guard->hidden);
	free(guard->filter);
	cleanup_close(&guard->ruleset_fd);
	*guard = (struct guard)GUARD_INIT;
}

/* ---- in the stub --------------------------------------------------------------------------- */

static rlim_t smaller(rlim_t a, uint64_t b)
{
	return a < b ? a : (rlim_t)b;
}

static int lower_rlimits(const struct guard *guard)
{
	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);
		struct rlimit limit;

		if (row->kind != GUARD_RLIMIT || guard->choice->rows[i] != GUARD_ON)
			continue;
		if (getrlimit((__rlimit_resource_t)row->number, &limit) < 0)
			return -errno;
		limit.rlim_cur = smaller(limit.rlim_cur, row->soft);
		limit.rlim_max = smaller(limit.rlim_max, row->hard);
		if (setrlimit((__rlimit_resource_t)row->number, &limit) < 0)
			return -errno;
	}
	return 0;
}

/* The command's capabilities come from the bounding set and, beside root, from the ambient and the
 * inheritable one (capabilities(7)). What is kept until exec does not matter. */
static int drop_capabilities(const struct guard *guard)
{
	struct capabilities capabilities;
	bool any = false;
	int r = capabilities_get(&capabilities);

	for (size_t i = 0; r == 0 && i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);

		if (row->kind != GUARD_CAPABILITY || guard->choice->rows[i] != GUARD_ON)
			continue;
		any = true;
		capabilities.words[row->number / 32].inheritable &= ~(1U << row->number % 32);
		if (prctl(PR_CAPBSET_DROP, row->number, 0, 0, 0) < 0 ||
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, row->number, 0, 0) < 0)
			r = -errno;
	}
	return r == 0 && any ? capabilities_set(&capabilities) : r;
}

static int give_up_privileges(const struct guard *guard)
{
	if (!guard->choice->sets_no_new_privs)
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int restrict_files(const struct guard *guard)
{
	return guard->ruleset_fd < 0 ? 0 : guard_landlock_restrict(guard->ruleset_fd);
}

static int load_filter(const struct guard *guard)
{
	const struct sock_fprog program = { .len = guard->filter_length, .filter = guard->filter };

	if (!guard->filter)
		return 0;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

int guard_put_on(const struct guard *guard, enum guard_step *ret_step)
{
	static int (*const steps[])(const struct guard *guard) = {
		[GUARD_STEP_RLIMIT] = lower_rlimits,
		[GUARD_STEP_HIDE] = guard_hide,
		[GUARD_STEP_CAPABILITY] = drop_capabilities,
		[GUARD_STEP_NO_NEW_PRIVS] = give_up_privileges,
		[GUARD_STEP_LANDLOCK] = restrict_files,
		[GUARD_STEP_FILTER] = load_filter,
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](guard);

		if (r < 0 && guard->choice->level != GUARD_OFF) {
			*ret_step = (enum guard_step)i;
			return r;
		}
	}
	return 0;
}

const char *guard_step_name(enum guard_step step)
{
	switch (step) {
	case GUARD_STEP_RLIMIT:
		return "resource limits";
	case GUARD_STEP_HIDE:
		return "hiding sockets";
	case GUARD_STEP_CAPABILITY:
		return "capabilities";
	case GUARD_STEP_NO_NEW_PRIVS:
		return "no_new_privs";
	case GUARD_STEP_LANDLOCK:
		return "Landlock";
	case GUARD_STEP_FILTER:
		break;
	}
	return "the filter of system calls";
}
