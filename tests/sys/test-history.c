/* SPDX-License-Identifier: MIT */

/* The history's file and its scribe: what is in the file when, what becomes of it when somebody
 * dies or the disk is full, and which old ones go. */

#include "sys.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <time.h>

#include "../unit/record-fixture.h"
#include "oc-run/history.h"
#include "oc-run/process-scan.h"
#include "src/session/history-internal.h"

#define ID "0123456789abcdef"
/* 2026-03-01 12:30:05 */
#define STARTED_USEC UINT64_C(1772368205250000)
#define NAME "20260301T123005Z-" ID ".jsonl"

struct history_world {
	char path[64];
	struct history_request request;
	struct history *history;
	struct fixture fixture;
};

static const char *at(const struct history_world *world, const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *text = path[next++ % 4];

	(void)snprintf(text, 256, "%s/%s", world->path, name);
	return text;
}

static void set_up(struct history_world *world)
{
	memset(world, 0, sizeof(*world));
	(void)snprintf(world->path, sizeof(world->path), "/tmp/oc-run-test-history-XXXXXX");
	expect(mkdtemp(world->path) != NULL);
	world->request = (struct history_request){
		.base = world->path,
		.id = ID,
		.uid = geteuid(),
		.started_usec = STARTED_USEC,
		.keep = 200,
	};
	fixture_init(&world->fixture);
}

static void start(struct history_world *world)
{
	struct diag diag = DIAG_INIT;

	expect_int(history_new(&world->request, &world->history, &diag), 0);
	expect(world->history != NULL);
	history_started(world->history, &world->fixture.record);
}

static void sample(struct history_world *world, uint64_t second, uint64_t mebibytes)
{
	struct figures figures = {
		.at_usec = second * USEC_PER_SEC,
		.unreclaimable_bytes = mebibytes * MEBIBYTE,
		.current_bytes = mebibytes * MEBIBYTE,
		.tasks = 10 + second % 7,
	};

	history_figures(world->history, &figures, NULL);
}

static void end(struct history_world *world)
{
	history_ended(world->history, &world->fixture.record);
	world->history = history_free(world->history);
}

static void tear_down(struct history_world *world)
{
	char command[128];

	world->history = history_free(world->history);
	session_record_finish(&world->fixture.record);
	(void)snprintf(command, sizeof(command), "rm -r %s", world->path);
	expect_int(system(command), 0);
}

struct counted {
	size_t samples, events, bad;
	char first[32], last[32];
	double peak;
};

static void count_line(struct counted *counted, const char *line)
{
	cJSON *object = cJSON_Parse(line);
	const char *event = cJSON_GetStringValue(cJSON_GetObjectItem(object, "event"));
	const cJSON *memory = cJSON_GetObjectItem(object, "memory");

	if (event) {
		(void)snprintf(counted->events++ ? counted->last : counted->first,
			       sizeof(counted->last), "%s", event);
	} else if (memory) {
		counted->samples++;
		if (memory->valuedouble > counted->peak)
			counted->peak = memory->valuedouble;
	} else {
		counted->bad++;
	}
	cJSON_Delete(object);
}

static struct counted read_file(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	struct counted counted = { .samples = 0 };
	size_t room = 0;

	unit_row = path;
	expect(file != NULL);
	unit_row = NULL;
	while (getline(&line, &room, file) > 0) {
		expect(line[strlen(line) - 1] == '\n');
		count_line(&counted, line);
	}
	return counted;
}

static struct counted read_own(const struct history_world *world)
{
	return read_file(at(world, "oc-run/history/" NAME));
}

/* The scribe writes when it comes to run. */
static void wait_for_events(const struct history_world *world, size_t events)
{
	for (int i = 0; i < SYS_LIFE_SECONDS * 20; i++) {
		if (access(at(world, "oc-run/history/" NAME), F_OK) == 0 &&
		    read_own(world).events >= events)
			return;
		(void)usleep(50 * 1000);
	}
	expect(!"the events come");
}

