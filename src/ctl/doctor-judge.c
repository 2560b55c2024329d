/* SPDX-License-Identifier: MIT */

/* See doctor-judge.h. A function for each check; what is well is said too, as "fine" alone would not
 * tell what was looked at. */

#include "doctor-judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"

const char *doctor_severity_name(enum doctor_severity severity)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_NOTE] = "note",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_ERROR] = "error",
	};

	return names[severity];
}

__attribute__((format(printf, 4, 5))) static struct doctor_finding *
find(struct doctor_findings *findings, const char *check, enum doctor_severity severity,
     const char *format, ...)
{
	struct doctor_finding *finding = &findings->items[findings->count++];
	va_list arguments;

	*finding = (struct doctor_finding){ .check = check, .severity = severity };
	va_start(arguments, format);
	(void)vsnprintf(finding->text, sizeof(finding->text), format, arguments);
	va_end(arguments);
	return finding;
}

__attribute__((format(printf, 2, 3))) static void mend(struct doctor_finding *finding,
						       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(finding->remedy, sizeof(finding->remedy), format, arguments);
	va_end(arguments);
}

static void judge_config(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->config_error)
		mend(find(findings, "configuration", DOCTOR_ERROR, "%s", facts->config_error),
		     "correct it; no session starts before that");
	else
		find(findings, "configuration", DOCTOR_OK, "the configuration can be read");
}

static void judge_cgroup(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->host->cgroup_mount)
		find(findings, "cgroup", DOCTOR_OK, "cgroup version 2 is mounted at %s",
		     facts->host->cgroup_mount);
	else
		mend(find(findings, "cgroup", DOCTOR_WARNING,
			  "no cgroup version 2 is mounted: limits are held by watching only"),
		     "boot with the kernel parameter `systemd.unified_cgroup_hierarchy=1`");
}

static const char *place_of(const struct backend_facts *backend)
{
	switch (backend->kind) {
	case BACKEND_SYSTEMD:
		return backend->manager;
	case BACKEND_CGROUPFS:
		return "cgroups of oc-run's own";
	case BACKEND_NONE:
	case BACKEND_AUTO:
		break;
	}
	return "nobody";
}

static void judge_backend(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const uint32_t needed = CONTROLLER_MEMORY | CONTROLLER_PIDS;
	const struct backend_facts *backend = facts->backend;
	struct doctor_finding *finding;

	if (!backend) {
		find(findings, "limits", DOCTOR_ERROR, "no way to hold a session was found");
		return;
	}
	if ((backend->controllers & needed) == needed) {
		find(findings, "limits", DOCTOR_OK,
		     "memory and tasks of a session are limited by the kernel (%s, below %s)",
		     place_of(backend), backend->parent);
		return;
	}
	finding = find(findings, "limits", DOCTOR_WARNING,
		       "the kernel does not hold %s: oc-run holds what it can by watching%s%s",
		       backend->controllers & CONTROLLER_MEMORY ? "the number of tasks"
		       : backend->controllers & CONTROLLER_PIDS ? "memory"
								: "memory and tasks",
		       backend->why ? "; " : "", backend->why ? backend->why : "");
	if (backend->remedy)
		mend(finding, "%s", backend->remedy);
}

/* Less than a limit: the desktop stays quick. */
static void judge_weights(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const uint32_t wanted = CONTROLLER_CPU | CONTROLLER_IO;
	uint32_t controllers = facts->backend ? facts->backend->controllers : 0;
	const char *missing = !(controllers & CONTROLLER_CPU) ? "the CPUs" : "the disks";

	if (!(controllers & CONTROLLER_MEMORY))
		return; /* there is more to mend than this */
	if ((controllers & wanted) == wanted) {
		find(findings, "weights", DOCTOR_OK,
		     "sessions leave the CPUs and disks to other programs");
		return;
	}
	mend(find(findings, "weights", DOCTOR_NOTE,
		  "a session's share of %s can't be weighed: the controller is not passed on to "
		  "you",
		  missing),
	     "`sudo systemctl edit user@.service`, write `[Service]` and "
	     "`Delegate=cpu cpuset io memory pids`, and log in again");
}

