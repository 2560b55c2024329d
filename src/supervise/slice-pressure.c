/* SPDX-License-Identifier: MIT */

/* See slice-pressure.h. */

#include "oc-run/slice-pressure.h"

#include <string.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"

/* Near the limit by this part of it; it will be used up within so long. */
#define NEAR_PARTS 20
#define REACHED_USEC (5 * UINT64_C(1000000))
#define GROWTH_USEC (400 * UINT64_C(1000))

#define STALLED_PERCENT 40
#define STALLED_USEC (3 * UINT64_C(1000000))
#define STALLED_PARTS 5

/* Differences over less are noise. */
#define MARK_USEC (200 * UINT64_C(1000))
#define LOOK_USEC (250 * UINT64_C(1000))
/* Several sessions. */
#define LOOK_SEVERAL_USEC (1 * UINT64_C(1000000))
#define LOOK_SOONEST_USEC (100 * UINT64_C(1000))
/* Somebody was asked a moment ago: what the others do now is not what they did before. */
#define LOOK_CLOSELY_USEC (30 * UINT64_C(1000000))
/* Looks in the time that is left as it grows now. */
#define LOOKS_LEFT 8
/* What was asked has a moment to end, and what that gives back shows a moment later. */
#define SETTLE_USEC (2 * UINT64_C(1000000))
#define SETTLE_HELD_USEC (1 * UINT64_C(1000000))
/* Who was asked is not the one to ask next. */
#define AGAIN_USEC (30 * UINT64_C(1000000))

/* Faster than that one after the other can be asked. */
#define HOLD_USEC (1 * UINT64_C(1000000))
/* With room left it may be a burst that ends by itself: they are let go to see. */
#define PROBE_USEC (1 * UINT64_C(1000000))
#define PROBE_PARTS 8
/* What a slow disk takes of it in that time: more swap is no room for a burst. */
#define SWAP_OF_BURST_BYTES (UINT64_C(48) << 20)
#define HOLD_STALLED_PERCENT 20
#define HOLD_PARTS 10
/* That much of it in the time that asking one takes. */
#define HOLD_FAST_PARTS 20
#define GROWING_BYTES (UINT64_C(1) << 20)
#define RELEASE_PARTS 5
#define RELEASE_USEC (3 * UINT64_C(1000000))
#define HOLD_MAX_USEC (30 * UINT64_C(1000000))
#define HOLD_PAUSE_USEC (10 * UINT64_C(1000000))

#define SWAP_STALLED_PERCENT 25
#define SWAP_GROWN_BYTES (UINT64_C(1) << 20)
#define SWAP_CALM_PERCENT 5
#define SWAP_CALM_USEC (60 * UINT64_C(1000000))

