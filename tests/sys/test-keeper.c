/* SPDX-License-Identifier: MIT */

/* The keeper where there is no cgroup, and what it is while it sleeps. */

#include "sys-pty.h"
#include "sys-session.h"

#include "oc-run/session-tmp.h"

#include <sys/resource.h>

static const struct mini_request plain = { .moment = MINI_RUNNING };

static bool status_has(pid_t pid, const char *key, const char *value)
{
	char path[64], text[8192];
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	expect_int(sys_read_proc(path, text, sizeof(text)), 0);
	line = strstr(text, key);
	expect(line != NULL);
	return strncmp(line + strlen(key) + 1, value, strlen(value)) == 0;
}

TEST(a_dismissed_keeper_is_gone_and_touches_nothing)
{
	struct mini_request request = plain;
	struct mini *mini = mini_new();
	char path[64] = "/tmp/oc-run-test-keeper-XXXXXX";
	int fd = mkstemp(path);

	expect(fd >= 0);
	request.moment = MINI_DISMISSED;
	request.registry_path = path;
	mini_start(&request, mini);
	expect_int(kill(mini->keeper, 0), -1);
	expect_int(errno, ESRCH);
	mini_kill(mini);
	expect_int(unlink(path), 0);
	(void)close(fd);
}

TEST(members_are_ended_by_their_tag_at_every_moment)
{
	static const struct {
		const char *name;
		enum mini_moment moment;
	} moments[] = {
		{ "keeper started", MINI_KEEPER_STARTED },
		{ "stub started", MINI_STUB_STARTED },
		{ "handed over", MINI_HANDED_OVER },
		{ "running", MINI_RUNNING },
		{ "ended", MINI_ENDED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		struct mini_request request = plain;
		struct mini *mini = mini_new();
		char path[64] = "/tmp/oc-run-test-keeper-XXXXXX";
		int fd = mkstemp(path);

		expect(fd >= 0);
		(void)close(fd);
		unit_row = moments[i].name;
		request.moment = moments[i].moment;
		request.registry_path = path;
		mini_start(&request, mini);
		mini_kill(mini);
		mini_expect_all_gone(mini);
		sys_expect_absent(path);
	}
}

TEST(a_tree_that_resists_is_ended_by_its_tag)
{
	static const struct {
		const char *name, *script;
	} rows[] = {
		{ "ignores signals", "trap '' TERM HUP INT; (trap '' TERM; sleep 60) & "
				     "echo >&9; while :; do sleep 1; done" },
		{ "setsid and orphaned", "setsid sh -c '(sleep 60 9>&- &)'; echo >&9; sleep 60" },
		{ "stopped", "sleep 60 9>&- & kill -STOP $!; echo >&9; kill -STOP $$" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mini_request request = plain;
		struct mini *mini = mini_new();

		unit_row = rows[i].name;
		request.script = rows[i].script;
		mini_start(&request, mini);
		mini_kill(mini);
		mini_expect_all_gone(mini);
	}
}

TEST(the_command_is_ended_even_without_its_tag)
{
	struct mini_request request = plain;
	struct mini *mini = mini_new();

	request.without_tag = true;
	mini_start(&request, mini);
	mini_kill(mini);
	mini_expect_all_gone(mini);
}

TEST(temporary_files_are_removed)
{
	struct mini_request request = plain;
	struct mini *mini = mini_new();
	char base[64] = "/var/tmp/oc-run-test-keeper-XXXXXX";
	char *const bases[SESSION_TMP_BASES_MAX] = { base, NULL };
	struct session_tmp tmp = SESSION_TMP_INIT;
	char command[128];

	expect(mkdtemp(base) != NULL);
	expect_int(session_tmp_make(bases, MINI_ID, &tmp, NULL), 0);
	expect(tmp.fd >= 0);
	sys_write_file(tmp.fd, "library.so", "x", 1);
	request.has_tmp = true;
	request.tmp_parent_fd = tmp.parent_fd;
	request.tmp_fd = tmp.fd;
	mini_start(&request, mini);
	expect_int(access(tmp.path, F_OK), 0);
	mini_kill(mini);
	mini_expect_all_gone(mini);
	sys_expect_absent(tmp.path);
	cleanup_close(&tmp.fd);
	cleanup_close(&tmp.parent_fd);
	free(tmp.path);
	(void)snprintf(command, sizeof(command), "rm -r %s", base);
	expect_int(system(command), 0);
}

static void tagged_with(void *id)
{
	char *const argv[] = { (char *)"sleep", (char *)"60", NULL };
	char *const environment[] = { id, NULL };

	sys_ready();
	(void)execve("/bin/sleep", argv, environment);
}

TEST(other_sessions_are_left_alone)
{
	static const char *const others[] = {
		PROCESS_TAG "=00c0ffee00c0ffef",  /* another id */
		PROCESS_TAG "=00c0ffee00c0ffee1", /* ours is a prefix of it */
		"X" PROCESS_TAG "=" MINI_ID,	  /* another variable */
	};
	pid_t pids[ARRAY_SIZE(others)];
	struct mini *mini = mini_new();

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		pids[i] = sys_start(tagged_with, (void *)others[i]);
	mini_start(&plain, mini);
	mini_kill(mini);
	sys_wait_gone(mini->keeper);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		unit_row = others[i];
		expect_int(waitpid(pids[i], NULL, WNOHANG), 0);
		sys_end(pids[i]);
	}
}

TEST(signals_do_not_end_the_keeper)
{
	static const int signals[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN,
				       SIGTTOU, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGCHLD };
	struct mini *mini = mini_new();

	mini_start(&plain, mini);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		expect_int(kill(mini->keeper, signals[i]), 0);
	expect_int(kill(mini->keeper, SIGRTMIN + 2), 0);
	mini_kill(mini);
	/* Still there to do its work. */
	mini_expect_all_gone(mini);
}

TEST(the_keeper_is_small_and_asleep_and_holds_few_fds)
{
	struct mini *mini = mini_new();
	char path[64], text[4096];
	unsigned long private_kib = 0;
	unsigned fds = 0;
	struct dirent *entry;
	const char *line;
	DIR *directory;

	mini_start(&plain, mini);
	expect(status_has(mini->keeper, "Name:", PROCESS_KEEPER_NAME "\n"));
	/* It may still be about its answer to the hand-over. */
	for (int i = 0; i < SYS_LIFE_SECONDS * 20 && !status_has(mini->keeper, "State:", "S"); i++)
		(void)usleep(50 * 1000);
	expect(status_has(mini->keeper, "State:", "S"));
	expect_int(getpgid(mini->keeper), mini->keeper);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)mini->keeper);
	directory = opendir(path);
	expect(directory != NULL);
	while ((entry = readdir(directory)))
		fds += entry->d_name[0] != '.';
	(void)closedir(directory);
	/* stdio, pidfd of oc-run, socket, pidfd of the command. */
	expect(fds <= 6);
	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)mini->keeper);
	expect_int(sys_read_proc(path, text, sizeof(text)), 0);
	for (line = text; (line = strstr(line, "Private_")); line++) {
		const char *number = strchr(line, ':');

		private_kib += number ? strtoul(number + 1, NULL, 10) : 0;
	}
	expect(private_kib > 0);
