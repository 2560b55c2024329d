/* SPDX-License-Identifier: MIT */

#include "oc-run/close-fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Without close_range(2) (5.9, or a sandbox that hides it). */
#define CLOSE_FALLBACK_MAX 4096

static void close_from_to(unsigned first, unsigned last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && fd < CLOSE_FALLBACK_MAX; fd++)
		(void)close((int)fd);
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void close_all_but(int *keep, size_t count)
{
	unsigned next = 0;
	int fd;

	qsort(keep, count, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 0)
			continue;
		if (keep[i] > 0)
			close_from_to(next, (unsigned)keep[i] - 1);
		next = (unsigned)keep[i] + 1;
	}
	close_from_to(next, ~0U);
	/* The lowest free number is given out first, so this fills exactly the holes. */
	do
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}
