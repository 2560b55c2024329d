/* SPDX-License-Identifier: MIT */
#pragma once

/* The folder of the entries, opened safely; for registry.c and registry-sweep.c. */

#include <stdbool.h>

#include "oc-run/diag.h"
#include "oc-run/host.h"

#define REGISTRY_FOLDERS_MAX 2
#define REGISTRY_TEXT_MAX 16384 /* of an entry; one write(2), so it is never seen half */
#define REGISTRY_BOOT_ID_MAX 64

/* Absolute paths of the places that may hold entries, best first. NULL where there is no further
 * one. Caller frees each. */
_must_check_ int registry_folder_paths(const struct host *host,
				       char *ret_paths[REGISTRY_FOLDERS_MAX]);

/* Opens <base>/oc-run/sessions; makes what is missing if @make. -EPERM with @diag when it is not
 * ours alone. */
_must_check_ int registry_folder_open(const char *base, bool make, int *ret_fd, struct diag *diag);

/* "" when it can't be read. */
void registry_boot_id(char text[REGISTRY_BOOT_ID_MAX]);
