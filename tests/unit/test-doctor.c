/* SPDX-License-Identifier: MIT */

/* A machine where all is well, and one thing after the other that is not. */

#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "src/ctl/doctor-judge.h"
#include "unit.h"

#define ALL (CONTROLLER_MEMORY | CONTROLLER_PIDS | CONTROLLER_CPU | CONTROLLER_IO)

struct world {
	struct host host;
	struct backend_facts backend;
	struct doctor_facts facts;
};

static void world_init(struct world *world)
{
	*world = (struct world){
		.host = { .uid = 1000,
			  .systemd_booted = true,
			  .runtime_dir = (char *)"/run/user/1000",
			  .cgroup_mount = (char *)"/sys/fs/cgroup",
			  .swap_bytes = GIBIBYTE,
			  .outer_memory_max = LIMIT_UNLIMITED,
			  .outer_swap_max = LIMIT_UNLIMITED,
			  .outer_pids_max = LIMIT_UNLIMITED },
		.backend = { .kind = BACKEND_SYSTEMD,
			     .controllers = ALL,
			     .contains = true,
			     .manager = "user systemd",
			     .parent = "/user.slice" },
		.facts = { .systemd = "systemd 257 (257.8)",
			   .has_cgroup_kill = true,
			   .has_memory_peak = true,
			   .has_pressure = true,
			   .has_command = true,
			   .has_alias = true,
			   .has_inotify = true,
			   .trial = { .result = TRIAL_HELD,
				      .by_kernel = true,
				      .leaves_agent = true,
				      .limit_bytes = 64 * MEBIBYTE,
				      .peak_bytes = 64 * MEBIBYTE,
				      .seconds_100 = 123 } },
	};
	world->facts.host = &world->host;
	world->facts.backend = &world->backend;
}

static void break_v2(struct world *world)
{
	world->host.cgroup_mount = NULL;
}

static void break_controllers(struct world *world)
{
	world->backend.controllers = CONTROLLER_PIDS;
	world->backend.why = "systemd does not hand the kernel's memory controller down";
	world->backend.remedy = "run `sudo systemctl edit user@.service`";
}

static void break_weights(struct world *world)
{
	world->backend.controllers = CONTROLLER_PIDS | CONTROLLER_MEMORY;
}

static void break_user_manager(struct world *world)
{
	world->host.runtime_dir = NULL;
}

static void break_systemd(struct world *world)
{
	world->host.systemd_booted = false;
}

static void break_properties(struct world *world)
{
	(void)strcpy(world->facts.trial.refused, "OOMPolicy");
}

static void break_kill(struct world *world)
{
	world->facts.has_cgroup_kill = false;
}

static void break_peak(struct world *world)
{
	world->facts.has_memory_peak = false;
}

static void break_pressure(struct world *world)
{
	world->facts.has_pressure = false;
}

static void break_swap(struct world *world)
{
	world->host.swap_bytes = 0;
}

static void break_outer_memory(struct world *world)
{
	world->host.outer_memory_max = 2 * GIBIBYTE;
}

static void break_outer_tasks(struct world *world)
{
	world->host.outer_pids_max = 100;
}

static void break_oomd(struct world *world)
{
	world->facts.oomd_runs = true;
}

static void break_server(struct world *world)
{
	world->facts.server = 4711;
}

static void break_leftovers(struct world *world)
{
	world->facts.leftovers = world->facts.leftovers_after = 2;
}

static void break_before(struct world *world)
{
	world->facts.leftovers = 1;
}

static void break_alias(struct world *world)
{
	world->facts.has_alias = false;
}

static void break_inotify(struct world *world)
{
	world->facts.has_inotify = false;
}

static void break_config(struct world *world)
{
	world->facts.config_error = "/etc/oc-run.conf:3: unknown key \"men\"";
}

static void break_backend(struct world *world)
{
	world->facts.backend = NULL;
}

static void break_start(struct world *world)
{
	world->facts.trial.result = TRIAL_FAILED;
}

static void break_hold(struct world *world)
{
	world->facts.trial.result = TRIAL_UNENDED;
}

static void break_agent(struct world *world)
{
	world->facts.trial.leaves_agent = false;
}

static void break_install(struct world *world)
{
	world->facts.trial.result = TRIAL_NOT_RUN;
}