static void judge_kernel(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	/* Without its controller no cgroup has one. */
	bool has_peak = facts->has_memory_peak || !facts->backend ||
			!(facts->backend->controllers & CONTROLLER_MEMORY);

	if (!facts->host->cgroup_mount)
		return;
	if (facts->has_cgroup_kill && has_peak)
		find(findings, "kernel", DOCTOR_OK, "the kernel has cgroup.kill and memory.peak");
	else
		mend(find(findings, "kernel", DOCTOR_NOTE, "the kernel has no %s: oc-run %s",
			  facts->has_cgroup_kill ? "memory.peak" : "cgroup.kill",
			  facts->has_cgroup_kill
				  ? "takes the largest sample for a session's most memory"
				  : "freezes a session and kills its processes one by one"),
		     "Linux %s or newer", facts->has_cgroup_kill ? "5.19" : "5.14");
}

static void judge_pressure(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->has_pressure)
		find(findings, "pressure", DOCTOR_OK,
		     "the kernel tells when memory is short (PSI)");
	else
		mend(find(findings, "pressure", DOCTOR_NOTE,
			  "the kernel does not tell when memory is short: oc-run looks instead"),
		     "boot with the kernel parameter `psi=1`");
}

static void judge_systemd(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct host *host = facts->host;

	if (!host->systemd_booted) {
		find(findings, "systemd", DOCTOR_NOTE,
		     "no systemd runs here, as in most containers");
		return;
	}
	if (host->uid != 0 && !host->runtime_dir) {
		mend(find(findings, "systemd", DOCTOR_WARNING,
			  "%s runs, but no user manager of yours can be reached from here (cron, "
			  "su without a login)",
			  facts->systemd ? facts->systemd : "systemd"),
		     "log in by ssh or `machinectl shell`, or `sudo loginctl enable-linger $USER`");
		return;
	}
	if (facts->trial.refused[0])
		find(findings, "systemd", DOCTOR_NOTE,
		     "%s runs; it does not know %s: sessions go without",
		     facts->systemd ? facts->systemd : "systemd", facts->trial.refused);
	else
		find(findings, "systemd", DOCTOR_OK, "%s runs",
		     facts->systemd ? facts->systemd : "systemd");
}

static void judge_swap(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	char size[FORMAT_TEXT_MAX];

	if (facts->host->swap_bytes == 0) {
		find(findings, "swap", DOCTOR_NOTE,
		     "the machine has no swap: a burst meets the limit at once");
		return;
	}
	format_bytes(facts->host->swap_bytes, size);
	find(findings, "swap", DOCTOR_OK, "the machine has %s of swap; a session gets some of it",
	     size);
}

static void judge_outer(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct host *host = facts->host;
	char size[FORMAT_TEXT_MAX];

	if (host->outer_memory_max != LIMIT_UNLIMITED) {
		format_bytes(host->outer_memory_max, size);
		find(findings, "outer-limit", DOCTOR_NOTE,
		     "oc-ctl itself runs below a limit of %s: sessions that start here get no more "
		     "together",
		     size);
	} else if (host->outer_pids_max != LIMIT_UNLIMITED && host->outer_pids_max < 1000) {
		mend(find(findings, "outer-limit", DOCTOR_WARNING,
			  "oc-ctl itself runs below a limit of %" PRIu64
			  " tasks: an agent with a browser needs some hundreds",
			  host->outer_pids_max),
		     "raise `TasksMax=` of the service or slice around it");
	} else {
		find(findings, "outer-limit", DOCTOR_OK, "no limit from outside is in the way");
	}
}

static void judge_oomd(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->oomd_runs)
		find(findings, "oomd", DOCTOR_NOTE,
		     "systemd-oomd runs: where it is told to, it ends a whole session that stands "
		     "still for memory; `oomctl` shows what it looks at");
}

static void judge_server(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->server > 0)
		mend(find(findings, "server", DOCTOR_WARNING,
			  "an opencode server (pid %d) runs that sessions may share: what it starts "
			  "is in nobody's limit",
			  (int)facts->server),
		     "`kill %d`, once nobody works with it; oc-run starts opencode with a server of "
		     "its own",
		     (int)facts->server);
}

