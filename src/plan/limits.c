/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"

/* Less than this cannot even start a shell with its libraries; systemd's user manager has been
 * seen to spin on limits that small (systemd #40208). */
#define MEMORY_MIN (16 * MEBIBYTE)
/* The kernel takes a pids.max up to PID_MAX_LIMIT (kernel/cgroup/pids.c). */
#define PIDS_LIMIT_MAX UINT64_C(4194304)
/* cpu.max: the period is 100 ms and a quota of less than 1 ms is refused (kernel/sched/core.c). */
#define CPU_PERIOD_USEC UINT64_C(100000)
#define CPU_QUOTA_MIN_USEC UINT64_C(1000)
#define CPUS_MAX UINT64_C(100000)
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000

static const struct limit_row rows[LIMIT_COUNT] = {
	[LIMIT_MEMORY_MAX] = {
		.id = LIMIT_MEMORY_MAX, .kind = LIMIT_KIND_BYTES, .controller = CONTROLLER_MEMORY,
		.key = "mem", .cgroup_file = "memory.max", .systemd_property = "MemoryMax",
	},
	[LIMIT_MEMORY_HIGH] = {
		.id = LIMIT_MEMORY_HIGH, .kind = LIMIT_KIND_BYTES, .controller = CONTROLLER_MEMORY,
		.key = "high", .cgroup_file = "memory.high", .systemd_property = "MemoryHigh",
	},
	[LIMIT_MEMORY_SWAP_MAX] = {
		.id = LIMIT_MEMORY_SWAP_MAX, .kind = LIMIT_KIND_BYTES,
		.controller = CONTROLLER_MEMORY,
		.key = "swap", .cgroup_file = "memory.swap.max",
		.systemd_property = "MemorySwapMax",
	},
	[LIMIT_PIDS_MAX] = {
		.id = LIMIT_PIDS_MAX, .kind = LIMIT_KIND_COUNT, .controller = CONTROLLER_PIDS,
		.key = "pids", .cgroup_file = "pids.max", .systemd_property = "TasksMax",
	},
	[LIMIT_CPU_MAX] = {
		.id = LIMIT_CPU_MAX, .kind = LIMIT_KIND_CPUS, .controller = CONTROLLER_CPU,
		.key = "cpus", .cgroup_file = "cpu.max", .systemd_property = "CPUQuotaPerSecUSec",
	},
	[LIMIT_CPU_WEIGHT] = {
		.id = LIMIT_CPU_WEIGHT, .kind = LIMIT_KIND_WEIGHT, .controller = CONTROLLER_CPU,
		.key = "cpu-weight", .cgroup_file = "cpu.weight", .systemd_property = "CPUWeight",
	},
	[LIMIT_IO_WEIGHT] = {
		.id = LIMIT_IO_WEIGHT, .kind = LIMIT_KIND_WEIGHT, .controller = CONTROLLER_IO,
		.key = "io-weight", .cgroup_file = "io.weight", .systemd_property = "IOWeight",
	},
};

const struct limit_row *limit_row(enum limit_id id)
{
	return &rows[id];
}

static int parse_bytes(const struct limit_row *row, const char *text, uint64_t ram_bytes,
		       uint64_t *ret_value, struct diag *diag)
{
	uint64_t value;
	int r;

	r = parse_size(text, ram_bytes, &value, diag);
	if (r < 0)
		return r;
	/* No swap at all is a sensible wish, no memory is not. */
	if (row->id != LIMIT_MEMORY_SWAP_MAX && value < MEMORY_MIN)
		return diag_set(
			diag, -EINVAL,
			"is less than 16M, which no command can start in; write for example 4G");
	*ret_value = value;
	return 0;
}