static const struct {
	const char *name;
	void (*breaks)(struct world *world);
	const char *check;
	enum doctor_severity severity;
	const char *text, *remedy; /* parts */
} rows[] = {
	{ "no v2", break_v2, "cgroup", DOCTOR_WARNING, "by watching only",
	  "systemd.unified_cgroup_hierarchy=1" },
	{ "no delegation", break_controllers, "limits", DOCTOR_WARNING,
	  "the kernel does not hold memory: oc-run holds what it can by watching; systemd does not",
	  "systemctl edit user@.service" },
	{ "no weights", break_weights, "weights", DOCTOR_NOTE, "share of the CPUs",
	  "Delegate=cpu cpuset io memory pids" },
	{ "no user manager", break_user_manager, "systemd", DOCTOR_WARNING,
	  "no user manager of yours", "enable-linger" },
	{ "no systemd", break_systemd, "systemd", DOCTOR_NOTE, "as in most containers", "" },
	{ "an old systemd", break_properties, "systemd", DOCTOR_NOTE, "does not know OOMPolicy",
	  "" },
	{ "no kill", break_kill, "kernel", DOCTOR_NOTE, "no cgroup.kill", "5.14" },
	{ "no peak", break_peak, "kernel", DOCTOR_NOTE, "no memory.peak", "5.19" },
	{ "no PSI", break_pressure, "pressure", DOCTOR_NOTE, "oc-run looks instead", "psi=1" },
	{ "no swap", break_swap, "swap", DOCTOR_NOTE, "no swap", "" },
	{ "limit above", break_outer_memory, "outer-limit", DOCTOR_NOTE, "a limit of 2.0 GiB", "" },
	{ "few tasks", break_outer_tasks, "outer-limit", DOCTOR_WARNING, "100 tasks", "TasksMax=" },
	{ "oomd", break_oomd, "oomd", DOCTOR_NOTE, "systemd-oomd runs", "" },
	{ "server", break_server, "server", DOCTOR_WARNING, "pid 4711", "`kill 4711`" },
	{ "leftovers", break_leftovers, "leftovers", DOCTOR_WARNING, "2 crashed sessions left",
	  "`oc-ctl sweep`" },
	{ "gone by now", break_before, "leftovers", DOCTOR_NOTE, "has been removed just now", "" },
	{ "alias", break_alias, "alias", DOCTOR_NOTE, "without oc-run",
	  "alias opencode='oc-run -- opencode'" },
	{ "inotify", break_inotify, "inotify", DOCTOR_WARNING, "in use", "max_user_instances" },
	{ "config", break_config, "configuration", DOCTOR_ERROR, "unknown key", "correct it" },
	{ "no backend", break_backend, "limits", DOCTOR_ERROR, "no way", "" },
	{ "no start", break_start, "trial", DOCTOR_ERROR, "could not be started",
	  "`oc-run --mem 64M -- true`" },
	{ "no hold", break_hold, "trial", DOCTOR_ERROR, "was not ended", "--dry-run --mem 64M" },
	{ "the command died", break_agent, "trial", DOCTOR_WARNING, "did not go on", "" },
	{ "no oc-run", break_install, "trial", DOCTOR_WARNING, "no oc-run", "quickstart" },
};

static const struct doctor_finding *finding_of(const struct doctor_findings *findings,
					       const char *check)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->items[i].check, check) == 0)
			return &findings->items[i];
	return NULL;
}

TEST(where_all_is_well_nothing_is_to_be_done)
{
	struct doctor_findings findings;
	struct world world;

	world_init(&world);
	doctor_judge(&world.facts, &findings);
	expect_int(doctor_worst(&findings), DOCTOR_OK);
	for (size_t i = 0; i < findings.count; i++) {
		unit_row = findings.items[i].check;
		expect_text(findings.items[i].remedy, "");
		expect(findings.items[i].text[0]);
	}
	expect(strstr(finding_of(&findings, "trial")->text,
		      "the kernel ended the leak after 1.23 s at 64 MiB, and the command went on"));
}

TEST(each_thing_that_is_broken_is_said_with_what_mends_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct doctor_finding *finding;
		struct doctor_findings findings;
		struct world world;

		unit_row = rows[i].name;
		world_init(&world);
		rows[i].breaks(&world);
		doctor_judge(&world.facts, &findings);
		finding = finding_of(&findings, rows[i].check);
		expect(finding);
		expect_int(finding->severity, rows[i].severity);
		expect_contains(finding->text, rows[i].text);
		expect_contains(finding->remedy, rows[i].remedy);
		expect_int(rows[i].remedy[0] != '\0', finding->remedy[0] != '\0');
		expect_int(doctor_worst(&findings), rows[i].severity);
	}
}

UNIT_MAIN("doctor", where_all_is_well_nothing_is_to_be_done,
	  each_thing_that_is_broken_is_said_with_what_mends_it)
