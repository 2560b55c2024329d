/* SPDX-License-Identifier: MIT */
#pragma once

/* The sessions of this person that run already, as far as a new one has to know of them. */

#include "oc-run/host.h"
#include "oc-run/plan.h"

/* Those below the slice of that name, with or without ".slice". -ENOMEM. */
_must_check_ int others_count(const struct host *host, const char *slice, struct plan_others *ret);
