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

UNIT_MAIN("oom-score", tools_go_first_and_the_agent_keeps_what_it_had,
	  the_agent_goes_first_and_its_children_do_not_inherit_that, a_group_needs_no_scores,
	  who_gave_itself_up_goes_before_other_tools, the_dead_do_no_harm)