static int parse_count(const char *text, uint64_t *ret_value, struct diag *diag)
{
	uint64_t value;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_value = LIMIT_UNLIMITED;
		return 0;
	}
	r = parse_unsigned(text, &value);
	if (r == -ERANGE || (r == 0 && value > PIDS_LIMIT_MAX))
		return diag_set(diag, -EINVAL,
				"is more than Linux can have (%" PRIu64 "); write max for no limit",
				PIDS_LIMIT_MAX);
	if (r < 0 || value == 0)
		return diag_set(
			diag, -EINVAL,
			"%s; write a whole number of processes and threads from 1 on, or max",
			*text ? "is no number of tasks" : "is empty");
	*ret_value = value;
	return 0;
}

static int parse_cpus(const char *text, uint64_t *ret_value, struct diag *diag)
{
	static const char advice[] = "write a number of CPUs such as 2 or 1.5, or max";
	const char *end = text;
	uint64_t value;
	int r;

	if (strcmp(text, "max") == 0) {
		*ret_value = LIMIT_UNLIMITED;
		return 0;
	}
	r = parse_decimal(text, 1000, &value, &end);
	if (r == -EDOM && !*end)
		return diag_set(diag, -EINVAL, "has more than three places after the point");
	if (r == -ERANGE || (r == 0 && !*end && value > CPUS_MAX * 1000))
		return diag_set(diag, -EINVAL, "is too large; %s", advice);
	if (r < 0 || *end)
		return diag_set(diag, -EINVAL, "%s; %s",
				*text ? "is no number of CPUs" : "is empty", advice);
	if (value * (CPU_PERIOD_USEC / 1000) < CPU_QUOTA_MIN_USEC)
		return diag_set(diag, -EINVAL, "is less than 0.01, the least that Linux can give");
	*ret_value = value;
	return 0;
}

static int parse_weight(const char *text, uint64_t *ret_value, struct diag *diag)
{
	uint64_t value;

	if (parse_unsigned(text, &value) < 0 || value < WEIGHT_MIN || value > WEIGHT_MAX)
		return diag_set(
			diag, -EINVAL,
			"%s; write a whole number from 1 to 10000 (100 is what everybody has)",
			*text ? "is no weight" : "is empty");
	*ret_value = value;
	return 0;
}

int limit_parse(const struct limit_row *row, const char *text, uint64_t ram_bytes,
		uint64_t *ret_value, struct diag *diag)
{
	switch (row->kind) {
	case LIMIT_KIND_BYTES:
		return parse_bytes(row, text, ram_bytes, ret_value, diag);
	case LIMIT_KIND_COUNT:
		return parse_count(text, ret_value, diag);
	case LIMIT_KIND_CPUS:
		return parse_cpus(text, ret_value, diag);
	case LIMIT_KIND_WEIGHT:
		return parse_weight(text, ret_value, diag);
	}
	return -EINVAL;
}

void limit_format_cgroup(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX])
{
	if (value == LIMIT_UNLIMITED)
		(void)snprintf(text, LIMIT_TEXT_MAX, "max");
	else if (row->kind == LIMIT_KIND_CPUS)
		(void)snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64 " %" PRIu64,
			       value * (CPU_PERIOD_USEC / 1000), CPU_PERIOD_USEC);
	else if (row->id == LIMIT_IO_WEIGHT)
		(void)snprintf(text, LIMIT_TEXT_MAX, "default %" PRIu64, value);
	else
		(void)snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64, value);
}

/* Thousandths without the zeros at the end: 1500 is "1.5", 2000 is "2". */
static void format_thousandths(uint64_t value, char text[LIMIT_TEXT_MAX])
{
	int length = snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64 ".%03" PRIu64, value / 1000,
			      value % 1000);

	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[length - 1] = '\0';
}