TEST(the_file_has_the_plan_samples_events_and_the_end)
{
	struct history_world world;
	struct counted counted;
	struct stat status;

	set_up(&world);
	start(&world);
	sample(&world, 1, 100);
	sample(&world, 2, 300);
	history_event(world.history, fixture_event(&world.fixture, RECORD_HIGH, MINUTE, 1));
	sample(&world, 3, 200);
	end(&world);
	counted = read_own(&world);
	expect_uint(counted.samples, 3);
	expect_uint(counted.events, 3);
	expect_uint(counted.bad, 0);
	expect_text(counted.first, "started");
	expect_text(counted.last, "ended");
	expect(counted.peak == 300 * MEBIBYTE);
	expect_int(stat(at(&world, "oc-run/history/" NAME), &status), 0);
	expect_int(status.st_mode & 07777, 0600);
	expect_int(stat(at(&world, "oc-run/history"), &status), 0);
	expect_int(status.st_mode & 07777, 0700);
	tear_down(&world);
}

TEST(a_session_that_never_ran_has_no_file)
{
	struct history_world world;
	struct diag diag = DIAG_INIT;

	set_up(&world);
	expect_int(history_new(&world.request, &world.history, &diag), 0);
	world.history = history_free(world.history);
	expect_int(access(at(&world, "oc-run/history/" NAME), F_OK), -1);
	tear_down(&world);
}

/* In a process of its own, that a test can kill. */
static void live(void *argument)
{
	struct history_world *world = argument;
	struct diag diag = DIAG_INIT;

	if (history_new(&world->request, &world->history, &diag) < 0 || !world->history)
		_exit(1);
	history_started(world->history, &world->fixture.record);
	sample(world, 1, 100);
	sample(world, 2, 200);
	sys_ready();
	sys_sleep();
}

TEST(a_death_of_oc_run_loses_nothing_and_is_noted)
{
	struct history_world world;
	struct counted counted;
	pid_t pid;

	set_up(&world);
	pid = sys_start(live, &world);
	sys_end(pid);
	wait_for_events(&world, 2);
	counted = read_own(&world);
	expect_uint(counted.samples, 2);
	expect_text(counted.last, "lost");
	tear_down(&world);
}

static int find_scribe(pid_t pid, void *userdata)
{
	struct process_facts facts;
	pid_t *found = userdata;

	if (process_read_facts(pid, &facts) == 0 && facts.parent == getpid() &&
	    strcmp(facts.comm, "oc-run-scribe") == 0 && facts.state != 'Z')
		*found = pid;
	return 0;
}

static pid_t scribe_of_ours(void)
{
	pid_t found = 0;

	for (int i = 0; i < SYS_LIFE_SECONDS * 20 && found == 0; i++) {
		expect_int(process_for_each(find_scribe, &found), 0);
		if (found == 0)
			(void)usleep(50 * 1000);
	}
	expect(found > 0);
	return found;
}

TEST(the_scribe_holds_nothing_of_ours_and_is_in_its_own_group)
{
	struct history_world world;
	struct process_facts facts;
	char command[128];
	pid_t scribe;
	int fds[2];

	set_up(&world);
	/* Whoever reads the other end must not wait for the scribe. */
	expect_int(pipe(fds), 0);
	start(&world);
	wait_for_events(&world, 1);
	scribe = scribe_of_ours();
	expect_int(process_read_facts(scribe, &facts), 0);
	expect_int(facts.group, scribe);
	(void)snprintf(command, sizeof(command), "test $(ls /proc/%d/fd | wc -l) -le 6",
		       (int)scribe);
	expect_int(system(command), 0);
	(void)snprintf(command, sizeof(command),
		       "! ls -l /proc/%d/fd | grep -q pipe:", (int)scribe);
	expect_int(system(command), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	end(&world);
	tear_down(&world);
}

TEST(a_scribe_that_hangs_or_is_dead_holds_nobody_up)
{
	static const int signals[] = { SIGSTOP, SIGKILL };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct history_world world;
		pid_t scribe;

		set_up(&world);
		start(&world);
		wait_for_events(&world, 1);
		scribe = scribe_of_ours();
		expect_int(kill(scribe, signals[i]), 0);
		/* Far more than fits into the socket. */
		for (uint64_t second = 1; second < 20000; second++)
			sample(&world, second, second % 2 ? 100 : 200);
		history_event(world.history, fixture_event(&world.fixture, RECORD_HIGH, MINUTE, 1));
		if (signals[i] == SIGSTOP)
			expect_int(kill(scribe, SIGCONT), 0);
		end(&world);
		/* Room was kept for the event and the end. */
		if (signals[i] == SIGSTOP) {
			expect_uint(read_own(&world).events, 3);
			expect_text(read_own(&world).last, "ended");
		}
		tear_down(&world);
	}
}

