/* SPDX-License-Identifier: MIT */

#include <signal.h>
#include <stdio.h>

#include "oc-run/backend.h"
#include "oc-run/parse.h"
#include "oc-run/plan.h"
#include "profile-fixture.h"

#define ALL_CONTROLLERS (CONTROLLER_MEMORY | CONTROLLER_PIDS | CONTROLLER_CPU | CONTROLLER_IO)
#define SETTINGS_MAX 8

/* A laptop, as in the incident that started it all. */
static const struct host laptop = {
	.ram_bytes = 20 * GIBIBYTE,
	.swap_bytes = 10 * GIBIBYTE,
	.page_bytes = 4096,
	.cpus = 8,
	.uid = 1000,
	.outer_memory_max = LIMIT_UNLIMITED,
	.outer_swap_max = LIMIT_UNLIMITED,
	.outer_pids_max = LIMIT_UNLIMITED,
};

static const struct backend_facts user_systemd = {
	.kind = BACKEND_SYSTEMD,
	.controllers = ALL_CONTROLLERS,
	.contains = true,
	.manager = "user systemd",
	.parent = "/user.slice/user-1000.slice/user@1000.service/oc.slice",
};

static const struct backend_facts nothing = {
	.kind = BACKEND_NONE,
	.manager = "",
	.why = "this machine has no cgroup v2 controllers",
	.remedy = "boot with systemd.unified_cgroup_hierarchy=1",
};

struct given {
	enum setting_id id;
	const char *text, *where;
};

/* Of the next resolve(). */
static const struct user_account *user_of_request;
static struct plan_others others;
static struct plan_slice slice_of_request;

static void fill(struct settings *settings, const struct given *given)
{
	*settings = (struct settings){ 0 };
	for (size_t i = 0; i < SETTINGS_MAX && given[i].text; i++)
		expect_int(settings_set(settings, given[i].id, given[i].text, given[i].where), 0);
}

static int resolve(const struct given *given, const struct host *host,
		   const struct backend_facts *facts, char *const *command, struct plan **ret_plan,
		   struct diag *diag)
{
	struct settings settings;
	struct plan_request request = {
		.id = "0123456789abcdef",
		.command = command,
		.executable = "/usr/bin/program",
		.settings = &settings,
		.profile = shipped_profile_for(command[0]),
		.host = host,
		.backend = facts,
		.others = others,
		.slice = slice_of_request,
		.user = user_of_request,
	};
	int r;

	fill(&settings, given);
	r = plan_resolve(&request, ret_plan, diag);
	settings_finish(&settings);
	return r;
}

static char true_word[] = "true", opencode_word[] = "opencode", path_word[] = "/opt/a\tb/to ol";
static char *const true_command[] = { true_word, NULL };
static char *const opencode_command[] = { opencode_word, NULL };
static const struct given no_settings[SETTINGS_MAX];

static size_t count_warnings(const struct plan *plan)
{
	size_t count = 0;

	while (plan->warnings && plan->warnings[count])
		count++;
	return count;
}

/* All warnings, a line each. Caller frees. */
static char *join_warnings(const struct plan *plan)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < count_warnings(plan); i++)
		(void)fprintf(out, "%s\n", plan->warnings[i]);
	(void)fclose(out);
	return text;
}

TEST(defaults_come_from_the_machine)
{
	static const struct {
		const char *name;
		uint64_t ram_mib;
		unsigned cpus;
		uint64_t mem_mib, swap_mib, pids, slice_mib;
		const char *where;
	} rows[] = {
		{ "64 GiB", 65536, 16, 8192, 2048, 6144, 49152, "default: 8 GiB" },
		{ "20 GiB", 20480, 8, 8192, 2048, 5120, 15360, "default: 8 GiB" },
		{ "16 GiB", 16384, 8, 8192, 2048, 5120, 12288, "default: half of RAM" },
		{ "8 GiB", 8192, 4, 4096, 1024, 4608, 6144, "default: half of RAM" },
		{ "4 GiB", 4096, 4, 2048, 512, 4608, 2048, "default: half of RAM" },
		{ "3 GiB", 3072, 2, 1536, 384, 4352, 1536, "default: half of RAM" },
		{ "2 GiB", 2048, 2, 1536, 384, 4352, 1536, "default: 1.5 GiB" },
		{ "1 GiB", 1024, 1, 768, 192, 4224, 768, "default: three quarters of RAM" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct host host = laptop;
		struct plan *plan;

		unit_row = rows[i].name;
		host.ram_bytes = rows[i].ram_mib * MEBIBYTE;
		host.cpus = rows[i].cpus;
		expect_int(resolve(no_settings, &host, &user_systemd, true_command, &plan, NULL),
			   0);
		expect_uint(plan->limits[LIMIT_MEMORY_MAX].value, rows[i].mem_mib * MEBIBYTE);
		expect_text(plan->limits[LIMIT_MEMORY_MAX].where, rows[i].where);
		expect_uint(plan->limits[LIMIT_MEMORY_HIGH].value / 4096,
			    rows[i].mem_mib * MEBIBYTE / 100 * 80 / 4096);
		expect_uint(plan->limits[LIMIT_MEMORY_SWAP_MAX].value, rows[i].swap_mib * MEBIBYTE);
		expect_uint(plan->limits[LIMIT_PIDS_MAX].value, rows[i].pids);
		expect_uint(plan->limits[LIMIT_CPU_MAX].value, LIMIT_UNLIMITED);
		expect_uint(plan->limits[LIMIT_CPU_WEIGHT].value, 50);
		expect_uint(plan->limits[LIMIT_IO_WEIGHT].value, 50);
		expect_uint(plan->slice_memory_max, rows[i].slice_mib * MEBIBYTE);
		expect_uint(plan->slice_pids_max, 4 * rows[i].pids);
		for (int id = 0; id < LIMIT_COUNT; id++)
			expect(!plan->limits[id].asked);
		expect_uint(count_warnings(plan), 0);
		plan_free(plan);
	}
}

TEST(the_rest_has_defaults_too)
{
	struct plan *plan;

	expect_int(resolve(no_settings, &laptop, &user_systemd, opencode_command, &plan, NULL), 0);
	expect_text(plan->id, "0123456789abcdef");
	expect_text(plan->unit, "oc-0123456789abcdef.scope");
	expect_text(plan->slice, "oc.slice");
	expect_text(plan->name, "opencode");
	expect_text(plan->command[0], "opencode");
	expect_text(plan->command[1], NULL);
	expect_text(plan->executable, "/usr/bin/program");
	expect_int(plan->backend, BACKEND_SYSTEMD);
	expect_int(plan->enforce, ENFORCE_AUTO);
	expect_uint(plan->grace_usec, 3 * USEC_PER_SEC);
	expect_int(plan->stop_signal, SIGHUP);
	expect_int(plan->json_status_fd, -1);
	expect(!plan->chdir && !plan->report_path && !plan->setenv);
	expect(!plan->dry_run && !plan->quiet && !plan->verbose);
	plan_free(plan);
}

TEST(what_is_asked_for_is_taken_with_its_origin)
{
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_MEM, "50%", "/etc/oc-run.conf:3" },
		{ SETTING_HIGH, "9G", "OC_RUN_HIGH" },
		{ SETTING_SWAP, "0", "--swap" },
		{ SETTING_PIDS, "max", "--pids" },
		{ SETTING_CPUS, "1.5", "--cpus" },
		{ SETTING_IO_WEIGHT, "100", "--io-weight" },
		{ SETTING_GRACE, "500ms", "--grace" },
	};
	static const uint64_t values[] = {
		[LIMIT_MEMORY_MAX] = 10 * GIBIBYTE,
		[LIMIT_MEMORY_HIGH] = 9 * GIBIBYTE,
		[LIMIT_MEMORY_SWAP_MAX] = 0,
		[LIMIT_PIDS_MAX] = LIMIT_UNLIMITED,
		[LIMIT_CPU_MAX] = 1500,
		[LIMIT_CPU_WEIGHT] = 50,
		[LIMIT_IO_WEIGHT] = 100,
	};
	struct plan *plan;

	expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	for (int id = 0; id < LIMIT_COUNT; id++) {
		unit_row = limit_row((enum limit_id)id)->key;
		expect_uint(plan->limits[id].value, values[id]);
		expect_int(plan->limits[id].asked, id != LIMIT_CPU_WEIGHT);
		expect_int(plan->limits[id].enforcer, ENFORCER_KERNEL);
	}
	expect_text(plan->limits[LIMIT_MEMORY_MAX].where, "/etc/oc-run.conf:3");
	expect_text(plan->limits[LIMIT_MEMORY_HIGH].where, "OC_RUN_HIGH");
	expect_uint(plan->grace_usec, 500 * USEC_PER_MSEC);
	expect_int(plan->stop_signal, 0);
	expect_uint(count_warnings(plan), 0);
	plan_free(plan);
}

