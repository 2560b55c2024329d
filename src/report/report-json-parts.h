/* SPDX-License-Identifier: MIT */
#pragma once

/* Pieces of the report as JSON that the history has too. Inside src/report only. */

#include "json-build.h"
#include "judgement.h"

void report_json_limits(struct json *json, cJSON *parent, const struct session_record *record);
void report_json_outcome(struct json *json, cJSON *parent, const struct session_record *record,
			 const struct report_tally *tally);
void report_json_peaks(struct json *json, cJSON *parent, const struct session_record *record);
void report_json_fill_event(struct json *json, cJSON *item, const struct record_event *event);
void report_json_victims(struct json *json, cJSON *parent, const struct session_record *record);