TEST(a_file_that_grows_is_thinned_and_keeps_the_peak)
{
	struct history_file file = { .fd = -1, .name = NAME };
	struct history_world world;
	struct counted counted;
	struct stat before, after;

	set_up(&world);
	file.folder = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	history_file_append(&file, "{\"event\":\"started\"}", 19, true);
	expect_int(fstat(file.fd, &before), 0);
	for (unsigned second = 1; second <= 30000; second++) {
		char line[160];
		unsigned mebibytes = second == 12345 ? 5000 : 1000 + second % 100;
		int length = snprintf(line, sizeof(line),
				      "{\"at_seconds\":%u.000,\"unreclaimable\":%u,\"memory\":%u,"
				      "\"swap\":0,\"tasks\":10}",
				      second, mebibytes, mebibytes);

		history_file_append(&file, line, (size_t)length, false);
		expect(file.bytes < MEBIBYTE);
		if (second == 20000)
			history_file_append(&file, "{\"event\":\"memory-high\"}", 23, true);
	}
	history_file_append(&file, "{\"event\":\"ended\"}", 17, true);
	expect_int(fstat(file.fd, &after), 0);
	expect(before.st_ino != after.st_ino);
	expect_uint(after.st_size, file.bytes);
	expect_int(after.st_mode & 07777, 0600);
	counted = read_file(at(&world, NAME));
	expect_uint(counted.events, 3);
	expect_text(counted.first, "started");
	expect(counted.samples < 15000);
	expect(counted.peak == 5000);
	expect_int(access(at(&world, "." NAME), F_OK), -1);
	/* It is locked as the first one was. */
	(void)close(file.folder);
	file.folder = open(at(&world, NAME), O_RDONLY | O_CLOEXEC);
	expect_int(flock(file.folder, LOCK_EX | LOCK_NB), -1);
	(void)close(file.folder);
	history_file_finish(&file);
	tear_down(&world);
}

/* ---- old ones ---- */

