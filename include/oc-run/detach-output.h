/* SPDX-License-Identifier: MIT */
#pragma once

/* Where a detached command's stdout and stderr go. */

#include "oc-run/detach.h"
#include "oc-run/plan.h"

/* The open fd, and how a person finds it: a command line or an absolute path. Negative errno with
 * @diag. */
_must_check_ int detach_output_open(const struct plan *plan, uid_t uid,
				    char words[DETACH_WORDS_MAX], struct diag *diag);
