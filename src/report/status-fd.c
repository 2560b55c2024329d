/* SPDX-License-Identifier: MIT */

/*
 * Lines of --json-status-fd. A reader that does not read, or that is gone, must not hold up a
 * session: what does not fit in time is dropped, whole lines from the end on. The fd belongs to
 * somebody else too, so its own O_NONBLOCK is left alone: a pipe is opened anew, a socket has
 * MSG_DONTWAIT, a file never blocks.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "oc-run/report.h"

static int open_anew(int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static ssize_t write_some(int fd, bool is_socket, const char *text, size_t length)
{
	if (is_socket)
		return send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(fd, text, length);
}

static int write_all(int fd, bool is_socket, const char *text, size_t length, int wait_msec)
{
	while (length > 0) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		ssize_t n = write_some(fd, is_socket, text, length);

		if (n >= 0) {
			text += n;
			length -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		} else if (poll(&ready, 1, wait_msec) == 0) {
			return -EAGAIN;
		}
	}
	return 0;
}

int report_status_line(int fd, const char *line, int wait_msec)
{
	size_t length = strlen(line);
	_cleanup_free_ char *text = malloc(length + 2);
	_cleanup_close_ int own = -1;
	struct stat file;
	bool is_socket;

	if (!text)
		return -ENOMEM;
	memcpy(text, line, length);
	text[length++] = '\n';
	text[length] = '\0';
	if (fstat(fd, &file) < 0)
		return -errno;
	is_socket = S_ISSOCK(file.st_mode);
	if (!is_socket && !S_ISREG(file.st_mode))
		own = open_anew(fd);
	return write_all(own >= 0 ? own : fd, is_socket, text, length, wait_msec);
}
