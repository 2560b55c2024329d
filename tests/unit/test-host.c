/* SPDX-License-Identifier: MIT */

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/un.h>

#include "../../src/plan/host-v1.h"
#include "oc-run/host.h"
#include "oc-run/limits.h"
#include "oc-run/parse.h"
#include "unit.h"

static char folder[PATH_MAX];

/* Folders and files of one test, below @folder; removed in reverse. */
static char made[64][128];
static size_t made_count;

static void make_folder(const char *path)
{
	char part[128];

	for (const char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
		size_t length = slash ? (size_t)(slash - path) : strlen(path);

		(void)snprintf(part, sizeof(part), "%.*s", (int)length, path);
		if (mkdir(part, 0700) == 0)
			(void)snprintf(made[made_count++], sizeof(made[0]), "%s", part);
		if (!slash)
			return;
	}
}

static void write_file(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *file = NULL;
	char parent[128];

	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	make_folder(parent);
	file = fopen(path, "w");
	expect(file != NULL);
	expect(fputs(text, file) >= 0);
	(void)snprintf(made[made_count++], sizeof(made[0]), "%s", path);
}

static const char *const variables[] = {
	"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "TMUX",
	"TMUX_PANE",
};

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char parent[128];

	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	make_folder(parent);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	expect_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)snprintf(made[made_count++], sizeof(made[0]), "%s", path);
}

/* @path is below @folder. */
static void set_variable(const char *name, const char *before, const char *path, const char *after)
{
	char text[PATH_MAX + 128];

	(void)snprintf(text, sizeof(text), "%s%s/%s%s", before, folder, path, after);
	expect_int(setenv(name, text, 1), 0);
}

static void enter(void)
{
	char template[] = "/tmp/oc-run-host.XXXXXX";

	expect(mkdtemp(template) != NULL);
	(void)snprintf(folder, sizeof(folder), "%s", template);
	expect_int(chdir(folder), 0);
	made_count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		expect_int(unsetenv(variables[i]), 0);
}

static void leave(void)
{
	while (made_count > 0)
		(void)remove(made[--made_count]);
	expect_int(chdir("/"), 0);
	expect_int(rmdir(folder), 0);
}

static void gather(struct host *host)
{
	char proc[PATH_MAX + 8], run[PATH_MAX + 8], memory[PATH_MAX + 8];
	const struct host_roots roots = { .proc = proc, .run = run, .memory_v1 = memory };

	(void)snprintf(proc, sizeof(proc), "%s/proc", folder);
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	(void)snprintf(memory, sizeof(memory), "%s/v1", folder);
	expect_int(host_gather_from(&roots, host, NULL), 0);
}

/* The cgroup2 file system is the folder "cg", of which @root is the mounted part. */
static void write_proc(const char *root, const char *own)
{
	char text[PATH_MAX + 256];

	(void)snprintf(text, sizeof(text),
		       "23 1 0:22 / /proc rw - proc proc rw\n"
		       "31 23 0:28 %s %s/cg rw,relatime - cgroup2 cgroup2 rw\n",
		       root, folder);
	write_file("proc/self/mountinfo", text);
	write_file("proc/self/cgroup", own);
}

TEST(this_machine_has_facts)
{
	struct sysinfo info;
	struct host host;

	expect_int(sysinfo(&info), 0);
	expect_int(host_gather(&host, NULL), 0);
	expect(host.ram_bytes >= 16 * MEBIBYTE);
	expect(host.cpus >= 1);
	expect_uint(host.page_bytes, (uint64_t)sysconf(_SC_PAGESIZE));
	expect_uint(host.uid, geteuid());
	host_finish(&host);
	host_finish(&host);
	host_finish(NULL);
}

TEST(memory_is_read_from_meminfo)
{
	struct host host;

	enter();
	write_file("proc/meminfo", "MemTotal:       20971520 kB\nMemFree:  1 kB\n"
				   "SwapTotal:      10485760 kB\n");
	gather(&host);
	expect_uint(host.ram_bytes, 20 * GIBIBYTE);
	expect_uint(host.swap_bytes, 10 * GIBIBYTE);
	expect(!host.systemd_booted);
	expect_text(host.runtime_dir, NULL);
	expect_text(host.cgroup_mount, NULL);
	expect_text(host.own_cgroup, NULL);
	expect_uint(host.outer_memory_max, LIMIT_UNLIMITED);
	host_finish(&host);
	leave();
}

TEST(without_meminfo_the_kernel_is_asked)
{
	struct host host;

	enter();
	gather(&host);
	expect(host.ram_bytes >= 16 * MEBIBYTE);
	host_finish(&host);
	leave();
}

