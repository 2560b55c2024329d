/* SPDX-License-Identifier: MIT */

/*
 * attempt NAME [ARG]: does what the row NAME of the guard refuses, as far as it harms nobody: each
 * system call with arguments that the kernel rejects only after it has looked at the caller's
 * rights. Says "let through" and ends with 0, or says "refused" with the errno and ends with 1; a
 * row of many calls of which only some are refused ends with 2.
 *
 * attempts: the names, a line each.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

#define LOCK_BYTES ((size_t)80 << 20)
#define CALLS_MAX 12

/* What came of each call. */
struct outcome {
	int errors[CALLS_MAX];
	size_t count;
};

static void note(struct outcome *outcome, long result)
{
	outcome->errors[outcome->count++] = result < 0 ? errno : 0;
}

struct sched_attr_first {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static long set_attr(uint32_t policy, uint32_t priority)
{
	struct sched_attr_first attr = {
		.size = sizeof(attr),
		.policy = policy,
		.priority = priority,
	};

	return syscall(SYS_sched_setattr, 0, &attr, 0);
}

static void try_rtprio(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, set_attr(SCHED_FIFO, 1));
}

static void try_nice(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1));
}

static void try_memlock(struct outcome *outcome, const char *argument)
{
	void *memory = mmap(NULL, LOCK_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)argument;
	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	note(outcome, mlock2(memory, LOCK_BYTES, MLOCK_ONFAULT));
}

static void try_core(struct outcome *outcome, const char *argument)
{
	struct rlimit limit;

	(void)argument;
	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		die("getrlimit: %s", strerror(errno));
	errno = EPERM;
	note(outcome, limit.rlim_cur == 0 ? -1 : 0);
}

static void try_capability(struct outcome *outcome, int number)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, words) < 0)
		die("capget: %s", strerror(errno));
	errno = EPERM;
	note(outcome, words[number / 32].permitted & 1U << number % 32 ? 0 : -1);
}

static void try_cap_sys_nice(struct outcome *outcome, const char *argument)
{
	(void)argument;
	try_capability(outcome, CAP_SYS_NICE);
}

static void try_cap_sys_module(struct outcome *outcome, const char *argument)
{
	(void)argument;
	try_capability(outcome, CAP_SYS_MODULE);
}

static void try_cap_sys_boot(struct outcome *outcome, const char *argument)
{
	(void)argument;
	try_capability(outcome, CAP_SYS_BOOT);
}

static void try_cap_sys_rawio(struct outcome *outcome, const char *argument)
{
	(void)argument;
	try_capability(outcome, CAP_SYS_RAWIO);
}

static void try_cap_sys_time(struct outcome *outcome, const char *argument)
{
	(void)argument;
	try_capability(outcome, CAP_SYS_TIME);
}

static void try_real_time(struct outcome *outcome, const char *argument)
{
	struct sched_param one = { .sched_priority = 1 }, none = { 0 };

	(void)argument;
	note(outcome, syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &one));
	note(outcome, syscall(SYS_sched_setscheduler, 0, SCHED_RR | SCHED_RESET_ON_FORK, &one));
	/* The real call wants more than this: EINVAL. */
	note(outcome, syscall(SYS_sched_setscheduler, 0, SCHED_DEADLINE, &none));
	if (syscall(SYS_sched_setscheduler, 0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) < 0)
		die("SCHED_OTHER is refused too: %s", strerror(errno));
}

static void try_real_time_io(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome,
	     syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 4)));
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4)) <
	    0)
		die("best-effort I/O is refused too: %s", strerror(errno));
}

static void try_swap(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_swapon, "/nonexistent", 0));
	note(outcome, syscall(SYS_swapoff, "/nonexistent"));
}

static void try_modules(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_init_module, NULL, 0, ""));
	note(outcome, syscall(SYS_finit_module, -1, "", 0));
	note(outcome, syscall(SYS_delete_module, "oc_run_none", 0));
}

static void try_kexec(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_kexec_load, 0, 0, NULL, 0));
	note(outcome, syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, 0UL));
}

static void try_reboot(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_reboot, 1, 2, 3, NULL));
}

static void try_clock(struct outcome *outcome, const char *argument)
{
	struct timespec nonsense = { .tv_nsec = -1 };

	(void)argument;
	note(outcome, syscall(SYS_settimeofday, NULL, NULL));
	note(outcome, syscall(SYS_clock_settime, CLOCK_REALTIME, &nonsense));
}

