/* SPDX-License-Identifier: MIT */

/* Which samples are written and which stay, as scripts and as properties of long sessions. */

#include "unit.h"

#include "oc-run/parse.h"
#include "oc-run/timeline.h"

#define WEEK_SEC ((size_t)7 * 24 * 3600)
#define MONTH_SEC ((size_t)30 * 24 * 3600)

static struct figures look(uint64_t at_msec, uint64_t mebibytes)
{
	return (struct figures){
		.at_usec = at_msec * USEC_PER_MSEC,
		.unreclaimable_bytes = mebibytes * MEBIBYTE,
		.current_bytes = mebibytes * MEBIBYTE,
		.tasks = 10,
	};
}

/* ---- is it written? ---- */

struct step {
	uint64_t at_msec, mebibytes;
	uint64_t written_msec; /* which look is written now; 0: none */
};

static void play(const char *name, const struct step *steps, size_t count)
{
	struct timeline_gate gate = { .peak_bytes = 0 };

	unit_row = name;
	for (size_t i = 0; i < count; i++) {
		struct figures now = look(steps[i].at_msec, steps[i].mebibytes), chosen;
		bool written = timeline_offer(&gate, &now, &chosen);

		expect_uint(written ? chosen.at_usec / USEC_PER_MSEC : 0, steps[i].written_msec);
	}
	unit_row = NULL;
}

TEST(the_first_look_is_written_and_then_one_a_second)
{
	static const struct step steps[] = {
		{ 100, 100, 100 },   { 200, 200, 0 },  { 900, 300, 0 },
		{ 1100, 400, 1100 }, { 1200, 500, 0 }, { 2200, 600, 2200 },
	};

	play("growing", steps, ARRAY_SIZE(steps));
}

TEST(the_highest_in_between_is_not_lost)
{
	static const struct step burst[] = {
		{ 1000, 100, 1000 }, { 1300, 900, 0 },	  { 1600, 120, 0 },
		{ 2100, 110, 1300 }, { 3000, 105, 2100 },
	};
	/* By less than would be worth a line: but nothing higher stands there. */
	static const struct step slight[] = {
		{ 1000, 1000, 1000 },  { 2500, 1005, 0 },      { 5000, 1001, 0 },
		{ 16100, 1002, 2500 }, { 32000, 1002, 32000 },
	};

	play("a burst", burst, ARRAY_SIZE(burst));
	play("a slight peak", slight, ARRAY_SIZE(slight));
}

TEST(while_nothing_changes_there_are_four_lines_a_minute)
{
	struct timeline_gate gate = { .peak_bytes = 0 };
	struct figures chosen;
	unsigned written = 0;

	for (uint64_t second = 1; second <= 600; second += 5) {
		struct figures now = look(second * 1000, 500);

		written += timeline_offer(&gate, &now, &chosen);
	}
	expect_uint(written, 40);
}

