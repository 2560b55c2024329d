/* SPDX-License-Identifier: MIT */

/* When a command is started again: scripts of kills with their times, and what speaks against. */

#include "oc-run/restart.h"

#include "record-fixture.h"
#include "unit.h"

static struct restart_facts good_facts(void)
{
	return (struct restart_facts){
		.choice = RESTART_ON_OOM,
		.killed_for_memory = true,
		.has_way = true,
		.server_is_own = true,
		.is_certain = true,
		.ran_usec = 10 * MINUTE,
		.min_age_usec = 2 * MINUTE,
		.now_usec = 1000 * MINUTE,
	};
}

/* One kill: when, how long the command had run, and what comes of it. */
struct step {
	uint64_t at_minute, ran_seconds;
	enum restart_verdict verdict;
};

static const struct {
	const char *name;
	uint64_t min_age_usec;
	struct step steps[6]; /* ended by 0, 0 */
} scripts[] = {
	{ "a leak that takes its time",
	  2 * MINUTE,
	  { { 60, 3600, RESTART_AGAIN },
	    { 120, 3600, RESTART_AGAIN },
	    { 180, 3600, RESTART_AGAIN },
	    { 240, 3600, RESTART_AGAIN },
	    { 300, 3600, RESTART_AGAIN } } },
	{ "a leak at once", 2 * MINUTE, { { 60, 119, RESTART_TOO_YOUNG } } },
	{ "two minutes are enough", 2 * MINUTE, { { 60, 120, RESTART_AGAIN } } },
	{ "young after a restart",
	  2 * MINUTE,
	  { { 60, 3600, RESTART_AGAIN }, { 61, 60, RESTART_TOO_YOUNG } } },
	{ "the third in 30 minutes",
	  2 * MINUTE,
	  { { 60, 3600, RESTART_AGAIN },
	    { 70, 600, RESTART_AGAIN },
	    { 89, 1140, RESTART_TOO_OFTEN } } },
	{ "30 minutes after the first",
	  2 * MINUTE,
	  { { 60, 3600, RESTART_AGAIN },
	    { 70, 600, RESTART_AGAIN },
	    { 90, 1200, RESTART_AGAIN },
	    { 99, 540, RESTART_TOO_OFTEN },
	    { 100, 600, RESTART_AGAIN } } },
	{ "no least age: still two",
	  0,
	  { { 60, 0, RESTART_AGAIN }, { 60, 0, RESTART_AGAIN }, { 60, 0, RESTART_TOO_OFTEN } } },
	{ "soon after boot",
	  0,
	  { { 1, 1, RESTART_AGAIN }, { 1, 1, RESTART_AGAIN }, { 2, 1, RESTART_TOO_OFTEN } } },
};

TEST(at_most_two_in_half_an_hour_and_none_too_young)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct restart restart = { 0 };

		unit_row = scripts[i].name;
		for (const struct step *step = scripts[i].steps; step->at_minute > 0; step++) {
			struct restart_facts facts = good_facts();

			facts.now_usec = step->at_minute * MINUTE;
			facts.ran_usec = step->ran_seconds * USEC_PER_SEC;
			facts.min_age_usec = scripts[i].min_age_usec;
			expect_int(restart_decide(&restart, &facts), step->verdict);
			if (step->verdict == RESTART_AGAIN)
				restart_note(&restart, facts.now_usec);
		}
	}
}

TEST(the_line_counts_those_of_the_window)
{
	struct restart restart = { 0 };

	expect_uint(restart_count(&restart, MINUTE), 0);
	restart_note(&restart, MINUTE);
	expect_uint(restart_count(&restart, MINUTE), 1);
	restart_note(&restart, 5 * MINUTE);
	expect_uint(restart_count(&restart, 5 * MINUTE), 2);
	expect_uint(restart_count(&restart, 31 * MINUTE), 1);
	expect_uint(restart_count(&restart, 35 * MINUTE), 0);
}

TEST(what_speaks_against_it_is_said_in_order)
{
	struct restart_facts facts = good_facts();
	const struct restart restart = { 0 };

	expect_int(restart_decide(&restart, &facts), RESTART_AGAIN);
	facts.is_certain = false;
	expect_int(restart_decide(&restart, &facts), RESTART_NOT_CERTAIN);
	facts.ran_usec = 0;
	expect_int(restart_decide(&restart, &facts), RESTART_TOO_YOUNG);
	facts.server_is_own = false;
	expect_int(restart_decide(&restart, &facts), RESTART_SHARED_SERVER);
	facts.has_way = false;
	expect_int(restart_decide(&restart, &facts), RESTART_NO_WAY);
	facts.told_to_stop = true;
	expect_int(restart_decide(&restart, &facts), RESTART_STOPPED);
	facts.killed_for_memory = false;
	expect_int(restart_decide(&restart, &facts), RESTART_NOTHING);
	facts = good_facts();
	facts.choice = RESTART_NO;
	expect_int(restart_decide(&restart, &facts), RESTART_NOTHING);
}

TEST(each_refusal_has_its_words)
{
	const struct restart_facts facts = good_facts();
	char text[RESTART_TEXT_MAX];

	for (int verdict = RESTART_NOTHING; verdict <= RESTART_NOT_CERTAIN; verdict++) {
		bool is_refusal = verdict != RESTART_NOTHING && verdict != RESTART_AGAIN;

		restart_why_not((enum restart_verdict)verdict, &facts, text);
		expect_int(text[0] != '\0', is_refusal);
	}
	restart_why_not(RESTART_TOO_YOUNG, &facts, text);
	expect_text(text, "it had run for less than 2 min (--restart-min-age)");
	restart_why_not(RESTART_TOO_OFTEN, &facts, text);
	expect_text(text, "it was started again 2 times in 30 minutes");
}