static uint64_t above(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void slice_pressure_init(struct slice_pressure *pressure, bool guards_swap)
{
	*pressure = (struct slice_pressure){ .guards_swap = guards_swap };
}

/* --- who grew --- */

static struct slice_known *find_known(struct slice_pressure *pressure, const char *id)
{
	for (size_t i = 0; i < pressure->known_count; i++)
		if (strcmp(pressure->known[i].id, id) == 0)
			return &pressure->known[i];
	return NULL;
}

static bool is_there(const struct slice_look *look, const char *id)
{
	for (size_t i = 0; i < look->count; i++)
		if (strcmp(look->sessions[i].id, id) == 0)
			return true;
	return false;
}

static void forget_gone(struct slice_pressure *pressure, const struct slice_look *look)
{
	size_t kept = 0;

	for (size_t i = 0; i < pressure->known_count; i++)
		if (is_there(look, pressure->known[i].id))
			pressure->known[kept++] = pressure->known[i];
	pressure->known_count = kept;
}

static void add_past(struct slice_known *known, uint64_t at_usec, uint64_t bytes)
{
	known->past_bytes[known->past_count++ % SLICE_PAST_MAX] = bytes;
	known->past_usec = at_usec;
}

static void note_rate(struct slice_known *known, uint64_t at_usec, uint64_t bytes)
{
	uint64_t elapsed = above(at_usec, known->rate_usec);

	if (elapsed < GROWTH_USEC)
		return;
	if (!known->is_held)
		known->bytes_per_sec =
			above(bytes, known->rate_from_bytes) * USEC_PER_SEC / elapsed;
	known->rate_usec = at_usec;
	known->rate_from_bytes = bytes;
}

static void note_session(struct slice_pressure *pressure, const struct slice_look *look,
			 const struct slice_session *session)
{
	struct slice_known *known = find_known(pressure, session->id);

	if (known) {
		known->is_growing = session->used_bytes >= known->last_bytes + GROWING_BYTES;
		known->last_bytes = session->used_bytes;
		note_rate(known, look->at_usec, session->used_bytes);
		if (look->at_usec >= known->past_usec + SLICE_PAST_USEC)
			add_past(known, look->at_usec, session->used_bytes);
		return;
	}
	if (pressure->known_count == SLICE_SESSIONS_MAX)
		return;
	known = &pressure->known[pressure->known_count++];
	*known = (struct slice_known){ .past_count = 0 };
	memcpy(known->id, session->id, sizeof(known->id));
	/* One that was there before the first look has no past; a new one grew from nothing. */
	known->is_growing = true;
	known->last_bytes = session->used_bytes;
	known->rate_usec = look->at_usec;
	known->rate_from_bytes = session->used_bytes;
	add_past(known, look->at_usec, pressure->has_looked ? 0 : session->used_bytes);
}

static void note_sessions(struct slice_pressure *pressure, const struct slice_look *look)
{
	forget_gone(pressure, look);
	for (size_t i = 0; i < look->count; i++)
		note_session(pressure, look, &look->sessions[i]);
	pressure->has_looked = true;
}

static uint64_t grown_bytes(const struct slice_known *known, uint64_t used_bytes)
{
	uint64_t least = used_bytes;

	for (size_t i = 0; i < SLICE_PAST_MAX && i < known->past_count; i++)
		if (known->past_bytes[i] < least)
			least = known->past_bytes[i];
	return used_bytes - least;
}

static bool was_asked(const struct slice_known *known, const struct slice_look *look)
{
	return known->asked_usec > 0 && look->at_usec < known->asked_usec + AGAIN_USEC;
}

/* One that came to rest is not what uses the memory up, however large it became before. */
static bool grows_now(const struct slice_known *known)
{
	return known->is_held || known->bytes_per_sec >= GROWING_BYTES;
}

static bool does_any_grow(const struct slice_pressure *pressure, const struct slice_look *look)
{
	for (size_t i = 0; i < pressure->known_count; i++)
		if (grows_now(&pressure->known[i]) && !was_asked(&pressure->known[i], look))
			return true;
	return false;
}

static void ask_one(struct slice_pressure *pressure, const struct slice_look *look,
		    struct slice_answer *answer)
{
	bool any_grows = does_any_grow(pressure, look);
	struct slice_known *chosen = NULL;
	uint64_t chosen_grown = 0, chosen_used = 0;

	for (size_t i = 0; i < look->count; i++) {
		struct slice_known *known = find_known(pressure, look->sessions[i].id);
		uint64_t used = look->sessions[i].used_bytes, grown;

		if (!known || was_asked(known, look) || (any_grows && !grows_now(known)))
			continue;
		grown = grown_bytes(known, used);
		if (chosen &&
		    (grown < chosen_grown || (grown == chosen_grown && used <= chosen_used)))
			continue;
		chosen = known;
		chosen_grown = grown;
		chosen_used = used;
	}
	if (!chosen)
		return;
	chosen->asked_usec = look->at_usec;
	pressure->asked_usec = look->at_usec;
	chosen->is_held = false; /* its own oc-run lets it go, once it has told it to end */
	pressure->settles_usec =
		look->at_usec + (pressure->held_since_usec > 0 ? SETTLE_HELD_USEC : SETTLE_USEC);
	answer->actions |= SLICE_ASK;
	memcpy(answer->session_id, chosen->id, sizeof(answer->session_id));
	answer->grown_bytes = chosen_grown;
}

/* --- is it short? --- */

static uint64_t memory_room(const struct slice_look *look)
{
	return above(look->max_bytes, look->unreclaimable_bytes);
}

static uint64_t swap_room(const struct slice_pressure *pressure, const struct slice_look *look)
{
	return pressure->swap_is_held ? 0 : above(look->swap_max_bytes, look->swap_bytes);
}

static uint64_t room_bytes(const struct slice_pressure *pressure, const struct slice_look *look)
{
	return memory_room(look) + swap_room(pressure, look);
}

/* Over the last second, or the part of it in which it was faster: what one gives back, another takes. */
static uint64_t bytes_per_sec(const struct slice_pressure *pressure, const struct slice_look *look)
{
	uint64_t fastest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pressure->growth_usec); i++) {
		uint64_t elapsed = above(look->at_usec, pressure->growth_usec[i]);
		uint64_t grown = above(look->unreclaimable_bytes + look->swap_bytes,
				       pressure->growth_bytes[i]);
		uint64_t rate;

		if (pressure->growth_usec[i] == 0 || elapsed < LOOK_SOONEST_USEC)
			continue;
		rate = (uint64_t)((double)grown * USEC_PER_SEC / (double)elapsed);
		if (rate > fastest)
			fastest = rate;
	}
	return fastest;
}

