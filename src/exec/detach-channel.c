/* SPDX-License-Identifier: MIT */

/*
 * The socket between starter and supervisor: see detach.h. Three messages:
 *
 *	hand_over	with descriptors: the texts in a memory file (no message could be as long as an
 *			environment), stderr, the working directory
 *	ready		empty: the supervisor has it
 *	detach_result	the last one
 */

#include "oc-run/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oc-run/strv.h"

#define MAGIC UINT64_C(0x6f632d72756e2d31)
/* For a service manager that is short of everything. What follows takes as long as it takes. */
#define READY_MSEC 60000
/* More than the kernel lets anybody have as arguments and environment. */
#define TEXTS_MAX ((off_t)64 << 20)

enum passed {
	PASSED_TEXTS,
	PASSED_STDERR,
	PASSED_DIRECTORY,
	PASSED_COUNT,
};

struct hand_over {
	uint64_t magic;
	uint64_t arguments; /* of the texts; the others are the environment */
	mode_t umask;
};

extern char **environ;

int detach_channel_new(int *ret_ours, int *ret_theirs, struct diag *diag)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return diag_set(diag, -errno, "cannot make a socket: %s", strerror(errno));
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

static bool write_texts(FILE *file, char *const *texts)
{
	for (; *texts; texts++)
		if (fwrite(*texts, strlen(*texts) + 1, 1, file) != 1)
			return false;
	return true;
}