void limit_format_human(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX])
{
	char number[LIMIT_TEXT_MAX];

	_Static_assert(FORMAT_TEXT_MAX == LIMIT_TEXT_MAX,
		       "format_bytes() writes into the same buffer");
	if (value == LIMIT_UNLIMITED) {
		(void)snprintf(text, LIMIT_TEXT_MAX, "no limit");
		return;
	}
	switch (row->kind) {
	case LIMIT_KIND_BYTES:
		format_bytes(value, text);
		break;
	case LIMIT_KIND_COUNT:
		(void)snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64 " task%s", value,
			       value == 1 ? "" : "s");
		break;
	case LIMIT_KIND_CPUS:
		format_thousandths(value, number);
		(void)snprintf(text, LIMIT_TEXT_MAX, "%.32s CPU%s", number,
			       value == 1000 ? "" : "s");
		break;
	case LIMIT_KIND_WEIGHT:
		(void)snprintf(text, LIMIT_TEXT_MAX, "weight %" PRIu64, value);
		break;
	}
}

void limit_format_option(const struct limit_row *row, uint64_t value, char text[LIMIT_TEXT_MAX])
{
	static const char letters[] = "KMGT";
	size_t i = 0;

	if (value == LIMIT_UNLIMITED) {
		(void)snprintf(text, LIMIT_TEXT_MAX, "max");
		return;
	}
	if (row->kind == LIMIT_KIND_CPUS) {
		format_thousandths(value, text);
		return;
	}
	if (row->kind != LIMIT_KIND_BYTES || value == 0 || value % 1024 != 0) {
		(void)snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64, value);
		return;
	}
	for (value /= 1024; value % 1024 == 0 && letters[i + 1]; i++)
		value /= 1024;
	(void)snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64 "%c", value, letters[i]);
}

/* One word of a kernel file: "max" or a number. */
static int parse_kernel_number(const char *text, size_t length, uint64_t *ret_value)
{
	char word[LIMIT_TEXT_MAX];

	if (length >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, length);
	word[length] = '\0';
	if (strcmp(word, "max") == 0) {
		*ret_value = LIMIT_UNLIMITED;
		return 0;
	}
	return parse_unsigned(word, ret_value);
}

static int parse_kernel_cpu_max(const char *text, uint64_t *ret_value)
{
	size_t length = strcspn(text, " \n");
	uint64_t quota, period;

	if (parse_kernel_number(text, length, &quota) < 0 || text[length] != ' ')
		return -EINVAL;
	text += length + 1;
	if (parse_kernel_number(text, strcspn(text, "\n"), &period) < 0 || period == 0 ||
	    period == LIMIT_UNLIMITED)
		return -EINVAL;
	*ret_value = quota == LIMIT_UNLIMITED
			     ? quota
			     : (uint64_t)((unsigned __int128)quota * 1000 / period);
	return 0;
}

int limit_parse_cgroup(const struct limit_row *row, const char *text, uint64_t *ret_value)
{
	static const char prefix[] = "default ";

	if (row->kind == LIMIT_KIND_CPUS)
		return parse_kernel_cpu_max(text, ret_value);
	/* io.weight: "default 100", then a line for each device that differs. */
	if (row->id == LIMIT_IO_WEIGHT) {
		if (strncmp(text, prefix, strlen(prefix)) != 0)
			return -EINVAL;
		text += strlen(prefix);
	}
	return parse_kernel_number(text, strcspn(text, "\n"), ret_value);
}

bool limit_matches(const struct limit_row *row, uint64_t wanted, uint64_t read_back,
		   uint64_t page_bytes)
{
	if (wanted == read_back)
		return true;
	if (row->kind != LIMIT_KIND_BYTES || page_bytes == 0)
		return false;
	/* The counter is a signed long of pages; above it the kernel says "max"
	 * (include/linux/page_counter.h). */
	if (read_back == LIMIT_UNLIMITED)
		return wanted / page_bytes >= (uint64_t)INT64_MAX / page_bytes;
	return wanted != LIMIT_UNLIMITED && wanted / page_bytes == read_back / page_bytes;
}

uint64_t limit_systemd_value(const struct limit_row *row, uint64_t value)
{
	if (row->kind == LIMIT_KIND_CPUS && value != LIMIT_UNLIMITED)
		return value * 1000;
	return value;
}
