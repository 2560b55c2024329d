/* SPDX-License-Identifier: MIT */

/*
 * A server that sessions share and that runs already: see profile-world.h. Its registration is a
 * file of its own making, and may have outlived it; its pid may be somebody else's by now. The
 * process that wrote the file was there before it.
 */

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "oc-run/process-scan.h"
#include "oc-run/profile-world.h"

#define REGISTRATION_MAX 8192
/* Clocks that are set, and files written with the second's precision. */
#define SLACK_SEC 2

static int64_t now_sec(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return now.tv_sec;
}

/* 0: it is gone. */
static int64_t started_sec(pid_t pid)
{
	struct process_facts facts;

	if (process_read_facts(pid, &facts) < 0 || facts.state == 'Z' || facts.state == 'X')
		return 0;
	return now_sec(CLOCK_REALTIME) - now_sec(CLOCK_BOOTTIME) +
	       (int64_t)facts.start_ticks / sysconf(_SC_CLK_TCK);
}

static pid_t pid_in(const char *text)
{
	cJSON *registration = cJSON_Parse(text);
	const cJSON *number = cJSON_GetObjectItem(registration, "pid");
	double pid = cJSON_IsNumber(number) ? number->valuedouble : 0;

	cJSON_Delete(registration);
	return pid >= 2 && pid < INT32_MAX ? (pid_t)pid : 0;
}

static pid_t alive_in(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[REGISTRATION_MAX];
	struct stat file;
	ssize_t length;
	int64_t started;
	pid_t pid;

	if (fd < 0 || fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	pid = pid_in(text);
	started = pid > 0 ? started_sec(pid) : 0;
	return started > 0 && started <= file.st_mtim.tv_sec + SLACK_SEC ? pid : 0;
}

int profile_server_find(const struct profile *profile, const char *home, struct profile_server *ret)
{
	_cleanup_free_ char *pattern = NULL;
	struct profile_server server = { 0 };
	glob_t found;

	*ret = server;
	if (!profile->shared_server)
		return 0;
	pattern = profile_expand_path(profile->shared_server, home);
	if (!pattern || glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && server.pid == 0; i++) {
		server.pid = alive_in(found.gl_pathv[i]);
		if (server.pid > 0)
			server.path = strdup(found.gl_pathv[i]);
	}
	globfree(&found);
	*ret = server;
	return server.pid > 0 && !server.path ? -ENOMEM : 0;
}

void profile_server_finish(struct profile_server *server)
{
	cleanup_free(&server->path);
	server->pid = 0;
}