/* On a terminal of our own: what is typed reaches nobody. */
static void try_terminal(struct outcome *outcome, const char *argument)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char byte = 'x', subcode = 6; /* TIOCL_GETSHIFTSTATE, of a console only */
	pid_t pid;
	int status;

	(void)argument;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		die("no pseudo-terminal: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		slave = open(ptsname(master), O_RDWR);
		_exit(slave >= 0 && ioctl(slave, TIOCSTI, &byte) == 0 ? 0 : errno);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("the child is gone");
	errno = WEXITSTATUS(status);
	note(outcome, errno ? -1 : 0);
	note(outcome, ioctl(master, TIOCLINUX, &subcode));
}

static void try_ports(struct outcome *outcome, const char *argument)
{
	(void)argument;
#ifdef SYS_ioperm
	note(outcome, syscall(SYS_ioperm, 0x80, 1, 1));
	note(outcome, syscall(SYS_iopl, 3));
#else
	errno = EPERM;
	note(outcome, -1);
#endif
}

static void try_accounting(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_acct, NULL));
	note(outcome, syscall(SYS_quotactl, 0, "/nonexistent", 0, NULL));
	note(outcome, syscall(SYS_quotactl_fd, -1, 0, 0, NULL));
}

static void try_hang_up(struct outcome *outcome, const char *argument)
{
	(void)argument;
	/* Without a terminal there is nothing to hang up. */
	if (getsid(0) != getpid() && setsid() < 0)
		die("setsid: %s", strerror(errno));
	note(outcome, syscall(SYS_vhangup));
}

static void try_open(struct outcome *outcome, const char *path, int flags)
{
	int fd;

	if (!path)
		die("a path is missing");
	fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	note(outcome, fd);
	if (fd >= 0)
		(void)close(fd);
}

static void try_cgroups(struct outcome *outcome, const char *argument)
{
	try_open(outcome, argument, 0);
}

static long number_of(const char *argument)
{
	if (!argument)
		die("a pid is missing");
	return parse_number(argument, 1, 1L << 22);
}

static void try_ptrace(struct outcome *outcome, const char *argument)
{
	pid_t pid = (pid_t)number_of(argument);
	long r = ptrace(PTRACE_SEIZE, pid, 0, 0);

	note(outcome, r);
	if (r == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && waitpid(pid, NULL, __WALL) == pid)
		(void)ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void try_sched_attr(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, set_attr(SCHED_OTHER, 0));
}

static void try_keys(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome,
	     syscall(SYS_add_key, "user", "oc-run-test", "x", 1, KEY_SPEC_PROCESS_KEYRING));
	note(outcome,
	     syscall(SYS_request_key, "user", "oc-run-none", NULL, KEY_SPEC_PROCESS_KEYRING));
	note(outcome, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1));
}

static void try_kernel_inside(struct outcome *outcome, const char *argument)
{
	struct perf_event_attr perf = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(perf),
		.config = PERF_COUNT_SW_TASK_CLOCK,
	};

	(void)argument;
	note(outcome, syscall(SYS_bpf, -1, NULL, 0));
	note(outcome, syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0UL));
	note(outcome, syscall(SYS_userfaultfd, 1));
}

static void try_handles(struct outcome *outcome, const char *argument)
{
	uint32_t nonsense[4] = { 8, 0, 0, 0 };

	(void)argument;
	note(outcome, syscall(SYS_open_by_handle_at, -1, nonsense, O_RDONLY));
	note(outcome, syscall(SYS_fanotify_init, 0, O_RDONLY));
}

static void try_mounts(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_mount, "none", "/nonexistent", "tmpfs", 0UL, NULL));
	note(outcome, syscall(SYS_umount2, "/nonexistent", 0));
	note(outcome, syscall(SYS_pivot_root, "/nonexistent", "/nonexistent"));
	note(outcome, syscall(SYS_fsopen, "oc-run-none", 0));
	note(outcome, syscall(SYS_fsconfig, -1, 0, NULL, NULL, 0));
	note(outcome, syscall(SYS_fsmount, -1, 0, 0));
	note(outcome, syscall(SYS_fspick, -1, "/nonexistent", 0));
	note(outcome, syscall(SYS_move_mount, -1, "/nonexistent", -1, "/nonexistent", 0));
	note(outcome, syscall(SYS_open_tree, -1, "/nonexistent", 0));
	note(outcome, syscall(SYS_mount_setattr, -1, "/nonexistent", 0, NULL, 0));
}

