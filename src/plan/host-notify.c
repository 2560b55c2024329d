/* SPDX-License-Identifier: MIT */

#include "host-notify.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oc-run/bus-address.h"

static bool is_our_socket(const char *path, uid_t uid)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_uid == uid;
}

/* The owner of an abstract socket shows when it is connected to. */
static int gather_named_bus(struct host *host)
{
	const char *list = getenv("DBUS_SESSION_BUS_ADDRESS");
	_cleanup_free_ char *entry = NULL, *path = NULL;
	int r = list ? bus_address_pick(list, &entry, &path) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (path && !is_our_socket(path, host->uid))
		return 0;
	host->session_bus = take_pointer(entry);
	host->session_bus_is_named = true;
	return 0;
}

static int gather_usual_bus(struct host *host)
{
	_cleanup_free_ char *path = NULL;
	char address[PATH_MAX];

	if (host->session_bus || !host->runtime_dir)
		return 0;
	if (asprintf(&path, "%s/bus", host->runtime_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!is_our_socket(path, host->uid))
		return 0;
	bus_address_format(path, address, sizeof(address));
	host->session_bus = strdup(address);
	return host->session_bus ? 0 : -ENOMEM;
}

/* "SOCKET,PID,SESSION"; tmux itself reads up to the first comma. */
static int gather_tmux(struct host *host)
{
	const char *variable = getenv("TMUX"), *pane = getenv("TMUX_PANE");
	_cleanup_free_ char *path = NULL;

	if (!variable || variable[0] != '/')
		return 0;
	path = strndup(variable, strcspn(variable, ","));
	if (!path)
		return -ENOMEM;
	if (!is_our_socket(path, host->uid))
		return 0;
	host->tmux_socket = take_pointer(path);
	if (!pane || pane[0] != '%')
		return 0;
	host->tmux_pane = strdup(pane);
	return host->tmux_pane ? 0 : -ENOMEM;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

int host_gather_notify(struct host *host)
{
	int r;

	host->is_graphical = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
	r = gather_named_bus(host);
	if (r >= 0)
		r = gather_usual_bus(host);
	if (r >= 0)
		r = gather_tmux(host);
	return r;
}
