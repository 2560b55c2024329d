/* SPDX-License-Identifier: MIT */
#pragma once

/* What of a report is about the disk: temporary files, and what killed gits left. Pure. Inside
 * src/report only. */

#include <stdio.h>

#include "json-build.h"
#include "oc-run/session-record.h"

void report_disk_text(FILE *out, const struct session_record *record);
void report_disk_json(struct json *json, cJSON *report, const struct session_record *record);

/* One sentence on the lock in the person's repository, and how to remove it. */
void report_disk_advice(FILE *out, const struct session_record *record);

/* Worth a report by itself? */
bool report_disk_is_news(const struct session_record *record);
