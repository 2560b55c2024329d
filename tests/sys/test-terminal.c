/* SPDX-License-Identifier: MIT */

/* The terminal before and after, on a real pty; and on a real terminal emulator, tmux. */

#include "sys-pty.h"

#include <sys/mman.h>

#include "oc-run/terminal.h"

static bool is_cooked(void)
{
	struct termios now;

	expect_int(tcgetattr(STDIN_FILENO, &now), 0);
	return (now.c_lflag & ICANON) != 0 && (now.c_lflag & ECHO) != 0 &&
	       (now.c_lflag & ISIG) != 0 && (now.c_iflag & ICRNL) != 0;
}

static struct terminal saved(void)
{
	struct terminal terminal = TERMINAL_INIT;

	expect_int(terminal_save(&terminal), 0);
	expect(terminal.fd >= 0);
	return terminal;
}

/* Runs @body on a terminal; what was written to it stands in @pty->seen afterwards. */
static void on_terminal(struct pty *pty, sys_body body)
{
	pty_start(pty, body, NULL);
	pty_end(pty);
	pty_finish(pty);
}

static void body_without_terminal(void *unused)
{
	struct terminal terminal = TERMINAL_INIT;

	(void)unused;
	expect(setsid() > 0);
	expect_int(terminal_save(&terminal), 0);
	expect_int(terminal.fd, -1);
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
	expect(!terminal_is_changed(&terminal));
	terminal_finish(&terminal);
	_exit(0);
}

TEST(no_terminal_is_no_error)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		body_without_terminal(NULL);
	expect_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
}

static void body_raw(void *unused)
{
	struct terminal terminal = saved();

	(void)unused;
	expect(terminal.foreground);
	expect(!terminal_is_changed(&terminal));
	pty_make_raw(STDIN_FILENO);
	expect(terminal_is_changed(&terminal));
	expect_int(terminal_restore(&terminal, true), TERMINAL_RESTORED);
	expect(is_cooked());
	expect(!terminal_is_changed(&terminal));
	/* The second time there is nothing to do. */
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
}

TEST(a_raw_terminal_is_restored_after_a_hard_death)
{
	struct pty pty;

	on_terminal(&pty, body_raw);
	expect_text(pty.seen, terminal_reset_sequence());
}

