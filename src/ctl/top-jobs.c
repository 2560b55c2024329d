/* SPDX-License-Identifier: MIT */

#include "top-jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF "/proc/self/exe"
#define SAID_MAX 4096
#define ID_MAX 17

extern char **environ;

struct top_job {
	struct top_jobs *jobs;
	struct top_job *next;
	const char *verb;
	char id[ID_MAX];
	uint64_t bytes, bytes_next; /* 0: none */
	sd_event_source *child, *output;
	int fd;
	char said[SAID_MAX]; /* the end of it */
	size_t length;
};

static struct top_job *job_free(struct top_job *job)
{
	struct top_job **at = &job->jobs->first;

	while (*at && *at != job)
		at = &(*at)->next;
	if (*at)
		*at = job->next;
	sd_event_source_unref(job->child);
	sd_event_source_unref(job->output);
	cleanup_close(&job->fd);
	free(job);
	return NULL;
}

/* What is there, without waiting. 0: the end of it. */
static ssize_t take_output(struct top_job *job)
{
	ssize_t length;

	/* The last line is at the end: the first half can go. */
	if (job->length > SAID_MAX / 2) {
		memmove(job->said, job->said + job->length - SAID_MAX / 4, SAID_MAX / 4);
		job->length = SAID_MAX / 4;
	}
	length = read(job->fd, job->said + job->length, SAID_MAX - 1 - job->length);
	if (length > 0)
		job->length += (size_t)length;
	return length < 0 ? -errno : length;
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	ssize_t length = take_output(userdata);

	(void)fd;
	(void)events;
	if (length == 0 || (length < 0 && length != -EAGAIN && length != -EINTR))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

/* NULL: it said nothing. */
static const char *last_line(struct top_job *job)
{
	char *line;

	job->said[job->length] = '\0';
	while (job->length > 0 && job->said[job->length - 1] == '\n')
		job->said[--job->length] = '\0';
	line = strrchr(job->said, '\n');
	line = line ? line + 1 : job->said;
	if (strncmp(line, "oc-ctl: ", 8) == 0)
		line += 8;
	return *line ? line : NULL;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct top_job *job = userdata;
	struct top_jobs *jobs = job->jobs;
	bool failed = info->si_code != CLD_EXITED || info->si_status != 0;
	uint64_t next = job->bytes_next;
	char id[ID_MAX];

	(void)source;
	while (take_output(job) > 0)
		continue;
	memcpy(id, job->id, sizeof(id));
	jobs->ended(jobs->userdata, job->verb, last_line(job), failed);
	job_free(job);
	/* What follows a refusal would be refused as well, or mean something else. */
	if (!failed && next > 0)
		return top_jobs_set_memory(jobs, id, next);
	return 0;
}

/* Out of reach of Ctrl-C and of the signals that are blocked here. */
static int spawn(char *const *argv, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	if (r == 0)
		r = posix_spawn(ret_pid, SELF, &actions, &attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

static struct top_job *job_new(struct top_jobs *jobs, const char *verb, const char *id)
{
	struct top_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->jobs = jobs;
	job->next = jobs->first;
	jobs->first = job;
	job->verb = verb;
	job->fd = -1;
	(void)snprintf(job->id, sizeof(job->id), "%s", id);
	return job;
}

static int job_run(struct top_job *job, char *const *argv)
{
	_cleanup_close_ int output = -1;
	sd_event *event = job->jobs->event;
	int pipe_fds[2], r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	job->fd = pipe_fds[0];
	output = pipe_fds[1];
	if (fcntl(job->fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = sd_event_add_io(event, &job->output, job->fd, EPOLLIN, on_output, job);
	if (r >= 0)
		r = spawn(argv, output, &pid);
	if (r >= 0)
		r = sd_event_add_child(event, &job->child, pid, WEXITED, on_child, job);
	return r;
}

int top_jobs_start(struct top_jobs *jobs, const char *verb, const char *id)
{
	struct top_job *job = job_new(jobs, verb, id);
	int r = -ENOMEM;

	if (job) {
		char name[] = "oc-ctl", word[16];
		char *const argv[] = { name, word, job->id, NULL };

		(void)snprintf(word, sizeof(word), "%s", verb);
		r = job_run(job, argv);
	}
	if (r < 0 && job)
		job_free(job);
	return r;
}

static struct top_job *find_set(const struct top_jobs *jobs, const char *id)
{
	for (struct top_job *job = jobs->first; job; job = job->next)
		if (job->bytes > 0 && strcmp(job->id, id) == 0)
			return job;
	return NULL;
}

int top_jobs_set_memory(struct top_jobs *jobs, const char *id, uint64_t bytes)
{
	char name[] = "oc-ctl", verb[] = "set", option[] = "--mem", value[32];
	struct top_job *job = find_set(jobs, id);
	int r;

	if (job) {
		job->bytes_next = bytes;
		return 0;
	}
	job = job_new(jobs, "set", id);
	if (!job)
		return -ENOMEM;
	job->bytes = bytes;
	(void)snprintf(value, sizeof(value), "%" PRIu64, bytes);
	r = job_run(job, (char *const[]){ name, verb, option, value, job->id, NULL });
	if (r < 0)
		job_free(job);
	return r;
}

uint64_t top_jobs_wanted_memory(const struct top_jobs *jobs, const char *id)
{
	const struct top_job *job = find_set(jobs, id);

	return !job ? 0 : job->bytes_next > 0 ? job->bytes_next : job->bytes;
}

void top_jobs_finish(struct top_jobs *jobs)
{
	while (jobs->first)
		job_free(jobs->first);
}
