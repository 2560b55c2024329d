/* SPDX-License-Identifier: MIT */

/* See restart.h: what came between two runs. It stays pending, so that a session that begins all
 * the same still gets it. */

#include "oc-run/restart.h"

#include <signal.h>

bool restart_stop_is_waiting(const struct signal_state *signals)
{
	static const int stops[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		if (sigismember(&pending, stops[i]) == 1 &&
		    sigismember(&signals->ignored, stops[i]) != 1)
			return true;
	return false;
}