static void body_late_input(void *unused)
{
	struct terminal terminal = saved();
	char byte;

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	expect_int(write(STDIN_FILENO, "go", 2), 2);
	/* A mouse report comes in and nobody reads it. */
	expect_int(poll(&(struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN }, 1, 30000), 1);
	expect_int(terminal_restore(&terminal, true), TERMINAL_RESTORED);
	pty_make_raw(STDIN_FILENO);
	(void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	expect_int(read(STDIN_FILENO, &byte, 1), -1);
	expect_int(errno, EAGAIN);
}

TEST(waiting_input_is_dropped)
{
	struct pty pty;

	pty_start(&pty, body_late_input, NULL);
	pty_wait_for(&pty, "go");
	expect_int(write(pty.master, "\033[<35;1;1M", 10), 10);
	pty_end(&pty);
	pty_finish(&pty);
}

static void body_cooked(void *unused)
{
	struct terminal terminal = saved();

	(void)unused;
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
	expect_int(terminal_restore(&terminal, false), TERMINAL_UNTOUCHED);
}

TEST(a_terminal_in_order_is_not_written_to)
{
	struct pty pty;

	on_terminal(&pty, body_cooked);
	expect_text(pty.seen, "");
}

static void body_no_echo(void *unused)
{
	struct terminal terminal = saved();
	struct termios now;

	(void)unused;
	expect_int(tcgetattr(STDIN_FILENO, &now), 0);
	now.c_lflag &= ~(tcflag_t)ECHO;
	expect_int(tcsetattr(STDIN_FILENO, TCSANOW, &now), 0);
	expect_int(terminal_restore(&terminal, false), TERMINAL_UNTOUCHED);
	expect(!is_cooked());
	expect_int(terminal_restore(&terminal, true), TERMINAL_RESTORED);
	expect(is_cooked());
}

TEST(what_stty_did_is_kept_after_a_normal_exit_only)
{
	struct pty pty;

	on_terminal(&pty, body_no_echo);
}

static void body_raw_exit(void *unused)
{
	struct terminal terminal = saved();

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	expect_int(terminal_restore(&terminal, false), TERMINAL_RESTORED);
	expect(is_cooked());
}

TEST(a_fully_raw_terminal_is_restored_after_any_end)
{
	struct pty pty;

	on_terminal(&pty, body_raw_exit);
	expect_text(pty.seen, terminal_reset_sequence());
}

/* The job that had the foreground is dead; @reaped or still a zombie. */
static void foreground_of_the_dead(bool reaped)
{
	struct terminal terminal = saved();
	int fd = STDIN_FILENO;
	pid_t holder = sys_start(pty_take_foreground, &fd);
	siginfo_t info;

	pty_make_raw(STDIN_FILENO);
	expect_int(tcgetpgrp(STDIN_FILENO), holder);
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
	expect_int(kill(holder, SIGKILL), 0);
	expect_int(waitid(P_PID, (id_t)holder, &info, WEXITED | WNOWAIT), 0);
	if (reaped)
		expect_int(waitpid(holder, NULL, 0), holder);
	expect(terminal_is_changed(&terminal));
	expect_int(terminal_restore(&terminal, true), TERMINAL_RESTORED);
	expect_int(tcgetpgrp(STDIN_FILENO), getpgrp());
	expect(is_cooked());
}

/* pty_make_raw() comes from the background here: SIGTTOU is ignored for it. */
static void body_dead_group(void *unused)
{
	(void)unused;
	(void)signal(SIGTTOU, SIG_IGN);
	foreground_of_the_dead(true);
}

static void body_zombie_group(void *unused)
{
	(void)unused;
	(void)signal(SIGTTOU, SIG_IGN);
	foreground_of_the_dead(false);
}

TEST(the_foreground_is_taken_back_from_a_dead_group)
{
	struct pty pty;

	on_terminal(&pty, body_dead_group);
	expect_text(pty.seen, terminal_reset_sequence());
}

TEST(the_foreground_is_taken_back_from_a_zombie)
{
	struct pty pty;

	on_terminal(&pty, body_zombie_group);
	expect_text(pty.seen, terminal_reset_sequence());
}

static void body_other_job(void *unused)
{
	struct terminal terminal = saved();
	int fd = STDIN_FILENO;
	pid_t holder;

	(void)unused;
	(void)signal(SIGTTOU, SIG_IGN);
	holder = sys_start(pty_take_foreground, &fd);
	pty_make_raw(STDIN_FILENO);
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
	expect(!is_cooked());
	expect_int(tcgetpgrp(STDIN_FILENO), holder);
	sys_end(holder);
}

TEST(a_live_foreground_job_keeps_the_terminal)
{
	struct pty pty;

	on_terminal(&pty, body_other_job);
	expect_text(pty.seen, "");
}

/* A background group with SIGTTOU at its default, as oc-run is. */
static void restore_in_background(void *argument)
{
	const struct terminal *theirs = argument;
	struct terminal terminal = *theirs;

	(void)signal(SIGTTOU, SIG_DFL);
	expect_int(setpgid(0, 0), 0);
	terminal.process_group = getpid();
	sys_ready();
	expect_int(terminal_restore(&terminal, true), TERMINAL_UNTOUCHED);
	_exit(0);
}

static void body_background(void *unused)
{
	struct terminal terminal = saved();
	pid_t pid;
	int status;

	(void)unused;
	pid = sys_start(restore_in_background, &terminal);
	expect_int(waitpid(pid, &status, WUNTRACED), pid);
	expect_int(status, 0);
}

TEST(asking_from_the_background_does_not_stop_us)
{
	struct pty pty;

	on_terminal(&pty, body_background);
}

static void body_stopped_output(void *unused)
{
	struct terminal terminal = saved();

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	expect_int(tcflow(STDIN_FILENO, TCOOFF), 0);
	/* An error is told, but termios are right all the same. */
	expect(terminal_restore(&terminal, true) < 0);
	expect(is_cooked());
	expect_int(tcflow(STDIN_FILENO, TCOON), 0);
}

TEST(stopped_output_does_not_hold_us_up)
{
	struct pty pty;

	on_terminal(&pty, body_stopped_output);
}

/* ---- after the death of oc-run: the keeper's view ---- */

static struct terminal_look look_at(const struct terminal *terminal)
{
	struct terminal_look look;

	terminal_look(terminal, &look);
	expect(look.known);
	return look;
}

static void make_line_editor(void)
{
	struct termios now;

	pty_make_raw(STDIN_FILENO);
	expect_int(tcgetattr(STDIN_FILENO, &now), 0);
	now.c_lflag |= ISIG;
	expect_int(tcsetattr(STDIN_FILENO, TCSANOW, &now), 0);
}

static void body_after_death_same_group(void *unused)
{
	struct terminal terminal = saved();
	struct terminal_look at_death;

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	at_death = look_at(&terminal);
	expect_int(terminal_restore_after_death(&terminal, &at_death), TERMINAL_RESTORED);
	expect(is_cooked());
}

TEST(a_script_of_ours_gets_the_terminal_back_after_oc_runs_death)
{
	struct pty pty;

	on_terminal(&pty, body_after_death_same_group);
	expect_text(pty.seen, terminal_reset_sequence());
}

static void body_next_program(void *unused)
{
	struct terminal terminal = saved();
	struct terminal_look at_death;
	struct termios now;

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	at_death = look_at(&terminal);
	expect_int(tcgetattr(STDIN_FILENO, &now), 0);
	now.c_cc[VTIME] = 3;
	expect_int(tcsetattr(STDIN_FILENO, TCSANOW, &now), 0);
	expect_int(terminal_restore_after_death(&terminal, &at_death), TERMINAL_UNTOUCHED);
	expect(!is_cooked());
}

TEST(the_next_program_of_a_script_is_left_alone)
{
	struct pty pty;

	on_terminal(&pty, body_next_program);
	expect_text(pty.seen, "");
}

static void body_next_is_a_prompt(void *unused)
{
	struct terminal terminal = saved();
	struct terminal_look at_death;

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	at_death = look_at(&terminal);
	make_line_editor();
	expect_int(terminal_restore_after_death(&terminal, &at_death), TERMINAL_RESTORED);
	expect(!is_cooked());
}

TEST(a_script_that_goes_on_to_a_prompt_gets_clean_modes)
{
	struct pty pty;

	on_terminal(&pty, body_next_is_a_prompt);
	expect_text(pty.seen, terminal_prompt_reset_sequence());
}

/* The leader plays the shell; a child in a group of its own plays oc-run. */
struct shell_play {
	bool raw_at_death; /* seen before the shell was quicker */
	bool shell_was_quicker;
	bool started_in_background;
	bool overwritten; /* by the command that is told to end, after the shell took it */
	bool redraws;	  /* expected */
};

static struct terminal *shared_terminal(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(page != MAP_FAILED);
	return page;
}

struct job {
	struct terminal *terminal;
	const struct shell_play *play;
};

static void play_oc_run(void *argument)
{
	const struct job *job = argument;

	(void)signal(SIGTTOU, SIG_IGN);
	expect_int(setpgid(0, 0), 0);
	if (!job->play->started_in_background)
		expect_int(tcsetpgrp(STDIN_FILENO, getpid()), 0);
	expect_int(terminal_save(job->terminal), 0);
	sys_ready();
	for (;;)
		(void)pause();
}

static volatile sig_atomic_t redraws;

static void on_redraw(int number)
{
	(void)number;
	redraws = redraws + 1;
}

static void play_shell(void *argument)
{
	const struct shell_play *play = argument;
	struct job job = { .terminal = shared_terminal(), .play = play };
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct winsize size_after;
	struct terminal_look at_death;
	struct terminal terminal;
	pid_t pid;

	(void)signal(SIGTTOU, SIG_IGN);
	(void)signal(SIGWINCH, on_redraw);
	pid = sys_start(play_oc_run, &job);
	terminal = *job.terminal;
	terminal.fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	expect_int(terminal.shells[0], getpgrp());
	if (play->raw_at_death)
		pty_make_raw(STDIN_FILENO);
	if (play->shell_was_quicker)
		expect_int(tcsetpgrp(STDIN_FILENO, getpgrp()), 0);
	at_death = look_at(&terminal);
	sys_end(pid);
	expect_int(tcsetpgrp(STDIN_FILENO, getpgrp()), 0);
	make_line_editor();
	if (play->overwritten) {
		terminal_look_at_death(&terminal, &at_death);
		expect_int(tcsetattr(STDIN_FILENO, TCSANOW, &terminal.saved), 0);
	}
	expect_int(ioctl(STDIN_FILENO, TIOCSWINSZ, &size), 0);
	redraws = 0;
	expect_int(terminal_restore_after_death(&terminal, &at_death),
		   play->redraws ? TERMINAL_RESTORED : TERMINAL_UNTOUCHED);
	expect(!is_cooked());
	expect((redraws > 0) == play->redraws);
	expect_int(ioctl(STDIN_FILENO, TIOCGWINSZ, &size_after), 0);
	expect_int(size_after.ws_row, size.ws_row);
	expect_int(size_after.ws_col, size.ws_col);
}

TEST(a_shell_that_took_the_terminal_back_gets_clean_modes_and_draws_again)
{
	static const struct {
		const char *name;
		struct shell_play play;
	} rows[] = {
		{ "the screen was in use", { .raw_at_death = true, .redraws = true } },
		{ "nothing was on", { .redraws = false } },
		{ "the shell was quicker", { .shell_was_quicker = true, .redraws = true } },
		{ "the command wrote over the prompt's termios",
		  { .raw_at_death = true, .overwritten = true, .redraws = true } },
		{ "it ran in the background",
		  { .shell_was_quicker = true, .started_in_background = true } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pty pty;

		unit_row = rows[i].name;
		pty_start(&pty, play_shell, (void *)&rows[i].play);
		pty_end(&pty);
		pty_finish(&pty);
		expect_text(pty.seen, rows[i].play.redraws ? terminal_prompt_reset_sequence() : "");
	}
}

static void body_after_death_other_job(void *unused)
{
	struct terminal terminal = saved();
	struct terminal_look at_death;
	int fd = STDIN_FILENO;
	pid_t holder;

	(void)unused;
	(void)signal(SIGTTOU, SIG_IGN);
	pty_make_raw(STDIN_FILENO);
	at_death = look_at(&terminal);
	holder = sys_start(pty_take_foreground, &fd);
	expect_int(terminal_restore_after_death(&terminal, &at_death), TERMINAL_UNTOUCHED);
	expect(!is_cooked());
	sys_end(holder);
}

TEST(another_job_keeps_the_terminal_after_oc_runs_death)
{
	struct pty pty;

	on_terminal(&pty, body_after_death_other_job);
	expect_text(pty.seen, "");
}

/* ---- Ctrl-Z ---- */

static void suspend(void *unused)
{
	const struct terminal terminal = TERMINAL_INIT;
	sigset_t all;

	(void)unused;
	expect_int(setpgid(0, 0), 0);
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	sys_ready();
	terminal_suspend_self(&terminal);
	_exit(7);
}

static void body_suspend(void *unused)
{
	pid_t pid = sys_start(suspend, NULL);
	int status;

	(void)unused;
	/* Its parent is in the session, in another group: a job that can be stopped. */
	expect_int(waitpid(pid, &status, WUNTRACED), pid);
	expect(WIFSTOPPED(status));
	expect_int(WSTOPSIG(status), SIGTSTP);
	expect_int(kill(pid, SIGCONT), 0);
	expect_int(waitpid(pid, &status, 0), pid);
	expect_int(WEXITSTATUS(status), 7);
}

TEST(suspending_stops_a_job)
{
	struct pty pty;

	on_terminal(&pty, body_suspend);
}

static void body_suspend_orphan(void *unused)
{
	const struct terminal terminal = TERMINAL_INIT;

	(void)unused;
	terminal_suspend_self(&terminal);
}

TEST(suspending_goes_on_in_an_orphaned_group)
{
	struct pty pty;

	on_terminal(&pty, body_suspend_orphan);
}

/* ---- on a real emulator ---- */

#define TMUX "tmux -L oc-run-test-%d -f /dev/null "

__attribute__((format(printf, 1, 2))) static int run_tmux(const char *format, ...)
{
	char command[1024], prefix[64];
	va_list arguments;

	(void)snprintf(prefix, sizeof(prefix), TMUX, (int)getpid());
	(void)snprintf(command, sizeof(command), "%s", prefix);
	va_start(arguments, format);
	(void)vsnprintf(command + strlen(command), sizeof(command) - strlen(command), format,
			arguments);
	va_end(arguments);
	return system(command);
}

static bool have_tmux(void)
{
	return system("tmux -V >/dev/null 2>&1") == 0;
}

/* The screen once "END" stands on it. */
static void screen_of(const char *script_path, char *text, size_t size)
{
	char output[128];

	(void)snprintf(output, sizeof(output), "/tmp/oc-run-test-tmux-%d", (int)getpid());
	expect_int(run_tmux("new-session -d -x 40 -y 10 'sh %s; sleep 60'", script_path), 0);
	for (int i = 0; i < SYS_LIFE_SECONDS * 10; i++) {
		(void)run_tmux("capture-pane -p >%s 2>/dev/null", output);
		(void)sys_read_proc(output, text, size);
		if (strstr(text, "END"))
			break;
		(void)usleep(50 * 1000);
	}
	(void)run_tmux("kill-server");
	(void)unlink(output);
}

static void write_tmux_script(const char *path, const char *before, const char *after)
{
	FILE *file = fopen(path, "we");

	expect(file != NULL);
	(void)fprintf(file,
		      "printf '%%b' '%s'\ncat <<'EOF' | tr -d '\\n'\n%s\nEOF\nprintf '%%b' '%s'\n",
		      before, terminal_reset_sequence(), after);
	expect_int(fclose(file), 0);
}

TEST(tmux_main_screen_keeps_its_text_and_cursor)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/tmp/oc-run-test-script-%d", (int)getpid());
	/* An older full-screen program has left a saved cursor further up. */
	write_tmux_script(path, "one\\n\\033[?1049h\\033[?1049ltwo\\nthree", "END");
	screen_of(path, text, sizeof(text));
	(void)unlink(path);
	expect_contains(text, "one\ntwo\nthreeEND\n");
}

TEST(tmux_alternate_screen_is_left_with_the_old_text_and_cursor)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/tmp/oc-run-test-script-%d", (int)getpid());
	write_tmux_script(path, "one\\ntwo\\033[?1049h\\033[2J\\033[5;9H\\033[?25lTUI", "END");
	screen_of(path, text, sizeof(text));
	(void)unlink(path);
	expect_contains(text, "one\ntwoEND\n");
	expect_lacks(text, "TUI");
}

