/* SPDX-License-Identifier: MIT */

/*
 * A session without oc-run around it, for the tests in the guest: finds a backend, enters with a
 * blocked child and a dummy keeper, says what stands, runs COMMAND (sh) meanwhile, and leaves.
 *
 *	try-backend [OPTION...] [COMMAND]
 *
 * It prints KEY=VALUE lines. COMMAND sees the same values as SCOPE, PAYLOAD, KEEPER (folders below
 * the mount point), UNIT and CHILD. Exit status: 0 all went well, 1 something failed (error=...).
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oc-run/backend.h"
#include "oc-run/limits.h"

struct request {
	enum backend_kind kind;
	bool insist; /* as --enforce=kernel */
	bool probe_only;
	bool dead_child; /* a zombie before it can be moved */
	bool dead_keeper;
	bool no_keeper;
	bool until_stop; /* wait for a request to stop, --wait seconds at most */
	bool adopt;	 /* move a process in later */
	bool leave_full; /* leave while the child still lives */
	bool asked;	 /* the limits were asked for by a person */
	const char *id, *slice, *name, *command;
	const char *before; /* run (sh) between the probe and entering */
	unsigned wait_seconds;
	uint64_t values[LIMIT_COUNT];
};

static const char *const option_names[LIMIT_COUNT] = {
	[LIMIT_MEMORY_MAX] = "mem",	  [LIMIT_MEMORY_HIGH] = "high",
	[LIMIT_MEMORY_SWAP_MAX] = "swap", [LIMIT_PIDS_MAX] = "pids",
	[LIMIT_CPU_MAX] = "cpus",	  [LIMIT_CPU_WEIGHT] = "cpu-weight",
	[LIMIT_IO_WEIGHT] = "io-weight",
};

enum {
	OPTION_FLAGS = 100,
	OPTION_KIND,
	OPTION_ID,
	OPTION_SLICE,
	OPTION_NAME,
	OPTION_BEFORE,
	OPTION_WAIT
};

static bool parse_kind(const char *text, enum backend_kind *ret)
{
	for (int kind = BACKEND_AUTO; kind <= BACKEND_NONE; kind++) {
		static const char *const names[] = { "auto", "systemd", "cgroupfs", "none" };

		if (strcmp(text, names[kind]) == 0) {
			*ret = (enum backend_kind)kind;
			return true;
		}
	}
	return false;
}

static bool parse(int argc, char **argv, struct request *request)
{
	struct option options[LIMIT_COUNT + 16] = { { 0 } };
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "insist", &request->insist },		{ "probe", &request->probe_only },
		{ "dead-child", &request->dead_child }, { "dead-keeper", &request->dead_keeper },
		{ "no-keeper", &request->no_keeper },	{ "until-stop", &request->until_stop },
		{ "leave-full", &request->leave_full }, { "adopt", &request->adopt },
		{ "asked", &request->asked },
	};
	size_t count = 0;
	int c;

	for (int i = 0; i < LIMIT_COUNT; i++)
		options[count++] = (struct option){ option_names[i], required_argument, NULL, i };
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		options[count++] = (struct option){ flags[i].name, no_argument, NULL,
						    OPTION_FLAGS + 50 + (int)i };
	options[count++] = (struct option){ "backend", required_argument, NULL, OPTION_KIND };
	options[count++] = (struct option){ "id", required_argument, NULL, OPTION_ID };
	options[count++] = (struct option){ "slice", required_argument, NULL, OPTION_SLICE };
	options[count++] = (struct option){ "name", required_argument, NULL, OPTION_NAME };
	options[count++] = (struct option){ "before", required_argument, NULL, OPTION_BEFORE };
	options[count++] = (struct option){ "wait", required_argument, NULL, OPTION_WAIT };
	while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		if (c < LIMIT_COUNT)
			request->values[c] = strtoull(optarg, NULL, 10);
		else if (c == OPTION_KIND && parse_kind(optarg, &request->kind))
			;
		else if (c == OPTION_ID)
			request->id = optarg;
		else if (c == OPTION_SLICE)
			request->slice = optarg;
		else if (c == OPTION_NAME)
			request->name = optarg;
		else if (c == OPTION_BEFORE)
			request->before = optarg;
		else if (c == OPTION_WAIT)
			request->wait_seconds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c >= OPTION_FLAGS + 50)
			*flags[c - OPTION_FLAGS - 50].flag = true;
		else
			return false;
	}
	request->command = argv[optind];
	return true;
}

