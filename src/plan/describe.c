/* SPDX-License-Identifier: MIT */

/* The plan as text, for --dry-run. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "oc-run/backend.h"
#include "oc-run/parse.h"
#include "oc-run/plan.h"

/* What somebody else named is shown without its control characters. */
static void print_text(FILE *out, const char *text)
{
	for (; *text; text++)
		(void)fputc(iscntrl((unsigned char)*text) ? '?' : *text, out);
}

static void print_label(FILE *out, const char *label)
{
	(void)fprintf(out, "  %-11s ", label);
}

static void print_field(FILE *out, const char *label, const char *text)
{
	print_label(out, label);
	print_text(out, text);
	(void)fputc('\n', out);
}

static void print_command(FILE *out, const struct plan *plan)
{
	print_label(out, "command");
	for (size_t i = 0; plan->command[i]; i++) {
		const char *word = plan->command[i];
		bool quote = !*word || strpbrk(word, " \t\n'\"\\$*?;&|<>()");

		(void)fputs(i ? " " : "", out);
		(void)fputs(quote ? "'" : "", out);
		print_text(out, word);
		(void)fputs(quote ? "'" : "", out);
	}
	(void)fputc('\n', out);
	print_field(out, "program", plan->executable);
	print_label(out, "profile");
	(void)fprintf(out, "%s (", plan->profile->name);
	print_text(out, plan->profile->where);
	(void)fprintf(out, ")%s\n",
		      plan->version_is_open ? "; the command's version is asked at the start" : "");
	if (plan->user) {
		print_label(out, "user");
		print_text(out, plan->user->name);
		(void)fprintf(out, " (%u)\n", (unsigned)plan->user->uid);
	}
	if (plan->chdir)
		print_field(out, "directory", plan->chdir);
	if (plan->command[0] && strcmp(plan->name, plan->command[0]) != 0)
		print_field(out, "name", plan->name);
}

static void print_slice(FILE *out, const struct plan *plan)
{
	char memory[FORMAT_TEXT_MAX], swap[FORMAT_TEXT_MAX], tasks[LIMIT_TEXT_MAX];

	format_bytes(plan->slice_memory_max, memory);
	format_bytes(plan->slice_swap_max, swap);
	limit_format_human(limit_row(LIMIT_PIDS_MAX), plan->slice_pids_max, tasks);
	print_label(out, "slice");
	(void)fprintf(out, "%s; all together: %s, swap: %s, %s%s\n", plan->slice, memory, swap,
		      tasks, plan->slice_is_given ? " (by its unit)" : "");
}

static void print_place(FILE *out, const struct plan *plan, const struct backend_facts *facts)
{
	bool has_manager = facts->manager && *facts->manager;

	print_label(out, "backend");
	(void)fprintf(out, "%s%s%s%s%s\n", backend_kind_name(plan->backend),
		      has_manager ? " (" : "", has_manager ? facts->manager : "",
		      has_manager ? ")" : "", facts->contains ? "" : ", no cgroup");
	if (plan->backend == BACKEND_SYSTEMD) {
		print_field(out, "unit", plan->unit);
	} else if (facts->contains) {
		print_label(out, "cgroup");
		(void)fprintf(out, "oc-%s\n", plan->id);
	}
	if (facts->contains && facts->parent)
		print_field(out, "below", facts->parent);
	if (facts->contains && facts->controllers & CONTROLLER_MEMORY)
		print_slice(out, plan);
}

static void print_end(FILE *out, const struct plan *plan)
{
	const char *name = plan->stop_signal ? sigabbrev_np(plan->stop_signal) : NULL;
	char grace[FORMAT_TEXT_MAX];

	format_duration(plan->grace_usec, grace);
	print_label(out, "at the end");
	(void)fprintf(out, "%s%s to the command, SIGTERM to all, SIGKILL; %s each\n",
		      name ? "SIG" : "the signal", name ? name : "", grace);
	if (plan->report_path)
		print_field(out, "report", plan->report_path);
}

static void print_detached(FILE *out, const struct plan *plan)
{
	if (plan->detach)
		print_field(out, "detached",
			    "yes: in the background, outside of this terminal and session");
}

static void print_sessions(FILE *out, const struct plan *plan)
{
	char time[FORMAT_TEXT_MAX];

	if (plan->max_sessions == LIMIT_UNLIMITED)
		return;
	print_label(out, "sessions");
	(void)fprintf(out, "at most %llu at once; ", (unsigned long long)plan->max_sessions);
	if (plan->wait_usec == 0) {
		(void)fputs("otherwise refused\n", out);
	} else if (plan->wait_usec == LIMIT_UNLIMITED) {
		(void)fputs("otherwise waits\n", out);
	} else {
		format_duration(plan->wait_usec, time);
		(void)fprintf(out, "otherwise waits, %s at most\n", time);
	}
}

static void print_restart(FILE *out, const struct plan *plan)
{
	char age[FORMAT_TEXT_MAX];

	if (plan->restart == RESTART_NO)
		return;
	format_duration(plan->restart_min_age_usec, age);
	print_label(out, "restart");
	(void)fprintf(out, "with the same session after a kill for memory%s, if it ran for %s\n",
		      plan->restart == RESTART_ON_PRESSURE ? ", or idle above the soft line" : "",
		      age);
}

