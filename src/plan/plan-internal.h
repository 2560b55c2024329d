/* SPDX-License-Identifier: MIT */
#pragma once

#include "oc-run/backend.h"
#include "oc-run/parse.h"
#include "oc-run/plan.h"

_must_check_ int plan_resolve_limits(struct plan *plan, const struct plan_request *request,
				     struct diag *diag);

/* Adds a sentence to plan->warnings. 0 or -ENOMEM. */
_must_check_ int plan_warn(struct plan *plan, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
