/* SPDX-License-Identifier: MIT */

/* Which processes of a tree are the agent. */

#include "oc-run/spared.h"
#include "unit.h"

#define ROWS_MAX 6

struct row {
	pid_t pid, parent, group;
	const char *name, *command;
	bool expected;
};

/* 10 is the command. */
static const struct {
	const char *title, *command, *server;
	struct row rows[ROWS_MAX + 1];
} cases[] = {
	{ "a program of the command's own name",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "bash", "/bin/bash -c make", false },
	    { 12, 11, 11, "make", "make", false } } },
	{ "npm's launcher of opencode 1.1: a node that runs the program",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "node", "node /usr/bin/opencode", true },
	    { 11, 10, 10, "opencode", "/x/bin/.opencode", true },
	    { 12, 11, 12, "bash", "/bin/bash -c make", false } } },
	{ "the program of the launcher with a dot before its name",
	  "opencode",
	  NULL,
	  { { 10, 5, 10, "node", "node /usr/bin/opencode", true },
	    { 11, 10, 10, ".opencode", "/x/bin/.opencode", true } } },
	{ "what a launcher starts besides",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "node", "node /usr/bin/opencode", true },
	    { 11, 10, 10, "bash", "bash", false },
	    { 12, 10, 12, "opencode", "opencode run x", false } } },
	{ "npm's opencode 1.18: the program itself, as opencode.exe",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode.exe", "opencode", true },
	    { 11, 10, 11, "bash", "/bin/bash -c tsc", false },
	    { 12, 10, 10, "node", "node tsserver.js", false } } },
	{ "an opencode that opencode runs as a tool",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "opencode", "opencode run serve", false },
	    { 12, 10, 10, "opencode", "opencode", false } } },
	{ "the server of opencode 2, its own, and what that runs",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode --standalone", true },
	    { 11, 10, 11, "opencode", "/x/opencode serve --stdio --port 0", true },
	    { 12, 11, 12, "bash", "/bin/bash -c make", false },
	    { 13, 11, 13, "opencode", "opencode run x", false } } },
	{ "a server whose parent is gone",
	  "opencode2",
	  "serve",
	  { { 10, 5, 10, "opencode2", "opencode2", true },
	    { 11, 5, 11, "opencode2", "/x/opencode2 serve --service", true } } },
	{ "a server that a launched program started, with pids gone round",
	  "opencode",
	  "serve",
	  { { 3, 4, 3, "opencode", "/x/opencode serve --stdio", true },
	    { 4, 10, 10, "opencode", "/x/opencode", true },
	    { 10, 5, 10, "node", "node /usr/bin/opencode", true } } },
	{ "a path with blanks and the name in it",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "opencode", "/my opencode/x/opencode serve", true },
	    { 12, 10, 12, "opencode", "/my files/opencode serve", true } } },
	{ "a server that a tool runs",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "bash", "bash -c 'opencode serve &'", false },
	    { 12, 11, 11, "opencode", "opencode serve", false } } },
	{ "another word that begins like it",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "opencode", "opencode server", false },
	    { 12, 10, 12, "opencode", NULL, false } } },
	{ "another program with that subcommand",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode", true },
	    { 11, 10, 11, "hugo", "hugo serve", false } } },
	/* Its forks look like it until they call execve(2). */
	{ "the command is a server itself",
	  "opencode",
	  "serve",
	  { { 10, 5, 10, "opencode", "opencode serve", true },
	    { 11, 10, 11, "opencode", "opencode serve", false } } },
	{ "a profile that knows no server",
	  "goose",
	  NULL,
	  { { 10, 5, 10, "goose", "goose", true },
	    { 11, 10, 11, "goose", "goose serve", false } } },
	{ "nothing to go by",
	  NULL,
	  "serve",
	  { { 10, 5, 10, "x", "x", true }, { 11, 10, 10, "x", "x serve", false } } },
	{ "the command is gone",
	  "opencode",
	  "serve",
	  { { 11, 5, 11, "opencode", "opencode serve", false } } },
};

TEST(the_agent_is_the_command_what_it_launches_and_its_server)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct spared_rule rule = { cases[i].command, cases[i].server };
		struct tree_process processes[ROWS_MAX] = { { 0 } };
		struct tree_sample sample = { .processes = processes };

		unit_row = cases[i].title;
		for (const struct row *row = cases[i].rows; row->pid > 0; row++) {
			struct tree_process *process = &processes[sample.count++];

			process->pid = row->pid;
			process->parent = row->parent;
			process->process_group = row->group;
			process->is_agent = row->pid == 10;
			process->is_spared = !row->expected; /* of the sample before */
			process->command = (char *)row->command;
			(void)snprintf(process->name, sizeof(process->name), "%s", row->name);
		}
		spared_mark(&rule, &sample);
		for (size_t row = 0; row < sample.count; row++)
			expect_int(processes[row].is_spared ? processes[row].pid : 0,
				   cases[i].rows[row].expected ? processes[row].pid : 0);
	}
}

UNIT_MAIN("spared", the_agent_is_the_command_what_it_launches_and_its_server)
