/* SPDX-License-Identifier: MIT */

/*
 * How to reach a systemd manager: through the bus daemon where one runs, because only there a scope
 * can have a Controller (which turns "stop" into a message to us), else through the manager's own
 * private socket. Addresses from the environment are not used: after `su` they are somebody
 * else's, and in a desktop they may name a bus that the manager is not on.
 *
 * Every wait has a deadline. sd_bus_call() has one for the answer, but not for the handshake before
 * it (90 s in sd-bus), hence our own loop there.
 */

#include "systemd-bus.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "oc-run/bus-address.h"

int manager_process(struct manager_bus *manager, uint64_t deadline)
{
	uint64_t left;
	int r = sd_bus_process(manager->bus, NULL);

	if (r != 0)
		return r < 0 ? r : 1;
	left = time_left(deadline);
	if (left == 0)
		return 0;
	r = sd_bus_wait(manager->bus, left);
	if (r < 0 && r != -EINTR)
		return r;
	return 1;
}

static int wait_ready(struct manager_bus *manager, uint64_t deadline)
{
	for (;;) {
		int r = sd_bus_is_ready(manager->bus);

		if (r != 0)
			return r < 0 ? r : 0;
		r = manager_process(manager, deadline);
		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
}

/* The other end of the socket must be ours or root's, and must be a process that has a number here:
 * a manager outside of our pid namespace would take the pid that we name for another process. */
static int check_peer(sd_bus *bus, uid_t uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = sd_bus_get_fd(bus);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.uid != uid && peer.uid != 0)
		return -EPERM;
	return peer.pid == 0 ? -EXDEV : 0;
}

static int try_connect(struct manager_bus *manager, uint64_t deadline)
{
	char address[1024];
	int r = sd_bus_new(&manager->bus);

	if (r < 0)
		return r;
	bus_address_format(manager->path, address, sizeof(address));
	r = sd_bus_set_address(manager->bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(manager->bus, !manager->direct);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(manager->bus, SYSTEMD_CALL_USEC);
	if (r >= 0)
		r = sd_bus_start(manager->bus);
	if (r >= 0)
		r = check_peer(manager->bus, manager->uid);
	if (r >= 0)
		r = wait_ready(manager, deadline);
	return r;
}

void manager_bus_close(struct manager_bus *manager)
{
	/* Not flushed: a dead bus would keep us waiting, and every call of ours is answered. */
	if (manager->bus)
		(void)sd_bus_close_unref(manager->bus);
	manager->bus = NULL;
}

int manager_bus_ensure(struct manager_bus *manager, uint64_t deadline)
{
	int r;

	if (manager->bus && sd_bus_is_ready(manager->bus) > 0)
		return 0;
	manager_bus_close(manager);
	r = try_connect(manager, deadline);
	if (r < 0)
		manager_bus_close(manager);
	return r;
}

static bool is_owned(const char *path, uid_t uid)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_uid == uid;
}

static void add_candidate(struct manager_bus *list, size_t *count, bool direct, const char *folder,
			  const char *name)
{
	struct manager_bus *next = &list[*count];
	int n = snprintf(next->path, sizeof(next->path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(next->path))
		return;
	next->bus = NULL;
	next->direct = direct;
	(*count)++;
}

static size_t user_candidates(const struct host *host, struct manager_bus list[4])
{
	char standard[64];
	size_t count = 0;

	(void)snprintf(standard, sizeof(standard), "/run/user/%lu", (unsigned long)host->uid);
	if (host->runtime_dir && is_owned(host->runtime_dir, host->uid)) {
		add_candidate(list, &count, false, host->runtime_dir, "bus");
		add_candidate(list, &count, true, host->runtime_dir, "systemd/private");
	}
	if (is_owned(standard, host->uid) &&
	    !(host->runtime_dir && strcmp(host->runtime_dir, standard) == 0)) {
		add_candidate(list, &count, false, standard, "bus");
		add_candidate(list, &count, true, standard, "systemd/private");
	}
	return count;
}

static size_t system_candidates(struct manager_bus list[4])
{
	size_t count = 0;

	add_candidate(list, &count, false, "/run/dbus", "system_bus_socket");
	add_candidate(list, &count, true, "/run/systemd", "private");
	return count;
}

static const char *user_name(uid_t uid, char text[32])
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		return entry->pw_name;
	(void)snprintf(text, 32, "%lu", (unsigned long)uid);
	return text;
}

static int refuse_user(const struct host *host, int error, struct refusal *refusal)
{
	char remedy[256], number[32];
	unsigned long uid = (unsigned long)host->uid;

	if (error == -EXDEV)
		return refuse(refusal,
			      "run oc-run outside of the container, or give the container "
			      "a writable cgroup of its own",
			      "the systemd user manager of uid %lu runs outside of this container",
			      uid);
	if (error != -ENOENT)
		return refuse(refusal,
			      "look at `systemctl --user status` and "
			      "`journalctl --user -b`",
			      "the systemd user manager of uid %lu does not answer (%s)", uid,
			      strerror(-error));
	(void)snprintf(remedy, sizeof(remedy),
		       "log in through ssh or a console, or run "
		       "`sudo loginctl enable-linger %s`",
		       user_name(host->uid, number));
	return refuse(refusal, remedy,
		      "no systemd user manager runs for uid %lu (/run/user/%lu/bus is missing)",
		      uid, uid);
}