TEST(a_change_in_any_figure_is_written_at_once)
{
	static const struct {
		const char *name;
		struct figures change;
		bool expected;
	} rows[] = {
		{ "nothing", { .tasks = 0 }, false },
		{ "page cache", { .current_bytes = 3 * MEBIBYTE }, true },
		{ "a little page cache", { .current_bytes = KIBIBYTE }, false },
		{ "memory", { .unreclaimable_bytes = 3 * MEBIBYTE }, true },
		{ "swap", { .swap_bytes = 2 * MEBIBYTE }, true },
		{ "a task", { .tasks = 1 }, true },
		{ "waiting for memory",
		  { .memory_pressure = { .known = true, .some_total_usec = 100000 } },
		  true },
		{ "hardly any waiting",
		  { .memory_pressure = { .known = true, .some_total_usec = 1000 } },
		  false },
		{ "CPU time", { .cpu_usec = 1000000 }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct timeline_gate gate = { .peak_bytes = 0 };
		struct figures now = look(1000, 100), chosen;

		unit_row = rows[i].name;
		expect(timeline_offer(&gate, &now, &chosen));
		now.at_usec += 2 * USEC_PER_SEC;
		now.current_bytes += rows[i].change.current_bytes;
		now.unreclaimable_bytes += rows[i].change.unreclaimable_bytes;
		now.swap_bytes += rows[i].change.swap_bytes;
		now.tasks += rows[i].change.tasks;
		now.cpu_usec += rows[i].change.cpu_usec;
		now.memory_pressure = rows[i].change.memory_pressure;
		expect_int(timeline_offer(&gate, &now, &chosen), rows[i].expected);
	}
}

TEST(at_the_end_the_one_that_waits_is_written)
{
	struct timeline_gate gate = { .peak_bytes = 0 };
	struct figures now = look(1000, 100), chosen;

	expect(!timeline_flush(&gate, &chosen));
	expect(timeline_offer(&gate, &now, &chosen));
	expect(!timeline_flush(&gate, &chosen));
	now = look(1500, 700);
	expect(!timeline_offer(&gate, &now, &chosen));
	expect(timeline_flush(&gate, &chosen));
	expect_uint(chosen.at_usec, 1500 * USEC_PER_MSEC);
	expect(!timeline_flush(&gate, &chosen));
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Looks at random, more or less often and of more or less different size; the highest that was
 * written and the highest that was seen. */
static void play_any(unsigned session, uint64_t *ret_written, uint64_t *ret_seen)
{
	struct timeline_gate gate = { .peak_bytes = 0 };
	uint64_t at_msec = 0, last_usec = 0;
	uint32_t state = session + 1;
	struct figures chosen;

	*ret_written = *ret_seen = 0;
	for (unsigned i = 0; i < 300; i++) {
		struct figures now;

		state = state * 1103515245 + 12345;
		at_msec += 1 + (state >> 16) % (session % 2 ? 300 : 6000);
		now = look(at_msec, 1000 + (state >> 8) % (session % 3 ? 2000 : 20));
		*ret_seen = larger(*ret_seen, now.unreclaimable_bytes);
		if (!timeline_offer(&gate, &now, &chosen))
			continue;
		expect(chosen.at_usec > last_usec);
		last_usec = chosen.at_usec;
		*ret_written = larger(*ret_written, chosen.unreclaimable_bytes);
	}
	if (timeline_flush(&gate, &chosen))
		*ret_written = larger(*ret_written, chosen.unreclaimable_bytes);
}

TEST(the_peak_of_any_session_is_written)
{
	for (unsigned session = 0; session < 200; session++) {
		uint64_t written, seen;

		play_any(session, &written, &seen);
		expect_uint(written, seen);
	}
}

/* ---- does it stay? ---- */

static struct timeline_sample *make_samples(size_t count, uint32_t seed)
{
	struct timeline_sample *samples = calloc(count, sizeof(*samples));
	uint32_t state = seed;

	expect(samples != NULL);
	for (size_t i = 0; i < count; i++) {
		state = state * 1103515245 + 12345;
		samples[i] = (struct timeline_sample){
			.at_usec = (i + 1) * USEC_PER_SEC,
			.memory_bytes = GIBIBYTE + (state >> 4) % GIBIBYTE,
			.current_bytes = GIBIBYTE + (state >> 5) % GIBIBYTE,
			.swap_bytes = (state >> 6) % GIBIBYTE,
			.tasks = 10 + (state >> 3) % 1000000,
		};
	}
	return samples;
}

static size_t compact(struct timeline_sample *samples, size_t count, uint64_t now_usec)
{
	_cleanup_free_ bool *keep = calloc(count + 1, sizeof(*keep));
	size_t kept = 0;

	expect(keep != NULL);
	expect_uint(timeline_thin(samples, count, now_usec, keep) > 0, count > 0);
	for (size_t i = 0; i < count; i++)
		if (keep[i])
			samples[kept++] = samples[i];
	return kept;
}

TEST(none_and_few_samples_are_left_alone)
{
	struct timeline_sample *samples = make_samples(256, 1);
	bool keep[256];

	expect_uint(timeline_thin(samples, 0, 0, keep), 0);
	expect_uint(timeline_thin(samples, 1, samples[0].at_usec, keep), 1);
	expect(keep[0]);
	/* Two minutes stay as they are. */
	expect_uint(timeline_thin(samples, 128, samples[127].at_usec, keep), 128);
	free(samples);
}

TEST(newer_samples_are_denser)
{
	struct timeline_sample *samples = make_samples(WEEK_SEC, 2);
	size_t count = compact(samples, WEEK_SEC, WEEK_SEC * USEC_PER_SEC);
	uint64_t now_usec = WEEK_SEC * USEC_PER_SEC, widest_usec[2] = { 0, 0 };

	for (size_t i = 1; i < count; i++) {
		uint64_t gap_usec = samples[i].at_usec - samples[i - 1].at_usec;
		bool is_recent = now_usec - samples[i - 1].at_usec < 60 * USEC_PER_SEC;

		/* Never sparser than a twentieth of its age. */
		expect(gap_usec <= 2 * USEC_PER_SEC ||
		       gap_usec <= (now_usec - samples[i - 1].at_usec) / 20);
		if (gap_usec > widest_usec[is_recent])
			widest_usec[is_recent] = gap_usec;
	}
	expect_uint(widest_usec[true], USEC_PER_SEC);
	expect(widest_usec[false] > 600 * USEC_PER_SEC);
	free(samples);
}

TEST(a_month_of_samples_becomes_a_few_thousand)
{
	struct timeline_sample *samples = make_samples(MONTH_SEC, 3);
	size_t count = compact(samples, MONTH_SEC, MONTH_SEC * USEC_PER_SEC);

	expect(count > 700 && count < 1500);
	free(samples);
}

static uint64_t value_of(const struct timeline_sample *sample, int which)
{
	const uint64_t values[] = { sample->memory_bytes, sample->current_bytes, sample->swap_bytes,
				    sample->tasks };

	return values[which];
}

static void add_peaks(uint64_t peaks[4], const struct timeline_sample *sample)
{
	for (int which = 0; which < 4; which++)
		peaks[which] = larger(peaks[which], value_of(sample, which));
}

TEST(first_and_highest_stay_through_any_number_of_steps)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		size_t count = 50000, kept = 0;
		struct timeline_sample *samples = make_samples(count, seed);
		struct timeline_sample *file = calloc(count, sizeof(*file));
		uint64_t peaks[4] = { 0 }, kept_peaks[4] = { 0 };

		expect(file != NULL);
		for (size_t i = 0; i < count; i++) {
			add_peaks(peaks, &samples[i]);
			file[kept++] = samples[i];
			if (i % 1777 == 0)
				kept = compact(file, kept, samples[i].at_usec);
		}
		for (size_t i = 0; i < kept; i++)
			add_peaks(kept_peaks, &file[i]);
		expect_uint(file[0].at_usec, samples[0].at_usec);
		expect(memcmp(kept_peaks, peaks, sizeof(peaks)) == 0);
		free(samples);
		free(file);
	}
}