TEST(nothing_is_ever_above_the_limit_around_oc_run)
{
	static const struct {
		const char *name;
		struct given given[SETTINGS_MAX];
		uint64_t mem_mib, swap_mib, pids;
		const char *warning;
	} rows[] = {
		{ "defaults", { { 0 } }, 2048, 100, 300, NULL },
		{ "smaller is kept",
		  { { SETTING_MEM, "1G", "--mem" }, { SETTING_PIDS, "64", "--pids" } },
		  1024,
		  100,
		  64,
		  NULL },
		{ "larger is cut and said",
		  { { SETTING_MEM, "8G", "--mem" } },
		  4096,
		  100,
		  300,
		  "--mem 8G is more than oc-run was given itself: the limit is 4.0 GiB" },
		{ "from a file",
		  { { SETTING_PIDS, "1000", "/etc/oc-run.conf:3" } },
		  2048,
		  100,
		  300,
		  "pids = 1000 of /etc/oc-run.conf:3 is more than oc-run was given itself" },
		{ "max means as much as there is",
		  { { SETTING_MEM, "max", "--mem" } },
		  4096,
		  100,
		  300,
		  NULL },
		{ "a share is one of what there is",
		  { { SETTING_MEM, "75%", "--mem" } },
		  3072,
		  100,
		  300,
		  NULL },
	};
	struct host host = laptop;

	host.outer_memory_max = 4 * GIBIBYTE;
	host.outer_swap_max = 100 * MEBIBYTE;
	host.outer_pids_max = 300;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *warnings = NULL;
		struct plan *plan;

		unit_row = rows[i].name;
		expect_int(resolve(rows[i].given, &host, &user_systemd, true_command, &plan, NULL),
			   0);
		expect_uint(plan->limits[LIMIT_MEMORY_MAX].value, rows[i].mem_mib * MEBIBYTE);
		expect(plan->limits[LIMIT_MEMORY_HIGH].value <= rows[i].mem_mib * MEBIBYTE);
		expect_uint(plan->limits[LIMIT_MEMORY_SWAP_MAX].value, rows[i].swap_mib * MEBIBYTE);
		expect_uint(plan->limits[LIMIT_PIDS_MAX].value, rows[i].pids);
		warnings = join_warnings(plan);
		if (rows[i].warning)
			expect_contains(warnings, rows[i].warning);
		else
			expect_lacks(warnings, "was given itself");
		plan_free(plan);
	}
}

TEST(the_origin_says_when_the_outer_limit_holds)
{
	struct host host = laptop;
	struct plan *plan;

	host.outer_memory_max = 4 * GIBIBYTE;
	host.outer_pids_max = 300;
	expect_int(resolve(no_settings, &host, &user_systemd, true_command, &plan, NULL), 0);
	expect_text(plan->limits[LIMIT_PIDS_MAX].where, "the cgroup oc-run was started in");
	expect_text(plan->limits[LIMIT_MEMORY_MAX].where, "default: half of the outer limit");
	plan_free(plan);
}

