/* SPDX-License-Identifier: MIT */

/* The text of --dry-run. Pure. */

#include <stdio.h>
#include <string.h>

#include "plan-internal.h"

static void describe_limit(FILE *out, const struct plan_limit *limit, enum limit_id id)
{
	char value[LIMIT_TEXT_MAX];

	limit_format_human(limit_row(id), limit->value, value);
	(void)fprintf(out, "  %-16s %-14s %-24s %s\n", limit_row(id)->cgroup_file, value, limit->where,
		      limit->value == LIMIT_UNLIMITED ? "-" : enforcer_name(limit->enforcer));
}

static void describe_command(FILE *out, const struct plan *plan)
{
	(void)fprintf(out, "command:  ");
	for (char **word = plan->command; *word; word++) {
		(void)fputs(word == plan->command ? "" : " ", out);
		for (const unsigned char *c = (const unsigned char *)*word; *c; c++) {
			if (*c < ' ' || *c == 0x7f)
				(void)fprintf(out, "\\x%02x", *c);
			else
				(void)fputc(*c, out);
		}
	}
	(void)fprintf(out, "\nprogram:  %s\n", plan->executable);
	if (plan->chdir)
		(void)fprintf(out, "folder:   %s\n", plan->chdir);
}

static void describe_backend(FILE *out, const struct plan *plan,
			     const struct backend_facts *backend)
{
	(void)fprintf(out, "backend:  %s%s%s%s\n", backend_kind_name(plan->backend),
		      backend->manager && backend->manager[0] ? " (" : "",
		      backend->manager ? backend->manager : "",
		      backend->manager && backend->manager[0] ? ")" : "");
	if (plan->backend == BACKEND_SYSTEMD)
		(void)fprintf(out, "unit:     %s in %s\n", plan->unit, plan->slice);
	if (backend->contains)
		(void)fprintf(out, "cgroup:   below %s\n", backend->parent ? backend->parent : "/");
	else
		(void)fprintf(out, "cgroup:   none; the tree is held by parentage and a tag\n");
}

char *plan_describe(const struct plan *plan, const struct backend_facts *backend)
{
	char number[FORMAT_TEXT_MAX], swap[FORMAT_TEXT_MAX], *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	describe_command(out, plan);
	(void)fprintf(out, "session:  %s (%s)\n", plan->id, plan->name);
	describe_backend(out, plan, backend);
	(void)fprintf(out, "limits:\n  %-16s %-14s %-24s %s\n", "file", "value", "from",
		      "enforced by");
	for (int id = 0; id < LIMIT_COUNT; id++)
		describe_limit(out, &plan->limits[id], (enum limit_id)id);
	format_bytes(plan->slice_memory_max, number);
	format_bytes(plan->slice_swap_max, swap);
	(void)fprintf(out, "all sessions together: %s of memory, %s of swap\n", number, swap);
	format_duration(plan->grace_usec, number);
	(void)fprintf(out, "at the end: %s after each signal\n", number);
	for (char **warning = plan->warnings; warning && *warning; warning++)
		(void)fprintf(out, "warning:  %s\n", *warning);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
