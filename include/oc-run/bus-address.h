/* SPDX-License-Identifier: MIT */
#pragma once

/* Addresses of D-Bus (D-Bus specification, "Server Addresses"), as far as they are sockets of this
 * machine. Pure. */

#include <stddef.h>

#include "oc-run/cleanup.h"

/* "unix:path=..." with what has to be escaped; cut if it does not fit. */
void bus_address_format(const char *path, char *text, size_t size);

/* The first entry of @list that is a unix socket, and its path (NULL for an abstract one), both to be
 * freed. Others are passed over: "tcp:" would look up names and "unixexec:" start processes.
 * -ENOENT: there is none; -ENOMEM. */
_must_check_ int bus_address_pick(const char *list, char **ret_entry, char **ret_path);