TEST(memory_high_follows_memory_max)
{
	static const struct {
		const char *name;
		struct given given[SETTINGS_MAX];
		int result;
		uint64_t high;
	} rows[] = {
		{ "80 percent in whole pages",
		  { { SETTING_MEM, "1G", "--mem" } },
		  0,
		  GIBIBYTE / 100 * 80 / 4096 * 4096 },
		{ "none without a limit", { { SETTING_MEM, "max", "--mem" } }, 0, LIMIT_UNLIMITED },
		{ "equal is fine",
		  { { SETTING_MEM, "1G", "--mem" }, { SETTING_HIGH, "1G", "--high" } },
		  0,
		  GIBIBYTE },
		{ "max is fine",
		  { { SETTING_MEM, "1G", "--mem" }, { SETTING_HIGH, "max", "--high" } },
		  0,
		  LIMIT_UNLIMITED },
		{ "above is an error",
		  { { SETTING_MEM, "1G", "--mem" }, { SETTING_HIGH, "2G", "--high" } },
		  -EINVAL,
		  0 },
		{ "above the default, too", { { SETTING_HIGH, "9G", "--high" } }, -EINVAL, 0 },
		{ "both from a file",
		  { { SETTING_MEM, "1G", "/f:1" }, { SETTING_HIGH, "2G", "/f:2" } },
		  -EINVAL,
		  0 },
		{ "a file's gives way to a smaller --mem",
		  { { SETTING_MEM, "1G", "--mem" }, { SETTING_HIGH, "2G", "/f:2" } },
		  0,
		  GIBIBYTE / 100 * 80 / 4096 * 4096 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		struct plan *plan = NULL;

		unit_row = rows[i].name;
		expect_int(resolve(rows[i].given, &laptop, &user_systemd, true_command, &plan,
				   &diag),
			   rows[i].result);
		if (plan)
			expect_uint(plan->limits[LIMIT_MEMORY_HIGH].value, rows[i].high);
		else
			expect_contains(diag.text, "is above the memory limit");
		plan_free(plan);
	}
}

TEST(the_steps_of_memory_high_are_percentages_that_rise)
{
	static const struct {
		const char *text;
		int result;
		unsigned steps[3];
		size_t count;
	} rows[] = {
		{ "70", 0, { 70 }, 1 },
		{ "1,2,99", 0, { 1, 2, 99 }, 3 },
		{ " 70 , 80%,\t90 ", 0, { 70, 80, 90 }, 3 },
		{ "", -EINVAL, { 0 }, 0 },
		{ "80,", -EINVAL, { 0 }, 0 },
		{ ",80", -EINVAL, { 0 }, 0 },
		{ "80,80", -EINVAL, { 0 }, 0 },
		{ "90,80", -EINVAL, { 0 }, 0 },
		{ "0", -EINVAL, { 0 }, 0 },
		{ "100", -EINVAL, { 0 }, 0 },
		{ "8000000000000000000000", -EINVAL, { 0 }, 0 },
		{ "80 88", -EINVAL, { 0 }, 0 },
		{ "80;88", -EINVAL, { 0 }, 0 },
		{ "none", -EINVAL, { 0 }, 0 },
		{ "1,2,3,4,5,6,7,8,9", -EINVAL, { 0 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_MEM, "1G", "--mem" }, { SETTING_HIGH_STEPS, rows[i].text, "/f:3" }
		};
		struct diag diag = DIAG_INIT;
		struct plan *plan = NULL;

		unit_row = rows[i].text;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, &diag),
			   rows[i].result);
		if (!plan) {
			expect_contains(diag.text, "write for example 80,88,95");
			continue;
		}
		expect_uint(plan->high_step_count, rows[i].count);
		for (size_t step = 0; step < rows[i].count; step++)
			expect_uint(plan->high_steps[step], rows[i].steps[step]);
		expect_uint(plan->limits[LIMIT_MEMORY_HIGH].value,
			    GIBIBYTE / 100 * rows[i].steps[0] / 4096 * 4096);
		expect_contains(plan->limits[LIMIT_MEMORY_HIGH].where, "/f:3: ");
		plan_free(plan);
	}
}

TEST(a_line_or_steps_but_not_both_on_the_command_line)
{
	static const struct {
		const char *name;
		const char *high_where, *steps_where;
		int result;
		bool is_line;
	} rows[] = {
		{ "both typed", "--high", "--high-steps", -EINVAL, false },
		{ "the line typed", "--high", "/f:1", 0, true },
		{ "the steps typed", "/f:1", "--high-steps", 0, false },
		{ "both in a file", "/f:1", "/f:2", 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_MEM, "1G", "--mem" },
			{ SETTING_HIGH, "500M", rows[i].high_where },
			{ SETTING_HIGH_STEPS, "70,90", rows[i].steps_where },
		};
		struct plan *plan = NULL;

		unit_row = rows[i].name;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL),
			   rows[i].result);
		if (plan)
			expect_int(plan->limits[LIMIT_MEMORY_HIGH].asked, rows[i].is_line);
		plan_free(plan);
	}
}