static pid_t start_blocked(bool dead)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(300);
		if (!dead)
			for (;;)
				(void)pause();
		_exit(0);
	}
	if (dead) {
		siginfo_t info;

		/* Ended, but not reaped: it keeps its number. */
		(void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	}
	return pid;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void print_facts(const struct backend_facts *facts)
{
	static const char *const names[] = { "auto", "systemd", "cgroupfs", "none" };

	(void)printf(
		"backend=%s\nmanager=%s\ncontains=%d\ncontrollers=%s%s%s%s\nparent=%s\nwhy=%s\n"
		"remedy=%s\n",
		names[facts->kind], facts->manager, facts->contains,
		facts->controllers & CONTROLLER_MEMORY ? "memory " : "",
		facts->controllers & CONTROLLER_PIDS ? "pids " : "",
		facts->controllers & CONTROLLER_CPU ? "cpu " : "",
		facts->controllers & CONTROLLER_IO ? "io " : "", facts->parent ? facts->parent : "",
		facts->why ? facts->why : "", facts->remedy ? facts->remedy : "");
}

/* As plan_resolve() would: the kernel enforces what its controllers allow. */
static void make_plan(const struct request *request, const struct backend_facts *facts,
		      const char *id, struct plan *plan)
{
	static char unit[64], slice[64], name[64];

	*plan = (struct plan){ .unit = unit,
			       .slice = slice,
			       .name = name,
			       .slice_memory_max = UINT64_C(1) << 30,
			       .slice_swap_max = UINT64_C(1) << 28,
			       .slice_pids_max = 5000,
			       .backend = facts->kind };
	(void)snprintf(plan->id, sizeof(plan->id), "%s", id);
	(void)snprintf(unit, sizeof(unit), "oc-%s.scope", id);
	(void)snprintf(slice, sizeof(slice), "%s", request->slice);
	(void)snprintf(name, sizeof(name), "%s", request->name);
	for (int i = 0; i < LIMIT_COUNT; i++) {
		uint32_t bit = (uint32_t)limit_row((enum limit_id)i)->controller;

		plan->limits[i].value = request->values[i];
		plan->limits[i].asked = request->asked;
		plan->limits[i].enforcer =
			facts->controllers & bit ? ENFORCER_KERNEL : ENFORCER_WATCH;
	}
}

static void export_path(const char *name, const char *mount, const struct cgroup *cgroup)
{
	char *full = NULL;

	if (cgroup->dirfd < 0 || asprintf(&full, "%s%s", mount, cgroup->path) < 0)
		return;
	(void)setenv(name, full, 1);
	(void)printf("%s=%s\n", name, full);
	free(full);
}

static void print_limits(const struct session_cgroup *cgroup)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		const char *file = limit_row((enum limit_id)i)->cgroup_file;
		char text[512];

		if (cgroup->payload.dirfd < 0 ||
		    cgroup_read(&cgroup->payload, file, text, sizeof(text)) < 0)
			(void)snprintf(text, sizeof(text), "-");
		text[strcspn(text, "\n")] = '\0';
		(void)printf("%s=%s%s\n", file, text,
			     cgroup->enforced & (UINT32_C(1) << i) ? " enforced" : "");
	}
	(void)printf("slice_capped=%d\n", cgroup->slice_capped);
}

static void on_stop(void *userdata)
{
	sd_event *event = userdata;

	(void)printf("stop=asked\n");
	(void)sd_event_exit(event, 0);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)usec;
	(void)userdata;
	(void)printf("stop=never\n");
	return sd_event_exit(sd_event_source_get_event(source), 1);
}

static void wait_for_stop(struct backend *backend, unsigned seconds)
{
	sd_event *event = NULL;

	if (sd_event_new(&event) < 0 || backend_attach(backend, event, on_stop, event) < 0 ||
	    sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, seconds * UINT64_C(1000000), 0,
				       on_timeout, NULL) < 0)
		(void)printf("error=no event loop\n");
	else
		(void)printf("loop=%d\n", sd_event_loop(event));
	(void)sd_event_unref(event);
}