/* As it grows now; UINT64_MAX: it does not. */
static uint64_t used_up_usec(const struct slice_pressure *pressure, const struct slice_look *look,
			     uint64_t room)
{
	uint64_t rate = bytes_per_sec(pressure, look);
	double usec = rate > 0 ? (double)room / (double)rate * USEC_PER_SEC : 1e15;

	return usec < 1e15 ? (uint64_t)usec : UINT64_MAX;
}

static void note_growth(struct slice_pressure *pressure, const struct slice_look *look)
{
	if (look->at_usec < pressure->growth_usec[0] + GROWTH_USEC)
		return;
	pressure->growth_usec[1] = pressure->growth_usec[0];
	pressure->growth_bytes[1] = pressure->growth_bytes[0];
	pressure->growth_usec[0] = look->at_usec;
	pressure->growth_bytes[0] = look->unreclaimable_bytes + look->swap_bytes;
}

static void note_stall(struct slice_pressure *pressure, const struct slice_look *look,
		       unsigned stalled_percent)
{
	if (stalled_percent < STALLED_PERCENT ||
	    look->unreclaimable_bytes < look->max_bytes - look->max_bytes / STALLED_PARTS)
		pressure->stalled_since_usec = 0;
	else if (pressure->stalled_since_usec == 0)
		pressure->stalled_since_usec = pressure->mark_usec;
}

static bool stands_still(const struct slice_pressure *pressure, const struct slice_look *look)
{
	return pressure->stalled_since_usec > 0 &&
	       look->at_usec >= pressure->stalled_since_usec + STALLED_USEC;
}

/* --- swap --- */

static void step_swap(struct slice_pressure *pressure, const struct slice_look *look,
		      unsigned stalled_percent, struct slice_answer *answer)
{
	if (stalled_percent >= SWAP_STALLED_PERCENT &&
	    look->swap_bytes >= pressure->mark_swap_bytes + SWAP_GROWN_BYTES) {
		/* A session that starts sets the slice's limits anew: then it is held once more. */
		if (!pressure->swap_is_held || look->swap_max_bytes > pressure->swap_held_bytes)
			pressure->swap_given_bytes = look->swap_max_bytes;
		pressure->swap_is_held = true;
		pressure->swap_held_bytes = look->swap_bytes;
		pressure->swap_calm_usec = look->at_usec;
		answer->actions |= SLICE_HOLD_SWAP;
		answer->swap_bytes = look->swap_bytes;
	} else if (!pressure->swap_is_held) {
		return;
	} else if (stalled_percent > SWAP_CALM_PERCENT) {
		pressure->swap_calm_usec = look->at_usec;
	} else if (look->at_usec >= pressure->swap_calm_usec + SWAP_CALM_USEC) {
		pressure->swap_is_held = false;
		answer->actions |= SLICE_FREE_SWAP;
		answer->swap_bytes = pressure->swap_given_bytes;
	}
}

