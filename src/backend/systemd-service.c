/* SPDX-License-Identifier: MIT */

/*
 * The supervisor of a detached session as a transient service: out of the login's scope
 * (KillUserProcesses, the end of the terminal), out of the session around us, no child of ours.
 * Its job is not awaited: the supervisor itself reports.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "oc-run/detach.h"
#include "systemd-bus.h"

#define START_USEC (20 * UINT64_C(1000000))
/* The end of a session has three polite steps, and people may make them longer. */
#define STOP_USEC (90 * UINT64_C(1000000))

static int append_text(sd_bus_message *message, const char *property, const char *value)
{
	return sd_bus_message_append(message, "(sv)", property, "s", value);
}

static int append_command(sd_bus_message *message, const struct detach_launch *launch)
{
	/* The label alone may be anything; "$" is the one character that would be expanded. */
	return sd_bus_message_append(message, "(sv)", "ExecStart", "a(sasb)", 1, launch->executable,
				     4, "oc-run", "--detach", "--", launch->label, false);
}

static int append_properties(sd_bus_message *message, const struct detach_launch *launch)
{
	char description[160];
	int r = sd_bus_message_open_container(message, 'a', "(sv)");

	(void)snprintf(description, sizeof(description), "oc-run, detached: %.100s", launch->label);
	if (r >= 0)
		r = append_text(message, "Description", description);
	if (r >= 0)
		r = append_text(message, "Type", "exec");
	if (r >= 0)
		r = append_command(message, launch);
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "StandardInputFileDescriptor", "h",
					  launch->channel);
	if (r >= 0)
		r = append_text(message, "StandardOutput", "journal");
	if (r >= 0)
		r = append_text(message, "StandardError", "journal");
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "Environment", "as", 1, DETACH_TAG);
	/* Somebody may have imported a session's environment into the manager. */
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "UnsetEnvironment", "as", 1,
					  launch->forget);
	/* Only oc-run itself: its session has a scope, and is ended by it. */
	if (r >= 0)
		r = append_text(message, "KillMode", "mixed");
	if (r >= 0)
		r = append_text(message, "OOMPolicy", "continue");
	if (r >= 0)
		r = append_text(message, "CollectMode", "inactive-or-failed");
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)", "TimeoutStopUSec", "t", STOP_USEC);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int start(struct manager_bus *manager, const struct detach_launch *launch, const char *unit,
		 uint64_t deadline, struct diag *diag)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL, *reply = NULL;
	int r = manager_message_new(manager, "StartTransientUnit", &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "ss", unit, "fail");
	if (r >= 0)
		r = append_properties(message, launch);
	if (r >= 0)
		r = sd_bus_message_append(message, "a(sa(sv))", 0);
	if (r >= 0)
		r = manager_send(manager, message, deadline, &error, &reply);
	if (r < 0)
		(void)diag_set(diag, r, "systemd did not start the service \"%s\": %s", unit,
			       error.message ? error.message : strerror(-r));
	sd_bus_error_free(&error);
	(void)sd_bus_message_unref(reply);
	(void)sd_bus_message_unref(message);
	return r;
}

int detach_by_systemd(const struct detach_launch *launch, struct diag *diag)
{
	enum systemd_which which = launch->host->uid == 0 ? SYSTEMD_SYSTEM : SYSTEMD_USER;
	uint64_t deadline = now_usec() + START_USEC, number;
	struct refusal refusal = { "", "" };
	struct manager_bus manager;
	char unit[64];
	int r;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return diag_set(diag, -EIO, "cannot make a name: %s", strerror(errno));
	(void)snprintf(unit, sizeof(unit), "oc-run-%016" PRIx64 ".service", number);
	r = manager_bus_open(which, launch->host, deadline, &manager, &refusal);
	if (r == -EOPNOTSUPP)
		return diag_set(diag, r,
				"a detached session needs a service manager to live in: %s; %s",
				refusal.why, refusal.remedy);
	if (r < 0)
		return diag_set(diag, r, "cannot reach systemd: %s", strerror(-r));
	r = start(&manager, launch, unit, deadline, diag);
	manager_bus_close(&manager);
	return r == -EOPNOTSUPP ? -EIO : r;
}
