/* SPDX-License-Identifier: MIT */

/*
 * See pressure.h. This file has what the parts share: the differences between two looks, the soft
 * line, and when to look again. pressure-high.c has memory.high, pressure-ladder.c what comes before
 * the wall.
 */

#include "pressure-internal.h"

/* Nothing pressed for so long: back to the calm looks. */
#define QUIET_USEC (5 * UINT64_C(1000000))
#define LOOK_USEC UINT64_C(1000000)
/* Below the soft line by this part of memory.max, for so long: it was left. */
#define SOFT_MARGIN_PARTS 20
/* Where it is when memory.high is off. */
#define SOFT_PERCENT 80
#define SOFT_LEFT_USEC (10 * UINT64_C(1000000))

struct pressure_mark pressure_mark_of(const struct pressure_look *look)
{
	const struct figures *figures = look->figures;

	return (struct pressure_mark){
		.at_usec = figures->at_usec,
		.stalled_usec = figures->memory_pressure.some_total_usec,
		.high_events = look->high_events,
		.oom_kills = look->oom_kills,
		.current_bytes = figures->current_bytes,
		.swap_bytes = figures->swap_bytes,
	};
}

uint64_t pressure_above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

unsigned pressure_stalled_percent(const struct pressure_mark *from, const struct pressure_mark *to)
{
	uint64_t elapsed_usec = pressure_above(to->at_usec, from->at_usec);
	uint64_t stalled_usec = pressure_above(to->stalled_usec, from->stalled_usec);

	if (elapsed_usec == 0)
		return 0;
	return stalled_usec >= elapsed_usec ? 100 : (unsigned)(stalled_usec * 100 / elapsed_usec);
}

bool pressure_is_stalled(const struct pressure_state *pressure, const struct pressure_look *look,
			 unsigned percent)
{
	const struct pressure_mark now = pressure_mark_of(look);

	if (pressure_above(now.at_usec, pressure->last.at_usec) < PRESSURE_MARK_USEC)
		return false;
	if (look->figures->memory_pressure.known)
		return pressure_stalled_percent(&pressure->last, &now) >= percent;
	/* An allocation that is throttled counts 17 each time it wakes up (mm/memcontrol.c,
	 * MAX_RECLAIM_RETRIES and one): a counter that moves is all there is to go by. */
	return now.high_events > pressure->last.high_events;
}

uint64_t pressure_swap_room(const struct pressure_state *pressure, const struct pressure_look *look)
{
	/* What others have filled is known by the swap that failed. */
	if (look->figures->at_usec < pressure->swap_is_full_until_usec)
		return 0;
	if (pressure->swap_held_bytes > 0)
		return pressure_above(pressure->swap_held_bytes, look->figures->swap_bytes);
	return pressure_above(pressure->config.swap_bytes, look->figures->swap_bytes);
}

static void step_soft_line(struct pressure_state *pressure, const struct pressure_look *look,
			   struct pressure_answer *answer)
{
	const struct pressure_config *config = &pressure->config;
	uint64_t used = look->figures->unreclaimable_bytes, now_usec = look->figures->at_usec;

	if (used >= config->soft_bytes) {
		pressure->relieved_usec = 0;
		if (!pressure->is_short)
			answer->actions |= PRESSURE_SOFT_CROSSED;
		pressure->is_short = true;
		return;
	}
	if (!pressure->is_short ||
	    used + config->whole_bytes / SOFT_MARGIN_PARTS > config->soft_bytes) {
		pressure->relieved_usec = 0;
		return;
	}
	if (pressure->relieved_usec == 0)
		pressure->relieved_usec = now_usec;
	if (now_usec < pressure->relieved_usec + SOFT_LEFT_USEC)
		return;
	answer->actions |= PRESSURE_SOFT_LEFT;
	pressure->is_short = false;
}

static void note_swap(struct pressure_state *pressure, const struct pressure_look *look)
{
	if (look->swap_fails > pressure->last_swap_fails)
		pressure->swap_is_full_until_usec = look->figures->at_usec + QUIET_USEC;
	pressure->last_swap_fails = look->swap_fails;
}

static void note_activity(struct pressure_state *pressure, const struct pressure_look *look)
{
	bool crosses = look->high_events > pressure->last_high_events;

	if (crosses || pressure_is_stalled(pressure, look, 10))
		pressure->active_usec = look->figures->at_usec;
	pressure->last_high_events = look->high_events;
}

