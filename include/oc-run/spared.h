/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which processes of a session are the agent. More than one may be:
 *
 *	the command itself
 *	what it is only the launcher of: where its program has another name than the command (npm's
 *		opencode is a node that runs opencode), a child in its process group that has it
 *	its server, where it splits itself in two (opencode 2): the same program, with the
 *		subcommand for that, started by one of these or left by its parent
 *
 * Everything else is a tool, also one that has the agent's name. Pure.
 */

#include <stddef.h>

#include "oc-run/tree.h"

struct spared_rule {
	const char *command; /* base name of the command; "" or NULL: there is none to go by */
	const char *server;  /* subcommand of its server, or NULL */
};

/* Sets is_spared of all in @sample, by their is_agent, names, parents and command lines. */
void spared_mark(const struct spared_rule *rule, struct tree_sample *sample);