static struct profile *opencode(void)
{
	static const char text[] = "commands = opencode\n"
				   "options-with-value = -m\n"
				   "sessions = session list\n"
				   "resume = -s {id}\n";
	struct diag diag = DIAG_INIT;
	struct profile *profile = NULL;

	expect_int(profile_parse("opencode", text, strlen(text), "test", &profile, &diag), 0);
	return profile;
}

/* opencode killed for memory by the kernel, and one of its sessions is certain. */
static void killed(struct fixture *fixture, struct profile *profile)
{
	fixture_init(fixture);
	fixture->plan.profile = profile;
	fixture->plan.restart = RESTART_ON_OOM;
	fixture->plan.restart_min_age_usec = MINUTE;
	fixture->plan.server_is_own = true;
	fixture->record.wait_status = SIGKILL;
	fixture->record.agent_ended_usec = 30 * MINUTE;
	fixture->record.resume_id = (char *)"ses_1";
	(void)fixture_kill(fixture, RECORD_OOM_KILL, 100, "opencode", GIBIBYTE);
}

TEST(the_record_of_a_kill_for_memory_allows_it)
{
	char *const command[] = { (char *)"opencode", (char *)"-m", (char *)"a", NULL };
	struct profile *profile = opencode();
	struct restart_facts facts;
	struct fixture fixture;

	killed(&fixture, profile);
	restart_facts_of(&fixture.record, command, &facts);
	expect_int(facts.choice, RESTART_ON_OOM);
	expect(facts.killed_for_memory && facts.has_way && facts.server_is_own && facts.is_certain);
	expect(!facts.told_to_stop);
	expect_uint(facts.ran_usec, 30 * MINUTE);
	expect_uint(facts.min_age_usec, MINUTE);
	profile_free(profile);
}

TEST(only_a_kill_of_the_command_for_memory_counts)
{
	char *const command[] = { (char *)"opencode", NULL };
	struct profile *profile = opencode();
	struct restart_facts facts;
	struct fixture fixture;

	killed(&fixture, profile);
	fixture.record.event_count = 0;
	fixture.record.counters = (struct cgroup_counters){ 0 };
	restart_facts_of(&fixture.record, command, &facts);
	expect(!facts.killed_for_memory);
	(void)fixture_kill(&fixture, RECORD_OOM_KILL, 4711, "node", GIBIBYTE);
	restart_facts_of(&fixture.record, command, &facts);
	expect(!facts.killed_for_memory);

	killed(&fixture, profile);
	fixture.record.counters = (struct cgroup_counters){ 0 };
	fixture.record.events[0].kind = RECORD_WATCH_KILL;
	fixture.record.events[0].victim.is_agent = true;
	fixture.record.events[0].value = LIMIT_MEMORY_MAX;
	restart_facts_of(&fixture.record, command, &facts);
	expect(facts.killed_for_memory);
	fixture.record.events[0].value = LIMIT_PIDS_MAX;
	restart_facts_of(&fixture.record, command, &facts);
	expect(!facts.killed_for_memory);
	profile_free(profile);
}

TEST(a_session_that_was_told_to_stop_is_over)
{
	static const struct {
		const char *name;
		enum stop_reason reason;
		bool told;
	} rows[] = {
		{ "by itself", STOP_NONE, false },     { "a signal", STOP_SIGNAL, true },
		{ "the terminal", STOP_HANGUP, true }, { "systemd", STOP_SYSTEMD, true },
		{ "memory", STOP_MEMORY, false },      { "the slice", STOP_SLICE, false },
	};
	char *const command[] = { (char *)"opencode", NULL };
	struct profile *profile = opencode();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct restart_facts facts;
		struct fixture fixture;

		unit_row = rows[i].name;
		killed(&fixture, profile);
		fixture.record.stop_reason = rows[i].reason;
		restart_facts_of(&fixture.record, command, &facts);
		expect_int(facts.told_to_stop, rows[i].told);
	}
	profile_free(profile);
}

TEST(what_is_no_screen_of_its_own_has_no_way)
{
	char *const run[] = { (char *)"opencode", (char *)"run", (char *)"x", NULL };
	char *const plain[] = { (char *)"opencode", NULL };
	struct profile *profile = opencode();
	struct restart_facts facts;
	struct fixture fixture;

	killed(&fixture, profile);
	restart_facts_of(&fixture.record, run, &facts);
	expect(!facts.has_way);
	profile->resume = strv_free(profile->resume);
	restart_facts_of(&fixture.record, plain, &facts);
	expect(!facts.has_way);
	profile_free(profile);
}

UNIT_MAIN("restart", at_most_two_in_half_an_hour_and_none_too_young,
	  the_line_counts_those_of_the_window, what_speaks_against_it_is_said_in_order,
	  each_refusal_has_its_words, the_record_of_a_kill_for_memory_allows_it,
	  only_a_kill_of_the_command_for_memory_counts, a_session_that_was_told_to_stop_is_over,
	  what_is_no_screen_of_its_own_has_no_way)
