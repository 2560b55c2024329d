/* SPDX-License-Identifier: MIT */

/* What oc-ctl top makes of sessions: rows, their order, what is selected, their texts. */

#include <stdio.h>

#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "src/ctl/table.h"
#include "src/ctl/top-model.h"
#include "unit.h"

#define MIB MEBIBYTE

static char command_line[] = "node server.js";
static struct tree_process processes[] = {
	{ .pid = 10,
	  .parent = 1,
	  .start_ticks = 1,
	  .name = "node",
	  .command = command_line,
	  .resident_bytes = 80 * MIB,
	  .swap_bytes = 20 * MIB,
	  .threads = 11,
	  .state = 'S' },
	{ .pid = 11, .parent = 12, .start_ticks = 2, .name = "cc1", .threads = 1, .state = 'R' },
	{ .pid = 12, .parent = 10, .start_ticks = 3, .name = "make", .threads = 1, .state = 'S' },
};
static const struct tree_sample sample = { .processes = processes, .count = 3, .alive = 3 };
static const struct tree_sample one_left = { .processes = processes, .count = 1, .alive = 1 };

static const struct top_session seen[] = {
	{ .id = "aaaaaaaaaaaaaaaa",
	  .name = "web",
	  .command = "opencode",
	  .state = CTL_STATE_RUNNING,
	  .age_usec = 60 * USEC_PER_SEC,
	  .has_figures = true,
	  .memory_bytes = 100 * MIB,
	  .peak_bytes = 300 * MIB,
	  .limit_bytes = 400 * MIB,
	  .tasks = 13,
	  .cpu_percent = 3,
	  .pressure = -1,
	  .sample = &sample },
	{ .id = "bbbbbbbbbbbbbbbb",
	  .name = "Api",
	  .command = "claude",
	  .state = CTL_STATE_FROZEN,
	  .age_usec = 90 * USEC_PER_SEC,
	  .has_figures = true,
	  .memory_bytes = 900 * MIB,
	  .limit_bytes = LIMIT_UNLIMITED,
	  .tasks = 2,
	  .cpu_percent = 2,
	  .pressure = 0 },
	{ .id = "cccccccccccccccc",
	  .command = "sh",
	  .state = CTL_STATE_STARTING,
	  .age_usec = 3 * USEC_PER_SEC,
	  .cpu_percent = -1,
	  .pressure = -1 },
};

/* @count of what was seen. */
static void take(struct top_model *model, size_t count)
{
	struct top_session *copy = calloc(count + 1, sizeof(*copy));

	memcpy(copy, seen, count * sizeof(*copy));
	expect_int(top_model_take(model, copy, count), 0);
}

/* A letter for each session, "." for each process; capital or ":" where it is selected. */
static const char *rows_of(const struct top_model *model)
{
	static char text[64];

	for (size_t i = 0; i < model->row_count; i++) {
		bool selected = i == model->selected;
		char letter = model->sessions[model->rows[i].session].id[0];

		if (model->rows[i].process.process)
			text[i] = selected ? ':' : '.';
		else
			text[i] = selected ? (char)(letter - 'a' + 'A') : letter;
	}
	text[model->row_count] = '\0';
	return text;
}

TEST(each_way_of_sorting_has_its_order)
{
	static const struct {
		const char *name, *rows;
	} rows[] = {
		{ "memory", "Bac" }, { "cpu", "aBc" },	{ "tasks", "aBc" },
		{ "age", "Bac" },    { "name", "Bca" }, { "memory", "Bac" },
	};
	struct top_model model = { 0 };

	take(&model, 3);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_text(top_sort_name(model.sort), rows[i].name);
		expect_text(rows_of(&model), rows[i].rows);
		expect_int(top_model_sort(&model), 0);
	}
	top_model_finish(&model);
}

TEST(an_unfolded_session_shows_its_processes_as_a_tree)
{
	static const pid_t pids[] = { 10, 12, 11 };
	struct top_model model = { 0 };

	take(&model, 3);
	expect_int(top_model_fold(&model, true), 0);
	expect_text(rows_of(&model), "Bac");
	top_model_move(&model, 1);
	expect_int(top_model_fold(&model, true), 0);
	expect_text(rows_of(&model), "bA...c");
	for (unsigned i = 0; i < ARRAY_SIZE(pids); i++) {
		expect_int(model.rows[2 + i].process.process->pid, pids[i]);
		expect_uint(model.rows[2 + i].process.depth, i);
	}
	top_model_move(&model, 2);
	expect_int(top_model_fold(&model, false), 0);
	expect_text(rows_of(&model), "bAc");
	expect(top_model_is_unfolded(&model, "bbbbbbbbbbbbbbbb"));
	top_model_finish(&model);
}

TEST(the_selection_stays_with_what_is_selected)
{
	struct top_model model = { 0 };

	take(&model, 3);
	top_model_move(&model, 1);
	expect_int(top_model_fold(&model, true), 0);
	top_model_move(&model, 2);
	expect_text(rows_of(&model), "ba.:.c");
	expect_int(top_model_selected_process(&model)->pid, 12);

	unit_row = "sorted elsewhere";
	expect_int(top_model_sort(&model), 0);
	expect_text(rows_of(&model), "a.:.bc");
	unit_row = "the process is gone";
	model.sessions[0].sample = &one_left;
	model.sort = TOP_SORT_NAME;
	expect_int(top_model_sort(&model), 0);
	expect_text(rows_of(&model), "bA.c");
	unit_row = "the session is gone";
	top_model_move(&model, 9);
	expect_text(rows_of(&model), "ba.C");
	take(&model, 2);
	expect_text(rows_of(&model), "ba.:.");
	unit_row = "all are gone";
	take(&model, 0);
	expect_text(rows_of(&model), "");
	expect(!top_model_selected(&model));
	top_model_move(&model, 1);
	expect_int(top_model_fold(&model, true), 0);
	unit_row = "and back, folded";
	take(&model, 2);
	expect_text(rows_of(&model), "Ba");
	top_model_finish(&model);
}

