/* SPDX-License-Identifier: MIT */

/*
 * The tree without a cgroup. First on a /proc made by hand, where pids can be reused and parents
 * form a ring; then on the real one.
 */

#include "sys.h"

#include <sys/mman.h>

#include "oc-run/tree.h"

#define ID "0123456789abcdef"
#define TAG "OC_RUN_SESSION=" ID

/* -- a /proc made by hand ------------------------------------------------------------------- */

struct fake {
	char folder[32];
	int fd;
};

/* Long before now, so that nobody is young. */
struct fake_process {
	pid_t pid, parent;
	uint64_t start_ticks;
	char state;
	const char *comm, *environ;
	size_t environ_length;
	pid_t process_group;	/* 0: its own */
	const char *executable; /* or NULL */
};

static void fake_set_up(struct fake *fake)
{
	(void)strcpy(fake->folder, "/tmp/oc-run-test-XXXXXX");
	expect(mkdtemp(fake->folder));
	fake->fd = open(fake->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(fake->fd >= 0);
}

static void fake_tear_down(struct fake *fake)
{
	char command[64];

	(void)close(fake->fd);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", fake->folder);
	expect_int(system(command), 0);
}

static void fake_put(struct fake *fake, const struct fake_process *process)
{
	char name[16], stat[256];
	int fd;

	(void)snprintf(name, sizeof(name), "%d", (int)process->pid);
	(void)mkdirat(fake->fd, name, 0700);
	fd = openat(fake->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(fd >= 0);
	(void)snprintf(stat, sizeof(stat),
		       "%d (%s) %c %d %d %d 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 %" PRIu64 " 0 0\n",
		       (int)process->pid, process->comm ? process->comm : "x",
		       process->state ? process->state : 'S', (int)process->parent,
		       process->process_group ? (int)process->process_group : (int)process->pid,
		       (int)process->pid, process->start_ticks);
	if (process->executable)
		(void)symlinkat(process->executable, fd, "exe");
	sys_write_file(fd, "stat", stat, strlen(stat));
	sys_write_file(fd, "status", "RssAnon:\t8 kB\nRssShmem:\t2 kB\nVmSwap:\t1 kB\n", 43);
	sys_write_file(fd, "cmdline", "a\0b\0", 4);
	sys_write_file(fd, "smaps_rollup", "Pss: 7 kB\nPss_Anon: 3 kB\nPss_Shmem: 1 kB\n", 41);
	sys_write_file(fd, "environ", process->environ ? process->environ : "",
		       process->environ_length);
	(void)close(fd);
}

static void fake_remove(struct fake *fake, pid_t pid)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r '%s/%d'", fake->folder, (int)pid);
	expect_int(system(command), 0);
}

static struct tree *fake_tree(const struct fake *fake, pid_t agent, pid_t exclude,
			      const char *agent_name)
{
	struct tree_request request = {
		.agent_name = agent_name,
		.session_id = ID,
		.agent = agent,
		.exclude = exclude,
		.proc_fd = fake->fd,
	};
	struct tree *tree = NULL;

	expect_int(tree_new(&request, &tree), 0);
	return tree;
}

static const struct tree_sample *scan(struct tree *tree)
{
	const struct tree_sample *sample = NULL;

	expect_int(tree_scan(tree, TREE_SCAN_OUTSIDE, &sample), 0);
	return sample;
}

static const struct tree_process *find(const struct tree_sample *sample, pid_t pid)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->processes[i].pid == pid)
			return &sample->processes[i];
	return NULL;
}

/* "100 101 ..." in the order of the sample. */
static const char *pids_of(const struct tree_sample *sample)
{
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sample->count && used < sizeof(text) - 16; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", i ? " " : "",
					 (int)sample->processes[i].pid);
	return text;
}

