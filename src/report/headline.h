/* SPDX-License-Identifier: MIT */
#pragma once

/* The pieces of the headline that the rest of the text uses too. Inside src/report only. */

#include "judgement.h"

void headline_print_duration(FILE *out, uint64_t usec);
void headline_print_limit(FILE *out, enum limit_id id, uint64_t value);
void headline_print_signal(FILE *out, int signal_number);
void headline_print_denied(FILE *out, const struct session_record *record,
			   const struct report_tally *tally);