static void judge_leftovers(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->leftovers == 0) {
		find(findings, "leftovers", DOCTOR_OK, "no crashed session left anything");
		return;
	}
	if (facts->leftovers_after == 0) {
		find(findings, "leftovers", DOCTOR_NOTE,
		     "%zu crashed session%s had left something: it has been removed just now",
		     facts->leftovers, facts->leftovers == 1 ? "" : "s");
		return;
	}
	mend(find(findings, "leftovers", DOCTOR_WARNING, "%zu crashed session%s left something",
		  facts->leftovers_after, facts->leftovers_after == 1 ? "" : "s"),
	     "`oc-ctl sweep` shows it, `oc-ctl sweep --yes` removes it");
}

static void judge_alias(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->has_alias)
		find(findings, "alias", DOCTOR_OK, "opencode starts in a session of oc-run");
	else if (facts->has_command)
		mend(find(findings, "alias", DOCTOR_NOTE,
			  "opencode, when typed, starts without oc-run"),
		     "`echo \"alias opencode='oc-run -- opencode'\" >>~/.bashrc`, and a new terminal");
	else
		find(findings, "alias", DOCTOR_NOTE, "there is no opencode on PATH");
}

static void judge_inotify(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->has_inotify)
		find(findings, "inotify", DOCTOR_OK, "inotify instances are free");
	else
		mend(find(findings, "inotify", DOCTOR_WARNING,
			  "all inotify instances of yours are in use: oc-run polls its event files "
			  "instead, other programs fail"),
		     "`sudo sysctl fs.inotify.max_user_instances=512`");
}

static void judge_trial(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct doctor_trial *trial = &facts->trial;
	char limit[FORMAT_TEXT_MAX], peak[FORMAT_TEXT_MAX];

	format_bytes(trial->limit_bytes, limit);
	format_bytes(trial->peak_bytes, peak);
	switch (trial->result) {
	case TRIAL_NOT_RUN:
		mend(find(findings, "trial", DOCTOR_WARNING,
			  "no session was tried: there is no oc-run beside oc-ctl or on PATH"),
		     "`contrib/quickstart` installs both");
		break;
	case TRIAL_FAILED:
		mend(find(findings, "trial", DOCTOR_ERROR, "a session could not be started"),
		     "`oc-run --mem %" PRIu64 "M -- true` says why", trial->limit_bytes / MEBIBYTE);
		break;
	case TRIAL_UNENDED:
		mend(find(findings, "trial", DOCTOR_ERROR,
			  "a session with a limit of %s leaked, and was not ended", limit),
		     "`oc-run --dry-run --mem %" PRIu64 "M` shows who should have",
		     trial->limit_bytes / MEBIBYTE);
		break;
	case TRIAL_HELD:
		find(findings, "trial", trial->leaves_agent ? DOCTOR_OK : DOCTOR_WARNING,
		     "a session with a limit of %s leaked: %s ended the leak after %" PRIu64
		     ".%02" PRIu64 " s at %s, and the command %s",
		     limit, trial->by_kernel ? "the kernel" : "oc-run, by watching,",
		     trial->seconds_100 / 100, trial->seconds_100 % 100, peak,
		     trial->leaves_agent ? "went on" : "did not go on");
		break;
	}
}

void doctor_judge(const struct doctor_facts *facts, struct doctor_findings *ret)
{
	static void (*const checks[])(const struct doctor_facts *, struct doctor_findings *) = {
		judge_config,  judge_cgroup,   judge_backend,	judge_weights, judge_kernel,
		judge_systemd, judge_pressure, judge_swap,	judge_outer,   judge_inotify,
		judge_oomd,    judge_server,   judge_leftovers, judge_alias,   judge_trial,
	};

	ret->count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](facts, ret);
}

enum doctor_severity doctor_worst(const struct doctor_findings *findings)
{
	enum doctor_severity worst = DOCTOR_OK;

	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].severity > worst)
			worst = findings->items[i].severity;
	return worst;
}
