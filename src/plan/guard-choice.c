/* SPDX-License-Identifier: MIT */

/* Which rows of the guard are on, and how that is said. Pure. */

#include <string.h>

#include "oc-run/guard.h"

/* Before the second version of Landlock a ruleset forbids to move a file to another folder, on which
 * git lives. */
#define LANDLOCK_LEAST 2
#define LANDLOCK_SCOPES 6
#define LANDLOCK_SOCKETS 9

const char *guard_level_name(enum guard_level level)
{
	switch (level) {
	case GUARD_OFF:
		return "off";
	case GUARD_BASIC:
		return "basic";
	case GUARD_STRICT:
		break;
	}
	return "strict";
}

static bool is_to_be_had(const struct guard_row *row, const struct guard_facts *facts)
{
	switch (row->kind) {
	case GUARD_RLIMIT:
		return true;
	case GUARD_CAPABILITY:
		return facts->may_drop;
	case GUARD_CALLS:
		return facts->filter;
	case GUARD_CGROUPS:
	case GUARD_PTRACE:
	case GUARD_WRITES:
		return facts->landlock >= LANDLOCK_LEAST;
	case GUARD_SIGNALS:
	case GUARD_ABSTRACT:
		return facts->landlock >= LANDLOCK_SCOPES;
	case GUARD_SOCKETS:
		break;
	}
	return facts->landlock >= LANDLOCK_SOCKETS || facts->may_hide;
}

const char *guard_lack(const struct guard_row *row)
{
	switch (row->kind) {
	case GUARD_RLIMIT:
		break;
	case GUARD_CAPABILITY:
		return "CAP_SETPCAP";
	case GUARD_CALLS:
		return "seccomp filters";
	case GUARD_CGROUPS:
	case GUARD_PTRACE:
	case GUARD_WRITES:
		return "Landlock 2 (Linux 5.19)";
	case GUARD_SIGNALS:
	case GUARD_ABSTRACT:
		return "Landlock 6 (Linux 6.12)";
	case GUARD_SOCKETS:
		return "Landlock 9 (Linux 7.1), or user namespaces";
	}
	return "nothing";
}

static bool is_asked(const struct guard_row *row, enum guard_level level,
		     const struct guard_facts *facts)
{
	if (row->kind == GUARD_CAPABILITY)
		return facts->has_capabilities;
	/* Root loads the filter without a price. */
	if (row->kind == GUARD_CALLS && row->level == GUARD_BASIC && facts->is_admin)
		return true;
	return level >= row->level;
}

void guard_choose(enum guard_level level, const struct guard_facts *facts, struct guard_choice *ret)
{
	*ret = (struct guard_choice){ .level = level };
	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);
		bool needs_right = row->kind != GUARD_RLIMIT && row->kind != GUARD_CAPABILITY;

		if (!is_asked(row, level, facts))
			continue;
		ret->rows[i] = is_to_be_had(row, facts) ? GUARD_ON : GUARD_LACKING;
		if (ret->rows[i] == GUARD_ON && needs_right && !facts->is_admin &&
		    !facts->no_new_privs)
			ret->sets_no_new_privs = true;
		if (ret->rows[i] == GUARD_ON && row->kind == GUARD_SOCKETS)
			ret->hides = facts->landlock < LANDLOCK_SOCKETS;
	}
}

char *guard_lack_sentence(const struct guard_choice *choice)
{
	const char *said = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);

		if (choice->rows[i] != GUARD_LACKING)
			continue;
		/* Rows that lack the same stand together in the table. */
		if (said && strcmp(said, guard_lack(row)) == 0)
			(void)fprintf(out, ", %s", row->name);
		else
			(void)fprintf(out, "%s%s for %s", said ? "; " : "", guard_lack(row),
				      row->name);
		said = guard_lack(row);
	}
	if (fclose(out) != 0 || !said)
		cleanup_free(&text);
	return text;
}

static const char *state_word(const struct guard_choice *choice, size_t index)
{
	switch (choice->rows[index]) {
	case GUARD_ON:
		return "yes";
	case GUARD_LACKING:
		return "no";
	case GUARD_NOT_ASKED:
		break;
	}
	return "-";
}

void guard_describe(const struct guard_choice *choice, const char *where, FILE *out)
{
	(void)fprintf(out, "\n  guard %s (%s)%s\n  %-16s  %-6s  %-3s  %s\n",
		      guard_level_name(choice->level), where,
		      choice->sets_no_new_privs ? ", with no_new_privs" : "", "row", "from", "on",
		      "what is refused, and why");
	for (size_t i = 0; i < guard_row_count(); i++) {
		const struct guard_row *row = guard_row(i);

		(void)fprintf(out, "  %-16s  %-6s  %-3s  %s: %s", row->name,
			      row->level == GUARD_OFF ? "always" : guard_level_name(row->level),
			      state_word(choice, i), row->what, row->reason);
		if (choice->rows[i] == GUARD_LACKING)
			(void)fprintf(out, " (missing: %s)", guard_lack(row));
		(void)fputc('\n', out);
	}
}
