/* SPDX-License-Identifier: MIT */
#pragma once

/* A session in small: what oc-run does, in a process that a test can kill at any moment. */

#include "sys.h"

#include <dirent.h>
#include <sys/mman.h>

#include "oc-run/backend.h"
#include "oc-run/keeper.h"
#include "oc-run/process-scan.h"
#include "oc-run/spawn.h"

#define MINI_ID "00c0ffee00c0ffee"

/* One that every shell can write to. */
#define MINI_READY_FD 9

/* How far oc-run comes before it waits to be killed. */
enum mini_moment {
	MINI_KEEPER_STARTED,
	MINI_STUB_STARTED,
	MINI_SCOPE_MADE, /* but nobody in it */
	MINI_MOVED,	 /* keeper and stub; not handed over */
	MINI_HANDED_OVER,
	MINI_RUNNING,
	MINI_ENDED, /* the command is reaped, the keeper not dismissed */
	MINI_DISMISSED,
};

struct mini_request {
	enum mini_moment moment;
	const char *script;	     /* for sh -c; says "echo >&9" when it is ready; or NULL */
	const char *scope_name;	     /* NULL: no cgroup at all */
	const struct cgroup *parent; /* that the scope is made in */
	const char *mount, *parent_path;
	const char *registry_path;
	bool has_tmp;
	int tmp_parent_fd, tmp_fd;
	const struct terminal *terminal;
	bool without_tag;
	void (*before)(void); /* in oc-run, first of all */
};

/* In memory that oc-run and test share. */
struct mini {
	pid_t supervisor, keeper, child;
	bool failed;
};

