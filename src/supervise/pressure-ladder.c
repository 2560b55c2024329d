/* SPDX-License-Identifier: MIT */

/*
 * The ladder before the wall: see pressure.h. Memory is short when a twentieth of the limit is left
 * (swap included) and will be gone within five seconds as it grows now; or when for ten seconds tasks
 * did little else than wait for memory, near the limit: the kernel does not kill as long as it finds
 * a page of a program to drop, and the session stands still. What only comes near the limit and stays
 * there is left alone.
 */

#include <signal.h>

#include "pressure-internal.h"

#define NEAR_PARTS 20
#define REACHED_USEC (5 * UINT64_C(1000000))
/* Still short, after a tool was asked. */
#define RELIEF_PARTS 10
#define GROWTH_USEC (1 * UINT64_C(1000000))

#define STALLED_PERCENT 60
#define STALLED_USEC (10 * UINT64_C(1000000))
#define STALLED_PARTS 5 /* below the limit, at most */

/* Less would not help. */
#define TOOL_PARTS 10
#define AGENT_PARTS 2

#define LOOK_USEC (500 * UINT64_C(1000))
/* What a death gives back shows a moment later. */
#define SETTLE_USEC (2 * UINT64_C(1000000))

static uint64_t used_bytes(const struct pressure_look *look)
{
	return look->figures->unreclaimable_bytes + look->figures->swap_bytes;
}

static uint64_t room_bytes(const struct pressure_state *pressure, const struct pressure_look *look)
{
	return pressure_above(pressure->config.max_bytes, look->figures->unreclaimable_bytes) +
	       pressure_swap_room(pressure, look);
}

static void look_within(struct pressure_answer *answer, uint64_t usec)
{
	if (answer->next_look_usec == 0 || usec < answer->next_look_usec)
		answer->next_look_usec = usec;
}

/* Over one to two seconds, so that a look right after another one makes no rate. */
static bool will_be_used_up(const struct pressure_state *pressure, const struct pressure_look *look)
{
	uint64_t elapsed_usec = pressure_above(look->figures->at_usec, pressure->growth_at_usec[1]);
	uint64_t grown = pressure_above(used_bytes(look), pressure->growth_bytes[1]);

	if (pressure->growth_at_usec[1] == 0 || elapsed_usec < GROWTH_USEC || grown == 0)
		return false;
	return (double)room_bytes(pressure, look) / (double)grown * (double)elapsed_usec <=
	       (double)REACHED_USEC;
}

static void note_growth(struct pressure_state *pressure, const struct pressure_look *look)
{
	uint64_t now_usec = look->figures->at_usec;

	if (now_usec < pressure->growth_at_usec[0] + GROWTH_USEC)
		return;
	pressure->growth_at_usec[1] = pressure->growth_at_usec[0];
	pressure->growth_bytes[1] = pressure->growth_bytes[0];
	pressure->growth_at_usec[0] = now_usec;
	pressure->growth_bytes[0] = used_bytes(look);
}

static bool stands_still(const struct pressure_state *pressure, const struct pressure_look *look)
{
	return pressure->stalled_since_usec > 0 &&
	       look->figures->at_usec >= pressure->stalled_since_usec + STALLED_USEC;
}

static void note_stall(struct pressure_state *pressure, const struct pressure_look *look)
{
	const struct pressure_config *config = &pressure->config;
	uint64_t now_usec = look->figures->at_usec;

	if (!look->figures->memory_pressure.known ||
	    look->figures->unreclaimable_bytes <
		    config->max_bytes - config->max_bytes / STALLED_PARTS) {
		pressure->stalled_since_usec = 0;
		return;
	}
	if (pressure_above(now_usec, pressure->last.at_usec) < PRESSURE_MARK_USEC)
		return;
	if (!pressure_is_stalled(pressure, look, STALLED_PERCENT))
		pressure->stalled_since_usec = 0;
	else if (pressure->stalled_since_usec == 0)
		pressure->stalled_since_usec = pressure->last.at_usec;
}