static void body_half_way(void *unused)
{
	struct terminal terminal = saved();
	struct terminal_look at_death;

	(void)unused;
	pty_make_raw(STDIN_FILENO);
	at_death = look_at(&terminal);
	expect_int(tcsetattr(STDIN_FILENO, TCSANOW, &terminal.saved), 0);
	expect_int(terminal_restore_after_death(&terminal, &at_death), TERMINAL_RESTORED);
	expect(is_cooked());
}

TEST(a_command_killed_before_it_left_its_screen_is_cleaned_up_after)
{
	struct pty pty;

	on_terminal(&pty, body_half_way);
	expect_text(pty.seen, terminal_prompt_reset_sequence());
}

int main(void)
{
	const TTest *const tests[] = {
		no_terminal_is_no_error,
		a_raw_terminal_is_restored_after_a_hard_death,
		waiting_input_is_dropped,
		a_terminal_in_order_is_not_written_to,
		what_stty_did_is_kept_after_a_normal_exit_only,
		a_fully_raw_terminal_is_restored_after_any_end,
		the_foreground_is_taken_back_from_a_dead_group,
		the_foreground_is_taken_back_from_a_zombie,
		a_live_foreground_job_keeps_the_terminal,
		asking_from_the_background_does_not_stop_us,
		stopped_output_does_not_hold_us_up,
		a_script_of_ours_gets_the_terminal_back_after_oc_runs_death,
		the_next_program_of_a_script_is_left_alone,
		a_script_that_goes_on_to_a_prompt_gets_clean_modes,
		a_command_killed_before_it_left_its_screen_is_cleaned_up_after,
		a_shell_that_took_the_terminal_back_gets_clean_modes_and_draws_again,
		another_job_keeps_the_terminal_after_oc_runs_death,
		suspending_stops_a_job,
		suspending_goes_on_in_an_orphaned_group,
		tmux_main_screen_keeps_its_text_and_cursor,
		tmux_alternate_screen_is_left_with_the_old_text_and_cursor,
	};

	if (!have_tmux())
		return sys_skip("no tmux: the tests of the terminal need it");
	return unit_run("terminal", tests, ARRAY_SIZE(tests));
}
