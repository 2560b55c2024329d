/* SPDX-License-Identifier: MIT */

/*
 * Every parser with texts that were right once: bits flipped, pieces cut out, doubled and put together
 * from two. Each text is a heap block of exactly its length, so that the sanitizers of this build see
 * a read behind it. What has to hold besides: an error says why where it can, and gives nothing back.
 *
 * The numbers come from a fixed seed, so that a failure comes again; FUZZ_ROUNDS=N takes more of them.
 */

#include <errno.h>
#include <stdio.h>

#include "oc-run/bus-address.h"
#include "oc-run/cgroup-parse.h"
#include "oc-run/kernel-log.h"
#include "oc-run/limit-request.h"
#include "oc-run/parse.h"
#include "oc-run/proc-parse.h"
#include "oc-run/profile.h"
#include "oc-run/registry-list.h"
#include "oc-run/resume.h"
#include "src/config/ini-text.h"
#include "src/ctl/log-words.h"
#include "src/ctl/post-mortem.h"
#include "src/report/safe-text.h"
#include "src/session/history-internal.h"
#include "unit.h"

#define ROUNDS 10000
#define SEEDS_MAX 6
#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t random_below(uint64_t limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return limit > 0 ? state * UINT64_C(2685821657736338717) % limit : 0;
}

/* ---- the parsers ---- */

static void fuzz_size(char *text, size_t length)
{
	struct diag diag = DIAG_INIT;
	uint64_t value = UNTOUCHED;

	(void)length;
	if (parse_size(text, 16 * GIBIBYTE, &value, &diag) < 0) {
		expect(diag.text[0]);
		expect_uint(value, UNTOUCHED);
	}
}

static void fuzz_duration(char *text, size_t length)
{
	struct diag diag = DIAG_INIT;
	uint64_t value = UNTOUCHED;

	(void)length;
	if (parse_duration(text, &value, &diag) < 0) {
		expect(diag.text[0]);
		expect_uint(value, UNTOUCHED);
	} else {
		expect(value <= 24 * USEC_PER_HOUR);
	}
}

static int take_setting(void *userdata, const char *key, const char *value, unsigned line,
			struct diag *diag)
{
	(void)userdata;
	(void)diag;
	expect(key && value && line > 0);
	return 0;
}

static void fuzz_ini(char *text, size_t length)
{
	struct diag diag = DIAG_INIT;

	if (ini_text_parse(text, length, "oc-run.conf", take_setting, NULL, &diag) < 0)
		expect_contains(diag.text, "oc-run.conf");
}

static void fuzz_profile(char *text, size_t length)
{
	struct profile *profile = NULL;
	struct diag diag = DIAG_INIT;

	if (profile_parse("fuzz", text, length, "fuzz.conf", &profile, &diag) < 0) {
		expect(diag.text[0]);
		expect(!profile);
	}
	profile_free(profile);
}

static void fuzz_cgroup(char *text, size_t length)
{
	char *path = NULL, *mount = NULL, *root = NULL, id[17];
	struct memory_events memory;
	struct swap_events swap;
	struct pids_events pids;
	struct cgroup_events events;
	struct memory_stat stat;
	struct pressure pressure;
	uint64_t value = UNTOUCHED;
	size_t scope;

	(void)!cgroup_parse_memory_events(text, &memory);
	(void)!cgroup_parse_swap_events(text, &swap);
	(void)!cgroup_parse_pids_events(text, &pids);
	(void)!cgroup_parse_events(text, &events);
	(void)!cgroup_parse_memory_stat(text, &stat);
	(void)!cgroup_parse_pressure(text, &pressure);
	if (cgroup_parse_number(text, &value) < 0)
		expect_uint(value, UNTOUCHED);
	(void)cgroup_parse_controllers(text);
	if (cgroup_parse_proc_cgroup(text, &path) < 0)
		expect(!path);
	if (cgroup_parse_mountinfo(text, &mount, &root) < 0)
		expect(!mount && !root);
	if (cgroup_path_session(text, id, &scope))
		expect(scope <= length);
	free(path);
	free(mount);
	free(root);
}

static void fuzz_proc(char *text, size_t length)
{
	struct proc_environ_match match = { .wanted = "OC_RUN_SESSION=0123456789abcdef" };
	struct proc_status status;
	struct proc_stat stat;
	uint64_t value;
	size_t path_length;
	const char *path = proc_parse_cgroup(text, &path_length);

	(void)!proc_parse_stat(text, &stat);
	proc_parse_status(text, &status);
	(void)!proc_parse_statm_anon(text, &value);
	(void)!proc_parse_smaps_rollup(text, &value);
	if (path) {
		expect(path >= text && path + path_length <= text + length);
		(void)proc_cgroup_is_below(path, path_length, "/a/b");
	}
	(void)proc_environ_feed(&match, text, length);
}