#ifndef __SANITIZE_ADDRESS__
	expect(private_kib < 1024);
#endif
	mini_kill(mini);
	mini_expect_all_gone(mini);
}

static void leave_few_fds(void)
{
	const struct rlimit few = { .rlim_cur = 24, .rlim_max = 24 };

	expect_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	/* All that are left but a handful for oc-run itself. */
	for (int fd = open("/dev/null", O_RDONLY); fd >= 0 && fd < 13;)
		fd = open("/dev/null", O_RDONLY);
}

TEST(a_low_limit_of_fds_does_not_hinder_it)
{
	struct mini_request request = plain;
	struct mini *mini = mini_new();

	request.before = leave_few_fds;
	mini_start(&request, mini);
	mini_kill(mini);
	mini_expect_all_gone(mini);
}

static void close_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		(void)close(fd);
}

TEST(closed_standard_streams_do_not_confuse_it)
{
	struct mini_request request = plain;
	struct mini *mini = mini_new();

	request.before = close_stdio;
	mini_start(&request, mini);
	mini_kill(mini);
	mini_expect_all_gone(mini);
}

TEST(a_keeper_that_is_gone_is_told_at_the_hand_over)
{
	const struct keeper_request request = { .session_id = MINI_ID, .registry_fd = -1 };
	const struct session_cgroup none = SESSION_CGROUP_INIT;
	struct keeper keeper = KEEPER_INIT;

	expect_int(keeper_start(&request, &keeper, NULL), 0);
	expect_int(kill(keeper.pid, SIGKILL), 0);
	sys_wait_gone(keeper.pid);
	expect_int(keeper_hand_over(&keeper, &none, 0), -EPIPE);
	keeper_dismiss(&keeper);
	expect_int(keeper.pid, 0);
}