/* --- holding back --- */

static void hold_growing(struct slice_pressure *pressure, const struct slice_look *look,
			 struct slice_answer *answer)
{
	for (size_t i = 0; i < pressure->known_count; i++) {
		struct slice_known *known = &pressure->known[i];

		/* Who was asked needs to run in order to end. */
		if (known->is_held || !known->is_growing || was_asked(known, look))
			continue;
		known->is_held = true;
		answer->actions |= SLICE_FREEZE;
	}
	if (answer->actions & SLICE_FREEZE && pressure->held_since_usec == 0)
		pressure->held_since_usec = look->at_usec;
}

static void release(struct slice_pressure *pressure, const struct slice_look *look,
		    struct slice_answer *answer)
{
	for (size_t i = 0; i < pressure->known_count; i++)
		pressure->known[i].is_held = false;
	pressure->held_since_usec = 0;
	pressure->released_usec = look->at_usec;
	answer->actions |= SLICE_THAW;
	/* What counts is how they grow from here on. */
	for (size_t i = 0; i < ARRAY_SIZE(pressure->growth_usec); i++) {
		pressure->growth_usec[i] = look->at_usec;
		pressure->growth_bytes[i] = look->unreclaimable_bytes + look->swap_bytes;
	}
}

/* Of swap only what a slow disk takes meanwhile. */
static uint64_t room_for_burst(const struct slice_pressure *pressure, const struct slice_look *look)
{
	uint64_t swap = swap_room(pressure, look);

	return memory_room(look) + (swap < SWAP_OF_BURST_BYTES ? swap : SWAP_OF_BURST_BYTES);
}

static bool is_nearly_full(const struct slice_pressure *pressure, const struct slice_look *look)
{
	return room_for_burst(pressure, look) <= look->max_bytes / PROBE_PARTS;
}

static bool is_any_held(const struct slice_pressure *pressure)
{
	for (size_t i = 0; i < pressure->known_count; i++)
		if (pressure->known[i].is_held)
			return true;
	return false;
}

/* Is it too fast for asking, or too late? */
static bool is_urgent(const struct slice_pressure *pressure, const struct slice_look *look,
		      unsigned stalled_percent)
{
	uint64_t room = room_for_burst(pressure, look);

	if (look->at_usec < pressure->may_hold_usec)
		return false;
	return (used_up_usec(pressure, look, room) <= HOLD_USEC &&
		bytes_per_sec(pressure, look) * (SETTLE_USEC / USEC_PER_SEC) >=
			look->max_bytes / HOLD_FAST_PARTS) ||
	       (room <= look->max_bytes / HOLD_PARTS && stalled_percent >= HOLD_STALLED_PERCENT);
}

/* There is room for what they did before. */
static bool may_release(const struct slice_pressure *pressure, const struct slice_look *look)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < pressure->known_count; i++)
		if (pressure->known[i].is_held)
			sum += pressure->known[i].bytes_per_sec;
	return memory_room(look) >= look->max_bytes / RELEASE_PARTS &&
	       sum * (RELEASE_USEC / USEC_PER_SEC) <= memory_room(look);
}

