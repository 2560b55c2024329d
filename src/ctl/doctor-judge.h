/* SPDX-License-Identifier: MIT */
#pragma once

/* What of a machine stands in the way of oc-run, and what mends it. Pure: doctor-look.h gathers. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oc-run/backend.h"
#include "oc-run/host.h"

enum doctor_severity {
	DOCTOR_OK,
	DOCTOR_NOTE,	/* worth knowing, nothing to do */
	DOCTOR_WARNING, /* oc-run works, with less than it could */
	DOCTOR_ERROR,	/* a session can't be started, or its limits don't hold */
};

const char *doctor_severity_name(enum doctor_severity severity);

/* How the session went that the doctor itself has run. */
struct doctor_trial {
	enum {
		TRIAL_NOT_RUN, /* there is no oc-run to run */
		TRIAL_FAILED,  /* it did not start */
		TRIAL_UNENDED, /* what leaked was not ended */
		TRIAL_HELD,
	} result;
	bool by_kernel;	   /* HELD: who held the memory */
	bool leaves_agent; /* HELD: the tool died, and the command went on */
	uint64_t limit_bytes, peak_bytes;
	char refused[BACKEND_REFUSED_MAX]; /* by systemd, as in struct session_cgroup */
	uint64_t seconds_100;		   /* how long it took, in hundredths */
};

struct doctor_facts {
	const struct host *host;
	const struct backend_facts *backend; /* NULL: it could not be probed */
	const char *systemd;		     /* "systemd 252 (252.30-1)", or NULL */
	bool has_cgroup_kill, has_memory_peak, has_pressure;
	bool oomd_runs;
	pid_t server;		/* of opencode, that sessions share; 0: none */
	size_t leftovers;	/* of crashed sessions */
	size_t leftovers_after; /* the trial; each start removes what it can */
	bool has_command;	/* opencode is on PATH */
	bool has_alias;		/* and starts in a session */
	bool has_inotify;
	const char *config_error; /* a sentence, or NULL */
	struct doctor_trial trial;
};

#define DOCTOR_TEXT_MAX 512

struct doctor_finding {
	const char *check; /* a word for scripts */
	enum doctor_severity severity;
	char text[DOCTOR_TEXT_MAX];
	char remedy
		[DOCTOR_TEXT_MAX]; /* what mends it: a command in backticks, or a clause; or "" */
};

#define DOCTOR_FINDINGS_MAX 16

struct doctor_findings {
	struct doctor_finding items[DOCTOR_FINDINGS_MAX];
	size_t count;
};

void doctor_judge(const struct doctor_facts *facts, struct doctor_findings *ret);
enum doctor_severity doctor_worst(const struct doctor_findings *findings);