TEST(the_guard_is_on_unless_somebody_says_no)
{
	static const struct given no[SETTINGS_MAX] = { { SETTING_LIVELOCK_GUARD, "no", "/f:1" } };
	struct plan *plan;

	expect_int(resolve(no_settings, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	expect(plan->livelock_guard);
	plan_free(plan);
	expect_int(resolve(no, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	expect(!plan->livelock_guard);
	plan_free(plan);
}

TEST(what_is_done_as_memory_runs_short_is_a_list_of_words)
{
	static const struct {
		const char *text;
		int result;
		unsigned rungs;
	} rows[] = {
		{ "notice", 0, PLAN_RUNG_NOTICE },
		{ "notice,tool", 0, PLAN_RUNG_NOTICE | PLAN_RUNG_TOOL },
		{ " agent , tool", 0, PLAN_RUNG_TOOL | PLAN_RUNG_AGENT },
		{ "none", 0, 0 },
		{ "", -EINVAL, 0 },
		{ "tool,", -EINVAL, 0 },
		{ "tool agent", -EINVAL, 0 },
		{ "tools", -EINVAL, 0 },
		{ "none,tool", -EINVAL, 0 },
	};
	struct plan *plan;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = { { SETTING_PRESSURE, rows[i].text,
							     "--pressure" } };
		struct diag diag = DIAG_INIT;

		unit_row = rows[i].text;
		plan = NULL;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, &diag),
			   rows[i].result);
		if (plan)
			expect_uint(plan->pressure_rungs, rows[i].rungs);
		else
			expect_contains(diag.text, "--pressure \"");
		plan_free(plan);
	}
	expect_int(resolve(no_settings, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	expect_uint(plan->pressure_rungs, PLAN_RUNG_NOTICE | PLAN_RUNG_TOOL);
	plan_free(plan);
}

TEST(mistakes_name_their_origin_and_what_to_write)
{
	static const struct {
		struct given given;
		const char *says;
	} rows[] = {
		{ { SETTING_MEM, "4X", "--mem" }, "--mem \"4X\": \"X\" is no unit" },
		{ { SETTING_MEM, "", "--mem" }, "--mem \"\": is empty" },
		{ { SETTING_PIDS, "0", "OC_RUN_PIDS" }, "OC_RUN_PIDS \"0\": " },
		{ { SETTING_SWAP, "x", "/etc/oc-run.conf:7" }, "/etc/oc-run.conf:7: swap \"x\": " },
		{ { SETTING_GRACE, "soon", "--grace" }, "--grace \"soon\": is no duration" },
		{ { SETTING_BACKEND, "docker", "--backend" },
		  "is not one of auto, systemd, cgroupfs" },
		{ { SETTING_ENFORCE, "kernal", "--enforce" }, "did you mean kernel?" },
		{ { SETTING_ENFORCE, "", "--enforce" },
		  "--enforce \"\": is not one of auto or kernel" },
		{ { SETTING_SLICE, "a/b", "--slice" }, "is no name of a slice" },
		{ { SETTING_SLICE, "a--b.slice", "--slice" }, "is no name of a slice" },
		{ { SETTING_SLICE, "-a.slice", "--slice" }, "is no name of a slice" },
		{ { SETTING_SLICE, ".slice", "--slice" }, "is no name of a slice" },
		{ { SETTING_SLICE, "", "--slice" }, "is no name of a slice" },
		{ { SETTING_NAME, "", "--name" }, "is empty" },
		{ { SETTING_NAME, "a\nb", "--name" }, "is no name" },
		{ { SETTING_CHDIR, "", "--chdir" }, "--chdir \"\": is empty" },
		{ { SETTING_REPORT, "", "--report" }, "--report \"\": is empty" },
		{ { SETTING_JSON_STATUS_FD, "-1", "--json-status-fd" },
		  "--json-status-fd \"-1\": is no file descriptor" },
		{ { SETTING_JSON_STATUS_FD, "9999999999", "--json-status-fd" },
		  "no file descriptor" },
		{ { SETTING_QUIET, "perhaps", "/etc/oc-run.conf:1" },
		  "neither \"yes\" nor \"no\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct given given[SETTINGS_MAX] = { rows[i].given };
		struct diag diag = DIAG_INIT;
		struct settings settings;
		enum backend_kind kind;
		struct plan *plan = NULL;
		int r;

		unit_row = rows[i].says;
		fill(&settings, given);
		r = plan_backend_choice(&settings, &kind, &diag);
		settings_finish(&settings);
		if (r == 0)
			r = resolve(given, &laptop, &user_systemd, true_command, &plan, &diag);
		expect_int(r, -EINVAL);
		expect(plan == NULL);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(choices_are_understood)
{
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_BACKEND, "cgroupfs", "--backend" },
		{ SETTING_ENFORCE, "kernel", "--enforce" },
		{ SETTING_SLICE, "work", "--slice" },
		{ SETTING_NAME, "night build", "--name" },
		{ SETTING_CHDIR, "/srv", "--chdir" },
		{ SETTING_JSON_STATUS_FD, "3", "--json-status-fd" },
		{ SETTING_QUIET, "Yes", "/etc/oc-run.conf:1" },
	};
	struct settings settings;
	enum backend_kind kind;
	enum enforce_mode mode;
	struct plan *plan;

	fill(&settings, given);
	expect_int(plan_backend_choice(&settings, &kind, NULL), 0);
	expect_int(kind, BACKEND_CGROUPFS);
	expect_int(plan_enforce_choice(&settings, &mode, NULL), 0);
	expect_int(mode, ENFORCE_KERNEL);
	settings_finish(&settings);
	expect_int(plan_backend_choice(&settings, &kind, NULL), 0);
	expect_int(kind, BACKEND_AUTO);
	expect_int(plan_enforce_choice(&settings, &mode, NULL), 0);
	expect_int(mode, ENFORCE_AUTO);
	expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	expect_text(plan->slice, "work.slice");
	expect_text(plan->name, "night build");
	expect_text(plan->chdir, "/srv");
	expect_int(plan->json_status_fd, 3);
	expect(plan->quiet);
	plan_free(plan);
}

TEST(each_limit_is_enforced_by_whoever_can)
{
	static const struct {
		const char *name;
		uint32_t controllers;
		enum enforcer memory, high, swap, pids, weight;
		const char *warning;
	} rows[] = {
		{ "all", ALL_CONTROLLERS, ENFORCER_KERNEL, ENFORCER_KERNEL, ENFORCER_KERNEL,
		  ENFORCER_KERNEL, ENFORCER_KERNEL, NULL },
		{ "memory and pids, as user sessions have it", CONTROLLER_MEMORY | CONTROLLER_PIDS,
		  ENFORCER_KERNEL, ENFORCER_KERNEL, ENFORCER_KERNEL, ENFORCER_KERNEL, ENFORCER_NONE,
		  NULL },
		{ "pids only", CONTROLLER_PIDS, ENFORCER_WATCH, ENFORCER_NONE, ENFORCER_NONE,
		  ENFORCER_KERNEL, ENFORCER_NONE,
		  "the memory limit is enforced by watching, not by the kernel: this machine has" },
		{ "memory only", CONTROLLER_MEMORY, ENFORCER_KERNEL, ENFORCER_KERNEL,
		  ENFORCER_KERNEL, ENFORCER_WATCH, ENFORCER_NONE,
		  "the limit of tasks is enforced by watching, not by the kernel: this machine has" },
		{ "nothing", 0, ENFORCER_WATCH, ENFORCER_NONE, ENFORCER_NONE, ENFORCER_WATCH,
		  ENFORCER_NONE,
		  "limits are enforced by watching, not by the kernel: this machine has no cgroup v2 "
		  "controllers; boot with systemd.unified_cgroup_hierarchy=1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct backend_facts facts = nothing;
		struct plan *plan;

		unit_row = rows[i].name;
		facts.controllers = rows[i].controllers;
		expect_int(resolve(no_settings, &laptop, &facts, true_command, &plan, NULL), 0);
		expect_int(plan->limits[LIMIT_MEMORY_MAX].enforcer, rows[i].memory);
		expect_int(plan->limits[LIMIT_MEMORY_HIGH].enforcer, rows[i].high);
		expect_int(plan->limits[LIMIT_MEMORY_SWAP_MAX].enforcer, rows[i].swap);
		expect_int(plan->limits[LIMIT_PIDS_MAX].enforcer, rows[i].pids);
		expect_int(plan->limits[LIMIT_CPU_WEIGHT].enforcer, rows[i].weight);
		expect_int(plan->limits[LIMIT_CPU_MAX].enforcer, ENFORCER_NONE);
		expect_uint(count_warnings(plan), rows[i].warning ? 1 : 0);
		if (rows[i].warning)
			expect_contains(plan->warnings[0], rows[i].warning);
		plan_free(plan);
	}
}

TEST(an_asked_limit_that_nobody_can_hold_is_never_silent)
{
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_HIGH, "1G", "--high" },
		{ SETTING_CPUS, "2", "--cpus" },
		{ SETTING_IO_WEIGHT, "10", "--io-weight" },
	};
	static const struct given weight[SETTINGS_MAX] = {
		{ SETTING_CPU_WEIGHT, "10", "--cpu-weight" },
	};
	struct backend_facts facts = nothing;
	struct plan *plan;

	expect_int(resolve(given, &laptop, &facts, true_command, &plan, NULL), 0);
	expect_uint(count_warnings(plan), 2);
	expect_contains(plan->warnings[0], "limits are enforced by watching");
	expect_text(
		plan->warnings[1],
		"--high, --cpus and --io-weight cannot be held without the kernel and have no effect");
	plan_free(plan);

	facts.controllers = CONTROLLER_MEMORY | CONTROLLER_PIDS;
	expect_int(resolve(weight, &laptop, &facts, true_command, &plan, NULL), 0);
	expect_uint(count_warnings(plan), 1);
	expect_contains(plan->warnings[0],
			"--cpu-weight cannot be held here and has no effect: this "
			"machine has");
	plan_free(plan);
}

TEST(insisting_on_the_kernel_refuses_where_it_cannot)
{
	static const struct {
		const char *name;
		uint32_t controllers;
		struct given more;
		const char *says; /* NULL: accepted */
	} rows[] = {
		{ "nothing",
		  0,
		  { 0 },
		  "the kernel does not enforce --mem, --high, --swap and --pids here: this machine has "
		  "no cgroup v2 controllers; boot with" },
		{ "no pids", CONTROLLER_MEMORY, { 0 }, "does not enforce --pids here" },
		{ "weights are a courtesy", CONTROLLER_MEMORY | CONTROLLER_PIDS, { 0 }, NULL },
		{ "a weight that was asked for",
		  CONTROLLER_MEMORY | CONTROLLER_PIDS,
		  { SETTING_CPU_WEIGHT, "10", "--cpu-weight" },
		  "does not enforce --cpu-weight here" },
		{ "no limit needs nobody",
		  CONTROLLER_MEMORY,
		  { SETTING_PIDS, "max", "--pids" },
		  NULL },
		{ "all", ALL_CONTROLLERS, { SETTING_CPUS, "1", "--cpus" }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_ENFORCE, "kernel", "--enforce" },
			rows[i].more,
		};
		struct backend_facts facts = nothing;
		struct diag diag = DIAG_INIT;
		struct plan *plan = NULL;

		unit_row = rows[i].name;
		facts.controllers = rows[i].controllers;
		expect_int(resolve(given, &laptop, &facts, true_command, &plan, &diag),
			   rows[i].says ? -EOPNOTSUPP : 0);
		if (rows[i].says)
			expect_contains(diag.text, rows[i].says);
		else
			expect_uint(count_warnings(plan), 0);
		plan_free(plan);
	}
}

TEST(a_slice_of_a_person_is_taken_as_it_is)
{
	static const struct {
		const char *name, *mem;
		struct plan_slice slice;
		const char *says, *warning; /* or NULL */
	} rows[] = {
		{ "enough",
		  "2G",
		  { true, 4 * GIBIBYTE, GIBIBYTE, 9000 },
		  "all together: 4.0 GiB, swap: 1.0 GiB, 9000 tasks (by its unit)",
		  NULL },
		{ "no limit",
		  "max",
		  { true, LIMIT_UNLIMITED, LIMIT_UNLIMITED, LIMIT_UNLIMITED },
		  "all together: no limit, swap: no limit, no limit (by its unit)",
		  NULL },
		{ "too little",
		  "6G",
		  { true, 4 * GIBIBYTE, 0, 100 },
		  "all together: 4.0 GiB, swap: 0 B, 100 tasks (by its unit)",
		  "oc.slice holds all sessions together to 4.0 GiB, less than the limit of this "
		  "one" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = { { SETTING_MEM, rows[i].mem, "--mem" } };
		_cleanup_free_ char *text = NULL, *warnings = NULL;
		struct plan *plan;

		unit_row = rows[i].name;
		slice_of_request = rows[i].slice;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
		slice_of_request = (struct plan_slice){ .is_given = false };
		text = plan_describe(plan, &user_systemd);
		warnings = join_warnings(plan);
		expect_contains(text, rows[i].says);
		if (rows[i].warning)
			expect_contains(warnings, rows[i].warning);
		else
			expect_lacks(warnings, "oc.slice");
		plan_free(plan);
	}
}

TEST(sessions_that_may_take_more_than_their_slice_are_said)
{
	static const struct {
		const char *name;
		const struct backend_facts *facts;
		struct plan_others others;
		const char *warning;
	} rows[] = {
		{ "alone", &user_systemd, { 0, 0 }, NULL },
		{ "within the slice", &user_systemd, { 1, 7 * GIBIBYTE }, NULL },
		{ "beyond it",
		  &user_systemd,
		  { 2, 16 * GIBIBYTE },
		  "the 3 sessions that run now may take 24.0 GiB together, but oc.slice holds "
		  "15.0 GiB: " },
		{ "one without a limit",
		  &user_systemd,
		  { 1, LIMIT_UNLIMITED },
		  "may take any amount together" },
		{ "nobody holds the slice", &nothing, { 2, 16 * GIBIBYTE }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *warnings = NULL;
		struct plan *plan;

		unit_row = rows[i].name;
		others = rows[i].others;
		expect_int(resolve(no_settings, &laptop, rows[i].facts, true_command, &plan, NULL),
			   0);
		warnings = join_warnings(plan);
		if (rows[i].warning)
			expect_contains(warnings, rows[i].warning);
		else
			expect_lacks(warnings, "together");
		plan_free(plan);
	}
	others = (struct plan_others){ 0 };
}

TEST(too_much_memory_is_given_but_said)
{
	static const struct {
		const char *mem;
		uint64_t slice_gib; /* 0: no limit */
		const char *warning;
	} rows[] = {
		{ "15G", 15, NULL },
		{ "16G", 16,
		  "--mem 16.0 GiB lets all sessions together take that much, instead of "
		  "15.0 GiB" },
		{ "64G", 64, "--mem 64G leaves nothing for the rest of a machine with 20.0 GiB" },
		{ "100%", 20, "--mem 100% leaves nothing for the rest" },
		{ "max", 15, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = { { SETTING_MEM, rows[i].mem, "--mem" } };
		struct plan *plan;

		unit_row = rows[i].mem;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
		expect_uint(plan->slice_memory_max, rows[i].slice_gib * GIBIBYTE);
		expect_uint(count_warnings(plan), rows[i].warning ? 1 : 0);
		if (rows[i].warning)
			expect_contains(plan->warnings[0], rows[i].warning);
		plan_free(plan);
	}
}

TEST(a_small_pids_limit_warns_in_one_line)
{
	static const struct given given[SETTINGS_MAX] = { { SETTING_PIDS, "64", "--pids" } };
	struct plan *plan;

	expect_int(resolve(given, &laptop, &user_systemd, opencode_command, &plan, NULL), 0);
	expect_uint(count_warnings(plan), 1);
	expect_contains(plan->warnings[0], "neither a TypeScript language server");
	plan_free(plan);
	expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	expect_uint(count_warnings(plan), 0);
	plan_free(plan);
}

/* The command line as planned, for a version (major; -1: not known) and a server that runs. */
static char *planned_line(const char *line, int major, pid_t server, struct plan **ret_plan)
{
	const struct profile_version version = { { (unsigned)major } };
	_cleanup_strv_ char **argv = NULL;
	struct settings settings = { 0 };
	struct plan_request request = {
		.id = "0123456789abcdef",
		.executable = "/usr/bin/opencode",
		.settings = &settings,
		.version = major < 0 ? NULL : &version,
		.server = server,
		.host = &laptop,
		.backend = &user_systemd,
	};

	expect_int(strv_append_words(&argv, line), 0);
	request.command = argv;
	request.profile = shipped_profile_for(argv[0]);
	expect_int(plan_resolve(&request, ret_plan, NULL), 0);
	return strv_join((*ret_plan)->command, " ");
}

TEST(a_version_with_a_shared_server_gets_its_own)
{
	static const struct {
		const char *line;
		int major;
		pid_t server;
		const char *planned;
		bool private, may_share, own;
		const char *warning; /* NULL: none */
	} rows[] = {
		{ "opencode", 1, 0, "opencode", false, false, true, NULL },
		{ "opencode", 1, 77, "opencode", false, false, true, NULL },
		{ "opencode", -1, 0, "opencode", false, false, false, NULL },
		{ "opencode", -1, 77, "opencode", false, true, false,
		  "runs outside of this one (pid 77)" },
		{ "opencode", 2, 0, "opencode --standalone", true, false, true, NULL },
		{ "opencode", 2, 77, "opencode --standalone", true, false, true, NULL },
		{ "opencode run x", 2, 77, "opencode run --standalone x", true, false, true, NULL },
		{ "opencode --standalone", -1, 77, "opencode --standalone", true, false, true,
		  NULL },
		{ "opencode --server u", 2, 77, "opencode --server u", false, false, false, NULL },
		{ "opencode acp", 2, 0, "opencode acp", false, true, false, NULL },
		{ "opencode acp", 2, 77, "opencode acp", false, true, false, "(pid 77)" },
		{ "opencode2", 0, 0, "opencode2 --standalone", true, false, true, NULL },
		{ "claude", 2, 77, "claude", false, false, true, NULL },
		{ "make", 2, 77, "make", false, false, true, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan;
		_cleanup_free_ char *line =
			planned_line(rows[i].line, rows[i].major, rows[i].server, &plan);
		_cleanup_free_ char *warnings = join_warnings(plan);

		unit_row = rows[i].line;
		expect_text(line, rows[i].planned);
		expect_int(plan->private_server, rows[i].private);
		expect_int(plan->may_share_server, rows[i].may_share);
		expect_int(plan->server_is_own, rows[i].own);
		if (rows[i].warning)
			expect_contains(warnings, rows[i].warning);
		else
			expect_lacks(warnings, "server");
		plan_free(plan);
	}
}

TEST(variables_with_a_value_are_kept)
{
	static char a[] = "A=1", bare[] = "HOME", b[] = "B=";
	static char *const given[] = { a, bare, b, NULL };
	struct settings settings = { 0 };
	const struct plan_request request = {
		.id = "0123456789abcdef",
		.command = true_command,
		.executable = "/usr/bin/true",
		.setenv = given,
		.settings = &settings,
		.profile = shipped_profile_for("true"),
		.host = &laptop,
		.backend = &user_systemd,
	};
	struct plan *plan;

	expect_int(plan_resolve(&request, &plan, NULL), 0);
	expect_text(plan->setenv[0], "A=1");
	expect_text(plan->setenv[1], "B=");
	expect_text(plan->setenv[2], NULL);
	plan_free(plan);
}

TEST(the_description_says_who_enforces_what_and_why)
{
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_MEM, "4G", "--mem" },
		{ SETTING_PIDS, "64", "/etc/oc-run.conf:12" },
	};
	_cleanup_free_ char *text = NULL;
	struct plan *plan;

	expect_int(resolve(given, &laptop, &user_systemd, opencode_command, &plan, NULL), 0);
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(text, "memory.max       4.0 GiB        the kernel   --mem\n");
	expect_contains(text, "pids.max         64 tasks       the kernel   /etc/oc-run.conf:12\n");
	expect_contains(text, "cpu.max          no limit       -            default\n");
	expect_contains(text, "backend     systemd (user systemd)\n");
	expect_contains(text, "oc-0123456789abcdef.scope");
	expect_contains(text, "oc.slice; all together: 15.0 GiB");
	expect_contains(text, "program     /usr/bin/program\n");
	expect_contains(text, "early       memory.high goes over 80, 88, 95 % to none, and back\n");
	expect_contains(text, "when short  notice, ask the largest tool to end\n");
	expect_contains(text, "warning: a limit of 64 tasks");
	expect_lacks(text, "watching");
}

/* The account is whom somebody looked up; the text of the setting no longer matters. */
TEST(the_command_of_another_user_is_named_and_not_started_again)
{
	static char name[] = "d\tev";
	static const struct user_account dev = { .uid = 1000, .gid = 1000, .name = name };
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_RESTART, "on-oom", "--restart" },
	};
	static const struct given in_file[SETTINGS_MAX] = {
		{ SETTING_RESTART, "on-oom", "/etc/oc-run.conf:1" },
	};
	_cleanup_free_ char *text = NULL, *other = NULL;
	struct plan *plan;

	user_of_request = &dev;
	expect_int(resolve(given, &laptop, &user_systemd, opencode_command, &plan, NULL), 0);
	expect(plan->user == &dev);
	expect_int(plan->restart, RESTART_NO);
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(text, "\n  user        d?ev (1000)\n");
	expect_contains(text, "--restart \"on-oom\": the command of another user (--user)");
	expect_lacks(text, "can get away");

	expect_int(resolve(in_file, &laptop, &nothing, opencode_command, &plan, NULL), 0);
	expect_int(plan->restart, RESTART_NO);
	other = plan_describe(plan, &nothing);
	plan_free(plan);
	user_of_request = NULL;
	expect_lacks(other, "--restart");
	expect_contains(other, "can get away from oc-run");
}

TEST(the_description_fits_80_columns_but_for_warnings)
{
	_cleanup_free_ char *text = NULL;
	struct plan *plan;

	expect_int(resolve(no_settings, &laptop, &user_systemd, opencode_command, &plan, NULL), 0);
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		unit_row = line;
		expect(strcspn(line, "\n") <= 80);
	}
}

TEST(the_description_says_what_becomes_of_a_persons_line)
{
	static const struct given given[SETTINGS_MAX] = {
		{ SETTING_HIGH, "1G", "--high" },
	};
	static const struct given unguarded[SETTINGS_MAX] = {
		{ SETTING_HIGH, "1G", "--high" },
		{ SETTING_LIVELOCK_GUARD, "no", "--livelock-guard" },
	};
	_cleanup_free_ char *text = NULL, *other = NULL;
	struct plan *plan;

	expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(text, "early       memory.high stays where it is; lifted if the session");
	expect_int(resolve(unguarded, &laptop, &user_systemd, true_command, &plan, NULL), 0);
	other = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(other, "early       memory.high stays where it is\n");
}

TEST(limits_that_others_may_change_are_described)
{
	static const struct {
		const char *text;
		bool allowed;
	} rows[] = { { "yes", true }, { "no", false } };
	static const char line[] = "changed     limits that somebody else changes stay so\n";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_ALLOW_RELIMIT, rows[i].text, "--allow-relimit" },
		};
		_cleanup_free_ char *text = NULL;
		struct plan *plan;

		unit_row = rows[i].text;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, NULL), 0);
		text = plan_describe(plan, &user_systemd);
		expect_int(plan->allow_relimit, rows[i].allowed);
		expect_int(strstr(text, line) != NULL, rows[i].allowed);
		plan_free(plan);
	}
}