static void put_history(const struct history_world *world, const char *name, unsigned days)
{
	const struct timespec then[2] = { { .tv_sec = time(NULL) - (time_t)days * 24 * 3600 },
					  { .tv_sec = time(NULL) - (time_t)days * 24 * 3600 } };
	int fd = open(at(world, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	expect(fd >= 0);
	expect_int(futimens(fd, then), 0);
	(void)close(fd);
}

static bool is_there(const struct history_world *world, const char *name)
{
	struct stat status;

	return lstat(at(world, name), &status) == 0;
}

static void prune(const struct history_world *world, uint64_t keep)
{
	int folder = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	history_prune(folder, NAME, keep, time(NULL));
	(void)close(folder);
}

TEST(names_of_histories_are_known)
{
	static const struct {
		const char *name;
		bool expected;
	} rows[] = {
		{ NAME, true },
		{ "20260301T123005Z-0123456789abcdef.jsonl2", false },
		{ "20260301T123005Z-0123456789abcdeg.jsonl", false },
		{ "20260301T123005Z-0123456789ABCDEF.jsonl", false },
		{ "2026-03-01T12:30:05Z-0123456789abcdef.jsonl", false },
		{ "20260301T123005X-0123456789abcdef.jsonl", false },
		{ "", false },
		{ "notes.jsonl", false },
	};
	char name[HISTORY_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unit_row = rows[i].name;
		expect_int(history_is_name(rows[i].name), rows[i].expected);
	}
	history_name(STARTED_USEC, ID, name);
	expect_text(name, NAME);
}

TEST(old_histories_go_by_age)
{
	struct history_world world;

	set_up(&world);
	put_history(&world, "20260101T000000Z-0000000000000001.jsonl", 31);
	put_history(&world, "20260102T000000Z-0000000000000002.jsonl", 29);
	put_history(&world, NAME, 40);
	put_history(&world, "notes.jsonl", 400);
	put_history(&world, "." NAME, 1);
	put_history(&world, ".20260102T000000Z-0000000000000003.jsonl", 0);
	expect_int(symlink("notes.jsonl", at(&world, "20260101T000000Z-0000000000000004.jsonl")),
		   0);
	expect_int(mkdir(at(&world, "20260101T000000Z-0000000000000005.jsonl"), 0700), 0);
	prune(&world, 0);
	expect(!is_there(&world, "20260101T000000Z-0000000000000001.jsonl"));
	expect(is_there(&world, "20260102T000000Z-0000000000000002.jsonl"));
	expect(is_there(&world, NAME));
	expect(is_there(&world, "notes.jsonl"));
	expect(!is_there(&world, "." NAME));
	expect(is_there(&world, ".20260102T000000Z-0000000000000003.jsonl"));
	expect(is_there(&world, "20260101T000000Z-0000000000000004.jsonl"));
	expect(is_there(&world, "20260101T000000Z-0000000000000005.jsonl"));
	tear_down(&world);
}

TEST(the_oldest_go_when_there_are_too_many_but_no_live_one)
{
	struct history_world world;
	char name[HISTORY_NAME_MAX];
	int live_fd;

	set_up(&world);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "2026010%uT000000Z-000000000000000%u.jsonl", i,
			       i);
		put_history(&world, name, 1);
	}
	put_history(&world, NAME, 0);
	live_fd = open(at(&world, "20260101T000000Z-0000000000000001.jsonl"), O_RDWR | O_CLOEXEC);
	expect_int(flock(live_fd, LOCK_EX), 0);
	prune(&world, 4);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "2026010%uT000000Z-000000000000000%u.jsonl", i,
			       i);
		unit_row = name;
		expect_int(is_there(&world, name), i == 1 || i >= 7);
	}
	unit_row = NULL;
	expect(is_there(&world, NAME));
	(void)close(live_fd);
	tear_down(&world);
}

TEST(old_ones_go_when_a_session_starts)
{
	struct history_world world;

	set_up(&world);
	expect_int(mkdir(at(&world, "oc-run"), 0700), 0);
	expect_int(mkdir(at(&world, "oc-run/history"), 0700), 0);
	put_history(&world, "oc-run/history/20260101T000000Z-0000000000000001.jsonl", 31);
	start(&world);
	end(&world);
	expect(!is_there(&world, "oc-run/history/20260101T000000Z-0000000000000001.jsonl"));
	expect(is_there(&world, "oc-run/history/" NAME));
	tear_down(&world);
}

/* ---- where it can't be written ---- */

TEST(a_folder_that_is_not_ours_alone_is_refused)
{
	struct diag diag = DIAG_INIT;
	struct history_world world;

	set_up(&world);
	expect_int(mkdir(at(&world, "oc-run"), 0700), 0);
	expect_int(chmod(at(&world, "oc-run"), 0777), 0);
	expect_int(history_new(&world.request, &world.history, &diag), -EPERM);
	expect_contains(diag.text, "others may write to it");
	expect_int(chmod(at(&world, "oc-run"), 0700), 0);
	expect_int(symlink("/tmp", at(&world, "oc-run/history")), 0);
	expect_int(history_new(&world.request, &world.history, &diag), -EPERM);
	expect_contains(diag.text, "no history of sessions is kept");
	tear_down(&world);
}