/* Each peak stays in its own neighbourhood, not only the highest of all. */
TEST(a_days_burst_is_still_seen_after_a_week)
{
	struct timeline_sample *samples = make_samples(WEEK_SEC, 4);
	size_t burst = WEEK_SEC / 7 * 2 + 12345, count, found = 0;

	samples[burst].memory_bytes = 3 * GIBIBYTE;
	samples[WEEK_SEC / 2].memory_bytes = 4 * GIBIBYTE;
	count = compact(samples, WEEK_SEC, WEEK_SEC * USEC_PER_SEC);
	for (size_t i = 0; i < count; i++)
		found += samples[i].memory_bytes == 3 * GIBIBYTE;
	expect_uint(found, 1);
	free(samples);
}

static bool are_equal(const struct timeline_sample *a, size_t a_count,
		      const struct timeline_sample *b, size_t b_count)
{
	return a_count == b_count && memcmp(a, b, a_count * sizeof(*a)) == 0;
}

TEST(to_thin_twice_is_to_thin_once_later)
{
	for (uint32_t seed = 1; seed <= 30; seed++) {
		size_t count = 20000 + seed * 777;
		uint64_t end_usec = count * USEC_PER_SEC,
			 later_usec = end_usec + (uint64_t)seed * 997 * USEC_PER_SEC;
		struct timeline_sample *once = make_samples(count, seed);
		struct timeline_sample *twice = make_samples(count, seed);
		size_t once_count = compact(once, count, later_usec);
		size_t twice_count = compact(twice, count, end_usec);

		/* Monotone: what stays later stayed before. */
		expect(twice_count >= once_count);
		twice_count = compact(twice, twice_count, later_usec);
		expect(are_equal(once, once_count, twice, twice_count));
		/* And again changes nothing. */
		expect_uint(compact(twice, twice_count, later_usec), once_count);
		expect(are_equal(once, once_count, twice, twice_count));
		free(once);
		free(twice);
	}
}

TEST(a_file_is_full_when_it_has_grown_enough)
{
	expect(!timeline_is_full(100 * KIBIBYTE, 0));
	expect(timeline_is_full(640 * KIBIBYTE, 0));
	expect(timeline_is_full(640 * KIBIBYTE, 300 * KIBIBYTE));
	/* One that is nearly all events is not thinned at each line. */
	expect(!timeline_is_full(700 * KIBIBYTE, 640 * KIBIBYTE));
	expect(timeline_is_full(768 * KIBIBYTE, 640 * KIBIBYTE));
}

UNIT_MAIN("timeline", the_first_look_is_written_and_then_one_a_second,
	  the_highest_in_between_is_not_lost, while_nothing_changes_there_are_four_lines_a_minute,
	  a_change_in_any_figure_is_written_at_once, at_the_end_the_one_that_waits_is_written,
	  the_peak_of_any_session_is_written, none_and_few_samples_are_left_alone,
	  newer_samples_are_denser, a_month_of_samples_becomes_a_few_thousand,
	  first_and_highest_stay_through_any_number_of_steps,
	  a_days_burst_is_still_seen_after_a_week, to_thin_twice_is_to_thin_once_later,
	  a_file_is_full_when_it_has_grown_enough)