TEST(the_screen_follows_the_selection)
{
	static const struct {
		const char *name;
		long move;
		size_t height, selected, first;
	} rows[] = {
		{ "at the top", 0, 3, 0, 0 },	   { "still on it", 2, 3, 2, 0 },
		{ "one below", 1, 3, 3, 1 },	   { "beyond the end", 9, 3, 5, 3 },
		{ "back within it", -2, 3, 3, 3 }, { "one above", -1, 3, 2, 2 },
		{ "a larger screen", 0, 9, 2, 0 }, { "beyond the start", -9, 3, 0, 0 },
		{ "no height", 4, 0, 4, 4 },
	};
	struct top_model model = { 0 };

	take(&model, 3);
	top_model_move(&model, 1);
	expect_int(top_model_fold(&model, true), 0);
	top_model_move(&model, -1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		top_model_move(&model, rows[i].move);
		top_model_scroll(&model, rows[i].height);
		expect_uint(model.selected, rows[i].selected);
		expect_uint(model.first, rows[i].first);
	}
	top_model_finish(&model);
}

/* A line as it is drawn, without the mark. */
static const char *line_of(const struct top_session *session, const struct top_layout *layout)
{
	static char line[1024];
	char *at = line;

	*at = '\0';
	for (int i = 0; i < TOP_COLUMN_COUNT; i++) {
		char text[TOP_CELL_MAX];

		if (layout->widths[i] == 0)
			continue;
		top_cell_text(session, (enum top_column)i, layout->widths[i], text);
		at += snprintf(at, sizeof(line) - (size_t)(at - line), "%s%s", at > line ? " " : "",
			       text);
	}
	return line;
}

TEST(a_line_has_the_width_of_the_terminal)
{
	for (size_t width = 16; width <= 128; width++) {
		struct top_layout layout = top_layout_of(width);

		ck_assert_uint_eq(table_text_width(line_of(&seen[0], &layout)), width - 2);
	}
}

TEST(eighty_columns_have_place_for_all)
{
	struct top_layout layout = top_layout_of(80);

	expect_text(
		line_of(&seen[0], &layout),
		"web          opencode running      1m  100M  300M  400M ##..:.   13  3.0%     ");
	expect_text(
		line_of(&seen[1], &layout),
		"Api          claude   frozen       1m  900M        none           2  2.0%   0%");
	expect_text(
		line_of(&seen[2], &layout),
		"ccccccccc... sh       starting     3s                                         ");
}

TEST(a_process_has_its_size_and_place)
{
	struct tree_process outside = { .pid = 7, .name = "a\033b", .is_outside = true };
	const struct process_place places[] = { { &processes[0], 0 }, { &outside, 2 } };
	char text[TOP_CELL_MAX];

	top_process_text(&places[0], TOP_COLUMN_NAME, 20, text);
	expect_text(text, "10 node  node ser...");
	top_process_text(&places[0], TOP_COLUMN_MEMORY, 5, text);
	expect_text(text, " 100M");
	top_process_text(&places[0], TOP_COLUMN_TASKS, 4, text);
	expect_text(text, "  11");
	top_process_text(&places[0], TOP_COLUMN_BAR, 4, text);
	expect_text(text, "    ");
	top_process_text(&places[1], TOP_COLUMN_NAME, 30, text);
	expect_text(text, "    7 (outside) a\\x1bb        ");
}

TEST(sizes_have_five_characters_at_most)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "0K" },
		{ 999 * KIBIBYTE, "999K" },
		{ 1000 * KIBIBYTE, "1.0M" },
		{ 1536 * KIBIBYTE, "1.5M" },
		{ 10 * MIB - 1, "10M" },
		{ 732 * MIB, "732M" },
		{ 1 * GIBIBYTE, "1.0G" },
		{ 12 * GIBIBYTE, "12G" },
		{ UINT64_MAX, "16E" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[FORMAT_TEXT_MAX];

		unit_row = rows[i].text;
		top_format_size(rows[i].bytes, text);
		expect_text(text, rows[i].text);
	}
}

TEST(steps_of_the_limit_are_round_and_lead_back)
{
	static const struct {
		const char *name;
		uint64_t from;
		bool up;
		uint64_t to;
	} rows[] = {
		{ "up", 1024 * MIB, true, 1152 * MIB },
		{ "down", 1024 * MIB, false, 960 * MIB },
		{ "up again", 960 * MIB, true, 1024 * MIB },
		{ "an odd one", 1000 * MIB + 1, true, 1024 * MIB },
		{ "an odd one down", 1000 * MIB + 1, false, 960 * MIB },
		{ "large", 6 * GIBIBYTE, true, 6 * GIBIBYTE + 512 * MIB },
		{ "small", 16 * MIB, true, 32 * MIB },
		{ "the least", 16 * MIB, false, 16 * MIB },
		{ "none", LIMIT_UNLIMITED, true, LIMIT_UNLIMITED },
		{ "not known", 0, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_uint(top_limit_step(rows[i].from, rows[i].up), rows[i].to);
	}
}

UNIT_MAIN("top", each_way_of_sorting_has_its_order,
	  an_unfolded_session_shows_its_processes_as_a_tree,
	  the_selection_stays_with_what_is_selected, the_screen_follows_the_selection,
	  a_line_has_the_width_of_the_terminal, eighty_columns_have_place_for_all,
	  a_process_has_its_size_and_place, sizes_have_five_characters_at_most,
	  steps_of_the_limit_are_round_and_lead_back)