TEST(the_description_without_a_cgroup_says_so)
{
	static const struct given given[SETTINGS_MAX] = { { SETTING_CPUS, "2", "--cpus" } };
	_cleanup_free_ char *text = NULL;
	struct plan *plan;

	expect_int(resolve(given, &laptop, &nothing, true_command, &plan, NULL), 0);
	text = plan_describe(plan, &nothing);
	plan_free(plan);
	expect_contains(text, "backend     none, no cgroup\n");
	expect_contains(text, "memory.max       8.0 GiB        watching     default: 8 GiB\n");
	expect_contains(text, "memory.high      6.4 GiB        nobody ");
	expect_contains(text, "memory.swap.max  2.0 GiB        as memory ");
	expect_contains(text, "cpu.max          2 CPUs         nobody       --cpus\n");
	expect_lacks(text, "oc.slice");
	expect_lacks(text, ".scope");
}

TEST(the_description_shows_no_control_characters)
{
	static char escape[] = "a\033[31m", empty[] = "";
	static char *const command[] = { path_word, escape, empty, NULL };
	_cleanup_free_ char *text = NULL;
	struct plan *plan;

	expect_int(resolve(no_settings, &laptop, &user_systemd, command, &plan, NULL), 0);
	expect_text(plan->name, "to ol");
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(text, "'/opt/a?b/to ol' a?[31m ''\n");
	expect_lacks(text, "\033");
}

