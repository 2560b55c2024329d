/* SPDX-License-Identifier: MIT */
#pragma once

/* The ways to tell a person, for host.c. */

#include "oc-run/host.h"

/* Wants host->uid and host->runtime_dir. -ENOMEM. */
_must_check_ int host_gather_notify(struct host *host);
