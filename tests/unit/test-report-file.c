/* SPDX-License-Identifier: MIT */

/* Where the JSON report can go, in a folder of its own. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "record-fixture.h"
#include "unit.h"

static struct fixture fixture;
static char folder[] = "/tmp/oc-run-report-XXXXXX";

static void set_up(void)
{
	fixture_init(&fixture);
	expect(mkdtemp(folder));
	expect_int(chdir(folder), 0);
}

static void tear_down(void)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;

	while (listing && (entry = readdir(listing)))
		(void)unlink(entry->d_name);
	(void)closedir(listing);
	expect_int(rmdir(folder), 0);
}

static size_t count_files(void)
{
	DIR *listing = opendir(".");
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(listing)))
		count += entry->d_name[0] != '.';
	(void)closedir(listing);
	return count;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	expect(file);
	expect(fputs(text, file) >= 0);
	expect_int(fclose(file), 0);
	expect_int(chmod(path, mode), 0);
}

static void expect_report_in(const char *path)
{
	_cleanup_free_ char *expected = report_json(&fixture.record);
	char text[16384];
	FILE *file = fopen(path, "r");
	size_t length;

	expect(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	(void)fclose(file);
	expect_text(text, expected);
}

TEST(a_new_report_is_its_owners_alone)
{
	struct diag diag = DIAG_INIT;
	struct stat status;

	set_up();
	expect_int(report_write_file(&fixture.record, "r.json", &diag), 0);
	expect_report_in("r.json");
	expect_int(stat("r.json", &status), 0);
	expect_uint(status.st_mode & 07777, 0600);
	expect_uint(count_files(), 1);
	tear_down();
}

TEST(an_old_report_is_replaced_and_keeps_its_mode)
{
	struct diag diag = DIAG_INIT;
	struct stat before, after;

	set_up();
	write_file("r.json", "old", 0640);
	expect_int(stat("r.json", &before), 0);
	expect_int(report_write_file(&fixture.record, "r.json", &diag), 0);
	expect_report_in("r.json");
	expect_int(stat("r.json", &after), 0);
	expect_uint(after.st_mode & 07777, 0640);
	/* Another file: a reader that has the old one open reads it to the end. */
	expect(before.st_ino != after.st_ino);
	expect_uint(count_files(), 1);
	tear_down();
}

TEST(a_link_stays_and_its_file_is_replaced)
{
	struct diag diag = DIAG_INIT;
	struct stat status;

	set_up();
	write_file("real.json", "old", 0600);
	expect_int(symlink("real.json", "link.json"), 0);
	expect_int(report_write_file(&fixture.record, "link.json", &diag), 0);
	expect_int(lstat("link.json", &status), 0);
	expect(S_ISLNK(status.st_mode));
	expect_report_in("real.json");
	expect_uint(count_files(), 2);
	tear_down();
}

TEST(an_open_file_is_appended_to_and_not_replaced)
{
	_cleanup_close_ int fd = -1;
	struct diag diag = DIAG_INIT;
	char path[32], start[6] = "";
	struct stat status;

	set_up();
	fd = open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0);
	expect_int(write(fd, "first", 5), 5);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	expect_int(report_write_file(&fixture.record, path, &diag), 0);
	expect_int(pread(fd, start, 5, 0), 5);
	expect_text(start, "first");
	expect_int(fstat(fd, &status), 0);
	expect(status.st_size > 1000);
	expect_uint(status.st_nlink, 1);
	tear_down();
}

TEST(a_pipe_is_written_to)
{
	_cleanup_free_ char *expected = NULL;
	struct diag diag = DIAG_INIT;
	char path[32], text[16384];
	ssize_t length;
	int ends[2];

	set_up();
	expected = report_json(&fixture.record);
	expect_int(pipe2(ends, O_CLOEXEC), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	expect_int(report_write_file(&fixture.record, path, &diag), 0);
	(void)close(ends[1]);
	length = read(ends[0], text, sizeof(text) - 1);
	expect(length > 0);
	text[length] = '\0';
	expect_text(text, expected);
	(void)close(ends[0]);
	tear_down();
}

/* The process would be dead if SIGPIPE had come through. */
TEST(a_reader_that_is_gone_is_an_error_and_no_death)
{
	struct diag diag = DIAG_INIT;
	char path[32];
	int ends[2];

	set_up();
	expect_int(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	expect_int(report_write_file(&fixture.record, path, &diag), -EPIPE);
	expect_contains(diag.text, path);
	tear_down();
}

static const struct {
	const char *name, *path;
	int error;
	const char *advice;
} error_rows[] = {
	{ "a folder that is not there", "none/r.json", -ENOENT, "make its folder first" },
	{ "a folder", "folder", -EISDIR, "name a file, not a folder" },
	{ "a named pipe that nobody reads", "pipe", -ENXIO, "nobody reads it" },
	{ "a descriptor that is not open", "/dev/fd/913", -EBADF, "not open for writing" },
	{ "a file as a folder", "file/r.json", -ENOTDIR, "can't write the report to" },
};

TEST(an_error_names_the_path_and_what_to_do)
{
	set_up();
	expect_int(mkdir("folder", 0700), 0);
	expect_int(mkfifo("pipe", 0600), 0);
	write_file("file", "", 0600);
	for (size_t i = 0; i < ARRAY_SIZE(error_rows); i++) {
		struct diag diag = DIAG_INIT;

		unit_row = error_rows[i].name;
		expect_int(report_write_file(&fixture.record, error_rows[i].path, &diag),
			   error_rows[i].error);
		expect_contains(diag.text, error_rows[i].path);
		expect_contains(diag.text, error_rows[i].advice);
	}
	unit_row = NULL;
	expect_int(rmdir("folder"), 0);
	expect_uint(count_files(), 2);
	tear_down();
}

UNIT_MAIN("report-file", a_new_report_is_its_owners_alone,
	  an_old_report_is_replaced_and_keeps_its_mode, a_link_stays_and_its_file_is_replaced,
	  an_open_file_is_appended_to_and_not_replaced, a_pipe_is_written_to,
	  a_reader_that_is_gone_is_an_error_and_no_death, an_error_names_the_path_and_what_to_do)