/* What becomes of memory.high, where the kernel holds it. */
static void print_high(FILE *out, const struct plan *plan)
{
	const struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];

	if (high->enforcer != ENFORCER_KERNEL || high->value == LIMIT_UNLIMITED)
		return;
	print_label(out, "early");
	if (high->asked) {
		(void)fprintf(out, "memory.high stays where it is%s\n",
			      plan->livelock_guard ? "; lifted if the session stands still at it"
						   : "");
		return;
	}
	(void)fputs("memory.high goes over ", out);
	for (size_t i = 0; i < plan->high_step_count; i++)
		(void)fprintf(out, "%s%u", i ? ", " : "", plan->high_steps[i]);
	(void)fputs(" % to none, and back\n", out);
}

static void print_notices(FILE *out, const struct plan *plan)
{
	print_label(out, "notices");
	(void)fprintf(out, "%s%sjournal\n", plan->notify & NOTIFY_DESKTOP ? "desktop, " : "",
		      plan->notify & NOTIFY_TMUX ? "tmux, " : "");
}

static void print_oom(FILE *out, const struct plan *plan)
{
	static const char *const words[] = {
		[OOM_TOOL] = "the largest tool goes first, the command last",
		[OOM_AGENT] = "the command goes first",
		[OOM_GROUP] = "all go at once",
	};

	print_field(out, "no memory", words[plan->oom]);
}

/* Only what is not as always. */
static void print_escape(FILE *out, const struct plan *plan)
{
	static const char *const words[] = {
		[ESCAPE_REPORT] = "told, and left where they are until the end",
		[ESCAPE_KILL] = "killed",
	};

	if (plan->escape != ESCAPE_RECAPTURE)
		print_field(out, "escapes", words[plan->escape]);
}

static void print_relimit(FILE *out, const struct plan *plan)
{
	if (plan->allow_relimit)
		print_field(out, "changed", "limits that somebody else changes stay so");
}

/* The table stands below, where somebody asked. */
static void print_guard(FILE *out, const struct plan *plan)
{
	print_label(out, "guard");
	(void)fprintf(out, "%s%s\n", guard_level_name(plan->guard.level),
		      plan->guard.sets_no_new_privs ? ", with no_new_privs: no sudo"
		      : plan->guard.level == GUARD_OFF
			      ? "; what is always on: --guard=off --dry-run"
			      : "");
	if (plan->guard.level != GUARD_STRICT || !plan->guard_places)
		return;
	for (char **path = plan->guard_places->writable; path && *path; path++)
		print_field(out, path == plan->guard_places->writable ? "writes to" : "", *path);
	for (char **path = plan->guard_places->hidden; path && *path; path++)
		print_field(out, path == plan->guard_places->hidden ? "hides" : "", *path);
}

/* What is done before memory is used up. */
static void print_rungs(FILE *out, const struct plan *plan)
{
	static const char *const words[] = { "notice", "ask the largest tool to end",
					     "ask the command to end" };
	const char *separator = "";

	unsigned rungs = plan->pressure_rungs;

	if (plan->oom != OOM_TOOL)
		rungs &= ~(unsigned)PLAN_RUNG_TOOL;
	if (plan->limits[LIMIT_MEMORY_MAX].enforcer == ENFORCER_NONE || rungs == 0)
		return;
	print_label(out, "when short");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!(rungs & 1U << i))
			continue;
		(void)fprintf(out, "%s%s", separator, words[i]);
		separator = ", ";
	}
	(void)fputc('\n', out);
}

static const char *who(const struct plan *plan, enum limit_id id)
{
	const struct plan_limit *limit = &plan->limits[id];

	if (limit->value == LIMIT_UNLIMITED)
		return "-";
	if (id == LIMIT_MEMORY_SWAP_MAX && limit->enforcer == ENFORCER_NONE)
		return "as memory";
	return enforcer_name(limit->enforcer);
}

static void print_limits(FILE *out, const struct plan *plan)
{
	char value[LIMIT_TEXT_MAX];

	(void)fprintf(out, "\n  %-15s  %-13s  %-11s  %s\n", "limit", "value", "enforced by",
		      "from");
	for (int i = 0; i < LIMIT_COUNT; i++) {
		enum limit_id id = (enum limit_id)i;

		limit_format_human(limit_row(id), plan->limits[id].value, value);
		(void)fprintf(out, "  %-15s  %-13s  %-11s  ", limit_row(id)->cgroup_file, value,
			      who(plan, id));
		print_text(out, plan->limits[id].where);
		(void)fputc('\n', out);
	}
}

char *plan_describe(const struct plan *plan, const struct backend_facts *backend)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_command(out, plan);
	print_place(out, plan, backend);
	print_high(out, plan);
	print_oom(out, plan);
	print_escape(out, plan);
	print_relimit(out, plan);
	print_guard(out, plan);
	print_rungs(out, plan);
	print_end(out, plan);
	print_restart(out, plan);
	print_sessions(out, plan);
	print_detached(out, plan);
	print_notices(out, plan);
	print_limits(out, plan);
	if (plan->guard.asked)
		guard_describe(&plan->guard, plan->guard_where, out);
	for (size_t i = 0; plan->warnings && plan->warnings[i]; i++) {
		(void)fputs(i ? "  warning: " : "\n  warning: ", out);
		print_text(out, plan->warnings[i]);
		(void)fputc('\n', out);
	}
	if (fclose(out) != 0)
		cleanup_free(&text);
	return text;
}
