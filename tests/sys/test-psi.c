/* SPDX-License-Identifier: MIT */

/* The trigger for pressure: that the kernel takes it, and that its wake-ups arrive and end. A socket's
 * urgent data stands for the file: it is what else wakes by EPOLLPRI. (A real cgroup under real
 * pressure: tests/vm/test-pressure.sh.) */

#include "sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "oc-run/psi.h"

#define STALLED_USEC 200000
#define WINDOW_USEC 2000000

struct fixture {
	sd_event *event;
	struct psi *psi;
	int calls;
};

static void on_wake(void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->calls++;
}

static struct psi_request request_of(struct fixture *fixture, int dirfd)
{
	if (!fixture->event)
		expect(sd_event_new(&fixture->event) >= 0);
	return (struct psi_request){
		.event = fixture->event,
		.dirfd = dirfd,
		.file = "memory",
		.stalled_usec = STALLED_USEC,
		.window_usec = WINDOW_USEC,
		.woken = on_wake,
		.userdata = fixture,
	};
}

static void finish(struct fixture *fixture)
{
	fixture->psi = psi_free(fixture->psi);
	fixture->event = sd_event_unref(fixture->event);
}

/* Runs the loop until nothing is ready. */
static void run(struct fixture *fixture)
{
	for (int i = 0; i < 10 && sd_event_run(fixture->event, 0) > 0; i++)
		;
}

/* Two ends of a connection of this machine with itself. */
static void connect_ends(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	expect_int(bind(listener, (struct sockaddr *)&address, length), 0);
	expect_int(listen(listener, 1), 0);
	expect_int(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_int(connect(ends[0], (struct sockaddr *)&address, length), 0);
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	expect(ends[1] >= 0);
}

TEST(urgent_data_wakes_and_ordinary_data_does_not)
{
	struct fixture fixture = { .calls = 0 };
	const struct psi_request request = request_of(&fixture, -1);
	int ends[2];
	char byte;

	connect_ends(ends);
	expect_int(psi_watch(&request, ends[1], &fixture.psi), 0);
	expect_int(send(ends[0], "x", 1, 0), 1);
	run(&fixture);
	expect_int(fixture.calls, 0);
	expect_int(send(ends[0], "!", 1, MSG_OOB), 1);
	expect(sd_event_run(fixture.event, 10 * 1000000) > 0);
	expect_int(fixture.calls, 1);
	expect_int(recv(ends[1], &byte, 1, MSG_OOB), 1);
	finish(&fixture);
	(void)close(ends[0]);
}

TEST(a_file_that_ended_wakes_nobody_and_costs_nothing)
{
	struct fixture fixture = { .calls = 0 };
	const struct psi_request request = request_of(&fixture, -1);
	const struct linger at_once = { .l_onoff = 1 };
	int ends[2];

	connect_ends(ends);
	expect_int(psi_watch(&request, ends[1], &fixture.psi), 0);
	/* The connection is reset: EPOLLERR, as from a cgroup that was removed. */
	expect_int(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	expect_int(close(ends[0]), 0);
	expect(sd_event_run(fixture.event, 10 * 1000000) > 0);
	expect_int(fixture.calls, 0);
	expect_int(sd_event_run(fixture.event, 0), 0);
	finish(&fixture);
}

TEST(the_kernel_takes_the_trigger_where_it_has_any)
{
	struct fixture fixture = { .calls = 0 };
	_cleanup_close_ int dirfd = open("/proc/pressure", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct psi_request request = request_of(&fixture, dirfd);
	int r = dirfd < 0 ? -errno : psi_new(&request, &fixture.psi);

	/* A kernel without it, or /proc/pressure of a container that may not be written. */
	if (r == -ENOENT || r == -EOPNOTSUPP || r == -EACCES || r == -EPERM || r == -EROFS) {
		(void)fprintf(stderr, "# SKIP %s: %s\n", __func__, strerror(-r));
		finish(&fixture);
		return;
	}
	expect_int(r, 0);
	finish(&fixture);
}

TEST(without_the_file_there_is_an_error_and_nothing_else)
{
	struct fixture fixture = { .calls = 0 };
	_cleanup_close_ int dirfd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct psi_request request = request_of(&fixture, dirfd);

	expect_int(psi_new(&request, &fixture.psi), -ENOENT);
	expect(!fixture.psi);
	finish(&fixture);
}

UNIT_MAIN("psi", urgent_data_wakes_and_ordinary_data_does_not,
	  a_file_that_ended_wakes_nobody_and_costs_nothing,
	  the_kernel_takes_the_trigger_where_it_has_any,
	  without_the_file_there_is_an_error_and_nothing_else)
