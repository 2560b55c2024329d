/* SPDX-License-Identifier: MIT */

/*
 * The lines of mm/oom_kill.c. The names in them (comm, cgroups) are chosen by users and may hold
 * any byte, so that a name is what lies between the first mark before it and the last one after it.
 */

#include "oc-run/kernel-log.h"

#include <ctype.h>
#include <string.h>

#include "oc-run/proc-parse.h"

/* TASK_COMM_LEN - 1 */
#define COMM_LENGTH_MAX 15

static bool parse_pid(const char *text, pid_t *ret)
{
	long number = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		number = number * 10 + (*text - '0');
		/* 2^22 is the most that the kernel can be told. */
		if (number > 1L << 30)
			return false;
	}
	*ret = (pid_t)number;
	return number > 0;
}

/* "name:123kB" somewhere in @text; 0 when it is not there. */
static uint64_t parse_kilobytes(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t number = 0;

	if (!at)
		return 0;
	for (at += strlen(name); *at >= '0' && *at <= '9' && number < UINT64_MAX / 1024 / 16; at++)
		number = number * 10 + (uint64_t)(*at - '0');
	return strncmp(at, "kB", 2) == 0 ? number * 1024 : 0;
}

static const char *find_last(const char *text, const char *part, const char *end)
{
	size_t length = strlen(part);

	for (; (size_t)(end - text) >= length; end--)
		if (memcmp(end - length, part, length) == 0)
			return end - length;
	return NULL;
}

/* "...,task_memcg=CGROUP,task=COMM,pid=N,uid=N", from its end: COMM is short, CGROUP anything. */
static bool parse_summary(struct kernel_kill_parser *state, const char *message)
{
	static const char memcg_mark[] = ",task_memcg=", task_mark[] = ",task=",
			  pid_mark[] = ",pid=";
	const char *end = message + strlen(message), *memcg, *task, *earlier, *pid;
	size_t length;

	pid = find_last(message, pid_mark, end);
	if (!pid || !parse_pid(pid + strlen(pid_mark), &state->pid))
		return false;
	task = find_last(message, task_mark, pid);
	if (!task)
		return false;
	/* A task may be called "a,task=b". */
	earlier = find_last(message, task_mark, task);
	if (earlier && pid - earlier <= (ptrdiff_t)(strlen(task_mark) + COMM_LENGTH_MAX))
		task = earlier;
	memcg = find_last(message, memcg_mark, task);
	if (!memcg)
		return false;
	memcg += strlen(memcg_mark);
	length = (size_t)(task - memcg);
	/* Half a path would be another cgroup's. */
	if (length >= sizeof(state->cgroup))
		return false;
	memcpy(state->cgroup, memcg, length);
	state->cgroup[length] = '\0';
	return true;
}

/* "REASON: Killed process N (COMM) total-vm:..kB, anon-rss:..kB, file-rss:..kB, shmem-rss:..kB,
 * UID:..." (before 5.3 without the UID). */
static bool parse_kill(const char *message, struct kernel_kill *ret)
{
	static const char kill_mark[] = "Killed process ", size_mark[] = ") total-vm:";
	const char *kill = strstr(message, kill_mark), *comm, *sizes;

	if (!kill || (kill != message && (kill - message < 2 || memcmp(kill - 2, ": ", 2) != 0)))
		return false;
	if (!parse_pid(kill + strlen(kill_mark), &ret->pid))
		return false;
	comm = strstr(kill, " (");
	sizes = comm ? find_last(comm, size_mark, comm + strlen(comm)) : NULL;
	if (!sizes || sizes < comm + 2)
		return false;
	proc_clean_text(comm + 2, (size_t)(sizes - comm) - 2, ret->comm, sizeof(ret->comm));
	ret->anon_bytes = parse_kilobytes(sizes, " anon-rss:");
	ret->file_bytes = parse_kilobytes(sizes, " file-rss:");
	ret->shmem_bytes = parse_kilobytes(sizes, " shmem-rss:");
	ret->by_cgroup = strncmp(message, "Memory cgroup out of memory", 27) == 0;
	return true;
}

bool kernel_kill_parse(struct kernel_kill_parser *state, const char *message,
		       struct kernel_kill *ret)
{
	static const char summary_mark[] = "oom-kill:";
	struct kernel_kill kill = { 0 };

	if (strncmp(message, summary_mark, strlen(summary_mark)) == 0) {
		if (!parse_summary(state, message))
			*state = (struct kernel_kill_parser){ 0 };
		return false;
	}
	if (!parse_kill(message, &kill))
		return false;
	/* With memory.oom.group several are killed after one summary: it is of the first. */
	if (state->pid == kill.pid)
		memcpy(kill.cgroup, state->cgroup, sizeof(kill.cgroup));
	*state = (struct kernel_kill_parser){ 0 };
	*ret = kill;
	return true;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* The kernel writes what is not printable, and the backslash, as \xNN. */
static void undo_escapes(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int high, low = -1;

		if (from[0] == '\\' && from[1] == 'x') {
			high = hex_digit(from[2]);
			low = high >= 0 ? hex_digit(from[3]) : -1;
			if (low >= 0 && high * 16 + low != 0) {
				*to = (char)(high * 16 + low);
				from += 4;
				continue;
			}
		}
		*to = *from++;
	}
	*to = '\0';
}

/* Digits up to @end; moves past it. */
static bool take_field(char **text, char end, uint64_t *ret)
{
	char *at = *text;
	uint64_t number = 0;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++)
		number = number * 10 + (uint64_t)(*at - '0');
	if (*at != end)
		return false;
	*text = at + 1;
	*ret = number;
	return true;
}

bool kernel_log_parse_record(char *record, const char **ret_message, uint64_t *ret_usec)
{
	uint64_t priority, sequence, usec;
	char *message;

	if (!take_field(&record, ',', &priority) || !take_field(&record, ',', &sequence) ||
	    !take_field(&record, ',', &usec))
		return false;
	/* priority = facility * 8 + level; 0 is the kernel's facility, and its alone. */
	if (priority >> 3 != 0)
		return false;
	message = strchr(record, ';');
	if (!message)
		return false;
	message++;
	message[strcspn(message, "\n")] = '\0';
	undo_escapes(message);
	*ret_message = message;
	*ret_usec = usec;
	return true;
}
