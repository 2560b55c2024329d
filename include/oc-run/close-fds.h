/* SPDX-License-Identifier: MIT */
#pragma once

/* For a fork of oc-run that does not exec: keeper, scribe. No allocation. */

#include <stddef.h>

/* Closes all but the @count fds @keep (-1 is none; they are sorted) and puts /dev/null where stdin,
 * stdout and stderr were: whoever waits for the end of a pipe must not wait for us. */
void close_all_but(int *keep, size_t count);