TEST(notices_go_where_they_can)
{
	static char bus[] = "unix:path=/run/user/1000/bus", tmux[] = "/tmp/tmux-1000/default";
	static const struct {
		const char *name, *text, *where;
		char *bus;
		bool is_named, is_graphical;
		char *tmux;
		unsigned notify;
		const char *warning; /* NULL: none */
	} rows[] = {
		{ "a desktop", NULL, NULL, bus, true, true, NULL, NOTIFY_DESKTOP, NULL },
		{ "a desktop without the variable", NULL, NULL, bus, false, true, NULL,
		  NOTIFY_DESKTOP, NULL },
		{ "another login's bus", NULL, NULL, bus, false, false, NULL, 0, NULL },
		{ "ssh with a bus, in tmux", NULL, NULL, bus, true, false, tmux,
		  NOTIFY_DESKTOP | NOTIFY_TMUX, NULL },
		{ "nothing", NULL, NULL, NULL, false, false, NULL, 0, NULL },
		{ "auto is the default", "auto", "--notify", bus, true, true, tmux,
		  NOTIFY_DESKTOP | NOTIFY_TMUX, NULL },
		{ "auto asks for nothing", "auto", "--notify", NULL, false, false, NULL, 0, NULL },
		{ "off", "off", "--notify", bus, true, true, tmux, 0, NULL },
		{ "desktop alone", "desktop", "--notify", bus, true, true, tmux, NOTIFY_DESKTOP,
		  NULL },
		{ "another login's, by name", "desktop", "--notify", bus, false, false, NULL,
		  NOTIFY_DESKTOP, NULL },
		{ "tmux alone", "tmux", "--notify", bus, true, true, tmux, NOTIFY_TMUX, NULL },
		{ "both, turned round", "tmux,desktop", "--notify", bus, true, true, tmux,
		  NOTIFY_DESKTOP | NOTIFY_TMUX, NULL },
		{ "no bus", "desktop,tmux", "--notify", NULL, false, true, tmux, NOTIFY_TMUX,
		  "no session bus" },
		{ "no tmux", "tmux", "--notify", bus, true, true, NULL, 0, "tmux of yours" },
		{ "from a file it is a wish", "tmux", "/etc/oc-run.conf:3", NULL, false, false,
		  NULL, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = { { SETTING_NOTIFY, rows[i].text,
							     rows[i].where } };
		_cleanup_free_ char *warnings = NULL;
		struct host host = laptop;
		struct plan *plan;

		unit_row = rows[i].name;
		host.session_bus = rows[i].bus;
		host.session_bus_is_named = rows[i].is_named;
		host.is_graphical = rows[i].is_graphical;
		host.tmux_socket = rows[i].tmux;
		expect_int(resolve(given, &host, &user_systemd, true_command, &plan, NULL), 0);
		expect_uint(plan->notify, rows[i].notify);
		warnings = join_warnings(plan);
		expect_uint(count_warnings(plan), rows[i].warning != NULL);
		if (rows[i].warning)
			expect_contains(warnings, rows[i].warning);
		plan_free(plan);
	}
}

TEST(other_words_for_notices_are_refused)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "dekstop", "--notify \"dekstop\": is not auto, off, desktop, tmux or "
			     "desktop,tmux; did you mean desktop?" },
		{ "", "is not auto" },
		{ ",", "is not auto" },
		{ "desktop,", "is not auto" },
		{ "tmux,mail", "is not auto" },
		{ "off,tmux", "is not auto" },
		{ "auto,tmux", "is not auto" },
		{ "desktop tmux", "is not auto" },
		{ "desktopdesktopdesktopdesktopdesktopdesktop", "is not auto" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = { { SETTING_NOTIFY, rows[i].text,
							     "--notify" } };
		struct diag diag = DIAG_INIT;
		struct plan *plan;

		unit_row = rows[i].text;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, &diag),
			   -EINVAL);
		expect_contains(diag.text, rows[i].says);
	}
}

