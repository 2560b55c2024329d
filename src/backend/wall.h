/* SPDX-License-Identifier: MIT */
#pragma once

/* Limits that oc-run itself was started in. Going out of a cgroup that has some would lift them
 * (google/nsjail PR 219 did that to docker's): a session stays inside. */

#include "backend-impl.h"

#define WALL_TEXT_MAX 256

/* Has this cgroup itself a limit on memory, swap or CPU? @text: which, for people. Limits on tasks
 * do not count: systemd puts one on every service, and the plan stays below it anyway. */
bool wall_on(const char *mount, const char *path, char text[WALL_TEXT_MAX]);

/* The same for all cgroups that a process in @own would leave by going to a cgroup below @target. */
bool wall_between(const char *mount, const char *own, const char *target, char text[WALL_TEXT_MAX]);

/* Cuts the last component off. false: it was the root. */
bool path_to_parent(char *path);