/* ---- the terminal ---- */

struct screen_play {
	struct mini *mini;
	bool in_job; /* oc-run in a group of its own, as a job-control shell starts it */
};

static struct terminal oc_runs_terminal;
static bool oc_run_in_job;

static void oc_run_on_terminal(void)
{
	if (oc_run_in_job) {
		(void)signal(SIGTTOU, SIG_IGN);
		expect_int(setpgid(0, 0), 0);
		expect_int(tcsetpgrp(STDIN_FILENO, getpid()), 0);
	}
	expect_int(terminal_save(&oc_runs_terminal), 0);
	expect(oc_runs_terminal.fd >= 0);
	pty_make_raw(STDIN_FILENO);
}

static void play_screen(void *argument)
{
	const struct screen_play *play = argument;
	struct mini_request request = plain;

	oc_run_in_job = play->in_job;
	request.before = oc_run_on_terminal;
	request.terminal = &oc_runs_terminal;
	(void)signal(SIGTTOU, SIG_IGN);
	mini_start(&request, play->mini);
	if (play->in_job)
		expect_int(tcsetpgrp(STDIN_FILENO, getpgrp()), 0);
	mini_kill(play->mini);
	mini_expect_all_gone(play->mini);
	if (!play->in_job) {
		struct termios now;

		expect_int(tcgetattr(STDIN_FILENO, &now), 0);
		expect((now.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
	}
}

TEST(the_terminal_is_put_right_below_a_script)
{
	struct screen_play play = { .mini = mini_new() };
	struct pty pty;

	pty_start(&pty, play_screen, &play);
	pty_end(&pty);
	pty_finish(&pty);
	expect_text(pty.seen, terminal_reset_sequence());
}

TEST(the_modes_are_switched_off_below_a_shell)
{
	struct screen_play play = { .mini = mini_new(), .in_job = true };
	struct pty pty;

	pty_start(&pty, play_screen, &play);
	pty_end(&pty);
	pty_finish(&pty);
	expect_text(pty.seen, terminal_prompt_reset_sequence());
}

static void play_hang_up(void *argument)
{
	const struct screen_play *play = argument;
	struct mini_request request = plain;

	request.before = oc_run_on_terminal;
	request.terminal = &oc_runs_terminal;
	mini_start(&request, play->mini);
	/* As a session leader we end with the terminal, and all in the foreground with us. */
	(void)!write(STDIN_FILENO, "up", 2);
	for (;;)
		(void)pause();
}

TEST(a_closed_terminal_does_not_end_the_keeper_before_its_work)
{
	struct screen_play play = { .mini = mini_new() };
	struct pty pty;
	int status;

	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	pty_start(&pty, play_hang_up, &play);
	pty_wait_for(&pty, "up");
	pty_finish(&pty);
	expect_int(waitpid(pty.leader, &status, 0), pty.leader);
	expect_int(WTERMSIG(status), SIGHUP);
	sys_wait_gone(play.mini->supervisor);
	mini_expect_all_gone(play.mini);
}

UNIT_MAIN("keeper", a_dismissed_keeper_is_gone_and_touches_nothing,
	  members_are_ended_by_their_tag_at_every_moment, a_tree_that_resists_is_ended_by_its_tag,
	  the_command_is_ended_even_without_its_tag, temporary_files_are_removed,
	  other_sessions_are_left_alone, signals_do_not_end_the_keeper,
	  the_keeper_is_small_and_asleep_and_holds_few_fds, a_low_limit_of_fds_does_not_hinder_it,
	  closed_standard_streams_do_not_confuse_it, a_keeper_that_is_gone_is_told_at_the_hand_over,
	  the_terminal_is_put_right_below_a_script, the_modes_are_switched_off_below_a_shell,
	  a_closed_terminal_does_not_end_the_keeper_before_its_work)