static int refuse_system(int error, struct refusal *refusal)
{
	if (error == -EXDEV)
		return refuse(refusal,
			      "run oc-run outside of the container, or give the container "
			      "a writable cgroup of its own",
			      "the systemd that can be reached runs outside of this container");
	return refuse(refusal, "look at `systemctl status` and `journalctl -b`",
		      "the systemd system manager does not answer (%s)", strerror(-error));
}

int manager_bus_open(enum systemd_which which, const struct host *host, uint64_t deadline,
		     struct manager_bus *ret, struct refusal *refusal)
{
	struct manager_bus list[4];
	size_t count =
		which == SYSTEMD_USER ? user_candidates(host, list) : system_candidates(list);
	int error = -ENOENT;

	for (size_t i = 0; i < count; i++) {
		int r;

		list[i].uid = host->uid;
		r = try_connect(&list[i], deadline);
		if (r == 0) {
			*ret = list[i];
			return 0;
		}
		manager_bus_close(&list[i]);
		if (r == -ENOMEM)
			return r;
		/* The first one that is there at all says the most. */
		if (error == -ENOENT)
			error = r;
	}
	return which == SYSTEMD_USER ? refuse_user(host, error, refusal)
				     : refuse_system(error, refusal);
}

int manager_message_new(struct manager_bus *manager, const char *member, sd_bus_message **ret)
{
	return sd_bus_message_new_method_call(manager->bus, ret, SYSTEMD_DESTINATION, SYSTEMD_PATH,
					      SYSTEMD_MANAGER, member);
}

int manager_tell(struct manager_bus *manager, const char *member)
{
	sd_bus_message *message = NULL;
	int r = manager_message_new(manager, member, &message);

	if (r >= 0)
		r = sd_bus_message_set_expect_reply(message, false);
	if (r >= 0)
		r = sd_bus_send(manager->bus, message, NULL);
	(void)sd_bus_message_unref(message);
	return r < 0 ? r : 0;
}

/* What a call may take: 0 would be sd-bus's own default. */
static uint64_t call_usec(uint64_t deadline)
{
	uint64_t left = time_left(deadline);

	if (left > SYSTEMD_CALL_USEC)
		return SYSTEMD_CALL_USEC;
	return left == 0 ? 1 : left;
}

int manager_send(struct manager_bus *manager, sd_bus_message *message, uint64_t deadline,
		 sd_bus_error *error, sd_bus_message **ret_reply)
{
	int r = sd_bus_call(manager->bus, message, call_usec(deadline), error, ret_reply);

	return r < 0 ? r : 0;
}

int manager_unit_call(struct manager_bus *manager, const char *member, const char *unit,
		      const char *mode, uint64_t deadline)
{
	sd_bus_message *message = NULL;
	int r = manager_message_new(manager, member, &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "s", unit);
	if (r >= 0 && mode)
		r = sd_bus_message_append(message, "s", mode);
	if (r >= 0)
		r = manager_send(manager, message, deadline, NULL, NULL);
	(void)sd_bus_message_unref(message);
	return r < 0 ? r : 0;
}

static int get_property(struct manager_bus *manager, const char *path, const char *interface,
			const char *property, uint64_t deadline, sd_bus_message **ret_reply)
{
	sd_bus_message *message = NULL;
	int r = sd_bus_message_new_method_call(manager->bus, &message, SYSTEMD_DESTINATION, path,
					       "org.freedesktop.DBus.Properties", "Get");

	if (r >= 0)
		r = sd_bus_message_append(message, "ss", interface, property);
	if (r >= 0)
		r = manager_send(manager, message, deadline, NULL, ret_reply);
	(void)sd_bus_message_unref(message);
	return r;
}

int manager_get_string(struct manager_bus *manager, const char *path, const char *interface,
		       const char *property, uint64_t deadline, char **ret)
{
	sd_bus_message *reply = NULL;
	const char *text;
	char *copy;
	int r = get_property(manager, path, interface, property, deadline, &reply);

	if (r >= 0)
		r = sd_bus_message_read(reply, "v", "s", &text);
	if (r >= 0) {
		copy = strdup(text);
		r = copy ? 0 : -ENOMEM;
		if (copy)
			*ret = copy;
	}
	(void)sd_bus_message_unref(reply);
	return r;
}

int manager_get_number(struct manager_bus *manager, const char *path, const char *interface,
		       const char *property, uint64_t deadline, uint64_t *ret)
{
	sd_bus_message *reply = NULL;
	uint64_t number;
	int r = get_property(manager, path, interface, property, deadline, &reply);

	if (r >= 0)
		r = sd_bus_message_read(reply, "v", "t", &number);
	if (r >= 0)
		*ret = number;
	(void)sd_bus_message_unref(reply);
	return r < 0 ? r : 0;
}
