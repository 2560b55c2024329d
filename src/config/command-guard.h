/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

struct command_guard {
	pid_t pid;	   /* 0: none, or not stamped */
	const char *paths; /* parted by colons; "" if there are none; borrowed */
};

struct command_guard command_guard_parse(const char *value);

/* How often @path stands in it. */
unsigned command_guard_count(const struct command_guard *guard, const char *path);

/* "OC_RUN_RESOLVED=<pid>:<paths of @before>:@path". Caller frees. */
char *command_guard_format(const struct command_guard *before, pid_t pid, const char *path);