static void fuzz_kernel_log(char *text, size_t length)
{
	struct kernel_kill_parser parser = { .pid = 0 };
	struct kernel_kill kill;
	const char *message;
	uint64_t usec;

	if (kernel_kill_parse(&parser, text, &kill))
		expect(strlen(kill.comm) < sizeof(kill.comm));
	if (!kernel_log_parse_record(text, &message, &usec))
		return;
	expect(message >= text && message <= text + length);
	(void)kernel_kill_parse(&parser, message, &kill);
}

static void fuzz_registry(char *text, size_t length)
{
	struct registry_session session = { .is_held = false };

	(void)length;
	if (registry_parse("0123456789abcdef", text, &session) == 0)
		registry_session_finish(&session);
}

static void fuzz_history(char *text, size_t length)
{
	char *thinned = NULL;
	size_t thinned_length;

	expect_int(history_thin_text(text, length, &thinned, &thinned_length), 0);
	expect(thinned_length <= length);
	free(thinned);
}

static void fuzz_page(char *text, size_t length)
{
	cJSON *lines = cJSON_ParseWithLength(text, length);
	char *page;

	if (cJSON_IsArray(lines)) {
		page = post_mortem_html(lines);
		expect(page && !strstr(page, "<script"));
		free(page);
	}
	cJSON_Delete(lines);
}

static void fuzz_sessions(char *text, size_t length)
{
	static char *const keys[] = { (char *)"id", (char *)"directory", (char *)"updated", NULL };
	char *id = NULL;

	(void)length;
	if (resume_choose(text, keys, "/home/dev/project", 1000, &id) < 0)
		expect(!id);
	free(id);
}

static void fuzz_bus(char *text, size_t length)
{
	char *entry = NULL, *path = NULL;

	(void)length;
	if (bus_address_pick(text, &entry, &path) < 0)
		expect(!entry && !path);
	else
		expect(strncmp(entry, "unix:", 5) == 0);
	free(entry);
	free(path);
}

static void fuzz_request(char *text, size_t length)
{
	struct limit_request request;
	struct diag diag = DIAG_INIT;

	(void)length;
	if (limit_request_parse(text, &request, &diag) < 0)
		expect(diag.text[0]);
}

static void fuzz_since(char *text, size_t length)
{
	struct diag diag = DIAG_INIT;
	struct log_since since;

	(void)length;
	if (log_parse_since(text, &since, &diag) < 0)
		expect(diag.text[0]);
}

/* What others chose, on its way to a terminal. */
static void fuzz_safe_text(char *text, size_t length)
{
	_cleanup_free_ char *shown = NULL, *utf8 = safe_text_utf8(text);
	size_t size;
	FILE *out = open_memstream(&shown, &size);

	(void)length;
	expect(out && utf8);
	safe_text_print(out, text, 40);
	(void)fclose(out);
	for (size_t i = 0; i < size; i++)
		expect((unsigned char)shown[i] >= ' ' && shown[i] != 0x7f);
}

/* ---- texts ---- */

