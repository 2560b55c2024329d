/* SPDX-License-Identifier: MIT */
#pragma once

/* A session that went well, to be changed by each test: opencode for 2 h 14 min on a machine of
 * 16 GiB under the limits of a plain start. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/parse.h"
#include "oc-run/report.h"

#define MINUTE (60 * USEC_PER_SEC)
#define ALL_ENFORCED ((UINT32_C(1) << LIMIT_COUNT) - 1)

struct fixture {
	struct plan plan;
	struct session_record record;
	char *command[3];
};

static inline void fixture_limit(struct fixture *fixture, enum limit_id id, uint64_t value)
{
	fixture->plan.limits[id].value = value;
	fixture->plan.limits[id].enforcer =
		value == LIMIT_UNLIMITED ? ENFORCER_NONE : ENFORCER_KERNEL;
}

static inline void fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->command[0] = (char *)"opencode";
	memcpy(fixture->plan.id, "0123456789abcdef", 17);
	fixture->plan.name = (char *)"opencode";
	fixture->plan.unit = (char *)"oc-0123456789abcdef.scope";
	fixture->plan.executable = (char *)"/usr/local/bin/opencode";
	fixture->plan.command = fixture->command;
	fixture->plan.backend = BACKEND_SYSTEMD;
	for (int id = 0; id < LIMIT_COUNT; id++)
		fixture_limit(fixture, (enum limit_id)id, LIMIT_UNLIMITED);
	fixture_limit(fixture, LIMIT_MEMORY_MAX, 4 * GIBIBYTE);
	fixture_limit(fixture, LIMIT_MEMORY_SWAP_MAX, GIBIBYTE);
	fixture_limit(fixture, LIMIT_PIDS_MAX, 4352);
	fixture->plan.limits[LIMIT_MEMORY_MAX].where = (char *)"default: a quarter of RAM";

	fixture->record.plan = &fixture->plan;
	fixture->record.backend = BACKEND_SYSTEMD;
	fixture->record.enforced = ALL_ENFORCED;
	fixture->record.started_realtime_usec = UINT64_C(1772368205250000);
	fixture->record.ram_bytes = 16 * GIBIBYTE;
	fixture->record.duration_usec = 134 * MINUTE;
	fixture->record.agent_pid = 100;
	fixture->record.agent_ended = true;
	fixture->record.memory_peak_bytes = GIBIBYTE;
	fixture->record.tasks_peak = 215;
}

static inline struct record_event *fixture_event(struct fixture *fixture,
						 enum record_event_kind kind, uint64_t at_usec,
						 uint64_t value)
{
	struct record_event *event = session_record_add(&fixture->record, kind, at_usec, 0);

	event->value = value;
	return event;
}

static inline struct record_victim *fixture_kill(struct fixture *fixture,
						 enum record_event_kind kind, pid_t pid,
						 const char *name, uint64_t bytes)
{
	struct record_event *event = fixture_event(fixture, kind, 70 * MINUTE, 1);

	event->victim.pid = pid;
	event->victim.bytes = bytes;
	event->victim.source = VICTIM_KERNEL_LOG;
	(void)snprintf(event->victim.name, sizeof(event->victim.name), "%s", name);
	if (kind == RECORD_WATCH_KILL) {
		event->value = LIMIT_MEMORY_MAX;
		event->victim.source = VICTIM_OWN;
	} else {
		fixture->record.counters.memory.oom++;
		fixture->record.counters.memory.oom_kill++;
	}
	return &event->victim;
}

static inline void fixture_leftovers(struct fixture *fixture, const char *const *names,
				     size_t count, uint64_t bytes)
{
	fixture->record.leftovers = calloc(count, sizeof(struct record_leftover));
	fixture->record.leftover_count = count;
	for (size_t i = 0; i < count; i++) {
		struct record_leftover *leftover = &fixture->record.leftovers[i];

		leftover->pid = (pid_t)(200 + i);
		leftover->bytes = bytes;
		(void)snprintf(leftover->name, sizeof(leftover->name), "%s", names[i]);
	}
}
