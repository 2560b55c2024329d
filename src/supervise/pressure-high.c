/* SPDX-License-Identifier: MIT */

/*
 * memory.high: up, down, and the guard. See pressure.h.
 *
 *	up	above it, and nothing more can be reclaimed: at once. Else the kernel is given a
 *		quarter of a second, then it goes up if tasks stand still for it. A crossing
 *		that reclaim copes with (page cache, cold memory with swap) changes nothing.
 *	down	to the lowest step that all memory in use, page cache included, has kept clear of
 *		for some time: below it the kernel has nothing to reclaim, and the write does not
 *		block (mm/memcontrol.c, memory_high_write: reclaim in the writer's context while
 *		usage is above the new value).
 *	guard	a person's line stays where it is until the session stands still at it.
 */

#include "pressure-internal.h"

/* For the kernel to reclaim before it is judged. */
#define RECLAIM_USEC (250 * UINT64_C(1000))
#define STALLED_PERCENT 20
/* What is this near to memory.high is at it: memory.stat lags behind by up to 64 pages for each CPU
 * (mm/memcontrol.c, memcg_vmstats_needs_flush). */
#define NEAR_PARTS 50
/* How far below a step, in parts of memory.max, and for how long. */
#define DOWN_PARTS 20
#define DOWN_USEC (10 * UINT64_C(1000000))
#define DOWN_DOUBLINGS_MAX 6

/* memory.events moves up to a hundred times a second while the kernel reclaims: looks are further
 * apart, and more so when it was seen to cope. */
#define REST_USEC (50 * UINT64_C(1000))
#define REST_LONG_USEC (500 * UINT64_C(1000))

/* The guard: a sample a second, ten of them. */
#define GUARD_SAMPLE_USEC (900 * UINT64_C(1000))
#define GUARD_SAMPLE_MAX_USEC (4 * UINT64_C(1000000)) /* older ones are of a calmer time */
#define GUARD_PERCENT 40
#define GUARD_USEC (10 * UINT64_C(1000000))
/* Growing by more than one of these it gets somewhere. */
#define GUARD_GROWTH_PARTS 50
#define GUARD_GROWTH_BYTES (UINT64_C(10) << 20)

uint64_t pressure_high(const struct pressure_state *pressure)
{
	const struct pressure_config *config = &pressure->config;

	return pressure->level < config->step_count ? config->steps[pressure->level]
						    : LIMIT_UNLIMITED;
}

void pressure_high_is_off(struct pressure_state *pressure)
{
	pressure->level = pressure->config.step_count;
	pressure->crossed_usec = pressure->below_usec = 0;
}

static void move(struct pressure_state *pressure, size_t level, enum pressure_action action,
		 struct pressure_answer *answer)
{
	pressure->level = level;
	pressure->crossing_is_told = false;
	pressure->crossed_usec = pressure->below_usec = 0;
	pressure->held_up.at_usec = pressure->held_up_samples = 0;
	answer->actions |= action;
	answer->high_bytes = pressure_high(pressure);
}

static void tell_events(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer)
{
	answer->high_events = pressure_above(look->high_events, pressure->high_events_told);
	pressure->high_events_told = look->high_events;
}

static bool is_at_line(const struct pressure_state *pressure, uint64_t bytes)
{
	return bytes + pressure->config.whole_bytes / NEAR_PARTS >= pressure_high(pressure);
}

/* Above the line there is nothing that the kernel could take. */
static bool is_hopeless(const struct pressure_state *pressure, const struct pressure_look *look)
{
	return look->figures->current_bytes > pressure_high(pressure) &&
	       is_at_line(pressure, look->figures->unreclaimable_bytes) &&
	       pressure_swap_room(pressure, look) < pressure->config.whole_bytes / NEAR_PARTS;
}

static void climb(struct pressure_state *pressure, const struct pressure_look *look,
		  struct pressure_answer *answer)
{
	move(pressure, pressure->level + 1, PRESSURE_RAISE_HIGH, answer);
	/* A burst may be above several steps already. */
	while (look->figures->unreclaimable_bytes >= pressure_high(pressure))
		move(pressure, pressure->level + 1, PRESSURE_RAISE_HIGH, answer);
	tell_events(pressure, look, answer);
}