TEST(the_runtime_folder_has_to_be_ours)
{
	char path[PATH_MAX + 64], own[64];
	struct host host;

	enter();
	(void)snprintf(own, sizeof(own), "run/user/%u", (unsigned)geteuid());
	make_folder("run/systemd/system");
	make_folder(own);
	make_folder("other");
	gather(&host);
	expect(host.systemd_booted);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, own);
	expect_text(host.runtime_dir, path);
	host_finish(&host);

	(void)snprintf(path, sizeof(path), "%s/other", folder);
	expect_int(setenv("XDG_RUNTIME_DIR", path, 1), 0);
	gather(&host);
	expect_text(host.runtime_dir, path);
	host_finish(&host);

	/* As `su` leaves it. */
	if (chown("other", 12345, (gid_t)-1) == 0) {
		gather(&host);
		expect_contains(host.runtime_dir, "/run/user/");
		host_finish(&host);
	} else {
		(void)fprintf(stderr, "# SKIPPED: only root can give folders away\n");
	}
	expect_int(setenv("XDG_RUNTIME_DIR", "other", 1), 0);
	gather(&host);
	expect_contains(host.runtime_dir, "/run/user/");
	host_finish(&host);
	leave();
}

TEST(the_tightest_limit_of_all_ancestors_counts)
{
	struct host host;

	enter();
	write_proc("/", "4:memory:/x\n0::/a/b/c\n");
	write_file("cg/a/memory.max", "4294967296\n");
	write_file("cg/a/pids.max", "400\n");
	write_file("cg/a/b/memory.max", "8589934592\n");
	write_file("cg/a/b/memory.swap.max", "0\n");
	write_file("cg/a/b/c/memory.max", "max\n");
	write_file("cg/a/b/c/pids.max", "300\n");
	gather(&host);
	expect_text(host.own_cgroup, "/a/b/c");
	expect_contains(host.cgroup_mount, "/cg");
	expect_uint(host.outer_memory_max, 4 * GIBIBYTE);
	expect_uint(host.outer_swap_max, 0);
	expect_uint(host.outer_pids_max, 300);
	expect_text(host.outer_session, NULL);
	host_finish(&host);
	leave();
}

TEST(the_limits_on_the_mounted_root_of_a_container_count)
{
	struct host host;

	enter();
	write_proc("/", "0::/\n");
	write_file("cg/memory.max", "1073741824\n");
	gather(&host);
	expect_uint(host.outer_memory_max, GIBIBYTE);
	host_finish(&host);
	leave();

	enter();
	write_proc("/docker/abc", "0::/docker/abc/x\n");
	write_file("cg/memory.max", "2147483648\n");
	write_file("cg/x/pids.max", "77\n");
	gather(&host);
	expect_uint(host.outer_memory_max, 2 * GIBIBYTE);
	expect_uint(host.outer_pids_max, 77);
	host_finish(&host);
	leave();
}

TEST(a_path_outside_of_the_namespace_does_no_harm)
{
	struct host host;

	enter();
	write_proc("/", "0::/../../other\n");
	write_file("other/memory.max", "1\n");
	gather(&host);
	expect_uint(host.outer_memory_max, LIMIT_UNLIMITED);
	host_finish(&host);
	leave();
}

TEST(the_session_around_us_is_found)
{
	struct host host;

	enter();
	write_proc("/", "0::/u/oc.slice/oc-0123456789abcdef.scope/payload\n");
	gather(&host);
	expect_text(host.outer_session, "0123456789abcdef");
	expect_text(host.outer_scope, "/u/oc.slice/oc-0123456789abcdef.scope");
	host_finish(&host);
	leave();
}

