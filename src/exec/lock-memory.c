/* SPDX-License-Identifier: MIT */

#include "oc-run/lock-memory.h"

#include <sys/mman.h>

void lock_memory(void)
{
	/* ONFAULT: what was never touched stays unused, so that this costs no memory. Not FUTURE:
	 * an allocation beyond the limit would fail then. Refused where all of the address space is
	 * more than RLIMIT_MEMLOCK, unless by root (mm/mlock.c, 6.1): no loss but of speed. */
	(void)!mlockall(MCL_CURRENT | MCL_ONFAULT);
}