static void note_crossing(struct pressure_state *pressure, const struct pressure_look *look,
			  struct pressure_answer *answer)
{
	answer->actions |= PRESSURE_NOTE_HIGH;
	answer->high_bytes = pressure_high(pressure);
	pressure->crossing_is_told = true;
	tell_events(pressure, look, answer);
}

/* The kernel was given its time: has it helped? */
static void judge_reclaim(struct pressure_state *pressure, const struct pressure_look *look,
			  struct pressure_answer *answer)
{
	if (is_at_line(pressure, look->figures->current_bytes) &&
	    pressure_is_stalled(pressure, look, STALLED_PERCENT)) {
		climb(pressure, look, answer);
		return;
	}
	pressure->crossed_usec = 0;
	if (!pressure->crossing_is_told)
		note_crossing(pressure, look, answer);
}

static void step_up(struct pressure_state *pressure, const struct pressure_look *look,
		    struct pressure_answer *answer)
{
	uint64_t now_usec = look->figures->at_usec;
	bool crosses = look->high_events > pressure->last_high_events;

	answer->rest_usec = pressure->crossing_is_told ? REST_LONG_USEC : REST_USEC;
	if (pressure->config.is_fixed) {
		if (crosses && !pressure->crossing_is_told)
			note_crossing(pressure, look, answer);
		return;
	}
	if (crosses && is_hopeless(pressure, look)) {
		climb(pressure, look, answer);
		return;
	}
	if (crosses && pressure->crossed_usec == 0 &&
	    is_at_line(pressure, look->figures->current_bytes)) {
		pressure->crossed_usec = now_usec;
		answer->next_look_usec = RECLAIM_USEC;
	} else if (pressure->crossed_usec > 0 &&
		   now_usec >= pressure->crossed_usec + RECLAIM_USEC) {
		judge_reclaim(pressure, look, answer);
	} else if (pressure->crossed_usec > 0) {
		answer->next_look_usec = pressure->crossed_usec + RECLAIM_USEC - now_usec;
	}
}

static bool keeps_clear(const struct pressure_state *pressure, uint64_t used, size_t level)
{
	const struct pressure_config *config = &pressure->config;

	return used + config->whole_bytes / DOWN_PARTS <= config->steps[level];
}

static size_t find_lower(const struct pressure_state *pressure, uint64_t used)
{
	size_t level = 0;

	while (level < pressure->level && !keeps_clear(pressure, used, level))
		level++;
	return level;
}

/* A line that had to be lifted comes back later each time. */
static uint64_t down_usec(const struct pressure_state *pressure)
{
	unsigned doublings =
		pressure->lifts < DOWN_DOUBLINGS_MAX ? pressure->lifts : DOWN_DOUBLINGS_MAX;

	return DOWN_USEC << doublings;
}

static void step_down(struct pressure_state *pressure, const struct pressure_look *look,
		      struct pressure_answer *answer)
{
	uint64_t now_usec = look->figures->at_usec, used = look->figures->current_bytes;
	size_t level = find_lower(pressure, used);

	if (level == pressure->level && !(level == 0 && keeps_clear(pressure, used, 0))) {
		pressure->below_usec = 0;
		return;
	}
	if (pressure->below_usec == 0)
		pressure->below_usec = now_usec;
	if (now_usec < pressure->below_usec + down_usec(pressure))
		return;
	pressure->crossing_is_told = false;
	if (level < pressure->level)
		move(pressure, level, PRESSURE_LOWER_HIGH, answer);
}

static bool gets_somewhere(const struct pressure_mark *from, const struct pressure_mark *now)
{
	uint64_t grown = pressure_above(now->current_bytes, from->current_bytes);
	uint64_t seconds10 = pressure_above(now->at_usec, from->at_usec);

	/* For each ten seconds. */
	grown = (uint64_t)((double)grown * (double)GUARD_USEC /
			   (double)(seconds10 ? seconds10 : 1));
	return grown >= from->current_bytes / GUARD_GROWTH_PARTS && grown >= GUARD_GROWTH_BYTES;
}