/* In whole pages, as the kernel will have it. */
static uint64_t percent_of(uint64_t bytes, unsigned percent)
{
	return bytes / 100 * percent / 4096 * 4096;
}

static void set_steps(struct pressure_config *config, const struct plan *plan, uint64_t max_bytes)
{
	const struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];

	if (high->value == LIMIT_UNLIMITED)
		return;
	if (high->asked || max_bytes == LIMIT_UNLIMITED) {
		config->steps[config->step_count++] = high->value;
		config->is_fixed = true;
		return;
	}
	for (size_t i = 0; i < plan->high_step_count; i++)
		config->steps[config->step_count++] = percent_of(max_bytes, plan->high_steps[i]);
}

struct pressure_config pressure_config_of(const struct plan *plan, uint32_t enforced,
					  uint64_t swap_bytes)
{
	const struct plan_limit *max = &plan->limits[LIMIT_MEMORY_MAX];
	const struct plan_limit *high = &plan->limits[LIMIT_MEMORY_HIGH];
	const struct plan_limit *swap = &plan->limits[LIMIT_MEMORY_SWAP_MAX];
	struct pressure_config config = {
		.max_bytes = LIMIT_UNLIMITED,
		.guards = plan->livelock_guard,
		.soft_bytes = high->value,
		/* Whoever wants the command to go first does not want a tool asked before it. */
		.asks_tool = plan->pressure_rungs & PLAN_RUNG_TOOL && plan->oom == OOM_TOOL,
		.asks_agent = plan->pressure_rungs & PLAN_RUNG_AGENT,
		.agent_first = plan->oom == OOM_AGENT,
		.grace_usec = plan->grace_usec,
	};

	if (enforced & (1U << LIMIT_MEMORY_MAX) || max->enforcer == ENFORCER_WATCH)
		config.max_bytes = max->value;
	if (enforced & (1U << LIMIT_MEMORY_HIGH))
		set_steps(&config, plan, config.max_bytes);
	if (enforced & (1U << LIMIT_MEMORY_MAX))
		config.swap_bytes =
			enforced & (1U << LIMIT_MEMORY_SWAP_MAX) && swap->value < swap_bytes
				? swap->value
				: swap_bytes;
	config.guards_swap =
		config.swap_bytes > 0 && !swap->asked && enforced & (1U << LIMIT_MEMORY_SWAP_MAX);
	config.whole_bytes = config.max_bytes;
	if (config.max_bytes == LIMIT_UNLIMITED)
		config.whole_bytes = config.step_count > 0 ? config.steps[0] : 0;
	else if (config.soft_bytes > config.max_bytes)
		config.soft_bytes = percent_of(config.max_bytes, SOFT_PERCENT);
	if (!(plan->pressure_rungs & PLAN_RUNG_NOTICE))
		config.soft_bytes = LIMIT_UNLIMITED;
	return config;
}

void pressure_init(struct pressure_state *pressure, const struct pressure_config *config)
{
	*pressure = (struct pressure_state){ .config = *config };
}

void pressure_change(struct pressure_state *pressure, const struct pressure_config *config)
{
	pressure->config = *config;
	pressure->level = 0;
	pressure->crossed_usec = pressure->below_usec = 0;
	pressure->crossing_is_told = false;
	pressure->held_up = (struct pressure_mark){ 0 };
	pressure->held_up_samples = 0;
	pressure->lifts = 0;
	pressure->swap_held_bytes = 0;
	pressure->is_short = false;
	pressure->relieved_usec = 0;
}

struct pressure_answer pressure_step(struct pressure_state *pressure,
				     const struct pressure_look *look)
{
	uint64_t now_usec = look->figures->at_usec;
	struct pressure_answer answer = { 0 };

	if (pressure->config.whole_bytes == 0)
		return answer;
	note_swap(pressure, look);
	pressure_step_swap(pressure, look, &answer);
	pressure_step_high(pressure, look, &answer);
	note_activity(pressure, look);
	step_soft_line(pressure, look, &answer);
	pressure_step_ladder(pressure, look, &answer);
	if (pressure_above(now_usec, pressure->last.at_usec) >= PRESSURE_MARK_USEC)
		pressure->last = pressure_mark_of(look);
	if (answer.next_look_usec == 0 && pressure->active_usec > 0 &&
	    now_usec < pressure->active_usec + QUIET_USEC)
		answer.next_look_usec = LOOK_USEC;
	return answer;
}