static void settle(struct pressure_state *pressure, uint64_t now_usec)
{
	pressure->tool.count = 0;
	pressure->settles_usec = now_usec + SETTLE_USEC;
	pressure->growth_at_usec[0] = pressure->growth_at_usec[1] = 0;
	pressure->stalled_since_usec = 0;
}

static bool tool_is_alive(const struct pressure_state *pressure, const struct tree_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++) {
		if (sample->processes[i].state != 'Z' && sample->processes[i].state != 'X' &&
		    pressure_is_member(&pressure->tool, &sample->processes[i]))
			return true;
	}
	return false;
}

static void end_tool(struct pressure_state *pressure, uint64_t now_usec, int signal_number,
		     struct pressure_answer *answer)
{
	answer->actions |= PRESSURE_END_TOOL;
	answer->signal = signal_number;
	pressure->tool_usec = now_usec;
	pressure->tool_is_killed = signal_number == SIGKILL;
	look_within(answer, LOOK_USEC);
}

/* One was asked: has it gone, and if not, does it matter? */
static void follow_tool(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer)
{
	uint64_t now_usec = look->figures->at_usec;
	uint64_t relief_bytes = pressure->config.max_bytes / RELIEF_PARTS;

	look_within(answer, LOOK_USEC);
	if (!look->sample) {
		answer->wants_sample = true;
		return;
	}
	pressure_gather(look->sample, &pressure->tool);
	if (!tool_is_alive(pressure, look->sample))
		settle(pressure, now_usec);
	else if (now_usec < pressure->tool_usec + pressure->config.grace_usec)
		return;
	else if (pressure->tool_is_killed || room_bytes(pressure, look) > relief_bytes)
		settle(pressure, now_usec);
	else
		end_tool(pressure, now_usec, SIGKILL, answer);
}

static uint64_t agent_bytes(const struct tree_sample *sample)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < sample->count; i++) {
		const struct tree_process *process = &sample->processes[i];

		if (process->is_spared && !process->is_outside)
			bytes += process->resident_bytes + process->swap_bytes;
	}
	return bytes;
}

static void ask_agent(struct pressure_state *pressure, struct pressure_answer *answer)
{
	if (!pressure->config.asks_agent || pressure->agent_is_asked)
		return;
	pressure->agent_is_asked = true;
	answer->actions |= PRESSURE_END_AGENT;
}

static void relieve(struct pressure_state *pressure, const struct pressure_look *look,
		    struct pressure_answer *answer)
{
	const struct pressure_config *config = &pressure->config;
	uint64_t now_usec = look->figures->at_usec;

	if (!look->sample) {
		answer->wants_sample = true;
		return;
	}
	if (config->agent_first) {
		ask_agent(pressure, answer);
		return;
	}
	pressure_find_tool(look->sample, &pressure->tool);
	if (pressure->tool.bytes >= config->max_bytes / TOOL_PARTS) {
		if (config->asks_tool)
			end_tool(pressure, now_usec, SIGTERM, answer);
		else
			pressure->tool.count = 0; /* the kernel will take it */
		return;
	}
	pressure->tool.count = 0;
	if (agent_bytes(look->sample) >= config->max_bytes / AGENT_PARTS)
		ask_agent(pressure, answer);
}

void pressure_step_ladder(struct pressure_state *pressure, const struct pressure_look *look,
			  struct pressure_answer *answer)
{
	const struct pressure_config *config = &pressure->config;
	uint64_t room = room_bytes(pressure, look);
	bool is_short;

	if (config->max_bytes == LIMIT_UNLIMITED || !(config->asks_tool || config->asks_agent))
		return;
	note_stall(pressure, look);
	is_short = stands_still(pressure, look) ||
		   (room <= config->max_bytes / NEAR_PARTS && will_be_used_up(pressure, look));
	note_growth(pressure, look);
	if (room <= config->max_bytes / RELIEF_PARTS)
		look_within(answer, LOOK_USEC);
	if (pressure->tool.count > 0)
		follow_tool(pressure, look, answer);
	else if (is_short && look->figures->at_usec >= pressure->settles_usec)
		relieve(pressure, look, answer);
}