static void try_namespaces(struct outcome *outcome, const char *argument)
{
	long pid;

	(void)argument;
	note(outcome, syscall(SYS_setns, -1, 0));
	note(outcome, unshare(CLONE_NEWCGROUP));
	pid = syscall(SYS_clone, CLONE_NEWCGROUP | SIGCHLD, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		_exit(0);
	note(outcome, pid);
}

static void try_clone3(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_clone3, NULL, 0));
}

static void try_io_uring(struct outcome *outcome, const char *argument)
{
	(void)argument;
	note(outcome, syscall(SYS_io_uring_setup, 0, NULL));
	note(outcome, syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	note(outcome, syscall(SYS_io_uring_register, -1, 0, NULL, 0));
}

static void try_writes(struct outcome *outcome, const char *argument)
{
	try_open(outcome, argument, O_CREAT);
}

static void try_signals(struct outcome *outcome, const char *argument)
{
	note(outcome, kill((pid_t)number_of(argument), 0));
}

static void try_connect(struct outcome *outcome, const char *argument, bool is_abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = argument ? strlen(argument) : 0;

	if (fd < 0 || length == 0 || length + 1 >= sizeof(address.sun_path))
		die("a name of a socket is missing");
	memcpy(address.sun_path + (is_abstract ? 1 : 0), argument, length);
	note(outcome, connect(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1)));
	(void)close(fd);
}

static void try_abstract(struct outcome *outcome, const char *argument)
{
	try_connect(outcome, argument, true);
}

static void try_sockets(struct outcome *outcome, const char *argument)
{
	try_connect(outcome, argument, false);
}

static const struct attempt {
	const char *name;
	void (*run)(struct outcome *outcome, const char *argument);
} attempts[] = {
	{ "rtprio", try_rtprio },
	{ "nice", try_nice },
	{ "memlock", try_memlock },
	{ "core", try_core },
	{ "cap-sys-nice", try_cap_sys_nice },
	{ "cap-sys-module", try_cap_sys_module },
	{ "cap-sys-boot", try_cap_sys_boot },
	{ "cap-sys-rawio", try_cap_sys_rawio },
	{ "cap-sys-time", try_cap_sys_time },
	{ "real-time", try_real_time },
	{ "real-time-io", try_real_time_io },
	{ "swap", try_swap },
	{ "modules", try_modules },
	{ "kexec", try_kexec },
	{ "reboot", try_reboot },
	{ "clock", try_clock },
	{ "terminal", try_terminal },
	{ "ports", try_ports },
	{ "accounting", try_accounting },
	{ "hang-up", try_hang_up },
	{ "cgroups", try_cgroups },
	{ "ptrace", try_ptrace },
	{ "sched-attr", try_sched_attr },
	{ "keys", try_keys },
	{ "kernel-inside", try_kernel_inside },
	{ "handles", try_handles },
	{ "mounts", try_mounts },
	{ "namespaces", try_namespaces },
	{ "clone3", try_clone3 },
	{ "io-uring", try_io_uring },
	{ "writes", try_writes },
	{ "signals", try_signals },
	{ "abstract-sockets", try_abstract },
	{ "sockets", try_sockets },
};

int verb_attempts(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		(void)puts(attempts[i].name);
	return 0;
}

static bool is_refusal(const char *name, int error)
{
	if (strcmp(name, "clone3") == 0 || strcmp(name, "io-uring") == 0)
		return error == ENOSYS;
	if (strcmp(name, "sockets") == 0)
		return error != 0;
	if (strcmp(name, "memlock") == 0)
		return error == ENOMEM || error == EPERM;
	return error == EPERM || error == EACCES;
}

int verb_attempt(int argc, char **argv)
{
	const struct attempt *attempt = NULL;
	struct outcome outcome = { .count = 0 };
	size_t refused = 0;

	for (size_t i = 0; argc >= 1 && i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (strcmp(attempts[i].name, argv[0]) == 0)
			attempt = &attempts[i];
	if (!attempt)
		die("attempt wants one of the names that `payload attempts` lists");
	attempt->run(&outcome, argc > 1 ? argv[1] : NULL);
	for (size_t i = 0; i < outcome.count; i++)
		if (is_refusal(attempt->name, outcome.errors[i]))
			refused++;
	(void)fputs(refused == 0	       ? "let through:"
		    : refused == outcome.count ? "refused:"
					       : "mixed:",
		    stdout);
	for (size_t i = 0; i < outcome.count; i++)
		(void)printf(" %s", outcome.errors[i] ? strerrorname_np(outcome.errors[i]) : "0");
	(void)putchar('\n');
	return refused == 0 ? 0 : refused == outcome.count ? 1 : 2;
}