static void step_hold(struct slice_pressure *pressure, const struct slice_look *look,
		      unsigned stalled_percent, struct slice_answer *answer)
{
	uint64_t held_usec = above(look->at_usec, pressure->held_since_usec);
	bool is_held = pressure->held_since_usec > 0;
	bool is_late = is_held && held_usec >= HOLD_MAX_USEC;
	bool is_probe = is_held && !is_nearly_full(pressure, look) && held_usec >= PROBE_USEC;

	/* Asking did not help, and standing still for ever is no help either. */
	if (is_late)
		pressure->may_hold_usec = look->at_usec + HOLD_PAUSE_USEC;
	if (is_held &&
	    (is_late || is_probe || may_release(pressure, look) || !is_any_held(pressure)))
		release(pressure, look, answer);
	else if (is_held || is_urgent(pressure, look, stalled_percent))
		hold_growing(pressure, look, answer);
}

/* Of the time since the last mark, in percent; and makes a new one. */
static unsigned step_stall(struct slice_pressure *pressure, const struct slice_look *look,
			   struct slice_answer *answer)
{
	uint64_t elapsed = above(look->at_usec, pressure->mark_usec);
	uint64_t stalled = above(look->stall.some_total_usec, pressure->mark_stalled_usec);
	unsigned percent = 0;

	if (!look->stall.known || elapsed < MARK_USEC)
		return 0;
	if (pressure->mark_usec > 0) {
		percent = stalled >= elapsed ? 100 : (unsigned)(stalled * 100 / elapsed);
		note_stall(pressure, look, percent);
		if (pressure->guards_swap)
			step_swap(pressure, look, percent, answer);
	}
	pressure->mark_usec = look->at_usec;
	pressure->mark_stalled_usec = look->stall.some_total_usec;
	pressure->mark_swap_bytes = look->swap_bytes;
	return percent;
}

static bool is_short(const struct slice_pressure *pressure, const struct slice_look *look)
{
	uint64_t room = room_bytes(pressure, look);

	return (pressure->held_since_usec > 0 && is_nearly_full(pressure, look)) ||
	       stands_still(pressure, look) ||
	       (room <= look->max_bytes / NEAR_PARTS &&
		used_up_usec(pressure, look, room) <= REACHED_USEC);
}

/* Closer together the less time is left. 0: it is calm. */
static uint64_t next_look_usec(const struct slice_pressure *pressure, const struct slice_look *look,
			       unsigned stalled_percent)
{
	uint64_t left = used_up_usec(pressure, look, memory_room(look)) / LOOKS_LEFT;
	uint64_t next = 0;

	bool is_near = memory_room(look) <= look->max_bytes / RELEASE_PARTS ||
		       pressure->held_since_usec > 0 || stalled_percent > SWAP_CALM_PERCENT ||
		       (pressure->asked_usec > 0 &&
			look->at_usec < pressure->asked_usec + LOOK_CLOSELY_USEC);

	if (pressure->released_usec > 0 && look->at_usec < pressure->released_usec + PROBE_USEC)
		return LOOK_SOONEST_USEC;
	if (look->count > 1)
		next = is_near ? LOOK_USEC : LOOK_SEVERAL_USEC;
	if (next > 0 && left < next)
		next = left > LOOK_SOONEST_USEC ? left : LOOK_SOONEST_USEC;
	return next;
}

struct slice_answer slice_pressure_step(struct slice_pressure *pressure,
					const struct slice_look *look)
{
	struct slice_answer answer = { 0 };
	unsigned stalled_percent;

	if (look->max_bytes == LIMIT_UNLIMITED || look->max_bytes == 0)
		return answer;
	note_sessions(pressure, look);
	stalled_percent = step_stall(pressure, look, &answer);
	step_hold(pressure, look, stalled_percent, &answer);
	if (is_short(pressure, look) && look->at_usec >= pressure->settles_usec)
		ask_one(pressure, look, &answer);
	answer.next_look_usec = next_look_usec(pressure, look, stalled_percent);
	note_growth(pressure, look);
	return answer;
}
