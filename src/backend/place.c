/* SPDX-License-Identifier: MIT */

/*
 * Where systemd runs it is the only writer of its hierarchy (the single-writer rule of
 * CGROUP_DELEGATION), except below units with Delegate=yes: there the innermost unit that we are in
 * has to be marked as delegated. Where it does not run (containers) the search starts at our own
 * cgroup and goes up, but never out of a cgroup that has limits of its own, and never out of the
 * outer session's.
 *
 * Whether a cgroup can be made is tried. Whether controllers can be enabled is only looked up, since
 * trying would change the machine, and --dry-run comes this way too.
 */

#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "oc-run/limits.h"
#include "wall.h"

#define NEEDED_CONTROLLERS (CONTROLLER_MEMORY | CONTROLLER_PIDS)

bool place_has_needed(uint32_t controllers)
{
	return (controllers & NEEDED_CONTROLLERS) == NEEDED_CONTROLLERS;
}

static bool may_write(const struct cgroup *cgroup, const char *file)
{
	return faccessat(cgroup->dirfd, file, W_OK, AT_EACCESS) == 0;
}

static uint32_t controllers_in(const struct cgroup *cgroup, const char *file)
{
	char text[512];

	return cgroup_read(cgroup, file, text, sizeof(text)) < 0 ? 0
								 : cgroup_parse_controllers(text);
}

/* Makes a cgroup and removes it again: only that tells of read-only mounts, quotas and rules. */
static int try_make(const struct cgroup *cgroup)
{
	struct cgroup probe = CGROUP_INIT;
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "oc-probe-%d", (int)getpid());
	r = cgroup_make(cgroup, name, &probe);
	cgroup_finish(&probe);
	if (r == 0 || r == -EEXIST)
		r = cgroup_remove(cgroup, name);
	if (r < 0)
		return r;
	/* To move a process the common ancestor's cgroup.procs has to be writable too. */
	return may_write(cgroup, "cgroup.procs") ? 0 : -EACCES;
}

static bool has_own_processes(const struct cgroup *cgroup)
{
	char byte[2];
	int r = cgroup_read(cgroup, "cgroup.procs", byte, sizeof(byte));

	return r == -EFBIG || (r == 0 && byte[0] != '\0');
}

/* The kernel's own root is the only one that hands controllers down with processes in it, and the
 * only one without cgroup.type. */
static bool may_hand_down(const struct cgroup *cgroup, bool *ret_occupied)
{
	char type[64];
	int r = cgroup_read(cgroup, "cgroup.type", type, sizeof(type));

	*ret_occupied = false;
	if (!may_write(cgroup, "cgroup.subtree_control"))
		return false;
	if (r == -ENOENT)
		return true;
	if (r < 0 || strcmp(type, "domain\n") != 0)
		return false;
	*ret_occupied = has_own_processes(cgroup);
	return !*ret_occupied;
}

static void look_at(const char *mount, const char *path, struct place *place)
{
	bool hand_down;

	*place = (struct place){ .cgroup = CGROUP_INIT };
	place->error = cgroup_open(mount, path, &place->cgroup);
	if (place->error == 0)
		place->error = try_make(&place->cgroup);
	if (place->error < 0)
		return;
	place->available = controllers_in(&place->cgroup, "cgroup.controllers");
	place->controllers = controllers_in(&place->cgroup, "cgroup.subtree_control");
	hand_down = may_hand_down(&place->cgroup, &place->occupied);
	if (hand_down)
		place->controllers |= place->available;
}

void place_finish(struct place *place)
{
	cgroup_finish(&place->cgroup);
}

static void place_move(struct place *to, struct place *from)
{
	place_finish(to);
	*to = *from;
	from->cgroup = (struct cgroup)CGROUP_INIT;
}

/* Out of a cgroup without limits of its own, and only if that can be seen. */
static bool may_go_up(const struct host *host, const char *path)
{
	struct cgroup cgroup = CGROUP_INIT;
	char wall[WALL_TEXT_MAX];

	if (cgroup_open(host->cgroup_mount, path, &cgroup) < 0)
		return false;
	cgroup_finish(&cgroup);
	return !wall_on(host->cgroup_mount, path, wall);
}

/* From @path up to @top: the first place with all controllers, else the first where a cgroup can be
 * made at all, else why not in @path itself. */
static int choose_place(const struct host *host, const char *start, const char *top,
			struct place *ret)
{
	_cleanup_free_ char *path = strdup(start);
	struct place best = { .cgroup = CGROUP_INIT, .error = -ENOENT };
	bool first = true;

	if (!path)
		return -ENOMEM;
	for (;;) {
		struct place place;

		look_at(host->cgroup_mount, path, &place);
		if (first ||
		    (place.error == 0 && (best.error < 0 || place_has_needed(place.controllers))))
			place_move(&best, &place);
		place_finish(&place);
		first = false;
		if ((best.error == 0 && place_has_needed(best.controllers)) ||
		    strcmp(path, top) == 0 || !may_go_up(host, path) || !path_to_parent(path))
			break;
	}
	*ret = best;
	return 0;
}