TEST(a_restart_is_asked_for_by_its_name)
{
	static const struct {
		const char *name, *when, *age;
		enum restart_choice choice;
		uint64_t age_usec;
		const char *refused; /* NULL: it is not */
	} rows[] = {
		{ "default", NULL, NULL, RESTART_NO, 2 * USEC_PER_MINUTE, NULL },
		{ "no", "no", NULL, RESTART_NO, 2 * USEC_PER_MINUTE, NULL },
		{ "on-oom", "on-oom", "0", RESTART_ON_OOM, 0, NULL },
		{ "an age", "on-oom", "5min", RESTART_ON_OOM, 5 * USEC_PER_MINUTE, NULL },
		{ "in good time", "on-pressure", NULL, RESTART_ON_PRESSURE, 2 * USEC_PER_MINUTE,
		  NULL },
		{ "another word", "on-om", NULL, RESTART_NO, 0, "did you mean on-oom?" },
		{ "empty", "", NULL, RESTART_NO, 0, "is not one of no, on-oom or on-pressure" },
		{ "no time", "on-oom", "soon", RESTART_NO, 0, "restart-min-age" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_RESTART, rows[i].when, "/etc/oc-run.conf:3" },
			{ SETTING_RESTART_MIN_AGE, rows[i].age, "--restart-min-age" }
		};
		const struct given *from = rows[i].when ? given : no_settings;
		struct diag diag = DIAG_INIT;
		struct plan *plan;

		unit_row = rows[i].name;
		expect_int(resolve(from, &laptop, &user_systemd, true_command, &plan, &diag),
			   rows[i].refused ? -EINVAL : 0);
		if (rows[i].refused) {
			expect_contains(diag.text, rows[i].refused);
			continue;
		}
		expect_int(plan->restart, rows[i].choice);
		expect_uint(plan->restart_min_age_usec, rows[i].age_usec);
		expect_uint(count_warnings(plan), 0);
		plan_free(plan);
	}
}

