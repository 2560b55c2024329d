/* SPDX-License-Identifier: MIT */

/* The table of verbs. Help, completions and the check of oc-ctl(1) come from here. */

#include <limits.h>

#include "ctl.h"

static const struct ctl_option json = { CTL_JSON, 0, "json", NULL,
					"print JSON, schema " CTL_SCHEMA };

static const struct ctl_option all = { CTL_ALL, 0, "all", NULL, "all sessions that live" };
static const struct ctl_option force = { CTL_FORCE, 'f', "force", NULL,
					 "don't wait for polite ends" };
static const struct ctl_option timeout = { CTL_TIMEOUT, 0, "timeout", "TIME",
					   "wait so long (default 30s)" };
static const struct ctl_option interval = { CTL_INTERVAL, 0, "interval", "TIME",
					    "look so often (default 2s)" };
static const struct ctl_option since = { CTL_SINCE, 0, "since", "TIME",
					 "only what is not older: 2h, or a date" };
static const struct ctl_option event = { CTL_EVENT, 0, "event", "LIST",
					 "only these kinds: oom-kill,ended" };
static const struct ctl_option html = { CTL_HTML, 0, "html", "FILE",
					"write a page with all of it" };
static const struct ctl_option svg = { CTL_SVG, 0, "svg", "FILE", "write only its picture" };
static const struct ctl_option yes = { CTL_YES, 'y', "yes", NULL, "end and remove it" };

static const struct ctl_option limits[] = {
	[LIMIT_MEMORY_MAX] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_MEMORY_MAX), 0, "mem", "SIZE",
			       "the most memory" },
	[LIMIT_MEMORY_HIGH] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_MEMORY_HIGH), 0, "high",
				"SIZE", "where early reclaim begins, fixed" },
	[LIMIT_MEMORY_SWAP_MAX] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_MEMORY_SWAP_MAX), 0,
				    "swap", "SIZE", "the most swap" },
	[LIMIT_PIDS_MAX] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_PIDS_MAX), 0, "pids", "NUMBER",
			     "the most tasks, threads included" },
	[LIMIT_CPU_MAX] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_CPU_MAX), 0, "cpus", "CPUS",
			    "the most CPU time" },
	[LIMIT_CPU_WEIGHT] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_CPU_WEIGHT), 0, "cpu-weight",
			       "WEIGHT", "share of the CPUs" },
	[LIMIT_IO_WEIGHT] = { (enum ctl_option_id)(CTL_LIMIT + LIMIT_IO_WEIGHT), 0, "io-weight",
			      "WEIGHT", "share of the disks" },
};

#define MANY .words = "ID...", .least = 1, .most = UINT_MAX

const struct ctl_verb ctl_verbs[] = {
	{
		.name = "list",
		.help = "the sessions that run, and what crashed ones left",
		.options = { &json },
		.run = ctl_list,
	},
	{
		.name = "show",
		.words = "ID",
		.least = 1,
		.most = 1,
		.help = "one session: limits, processes, last events",
		.options = { &json },
		.run = ctl_show,
	},
	{
		.name = "top",
		.help = "all of it live; keys steer sessions",
		.details = "? lists the keys. It needs a terminal.",
		.options = { &interval },
		.run = ctl_top,
	},
	{
		.name = "stop",
		MANY,
		.help = "ask sessions to end, and wait",
		.details =
			"The command is asked first, then all of the session, then it is killed.",
		.options = { &all, &force, &timeout },
		.run = ctl_stop,
	},
	{
		.name = "kill",
		MANY,
		.help = "kill sessions at once, and wait",
		.options = { &all, &timeout },
		.run = ctl_kill,
	},
	{
		.name = "freeze",
		MANY,
		.help = "hold sessions where they are",
		.options = { &all },
		.run = ctl_freeze,
	},
	{
		.name = "thaw",
		MANY,
		.help = "let frozen or stopped sessions go on",
		.options = { &all },
		.run = ctl_thaw,
	},
	{
		.name = "set",
		MANY,
		.help = "change limits of sessions that run",
		.details = "What is in use has to fit. Values are as in the options of oc-run.",
		.options = { &limits[0], &limits[1], &limits[2], &limits[3], &limits[4], &limits[5],
			     &limits[6] },
		.run = ctl_set,
	},
	{
		.name = "log",
		.words = "[ID]",
		.most = 1,
		.help = "what happened, in ended sessions too",
		.options = { &since, &event, &json },
		.run = ctl_log,
	},
	{
		.name = "report",
		.words = "ID",
		.least = 1,
		.most = 1,
		.help = "how a session went, an ended one too",
		.options = { &html, &svg, &json },
		.run = ctl_report,
	},
	{
		.name = "sweep",
		.help = "show what crashed sessions left",
		.options = { &yes },
		.run = ctl_sweep,
	},
	{
		.name = "doctor",
		.help = "try what oc-run needs, and say what mends it",
		.details =
			"Takes some seconds: it runs a session that leaks, with a limit of 64 MiB.",
		.options = { &json },
		.run = ctl_doctor,
	},
	{ 0 },
};
