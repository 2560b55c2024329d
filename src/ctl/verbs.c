/* SPDX-License-Identifier: MIT */

/* The table of verbs. Help, completions and the check of oc-ctl(1) come from here. */

#include "ctl.h"

static const struct ctl_option json = { CTL_JSON, 0, "json", NULL,
					"print JSON, schema " CTL_SCHEMA };

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
	{ 0 },
};
