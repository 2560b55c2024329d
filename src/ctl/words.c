/* SPDX-License-Identifier: MIT */

#include "words.h"

#include <inttypes.h>
#include <stdio.h>

enum ctl_state ctl_state_of(const struct ctl_state_facts *facts)
{
	if (!facts->is_held)
		return CTL_STATE_ORPHANED;
	/* Held, but not by oc-run: the keeper is at work. */
	if (!facts->supervisor_lives || facts->is_ending)
		return CTL_STATE_ENDING;
	if (!facts->has_command)
		return CTL_STATE_STARTING;
	if (!facts->command_lives)
		return CTL_STATE_ENDING;
	if (facts->is_frozen)
		return CTL_STATE_FROZEN;
	if (facts->command_is_stopped || facts->supervisor_is_stopped)
		return CTL_STATE_STOPPED;
	return CTL_STATE_RUNNING;
}

static const struct {
	const char *name, *style;
} states[] = {
	[CTL_STATE_STARTING] = { "starting", NULL }, [CTL_STATE_RUNNING] = { "running", "32" },
	[CTL_STATE_ENDING] = { "ending", "33" },     [CTL_STATE_STOPPED] = { "stopped", "33" },
	[CTL_STATE_FROZEN] = { "frozen", "36" },     [CTL_STATE_ORPHANED] = { "orphaned", "31" },
};

const char *ctl_state_name(enum ctl_state state)
{
	return states[state].name;
}

const char *ctl_state_style(enum ctl_state state)
{
	return states[state].style;
}

void ctl_format_age(uint64_t usec, char text[FORMAT_TEXT_MAX])
{
	uint64_t seconds = usec / USEC_PER_SEC, minutes = seconds / 60, hours = minutes / 60;

	if (minutes == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 "s", seconds);
	else if (hours == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 "m", minutes);
	else if (hours < 24)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 "h %02" PRIu64 "m", hours,
			       minutes % 60);
	else
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 "d %02" PRIu64 "h", hours / 24,
			       hours % 24);
}

void ctl_format_size(uint64_t bytes, char text[FORMAT_TEXT_MAX])
{
	if (bytes == 0)
		(void)snprintf(text, FORMAT_TEXT_MAX, "0");
	else
		format_bytes(bytes, text);
}

void ctl_format_percent(double percent, char text[FORMAT_TEXT_MAX])
{
	uint64_t tenths = percent > 0 ? (uint64_t)(percent * 10 + 0.5) : 0;

	if (tenths == 0 || tenths >= 100)
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 " %%", (tenths + 5) / 10);
	else
		(void)snprintf(text, FORMAT_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %%", tenths / 10,
			       tenths % 10);
}