static void lift(struct pressure_state *pressure, const struct pressure_mark *now,
		 bool stall_is_known, struct pressure_answer *answer)
{
	const struct pressure_mark from = pressure->held_up;

	answer->evidence = (struct pressure_evidence){
		.over_usec = now->at_usec - from.at_usec,
		.high_bytes = pressure_high(pressure),
		.current_bytes = now->current_bytes,
		.grown_bytes = pressure_above(now->current_bytes, from.current_bytes),
		.high_events = pressure_above(now->high_events, from.high_events),
		.stall_is_known = stall_is_known,
		.stalled_percent = pressure_stalled_percent(&from, now),
	};
	pressure->lifts++;
	move(pressure, pressure->config.step_count, PRESSURE_LIFT_HIGH, answer);
}

/* Does this sample say that the session is held up at memory.high? */
static bool is_held_up(const struct pressure_state *pressure, const struct pressure_mark *now,
		       bool stall_is_known)
{
	const struct pressure_mark *before = &pressure->second;

	if (now->current_bytes <= pressure_high(pressure))
		return false;
	if (stall_is_known)
		return pressure_stalled_percent(before, now) >= GUARD_PERCENT;
	return now->high_events > before->high_events;
}

/* Two samples of the last three are enough; without PSI each has to say so. */
static void note_sample(struct pressure_state *pressure, const struct pressure_mark *now,
			bool stall_is_known)
{
	bool held_up = is_held_up(pressure, now, stall_is_known);
	unsigned count;

	pressure->held_up_samples = (pressure->held_up_samples << 1 | held_up) & 7;
	count = (pressure->held_up_samples >> 2 & 1) + (pressure->held_up_samples >> 1 & 1) +
		held_up;
	if (held_up && pressure->held_up.at_usec == 0)
		pressure->held_up = pressure->second;
	else if (!held_up && (count < 2 || !stall_is_known))
		pressure->held_up.at_usec = 0;
}

static void judge_standstill(struct pressure_state *pressure, const struct pressure_mark *now,
			     bool stall_is_known, struct pressure_answer *answer)
{
	const struct pressure_mark *from = &pressure->held_up;

	if (now->oom_kills > from->oom_kills)
		pressure->held_up.at_usec = 0; /* the kernel resolves it */
	else if (now->at_usec < from->at_usec + GUARD_USEC)
		return;
	else if (gets_somewhere(from, now))
		pressure->held_up = *now;
	else
		lift(pressure, now, stall_is_known, answer);
}

static void step_guard(struct pressure_state *pressure, const struct pressure_look *look,
		       struct pressure_answer *answer)
{
	const struct pressure_mark now = pressure_mark_of(look);
	bool stall_is_known = look->figures->memory_pressure.known;
	uint64_t elapsed_usec = pressure_above(now.at_usec, pressure->second.at_usec);

	if (elapsed_usec < GUARD_SAMPLE_USEC)
		return;
	if (elapsed_usec > GUARD_SAMPLE_MAX_USEC)
		pressure->held_up.at_usec = pressure->held_up_samples = 0;
	else
		note_sample(pressure, &now, stall_is_known);
	if (pressure->held_up.at_usec > 0)
		judge_standstill(pressure, &now, stall_is_known, answer);
	pressure->second = now;
}

void pressure_step_high(struct pressure_state *pressure, const struct pressure_look *look,
			struct pressure_answer *answer)
{
	if (pressure->config.step_count == 0 || !look->figures->counted)
		return;
	if (pressure->level < pressure->config.step_count)
		step_up(pressure, look, answer);
	if (pressure->level < pressure->config.step_count && pressure->config.guards)
		step_guard(pressure, look, answer);
	if (!answer->actions)
		step_down(pressure, look, answer);
}