/* One that was started meanwhile, as a second keeper is. */
static void adopt(struct backend *backend, const struct session_cgroup *cgroup)
{
	pid_t pid = start_blocked(false);
	char *path = NULL;
	int r = backend_adopt(backend, cgroup, &cgroup->keeper, pid);

	if (cgroup_of_process(pid, &path) < 0)
		path = NULL;
	(void)printf("adopted=%d %s\n", r, path ? path : "");
	free(path);
	end(pid);
}

static void print_gone(void)
{
	const char *scope = getenv("SCOPE");

	if (scope)
		(void)printf("gone=%d\n", access(scope, F_OK) < 0);
}

static void run_command(const char *what, const char *command)
{
	if (!command)
		return;
	(void)fflush(stdout);
	/* NOLINTNEXTLINE(cert-env33-c): a shell is what the caller wants. */
	(void)printf("%s=%d\n", what, system(command));
}

static int enter_and_leave(const struct request *request, struct backend *backend,
			   const struct host *host, const char *id)
{
	struct session_cgroup cgroup = SESSION_CGROUP_INIT;
	struct diag diag = DIAG_INIT;
	pid_t child, keeper;
	struct plan plan;
	char number[32];
	int r, failed = 0;

	make_plan(request, backend_facts(backend), id, &plan);
	(void)printf("scope_parent=%s\n", backend_scope_parent(backend, &plan) ?: "");
	(void)fflush(stdout);
	child = start_blocked(request->dead_child);
	keeper = request->no_keeper ? 0 : start_blocked(request->dead_keeper);
	(void)snprintf(number, sizeof(number), "%d", (int)child);
	(void)setenv("CHILD", number, 1);
	(void)setenv("UNIT", plan.unit, 1);
	(void)printf("CHILD=%s\nUNIT=%s\n", number, plan.unit);
	run_command("before", request->before);
	r = backend_enter(backend, &plan, child, keeper, &cgroup, &diag);
	if (r < 0) {
		(void)printf("error=%s\n", diag.text);
		run_command("command", request->command);
		end(child);
		end(keeper);
		return 1;
	}
	export_path("SCOPE", host->cgroup_mount, &cgroup.scope);
	export_path("PAYLOAD", host->cgroup_mount, &cgroup.payload);
	export_path("KEEPER", host->cgroup_mount, &cgroup.keeper);
	print_limits(&cgroup);
	if (request->adopt)
		adopt(backend, &cgroup);
	run_command("command", request->command);
	if (request->until_stop)
		wait_for_stop(backend, request->wait_seconds);
	if (!request->leave_full) {
		end(child);
		end(keeper);
	}
	for (int i = 0; i < 2; i++) {
		/* The second one must find nothing to do. */
		r = backend_leave(backend, &cgroup, &diag);
		if (r < 0) {
			(void)printf("error=leave %d: %s\n", i + 1, diag.text);
			failed = 1;
		}
	}
	if (request->leave_full) {
		end(child);
		end(keeper);
	}
	print_gone();
	session_cgroup_finish(&cgroup);
	session_cgroup_finish(&cgroup);
	return failed;
}

static void make_id(char id[17])
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = (uint64_t)getpid();
	(void)snprintf(id, 17, "%016" PRIx64, random);
}

int main(int argc, char **argv)
{
	struct request request = {
		.slice = "oc.slice", .name = "try", .wait_seconds = 60,
		.values = {
			[LIMIT_MEMORY_MAX] = UINT64_C(256) << 20,
			[LIMIT_MEMORY_HIGH] = UINT64_C(200) << 20,
			[LIMIT_MEMORY_SWAP_MAX] = UINT64_C(64) << 20,
			[LIMIT_PIDS_MAX] = 100,
			[LIMIT_CPU_MAX] = LIMIT_UNLIMITED,
			[LIMIT_CPU_WEIGHT] = 50,
			[LIMIT_IO_WEIGHT] = 50,
		},
	};
	struct backend *backend = NULL;
	struct diag diag = DIAG_INIT;
	struct host host = { 0 };
	char id[17];
	int status = 1;

	if (!parse(argc, argv, &request))
		return 2;
	make_id(id);
	if (host_gather(&host, &diag) < 0 ||
	    backend_probe(request.kind, &host, request.insist, &backend, &diag) < 0) {
		(void)printf("error=%s\n", diag.text);
	} else {
		print_facts(backend_facts(backend));
		status = request.probe_only ? 0
					    : enter_and_leave(&request, backend, &host,
							      request.id ? request.id : id);
	}
	backend = backend_free(backend);
	host_finish(&host);
	return status;
}
