/* SPDX-License-Identifier: MIT */

/*
 * The watch and the kernel's log without oc-run around them, for the tests in the guest.
 *
 *	try-watch [--no-inotify] PAYLOAD [SCOPE]
 *
 * PAYLOAD and SCOPE are paths as in /proc/PID/cgroup. It says what it sees, a line each, and ends
 * when nothing is left in PAYLOAD, or at the end of stdin. Kills that it counted are asked of the
 * kernel's log for some seconds.
 *
 *	ready inotify=1 log=kmsg
 *	memory.oom_kill 0 1		a counter: before, now; "scope." before those of SCOPE
 *	killed pid=813 comm=node bytes=305135616 by_cgroup=1 cgroup=/x/payload
 *	end log=kmsg private_kib=312 wakeups_at_rest=0
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "oc-run/kernel-log.h"
#include "oc-run/watch.h"

#define ASK_TIMES 50
#define ASK_EVERY_USEC 200000

struct view {
	sd_event *event;
	struct watch *watch;
	struct kernel_log *log;
	uint64_t unnamed; /* kills counted that the log has not told */
	bool is_over;
};

static void say_counter(const char *prefix, const char *name, uint64_t before, uint64_t now)
{
	if (before != now)
		(void)printf("%s%s %" PRIu64 " %" PRIu64 "\n", prefix, name, before, now);
}

static void say_memory(const char *prefix, const char *kind, const struct memory_events *before,
		       const struct memory_events *now)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s%s", prefix, kind);
	say_counter(name, ".high", before->high, now->high);
	say_counter(name, ".max", before->max, now->max);
	say_counter(name, ".oom", before->oom, now->oom);
	say_counter(name, ".oom_kill", before->oom_kill, now->oom_kill);
	say_counter(name, ".oom_group_kill", before->oom_group_kill, now->oom_group_kill);
}

static void say_counters(const char *prefix, const struct cgroup_counters *before,
			 const struct cgroup_counters *now)
{
	say_memory(prefix, "memory", &before->memory, &now->memory);
	say_memory(prefix, "local", &before->memory_local, &now->memory_local);
	say_counter(prefix, "swap.max", before->swap.max, now->swap.max);
	say_counter(prefix, "swap.fail", before->swap.fail, now->swap.fail);
	say_counter(prefix, "pids.max", before->pids.max, now->pids.max);
}

static void on_change(const struct watch_state *before, const struct watch_state *now,
		      void *userdata)
{
	struct view *view = userdata;

	say_counters("", &before->payload, &now->payload);
	say_counters("scope.", &before->scope, &now->scope);
	if (before->populated != now->populated)
		(void)printf("populated %d\n", now->populated);
	if (now->gone)
		(void)puts("gone");
	view->unnamed += now->payload.memory.oom_kill - before->payload.memory.oom_kill;
	if ((before->populated && !now->populated) || now->gone)
		view->is_over = true;
	(void)fflush(stdout);
}

static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct view *view = userdata;
	char byte;

	(void)revents;
	if (read(fd, &byte, 1) > 0)
		return 0;
	view->is_over = true;
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void name_kills(struct view *view)
{
	struct kernel_kill kill;

	for (int i = 0; view->unnamed > 0 && i < ASK_TIMES; i++) {
		int r = kernel_log_next(view->log, &kill);

		if (r < 0) {
			(void)printf("log: %s\n", strerror(-r));
			return;
		}
		if (r == 0) {
			(void)usleep(ASK_EVERY_USEC);
			continue;
		}
		(void)printf("killed pid=%d comm=%s bytes=%" PRIu64
			     " by_cgroup=%d at=%d cgroup=%s\n",
			     (int)kill.pid, kill.comm, kill.anon_bytes + kill.shmem_bytes,
			     kill.by_cgroup, kill.at_usec > 0, kill.cgroup);
		view->unnamed--;
	}
}

static uint64_t private_kib(void)
{
	unsigned long value, sum = 0;
	char line[256];
	FILE *file = fopen("/proc/self/smaps_rollup", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Private_Dirty: %lu", &value) == 1 ||
		    sscanf(line, "Private_Hugetlb: %lu", &value) == 1)
			sum += value;
	if (file)
		(void)fclose(file);
	return sum;
}

/* Nothing happens any more: every wake-up from here on would be one of a busy loop. */
static int wakeups_at_rest(struct view *view)
{
	int count = 0;

	for (int i = 0; i < 20; i++)
		(void)sd_event_run(view->event, 10000);
	for (int i = 0; i < 20; i++)
		count += sd_event_run(view->event, 10000) > 0;
	return count;
}

static const char *log_name(const struct view *view)
{
	switch (kernel_log_source(view->log)) {
	case KERNEL_LOG_KMSG:
		return "kmsg";
	case KERNEL_LOG_JOURNAL:
		return "journal";
	case KERNEL_LOG_NONE:
		break;
	}
	return "none";
}

static int fail(const char *what, int error)
{
	(void)fprintf(stderr, "try-watch: %s: %s\n", what, strerror(-error));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct cgroup payload = CGROUP_INIT, scope = CGROUP_INIT;
	struct watch_request request = { .payload = &payload,
					 .scope = &scope,
					 .changed = on_change };
	struct view view = { 0 };
	int at = 1, r;

	if (at < argc && strcmp(argv[at], "--no-inotify") == 0) {
		request.without_inotify = true;
		at++;
	}
	if (at >= argc)
		return fail("PAYLOAD is missing", -EINVAL);
	r = cgroup_open("/sys/fs/cgroup", argv[at], &payload);
	if (r >= 0 && at + 1 < argc)
		r = cgroup_open("/sys/fs/cgroup", argv[at + 1], &scope);
	if (r >= 0)
		r = sd_event_new(&view.event);
	if (r >= 0)
		r = sd_event_add_io(view.event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, &view);
	if (r < 0)
		return fail("cannot start", r);
	request.event = view.event;
	request.userdata = &view;
	r = watch_new(&request, &view.watch);
	if (r >= 0)
		r = kernel_log_open(&view.log);
	if (r < 0)
		return fail("cannot watch", r);
	(void)printf("ready inotify=%d log=%s\n", watch_uses_inotify(view.watch), log_name(&view));
	(void)fflush(stdout);
	while (!view.is_over)
		if (sd_event_run(view.event, UINT64_MAX) < 0)
			return EXIT_FAILURE;
	(void)!watch_read(view.watch);
	name_kills(&view);
	kernel_log_rest(view.log);
	(void)printf("end log=%s private_kib=%" PRIu64 " wakeups_at_rest=%d\n", log_name(&view),
		     private_kib(), wakeups_at_rest(&view));
	watch_free(view.watch);
	kernel_log_free(view.log);
	sd_event_unref(view.event);
	cgroup_finish(&payload);
	cgroup_finish(&scope);
	return EXIT_SUCCESS;
}