static const struct target {
	const char *name;
	void (*run)(char *text, size_t length);
	const char *seeds[SEEDS_MAX]; /* NULL-terminated */
} targets[] = {
	{ "sizes", fuzz_size, { "4G", "1.5g", "512MiB", "25%", "max", NULL } },
	{ "durations", fuzz_duration, { "500ms", "1.5s", "2min", "1h", "90", NULL } },
	{ "configuration",
	  fuzz_ini,
	  { "mem = 4G\n# a comment\npids=200\n", "slice = \"work.slice\"\r\n\r\n", NULL } },
	{ "profiles",
	  fuzz_profile,
	  { "commands = opencode\nsessions = session list --format json\nresume = -s {id}\n",
	    "commands = a b\nneeds-memory = 400M\nstop = SIGHUP\n", NULL } },
	{ "cgroup files",
	  fuzz_cgroup,
	  { "low 0\nhigh 12\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n",
	    "some avg10=1.50 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 "
	    "avg300=0.00 total=9\n",
	    "0::/user.slice/oc.slice/oc-0123456789abcdef.scope/payload\n",
	    "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
	    "anon 4096\nfile 8192\nkernel 100\nshmem 0\nslab_reclaimable 10\n", NULL } },
	{ "/proc",
	  fuzz_proc,
	  { "42 (a (b) c) S 1 42 42 34816 42 4194304 100 0 0 0 5 3 0 0 20 0 3 0 12345 1000 200 0\n",
	    "VmRSS:\t    4096 kB\nRssAnon:\t 100 kB\nRssShmem:\t 0 kB\nVmSwap:\t 7 kB\n",
	    "1000 200 100 10 0 50 0\n",
	    "00400000-7ffc1000 ---p 00000000 00:00 0 [rollup]\nPss: 100 kB\nPss_Anon: 50 kB\n"
	    "Pss_Shmem: 3 kB\nSwapPss: 0 kB\n",
	    "HOME=/root", NULL } },
	{ "the kernel's log",
	  fuzz_kernel_log,
	  { "6,339,5140900,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_memcg=/a/b,"
	    "task=node,pid=42,uid=1000\n",
	    "Memory cgroup out of memory: Killed process 42 (node) total-vm:100kB, anon-rss:50kB, "
	    "file-rss:3kB, shmem-rss:0kB, UID:1000 pgtables:1kB oom_score_adj:0",
	    "3,1,2,c;a\\x0ab\n SUBSYSTEM=x\n", NULL } },
	{ "the register",
	  fuzz_registry,
	  { "version=1\nboot=00000000-0000-0000-0000-000000000000\npid=42\nstart=100\n"
	    "name=work\ncgroup=/a/b\ncommand=opencode\n",
	    NULL } },
	{ "histories",
	  fuzz_history,
	  { "{\"event\":\"started\",\"at_seconds\":0}\n{\"at_seconds\":1.5,\"unreclaimable\":100,"
	    "\"memory\":200,\"swap\":0,\"tasks\":3}\n{\"event\":\"ended\"}\n",
	    NULL } },
	{ "pages",
	  fuzz_page,
	  { "[{\"event\":\"started\",\"name\":\"<script>\",\"limits\":[{\"name\":\"mem\",\"value\":1}]},"
	    "{\"at_seconds\":1,\"memory\":5,\"by_name\":[{\"name\":\"<script>\",\"bytes\":5}]}]",
	    NULL } },
	{ "lists of sessions",
	  fuzz_sessions,
	  { "[{\"id\":\"ses_1\",\"directory\":\"/home/dev/project\",\"updated\":2000}]",
	    "[{\"id\":\"ses_1\"},{\"id\":5,\"directory\":null,\"updated\":\"x\"}]", NULL } },
	{ "bus addresses",
	  fuzz_bus,
	  { "unix:path=/run/user/1000/bus,guid=0;tcp:host=a", "unix:abstract=%2ftmp%2fx", NULL } },
	{ "requests",
	  fuzz_request,
	  { "{\"token\":\"0123456789abcdef\",\"limits\":{\"mem\":1073741824,\"pids\":null}}",
	    NULL } },
	{ "--since", fuzz_since, { "2h", "2026-11-23", "2026-11-23 10:30", NULL } },
	{ "names",
	  fuzz_safe_text,
	  { "node \033[31m red", "gr\xc3\xbc\xc3\x9f dich",
	    "\xe2\x80\xae"
	    "abc",
	    "\xf0\x9f\x98\x80", NULL } },
};

static size_t count_seeds(const struct target *target)
{
	size_t count = 0;

	while (count < SEEDS_MAX && target->seeds[count])
		count++;
	return count;
}

#define TEXT_MAX 4096

/* Of @length bytes in @text. */
static size_t mutate(char *text, size_t length, const char *other)
{
	size_t from = random_below(length + 1), size = random_below(length - from + 1);
	size_t other_length = strlen(other), other_from = random_below(other_length + 1);

	switch (random_below(6)) {
	case 0:
		if (length > 0)
			text[random_below(length)] ^= (char)(1 << random_below(8));
		break;
	case 1:
		if (length > 0)
			text[random_below(length)] = (char)random_below(256);
		break;
	case 2: /* cut out */
		memmove(text + from, text + from + size, length - from - size);
		length -= size;
		break;
	case 3: /* double */
		if (length + size > TEXT_MAX)
			break;
		memmove(text + from + size, text + from, length - from);
		length += size;
		break;
	case 4: /* the rest is that of another */
		if (from + other_length - other_from > TEXT_MAX)
			break;
		memcpy(text + from, other + other_from, other_length - other_from);
		length = from + other_length - other_from;
		break;
	default: /* a number of another size */
		for (size_t i = from; i < length; i++)
			if (text[i] >= '0' && text[i] <= '9')
				text[i] = (char)('0' + random_below(10));
		break;
	}
	return length;
}

static void fuzz_once(const struct target *target, size_t seeds)
{
	char text[TEXT_MAX + 1], *exact;
	const char *seed = target->seeds[random_below(seeds)];
	size_t length = strlen(seed), times = random_below(6);

	memcpy(text, seed, length);
	for (size_t i = 0; i < times; i++)
		length = mutate(text, length, target->seeds[random_below(seeds)]);
	/* All but the history and the configuration take a C string. */
	exact = malloc(length + 1);
	expect(exact);
	memcpy(exact, text, length);
	exact[length] = '\0';
	target->run(exact, length);
	free(exact);
}

TEST(no_text_leads_a_parser_astray)
{
	const char *wish = getenv("FUZZ_ROUNDS");
	size_t rounds = wish ? (size_t)atol(wish) : ROUNDS;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		size_t seeds = count_seeds(&targets[i]);

		unit_row = targets[i].name;
		for (size_t round = 0; round < rounds; round++)
			fuzz_once(&targets[i], seeds);
	}
}

UNIT_MAIN("fuzz", no_text_leads_a_parser_astray)
