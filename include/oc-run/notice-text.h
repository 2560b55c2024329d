/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The words of a notice: what, how much, the three largest of the session by name and size, what to
 * do. Pure.
 *
 * Names come from processes, which choose them. In here they are plain text on one line without
 * anything that acts on a terminal; each way of showing them adds what it needs against its own
 * magic: markup in a notification's body, formats in a tmux message.
 */

#include "oc-run/cleanup.h"
#include "oc-run/notice-gate.h"
#include "oc-run/tree.h"

struct notice {
	char *title;  /* "opencode is running short of memory" */
	char *body;   /* sentences, one a line, the last without a newline */
	bool is_kill; /* somebody was ended or killed */
};

struct notice_facts {
	const struct session_record *record; /* plan, RAM */
	const struct figures *figures;
	const struct tree_sample *sample; /* or NULL */
	/* The kill was decided by a limit above the session's own, or by the whole machine. */
	bool from_above;
};

/* -ENOMEM. */
_must_check_ int notice_text_make(const struct notice_subject *subject,
				  const struct notice_facts *facts, struct notice *ret);
/* -ENOMEM. */
_must_check_ int notice_copy(const struct notice *notice, struct notice *ret);
void notice_finish(struct notice *notice);

/* All of it in one line, for the journal. NULL: no memory. Caller frees, as below. */
char *notice_text_line(const struct notice *notice);

/* The body for servers of org.freedesktop.Notifications, which read markup in it (Desktop
 * Notifications Specification, "Markup"). */
char *notice_text_markup(const struct notice *notice);

/* The summary is plain text by the same specification; not every server keeps to that, so that what
 * could be markup is replaced. */
char *notice_text_summary(const struct notice *notice);

/* One line as the argument of tmux's display-message, which is expanded: #{...} and #(...), the
 * latter running commands, and then strftime(3). A semicolon at the end would begin another command
 * (tmux(1), "COMMAND PARSING AND EXECUTION"). */
char *notice_text_tmux(const struct notice *notice);