TEST(without_a_folder_there_is_no_history_and_no_error)
{
	struct history_world world;
	struct diag diag = DIAG_INIT;

	set_up(&world);
	world.request.base = "/proc/nowhere";
	expect_int(history_new(&world.request, &world.history, &diag), 0);
	expect(world.history == NULL);
	history_started(world.history, &world.fixture.record);
	sample(&world, 1, 1);
	end(&world);
	tear_down(&world);
}

static void fill_up(const struct history_world *world)
{
	static char block[4096];
	int fd = open(at(world, "ballast"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	expect(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	expect_int(errno, ENOSPC);
	(void)close(fd);
}

/* A tmpfs of its own, which nobody else sees. false: that can't be done here. */
static bool mount_small(const char *path)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=256k,mode=700") == 0;
}

TEST(a_full_disk_loses_samples_and_no_event)
{
	struct history_file file = { .fd = -1, .name = NAME };
	struct history_world world;
	struct counted counted;
	char line[1024];
	int length;

	set_up(&world);
	expect(mount_small(world.path));
	file.folder = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Not even the file can be made: it has no inode or no block. */
	fill_up(&world);
	history_file_append(&file, "{\"event\":\"started\"}", 19, true);
	history_file_append(&file, "{\"at_seconds\":1.000,\"memory\":1}", 31, false);
	expect_int(unlink(at(&world, "ballast")), 0);
	history_file_append(&file, "{\"at_seconds\":2.000,\"memory\":2}", 31, false);
	counted = read_file(at(&world, NAME));
	expect_uint(counted.events, 1);
	expect_uint(counted.samples, 1);

	/* Full in the middle of a line: nothing of it stays. */
	fill_up(&world);
	length = snprintf(line, sizeof(line),
			  "{\"at_seconds\":3.000,\"memory\":1,\"x\":\"%0700d\"}", 7);
	for (int i = 0; i < 20; i++)
		history_file_append(&file, line, (size_t)length, false);
	history_file_append(&file, "{\"event\":\"memory-high\"}", 23, true);
	history_file_append(&file, line, (size_t)length, false);
	history_file_append(&file, "{\"event\":\"ended\"}", 17, true);
	counted = read_file(at(&world, NAME));
	expect_uint(counted.bad, 0);
	expect_int(unlink(at(&world, "ballast")), 0);
	history_file_append(&file, "{\"event\":\"last\"}", 16, true);
	counted = read_file(at(&world, NAME));
	expect_uint(counted.bad, 0);
	expect_uint(counted.events, 4);
	expect_text(counted.first, "started");
	expect_text(counted.last, "last");
	history_file_finish(&file);
	(void)close(file.folder);
	expect_int(umount(world.path), 0);
	tear_down(&world);
}

int main(void)
{
	const TTest *const tests[] = {
		the_file_has_the_plan_samples_events_and_the_end,
		a_session_that_never_ran_has_no_file,
		a_death_of_oc_run_loses_nothing_and_is_noted,
		the_scribe_holds_nothing_of_ours_and_is_in_its_own_group,
		a_scribe_that_hangs_or_is_dead_holds_nobody_up,
		a_file_that_grows_is_thinned_and_keeps_the_peak,
		names_of_histories_are_known,
		old_histories_go_by_age,
		the_oldest_go_when_there_are_too_many_but_no_live_one,
		old_ones_go_when_a_session_starts,
		a_folder_that_is_not_ours_alone_is_refused,
		without_a_folder_there_is_no_history_and_no_error,
		/* The last: root only. */
		a_full_disk_loses_samples_and_no_event,
	};
	size_t count = ARRAY_SIZE(tests) - (geteuid() != 0);

	if (count < ARRAY_SIZE(tests))
		(void)printf("# a_full_disk_loses_samples_and_no_event: not tested, root only\n");
	return unit_run("history", tests, count);
}
