/* SPDX-License-Identifier: MIT */
#pragma once

/* Gathers what doctor-judge.h judges: by trying, where that can be done. */

#include "doctor-judge.h"
#include "oc-run/diag.h"

struct doctor_look {
	struct doctor_facts facts;
	struct backend *backend;
	struct diag config; /* what is wrong with it */
	char systemd[128];
};

/* Takes seconds: it asks systemd, and runs a session that leaks. -ENOMEM. Free with
 * doctor_look_finish(); @host has to live as long. */
_must_check_ int doctor_look(const struct host *host, struct doctor_look *ret);
void doctor_look_finish(struct doctor_look *look);

/* doctor-trial.c: a session of its own. */
void doctor_try(struct doctor_trial *ret);
/* doctor-alias.c: how opencode starts when it is typed. */
void doctor_look_at_alias(bool *ret_has_command, bool *ret_has_alias);
