/* SPDX-License-Identifier: MIT */
#pragma once

/* Between oc-run, its scribe and the file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oc-run/cleanup.h"

#define HISTORY_NAME_MAX 64

/* The first byte of each message from oc-run to the scribe; the line follows. */
enum history_message {
	HISTORY_STARTED = 'S',
	HISTORY_SAMPLE = 'F',
	HISTORY_EVENT = 'E',
	HISTORY_ENDED = 'Z',
};

/* "20260301T123005Z-0123456789abcdef.jsonl" */
void history_name(uint64_t started_usec, const char *id, char ret_name[HISTORY_NAME_MAX]);
bool history_is_name(const char *name);

/* ---- history-file.c: all of it in the scribe ---- */

struct history_file {
	int folder, fd; /* fd -1: could not be made yet */
	const char *name;
	uint64_t bytes, thinned_bytes;
	/* Lines that must not be lost and could not be written yet: the disk is full. */
	char *waiting;
	size_t waiting_length;
	int error; /* errno of the last line that could not be written; 0: none so far */
	bool has_lost;
};

/* Makes the file if there is none, and appends the line and a newline. What can't be written is
 * given up, or where @must_stay kept for the next time. */
void history_file_append(struct history_file *file, const char *line, size_t length,
			 bool must_stay);
/* To the disk itself. */
void history_file_sync(const struct history_file *file);
/* 0: all lines are in it; else the errno that some were lost for. */
int history_file_lost(const struct history_file *file);
void history_file_finish(struct history_file *file);

/* Removes histories of this folder: those older than HISTORY_DAYS at @now_sec, and the oldest until
 * @keep (0: all) are left with @own. Never one that is still written. */
void history_prune(int folder, const char *own, uint64_t keep, int64_t now_sec);

/* ---- history-thin.c ---- */

/* The lines of @text that stay, in a new text. -ENOMEM. Pure but for memory. */
_must_check_ int history_thin_text(const char *text, size_t length, char **ret_text,
				   size_t *ret_length);

/* ---- history-scribe.c ---- */

struct history_scribe {
	int folder, socket;
	char name[HISTORY_NAME_MAX];
	uint64_t keep;
};

__attribute__((noreturn)) void history_scribe_run(const struct history_scribe *scribe);
