/* SPDX-License-Identifier: MIT */
#pragma once

/* Points in time as text: RFC 3339, UTC. Pure, unlike gmtime_r(3), which looks at TZ once. */

#include <stdint.h>

#define REPORT_TIME_MAX 40

/* "2026-03-01T12:30:05.250Z" */
void report_time_format(uint64_t realtime_usec, char text[REPORT_TIME_MAX]);
