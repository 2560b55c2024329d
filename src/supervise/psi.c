/* SPDX-License-Identifier: MIT */

/* See psi.h. The trigger lives as long as its open file (kernel/sched/psi.c, psi_trigger_create). */

#include "oc-run/psi.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

struct psi {
	int fd;
	sd_event_source *source;
	void (*woken)(void *userdata);
	void *userdata;
};

static int on_trigger(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct psi *psi = userdata;

	(void)source;
	(void)fd;
	/* The cgroup is gone, or its pressure was switched off (cgroup.pressure): the file would be
	 * ready for ever. */
	if (revents & (EPOLLERR | EPOLLHUP)) {
		psi->source = sd_event_source_disable_unref(psi->source);
		return 0;
	}
	psi->woken(psi->userdata);
	return 0;
}

int psi_watch(const struct psi_request *request, int fd, struct psi **ret)
{
	struct psi *psi = calloc(1, sizeof(*psi));
	int r;

	if (!psi)
		return -ENOMEM;
	*psi = (struct psi){ .fd = -1, .woken = request->woken, .userdata = request->userdata };
	r = sd_event_add_io(request->event, &psi->source, fd, EPOLLPRI, on_trigger, psi);
	if (r < 0) {
		free(psi);
		return r;
	}
	(void)sd_event_source_set_description(psi->source, "psi");
	psi->fd = fd;
	*ret = psi;
	return 0;
}

int psi_new(const struct psi_request *request, struct psi **ret)
{
	_cleanup_close_ int fd =
		openat(request->dirfd, request->file, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char text[64];
	int length, r;

	if (fd < 0)
		return -errno;
	length = snprintf(text, sizeof(text), "some %" PRIu64 " %" PRIu64, request->stalled_usec,
			  request->window_usec);
	/* With its NUL: psi_write() takes the last byte for a newline. */
	if (write(fd, text, (size_t)length + 1) < 0)
		return -errno;
	r = psi_watch(request, fd, ret);
	if (r >= 0)
		fd = -1;
	return r;
}

struct psi *psi_free(struct psi *psi)
{
	if (!psi)
		return NULL;
	psi->source = sd_event_source_disable_unref(psi->source);
	cleanup_close(&psi->fd);
	free(psi);
	return NULL;
}