TEST(descendants_orphans_and_tagged_are_members_and_nobody_else)
{
	static const char other_tag[] = "A=1\0" TAG "0\0", own_tag[] = "A=1\0" TAG "\0B=2\0";
	const pid_t self = getpid();
	const struct fake_process processes[] = {
		{ .pid = 1,
		  .environ = own_tag,
		  .environ_length = sizeof(own_tag) - 1,
		  .start_ticks = 60 },
		{ .pid = self,
		  .parent = 1,
		  .start_ticks = 40,
		  .environ = own_tag,
		  .environ_length = sizeof(own_tag) - 1 },
		{ .pid = 100001, .parent = self, .start_ticks = 50 },	/* the agent */
		{ .pid = 100002, .parent = self, .start_ticks = 45 },	/* the keeper */
		{ .pid = 100003, .parent = 100002, .start_ticks = 61 }, /* its child: a stranger */
		{ .pid = 100004, .parent = 100001, .start_ticks = 51 },
		{ .pid = 99999, .parent = 100004, .start_ticks = 52 }, /* pids went round */
		{ .pid = 99998, .parent = 99999, .start_ticks = 53 },
		{ .pid = 100005, .parent = self, .start_ticks = 54 }, /* an orphan, ours now */
		{ .pid = 100006, .parent = 100005, .start_ticks = 55, .state = 'Z' },
		{ .pid = 100007,
		  .parent = 1,
		  .start_ticks = 56,
		  .environ = own_tag,
		  .environ_length = sizeof(own_tag) - 1 },
		{ .pid = 100008, .parent = 100007, .start_ticks = 57 },
		{ .pid = 100009,
		  .parent = 1,
		  .start_ticks = 58,
		  .environ = other_tag,
		  .environ_length = sizeof(other_tag) - 1 },
		{ .pid = 100010,
		  .parent = 1,
		  .start_ticks = 49,
		  .environ = own_tag,
		  .environ_length = sizeof(own_tag) - 1 },		/* before the session */
		{ .pid = 100011, .parent = 100011, .start_ticks = 60 }, /* a ring of one */
		{ .pid = 100012, .parent = 100013, .start_ticks = 60 }, /* of two */
		{ .pid = 100013, .parent = 100012, .start_ticks = 60 },
		{ .pid = 100015,
		  .parent = self,
		  .start_ticks = 50 }, /* what we were exec'ed over */
		{ .pid = 100016, .parent = 100015, .start_ticks = 62 }, /* left these two */
		/* Its parent's pid was given to another process: the parent is younger. */
		{ .pid = 100014, .parent = 100004, .start_ticks = 50 },
	};
	const struct tree_sample *sample;
	struct tree *tree;
	struct fake fake;

	fake_set_up(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(processes); i++)
		fake_put(&fake, &processes[i]);
	tree = fake_tree(&fake, 100001, 100002, NULL);
	sample = scan(tree);
	expect_text(pids_of(sample), "99998 99999 100001 100004 100005 100006 100007 100008");
	expect_uint(sample->alive, 7);
	expect_uint(sample->outside, 0);
	expect_uint(sample->tasks, 16);
	expect_uint(sample->resident_bytes, 8 * 10240);
	expect(find(sample, 100001)->is_agent);
	expect(!find(sample, 100004)->is_agent);
	expect_uint(find(sample, 100004)->swap_bytes, 1024);
	expect_text(find(sample, 100004)->command, "a b");
	expect_uint(tree_proportional_bytes(tree), 7 * 4096);
	tree_free(tree);
	fake_tear_down(&fake);
}

/* Which of the processes 11 (in the command's process group) and 12 (in its own), children of the
 * command, are as good as the command itself. */