static int make_texts(char *const *argv, char *const *environment)
{
	_cleanup_close_ int fd = memfd_create("oc-run-detach", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");
	bool written;

	if (!file)
		return -errno;
	written = write_texts(file, argv) && write_texts(file, environment);
	if (fclose(file) != 0 || !written)
		return -EIO;
	return take_fd(&fd);
}

static int send_passed(int channel, const struct hand_over *message, const int *fds)
{
	struct iovec data = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(PASSED_COUNT * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(PASSED_COUNT * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, PASSED_COUNT * sizeof(int));
	return sendmsg(channel, &header, MSG_NOSIGNAL) == (ssize_t)sizeof(*message) ? 0 : -errno;
}

int detach_hand_over(int channel, char *const *argv, char *const *environment, struct diag *diag)
{
	struct hand_over message = { .magic = MAGIC, .arguments = strv_count(argv) };
	_cleanup_close_ int texts = make_texts(argv, environment);
	_cleanup_close_ int directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int r;

	if (errors < 0)
		errors = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (texts < 0 || directory < 0 || errors < 0)
		return diag_set(diag, -EIO, "cannot hand over the environment: %s",
				strerror(texts < 0 ? -texts : errno));
	message.umask = umask(0);
	(void)umask(message.umask);
	r = send_passed(channel, &message, (int[PASSED_COUNT]){ texts, errors, directory });
	/* It is gone already: detach_await() says so. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static ssize_t receive(int channel, void *bytes, size_t size)
{
	ssize_t length;

	do
		length = recv(channel, bytes, size, 0);
	while (length < 0 && errno == EINTR);
	return length;
}

int detach_await(int channel, struct detach_result *ret, struct diag *diag)
{
	struct pollfd ready = { .fd = channel, .events = POLLIN };
	struct detach_result result;
	char byte;
	int r;

	do
		r = poll(&ready, 1, READY_MSEC);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return diag_set(diag, -ETIMEDOUT,
				"the detached session's supervisor did not start in a minute");
	if (receive(channel, &byte, 1) <= 0)
		return diag_set(diag, -ECONNRESET,
				"the detached session's supervisor could not be started; look at "
				"`journalctl -b -e`");
	if (receive(channel, &result, sizeof(result)) != (ssize_t)sizeof(result))
		return diag_set(diag, -ECONNRESET,
				"the detached session's supervisor was killed before the command "
				"ran");
	*ret = result;
	return 0;
}

/* ---- supervisor ---- */

bool detach_is_supervisor(void)
{
	return getenv(DETACH_VARIABLE) != NULL;
}

static int receive_passed(int channel, struct hand_over *ret, int *fds)
{
	struct iovec data = { .iov_base = ret, .iov_len = sizeof(*ret) };
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(PASSED_COUNT * sizeof(int))];
	} control;
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights;
	ssize_t length;

	do
		length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	rights = CMSG_FIRSTHDR(&header);
	if (length != (ssize_t)sizeof(*ret) || ret->magic != MAGIC || !rights ||
	    rights->cmsg_len != CMSG_LEN(PASSED_COUNT * sizeof(int)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(rights), PASSED_COUNT * sizeof(int));
	return 0;
}

static char *read_texts(int fd, size_t *ret_length)
{
	struct stat status;
	size_t length = 0;
	char *bytes;

	if (fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > TEXTS_MAX)
		return NULL;
	bytes = malloc((size_t)status.st_size + 1);
	while (bytes && length < (size_t)status.st_size) {
		ssize_t step =
			pread(fd, bytes + length, (size_t)status.st_size - length, (off_t)length);

		if (step <= 0)
			break;
		length += (size_t)step;
	}
	if (bytes)
		bytes[length] = '\0';
	*ret_length = length;
	return bytes;
}

/* Both lists live as long as the process, as those of exec do. */
static int split_texts(char *bytes, size_t length, uint64_t arguments, char ***ret_argv)
{
	size_t count = 0, at = 0;
	char **list;

	for (size_t i = 0; i < length; i++)
		count += bytes[i] == '\0';
	list = calloc(count + 2, sizeof(*list));
	if (!list || arguments == 0 || arguments > count) {
		free(list);
		return -EPROTO;
	}
	/* argv, NULL, environment, NULL. */
	for (size_t i = 0; i < count; i++) {
		list[i + (i >= arguments)] = bytes + at;
		at += strlen(bytes + at) + 1;
	}
	*ret_argv = list;
	environ = list + arguments + 1;
	return 0;
}

/* systemd ignores SIGPIPE for its services; a shell's background job has others ignored. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int settle_fds(int errors, int *ret_channel)
{
	_cleanup_close_ int channel = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (channel < 0 || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(null_fd, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
		return -errno;
	/* The starter's end: until the command runs, its death is meant. */
	if (fcntl(channel, F_SETSIG, SIGTERM) < 0 || fcntl(channel, F_SETOWN, getpid()) < 0 ||
	    fcntl(channel, F_SETFL, O_RDWR | O_ASYNC) < 0)
		return -errno;
	*ret_channel = take_fd(&channel);
	return 0;
}

static int take_over(int *argc, char ***argv, int *ret_channel)
{
	int fds[PASSED_COUNT] = { -1, -1, -1 };
	struct hand_over message;
	char *bytes = NULL;
	size_t length = 0;
	int r = receive_passed(STDIN_FILENO, &message, fds);

	if (r >= 0) {
		bytes = read_texts(fds[PASSED_TEXTS], &length);
		r = bytes ? split_texts(bytes, length, message.arguments, argv) : -EPROTO;
	}
	if (r >= 0 && fchdir(fds[PASSED_DIRECTORY]) < 0)
		r = -errno;
	if (r >= 0) {
		*argc = (int)message.arguments;
		(void)umask(message.umask);
		r = settle_fds(fds[PASSED_STDERR], ret_channel);
	} else {
		free(bytes);
	}
	for (size_t i = 0; i < PASSED_COUNT; i++)
		cleanup_close(&fds[i]);
	return r;
}

int detach_take_over(int *argc, char ***argv, int *ret_channel, struct diag *diag)
{
	int r;

	reset_signals();
	r = take_over(argc, argv, ret_channel);
	if (r < 0)
		return diag_set(diag, r,
				"\"" DETACH_VARIABLE "\" is in the environment, and oc-run was not "
				"started for a detached session (%s); unset it",
				strerror(-r));
	/* Nobody listens: SIGTERM is on its way. */
	(void)!send(*ret_channel, "", 1, MSG_NOSIGNAL);
	return 0;
}

void detach_tell(int *channel, const struct detach_result *result)
{
	if (*channel < 0)
		return;
	/* From here on it lives without its starter. */
	(void)fcntl(*channel, F_SETFL, O_RDWR);
	(void)!send(*channel, result, sizeof(*result), MSG_NOSIGNAL);
	cleanup_close(channel);
}