TEST(how_many_sessions_may_run_is_a_number_or_max)
{
	static const struct {
		const char *name, *max, *wait;
		uint64_t max_sessions, wait_usec;
		const char *refused; /* NULL: it is not */
	} rows[] = {
		{ "a number", "4", NULL, 4, 0, NULL },
		{ "no limit", "max", "no", LIMIT_UNLIMITED, 0, NULL },
		{ "without end", "1", "yes", 1, LIMIT_UNLIMITED, NULL },
		{ "for a time", "1", "10min", 1, 10 * USEC_PER_MINUTE, NULL },
		{ "a bare number is seconds", "1", "1", 1, USEC_PER_SEC, NULL },
		{ "not at all", "1", "0", 1, 0, NULL },
		{ "none at all", "0", NULL, 0, 0, "write for example 4, or max" },
		{ "empty", "", NULL, 0, 0, "write for example 4, or max" },
		{ "too many", "1000001", NULL, 0, 0, "write for example 4, or max" },
		{ "no time", "4", "soon", 0, 0, "--wait \"soon\": is no time" },
		{ "an empty time", "4", "", 0, 0, "--wait \"\": is no time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct given given[SETTINGS_MAX] = {
			{ SETTING_MAX_SESSIONS, rows[i].max, "OC_RUN_MAX_SESSIONS" },
			{ SETTING_WAIT, rows[i].wait, "--wait" }
		};
		struct diag diag = DIAG_INIT;
		struct plan *plan;

		unit_row = rows[i].name;
		expect_int(resolve(given, &laptop, &user_systemd, true_command, &plan, &diag),
			   rows[i].refused ? -EINVAL : 0);
		if (rows[i].refused) {
			expect_contains(diag.text, rows[i].refused);
			continue;
		}
		expect_uint(plan->max_sessions, rows[i].max_sessions);
		expect_uint(plan->wait_usec, rows[i].wait_usec);
		expect_uint(count_warnings(plan), 0);
		plan_free(plan);
	}
}

TEST(the_description_says_where_notices_go)
{
	static char socket[] = "/tmp/tmux-1000/default";
	_cleanup_free_ char *text = NULL;
	struct host host = laptop;
	struct plan *plan;

	host.tmux_socket = socket;
	expect_int(resolve(no_settings, &host, &user_systemd, true_command, &plan, NULL), 0);
	text = plan_describe(plan, &user_systemd);
	plan_free(plan);
	expect_contains(text, "\n  notices     tmux, journal\n");
}

UNIT_MAIN("plan", defaults_come_from_the_machine, the_rest_has_defaults_too,
	  what_is_asked_for_is_taken_with_its_origin, nothing_is_ever_above_the_limit_around_oc_run,
	  the_origin_says_when_the_outer_limit_holds, memory_high_follows_memory_max,
	  the_steps_of_memory_high_are_percentages_that_rise,
	  a_line_or_steps_but_not_both_on_the_command_line, the_guard_is_on_unless_somebody_says_no,
	  what_is_done_as_memory_runs_short_is_a_list_of_words,
	  mistakes_name_their_origin_and_what_to_write, choices_are_understood,
	  each_limit_is_enforced_by_whoever_can,
	  an_asked_limit_that_nobody_can_hold_is_never_silent,
	  insisting_on_the_kernel_refuses_where_it_cannot, a_slice_of_a_person_is_taken_as_it_is,
	  sessions_that_may_take_more_than_their_slice_are_said, too_much_memory_is_given_but_said,
	  a_small_pids_limit_warns_in_one_line, a_version_with_a_shared_server_gets_its_own,
	  the_command_of_another_user_is_named_and_not_started_again,
	  variables_with_a_value_are_kept, the_description_says_who_enforces_what_and_why,
	  the_description_fits_80_columns_but_for_warnings,
	  the_description_says_what_becomes_of_a_persons_line,
	  limits_that_others_may_change_are_described, the_description_without_a_cgroup_says_so,
	  the_description_shows_no_control_characters, notices_go_where_they_can,
	  other_words_for_notices_are_refused, a_restart_is_asked_for_by_its_name,
	  how_many_sessions_may_run_is_a_number_or_max, the_description_says_where_notices_go)