TEST(only_what_a_launcher_runs_under_the_commands_name_is_spared)
{
	static const struct {
		const char *name, *command, *child;
		bool spared;
	} rows[] = {
		{ "npm's launcher and the real one", "/usr/bin/node", "/x/bin/.opencode", true },
		{ "without a dot", "/usr/bin/node", "/x/bin/opencode", true },
		{ "a tool of the launcher", "/usr/bin/node", "/usr/bin/bash", false },
		{ "an opencode that opencode runs as a tool", "/x/opencode", "/x/opencode", false },
		{ "a tool of the real one", "/x/opencode", "/usr/bin/bash", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake fake;
		struct tree *tree;
		const struct tree_sample *sample;

		unit_row = rows[i].name;
		fake_set_up(&fake);
		fake_put(&fake, &(struct fake_process){ .pid = 10,
							.parent = 1,
							.start_ticks = 5,
							.executable = rows[i].command });
		tree = fake_tree(&fake, 10, 0, "opencode");
		fake_put(&fake, &(struct fake_process){ .pid = 11,
							.parent = 10,
							.start_ticks = 6,
							.process_group = 10,
							.executable = rows[i].child });
		fake_put(&fake, &(struct fake_process){ .pid = 12,
							.parent = 10,
							.start_ticks = 6,
							.executable = rows[i].child });
		sample = scan(tree);
		expect(find(sample, 10)->is_spared);
		expect_int(find(sample, 11)->is_spared, rows[i].spared);
		expect(!find(sample, 12)->is_spared);
		tree_free(tree);
		fake_tear_down(&fake);
	}
}

TEST(a_member_stays_one_but_its_pid_does_not)
{
	const pid_t self = getpid();
	const struct tree_sample *sample;
	struct tree *tree;
	struct fake fake;

	fake_set_up(&fake);
	fake_put(&fake, &(struct fake_process){ .pid = 100001, .parent = self, .start_ticks = 50 });
	fake_put(&fake,
		 &(struct fake_process){ .pid = 100002, .parent = 100001, .start_ticks = 51 });
	fake_put(&fake,
		 &(struct fake_process){ .pid = 100003, .parent = 100001, .start_ticks = 51 });
	tree = fake_tree(&fake, 100001, 0, NULL);
	expect_text(pids_of(scan(tree)), "100001 100002 100003");

	/* Both lose their parent; one of them is another process now. */
	fake_remove(&fake, 100001);
	fake_put(&fake, &(struct fake_process){ .pid = 100002, .parent = 1, .start_ticks = 51 });
	fake_put(&fake, &(struct fake_process){ .pid = 100003, .parent = 1, .start_ticks = 99 });
	sample = scan(tree);
	expect_text(pids_of(sample), "100002");

	/* The agent's pid comes back as somebody else's, too. */
	fake_put(&fake, &(struct fake_process){ .pid = 100001, .parent = 1, .start_ticks = 100 });
	fake_put(&fake,
		 &(struct fake_process){ .pid = 100004, .parent = 100001, .start_ticks = 101 });
	expect_text(pids_of(scan(tree)), "100002");
	tree_free(tree);
	fake_tear_down(&fake);
}

TEST(without_an_agent_the_tag_alone_counts_whenever_it_was_started)
{
	static const char own_tag[] = TAG "\0";
	const pid_t self = getpid();
	struct tree *tree;
	struct fake fake;

	fake_set_up(&fake);
	fake_put(&fake, &(struct fake_process){ .pid = 100001, .parent = self, .start_ticks = 50 });
	fake_put(&fake, &(struct fake_process){ .pid = 100002,
						.parent = 1,
						.start_ticks = 1,
						.environ = own_tag,
						.environ_length = sizeof(own_tag) - 1 });
	tree = fake_tree(&fake, 0, 0, NULL);
	expect_text(pids_of(scan(tree)), "100002");
	tree_free(tree);
	fake_tear_down(&fake);
}

TEST(a_thousand_processes_in_a_row_are_followed)
{
	const pid_t self = getpid();
	struct tree *tree;
	struct fake fake;

	fake_set_up(&fake);
	/* Each is the child of the one with the next higher pid: the worst order there is. */
	for (pid_t pid = 100000; pid < 101000; pid++)
		fake_put(&fake,
			 &(struct fake_process){ .pid = pid,
						 .parent = pid == 100999 ? self : pid + 1,
						 .start_ticks = 50 + (uint64_t)(100999 - pid) });
	tree = fake_tree(&fake, 100999, 0, NULL);
	expect_uint(scan(tree)->count, 1000);
	tree_free(tree);
	fake_tear_down(&fake);
}

TEST(what_is_half_gone_is_left_out)
{
	const pid_t self = getpid();
	struct tree *tree;
	struct fake fake;
	int fd;

	fake_set_up(&fake);
	fake_put(&fake, &(struct fake_process){ .pid = 100001, .parent = self, .start_ticks = 50 });
	fake_put(&fake, &(struct fake_process){ .pid = 100002, .parent = self, .start_ticks = 51 });
	fd = openat(fake.fd, "100002", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree = fake_tree(&fake, 100001, 0, NULL);

	/* All but stat is gone: it is a member, of which little is known. */
	expect_int(unlinkat(fd, "status", 0) | unlinkat(fd, "cmdline", 0) |
			   unlinkat(fd, "environ", 0),
		   0);
	expect_text(pids_of(scan(tree)), "100001 100002");
	expect_text(find(tree_last(tree), 100002)->command, NULL);
	expect_uint(find(tree_last(tree), 100002)->resident_bytes, 0);
	sys_write_file(fd, "stat", "", 0);
	expect_text(pids_of(scan(tree)), "100001");
	(void)close(fd);
	tree_free(tree);
	fake_tear_down(&fake);
}

/* -- the real one --------------------------------------------------------------------------- */

struct session {
	int proc_fd;
	pid_t agent;
	struct tree *tree;
};

static void become_reaper(void)
{
	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

struct blocked_body {
	sys_body body;
	void *argument;
	int go_fd;
};

/* As the command of oc-run does: it is there, and begins when it is let go. */
static void begin_when_told(void *argument)
{
	const struct blocked_body *blocked = argument;
	int ready_fd = fcntl(sys_ready_fd, F_DUPFD_CLOEXEC, 0);
	char byte;

	sys_ready();
	if (read(blocked->go_fd, &byte, 1) != 1)
		_exit(1);
	sys_ready_fd = ready_fd;
	blocked->body(blocked->argument);
}

static struct session session_new(sys_body body, void *argument, pid_t exclude)
{
	struct session session = {
		.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	struct blocked_body blocked = { .body = body, .argument = argument };
	struct tree_request request;
	int go_fds[2], ready_fd;

	become_reaper();
	expect_int(pipe2(go_fds, O_CLOEXEC), 0);
	blocked.go_fd = go_fds[0];
	session.agent = sys_start_keeping(begin_when_told, &blocked, &ready_fd);
	request = (struct tree_request){
		.session_id = ID,
		.agent = session.agent,
		.exclude = exclude,
		.proc_fd = session.proc_fd,
	};
	expect_int(tree_new(&request, &session.tree), 0);
	expect_int(write(go_fds[1], "g", 1), 1);
	sys_wait_ready(ready_fd);
	(void)close(ready_fd);
	(void)close(go_fds[0]);
	(void)close(go_fds[1]);
	return session;
}

/* Everything of it ends; proves that SIGKILL by the tree is enough. */
static void session_end(struct session *session)
{
	const struct tree_sample *sample = NULL;

	for (int i = 0; i < SYS_LIFE_SECONDS * 100; i++) {
		(void)!tree_signal(session->tree, TREE_SIGNAL_ALL, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sample = scan(session->tree);
		if (sample->alive == 0)
			break;
		(void)usleep(10 * 1000);
	}
	expect_uint(sample->alive, 0);
	session->tree = tree_free(session->tree);
	(void)close(session->proc_fd);
}

/* A child, a grandchild in a session of its own, and an orphan of both kinds. */
static void with_family(void *unused)
{
	int own_fd, fd = sys_gather(&own_fd);
	pid_t orphan;

	(void)unused;
	if (fork() == 0) {
		if (fork() == 0) {
			(void)setsid();
			sys_idle(NULL);
		}
		sys_idle(NULL);
	}
	orphan = fork();
	if (orphan == 0) {
		if (fork() > 0)
			_exit(0);
		(void)setsid();
		sys_idle(NULL);
	}
	(void)waitpid(orphan, NULL, 0);
	sys_ready_after(fd, own_fd, 3);
	sys_sleep();
}

TEST(a_family_is_found_and_ended_whatever_session_its_members_are_in)
{
	const struct tree_sample *sample;
	struct session session;
	pid_t keeper;

	become_reaper();
	keeper = sys_start(sys_idle, NULL);
	session = session_new(with_family, NULL, keeper);
	sample = scan(session.tree);
	expect_uint(sample->count, 4);
	expect_uint(sample->alive, 4);
	for (size_t i = 0; i < sample->count; i++) {
		expect(sample->processes[i].pid != getpid());
		expect(sample->processes[i].pid != keeper);
		expect_text(sample->processes[i].name, "test-sys-tree");
		expect_contains(sample->processes[i].command, "test-sys-tree");
	}
	expect(find(sample, session.agent)->is_agent);
	session_end(&session);
	expect_int(kill(keeper, 0), 0);
	sys_end(keeper);
}

TEST(the_agents_status_is_left_to_be_waited_for)
{
	struct session session = session_new(with_family, NULL, 0);
	int status;

	expect_int(tree_signal(session.tree, TREE_SIGNAL_ALL, SIGKILL), 4);
	expect_int(waitpid(session.agent, &status, 0), session.agent);
	expect(WIFSIGNALED(status));
	expect_int(WTERMSIG(status), SIGKILL);
	session_end(&session);
}

static void with_memory(void *unused)
{
	size_t bytes = 16 << 20;
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	memset(memory, 1, bytes);
	sys_idle(NULL);
}

TEST(memory_is_that_which_is_no_file)
{
	struct session session = session_new(with_memory, NULL, 0);

	expect(scan(session.tree)->resident_bytes >= 16 << 20);
	expect(tree_proportional_bytes(session.tree) >= 16 << 20);
	session_end(&session);
}

TEST(what_the_dead_held_is_remembered)
{
	struct session session = session_new(with_memory, NULL, 0);
	const struct tree_sample *sample = scan(session.tree);
	siginfo_t info;

	expect_uint(sample->processes[0].held_bytes, sample->processes[0].resident_bytes);
	expect_int(kill(session.agent, SIGKILL), 0);
	expect_int(waitid(P_PID, (id_t)session.agent, &info, WEXITED | WNOWAIT), 0);
	sample = scan(session.tree);
	expect_uint(sample->processes[0].resident_bytes, 0);
	expect(sample->processes[0].held_bytes >= 16 << 20);
	session_end(&session);
}

static void with_zombie(void *unused)
{
	siginfo_t info;

	(void)unused;
	if (fork() == 0)
		_exit(0);
	/* It is dead, and stays unreaped. */
	(void)waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
	sys_idle(NULL);
}

TEST(a_zombie_is_a_task_but_is_not_alive)
{
	struct session session = session_new(with_zombie, NULL, 0);
	const struct tree_sample *sample = scan(session.tree);

	expect_uint(sample->alive, 1);
	expect_uint(sample->count, 2);
	expect_uint(sample->tasks, 2);
	expect_int(tree_signal(session.tree, TREE_SIGNAL_ALL, SIGCONT), 1);
	session_end(&session);
}

static int signal_fd;

static void on_signal(int number)
{
	char byte = (char)number;

	(void)!write(signal_fd, &byte, 1);
}

/* Writes a byte for each signal that arrives. */
static void with_handlers(void *argument)
{
	signal_fd = *(int *)argument;
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGCONT, on_signal);
	sys_idle(NULL);
}

TEST(sigterm_comes_once_and_sigcont_not_at_all_to_one_that_runs)
{
	struct session session;
	char bytes[8];
	int fds[2];

	expect_int(pipe2(fds, O_CLOEXEC), 0);
	session = session_new(with_handlers, &fds[1], 0);
	expect_int(tree_signal(session.tree, TREE_SIGNAL_ALL, SIGTERM), 1);
	expect_int(read(fds[0], bytes, 1), 1);
	expect_int(bytes[0], SIGTERM);
	session_end(&session);
	(void)close(fds[1]);
	expect_int(read(fds[0], bytes, sizeof(bytes)), 0);
	(void)close(fds[0]);
}

TEST(a_stopped_process_gets_to_see_sigterm_and_sighup)
{
	static const int signals[] = { SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct session session = session_new(sys_idle, NULL, 0);
		int status;

		expect_int(kill(session.agent, SIGSTOP), 0);
		expect_int(waitpid(session.agent, &status, WUNTRACED), session.agent);
		expect(WIFSTOPPED(status));
		expect_int(tree_signal(session.tree, TREE_SIGNAL_ALL, signals[i]), 1);
		expect_int(waitpid(session.agent, &status, 0), session.agent);
		expect(WIFSIGNALED(status));
		expect_int(WTERMSIG(status), signals[i]);
		session_end(&session);
	}
}

static void with_child_elsewhere(void *unused)
{
	int own_fd, fd = sys_gather(&own_fd);

	(void)unused;
	if (fork() == 0) {
		(void)setsid();
		sys_idle(NULL);
	}
	sys_ready_after(fd, own_fd, 1);
	sys_sleep();
}

TEST(the_agents_group_is_signalled_without_ourselves_in_it)
{
	struct session session = session_new(with_child_elsewhere, NULL, 0);
	const struct tree_sample *sample = scan(session.tree);
	int status;

	expect_uint(sample->alive, 2);
	expect_int(find(sample, session.agent)->process_group, getpgrp());
	/* The default action would end this test. */
	expect_int(tree_signal(session.tree, TREE_SIGNAL_AGENT_GROUP, SIGUSR1), 1);
	expect_int(waitpid(session.agent, &status, 0), session.agent);
	expect_int(WTERMSIG(status), SIGUSR1);
	expect_uint(scan(session.tree)->alive, 1);
	session_end(&session);
}

/* A process that runs away: it forks and exits, as its child does. Not without an end, in case
 * nobody catches it. */
static void run_away(void)
{
	for (int i = 0; i < 20000; i++) {
		pid_t pid = fork();

		if (pid != 0)
			_exit(0);
		(void)usleep(500);
	}
	_exit(0);
}

/* Some that run away, and children that are gone at once. */
static void with_restless_family(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			run_away();
	(void)signal(SIGCHLD, SIG_IGN);
	sys_ready();
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		(void)usleep(1000);
	}
}

TEST(scans_survive_processes_that_come_and_go_and_end_them)
{
	struct session session = session_new(with_restless_family, NULL, 0);

	for (int i = 0; i < 100; i++) {
		const struct tree_sample *sample = scan(session.tree);

		expect(find(sample, session.agent));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	session_end(&session);
}

static void exec_sleep(void *environment)
{
	char *const arguments[] = { (char *)"sleep", (char *)"59", NULL };

	(void)setsid();
	/* It is ready once exec has closed the pipe, which reads as an end: hence not CLOEXEC. */
	sys_ready();
	(void)execvpe("sleep", arguments, environment);
	_exit(1);
}

static const struct tree_process *scan_until_command(struct tree *tree, pid_t pid,
						     const char *command)
{
	const struct tree_process *process = NULL;

	for (int i = 0; i < SYS_LIFE_SECONDS * 100; i++) {
		process = find(scan(tree), pid);
		if (process && process->command && strcmp(process->command, command) == 0)
			break;
		(void)usleep(10 * 1000);
	}
	expect(process);
	expect_text(process->command, command);
	return process;
}

TEST(name_and_command_follow_exec)
{
	char *environment[] = { NULL };
	struct session session = session_new(exec_sleep, environment, 0);
	char path[64], target[256] = "";
	const struct tree_process *process;

	process = scan_until_command(session.tree, session.agent, "sleep 59");
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)session.agent);
	expect(readlink(path, target, sizeof(target) - 1) > 0);
	expect_text(process->name, strrchr(target, '/') + 1);
	session_end(&session);
}

/* A process that is no descendant of ours: forked before we were a subreaper. */
static void check_tag(char *variable, bool started_after, bool is_member)
{
	char *environment[] = { variable, NULL };
	struct session session = { 0 };
	struct tree_request request = { .session_id = ID };
	const struct tree_process *process = NULL;
	pid_t stranger = 0;

	expect_int(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	if (!started_after) {
		stranger = sys_start_orphan(exec_sleep, environment);
		(void)usleep(50 * 1000); /* start times are told in hundredths of a second */
	}
	session.agent = sys_start(sys_idle, NULL);
	if (started_after)
		stranger = sys_start_orphan(exec_sleep, environment);
	become_reaper();
	request.agent = session.agent;
	request.proc_fd = session.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect_int(tree_new(&request, &session.tree), 0);
	if (is_member)
		process = scan_until_command(session.tree, stranger, "sleep 59");
	else
		expect(!find(scan(session.tree), stranger));
	expect(process || !is_member);
	session_end(&session);
	if (is_member)
		sys_wait_gone(stranger);
	else
		sys_end(stranger);
}

TEST(the_tag_finds_those_that_left_the_family)
{
	char tag[] = TAG, other[] = TAG "0";

	unit_row = "tagged";
	check_tag(tag, true, true);
	unit_row = "another session's tag";
	check_tag(other, true, false);
	unit_row = "older than the session";
	check_tag(tag, false, false);
}

TEST(an_agent_that_is_gone_is_told)
{
	struct tree_request request = { .session_id = ID };
	struct tree *tree;
	pid_t pid = sys_start(sys_idle, NULL);

	sys_end(pid);
	request.agent = pid;
	request.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect_int(tree_new(&request, &tree), -ESRCH);
	(void)close(request.proc_fd);
}

UNIT_MAIN("tree", only_what_a_launcher_runs_under_the_commands_name_is_spared,
	  descendants_orphans_and_tagged_are_members_and_nobody_else,
	  a_member_stays_one_but_its_pid_does_not,
	  without_an_agent_the_tag_alone_counts_whenever_it_was_started,
	  a_thousand_processes_in_a_row_are_followed, what_is_half_gone_is_left_out,
	  a_family_is_found_and_ended_whatever_session_its_members_are_in,
	  the_agents_status_is_left_to_be_waited_for, memory_is_that_which_is_no_file,
	  what_the_dead_held_is_remembered, a_zombie_is_a_task_but_is_not_alive,
	  sigterm_comes_once_and_sigcont_not_at_all_to_one_that_runs,
	  a_stopped_process_gets_to_see_sigterm_and_sighup,
	  the_agents_group_is_signalled_without_ourselves_in_it,
	  scans_survive_processes_that_come_and_go_and_end_them, name_and_command_follow_exec,
	  the_tag_finds_those_that_left_the_family, an_agent_that_is_gone_is_told)