TEST(limits_of_version_1_count_too)
{
	static const struct {
		const char *name, *own, *file, *stat;
		uint64_t limit;
	} rows[] = {
		{ "our own", "4:memory:/docker/abc\n0::/\n", "v1/docker/abc/memory.stat",
		  "cache 1\nhierarchical_memory_limit 1073741824\ntotal_cache 2\n", GIBIBYTE },
		{ "the mounted one of a container", "4:memory:/docker/abc\n", "v1/memory.stat",
		  "hierarchical_memory_limit 1073741824\n", GIBIBYTE },
		{ "with others on one line", "4:cpu,memory:/d\n", "v1/d/memory.stat",
		  "hierarchical_memory_limit 1073741824\n", GIBIBYTE },
		{ "none", "4:memory:/\n", "v1/memory.stat",
		  "hierarchical_memory_limit 9223372036854771712\n", LIMIT_UNLIMITED },
		{ "another controller", "4:memory2:/\n0::/\n", "v1/memory.stat",
		  "hierarchical_memory_limit 1073741824\n", LIMIT_UNLIMITED },
		{ "nonsense", "4:memory:/\n", "v1/memory.stat", "hierarchical_memory_limit x\n",
		  LIMIT_UNLIMITED },
		{ "no such line", "4:memory:/\n", "v1/memory.stat", "cache 1\n", LIMIT_UNLIMITED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct host host;

		unit_row = rows[i].name;
		enter();
		write_file("proc/self/cgroup", rows[i].own);
		write_file(rows[i].file, rows[i].stat);
		gather(&host);
		expect_uint(host.outer_memory_max, rows[i].limit);
		host_finish(&host);
		leave();
	}
}

TEST(broken_proc_files_are_survived)
{
	static const char *const texts[] = {
		"", "\n", ":", "::", "memory", "4:memory", "4:memory:", "4:memory:\n:::\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *path = NULL;
		uint64_t value;

		unit_row = texts[i];
		(void)!host_v1_parse_path(texts[i], "memory", &path);
		free(path);
		expect(host_v1_parse_stat(texts[i], "x", &value) < 0);
	}
}

TEST(the_bus_that_is_named_is_taken)
{
	struct host host;

	enter();
	make_socket("a/bus");
	set_variable("DBUS_SESSION_BUS_ADDRESS", "tcp:host=localhost,port=1;unix:path=", "a/bus",
		     ",guid=00");
	gather(&host);
	expect(host.session_bus_is_named && !host.is_graphical);
	expect(strncmp(host.session_bus, "unix:path=/tmp/", 15) == 0);
	expect_contains(host.session_bus, "/a/bus,guid=00");
	host_finish(&host);
	expect_int(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/dbus-x", 1), 0);
	expect_int(setenv("WAYLAND_DISPLAY", "wayland-0", 1), 0);
	gather(&host);
	expect(host.session_bus_is_named && host.is_graphical);
	expect_text(host.session_bus, "unix:abstract=/tmp/dbus-x");
	host_finish(&host);
	leave();
}

TEST(without_a_name_the_usual_bus_is_taken)
{
	struct host host;

	enter();
	make_socket("run time/bus");
	set_variable("XDG_RUNTIME_DIR", "", "run time", "");
	expect_int(setenv("DISPLAY", "", 1), 0);
	gather(&host);
	expect(!host.session_bus_is_named && !host.is_graphical);
	expect_contains(host.session_bus, "/run%20time/bus");
	host_finish(&host);
	expect_int(setenv("DBUS_SESSION_BUS_ADDRESS", "unixexec:path=/bin/false", 1), 0);
	expect_int(setenv("DISPLAY", ":0", 1), 0);
	gather(&host);
	expect(!host.session_bus_is_named && host.is_graphical);
	expect_contains(host.session_bus, "/run%20time/bus");
	host_finish(&host);
	leave();
}

TEST(tmux_is_taken_with_its_pane)
{
	struct host host;

	enter();
	make_socket("t/default");
	set_variable("TMUX", "", "t/default", ",123,0");
	expect_int(setenv("TMUX_PANE", "%7", 1), 0);
	gather(&host);
	expect_contains(host.tmux_socket, "/t/default");
	expect_lacks(host.tmux_socket, ",");
	expect_text(host.tmux_pane, "%7");
	host_finish(&host);
	expect_int(setenv("TMUX_PANE", "-c evil", 1), 0);
	gather(&host);
	expect(host.tmux_socket && !host.tmux_pane);
	host_finish(&host);
	leave();
}

TEST(a_way_that_is_not_ours_is_not_taken)
{
	struct host host;

	enter();
	write_file("a/file", "");
	set_variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=", "a/file", "");
	set_variable("TMUX", "", "a/file", ",1,0");
	gather(&host);
	expect(!host.session_bus && !host.tmux_socket);
	host_finish(&host);
	set_variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=", "a/none", "");
	set_variable("TMUX", "", "a/none", ",1,0");
	gather(&host);
	expect(!host.session_bus && !host.tmux_socket);
	host_finish(&host);
	/* After `su` they are another's; only root can make such a socket here. */
	make_socket("a/socket");
	set_variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=", "a/socket", "");
	set_variable("TMUX", "", "a/socket", ",1,0");
	gather(&host);
	expect(host.session_bus && host.tmux_socket);
	host_finish(&host);
	if (chown("a/socket", 12345, (gid_t)-1) == 0) {
		gather(&host);
		expect(!host.session_bus && !host.tmux_socket);
		host_finish(&host);
	}
	leave();
}

UNIT_MAIN("host", this_machine_has_facts, memory_is_read_from_meminfo,
	  without_meminfo_the_kernel_is_asked, the_runtime_folder_has_to_be_ours,
	  the_tightest_limit_of_all_ancestors_counts,
	  the_limits_on_the_mounted_root_of_a_container_count,
	  a_path_outside_of_the_namespace_does_no_harm, the_session_around_us_is_found,
	  limits_of_version_1_count_too, broken_proc_files_are_survived,
	  the_bus_that_is_named_is_taken, without_a_name_the_usual_bus_is_taken,
	  tmux_is_taken_with_its_pane, a_way_that_is_not_ours_is_not_taken)
