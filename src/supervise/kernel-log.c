/* SPDX-License-Identifier: MIT */

/* Two sources behind one small interface. An ordinary user mostly may read neither: /dev/kmsg wants
 * CAP_SYSLOG where kernel.dmesg_restrict is set, the journal a group. */

#include "oc-run/kernel-log.h"

#include <fcntl.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

/* CONSOLE_EXT_LOG_MAX: a read with less room fails. */
#define RECORD_BYTES_MAX 8192
/* A journal file that journald has just made (a rotation) is not its group's yet: only the second
 * refusal in a row is meant. */
#define REFUSALS_MAX 2

struct kernel_log {
	int kmsg_fd;	     /* -1: the journal */
	unsigned refusals;   /* in a row */
	sd_journal *journal; /* NULL until it is needed, and while it rests */
	uint64_t since_usec; /* CLOCK_MONOTONIC: where the journal is opened next time */
	uint64_t last_usec;  /* of the last entry read; several may have the same */
	struct kernel_kill_parser parser;
};

static uint64_t monotonic_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int open_kmsg(void)
{
	_cleanup_close_ int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	/* A container may have something else by that name: only the log can be sought to its end
	 * and then has nothing to read. */
	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
		return -EACCES;
	return take_fd(&fd);
}

int kernel_log_open(struct kernel_log **ret)
{
	struct kernel_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->kmsg_fd = open_kmsg();
	log->since_usec = monotonic_usec();
	*ret = log;
	return 0;
}

static bool is_unreadable(const struct kernel_log *log)
{
	return log->refusals >= REFUSALS_MAX;
}

enum kernel_log_source kernel_log_source(const struct kernel_log *log)
{
	if (is_unreadable(log))
		return KERNEL_LOG_NONE;
	return log->kmsg_fd >= 0 ? KERNEL_LOG_KMSG : KERNEL_LOG_JOURNAL;
}

static int next_of_kmsg(struct kernel_log *log, struct kernel_kill *ret)
{
	char record[RECORD_BYTES_MAX + 1];

	for (;;) {
		ssize_t length = read(log->kmsg_fd, record, RECORD_BYTES_MAX);
		const char *message;
		uint64_t usec;

		if (length < 0) {
			/* EPIPE: the ring went round over what we had not read; the next read
			 * gives the oldest that is left. */
			if (errno == EPIPE || errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -errno;
		}
		if (length == 0)
			return 0;
		record[length] = '\0';
		if (!kernel_log_parse_record(record, &message, &usec) ||
		    !kernel_kill_parse(&log->parser, message, ret))
			continue;
		ret->at_usec = usec;
		return 1;
	}
}

static int add_boot_match(sd_journal *journal, sd_id128_t boot)
{
	char match[sizeof("_BOOT_ID=") + SD_ID128_STRING_MAX] = "_BOOT_ID=";

	(void)sd_id128_to_string(boot, match + strlen(match));
	return sd_journal_add_match(journal, match, 0);
}

static int position_journal(sd_journal *journal, uint64_t since_usec)
{
	sd_id128_t boot;
	int r = sd_id128_get_boot(&boot);

	if (r >= 0)
		r = sd_journal_add_match(journal, "_TRANSPORT=kernel", 0);
	if (r >= 0)
		r = add_boot_match(journal, boot);
	if (r >= 0)
		r = sd_journal_seek_monotonic_usec(journal, boot, since_usec);
	/* Only with an inotify instance does it see that the journal is rotated; without one it
	 * still sees new entries. */
	(void)sd_journal_get_fd(journal);
	return r;
}

static int open_journal(struct kernel_log *log)
{
	sd_journal *journal;
	int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

	if (r < 0)
		return r;
	/* What may not be read is left out without an error. */
	if (sd_journal_has_runtime_files(journal) <= 0 &&
	    sd_journal_has_persistent_files(journal) <= 0)
		r = -EACCES;
	if (r >= 0)
		r = position_journal(journal, log->since_usec);
	if (r < 0) {
		sd_journal_close(journal);
		return r;
	}
	log->journal = journal;
	return 0;
}

/* The value of a field of the entry that the journal stands at, cut to @size. */
static bool get_field(sd_journal *journal, const char *name, char *text, size_t size)
{
	const void *data;
	size_t length, prefix = strlen(name) + 1;

	if (sd_journal_get_data(journal, name, &data, &length) < 0 || length < prefix)
		return false;
	length -= prefix;
	if (length >= size)
		length = size - 1;
	memcpy(text, (const char *)data + prefix, length);
	text[length] = '\0';
	return true;
}

/* Seeking is not exact where a file holds nothing of this boot or time. */
static bool is_new_entry(struct kernel_log *log)
{
	sd_id128_t boot;
	uint64_t usec;

	if (sd_journal_get_monotonic_usec(log->journal, &usec, &boot) < 0 || usec < log->since_usec)
		return false;
	log->last_usec = usec;
	return true;
}

static int next_of_journal(struct kernel_log *log, struct kernel_kill *ret)
{
	char message[RECORD_BYTES_MAX], usec[32];
	int r;

	if (!log->journal) {
		r = open_journal(log);
		if (r < 0)
			return r;
	}
	/* Takes notice of files that are new since the last time. */
	r = sd_journal_process(log->journal);
	if (r < 0)
		return r;
	while ((r = sd_journal_next(log->journal)) > 0) {
		if (!is_new_entry(log) ||
		    !get_field(log->journal, "MESSAGE", message, sizeof(message)) ||
		    !kernel_kill_parse(&log->parser, message, ret))
			continue;
		if (get_field(log->journal, "_SOURCE_MONOTONIC_TIMESTAMP", usec, sizeof(usec)))
			ret->at_usec = strtoull(usec, NULL, 10);
		return 1;
	}
	return r;
}

/* 0: not told yet. */
static int refused(struct kernel_log *log)
{
	log->refusals++;
	kernel_log_rest(log);
	return is_unreadable(log) ? -EACCES : 0;
}

int kernel_log_next(struct kernel_log *log, struct kernel_kill *ret)
{
	struct kernel_kill kill;
	int r;

	if (is_unreadable(log))
		return -EACCES;
	r = log->kmsg_fd >= 0 ? next_of_kmsg(log, &kill) : next_of_journal(log, &kill);
	if (r == -EACCES || r == -ENOENT)
		return refused(log);
	log->refusals = 0;
	if (r == 1)
		*ret = kill;
	return r;
}

void kernel_log_rest(struct kernel_log *log)
{
	if (!log->journal)
		return;
	sd_journal_close(log->journal);
	log->journal = NULL;
	if (log->last_usec >= log->since_usec)
		log->since_usec = log->last_usec + 1;
}

struct kernel_log *kernel_log_free(struct kernel_log *log)
{
	if (!log)
		return NULL;
	cleanup_close(&log->kmsg_fd);
	kernel_log_rest(log);
	free(log);
	return NULL;
}