static bool is_unit_name(const char *name, size_t length)
{
	static const char *const suffixes[] = { ".slice", ".scope", ".service",
						".mount", ".swap",  ".socket" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t size = strlen(suffixes[i]);

		if (length > size && strncmp(name + length - size, suffixes[i], size) == 0)
			return true;
	}
	return false;
}

static bool is_delegated(const char *mount, const char *path)
{
	struct cgroup cgroup = CGROUP_INIT;
	char value[4];
	bool delegated;

	if (cgroup_open(mount, path, &cgroup) < 0)
		return false;
	/* systemd sets both; trusted.* can be read by root only, user.* came with 251. */
	delegated = (fgetxattr(cgroup.dirfd, "user.delegate", value, sizeof(value)) == 1 &&
		     value[0] == '1') ||
		    (fgetxattr(cgroup.dirfd, "trusted.delegate", value, sizeof(value)) == 1 &&
		     value[0] == '1');
	cgroup_finish(&cgroup);
	return delegated;
}

/* The innermost unit that we are in, if it was delegated: from there on down it is not systemd's.
 * NULL if not. Caller frees. */
static char *find_delegated(const struct host *host)
{
	_cleanup_free_ char *path = strdup(host->own_cgroup);

	while (path && strcmp(path, "/") != 0) {
		const char *name = strrchr(path, '/') + 1;

		if (is_unit_name(name, strlen(name)))
			return is_delegated(host->cgroup_mount, path) ? take_pointer(path) : NULL;
		(void)path_to_parent(path);
	}
	return NULL;
}

static int refuse_place(const struct host *host, const struct place *place, const char *path,
			struct refusal *refusal)
{
	if (place->error == -EROFS)
		return refuse(refusal,
			      "start the container with a writable one (podman run "
			      "--systemd=always, docker run --privileged)",
			      "\"%s\" is mounted read-only here", host->cgroup_mount);
	if (place->error == -EACCES || place->error == -EPERM)
		return refuse(refusal,
			      host->systemd_booted
				      ? "log in through ssh or a console, so that a systemd user "
					"manager runs"
				      : "run as root, or have root give you the folder (chown)",
			      "uid %lu may not make cgroups in \"%s\"", (unsigned long)host->uid,
			      path);
	return refuse(refusal, "mount the cgroup v2 file system that this process is in",
		      "no cgroup can be made in \"%s%s\" (%s)", host->cgroup_mount, path,
		      strerror(-place->error));
}

void place_explain(const struct host *host, const struct place *place, struct refusal *refusal)
{
	if (!place_has_needed(place->available)) {
		bool hybrid = strcmp(host->cgroup_mount, "/sys/fs/cgroup") != 0;

		(void)refuse(refusal,
			     hybrid ? "boot with cgroup version 2 alone (kernel parameter "
				      "`systemd.unified_cgroup_hierarchy=1` or "
				      "`cgroup_no_v1=all`)"
				    : "have the memory and pids controllers enabled "
				      "outside of it, in cgroup.subtree_control",
			     hybrid ? "the kernel's memory and pids controllers belong to cgroup "
				      "version 1 on this machine"
				    : "the kernel's memory and pids controllers are not handed "
				      "down to the cgroup \"%s\"",
			     place->cgroup.path);
	} else if (place->occupied) {
		(void)refuse(refusal,
			     "give --backend=cgroupfs or --enforce=kernel: then oc-run "
			     "moves them into \"oc-init\", a cgroup beside its own",
			     "other processes are in the cgroup \"%s\", so that its controllers "
			     "cannot be enabled",
			     place->cgroup.path);
	} else {
		(void)refuse(refusal,
			     "have root enable memory and pids in its "
			     "cgroup.subtree_control",
			     "the controllers of the cgroup \"%s\" may not be enabled by uid %lu",
			     place->cgroup.path, (unsigned long)host->uid);
	}
}

static int find(const struct host *host, struct place *ret, struct refusal *refusal)
{
	const char *start = host->own_cgroup;
	_cleanup_free_ char *delegated = NULL;
	int r;

	if (host->outer_scope) {
		look_at(host->cgroup_mount, host->outer_scope, ret);
		return ret->error < 0 ? refuse_place(host, ret, host->outer_scope, refusal) : 0;
	}
	if (host->systemd_booted) {
		delegated = find_delegated(host);
		if (!delegated)
			return refuse(refusal,
				      "use --backend=systemd, or set Delegate=yes for the "
				      "service that starts oc-run",
				      "systemd manages the cgroup \"%s\" and has not delegated it",
				      start);
	}
	r = choose_place(host, start, delegated ? delegated : "/", ret);
	if (r < 0)
		return r;
	return ret->error < 0 ? refuse_place(host, ret, start, refusal) : 0;
}

int place_find(const struct host *host, struct place *ret, struct refusal *refusal)
{
	struct place place = PLACE_INIT;
	int r = host->cgroup_mount && host->own_cgroup
			? find(host, &place, refusal)
			: refuse(refusal, "mount it: `mount -t cgroup2 none /sys/fs/cgroup`",
				 "no cgroup v2 file system is mounted");

	if (r < 0)
		place_finish(&place);
	else
		*ret = place;
	return r;
}
