/* SPDX-License-Identifier: MIT */

/* A history as facts, as a picture and as a page. */

#include "src/ctl/post-mortem.h"
#include "src/ctl/timeline-svg.h"
#include "unit.h"

static const char history[] =
	"[{\"event\":\"started\",\"at_seconds\":0,\"time\":\"2026-01-01T00:00:00Z\","
	"\"session\":\"0123456789abcdef\",\"name\":\"a <b> & 'c'\",\"command\":\"opencode\","
	"\"limits\":[{\"name\":\"mem\",\"value\":1073741824,\"unit\":\"bytes\","
	"\"enforced_by\":\"kernel\"},{\"name\":\"pids\",\"value\":64,\"unit\":\"tasks\","
	"\"enforced_by\":\"kernel\"},{\"name\":\"swap\",\"value\":null}]},"
	"{\"at_seconds\":1,\"unreclaimable\":104857600,\"memory\":209715200,\"swap\":0},"
	"{\"at_seconds\":9,\"unreclaimable\":943718400,\"memory\":1048576000,\"swap\":1048576},"
	"{\"event\":\"oom-kill\",\"at_seconds\":9.5,\"time\":\"2026-01-01T00:00:09Z\","
	"\"victim\":{\"pid\":7,\"name\":\"<script>\",\"bytes\":1048576}},"
	"{\"event\":\"ended\",\"at_seconds\":10,\"time\":\"2026-01-01T00:00:10Z\","
	"\"summary\":\"it ended\",\"exit\":{\"status\":3},"
	"\"peaks\":{\"memory_bytes\":1048576000,\"tasks\":5}}]";

static char facts[2048];

static void add_fact(const char *label, const char *value, void *userdata)
{
	size_t length = strlen(facts);

	(void)userdata;
	(void)snprintf(facts + length, sizeof(facts) - length, "%s=%s|", label, value);
}

static cJSON *parse(const char *text)
{
	cJSON *lines = cJSON_Parse(text);

	expect(lines);
	return lines;
}

TEST(the_facts_of_a_session_are_told)
{
	cJSON *lines = parse(history);

	facts[0] = '\0';
	post_mortem_each(lines, add_fact, NULL);
	expect_text(facts, "session=0123456789abcdef|name=a <b> & 'c'|command=opencode|"
			   "started=2026-01-01T00:00:00Z|ended=it ended|exit status=3|"
			   "most memory=1000 MiB|most tasks=5|"
			   "--mem=1.0 GiB, enforced by kernel|--pids=64, enforced by kernel|"
			   "oom-kill=<script> (pid 7, 1 MiB)|");
	cJSON_Delete(lines);
}

TEST(one_that_has_not_ended_says_so)
{
	cJSON *lines = parse("[{\"event\":\"started\"}]");

	facts[0] = '\0';
	post_mortem_each(lines, add_fact, NULL);
	expect_text(facts, "ended=not yet, or with the machine|");
	cJSON_Delete(lines);
	lines = parse("[{\"event\":\"started\"},{\"event\":\"lost\"}]");
	facts[0] = '\0';
	post_mortem_each(lines, add_fact, NULL);
	expect_text(facts, "ended=oc-run was killed, and its keeper ended the session|");
	cJSON_Delete(lines);
}

TEST(the_picture_has_areas_limits_and_marks)
{
	cJSON *lines = parse(history);
	char *picture = timeline_svg(lines);

	expect(picture);
	/* 1 GiB and a little is the height: at 1 s there are 100 MiB. */
	expect(strstr(picture, "class=\"held\" d=\"M170.0 "));
	expect(strstr(picture, "--mem 1.0 GiB</text>"));
	expect(!strstr(picture, "--pids"));
	expect(strstr(picture, "<title>oom-kill: &lt;script&gt; (pid 7, 1 MiB)</title>"));
	expect(!strstr(picture, "<script>"));
	free(picture);
	cJSON_Delete(lines);
}

TEST(what_is_in_use_is_cut_by_names)
{
	/* 400 MiB in use: three of four parts are node's, the rest opencode's; no name is known first. */
	cJSON *lines = parse("[{\"event\":\"started\"},"
			     "{\"at_seconds\":0,\"unreclaimable\":104857600},"
			     "{\"at_seconds\":1,\"unreclaimable\":419430400,\"memory\":419430400,"
			     "\"by_name\":[{\"name\":\"node\",\"bytes\":900},"
			     "{\"name\":\"<b>\",\"bytes\":300},{\"name\":7}]}]");
	char *picture = timeline_svg(lines);

	expect(picture);
	/* From 320 at the bottom to 16; 400 MiB is a bit below the top, and three quarters of it. */
	expect(strstr(picture,
		      "<path class=\"name0\" d=\"M84.0 320.0L944.0 108.9L944.0 320.0L84.0 320.0Z"
		      "\"><title>node</title>"));
	expect(strstr(picture,
		      "<path class=\"name1\" d=\"M84.0 320.0L944.0 38.5L944.0 108.9L84.0 320.0Z"
		      "\"><title>&lt;b&gt;</title>"));
	expect(strstr(picture,
		      "<path class=\"held\" d=\"M84.0 249.6L944.0 38.5L944.0 38.5L84.0 320.0Z"
		      "\"><title>others</title>"));
	free(picture);
	cJSON_Delete(lines);
}

TEST(a_limit_far_above_does_not_flatten_the_picture)
{
	cJSON *lines = parse("[{\"event\":\"started\",\"limits\":[{\"name\":\"mem\","
			     "\"value\":1073741824}]},{\"at_seconds\":1,\"memory\":1048576}]");
	char *picture = timeline_svg(lines);

	expect(picture);
	expect(!strstr(picture, "--mem"));
	free(picture);
	cJSON_Delete(lines);
}

TEST(the_page_lets_no_name_through)
{
	cJSON *lines = parse(history);
	char *page = post_mortem_html(lines);

	expect(page);
	expect(strstr(page, "<h1>a &lt;b&gt; &amp; &#39;c&#39;</h1>"));
	expect(!strstr(page, "<script>"));
	expect(!strstr(page, "http://") || strstr(page, "http://www.w3.org/2000/svg"));
	expect(strstr(page, "</html>"));
	free(page);
	cJSON_Delete(lines);
}

TEST(nothing_and_nonsense_make_a_page_too)
{
	static const char *const texts[] = { "[]", "[{}]", "[{\"event\":3},{\"at_seconds\":\"x\"}]",
					     "[{\"limits\":7,\"name\":[]},{\"victim\":1}]" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cJSON *lines = parse(texts[i]);
		char *page;

		unit_row = texts[i];
		page = post_mortem_html(lines);
		expect(page);
		free(page);
		cJSON_Delete(lines);
	}
}

UNIT_MAIN("ctl-report", the_facts_of_a_session_are_told, one_that_has_not_ended_says_so,
	  the_picture_has_areas_limits_and_marks, what_is_in_use_is_cut_by_names,
	  a_limit_far_above_does_not_flatten_the_picture, the_page_lets_no_name_through,
	  nothing_and_nonsense_make_a_page_too)
