/* SPDX-License-Identifier: MIT */
#pragma once

/* Cleanup by attribute, and the visible hand-over of what is owned. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved_errno = errno;

		(void)close(*fd);
		errno = saved_errno;
	}
	*fd = -1;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
	*(void **)pointer = NULL;
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		(void)fclose(*file);
	*file = NULL;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *take_pointer_impl(void *address)
{
	void *taken = *(void **)address;

	*(void **)address = NULL;
	return taken;
}

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))
#define _must_check_ __attribute__((warn_unused_result))
#define take_pointer(pointer) ((__typeof__(pointer))take_pointer_impl(&(pointer)))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