static inline struct mini *mini_new(void)
{
	void *page = mmap(NULL, sizeof(struct mini), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(page != MAP_FAILED);
	return page;
}

struct mini_plan {
	const struct mini_request *request;
	struct mini *mini;
	struct session_cgroup cgroup;
	struct keeper keeper;
	struct child child;
	struct signal_state signals;
};

static inline void mini_stop_at(const struct mini_plan *plan, enum mini_moment moment)
{
	if (plan->request->moment != moment)
		return;
	sys_ready();
	for (;;)
		(void)pause();
}

static inline bool mini_make_cgroups(struct mini_plan *plan)
{
	const struct mini_request *request = plan->request;

	if (!request->scope_name)
		return true;
	return cgroup_make(request->parent, request->scope_name, &plan->cgroup.scope) == 0 &&
	       cgroup_make(&plan->cgroup.scope, "payload", &plan->cgroup.payload) == 0 &&
	       cgroup_make(&plan->cgroup.scope, "keeper", &plan->cgroup.keeper) == 0;
}

static inline bool mini_start_keeper(struct mini_plan *plan)
{
	const struct mini_request *request = plan->request;
	const struct keeper_request keeper = {
		.session_id = MINI_ID,
		.terminal = request->terminal,
		.cgroup_mount = request->mount,
		.cgroup_parent = request->parent_path,
		.registry_path = request->registry_path,
		.registry_fd = -1,
		.tmp_parent_fd = request->has_tmp ? request->tmp_parent_fd : -1,
		.tmp_fd = request->has_tmp ? request->tmp_fd : -1,
	};

	if (keeper_start(&keeper, &plan->keeper, NULL) < 0)
		return false;
	plan->mini->keeper = plan->keeper.pid;
	return true;
}

static inline bool mini_start_stub(struct mini_plan *plan)
{
	/* It is the command that says "ready", but only where that is the moment. */
	const char *script = plan->request->moment != MINI_RUNNING ? "exec sleep 60"
			     : plan->request->script		   ? plan->request->script
								   : "echo >&9; exec sleep 60";
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	char *const environment[] = { (char *)"PATH=/usr/bin:/bin",
				      plan->request->without_tag ? NULL
								 : (char *)PROCESS_TAG "=" MINI_ID,
				      NULL };
	const struct spawn_request spawn = {
		.executable = argv[0],
		.argv = argv,
		.environment = environment,
		.signals = &plan->signals,
	};

	/* Inherited by the command. */
	(void)fcntl(MINI_READY_FD, F_SETFD, 0);
	if (spawn_stub(&spawn, &plan->child, NULL) < 0)
		return false;
	(void)fcntl(MINI_READY_FD, F_SETFD, FD_CLOEXEC);
	plan->mini->child = plan->child.pid;
	return true;
}

static inline bool mini_move(struct mini_plan *plan)
{
	if (!plan->request->scope_name)
		return true;
	return cgroup_attach(&plan->cgroup.payload, plan->child.pid) == 0 &&
	       cgroup_attach(&plan->cgroup.keeper, plan->keeper.pid) == 0;
}

static inline bool mini_release(struct mini_plan *plan)
{
	bool is_exec;

	return spawn_release(&plan->child, &is_exec, NULL) == 0;
}

static inline void mini_fail(struct mini_plan *plan)
{
	plan->mini->failed = true;
	sys_ready();
	_exit(1);
}

static inline void mini_body(void *argument)
{
	struct mini_plan *plan = argument;

	plan->mini->supervisor = getpid();
	if (sys_ready_fd != MINI_READY_FD) {
		(void)dup3(sys_ready_fd, MINI_READY_FD, O_CLOEXEC);
		(void)close(sys_ready_fd);
		sys_ready_fd = MINI_READY_FD;
	}
	if (plan->request->before)
		plan->request->before();
	if (signal_state_save(&plan->signals) < 0 || !mini_start_keeper(plan))
		mini_fail(plan);
	mini_stop_at(plan, MINI_KEEPER_STARTED);
	if (!mini_start_stub(plan))
		mini_fail(plan);
	mini_stop_at(plan, MINI_STUB_STARTED);
	if (!mini_make_cgroups(plan))
		mini_fail(plan);
	mini_stop_at(plan, MINI_SCOPE_MADE);
	if (!mini_move(plan))
		mini_fail(plan);
	mini_stop_at(plan, MINI_MOVED);
	if (keeper_hand_over(&plan->keeper, &plan->cgroup, plan->child.pid) < 0)
		mini_fail(plan);
	mini_stop_at(plan, MINI_HANDED_OVER);
	if (!mini_release(plan))
		mini_fail(plan);
	if (plan->request->moment == MINI_RUNNING)
		for (;;)
			(void)pause();
	(void)kill(plan->child.pid, SIGKILL);
	(void)waitpid(plan->child.pid, NULL, 0);
	mini_stop_at(plan, MINI_ENDED);
	keeper_dismiss(&plan->keeper);
	keeper_dismiss(&plan->keeper);
	mini_stop_at(plan, MINI_DISMISSED);
}

/* Starts one and returns when it has come to its moment. */
static inline void mini_start(const struct mini_request *request, struct mini *mini)
{
	struct mini_plan plan = {
		.request = request,
		.mini = mini,
		.cgroup = SESSION_CGROUP_INIT,
		.keeper = KEEPER_INIT,
		.child = CHILD_INIT,
	};
	struct sigaction standard = { .sa_handler = SIG_DFL };

	/* The harness has handlers; oc-run starts with none. */
	(void)sigaction(SIGTERM, &standard, NULL);
	(void)sigaction(SIGINT, &standard, NULL);
	/* Orphans come to us, so that no zombie stays. */
	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	(void)sys_start(mini_body, &plan);
	expect(!mini->failed);
	expect(mini->keeper > 0);
}

static inline void mini_kill(struct mini *mini)
{
	expect_int(kill(mini->supervisor, SIGKILL), 0);
	sys_wait_gone(mini->supervisor);
}

/* Until nothing carries the session's tag, and all that is ours to reap is reaped. */
static inline void mini_wait_untagged(void)
{
	const struct process_tagged request = { .session_id = MINI_ID };

	for (int i = 0; i < SYS_LIFE_SECONDS * 20; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (process_signal_tagged(&request, 0) == 0)
			return;
		(void)usleep(50 * 1000);
	}
	expect(!"every process with the tag ends");
}

static inline void mini_expect_all_gone(struct mini *mini)
{
	sys_wait_gone(mini->keeper);
	if (mini->child > 0)
		sys_wait_gone(mini->child);
	mini_wait_untagged();
}

static inline void sys_expect_absent(const char *path)
{
	for (int i = 0; i < SYS_LIFE_SECONDS * 20 && access(path, F_OK) == 0; i++)
		(void)usleep(50 * 1000);
	unit_row = path;
	expect_int(access(path, F_OK), -1);
	unit_row = NULL;
}
