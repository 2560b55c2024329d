/* SPDX-License-Identifier: MIT */

/* See doctor-look.h. What can't be looked at counts as not there. */

#include "doctor-look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "oc-run/ask.h"
#include "oc-run/cgroup.h"
#include "oc-run/config.h"
#include "oc-run/profile-world.h"
#include "oc-run/registry-list.h"

#define ASK_MSEC 3000

extern char **environ;

/* The root has neither file: any cgroup below it tells for all. */
static void look_at_files(const char *mount, struct doctor_facts *facts)
{
	_cleanup_close_ int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(dup(fd));
	const struct dirent *item;
	char path[300];

	while (directory && (item = readdir(directory))) {
		if (item->d_type != DT_DIR || item->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/cgroup.kill", item->d_name);
		facts->has_cgroup_kill |= faccessat(fd, path, F_OK, 0) == 0;
		(void)snprintf(path, sizeof(path), "%s/memory.peak", item->d_name);
		facts->has_memory_peak |= faccessat(fd, path, F_OK, 0) == 0;
	}
	if (directory)
		(void)closedir(directory);
}

static bool is_populated(const char *mount, const char *name)
{
	struct cgroup cgroup = CGROUP_INIT;
	char text[512];
	bool is;

	is = cgroup_open(mount, name, &cgroup) >= 0 &&
	     cgroup_read(&cgroup, "cgroup.events", text, sizeof(text)) >= 0 &&
	     strstr(text, "populated 1");
	cgroup_finish(&cgroup);
	return is;
}

static void look_at_systemd(struct doctor_look *look)
{
	char *const argv[] = { (char *)"systemctl", (char *)"--version", NULL };
	const struct ask_request request = {
		.program = "/usr/bin/systemctl",
		.argv = argv,
		.timeout_msec = ASK_MSEC,
	};
	char answer[4096];

	if (!look->facts.host->systemd_booted || ask_program(&request, answer, sizeof(answer)) < 0)
		return;
	(void)snprintf(look->systemd, sizeof(look->systemd), "%.*s", (int)strcspn(answer, "\n"),
		       answer);
	look->facts.systemd = look->systemd[0] ? look->systemd : NULL;
}

static int look_at_server(const struct settings *settings, const struct profile_roots *roots,
			  pid_t *ret)
{
	struct diag diag = DIAG_INIT;
	struct profile_server server;
	struct profile *profile;
	int r = profile_find(roots, settings, "opencode", &profile, &diag);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = profile_server_find(profile, NULL, &server);
	profile_free(profile);
	if (r < 0)
		return r;
	*ret = server.pid;
	profile_server_finish(&server);
	return 0;
}

static int look_at_config(struct doctor_look *look)
{
	_cleanup_free_ char *user_dir = config_user_dir();
	const struct config_roots roots = {
		.system_dir = config_system_dir(),
		.user_dir = user_dir,
	};
	const struct profile_roots profile_roots = {
		.system_dir = roots.system_dir,
		.user_dir = user_dir,
	};
	struct settings settings = { 0 };
	int r = config_load(&roots, environ, &settings, &look->config);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		look->facts.config_error = look->config.text;
		return 0;
	}
	r = look_at_server(&settings, &profile_roots, &look->facts.server);
	settings_finish(&settings);
	return r;
}

static void look_at_inotify(struct doctor_facts *facts)
{
	int fd = inotify_init1(IN_CLOEXEC);

	facts->has_inotify = fd >= 0;
	cleanup_close(&fd);
}

static int count_leftovers(const struct host *host, size_t *ret)
{
	struct registry_session *sessions;
	size_t count;
	int r = registry_list(host, &sessions, &count);

	*ret = 0;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++)
		*ret += !sessions[i].is_held;
	registry_sessions_free(sessions, count);
	return 0;
}

int doctor_look(const struct host *host, struct doctor_look *ret)
{
	struct doctor_facts *facts = &ret->facts;
	struct diag diag = DIAG_INIT;
	int r;

	*ret = (struct doctor_look){ .facts = { .host = host }, .config = DIAG_INIT };
	r = look_at_config(ret);
	if (r < 0)
		return r;
	if (host->cgroup_mount) {
		look_at_files(host->cgroup_mount, facts);
		facts->oomd_runs =
			is_populated(host->cgroup_mount, "/system.slice/systemd-oomd.service");
	}
	facts->has_pressure = access("/proc/pressure/memory", R_OK) == 0;
	look_at_systemd(ret);
	look_at_inotify(facts);
	doctor_look_at_alias(&facts->has_command, &facts->has_alias);
	r = count_leftovers(host, &facts->leftovers);
	if (r < 0)
		return r;
	r = backend_probe(BACKEND_AUTO, host, false, &ret->backend, &diag);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		facts->backend = backend_facts(ret->backend);
	doctor_try(&facts->trial);
	return count_leftovers(host, &facts->leftovers_after);
}

void doctor_look_finish(struct doctor_look *look)
{
	look->backend = backend_free(look->backend);
}
