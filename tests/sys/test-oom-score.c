/* SPDX-License-Identifier: MIT */

/* oom_score_adj of real processes, as root or not. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "../../src/supervise/session-internal.h"
#include "sys.h"

struct family {
	struct tree_process processes[2]; /* the agent, a tool */
	struct tree_sample sample;
	int proc_fd;
};

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			(void)pause();
	expect(pid > 0);
	return pid;
}

static void family_set_up(struct family *family)
{
	*family = (struct family){
		.processes = { { .pid = start_sleeper(), .is_spared = true, .state = 'S' },
			       { .pid = start_sleeper(), .state = 'S' } },
	};
	family->sample = (struct tree_sample){ .processes = family->processes, .count = 2 };
	family->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	expect(family->proc_fd >= 0);
}

static void family_tear_down(struct family *family)
{
	for (size_t i = 0; i < 2; i++) {
		(void)kill(family->processes[i].pid, SIGKILL);
		(void)waitpid(family->processes[i].pid, NULL, 0);
	}
	(void)close(family->proc_fd);
}

static int score_of(pid_t pid)
{
	char path[64], text[16] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0);
	expect(read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	return atoi(text);
}

static void give_score(pid_t pid, const char *text)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	expect(fd >= 0);
	expect(write(fd, text, strlen(text)) > 0);
	(void)close(fd);
}

TEST(tools_go_first_and_the_agent_keeps_what_it_had)
{
	struct family family;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	for (int again = 0; again < 2; again++) {
		oom_score_adjust(family.proc_fd, &family.sample, OOM_TOOL);
		expect_int(score_of(family.processes[0].pid), before);
		/* 800, or a little more below a user manager, whose children have 100 or 200. */
		expect(score_of(family.processes[1].pid) >= 800);
		expect(score_of(family.processes[1].pid) < 859);
	}
	family_tear_down(&family);
}

TEST(the_agent_goes_first_and_its_children_do_not_inherit_that)
{
	struct family family;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	give_score(family.processes[1].pid, "1000");
	oom_score_adjust(family.proc_fd, &family.sample, OOM_AGENT);
	expect_int(score_of(family.processes[0].pid), 1000);
	expect_int(score_of(family.processes[1].pid), before);
	family_tear_down(&family);
}

TEST(a_group_needs_no_scores)
{
	struct family family;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	oom_score_adjust(family.proc_fd, &family.sample, OOM_GROUP);
	expect_int(score_of(family.processes[0].pid), before);
	expect_int(score_of(family.processes[1].pid), before);
	family_tear_down(&family);
}

TEST(who_gave_itself_up_goes_before_other_tools)
{
	struct family family;

	family_set_up(&family);
	give_score(family.processes[1].pid, "300"); /* as a renderer of Chromium */
	for (int again = 0; again < 2; again++) {
		oom_score_adjust(family.proc_fd, &family.sample, OOM_TOOL);
		expect_int(score_of(family.processes[1].pid), 859);
	}
	family_tear_down(&family);
}

TEST(the_dead_do_no_harm)
{
	struct family family;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	(void)kill(family.processes[1].pid, SIGKILL);
	(void)waitpid(family.processes[1].pid, NULL, 0);
	oom_score_adjust(family.proc_fd, &family.sample, OOM_TOOL);
	expect_int(score_of(family.processes[0].pid), before);
	family_tear_down(&family);
}

static pid_t start_orphan(void)
{
	int fds[2];
	pid_t pid = 0, between;

	expect_int(pipe2(fds, O_CLOEXEC), 0);
	between = fork();
	expect(between >= 0);
	if (between == 0) {
		pid = fork();
		if (pid == 0)
			for (;;)
				(void)pause();
		_exit(write(fds[1], &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
	}
	expect_int(waitpid(between, NULL, 0), between);
	expect_int(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	(void)close(fds[0]);
	(void)close(fds[1]);
	return pid;
}

TEST(a_newcomer_has_its_score_before_anybody_looked)
{
	struct family family;
	pid_t tool;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	tool = family.processes[1].pid;
	oom_score_adjust_child(family.proc_fd, getpid(), tool, OOM_GROUP);
	expect_int(score_of(tool), before);
	oom_score_adjust_child(family.proc_fd, getpid(), tool, OOM_TOOL);
	expect(score_of(tool) >= 800);
	/* The other choice: it has inherited what the agent was given. */
	give_score(tool, "1000");
	oom_score_adjust_tool(family.proc_fd, tool, OOM_AGENT);
	expect_int(score_of(tool), before);
	family_tear_down(&family);
}

/* Its pid may be another's by now. */
TEST(who_is_no_child_any_more_is_left_alone)
{
	struct family family;
	pid_t orphan = start_orphan();
	int before = score_of(orphan);

	family_set_up(&family);
	oom_score_adjust_child(family.proc_fd, getpid(), orphan, OOM_TOOL);
	expect_int(score_of(orphan), before);
	oom_score_adjust_tool(family.proc_fd, orphan, OOM_TOOL);
	expect(score_of(orphan) >= 800);
	(void)kill(orphan, SIGKILL);
	family_tear_down(&family);
}

/* What it inherited when it was forked by the agent is not what it is to have. */
TEST(the_agent_gets_its_own_score_back)
{
	struct family family;
	int before;

	family_set_up(&family);
	before = score_of(getpid());
	give_score(family.processes[0].pid, "800");
	oom_score_adjust(family.proc_fd, &family.sample, OOM_TOOL);
	expect_int(score_of(family.processes[0].pid), before);
	family_tear_down(&family);
}

TEST(children_inherit_the_score)
{
	const pid_t self = getpid();
	struct family family;
	pid_t grandchild = 0;
	int fds[2];
	pid_t child;

	family_set_up(&family);
	expect_int(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		pid_t pid;

		(void)raise(SIGSTOP);
		pid = fork();
		if (pid == 0)
			for (;;)
				(void)pause();
		(void)!write(fds[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	expect_int(waitpid(child, NULL, WUNTRACED), child);
	oom_score_adjust_child(family.proc_fd, self, child, OOM_TOOL);
	expect_int(kill(child, SIGCONT), 0);
	expect_int(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	expect_int(score_of(grandchild), score_of(child));
	expect(score_of(grandchild) >= 800);
	(void)kill(grandchild, SIGKILL);
	(void)kill(child, SIGKILL);
	expect_int(waitpid(child, NULL, 0), child);
	family_tear_down(&family);
}

UNIT_MAIN("oom-score", a_newcomer_has_its_score_before_anybody_looked,
	  who_is_no_child_any_more_is_left_alone, the_agent_gets_its_own_score_back,
	  children_inherit_the_score, tools_go_first_and_the_agent_keeps_what_it_had,
	  the_agent_goes_first_and_its_children_do_not_inherit_that, a_group_needs_no_scores,
	  who_gave_itself_up_goes_before_other_tools, the_dead_do_no_harm)
