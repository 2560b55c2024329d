/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one table of limits. A row per limit; options, configuration, both backends, the read-back,
 * the help, the completions and the man page's check all come from it. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"
#include "oc-run/diag.h"

enum limit_id {
	LIMIT_MEMORY_MAX,
	LIMIT_MEMORY_HIGH,
	LIMIT_MEMORY_SWAP_MAX,
	LIMIT_PIDS_MAX,
	LIMIT_CPU_MAX,
	LIMIT_CPU_WEIGHT,
	LIMIT_IO_WEIGHT,
	LIMIT_COUNT,
};

enum limit_kind {
	LIMIT_KIND_BYTES,  /* bytes */
	LIMIT_KIND_COUNT,  /* tasks: processes and threads */
	LIMIT_KIND_CPUS,   /* thousandths of a CPU */
	LIMIT_KIND_WEIGHT, /* 1 to 10000, 100 is a normal process's */
};

/* Controllers, as bits: what a cgroup offers in cgroup.controllers. */
enum controller {
	CONTROLLER_MEMORY = 1 << 0,
	CONTROLLER_PIDS = 1 << 1,
	CONTROLLER_CPU = 1 << 2,
	CONTROLLER_IO = 1 << 3,
};

/* "max" in the kernel's files. */
#define LIMIT_UNLIMITED UINT64_MAX
#define LIMIT_TEXT_MAX 64

struct limit_row {
	enum limit_id id;
	enum limit_kind kind;
	enum controller controller;
	const char *key;	      /* option --KEY, configuration key, OC_RUN_KEY: "mem" */
	const char *cgroup_file;      /* "memory.max" */
	const char *systemd_property; /* "MemoryMax"; all are of D-Bus type "t" */
};

const struct limit_row *limit_row(enum limit_id id);

/* Text of a person ("4G", "1536M", "25%", "max", "1.5" for CPUs) to a value in the row's unit.
 * @ram_bytes is what a percentage of bytes refers to. Errors: -EINVAL with @diag. */
_must_check_ int limit_parse(const struct limit_row *row, const char *text, uint64_t ram_bytes,
			     uint64_t *ret_value, struct diag *diag);

/* What is written to the cgroup file ("max", "4294967296", "150000 100000", "default 50"). */
void limit_format_cgroup(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX]);

/* What a person reads ("4.0 GiB", "4096 tasks", "1.5 CPUs", "weight 50", "no limit"). */
void limit_format_human(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX]);

/* The shortest text that --KEY would take for this value ("4G", "1536M", "max"). */
void limit_format_option(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX]);

/* What the cgroup file says, as a value. -EINVAL when it is not of the kernel's form. */
_must_check_ int limit_parse_cgroup(const struct limit_row *row, const char *text,
				    uint64_t *ret_value);

/* Is what was read back what was asked for? The kernel rounds bytes down to whole pages. */
bool limit_matches(const struct limit_row *row, uint64_t wanted, uint64_t read_back,
		   uint64_t page_bytes);

/* The value for the systemd property of the row (CPUQuotaPerSecUSec wants microseconds a second). */
uint64_t limit_systemd_value(const struct limit_row *row, uint64_t value);
