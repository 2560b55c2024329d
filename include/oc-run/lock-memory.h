/* SPDX-License-Identifier: MIT */
#pragma once

/* Keeps in memory what this process has in it now, its program too, where that is allowed: on a
 * machine that has run out of memory each page that was taken away is read from a busy disk again,
 * and ending a session would wait for it. A fork inherits none of it. */
void lock_memory(void);
