/* SPDX-License-Identifier: MIT */

/*
 * The table of the guard: what is refused from which level on, and why. Read it from above: each row
 * is something that a cgroup does not stop. The memory, tasks and CPU that a session takes are no
 * matter of this table: they are limits.
 *
 * A call with a comparison has one comparison a rule: libseccomp before 2.6.1 can merge those of 64
 * bits wrongly (GHSA-4q85-33p6-j5g6). A flag in a struct behind a pointer can't be seen by a filter.
 */

#include <errno.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "oc-run/guard.h"
#include "oc-run/parse.h"

#define LEFT_ALONE UINT64_MAX
#define MEMLOCK_MAX (64 * MEBIBYTE)

/* The policy is an int; SCHED_RESET_ON_FORK (bit 30) may be with it. */
#define POLICY_MASK 0xbfffffffU
#define POLICY_FIFO 1
#define POLICY_ROUND_ROBIN 2
#define POLICY_DEADLINE 6
/* ioprio_set(2): the class is above bit 13. */
#define IOPRIO_CLASS_BITS 0xe000U
#define IOPRIO_REAL_TIME ((uint64_t)IOPRIO_CLASS_RT << IOPRIO_CLASS_SHIFT)
/* The kernel looks at 32 bits of an ioctl's number. */
#define IOCTL_MASK 0xffffffffU

#define CALL(call_name)           \
	{                         \
		.name = call_name \
	}
#define CALL_IF(call_name, number, bits, equal)                                     \
	{                                                                           \
		.name = call_name, .argument = number, .mask = bits, .value = equal \
	}
#define CALLS(...)                   \
	(const struct guard_call[])  \
	{                            \
		__VA_ARGS__,         \
		{                    \
			.name = NULL \
		}                    \
	}

