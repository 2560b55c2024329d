/* SPDX-License-Identifier: MIT */

/*
 * The system calls of the guard as a seccomp filter. libseccomp writes the program; it comes back
 * through a memfd, so that the stub, which allocates nothing, only hands it to the kernel.
 *
 * All is allowed but what the table names. Programs of the machine's other ABIs (32 bits) get the
 * same rules; those of an ABI that is not named are let through, as libseccomp would kill them.
 */

#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "guard-internal.h"

static void release_filter(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

/* A library or a kernel that does not know the ABI leaves it out. */
static int add_other_abis(scmp_filter_ctx filter)
{
	static const struct {
		uint32_t native, other;
	} pairs[] = {
		{ SCMP_ARCH_X86_64, SCMP_ARCH_X86 },
		{ SCMP_ARCH_X86_64, SCMP_ARCH_X32 },
		{ SCMP_ARCH_AARCH64, SCMP_ARCH_ARM },
	};
	uint32_t native = seccomp_arch_native();
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pairs); i++) {
		if (pairs[i].native != native)
			continue;
		r = seccomp_arch_add(filter, pairs[i].other);
		if (r == -EEXIST)
			r = 0;
	}
	return r;
}

static int add_call(scmp_filter_ctx filter, const struct guard_row *row,
		    const struct guard_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);
	uint32_t action = SCMP_ACT_ERRNO((uint16_t)row->error);
	struct scmp_arg_cmp compare = { call->argument, SCMP_CMP_MASKED_EQ, call->mask,
					call->value };

	/* Younger than the library: it can't be named. */
	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, action, number, call->mask ? 1 : 0, &compare);
}

static int add_rows(scmp_filter_ctx filter, const struct guard_choice *choice)
{
	int r = 0;

	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);

		if (row->kind != GUARD_CALLS || choice->rows[i] != GUARD_ON)
			continue;
		for (const struct guard_call *call = row->calls; r == 0 && call->name; call++)
			r = add_call(filter, row, call);
	}
	return r;
}

static bool has_calls(const struct guard_choice *choice)
{
	for (size_t i = 0; i < guard_row_count(); i++)
		if (guard_row(i)->kind == GUARD_CALLS && choice->rows[i] == GUARD_ON)
			return true;
	return false;
}

static int export(scmp_filter_ctx filter, struct sock_filter **ret, unsigned short *ret_length)
{
	_cleanup_close_ int fd = memfd_create("oc-run-filter", MFD_CLOEXEC);
	_cleanup_free_ struct sock_filter *program = NULL;
	struct stat file;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(filter, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &file) < 0)
		return -errno;
	if (file.st_size / (off_t)sizeof(*program) > BPF_MAXINSNS)
		return -E2BIG;
	program = malloc((size_t)file.st_size);
	if (!program)
		return -ENOMEM;
	if (pread(fd, program, (size_t)file.st_size, 0) != file.st_size)
		return -EIO;
	*ret_length = (unsigned short)((size_t)file.st_size / sizeof(*program));
	*ret = take_pointer(program);
	return 0;
}

int guard_filter_build(const struct guard_choice *choice, struct sock_filter **ret,
		       unsigned short *ret_length, struct diag *diag)
{
	__attribute__((cleanup(release_filter))) scmp_filter_ctx filter = NULL;
	int r;

	if (!has_calls(choice))
		return 0;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	if (r == 0)
		r = add_other_abis(filter);
	/* Searched as a tree, and not from the first to the last at each call. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rows(filter, choice);
	if (r == 0)
		r = export(filter, ret, ret_length);
	if (r < 0)
		return diag_set(diag, r, "cannot make the filter of system calls: %s",
				strerror(-r));
	return 0;
}
