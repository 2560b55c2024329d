/* SPDX-License-Identifier: MIT */
#pragma once

/* Between the files of the plan. */

#include "oc-run/backend.h"
#include "oc-run/plan.h"

/* Adds a sentence to the plan's warnings. */
_must_check_ int plan_warn(struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What memory there is to be had: RAM, or the limit that oc-run itself runs under. */
uint64_t plan_capacity(const struct host *host);

/* The number of the word that the setting says; @fallback when it is not set. -EINVAL. */
_must_check_ int plan_choose_word(const struct settings *settings, enum setting_id id,
				  const char *const *words, size_t count, int fallback,
				  struct diag *diag);

/* "yes" or "no" of a setting; @ret is left alone when it is not set. */
_must_check_ int plan_resolve_switch(const struct settings *settings, enum setting_id id, bool *ret,
				     struct diag *diag);

/* What is done as memory runs short. Before the limits. */
_must_check_ int plan_resolve_pressure(struct plan *plan, const struct settings *settings,
				       struct diag *diag);

/* Values and origins of all limits, and the caps of the slice. */
_must_check_ int plan_resolve_limits(struct plan *plan, const struct plan_request *request,
				     struct diag *diag);

/* Who enforces each limit; the warning or the refusal where the kernel does not. */
_must_check_ int plan_resolve_enforcers(struct plan *plan, const struct plan_request *request,
					struct diag *diag);

/* --history, --history-keep. */
_must_check_ int plan_resolve_history(struct plan *plan, const struct settings *settings,
				      struct diag *diag);

/* --max-sessions, --wait. */
_must_check_ int plan_resolve_sessions(struct plan *plan, const struct settings *settings,
				       struct diag *diag);

/* --restart, --restart-min-age. */
_must_check_ int plan_resolve_restart(struct plan *plan, const struct settings *settings,
				      struct diag *diag);

/* That a restart was asked for and can never be. Once the profile is known. */
_must_check_ int plan_warn_of_restart(struct plan *plan, const struct plan_request *request);

/* --user. Once it is known what is asked for. */
_must_check_ int plan_resolve_user(struct plan *plan, const struct plan_request *request);

/* --notify. */
_must_check_ int plan_resolve_notify(struct plan *plan, const struct plan_request *request,
				     struct diag *diag);

/* --guard. */
_must_check_ int plan_resolve_guard(struct plan *plan, const struct plan_request *request,
				    struct diag *diag);