static const struct guard_row rows[] = {
	/* ---- always ---- */
	{
		.name = "rtprio",
		.kind = GUARD_RLIMIT,
		.number = RLIMIT_RTPRIO,
		.what = "real-time priority by rlimit",
		.reason = "a real-time task takes a CPU from all others, sshd and desktop too",
	},
	{
		.name = "nice",
		.kind = GUARD_RLIMIT,
		.number = RLIMIT_NICE,
		.what = "a nice value below the present one",
		.reason = "it takes CPU time from the rest of the machine",
	},
	{
		.name = "memlock",
		.kind = GUARD_RLIMIT,
		.number = RLIMIT_MEMLOCK,
		.soft = MEMLOCK_MAX,
		.hard = MEMLOCK_MAX,
		.what = "more than 64 MiB of locked memory",
		.reason = "it can't be reclaimed or swapped, only killed for",
	},
	{
		.name = "core",
		.kind = GUARD_RLIMIT,
		.number = RLIMIT_CORE,
		.hard = LEFT_ALONE,
		.what = "core files, until `ulimit -c`",
		.reason = "one of a process of gigabytes fills the disk",
	},
	{
		.name = "cap-sys-nice",
		.kind = GUARD_CAPABILITY,
		.number = CAP_SYS_NICE,
		.what = "CAP_SYS_NICE",
		.reason = "real-time scheduling, also the kinds that a filter can't see",
	},
	{
		.name = "cap-sys-module",
		.kind = GUARD_CAPABILITY,
		.number = CAP_SYS_MODULE,
		.what = "CAP_SYS_MODULE",
		.reason = "a module is code in the kernel",
	},
	{
		.name = "cap-sys-boot",
		.kind = GUARD_CAPABILITY,
		.number = CAP_SYS_BOOT,
		.what = "CAP_SYS_BOOT",
		.reason = "the machine goes down with everything on it",
	},
	{
		.name = "cap-sys-rawio",
		.kind = GUARD_CAPABILITY,
		.number = CAP_SYS_RAWIO,
		.what = "CAP_SYS_RAWIO",
		.reason = "ports and memory of devices hang machines",
	},
	{
		.name = "cap-sys-time",
		.kind = GUARD_CAPABILITY,
		.number = CAP_SYS_TIME,
		.what = "CAP_SYS_TIME",
		.reason = "a clock that jumps breaks timers, builds and certificates",
	},
	/* ---- basic; root has these always ---- */
	{
		.name = "real-time",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL_IF("sched_setscheduler", 1, POLICY_MASK, POLICY_FIFO),
			       CALL_IF("sched_setscheduler", 1, POLICY_MASK, POLICY_ROUND_ROBIN),
			       CALL_IF("sched_setscheduler", 1, POLICY_MASK, POLICY_DEADLINE)),
		.what = "real-time scheduling",
		.reason = "a real-time task takes a CPU from all others",
	},
	{
		.name = "real-time-io",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL_IF("ioprio_set", 2, IOPRIO_CLASS_BITS, IOPRIO_REAL_TIME)),
		.what = "real-time I/O priority",
		.reason = "all other reads and writes wait for it",
	},
	{
		.name = "swap",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("swapon"), CALL("swapoff")),
		.what = "swap on and off",
		.reason = "swapoff moves all of swap into RAM, swapon takes a disk",
	},
	{
		.name = "modules",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("init_module"), CALL("finit_module"), CALL("delete_module")),
		.what = "modules of the kernel",
		.reason = "a module is code in the kernel",
	},
	{
		.name = "kexec",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("kexec_load"), CALL("kexec_file_load")),
		.what = "another kernel",
		.reason = "it ends the one that runs",
	},
	{
		.name = "reboot",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("reboot")),
		.what = "reboot(2)",
		.reason = "it goes down at once, with nothing written back",
	},
	{
		.name = "clock",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("settimeofday"), CALL("clock_settime"), CALL("clock_settime64"),
			       CALL("stime")),
		.what = "setting the clock",
		.reason = "timers, builds and certificates break",
	},
	{
		.name = "terminal",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL_IF("ioctl", 1, IOCTL_MASK, TIOCSTI),
			       CALL_IF("ioctl", 1, IOCTL_MASK, TIOCLINUX)),
		.what = "typing into the terminal (TIOCSTI, TIOCLINUX)",
		.reason = "the shell outside runs what was typed once the session is over",
	},
	{
		.name = "ports",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("iopl"), CALL("ioperm")),
		.what = "ports of devices",
		.reason = "they hang machines",
	},
	{
		.name = "accounting",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("acct"), CALL("quotactl"), CALL("quotactl_fd")),
		.what = "process accounting, disk quotas",
		.reason = "they are the machine's, for all users",
	},
	{
		.name = "hang-up",
		.level = GUARD_BASIC,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("vhangup")),
		.what = "hanging up the terminal",
		.reason = "it belongs to the shell outside as well",
	},
	/* ---- basic, for root as well ---- */
	{
		.name = "cgroups",
		.level = GUARD_BASIC,
		.kind = GUARD_CGROUPS,
		.what = "writing to files of cgroups",
		.reason = "limits are raised there, and left for another cgroup",
	},
	{
		.name = "ptrace",
		.level = GUARD_BASIC,
		.kind = GUARD_PTRACE,
		.what = "tracing processes outside of the session",
		.reason = "a process outside is made to do what is refused inside",
	},
	/* ---- strict ---- */
	{
		.name = "sched-attr",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("sched_setattr")),
		.what = "sched_setattr(2)",
		.reason = "a real-time policy behind a pointer is not seen by a filter",
	},
	{
		.name = "keys",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("add_key"), CALL("request_key"), CALL("keyctl")),
		.what = "keyrings of the kernel",
		.reason = "they have one quota for all of the user, and outlive the session",
	},
	{
		.name = "kernel-inside",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("bpf"), CALL("perf_event_open"), CALL("userfaultfd")),
		.what = "bpf, perf events, userfaultfd",
		.reason = "they reach deep into the kernel, and most of its holes are there",
	},
	{
		.name = "handles",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("open_by_handle_at"), CALL("fanotify_init")),
		.what = "files by handle, fanotify",
		.reason = "both reach files that no path of the session leads to",
	},
	{
		.name = "mounts",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("mount"), CALL("umount2"), CALL("pivot_root"), CALL("fsopen"),
			       CALL("fsconfig"), CALL("fsmount"), CALL("fspick"),
			       CALL("move_mount"), CALL("open_tree"), CALL("mount_setattr")),
		.what = "mounting",
		.reason = "another view of the files leads round what is hidden",
	},
	{
		.name = "namespaces",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = EPERM,
		.calls = CALLS(CALL("setns"),
			       CALL_IF("unshare", 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP),
			       CALL_IF("clone", 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP)),
		.what = "entering namespaces, making one of cgroups",
		.reason = "those of other processes lead out of the session",
	},
	{
		.name = "clone3",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = ENOSYS,
		.calls = CALLS(CALL("clone3")),
		.what = "clone3(2); programs go on with clone(2)",
		.reason = "its flags are behind a pointer, which a filter does not see",
	},
	{
		.name = "io-uring",
		.level = GUARD_STRICT,
		.kind = GUARD_CALLS,
		.error = ENOSYS,
		.calls = CALLS(CALL("io_uring_setup"), CALL("io_uring_enter"),
			       CALL("io_uring_register")),
		.what = "io_uring; programs go on without",
		.reason = "what goes through it is no system call, and no filter sees it",
	},
	{
		.name = "writes",
		.level = GUARD_STRICT,
		.kind = GUARD_WRITES,
		.what = "writing outside project, state, caches and temporary folders",
		.reason = "start-up files of the shell and of the desktop run outside later",
	},
	{
		.name = "signals",
		.level = GUARD_STRICT,
		.kind = GUARD_SIGNALS,
		.what = "signals to processes outside of the session",
		.reason = "oc-run, the shell and the editor are the user's as well",
	},
	{
		.name = "abstract-sockets",
		.level = GUARD_STRICT,
		.kind = GUARD_ABSTRACT,
		.what = "abstract sockets of processes outside",
		.reason = "whoever listens there may start something outside",
	},
	{
		.name = "sockets",
		.level = GUARD_STRICT,
		.kind = GUARD_SOCKETS,
		.what = "sockets of systemd, D-Bus, containers, tmux and screen",
		.reason = "all of them start processes outside of the session",
	},
};

_Static_assert(ARRAY_SIZE(rows) <= GUARD_ROWS_MAX, "struct guard_choice has a place for each");

const struct guard_row *guard_row(size_t index)
{
	return &rows[index];
}

size_t guard_row_count(void)
{
	return ARRAY_SIZE(rows);
}
